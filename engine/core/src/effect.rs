//! What a step wants done once it is durable.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    activity::v1::{ActivityExecutionOutcome, ActivityOptions},
    common::v1::{Header, Payloads, Priority},
    enums::v1::WorkflowExecutionStatus,
    failure::v1::Failure,
    protocol::v1::Message as ProtocolMessage,
    query::v1::WorkflowQuery,
    workflowservice::v1::{DescribeActivityExecutionResponse, DescribeWorkflowExecutionResponse},
};

use crate::{
    batch::BatchReply,
    deployment::Deployment,
    ids::{
        ActivityId, Epoch, EventId, ExecutionKey, Namespace, RequestId, RunId, RunKey, ShardId,
        TaskQueueName, UpdateId,
    },
    message::Envelope,
    namespace::Registry,
    nexus::{Endpoints, NexusTaskReply},
    policy::RetryPolicy,
    record::Batch,
    request::UpdateStage,
    schedule::ScheduleReply,
    time::Timestamp,
    token::TaskToken,
};

/// Where an answer goes: a number that the owner made for one waiting caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplyTo(pub u64);

/// The outcome of one step. Submit `batch`; carry out `effects` in order once it, and every earlier batch of the
/// shard, is durable — also when `batch` has no entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Effects {
    /// What to make durable.
    pub batch: Batch,
    /// What to do then.
    pub effects: Vec<Effect>,
}

impl Effects {
    /// An empty outcome, for [`crate::Shard::step`] to fill.
    #[must_use]
    pub fn new(shard: ShardId, epoch: Epoch) -> Self {
        let batch = Batch {
            shard,
            epoch,
            high: Timestamp::EPOCH,
            entries: Vec::new(),
        };
        Self {
            batch,
            effects: Vec::new(),
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Answer a caller.
    Reply(ReplyTo, Result<Reply, Rejection>),
    /// Tell another machine; it may be lost.
    Send(Box<Envelope>),
    /// Fetch this execution from the store and hand it in as [`crate::input::InputEvent::Loaded`].
    Load(ExecutionKey),
    /// Fetch these events of a run from the store and hand them in as [`crate::input::InputEvent::Read`].
    Read(RunKey, EventRange),
}

/// Answers. Where an answer contains history it names the range, and the owner fills it in from the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A run was started, or was there.
    Started(Started),
    /// Taken.
    Done,
    /// A workflow task for a poller, or with the reply to a completion.
    WorkflowTask(Box<WorkflowTaskReply>),
    /// A query for a poller.
    QueryTask(Box<QueryTaskReply>),
    /// An activity task for a poller.
    ActivityTask(Box<ActivityTaskReply>),
    /// The long poll ended without a task.
    NoTask,
    /// A workflow task was completed.
    WorkflowTaskCompleted {
        /// The next one, if the worker asked for it and there is one.
        next: Option<Box<WorkflowTaskReply>>,
        /// Activities that the worker is to run at once.
        activities: Vec<ActivityTaskReply>,
        /// Set if the task left no trace: the started event that the worker's copy of the history must go back to,
        /// 0 for its beginning.
        reset_to: Option<EventId>,
    },
    /// A heartbeat was taken.
    Heartbeat {
        /// The workflow wants the activity to stop.
        cancel_requested: bool,
        /// It, or its workflow, is paused.
        paused: bool,
        /// Its next attempt is to be the first again.
        reset: bool,
    },
    /// A query was answered.
    Query(Option<Payloads>),
    /// A query was refused because of the run's state.
    QueryRejected(WorkflowExecutionStatus),
    /// A run's state.
    Describe(Box<DescribeWorkflowExecutionResponse>),
    /// A piece of history.
    History(HistoryReply),
    /// The namespaces as they are now.
    Namespaces(Registry),
    /// Virtual time.
    Time(Timestamp),
    /// How far an update is.
    Update(Box<UpdateReply>),
    /// A Nexus task for a poller.
    NexusTask(Box<NexusTaskReply>),
    /// How an activity of its own ended, and which run of it.
    ActivityOutcome(RunId, Option<Box<ActivityExecutionOutcome>>),
    /// How an activity of its own stands.
    DescribeActivity(Box<DescribeActivityExecutionResponse>),
    /// The Nexus endpoints as they are now, and the id of the one that was changed.
    Endpoints(Endpoints, String),
    /// What was asked of a schedule.
    Schedule(Box<ScheduleReply>),
    /// A worker deployment as it is now, and as it was before the request.
    Deployment(Box<Deployment>, Option<Box<Deployment>>),
    /// A workflow was reset, now or before: the run that goes on.
    Reset(RunId),
    /// What was asked of a batch job.
    Batch(Box<BatchReply>),
    /// The options of an activity as they are now.
    ActivityOptions(Box<ActivityOptions>),
}

/// A run was started, or was there.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// The run.
    pub run_id: RunId,
    /// The first run of its chain.
    pub first_run: RunId,
    /// Whether this request (or an earlier copy of it) started it.
    pub started: bool,
    /// Its state.
    pub status: WorkflowExecutionStatus,
    /// Its first workflow task, if the caller is to run it itself.
    pub eager: Option<Box<WorkflowTaskReply>>,
}

