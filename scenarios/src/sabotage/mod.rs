//! Bugs of a kind that authors of workflows and services make, planted on purpose: each must be caught by the checker
//! that it names.

pub mod ambient;
mod careless;

use steadfast_sim::{
    cluster::ActivityContext,
    sabotage::Bug,
    suite::{Plant, Sabotage, Suite},
};

use self::{ambient::AmbientOrder, careless::Careless};
use crate::{services::payment, workflows::activities::Undo};

/// Registers every planted bug: those of the engine, and those of suites.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    let engine = Bug::ALL.iter().fold(suite, |suite, bug| {
        suite.sabotage(Sabotage {
            name: bug.name().to_owned(),
            description: bug.description().to_owned(),
            caught_by: bug.caught_by().to_owned(),
            scenario: bug.scenario().to_owned(),
            plant: Plant::Engine(*bug),
        })
    });
    SUITE_BUGS.iter().fold(engine, |suite, bug| {
        suite.sabotage(Sabotage {
            name: bug.name.to_owned(),
            description: bug.description.to_owned(),
            caught_by: bug.caught_by.to_owned(),
            scenario: bug.scenario.to_owned(),
            plant: Plant::Suite(bug.plant),
        })
    })
}

struct SuiteBug {
    name: &'static str,
    description: &'static str,
    caught_by: &'static str,
    scenario: &'static str,
    plant: fn(&mut Suite),
}

const SUITE_BUGS: [SuiteBug; 6] = [
    SuiteBug {
        name: "compensation-skipped",
        description: "The refund says that it is done, and does nothing.",
        caught_by: "saga",
        scenario: "order_cancelled",
        plant: skip_refund,
    },
    SuiteBug {
        name: "compensation-twice",
        description: "The refund is asked for twice, under two keys, and done twice.",
        caught_by: "saga",
        scenario: "order_cancelled",
        plant: refund_twice,
    },
    SuiteBug {
        name: "compensation-out-of-order",
        description: "The stock is released before the money is refunded.",
        caught_by: "saga",
        scenario: "order_cancelled",
        plant: release_first,
    },
    SuiteBug {
        name: "charge-without-idempotency",
        description: "The payment provider charges again when it is asked again.",
        caught_by: "saga",
        scenario: "order_fulfillment",
        plant: charge_again,
    },
    SuiteBug {
        name: "money-made",
        description: "The merchant gets a cent more than the customer pays.",
        caught_by: "conservation",
        scenario: "order_fulfillment",
        plant: make_money,
    },
    SuiteBug {
        name: "ambient-state",
        description: "The workflow reads a counter of its process.",
        caught_by: "replay-equivalence",
        scenario: "order_fulfillment",
        plant: read_ambient_state,
    },
];

fn skip_refund(suite: &mut Suite) {
    let nothing = |_: ActivityContext, _: Undo| async { Ok(()) };
    suite.replace(Suite::new().activity("refundPayment", nothing));
}

fn refund_twice(suite: &mut Suite) {
    let twice = |ctx: ActivityContext, undo: Undo| async move {
        ctx.call::<_, ()>("payment", "refund", &undo.key, &undo)
            .await?;
        let again = format!("{}/again", undo.key);
        ctx.call::<_, ()>("payment", "refund", &again, &undo)
            .await?;
        Ok(())
    };
    let service = payment::declaration(|_| Ok(Careless::refunding_again()));
    suite.replace(
        Suite::new()
            .service("payment", service)
            .activity("refundPayment", twice),
    );
}

fn release_first(suite: &mut Suite) {
    let release_first = |ctx: ActivityContext, undo: Undo| async move {
        let step = undo.undoes.replace("/charge", "/reserve");
        let release = Undo {
            key: format!("{step}/undo"),
            undoes: step,
        };
        ctx.call::<_, ()>("inventory", "release", &release.key, &release)
            .await?;
        ctx.call::<_, ()>("payment", "refund", &undo.key, &undo)
            .await?;
        Ok(())
    };
    suite.replace(Suite::new().activity("refundPayment", release_first));
}

fn charge_again(suite: &mut Suite) {
    let service = payment::declaration(|_| Ok(Careless::charging_again()));
    suite.replace(Suite::new().service("payment", service));
}

fn make_money(suite: &mut Suite) {
    let service = payment::declaration(|_| Ok(Careless::making_money()));
    suite.replace(Suite::new().service("payment", service));
}

fn read_ambient_state(suite: &mut Suite) {
    let broken = Suite::new().workflows(|registry| {
        registry.register::<AmbientOrder>();
    });
    suite.replace(broken);
}
