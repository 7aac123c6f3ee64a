//! A workflow that does what its input says, step by step.
//!
//! Business workflows use a handful of features each. This one can reach all of them, so that an
//! experiment ("what is recorded when a child times out?") is a list of steps and not one more
//! workflow. A step that fails is noted and the tour goes on; the notes are the result.

mod steps;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ActivityCancellationType, ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext,
    WorkflowContextView, WorkflowResult, WorkflowTermination, common::error::ApplicationFailure,
    workflow, workflow_methods,
};

/// One thing to do. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Step {
    /// Run an activity and wait for it.
    Activity(Work),
    /// Run a local activity and wait for it.
    LocalActivity(LocalWork),
    /// Wait.
    Timer(u64),
    /// Start a timer, wait a shorter time, and cancel it.
    CancelTimer {
        /// When the timer would have fired.
        after: u64,
        /// When it is cancelled.
        cancelled_after: u64,
    },
    /// Wait until so many signals have been received since the start.
    AwaitSignals(usize),
    /// Wait until the workflow is asked to cancel. Whatever follows runs shielded from it.
    AwaitCancellation,
    /// Start a child and wait for it.
    Child(Child),
    /// Signal another workflow.
    SignalWorkflow {
        /// Whom.
        id: String,
        /// What.
        message: String,
    },
    /// Ask another workflow to cancel.
    CancelWorkflow {
        /// Whom.
        id: String,
    },
    /// Set search attributes; those that are absent are left alone. (To remove one, the SDK sends
    /// an empty payload, which Temporal's server refuses.)
    Attributes {
        /// `CustomKeywordField`.
        keyword: Option<String>,
        /// `CustomIntField`.
        int: Option<i64>,
    },
    /// Set or remove a memo field.
    Memo {
        /// Its name.
        name: String,
        /// Its value; absent to remove it.
        value: Option<String>,
    },
    /// Do several lists of steps side by side.
    Parallel(Vec<Vec<Self>>),
    /// Continue as a new run with these steps.
    ContinueAsNew(Vec<Self>),
    /// Fail the workflow.
    Fail {
        /// What it says.
        message: String,
        /// Whether a retry policy is to leave it at that.
        #[serde(default)]
        non_retryable: bool,
    },
}

/// An activity; absent times are not set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Work {
    /// Input and activity id.
    pub label: String,
    /// A queue of its own.
    pub task_queue: Option<String>,
    /// Default 10 seconds, if [`Work::schedule_to_close`] is absent too.
    pub start_to_close: Option<u64>,
    /// See Temporal.
    pub schedule_to_close: Option<u64>,
    /// See Temporal.
    pub schedule_to_start: Option<u64>,
    /// See Temporal.
    pub heartbeat: Option<u64>,
    /// 0 is without limit.
    #[serde(default)]
    pub max_attempts: u32,
    /// Time before the second attempt; doubles with every further one. Default one second.
    pub retry_interval: Option<u64>,
    /// Error types that end it at once.
    #[serde(default)]
    pub non_retryable: Vec<String>,
    /// Cancel it after this time.
    pub cancel_after: Option<u64>,
    /// What to wait for when it is cancelled.
    #[serde(default)]
    pub cancellation: ActivityCancellationType,
}

/// A local activity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalWork {
    /// Input and activity id.
    pub label: String,
    /// 0 is without limit.
    #[serde(default)]
    pub max_attempts: u32,
    /// Time before the second attempt. Default one second.
    pub retry_interval: Option<u64>,
    /// Retry intervals longer than this are spent on a timer.
    pub timer_from: Option<u64>,
}

/// A child, itself a tour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Child {
    /// Its workflow id.
    pub id: String,
    /// What it does.
    pub steps: Vec<Step>,
    /// See Temporal.
    pub run_timeout: Option<u64>,
    /// What becomes of it when the parent closes first.
    #[serde(default)]
    pub on_parent_close: OnParentClose,
    /// Let it run for so long before it is signalled or cancelled.
    pub after: Option<u64>,
    /// Signal it.
    pub signal: Option<String>,
    /// Cancel it.
    #[serde(default)]
    pub cancel: bool,
    /// Do not wait for its result.
    #[serde(default)]
    pub detached: bool,
}

/// See Temporal's parent close policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnParentClose {
    /// The child is terminated.
    #[default]
    Terminate,
    /// The child goes on.
    Abandon,
    /// The child is asked to cancel.
    RequestCancel,
}

/// The workflow's state.
#[workflow]
#[derive(Debug)]
pub struct FeatureTour {
    steps: Vec<Step>,
    messages: Vec<String>,
    notes: Vec<String>,
}

#[workflow_methods]
impl FeatureTour {
    /// At the first step.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, steps: Vec<Step>) -> Self {
        Self {
            steps,
            messages: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Returns a note per step, in the order in which they ended.
    #[run(name = "featureTour")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Vec<String>> {
        for step in ctx.state(|s| s.steps.clone()) {
            match step {
                Step::ContinueAsNew(steps) => {
                    ctx.continue_as_new(steps, ContinueAsNewOptions::default())?;
                }
                Step::Fail {
                    message,
                    non_retryable,
                } => {
                    let failure = ApplicationFailure::builder(message)
                        .type_name("TourFailure".to_owned())
                        .non_retryable(non_retryable)
                        .build();
                    return Err(failure.into());
                }
                step => steps::perform(ctx, step).await,
            }
        }
        let notes = ctx.state(|s| s.notes.clone());
        if ctx.cancellation_token().is_cancelled() {
            return Err(WorkflowTermination::cancelled_with_details(notes));
        }
        Ok(notes)
    }

    /// Receives a message.
    #[signal(name = "message")]
    pub fn message(&mut self, _ctx: &mut SyncWorkflowContext<Self>, message: String) {
        self.messages.push(message);
    }

    /// The notes so far.
    #[query(name = "notes")]
    pub fn notes(&self, _ctx: &WorkflowContextView) -> Vec<String> {
        self.notes.clone()
    }
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
