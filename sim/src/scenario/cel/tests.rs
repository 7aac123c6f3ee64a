use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::scenario::view::{EntryView, FaultsView, LedgerView, RunView, TimeView};
use crate::scenario::{Expectation, Judged, judge};

fn view() -> View {
    let run = |id: &str, status: &str| RunView {
        workflow_id: id.to_owned(),
        workflow: "orderFulfillment".to_owned(),
        status: status.to_owned(),
        result: json!({ "step": "shipped", "total": 3, "items": [1, 2] }),
        counts: BTreeMap::from([("TimerFired".to_owned(), 2)]),
        events: 12,
        closed: 1.5,
        ..RunView::default()
    };
    let entry = |id, kind: &str, amount| EntryView {
        id,
        kind: kind.to_owned(),
        amounts: BTreeMap::from([("till".to_owned(), amount)]),
        ..EntryView::default()
    };
    View {
        runs: vec![run("order-1", "completed"), run("order-2", "failed")],
        ledger: LedgerView {
            entries: vec![entry(1, "forward", 5), entry(2, "compensation", -5)],
            balances: BTreeMap::from([("till".to_owned(), 0)]),
        },
        time: TimeView {
            elapsed: 3.5,
            storm: 2.0,
            calm: 1.5,
        },
        faults: FaultsView {
            total: 4,
            by_class: BTreeMap::from([("crash".to_owned(), 4)]),
        },
    }
}

fn value(source: &str) -> Result<bool, String> {
    let condition = Condition::new(source).unwrap_or_else(|wrong| panic!("{source}: {wrong:?}"));
    condition.holds(&Facts::of(&view()))
}

#[test]
fn true_expressions_are_true() {
    for source in [
        "runs.size() == 2 && size(runs) == 2",
        "runs.all(r, r.events > 10)",
        "runs.exists(r, r.status == 'failed') && !runs.exists(r, r.status == 'running')",
        "runs.exists_one(r, r.workflow_id == 'order-1')",
        "runs.filter(r, r.status == 'completed').map(r, r.workflow_id) == ['order-1']",
        "runs.map(r, r.status == 'failed', r.events) == [12]",
        "runs[0].result.step == 'shipped' && runs[0].result.total + 1 == 4",
        "runs[0].result.items[1] == 2",
        "runs[0].counts['TimerFired'] == 2 && 'TimerFired' in runs[0].counts",
        "!has(runs[0].counts.TimerStarted) && has(runs[0].result.step)",
        "ledger.entries.map(e, e.amounts['till']).sum() == 0",
        "sum(runs.map(r, r.closed)) == 3.0",
        "ledger.balances.till == 0",
        "ledger.entries.filter(e, e.kind == 'forward').size() == 1",
        "time.elapsed > 3 && time.elapsed == time.storm + time.calm",
        "faults.total >= 1 && faults.by_class['crash'] == 4",
        "runs[0].status in ['completed', 'failed']",
        "runs[0].workflow_id.startsWith('order-') && runs[0].workflow_id.matches('[0-9]$')",
        "faults.total > 0 ? runs.size() > 0 : true",
        "int(time.elapsed) * 2 == 6 && string(faults.total) == '4' && -faults.total < 0",
        "faults.by_class.all(class, faults.by_class[class] >= 0) && faults.by_class['loss'] == 0",
        "{'a': runs.size()}['a'] == 2",
    ] {
        assert_eq!(value(source), Ok(true), "{source}");
    }
}

#[test]
fn what_a_run_does_not_have_is_no_value() {
    for (source, why) in [
        ("runs[5].events > 1", "the list has no element 5"),
        (
            "runs[0].counts['Nothing'] == 1",
            "there is no `Nothing` in this run",
        ),
        ("runs[0].result.gone", "there is no `gone` in this run"),
        (
            "runs[0].result.step",
            "it is neither true nor false but \"shipped\"",
        ),
    ] {
        assert_eq!(value(source), Err(why.to_owned()), "{source}");
    }
}