/// How far an update is.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateReply {
    /// Whose.
    pub run: RunKey,
    /// Which update.
    pub update_id: UpdateId,
    /// How far it is, which may be less than the caller wanted to wait for.
    pub stage: UpdateStage,
    /// What came of it, if it is completed.
    pub outcome: UpdateOutcome,
    /// The request id that the caller gave, empty if none.
    pub request_id: RequestId,
    /// If the caller would have started the run as well: what came of that.
    pub start: Option<Started>,
}

/// What came of an update.
#[derive(Clone, Debug, PartialEq)]
pub enum UpdateOutcome {
    /// Nothing yet.
    None,
    /// The outcome is in this event of the run, a `WorkflowExecutionUpdateCompleted`, which the owner fetches.
    InHistory(EventId),
    /// It was refused, or the run closed before it was done; no event says so.
    Failed(Box<Failure>),
}

/// Events `first..=last` of a run; empty if `last < first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRange {
    /// The first event.
    pub first: EventId,
    /// The last event.
    pub last: EventId,
}

/// A workflow task.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowTaskReply {
    /// To be given back with the answer.
    pub token: TaskToken,
    /// The name of the code to run.
    pub workflow_type: String,
    /// The run's normal queue.
    pub task_queue: TaskQueueName,
    /// The started event of the last completed workflow task; 0 if none.
    pub previous_started: EventId,
    /// This task's started event.
    pub started: EventId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// When it was scheduled.
    pub scheduled_time: Timestamp,
    /// When it was started.
    pub started_time: Timestamp,
    /// The part of the history that the worker needs.
    pub history: EventRange,
    /// Encoded events that are not (yet) in the history: those of a transient task.
    pub suffix: Vec<Bytes>,
    /// Queries to answer along with it.
    pub queries: BTreeMap<String, WorkflowQuery>,
    /// Updates to answer along with it.
    pub messages: Vec<ProtocolMessage>,
}

/// A query for an idle run.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryTaskReply {
    /// To be given back with the answer.
    pub token: Bytes,
    /// Whose state.
    pub run: RunKey,
    /// The name of the code to run.
    pub workflow_type: String,
    /// The run's normal queue.
    pub task_queue: TaskQueueName,
    /// The started event of the last completed workflow task.
    pub previous_started: EventId,
    /// The part of the history that the worker needs.
    pub history: EventRange,
    /// Name and arguments.
    pub query: WorkflowQuery,
}

/// An activity task.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityTaskReply {
    /// To be given back with the answer.
    pub token: TaskToken,
    /// The name of the workflow's code.
    pub workflow_type: String,
    /// The id that the workflow gave it.
    pub activity_id: ActivityId,
    /// The name of the code to run.
    pub activity_type: String,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Headers for interceptors.
    pub header: Option<Header>,
    /// What the last attempt's last heartbeat said.
    pub heartbeat_details: Option<Payloads>,
    /// When the activity was scheduled.
    pub scheduled_time: Timestamp,
    /// When this attempt was scheduled.
    pub attempt_scheduled_time: Timestamp,
    /// When it was started.
    pub started_time: Timestamp,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Bound on all attempts together.
    pub schedule_to_close: std::time::Duration,
    /// Bound on this attempt.
    pub start_to_close: std::time::Duration,
    /// Longest pause between two heartbeats.
    pub heartbeat: std::time::Duration,
    /// How it is tried again.
    pub retry: RetryPolicy,
    /// Priority and fairness.
    pub priority: Option<Priority>,
    /// Whether no workflow has scheduled it.
    pub standalone: bool,
}

