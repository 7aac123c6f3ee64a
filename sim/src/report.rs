//! What a run tells when it is over.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_proto::temporal::api::history::v1::History;

use crate::journal::Journal;
use crate::kernel::{ChoiceLog, Drift, Ladder, Point, Time, TraceEvent};
use crate::sabotage::Bug;

/// Where the choices of a run come from.
#[derive(Clone, Debug)]
pub enum Choices {
    /// From a seed.
    Seed(u64),
    /// From a recording.
    Recorded(ChoiceLog),
    /// From the seed of a log, but for the choices that the log holds.
    Overridden(ChoiceLog),
}

impl Choices {
    /// The seed that the choices come from, or once came from.
    pub const fn seed(&self) -> u64 {
        match self {
            Self::Seed(seed) => *seed,
            Self::Recorded(log) | Self::Overridden(log) => log.seed,
        }
    }
}

/// How a run is made. What is kept of it beside its verdict does not change its hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Keep the whole trace, and the journal beside it.
    pub trace: bool,
    /// Keep the log of choices.
    pub record: bool,
    /// Keep the history of every run.
    pub histories: bool,
    /// Number the points that are passed, and let happen what is set for them.
    pub points: bool,
    /// A bug to plant in the engine; see [`Suite::sabotaged`](crate::suite::Suite::sabotaged).
    pub bug: Option<Bug>,
}

/// What a run tells when it is over.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The rolling hash over everything that happened; equal hashes are equal runs.
    pub hash: u64,
    /// What did not hold, in the order in which it was found; empty if the run passed.
    pub failures: Vec<Failure>,
    /// What happened and what was checked.
    pub coverage: Coverage,
    /// Marks by which two runs are compared.
    pub ladder: Ladder,
    /// The trace, if it was asked for.
    pub trace: Vec<TraceEvent>,
    /// What the run was like at each event of the trace, if that was asked for.
    pub journal: Journal,
    /// The names of the nodes, by their numbers in the trace.
    pub nodes: Vec<String>,
    /// The log of choices, if it was asked for.
    pub choices: Option<ChoiceLog>,
    /// Where a recorded run first went another way than its recording.
    pub drift: Option<Drift>,
    /// The points that were passed, if they were asked for, each with the faults that can strike there.
    pub points: Vec<Passed>,
    /// The histories by workflow id and run id, if they were asked for.
    pub histories: BTreeMap<(String, String), History>,
}

impl RunReport {
    /// Whether everything held.
    pub fn verdict(&self) -> Verdict {
        if self.failures.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Fail
        }
    }
}

/// A point that a run has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The point.
    pub point: Point,
    /// What can be made to happen there: a name and the value by which it is chosen.
    pub faults: Vec<(&'static str, u64)>,
}

/// Whether everything held in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did.
    Pass,
    /// It did not.
    Fail,
}

/// Something that should have held and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Who found it: a checker, an invariant of the suite, or an expectation of the scenario.
    pub checker: Cow<'static, str>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// When, by the true clock.
    pub at: Time,
    /// The trace's event at which it was found; 0 for what was found at the end.
    pub seq: u64,
    /// The workflow id it is about, if it is about one.
    pub workflow_id: Option<String>,
}

/// Counts of something, by name.
pub type Counts = BTreeMap<Cow<'static, str>, u64>;

/// What happened in one run or many, and how much there was to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Events that the world handled.
    pub events: u64,
    /// Simulated time.
    pub simulated: Duration,
    /// How often each checker, invariant and expectation had something to check. Those that apply
    /// and never had are there with 0.
    pub checks: Counts,
    /// How often each fault class struck. Those that the scenario switches on are there with 0.
    pub faults: Counts,
    /// How often each operation of the scenario was carried out, by its name; those that never were
    /// are there with 0.
    pub operations: Counts,
    /// Workflow runs by status at the end.
    pub runs: Counts,
    /// History events by type.
    pub history: Counts,
    /// Requests that services handled, by `service.operation`.
    pub services: Counts,
}

impl Coverage {
    /// Adds what another run did.
    pub fn absorb(&mut self, other: &Self) {
        self.events += other.events;
        self.simulated += other.simulated;
        for (mine, theirs) in [
            (&mut self.checks, &other.checks),
            (&mut self.faults, &other.faults),
            (&mut self.operations, &other.operations),
            (&mut self.runs, &other.runs),
            (&mut self.history, &other.history),
            (&mut self.services, &other.services),
        ] {
            for (name, count) in theirs {
                *mine.entry(name.clone()).or_default() += count;
            }
        }
    }
}
