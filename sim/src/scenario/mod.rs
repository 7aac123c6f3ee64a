//! What a run is about: a scenario file, read and fully resolved.
//!
//! The types here are what the run engine needs: every default filled in, every name checked,
//! every duration a [`Duration`]. Where a field is a [`Span`], each run chooses a value from it.
//! The file format is documented in `docs/scenarios.md`.

pub mod cel;
mod expect;
mod faults;
mod mistake;
mod parse;
mod read;
mod schedule;
mod text;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use cel::Condition;
pub use expect::{Judged, judge};
pub use mistake::{Mistake, Mistakes, nearest};
pub use parse::load;
pub use schedule::{Overlap, SchedulePlan, ScheduleStep, Times};
pub use text::{duration_text, parse_duration, parse_rate};
pub use view::{EntryView, FaultsView, LedgerView, RunView, TimeView, View};

use crate::kernel::{FaultPlan, Rate};

/// A scenario, ready to run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name by which commands and reports know it; the file's name without `.toml`.
    pub name: String,
    /// Where it was read from, for messages.
    pub file: String,
    /// What it is about, in a sentence or two.
    pub description: String,
    /// The cluster and the time it is given.
    pub world: World,
    /// The workflows that clients start.
    pub workflows: Vec<WorkflowStart>,
    /// What else clients and operators do.
    pub operations: Vec<Operation>,
    /// The services of the outside world that take part, by registered name.
    pub services: BTreeMap<String, ServiceConfig>,
    /// What goes wrong.
    pub faults: FaultConfig,
    /// The invariants of the suite that hold here, beside the built-in checkers, which always do.
    pub invariants: Vec<String>,
    /// What must be true at the end of every run.
    pub expect: Vec<Expectation>,
}

/// A range from which each run chooses one value; both ends are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<T> {
    /// The least.
    pub min: T,
    /// The most.
    pub max: T,
}

impl<T: Copy + PartialEq> Span<T> {
    /// Always this value.
    pub const fn exactly(value: T) -> Self {
        Self {
            min: value,
            max: value,
        }
    }

    /// The only value, if there is no choice.
    pub fn fixed(&self) -> Option<T> {
        (self.min == self.max).then_some(self.min)
    }
}

/// The cluster and the time it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// The namespace in which everything happens.
    pub namespace: String,
    /// Every task queue of the scenario; all workers poll all of them.
    pub task_queues: Vec<String>,
    /// Engine nodes; the shards are spread over them.
    pub engines: Span<u32>,
    /// Shards of the whole engine, 1 to 8.
    pub shards: Span<u32>,
    /// Worker processes.
    pub workers: Span<u32>,
    /// Workflow tasks that one worker handles at a time.
    pub workflow_slots: u32,
    /// Activities that one worker runs at a time.
    pub activity_slots: u32,
    /// Workflow instances that one worker keeps in memory; 0 switches sticky execution off.
    pub cache: Span<u32>,
    /// Client processes, which share the starts and operations among themselves.
    pub clients: u32,
    /// The build that workers run until an operation deploys another.
    pub build: String,
    /// Which store the engine writes to.
    pub store: StoreKind,
    /// The wall clock at the beginning, in milliseconds since 1970.
    pub start: i64,
    /// How long faults are injected; the storm ends earlier when everything has converged.
    pub storm: Duration,
    /// How soon after the storm everything must have converged.
    pub calm: Duration,
}

/// A store of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreKind {
    /// The real embedded store on a simulated disk.
    #[default]
    Embedded,
    /// A store in memory that forgets nothing, for speed.
    Memory,
}

/// Workflows that clients start: one entry of `[[workflow]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowStart {
    /// The registered workflow type.
    pub workflow: String,
    /// The workflow id; `{n}` stands for the number of the instance, from 1.
    pub id: String,
    /// The argument as JSON; `{n}` inside of strings stands for the number of the instance.
    pub input: Option<Value>,
    /// How many instances.
    pub count: Span<u32>,
    /// Whether clients start it; otherwise only operations whose kind ends in `-with-start` do.
    pub started: bool,
    /// When each instance is started.
    pub when: Moment,
    /// On which task queue.
    pub task_queue: String,
    /// Its time limits.
    pub timeouts: Timeouts,
    /// How it is retried as a whole, if it is.
    pub retry: Option<RetryPolicy>,
    /// Its cron schedule, if it has one.
    pub cron: Option<String>,
    /// How long the first workflow task is held back.
    pub start_delay: Option<Duration>,
    /// What happens when the id was used by a closed run.
    pub reuse: IdReuse,
    /// What happens when the id is used by an open run.
    pub conflict: IdConflict,
}

