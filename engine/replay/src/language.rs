//! What the machines and the hosted workflow code say to each other.
//!
//! Jobs go in, intents come out. Both are ours, so that only `host.rs` knows the official SDK's types.

use prost_types::{Duration, Timestamp};
use steadfast_proto::temporal::api::{
    command::v1::{
        ScheduleActivityTaskCommandAttributes, SignalExternalWorkflowExecutionCommandAttributes,
        StartChildWorkflowExecutionCommandAttributes, StartTimerCommandAttributes,
        command::Attributes,
    },
    common::v1::{Header, Payload, RetryPolicy, SearchAttributes},
    failure::v1::Failure,
    history::v1::WorkflowExecutionStartedEventAttributes,
    sdk::v1::{EventGroupMarker, UserMetadata},
    update::v1::Request,
};

/// One batch of things that happened, delivered to the workflow code at one point of its time.
#[derive(Debug, Default)]
pub(crate) struct Activation {
    pub(crate) time: Option<Timestamp>,
    pub(crate) is_replaying: bool,
    pub(crate) history_length: u32,
    pub(crate) history_size_bytes: u64,
    pub(crate) continue_as_new_suggested: bool,
    pub(crate) continue_as_new_reasons: Vec<i32>,
    pub(crate) target_version_changed: bool,
    pub(crate) last_sdk_version: String,
    pub(crate) jobs: Vec<Job>,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Job {
    Initialize(Box<Initialize>),
    NotifyHasPatch(String),
    UpdateRandomSeed(u64),
    Signal(Box<Signal>),
    Cancel {
        reason: String,
    },
    DoUpdate(Box<DoUpdate>),
    FireTimer {
        seq: u32,
    },
    ResolveActivity {
        seq: u32,
        is_local: bool,
        resolution: Resolution,
    },
    ChildStarted {
        seq: u32,
        status: ChildStart,
    },
    ResolveChild {
        seq: u32,
        resolution: Resolution,
    },
    SignalSent {
        seq: u32,
        failure: Option<Failure>,
        cause: i32,
    },
    CancelSent {
        seq: u32,
        failure: Option<Failure>,
        cause: i32,
    },
    Query(Box<Query>),
}

impl Job {
    /// The official order of jobs inside one activation; the sort by it is stable.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Initialize(_) => 0,
            Self::NotifyHasPatch(_) => 1,
            Self::UpdateRandomSeed(_) => 2,
            Self::Signal(_) | Self::DoUpdate(_) => 3,
            Self::ResolveActivity { is_local: true, .. } => 5,
            Self::Query(_) => 6,
            _ => 4,
        }
    }
}

/// The first job of every run.
#[derive(Debug, Default)]
pub(crate) struct Initialize {
    pub(crate) workflow_id: String,
    pub(crate) randomness_seed: u64,
    pub(crate) start_time: Timestamp,
    pub(crate) attributes: WorkflowExecutionStartedEventAttributes,
}

#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) name: String,
    pub(crate) input: Vec<Payload>,
    pub(crate) identity: String,
    pub(crate) header: Option<Header>,
    pub(crate) event_id: i64,
}

#[derive(Debug)]
pub(crate) struct DoUpdate {
    pub(crate) protocol_instance_id: String,
    pub(crate) request: Request,
    pub(crate) run_validator: bool,
}

#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) args: Vec<Payload>,
    pub(crate) header: Option<Header>,
}

/// How an activity or a child workflow ended, as its caller sees it.
#[derive(Debug, Clone)]
pub(crate) enum Resolution {
    Completed(Option<Payload>),
    Failed(Failure),
    Cancelled(Failure),
    /// Local activities only: wait this long, then schedule the next attempt.
    Backoff {
        attempt: u32,
        backoff: Duration,
        original_schedule_time: Option<Timestamp>,
    },
}

#[derive(Debug)]
pub(crate) enum ChildStart {
    Succeeded {
        run_id: String,
    },
    Failed {
        workflow_id: String,
        workflow_type: String,
        cause: i32,
    },
    Cancelled(Box<Failure>),
}

/// What the code answered to one activation.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) intents: Vec<Intent>,
    pub(crate) queries: Vec<(String, Result<Payload, Failure>)>,
}

/// Something the code wants.
#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) wish: Wish,
    pub(crate) notes: Notes,
}

