//! Runs seeds of a shipped scenario and says what came of them: `seeds NAME FIRST COUNT [trace|twice]`, or
//! `seeds sabotage MOST [NAME]`.
#![expect(clippy::print_stdout, reason = "a tool for people")]

use std::collections::BTreeMap;

use steadfast_sim::{
    report::{Choices, Options},
    run::run,
    scenario::load,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments
        .first()
        .map_or("order_fulfillment", String::as_str);
    let number = |place: usize, default: u64| {
        arguments
            .get(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (first, count) = (number(1, 1), number(2, 1));
    let mode = arguments.get(3).map_or("", String::as_str);
    let suite = steadfast_scenarios::suite();
    if name == "sabotage" {
        return scoreboard(&suite, number(1, 300), mode_of(&arguments));
    }
    let file = format!("{name}.toml");
    let source = suite.scenarios().iter().find(|source| source.file == file);
    let source = source.expect("a shipped scenario");
    let mut scenario = load(&suite, &source.file, &source.text).expect("a valid scenario");
    if mode.contains("calm") {
        scenario.faults = steadfast_sim::scenario::FaultConfig::none();
    }
    if mode.contains("memory") {
        scenario.world.store = steadfast_sim::scenario::StoreKind::Memory;
    }
    let options = Options {
        trace: mode.contains("trace"),
        ..Options::default()
    };
    let (mut failed, mut checks, mut faults) = (0, BTreeMap::new(), BTreeMap::new());
    let mut runs: BTreeMap<String, u64> = BTreeMap::new();
    let mut events = 0;
    for seed in first..first + count {
        let report = run(&suite, &scenario, Choices::Seed(seed), options);
        for line in &report.trace {
            println!("{line}");
        }
        if !report.failures.is_empty() {
            failed += 1;
            if failed < 20 {
                println!(
                    "seed {seed}: {:?}",
                    report
                        .failures
                        .iter()
                        .map(|f| format!("{} {}: {}", f.at, f.checker, f.message))
                        .collect::<Vec<_>>()
                );
            }
        }
        if mode.contains("twice") {
            let again = run(&suite, &scenario, Choices::Seed(seed), options);
            assert_eq!(report.hash, again.hash, "seed {seed}");
        }
        if count <= 5 {
            println!(
                "seed {seed} hash {:016x} {:?}",
                report.hash, report.coverage
            );
        }
        events += report.coverage.events;
        for (name, count) in &report.coverage.checks {
            *checks.entry(name.to_string()).or_insert(0) += count;
        }
        for (name, count) in &report.coverage.faults {
            *faults.entry(name.to_string()).or_insert(0) += count;
        }
        for (name, count) in &report.coverage.runs {
            *runs.entry(name.to_string()).or_insert(0) += count;
        }
    }
    println!("{failed} of {count} failed; {events} events");
    println!("checks {checks:?}");
    println!("faults {faults:?}");
    println!("runs {runs:?}");
}

/// The one planted bug that is wanted; all if it is empty.
fn mode_of(arguments: &[String]) -> &str {
    arguments.get(2).map_or("", String::as_str)
}

/// Plants every bug in turn and says after how many seeds it was caught, and by whom.
fn scoreboard(suite: &steadfast_sim::suite::Suite, most: u64, name: &str) {
    for sabotage in suite.sabotages() {
        if !sabotage.name.contains(name) {
            continue;
        }
        let planted = suite.sabotaged(sabotage);
        let file = format!("{}.toml", sabotage.scenario);
        let source = suite.scenarios().iter().find(|source| source.file == file);
        let source = source.expect("a shipped scenario");
        let scenario = load(&planted.suite, &source.file, &source.text).expect("a valid scenario");
        let options = Options {
            bug: planted.bug,
            ..Options::default()
        };
        let mut others: BTreeMap<String, u64> = BTreeMap::new();
        let mut caught = None;
        for seed in 1..=most {
            let report = run(&planted.suite, &scenario, Choices::Seed(seed), options);
            if report
                .failures
                .iter()
                .any(|f| f.checker == sabotage.caught_by)
            {
                caught = Some(seed);
                break;
            }
            for failure in &report.failures {
                *others.entry(failure.checker.to_string()).or_default() += 1;
            }
        }
        println!(
            "{:32} {:26} {caught:?} others {others:?}",
            sabotage.name, sabotage.caught_by
        );
    }
}
