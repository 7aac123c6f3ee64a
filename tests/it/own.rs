//! The example of `docs/writing-your-own.md` does what the text says.

use steadfast::sim::{
    report::{Choices, Options},
    run::run,
    scenario::load,
    suite::Suite,
};

#[path = "../../examples/own.rs"]
#[expect(dead_code, reason = "its `main` is the command line")]
mod example;

/// The seeds in which something fails, and who found it first.
fn failures(suite: &Suite, seeds: u64) -> Vec<(u64, String)> {
    let source = &suite.scenarios()[0];
    let scenario = load(suite, &source.file, &source.text).expect("a valid scenario");
    let reports = (1..=seeds).map(|seed| {
        let report = run(suite, &scenario, Choices::Seed(seed), Options::default());
        let first = report.failures.first();
        first.map(|failure| (seed, failure.checker.to_string()))
    });
    reports.flatten().collect()
}

#[test]
fn the_example_passes_and_its_planted_bug_is_caught() {
    let suite = example::suite();
    assert_eq!(failures(&suite, 40), []);
    let planted = suite.sabotaged(&suite.sabotages()[0]);
    let caught = failures(&planted.suite, 200);
    assert!(
        caught.iter().any(|(_, checker)| checker == "saga"),
        "{caught:?}"
    );
}