fn mistakes(source: &str) -> String {
    let wrong = Condition::new(source).expect_err(source);
    let lines = wrong.iter().map(|mistake| {
        let place = &source[mistake.span.clone()];
        let help = mistake
            .help
            .as_deref()
            .map_or(String::new(), |help| format!(" ({help})"));
        format!("{} [{place}]{help}", mistake.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn mistakes_are_found_before_anything_runs() {
    let sources = [
        "run.size() == 1",
        "runs.all(r, q.status == 'completed')",
        "runs.all(r, r.state == 'completed')",
        "runs.status == 'completed'",
        "runs[0].status == 1",
        "runs.size()",
        "'done'",
        "runs.sise() == 1",
        "runs.size( == 1",
        "runs.all(r, r.events)",
        "runs.size() && true",
        "faults.total + 1.5 > 2.0",
        "runs[0].status > 3",
        "runs['a'].events > 3",
        "'order' in runs[0].status",
        "ledger.balance.till == 0",
        "ledger.entries.map(e, e.kind).sum() == 0",
        "time.elapsed.seconds > 1",
        "runs.filter(r) == []",
        "!faults.total",
        "-runs[0].status == 'a'",
        "duration('1h') > duration('1m')",
        "",
        "Message{a: 1} == 1",
        "runs.all(r, r.result.whatever > 1) && oops",
        "'ä' == rums[0].status",
    ];
    let found: Vec<_> = sources
        .iter()
        .map(|source| format!("{source}\n    {}", mistakes(source)))
        .collect();
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn expectations_say_what_is_wrong() {
    let expect = |name: &str, when: Option<&str>, that: &str| Expectation {
        name: name.to_owned(),
        when: when.map(|when| Condition::new(when).expect("a condition")),
        that: Condition::new(that).expect("a condition"),
    };
    let expectations = [
        expect("holds", None, "runs.size() == 2"),
        expect("does not apply", Some("faults.total > 100"), "false"),
        expect("sides", Some("faults.total > 0"), "runs.size() == 3"),
        expect("no value", None, "runs[7].events == 3"),
        expect("no guard", Some("runs[7].events == 3"), "true"),
    ];
    let judged = judge(&expectations, &view());
    let expected = [
        (true, None),
        (false, None),
        (
            true,
            Some("it is not so that runs.size() == 3 (left is 2, right is 3)"),
        ),
        (
            true,
            Some("`runs[7].events == 3` has no value: the list has no element 7"),
        ),
        (
            true,
            Some("`when = runs[7].events == 3` has no value: the list has no element 7"),
        ),
    ];
    for (judged, (applied, wrong)) in judged.iter().zip(expected) {
        let Judged { name, .. } = judged;
        let wrong = wrong.map(str::to_owned);
        assert_eq!((judged.applied, &judged.wrong), (applied, &wrong), "{name}");
    }
    assert_eq!(judged.len(), 5);
}

#[test]
fn the_documented_fields_are_the_real_ones() {
    fn compare(shape: &Shape, value: &serde_json::Value) {
        let object = value.as_object().expect("an object");
        let mut real: Vec<_> = object.keys().map(String::as_str).collect();
        let mut known: Vec<_> = shape.fields.iter().map(|field| field.name).collect();
        real.sort_unstable();
        known.sort_unstable();
        assert_eq!(real, known, "{}", shape.name);
        for field in shape.fields {
            if let Some(shape) = field.shape() {
                compare(shape, first(&object[field.name]));
            }
        }
    }
    fn first(value: &serde_json::Value) -> &serde_json::Value {
        value.get(0).unwrap_or(value)
    }
    let value = serde_json::to_value(view()).expect("it is JSON");
    assert_eq!(
        value.as_object().map(serde_json::Map::len),
        Some(VARIABLES.len())
    );
    for variable in VARIABLES {
        compare(
            variable.shape().expect("an object"),
            first(&value[variable.name]),
        );
    }
}

#[test]
fn an_expression_that_would_exhaust_the_stack_is_refused() {
    for hostile in [
        format!("runs{} == 1", "[0]".repeat(50_000)),
        format!("1{} == 1", " + 1".repeat(50_000)),
        format!("{}true", "!".repeat(50_000)),
        format!("{}true{}", "(".repeat(50_000), ")".repeat(50_000)),
    ] {
        let found = Condition::new(&hostile).expect_err("it is too long");
        assert!(found[0].message.contains("more than 256"), "{found:?}");
    }
    let sum = format!("1{} == 251", " + 1".repeat(250));
    assert_eq!(value(&sum), Ok(true));
}