/// When something is done: each instance chooses a moment in `offset..=offset + spread`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// From what the offset counts.
    pub since: Since,
    /// The earliest moment.
    pub offset: Duration,
    /// By how much it may be later.
    pub spread: Duration,
}

/// From what a moment counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The beginning of the world.
    World,
    /// The moment chosen for the start of the target workflow.
    Start,
}

/// Time limits of a workflow; absent ones are the engine's defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Of all runs of the id together.
    pub execution: Option<Duration>,
    /// Of one run.
    pub run: Option<Duration>,
    /// Of one workflow task.
    pub task: Option<Duration>,
}

/// How a failed workflow is retried.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The first interval.
    pub initial: Duration,
    /// What each interval is multiplied by.
    pub backoff: f64,
    /// The longest interval.
    pub maximum: Option<Duration>,
    /// The most attempts; 0 is no limit.
    pub attempts: u32,
    /// Types of failure that are not retried.
    pub non_retryable: Vec<String>,
}

/// What happens when the id of a start was used by a closed run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdReuse {
    /// A new run starts.
    #[default]
    AllowDuplicate,
    /// A new run starts unless the last one completed.
    AllowDuplicateFailedOnly,
    /// The start is refused.
    RejectDuplicate,
}

/// What happens when the id of a start is used by an open run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdConflict {
    /// The start is refused.
    #[default]
    Fail,
    /// The start is answered with the open run.
    UseExisting,
    /// The open run is terminated.
    TerminateExisting,
}

/// Something that clients or operators do: one entry of `[[operation]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Names it in reports and coverage: the file's `name`, or kind and target.
    pub name: String,
    /// What is done.
    pub kind: OperationKind,
    /// When.
    pub when: Moment,
    /// How often per target instance.
    pub count: Span<u32>,
    /// Whether it is done at all, decided for each target instance and repetition.
    pub probability: Rate,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq)]
pub enum OperationKind {
    /// Sends a signal.
    Signal {
        /// To whom.
        target: Target,
        /// Its name.
        signal: String,
        /// Its argument.
        input: Option<Value>,
    },
    /// Sends a signal and starts the workflow if it is not running.
    SignalWithStart {
        /// To whom; always names a `[[workflow]]` entry, from which the start is taken.
        target: Target,
        /// The name of the signal.
        signal: String,
        /// The argument of the signal.
        input: Option<Value>,
    },
    /// Has the workflow's code do something, and waits for the outcome.
    Update {
        /// Whom.
        target: Target,
        /// Its name.
        update: String,
        /// Its argument.
        input: Option<Value>,
        /// What the first call waits for; the outcome is asked for afterwards.
        wait: UpdateWait,
    },
    /// Does the same and starts the workflow if it is not running.
    UpdateWithStart {
        /// Whom; always names a `[[workflow]]` entry, from which the start is taken.
        target: Target,
        /// The name of the update.
        update: String,
        /// The argument of the update.
        input: Option<Value>,
        /// What the first call waits for.
        wait: UpdateWait,
    },
    /// Asks a query.
    Query {
        /// Whom.
        target: Target,
        /// Its name.
        query: String,
        /// Its argument.
        input: Option<Value>,
    },
    /// Asks a workflow to cancel.
    Cancel {
        /// Whom.
        target: Target,
        /// Why.
        reason: String,
    },
    /// Ends a workflow.
    Terminate {
        /// Whom.
        target: Target,
        /// Why.
        reason: String,
    },
    /// Goes on from an earlier point of a workflow's history, in a new run.
    Reset {
        /// Whose.
        target: Target,
        /// From where.
        to: ResetTo,
    },
    /// Replaces the build that workers run, one worker after another.
    Deploy {
        /// The registered build.
        build: String,
        /// How long it takes until the last worker has it; both builds are at work meanwhile.
        over: Duration,
    },
    /// Does something with a schedule.
    Schedule {
        /// Its id.
        schedule: String,
        /// What is done.
        step: ScheduleStep,
    },
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal { target, signal, .. } => write!(f, "signal {signal} to {}", target.id),
            Self::SignalWithStart { target, signal, .. } => {
                write!(f, "signal-with-start {signal} to {}", target.id)
            }
            Self::Update { target, update, .. } => write!(f, "update {update} of {}", target.id),
            Self::UpdateWithStart { target, update, .. } => {
                write!(f, "update-with-start {update} of {}", target.id)
            }
            Self::Query { target, query, .. } => write!(f, "query {query} of {}", target.id),
            Self::Cancel { target, .. } => write!(f, "cancel {}", target.id),
            Self::Terminate { target, .. } => write!(f, "terminate {}", target.id),
            Self::Reset { target, .. } => write!(f, "reset {}", target.id),
            Self::Deploy { build, .. } => write!(f, "deploy {build}"),
            Self::Schedule { schedule, step } => write!(f, "{} {schedule}", step.name()),
        }
    }
}

