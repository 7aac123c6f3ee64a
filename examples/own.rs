//! A suite of one's own, whole: one workflow, its activities, the service behind them, an invariant, a planted bug and a
//! scenario. `docs/writing-your-own.md` explains it part by part.
//!
//! ```sh
//! cargo run --release --example own -- test
//! cargo run --release --example own -- fuzz --sabotage all
//! ```

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use serde::{Deserialize, Serialize};
use steadfast::sim::{
    cluster::{ActivityContext, ActivityError, Book, Service, ServiceCall, ServiceResult, answer},
    scenario::View,
    suite::{Findings, Plant, Sabotage, ServiceDeclaration, Suite},
};
use temporalio_workflow::{
    ActivityOptions, WorkflowContext, WorkflowResult, common::ActivityDefinition, workflow,
    workflow_methods,
};

// What you have already: the workflow, and what it calls.

/// What is charged, and under which key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Charge {
    key: String,
    amount: i64,
}

/// The activity `chargePayment`, as the workflow sees it.
#[derive(Debug)]
pub(crate) struct ChargePayment;

impl ActivityDefinition for ChargePayment {
    type Input = Charge;
    type Output = String;

    fn name(&self) -> &str {
        "chargePayment"
    }
}

/// Sells something.
#[workflow]
#[derive(Debug, Default)]
pub(crate) struct Sale;

#[workflow_methods]
impl Sale {
    /// Charges the customer and answers the payment's id.
    #[run(name = "sale")]
    pub(crate) async fn run(
        ctx: &mut WorkflowContext<Self>,
        amount: i64,
    ) -> WorkflowResult<String> {
        let key = format!("{}/charge", ctx.workflow_id());
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(30));
        let charge = Charge { key, amount };
        Ok(ctx.execute_activity(ChargePayment, charge, options).await?)
    }
}

// What you add: the outside world.

async fn charge_payment(context: ActivityContext, charge: Charge) -> Result<String, ActivityError> {
    let payment = context.call("payment", "charge", &charge.key, &charge);
    Ok(payment.await?)
}

/// A payment provider.
#[derive(Default)]
struct Payment {
    answered: BTreeMap<String, String>,
    balances: BTreeMap<String, i64>,
    /// The planted bug.
    forgets: bool,
}

impl Service for Payment {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if let Some(before) = self.answered.get(&call.key)
            && !self.forgets
        {
            book.read();
            return answer(before);
        }
        let charge: Charge = call.input()?;
        *self.balances.entry("customer".into()).or_default() -= charge.amount;
        *self.balances.entry("merchant".into()).or_default() += charge.amount;
        book.forward([("customer", -charge.amount), ("merchant", charge.amount)]);
        let id = format!("payment-{}", self.answered.len() + 1);
        self.answered.insert(call.key.clone(), id.clone());
        answer(&id)
    }

    fn balances(&self) -> BTreeMap<String, i64> {
        self.balances.clone()
    }
}

fn payment(forgets: bool) -> ServiceDeclaration {
    ServiceDeclaration::new(move |_| {
        Ok(Payment {
            forgets,
            ..Payment::default()
        })
    })
    .at_most_once("charge")
}

fn the_merchant_has_what_was_sold(view: &View, findings: &mut Findings) {
    let sold = view.runs.iter().filter(|run| run.status == "completed");
    let sold = i64::try_from(sold.count()).unwrap_or(i64::MAX) * 100;
    let has = view.ledger.balances.get("merchant").copied().unwrap_or(0);
    findings.check(has == sold, || format!("sold for {sold}, has {has}"));
}

/// Everything that this crate registers.
#[must_use]
pub(crate) fn suite() -> Suite {
    Suite::new()
        .workflows(|registry| {
            registry.register::<Sale>();
        })
        .activity("chargePayment", charge_payment)
        .service("payment", payment(false))
        .invariant(
            "the-merchant-has-what-was-sold",
            "Every sale is paid for, once.",
            the_merchant_has_what_was_sold,
        )
        .scenario("sales.toml", include_str!("sales.toml"))
        .sabotage(Sabotage {
            name: "charge-again".into(),
            description: "The provider charges again when it is asked again.".into(),
            caught_by: "saga".into(),
            scenario: "sales".into(),
            plant: Plant::Suite(|suite| {
                suite.replace(Suite::new().service("payment", payment(true)));
            }),
        })
}

fn main() -> ExitCode {
    steadfast::main(suite())
}
