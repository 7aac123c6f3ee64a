//! Simulated runs: made on a thread of their own, by whoever knows the suites.

use std::fmt;
use std::sync::Arc;

use steadfast_sim::report::RunReport;

use super::{Data, Reference, Reply, Request, Source, jobs};
use crate::worlds::World;

/// What came of one seed of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The seed.
    pub seed: u64,
    /// Events that the world handled.
    pub events: u64,
    /// How often a fault struck.
    pub faults: u64,
    /// Simulated time, in nanoseconds.
    pub simulated: i64,
    /// What did not hold: who says so, and what.
    pub failures: Vec<(String, String)>,
}

/// Makes simulated runs.
pub trait Simulator: fmt::Debug + Send + Sync {
    /// Makes a run with everything recorded: of a repro file, or of a scenario and a seed as in `order-saga:17`.
    fn record(&self, what: &str) -> Result<RunReport, String>;

    /// Makes a run of which only the verdict is kept.
    fn judge(&self, scenario: &str, seed: u64) -> Result<RunReport, String>;

    /// The command that opens a run.
    fn command(&self, what: &str) -> String;
}

/// One simulated run, or one seed of a scenario after another.
#[derive(Debug)]
pub struct Worlds {
    simulator: Arc<dyn Simulator>,
    what: String,
}

impl Worlds {
    /// Of a repro file, a scenario and a seed, or a scenario.
    pub fn new(simulator: Arc<dyn Simulator>, what: impl Into<String>) -> Self {
        Self {
            simulator,
            what: what.into(),
        }
    }
}

impl Source for Worlds {
    fn name(&self) -> String {
        "simulator".to_owned()
    }

    fn command(&self, _: Option<&Reference>, _: Option<i64>) -> String {
        self.simulator.command(&self.what)
    }

    fn ask(self: Arc<Self>, request: Request, reply: Reply) {
        jobs::spawn(reply, move |reply| match request {
            Request::World(what) => match self.simulator.record(&what) {
                Err(why) => Some(why),
                Ok(report) => {
                    reply.send(Data::World(Arc::new(World::new(what, report))));
                    None
                }
            },
            Request::Campaign(scenario, first) => {
                for seed in first.. {
                    let report = match self.simulator.judge(&scenario, seed) {
                        Ok(report) => report,
                        Err(why) => return Some(why),
                    };
                    if !reply.send(Data::Ran(Box::new(ran(&report)))) {
                        return None;
                    }
                }
                None
            }
            _ => Some("a simulated run has no files".to_owned()),
        });
    }
}

fn ran(report: &RunReport) -> Ran {
    let failures = report.failures.iter();
    Ran {
        seed: report.seed,
        events: report.coverage.events,
        faults: report.coverage.faults.values().sum(),
        simulated: i64::try_from(report.coverage.simulated.as_nanos()).unwrap_or(i64::MAX),
        failures: failures
            .map(|failure| (failure.checker.to_string(), failure.message.clone()))
            .collect(),
    }
}
