//! What `scenarios/histories/cases.json` says, field by field. See the README beside it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Book {
    pub schema: u32,
    /// What an activity does where a case does not say otherwise, by type.
    pub defaults: BTreeMap<String, Vec<Act>>,
    pub cases: Vec<Case>,
}

/// One experiment.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// Also its workflow id and its task queue.
    pub name: String,
    #[serde(rename = "shows")]
    pub _shows: String,
    /// What the first worker registers.
    #[serde(default)]
    pub build: Build,
    /// The main workflow's type.
    pub workflow: String,
    pub input: Vec<Value>,
    #[serde(default)]
    pub options: StartOptions,
    /// Per activity key, per attempt, what it does; the last attempt's script repeats.
    #[serde(default)]
    pub activities: BTreeMap<String, Vec<Vec<Act>>>,
    /// What happens from outside, one after the other.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Whether events that have no order of their own make the history's order a matter of luck.
    #[serde(default)]
    pub race: bool,
    /// Which histories are kept; the main workflow's first run if absent.
    #[serde(default)]
    pub exports: Vec<Export>,
}

/// How a workflow is started.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Start {
    pub workflow: String,
    pub input: Vec<Value>,
    #[serde(default)]
    pub options: StartOptions,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartOptions {
    pub execution_timeout_ms: Option<u64>,
    pub run_timeout_ms: Option<u64>,
    pub task_timeout_ms: Option<u64>,
    pub cron: Option<String>,
    pub retry: Option<Retry>,
    #[serde(default)]
    pub memo: BTreeMap<String, String>,
    pub keyword: Option<String>,
    pub int: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retry {
    pub initial_interval_ms: u64,
    pub backoff: f64,
    pub maximum_attempts: u32,
}

/// Which implementation of the types that have several is registered. The others have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Build {
    /// `patched_rollout::before`, `bad_deploy::broken`.
    Old,
    /// `patched_rollout::during`, `bad_deploy::fixed`.
    #[default]
    Current,
    /// `patched_rollout::after`, `bad_deploy::fixed`.
    Next,
}

/// What an activity does; a script ends with one of those that end it.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Act {
    Heartbeat(Value),
    Sleep(u64),
    /// Waits until a step opens the gate.
    Gate(String),
    /// Heartbeats until it is told to cancel.
    AwaitCancellation,
    /// Ends: with this value.
    Complete(Value),
    /// Ends: with what the attempt before heartbeat last.
    CompleteWithHeartbeat,
    /// Ends: with the input.
    Echo,
    /// Ends: with the cursor after the last item, of a `pollSource`.
    Advance,
    /// Ends: with an application failure.
    Fail {
        message: String,
        r#type: String,
        #[serde(default)]
        non_retryable: bool,
        next_retry_delay_ms: Option<u64>,
        details: Option<Value>,
    },
    /// Ends: as cancelled.
    Cancelled(Value),
    /// Ends: somebody else will complete it.
    Async,
    /// Never ends.
    Hang,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Step {
    /// Waits until the history has so many events of a type.
    AwaitEvent {
        r#type: String,
        #[serde(default = "one")]
        count: usize,
        id: Option<String>,
    },
    /// Waits until the main workflow's chain has so many runs.
    AwaitRun(usize),
    /// Waits until an activity stands at the gate.
    AwaitGate(String),
    OpenGate(String),
    Sleep(u64),
    Signal {
        name: String,
        input: Vec<Value>,
        id: Option<String>,
    },
    SignalWithStart {
        name: String,
        input: Vec<Value>,
        id: String,
        start: Start,
    },
    Query {
        name: String,
        expect: Value,
    },
    Cancel {
        #[serde(default)]
        reason: String,
        id: Option<String>,
    },
    Terminate {
        reason: String,
        id: Option<String>,
    },
    /// Completes an activity that said it will complete asynchronously.
    CompleteActivity {
        activity_id: String,
        result: Value,
    },
    /// Starts another workflow on the same queue.
    Start {
        id: String,
        start: Start,
    },
    /// Starts the main workflow here, and not before the first step.
    StartMain,
    /// Replaces the worker by one of another build.
    Deploy(Build),
    StopWorker,
    /// Starts a worker in a process of its own (it cannot pass gates).
    SpawnWorker,
    /// Kills that process.
    KillWorker,
    /// Polls a workflow task and never answers.
    SwallowTask,
    /// Waits until the execution (the last run of its chain) has closed.
    AwaitClose {
        id: Option<String>,
    },
}

/// One history to keep.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Export {
    /// File name without `.json`.
    pub file: String,
    /// Whose; the main workflow's if absent.
    pub id: Option<String>,
    /// Which run of the chain, from 1.
    #[serde(default = "first")]
    pub run: usize,
}

const fn one() -> usize {
    1
}

const fn first() -> usize {
    1
}

impl Build {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::Current => "current",
            Self::Next => "next",
        }
    }
}

impl Case {
    pub fn main(&self) -> Start {
        let Self {
            workflow,
            input,
            options,
            ..
        } = self.clone();
        Start {
            workflow,
            input,
            options,
        }
    }

    /// Whether a step starts the main workflow; otherwise it is started before the first step.
    pub fn is_started_by_step(&self) -> bool {
        self.steps.iter().any(|step| match step {
            Step::StartMain => true,
            Step::SignalWithStart { id, .. } => *id == self.name,
            _ => false,
        })
    }

    pub fn exports(&self) -> Vec<Export> {
        if !self.exports.is_empty() {
            return self.exports.clone();
        }
        vec![Export {
            file: self.name.clone(),
            id: None,
            run: 1,
        }]
    }
}
