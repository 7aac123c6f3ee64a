use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"
schema = 1
description = "Two orders, one of which is cancelled."

[world]
shards = [1, 4]
workers = 2
task-queue = "orders"
build = "v1"
store = "memory"
start = 2028-02-28T23:59:00Z
storm = "10m"
calm = "30d"

[[workflow]]
type = "orderFulfillment"
id = "order-{n}"
count = 2
spread = "5s"
input = { id = "{n}", amount = 1999, items = [{ sku = "book-{n}", qty = 1 }] }
run-timeout = "1h30m"
retry = { initial = "10s", attempts = 3, non-retryable = ["OutOfStock"] }
id-conflict = "use-existing"

[[workflow]]
type = "subscriptionTrial"
id = "trial"
task-queue = "trials"
cron = "0 12 * * *"

[[operation]]
kind = "signal"
workflow = "order-{n}"
signal = "cancelOrder"
input = { reason = "changed my mind" }
after = "1s"
spread = "1m"
probability = 0.5

[[operation]]
kind = "query"
workflow = "order-1"
query = "status"
count = [0, 3]

[[operation]]
kind = "cancel"
workflow = "order-1/child"

[[operation]]
kind = "deploy"
build = "v2"
at = "1m"
over = "30s"

[faults]
crash = 0.01
cache-eviction = 1
clock-jump = false

[faults.shape]
restart-max = "5s"

[[expect]]
name = "every order ends"
when = "faults.total > 0"
that = "runs.all(r, r.status != 'running')"
"#;

fn load(file: &str, text: &str) -> Result<Scenario, Mistakes> {
    let names = Names {
        builds: BTreeSet::from(["v1", "v2"]),
        workflows: BTreeSet::from(["orderFulfillment", "subscriptionTrial"]),
        services: BTreeMap::new(),
        invariants: BTreeSet::from(["no-refund-without-charge"]),
    };
    read(&names, file, text)
}

fn refused(text: &str) -> String {
    let mistakes = load("bad.toml", text).expect_err(text);
    mistakes.to_string()
}

#[test]
fn a_file_is_fully_resolved() {
    let scenario = load("dir/orders.toml", GOOD).unwrap_or_else(|wrong| panic!("{wrong}"));
    insta::assert_debug_snapshot!(scenario);
}

#[test]
fn a_minimal_file_is_enough() {
    let text = "schema = 1\n[[workflow]]\ntype = \"subscriptionTrial\"\nid = \"trial\"\n";
    let scenario = load("least.toml", text).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(scenario.name, "least");
    assert_eq!(scenario.invariants, ["no-refund-without-charge"]);
    assert_eq!(scenario.faults, crate::scenario::FaultConfig::storm());
    assert_eq!(scenario.workflows.len(), 1);
}

#[test]
fn every_mistake_names_its_place_and_the_mend() {
    let mutations = [
        ("schema = 1", "schema = 2"),
        ("schema = 1", ""),
        ("schema = 1", "schema = = 1"),
        ("description", "desciption"),
        ("[world]", "[wrld]"),
        ("shards = [1, 4]", "shards = 9"),
        ("shards = [1, 4]", "shards = [4, 1]"),
        ("shards = [1, 4]", "shards = [1, 2, 3]"),
        ("workers = 2", "workers = \"two\""),
        ("build = \"v1\"", "build = \"v3\""),
        ("store = \"memory\"", "store = \"memmory\""),
        ("start = 2028-02-28T23:59:00Z", "start = \"today\""),
        (
            "start = 2028-02-28T23:59:00Z",
            "start = 2028-02-28T23:59:00+01:00",
        ),
        ("storm = \"10m\"", "storm = 600"),
        ("storm = \"10m\"", "storm = \"10 minutes\""),
        ("type = \"orderFulfillment\"", "type = \"orderFulfilment\""),
        ("type = \"orderFulfillment\"", ""),
        ("id = \"order-{n}\"", "id = \"order\""),
        ("id = \"order-{n}\"", "id = \"order-{i}\""),
        ("id = \"trial\"", "id = \"order-{n}\""),
        ("backoff", "backof"),
        ("attempts = 3", "backoff = 0.5"),
        ("id-conflict = \"use-existing\"", "id-conflict = \"ignore\""),
        ("kind = \"query\"", "kind = \"quary\""),
        ("signal = \"cancelOrder\"", ""),
        ("workflow = \"order-{n}\"", "workflow = \"orders-{n}\""),
        ("workflow = \"order-1\"", "workflow = \"order-3\""),
        ("after = \"1s\"", "after = \"1s\"\nat = \"1s\""),
        ("probability = 0.5", "probability = 1.5"),
        ("build = \"v2\"", "build = \"v2\"\nworkflow = \"trial\""),
        ("crash = 0.01", "crahs = 0.01"),
        ("crash = 0.01", "crash = -1"),
        ("crash = 0.01", "crash = true"),
        ("crash = 0.01", "crash = 0.00000001"),
        ("restart-max = \"5s\"", "latency = \"1s\""),
        ("restart-max = \"5s\"", "restart = \"5s\""),
        ("[[expect]]", "[expect]"),
        ("name = \"every order ends\"", ""),
        ("r.status != 'running'", "r.state != 'running'"),
        ("r.status != 'running'", "r.events"),
        ("runs.all(", "runs.all("),
        ("faults.total > 0", "faults.total"),
        ("faults.total > 0", "faults.total >"),
        (
            "[[expect]]",
            "[services.payment]\nlatency = \"1s\"\n\n[[expect]]",
        ),
        (
            "[world]",
            "invariants = [\"no-refund-without-change\"]\n\n[world]",
        ),
    ];
    let mut told = Vec::new();
    for (from, to) in mutations {
        if from == to {
            continue;
        }
        let text = match GOOD.contains(from) {
            true => GOOD.replacen(from, to, 1),
            false => GOOD.replacen("attempts = 3", &format!("{to} = 2"), 1),
        };
        told.push(format!(
            "{from} -> {to}\n    {}",
            refused(&text).replace('\n', "\n    ")
        ));
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_mistake_is_shown_where_it_stands() {
    let text = GOOD.replacen("r.status != 'running'", "r.state != 'running'", 1);
    let mistakes = load("bad.toml", &text).expect_err("there is no such field");
    let handler = miette::NarratableReportHandler::new();
    let mut shown = String::new();
    handler
        .render_report(&mut shown, &mistakes.0[0])
        .expect("writing to a string does not fail");
    insta::assert_snapshot!(shown);
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!(
        "schema = 1\ninput = {}1{}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert!(refused(&deep).contains("not TOML"), "{}", refused(&deep));
    let parens = format!("{}true{}", "(".repeat(5_000), ")".repeat(5_000));
    let text = GOOD.replacen("faults.total > 0", &parens, 1);
    assert!(
        refused(&text).contains("the expression is too long"),
        "{}",
        refused(&text)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    /// Whatever stands in a file, reading it ends, and with places that exist.
    #[test]
    fn no_text_breaks_the_reader(text in ".{0,200}", at in 0..2_000_usize, cut in 0..40_usize) {
        let start = GOOD.floor_char_boundary(at.min(GOOD.len()));
        let end = GOOD.floor_char_boundary((start + cut).min(GOOD.len()));
        for text in [text.clone(), format!("{}{text}{}", &GOOD[..start], &GOOD[end..])] {
            if let Err(mistakes) = load("any.toml", &text) {
                prop_assert!(!mistakes.0.is_empty());
                for mistake in &mistakes.0 {
                    prop_assert!(text.get(mistake.span.clone()).is_some());
                }
            }
        }
    }
}
