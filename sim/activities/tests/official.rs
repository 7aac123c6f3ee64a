//! Activities as users write them, in the simulator.
//!
//! The module `courier` is what a user's crate has already, for production: nothing in it knows of Steadfast. The rest
//! is what is added to simulate it.

mod courier;

use std::{collections::BTreeMap, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use steadfast_sim::{
    cluster::{Book, Service, ServiceCall, ServiceError, ServiceResult, answer},
    report::{Choices, Options, RunReport},
    run::run,
    scenario::load,
    suite::{ServiceDeclaration, Suite},
};
use steadfast_sim_activities::{OfficialActivities as _, call};

use crate::courier::{Courier, Journey, Post, Round};

/// In place of the client of the real post office.
struct SimulatedPost;

impl Post for SimulatedPost {
    fn hand_over(&self, key: String) -> BoxFuture<'static, Result<u64, String>> {
        let number = call::<_, u64>("post", "hand-over", &key, &key);
        number
            .map(|number| number.map_err(|error| error.to_string()))
            .boxed()
    }
}

/// The post office: gives numbers to parcels, each once.
#[derive(Default)]
struct PostOffice {
    numbers: BTreeMap<String, u64>,
}

impl Service for PostOffice {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if call.operation != "hand-over" {
            return Err(ServiceError::fatal("Unknown", call.operation.clone()));
        }
        if let Some(number) = self.numbers.get(&call.key) {
            book.read();
            return answer(number);
        }
        let number = u64::try_from(self.numbers.len()).unwrap_or(u64::MAX) + 1;
        self.numbers.insert(call.key.clone(), number);
        book.forward([]);
        answer(&number)
    }

    fn balances(&self) -> BTreeMap<String, i64> {
        BTreeMap::new()
    }
}

fn suite() -> Suite {
    Suite::new()
        .workflows(|registry| {
            registry.register::<Round>();
        })
        .service(
            "post",
            ServiceDeclaration::new(|_| Ok(PostOffice::default())).at_most_once("hand-over"),
        )
        .official(
            || Courier::new(Arc::new(SimulatedPost)),
            |activities| {
                activities
                    .heartbeat_details::<Journey>()
                    .register(Courier::travel)
                    .register(Courier::deliver)
                    .register(Courier::wait_for_customer)
                    .register(Courier::weigh)
                    .register(Courier::count)
                    .register(Courier::stumble);
            },
        )
}

fn simulate(seed: u64, text: &str) -> RunReport {
    let suite = suite();
    let scenario = load(&suite, "round.toml", text).expect("a valid scenario");
    let options = Options {
        histories: true,
        ..Options::default()
    };
    run(&suite, &scenario, Choices::Seed(seed), options)
}

fn scenario(task: &str, rest: &str) -> String {
    format!(
        r#"
schema = 1
[world]
workers = 2
shards = 2
storm = "1h"
calm = "1d"
[[workflow]]
type = "round"
id = "round-{{n}}"
count = 2
input = {task}
{rest}
"#
    )
}

const CALM: &str = "[faults]\nprofile = \"none\"";

fn passes(seed: u64, text: &str) -> RunReport {
    let report = simulate(seed, text);
    assert_eq!(report.failures, [], "seed {seed}");
    report
}

#[test]
fn tokio_time_is_virtual_time() {
    let elapsed = r#"
[[expect]]
name = "it takes six hours, and not a second more"
that = 'runs.all(r, r.closed - r.started >= 21600.0 && r.closed - r.started < 21601.0 && r.result == 6)'
"#;
    passes(1, &scenario("{ travel = 6 }", &format!("{elapsed}{CALM}")));
}

#[test]
fn a_timer_fires_to_the_millisecond_whatever_else_happens() {
    // Two attempts on two workers sleep while messages come and go.
    let exact = r#"
[[expect]]
name = "a second and a half before the parcel is handed over"
that = 'ledger.entries.all(e, e.at >= 1.5 && e.at < 1.75)'
[[expect]]
name = "every parcel has its number"
that = 'runs.all(r, r.result >= 1 && r.result <= 2) && size(ledger.entries) == 2'
"#;
    for seed in 1..=20 {
        passes(
            seed,
            &scenario("{ deliver = 1500 }", &format!("{exact}{CALM}")),
        );
    }
}

#[test]
fn a_retried_attempt_goes_on_where_the_last_heartbeat_was() {
    let rest = r#"
[[expect]]
name = "every traveller arrives"
that = 'runs.all(r, r.status == "completed" && r.result == 6)'
[faults]
crash = 0.02
"#;
    let mut retried = false;
    for seed in 1..=20 {
        let report = passes(seed, &scenario("{ travel = 6 }", rest));
        // Travelling takes six hours; from the last milestone less.
        let attempts = report
            .histories
            .values()
            .flat_map(|history| &history.events);
        retried |= attempts
            .clone()
            .any(|event| format!("{event:?}").contains("attempt: 2"));
    }
    assert!(retried, "no attempt was ever lost");
}

#[test]
fn an_activity_hears_that_it_is_cancelled() {
    let rest = format!(
        r#"
[[operation]]
kind = "cancel"
workflow = "round-{{n}}"
after = "1m"
[[expect]]
name = "the customer is not waited for"
that = 'runs.all(r, r.status == "completed" && r.result == -1 && r.closed < 180.0)'
{CALM}
"#
    );
    passes(1, &scenario("\"waitForCustomer\"", &rest));
}

#[test]
fn blocking_code_spawned_tasks_and_panics_are_what_they_are_in_production() {
    for (task, result) in [
        ("{ weigh = 20 }", "r.result == 210"),
        ("{ count = 5 }", "r.result == 5"),
        ("\"stumble\"", "r.result == 2"),
    ] {
        let rest = format!(
            "[[expect]]\nname = \"as in production\"\nthat = 'runs.all(r, r.status == \"completed\" && {result})'\n{CALM}"
        );
        passes(1, &scenario(task, &rest));
    }
}

#[test]
fn the_storm_is_the_same_every_time_and_nothing_is_delivered_twice() {
    let rest = r#"
[[expect]]
name = "everything is delivered"
that = 'runs.all(r, r.status == "completed")'
"#;
    for task in [
        "{ deliver = 700 }",
        "{ travel = 3 }",
        "{ weigh = 10 }",
        "{ count = 3 }",
    ] {
        for seed in 1..=15 {
            let text = scenario(task, rest);
            let (one, two) = (passes(seed, &text), passes(seed, &text));
            assert_eq!(
                one.ladder.first_difference(&two.ladder),
                None,
                "{task} seed {seed}"
            );
            assert_eq!(one.hash, two.hash, "{task} seed {seed}");
        }
    }
}
