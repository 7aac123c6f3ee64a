//! The JSON lines of `--json`. The format is documented in `docs/cli.md`; fields may be added.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use steadfast_sim::report::{Failure, RunReport, Verdict};

use crate::repro::hash_text;

/// One run of a scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Run<'a> {
    pub(crate) scenario: &'a str,
    pub(crate) seed: String,
    /// Absent if the run panicked.
    pub(crate) hash: Option<String>,
    pub(crate) verdict: &'static str,
    pub(crate) events: u64,
    pub(crate) simulated_ms: u64,
    pub(crate) faults: u64,
    pub(crate) checks: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<Wrong<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) panic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) difference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repro: Option<String>,
}

/// Something that did not hold.
#[derive(Debug, Serialize)]
pub(crate) struct Wrong<'a> {
    checker: &'a str,
    message: &'a str,
    at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<&'a str>,
}

impl<'a> From<&'a Failure> for Wrong<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            checker: &failure.checker,
            message: &failure.message,
            at_ms: failure.at.as_nanos() / 1_000_000,
            workflow_id: failure.workflow_id.as_deref(),
        }
    }
}

impl<'a> Run<'a> {
    pub(crate) fn judged(report: &'a RunReport) -> Self {
        Self {
            scenario: &report.scenario,
            seed: report.seed.to_string(),
            hash: Some(hash_text(report.hash)),
            verdict: match report.verdict() {
                Verdict::Pass => "pass",
                Verdict::Fail => "fail",
            },
            events: report.coverage.events,
            simulated_ms: millis(report.coverage.simulated),
            faults: report.coverage.faults.values().sum(),
            checks: report.coverage.checks.values().sum(),
            failures: report.failures.iter().map(Wrong::from).collect(),
            panic: None,
            difference: None,
            repro: None,
        }
    }

    pub(crate) fn panicked(scenario: &'a str, seed: u64, panic: &'a str) -> Self {
        Self {
            scenario,
            seed: seed.to_string(),
            hash: None,
            verdict: "fail",
            events: 0,
            simulated_ms: 0,
            faults: 0,
            checks: 0,
            failures: Vec::new(),
            panic: Some(panic),
            difference: None,
            repro: None,
        }
    }
}

/// One planted bug.
#[derive(Debug, Serialize)]
pub(crate) struct Sabotaged<'a> {
    pub(crate) sabotage: &'a str,
    pub(crate) caught: bool,
    /// How many seeds ran until it was caught, or at all.
    pub(crate) seeds: u64,
    pub(crate) scenario: &'a str,
    pub(crate) checker: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// The checkers that caught it before, or at all, although another is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) also: Vec<String>,
}

/// The last line.
#[derive(Debug, Serialize)]
pub(crate) struct Closing<T> {
    pub(crate) summary: T,
}

/// What is known at the end of `test` and `fuzz`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Totals {
    pub(crate) scenarios: u64,
    pub(crate) seeds: u64,
    pub(crate) failed: u64,
    pub(crate) panicked: u64,
    pub(crate) not_deterministic: u64,
    pub(crate) interrupted: bool,
    pub(crate) never_exercised: Vec<String>,
    pub(crate) events: u64,
    pub(crate) simulated_ms: u64,
    pub(crate) checks: BTreeMap<String, u64>,
    pub(crate) faults: BTreeMap<String, u64>,
    /// Events of all histories by type.
    pub(crate) history: BTreeMap<String, u64>,
    pub(crate) artefacts: Vec<String>,
    /// Wall-clock time; the only field that differs between two runs of the same seeds.
    pub(crate) elapsed_ms: u64,
    pub(crate) exit: u8,
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
