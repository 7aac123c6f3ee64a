//! Every shipped scenario passes, run after run the same; every planted bug is caught.

use std::collections::BTreeSet;

use steadfast_proto::temporal::api::enums::v1::EventType;
use steadfast_sim::{
    report::{Choices, Options, RunReport},
    run::run,
    scenario::{FaultConfig, Scenario, load},
    suite::Suite,
};

fn scenario(suite: &Suite, file: &str) -> Scenario {
    let source = suite.scenarios().iter().find(|source| source.file == file);
    let source = source.expect("a shipped scenario");
    load(suite, &source.file, &source.text).expect("a valid scenario")
}

fn all(suite: &Suite) -> Vec<Scenario> {
    suite
        .scenarios()
        .iter()
        .map(|source| scenario(suite, &source.file))
        .collect()
}

fn once(suite: &Suite, scenario: &Scenario, seed: u64) -> RunReport {
    run(suite, scenario, Choices::Seed(seed), Options::default())
}

fn assert_passes(scenario: &Scenario, seed: u64, report: &RunReport) {
    assert!(
        report.failures.is_empty(),
        "{} seed {seed}: {:?}",
        scenario.name,
        report.failures
    );
}

#[test]
fn every_scenario_passes_in_the_calm() {
    let suite = steadfast_scenarios::suite();
    for mut scenario in all(&suite) {
        scenario.faults = FaultConfig::none();
        let report = once(&suite, &scenario, 1);
        assert_passes(&scenario, 1, &report);
    }
}

#[test]
fn every_scenario_passes_in_the_storm() {
    let suite = steadfast_scenarios::suite();
    for scenario in all(&suite) {
        for seed in 1..=5 {
            let report = once(&suite, &scenario, seed);
            assert_passes(&scenario, seed, &report);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let suite = steadfast_scenarios::suite();
    for scenario in all(&suite) {
        for seed in 1..=2 {
            let (first, second) = (once(&suite, &scenario, seed), once(&suite, &scenario, seed));
            assert_eq!(
                first.ladder.first_difference(&second.ladder),
                None,
                "{}",
                scenario.name
            );
            assert_eq!(first.hash, second.hash, "{} seed {seed}", scenario.name);
        }
    }
}

/// Types of events that no shipped scenario brings about, and why.
const ABSENT: &[(&str, &str)] = &[(
    "WorkflowExecutionOptionsUpdated",
    "written only for callbacks that a start attaches, which no client does here",
)];

/// Types of events that the engine does not write.
const UNKNOWN_TO_THE_ENGINE: &[&str] = &[
    "ActivityPropertiesModifiedExternally",
    "NexusOperation",
    "WorkflowExecutionPaused",
    "WorkflowExecutionTimeSkippingTransitioned",
    "WorkflowExecutionUnpaused",
    "WorkflowExecutionUpdate",
    "WorkflowPropertiesModifiedExternally",
];

#[test]
fn every_type_of_event_occurs() {
    let suite = steadfast_scenarios::suite();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (file, seeds) in [("feature_tour.toml", 10), ("bad_deploy.toml", 2)] {
        let scenario = scenario(&suite, file);
        for seed in 1..=seeds {
            let report = once(&suite, &scenario, seed);
            seen.extend(report.coverage.history.keys().map(|name| name.to_string()));
        }
    }
    let all = (1..=200).filter_map(|number| EventType::try_from(number).ok());
    let missing: Vec<String> = all
        .map(|kind| camel(kind.as_str_name()))
        .filter(|name| !seen.contains(name))
        .filter(|name| !ABSENT.iter().any(|(absent, _)| absent == name))
        .filter(|name| {
            !UNKNOWN_TO_THE_ENGINE
                .iter()
                .any(|kind| name.starts_with(kind))
        })
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// `EVENT_TYPE_TIMER_FIRED` as `TimerFired`.
fn camel(name: &str) -> String {
    let words = name.trim_start_matches("EVENT_TYPE_").split('_');
    words
        .map(|word| word[..1].to_owned() + &word[1..].to_lowercase())
        .collect()
}

#[test]
fn there_are_at_least_eight_scenarios_and_twelve_planted_bugs() {
    let suite = steadfast_scenarios::suite();
    assert!(suite.scenarios().len() >= 8);
    assert!(suite.sabotages().len() >= 12);
    for sabotage in suite.sabotages() {
        let file = format!("{}.toml", sabotage.scenario);
        assert!(
            suite.scenarios().iter().any(|source| source.file == file),
            "{}",
            sabotage.name
        );
    }
}