/// Which completed workflow task of its history a workflow is reset to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetTo {
    /// The first.
    First,
    /// The last.
    Last,
    /// Any of them, another one for each time.
    #[default]
    Any,
}

/// What the call that asks for an update waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdateWait {
    /// That the workflow's code has taken it.
    Accepted,
    /// Its outcome.
    #[default]
    Completed,
}

/// Whom an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The workflow id; `{n}` stands for each instance of `entry`.
    pub id: String,
    /// The place in [`Scenario::workflows`] of the entry with this id. Absent for an id that no
    /// entry has, for example a child's.
    pub entry: Option<usize>,
}

/// A service of the outside world, as one scenario has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceConfig {
    /// How long it takes to answer.
    pub latency: Span<Duration>,
    /// How often it refuses a request that may succeed when repeated.
    pub failure: Rate,
    /// How often it refuses a request for good.
    pub refusal: Rate,
    /// How often it does the work and never answers.
    pub hang: Rate,
    /// What it has at the beginning, handed to the service's constructor.
    pub state: Value,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        let latency = Span {
            min: Duration::from_millis(5),
            max: Duration::from_millis(50),
        };
        let (failure, refusal, hang) = (Rate::OFF, Rate::OFF, Rate::OFF);
        Self {
            latency,
            failure,
            refusal,
            hang,
            state: Value::Null,
        }
    }
}

/// What goes wrong in a scenario's runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultConfig {
    /// Whether each seed draws its own classes and rates, with those given here as the most.
    pub swarm: bool,
    /// Faults of machines, disks, clocks and networks.
    pub plan: FaultPlan,
    /// Faults that only this system knows, by class.
    pub cluster: BTreeMap<ClusterFault, Rate>,
    /// The classes that the file itself switches on, by name: each is to strike in this very scenario.
    pub declared: BTreeSet<String>,
}

impl FaultConfig {
    /// How often a fault of the cluster strikes.
    pub fn cluster_rate(&self, fault: ClusterFault) -> Rate {
        self.cluster.get(&fault).copied().unwrap_or(Rate::OFF)
    }
}

/// A kind of fault that belongs to durable execution, beside those of the
/// [kernel](crate::kernel::FaultClass).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClusterFault {
    /// Per step: the engine dies between the commit of a batch and carrying out its effects.
    CommitCrash,
    /// Per step: an idle execution is evicted from the engine's memory.
    ExecutionEviction,
    /// Per workflow task: the worker drops its cached instance and replays from the history.
    CacheEviction,
    /// Per client request: it is sent again although it may have been answered.
    ClientRetry,
    /// Per start: another start with the same workflow id and its own request id follows.
    DuplicateStart,
    /// Per activity: the worker goes on with it after the engine has given it up.
    Zombie,
}

impl ClusterFault {
    /// Every class, in the order of declaration.
    pub const ALL: &[Self] = &[
        Self::CommitCrash,
        Self::ExecutionEviction,
        Self::CacheEviction,
        Self::ClientRetry,
        Self::DuplicateStart,
        Self::Zombie,
    ];

    /// The name used in scenario files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommitCrash => "commit-crash",
            Self::ExecutionEviction => "execution-eviction",
            Self::CacheEviction => "cache-eviction",
            Self::ClientRetry => "client-retry",
            Self::DuplicateStart => "duplicate-start",
            Self::Zombie => "zombie",
        }
    }

    /// The class of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}

/// What must be true at the end of every run: one entry of `[[expect]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Names it in reports.
    pub name: String,
    /// Says in which runs it applies; absent means in all.
    pub when: Option<Condition>,
    /// What must be true then.
    pub that: Condition,
}

/// Puts the number of an instance in the place of every `{n}`.
pub fn fill(template: &str, n: u32) -> String {
    template.replace("{n}", &n.to_string())
}

/// Puts the number of an instance in the place of every `{n}` in the strings of a value.
pub fn fill_value(template: &Value, n: u32) -> Value {
    match template {
        Value::String(text) => Value::String(fill(text, n)),
        Value::Array(items) => items.iter().map(|item| fill_value(item, n)).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| (fill(key, n), fill_value(value, n)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}