/// The decorations that ride along on a command.
#[derive(Debug, Default, Clone)]
pub(crate) struct Notes {
    pub(crate) metadata: Option<UserMetadata>,
    pub(crate) groups: Vec<EventGroupMarker>,
}

impl Notes {
    /// What a cancellation says about itself wins over what the cancelled command said.
    pub(crate) fn override_with(&mut self, other: Self) {
        if let Some(new) = other.metadata {
            let metadata = self.metadata.get_or_insert_default();
            if new.summary.is_some() {
                metadata.summary = new.summary;
            }
            if new.details.is_some() {
                metadata.details = new.details;
            }
        }
        if !other.groups.is_empty() {
            self.groups = other.groups;
        }
    }
}

#[derive(Debug)]
pub(crate) enum Wish {
    StartTimer {
        seq: u32,
        attributes: StartTimerCommandAttributes,
    },
    CancelTimer {
        seq: u32,
    },
    ScheduleActivity {
        seq: u32,
        cancellation: ActivityCancellation,
        versioning: Versioning,
        attributes: Box<ScheduleActivityTaskCommandAttributes>,
    },
    CancelActivity {
        seq: u32,
    },
    ScheduleLocalActivity(Box<LocalActivity>),
    CancelLocalActivity {
        seq: u32,
    },
    StartChild {
        seq: u32,
        cancellation: ChildCancellation,
        versioning: Versioning,
        attributes: Box<StartChildWorkflowExecutionCommandAttributes>,
    },
    CancelChild {
        seq: u32,
        reason: String,
    },
    SignalExternal {
        seq: u32,
        attributes: Box<SignalExternalWorkflowExecutionCommandAttributes>,
    },
    CancelSignal {
        seq: u32,
    },
    CancelExternal {
        seq: u32,
        target: Target,
        reason: String,
    },
    SetPatchMarker {
        patch_id: String,
        deprecated: bool,
    },
    UpsertSearchAttributes(SearchAttributes),
    /// Fire and forget: memo.
    ModifyProperties(Attributes),
    UpdateResponse {
        protocol_instance_id: String,
        answer: UpdateAnswer,
    },
    /// Complete, fail or cancel.
    Close(Attributes),
    ContinueAsNew {
        versioning: Versioning,
        attributes: Attributes,
    },
    /// An operation that this worker core refuses, by name.
    Unsupported(&'static str),
}

impl Wish {
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Close(_) | Self::ContinueAsNew { .. })
    }
}

#[derive(Debug)]
pub(crate) enum UpdateAnswer {
    Accepted,
    Rejected(Box<Failure>),
    Completed(Payload),
}

/// What the code asked about worker versions for a new activity, child or run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versioning {
    Unspecified,
    Compatible,
    Default,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActivityCancellation {
    TryCancel,
    WaitCompleted,
    Abandon,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChildCancellation {
    Abandon,
    TryCancel,
    WaitCompleted,
    WaitRequested,
}

/// Another workflow execution.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) namespace: String,
    pub(crate) workflow_id: String,
    pub(crate) run_id: String,
}

/// A local activity that the worker is to run, with the options that its retries obey.
#[derive(Debug, Clone)]
pub struct LocalActivity {
    /// The code's number for it.
    pub seq: u32,
    /// Activity id.
    pub activity_id: String,
    /// Activity type.
    pub activity_type: String,
    /// The attempt to begin with; more than 1 after a backoff on a timer.
    pub attempt: u32,
    /// When the first attempt was scheduled.
    pub original_schedule_time: Option<Timestamp>,
    /// Headers.
    pub header: Option<Header>,
    /// Input.
    pub arguments: Vec<Payload>,
    /// Limit for all attempts together.
    pub schedule_to_close_timeout: Option<Duration>,
    /// Limit for the wait before an attempt.
    pub schedule_to_start_timeout: Option<Duration>,
    /// Limit for one attempt.
    pub start_to_close_timeout: Option<Duration>,
    /// How failed attempts are repeated.
    pub retry_policy: Option<RetryPolicy>,
    /// Longer backoffs than this go through a timer: end the activity with `backoff` set.
    pub local_retry_threshold: Option<Duration>,
    pub(crate) cancellation: ActivityCancellation,
    pub(crate) include_arguments_in_marker: bool,
}