/// A piece of history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryReply {
    /// Whose.
    pub run: RunKey,
    /// The events.
    pub events: EventRange,
    /// Encoded events that are not (yet) in the history: those of a transient task.
    pub suffix: Vec<Bytes>,
    /// Whether the run is open: more may come.
    pub open: bool,
}

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// What one workflow can take at a time.
    Workflow,
    /// Callers that wait, or what they wait for.
    Callers,
    /// Versions of a worker deployment, or queues of one of them.
    Versions,
    /// Entries that are kept for good.
    Entries,
    /// What the whole server can take at a time.
    Server,
}

/// What a caller may be told instead of an answer. The server maps each to one gRPC status.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// The request itself is wrong. INVALID_ARGUMENT.
    #[error("{0}")]
    InvalidArgument(String),
    /// No such thing, or not any more. NOT_FOUND.
    #[error("{0}")]
    NotFound(String),
    /// The id is taken. ALREADY_EXISTS with `WorkflowExecutionAlreadyStartedFailure`.
    #[error("{message}")]
    AlreadyStarted {
        /// For people.
        message: String,
        /// The request that made the run.
        start_request_id: String,
        /// The run that has the id.
        run_id: RunId,
    },
    /// The id of an activity is taken. ALREADY_EXISTS with `ActivityExecutionAlreadyStartedFailure`.
    #[error("activity execution already started")]
    ActivityAlreadyStarted {
        /// The request that made the run.
        start_request_id: String,
        /// The run that has the id.
        run_id: RunId,
    },
    /// Not in this state. FAILED_PRECONDITION.
    #[error("{0}")]
    FailedPrecondition(String),
    /// The run has had no workflow task yet. FAILED_PRECONDITION with `WorkflowNotReadyFailure`.
    #[error("{0}")]
    NotReady(String),
    /// Too much. RESOURCE_EXHAUSTED with `ResourceExhaustedFailure`.
    #[error("{1}")]
    ResourceExhausted(Exhausted, String),
    /// Try again. UNAVAILABLE.
    #[error("{0}")]
    Unavailable(String),
    /// No such namespace. NOT_FOUND with `NamespaceNotFoundFailure`.
    #[error("Namespace {0} is not found.")]
    NamespaceNotFound(Namespace),
    /// The name of a namespace is taken. ALREADY_EXISTS with `NamespaceAlreadyExistsFailure`.
    #[error("{0}")]
    NamespaceExists(String),
    /// A part of a completion is missing. ABORTED with `WorkflowTaskCompletionBufferLostFailure`.
    #[error("workflow task completion pages are missing; send them again")]
    PagesLost,
    /// The name of something else is taken. ALREADY_EXISTS.
    #[error("{0}")]
    Exists(String),
    /// Not to this caller. PERMISSION_DENIED with `PermissionDeniedFailure`.
    #[error("{0}")]
    PermissionDenied(String),
    /// The workflow code refused the query. INVALID_ARGUMENT with `QueryFailedFailure`.
    #[error("{message}")]
    QueryFailed {
        /// For people.
        message: String,
        /// What the code said.
        failure: Option<Box<Failure>>,
    },
    /// Lost against something else; the whole may be tried again. ABORTED.
    #[error("{0}")]
    Aborted(String),
    /// A start and an update that were asked for as one could not both be done. The code of [`Self::first_failure`],
    /// with `MultiOperationExecutionFailure`.
    #[error("Update-with-Start could not be executed.")]
    MultiOperation {
        /// What came of the start.
        start: Box<OperationStatus>,
        /// What came of the update.
        update: Box<OperationStatus>,
    },
}

/// What came of one of several operations that were asked for as one.
#[derive(Clone, Debug, PartialEq)]
pub enum OperationStatus {
    /// It was done.
    Done,
    /// It was not tried, or was given up because of the other. ABORTED "Operation was aborted." with
    /// `MultiOperationExecutionAborted`.
    Aborted,
    /// It was refused.
    Failed(Rejection),
}

impl Rejection {
    /// The rejection whose code a caller gets: the first operation's that failed, or this one itself.
    #[must_use]
    pub fn first_failure(&self) -> &Self {
        if let Self::MultiOperation { start, update } = self {
            for status in [start, update] {
                if let OperationStatus::Failed(rejection) = &**status {
                    return rejection;
                }
            }
        }
        self
    }
}
