//! One run.
use crate::{
    report::{Choices, Options, RunReport},
    scenario::Scenario,
    suite::Suite,
};

/// Runs a scenario.
pub fn run(_: &Suite, _: &Scenario, _: Choices, _: Options) -> RunReport {
    unimplemented!()
}
