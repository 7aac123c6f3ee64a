//! What callers ask of an execution, parsed and valid: below this line nothing is optional that Temporal requires.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::{
        Callback, Header, Link, Memo, Payload, Payloads, Priority, SearchAttributes,
        WorkerVersionStamp,
    },
    enums::v1::{QueryRejectCondition, VersioningBehavior, WorkflowTaskFailedCause},
    failure::v1::Failure,
    query::v1::{WorkflowQuery, WorkflowQueryResult},
    sdk::v1::{UserMetadata, WorkflowTaskCompletedMetadata},
    update::v1 as wire,
    workflow::v1::VersioningOverride,
};

use crate::{
    activity::ControlRequest,
    batch::BatchRequest,
    command::Command,
    deployment::DeploymentRequest,
    ids::{ActivityId, EventId, ExecutionKey, RequestId, RunId, TaskQueueName, UpdateId},
    namespace::{NamespaceRequest, registry_key},
    nexus::{self, EndpointRequest, NexusAnswer},
    pause::PauseRequest,
    policy::{IdConflictPolicy, IdReusePolicy, RetryPolicy},
    record::Proto,
    reset::ResetRequest,
    schedule::ScheduleRequest,
    standalone::{StandaloneRequest, StandaloneStart},
    token::TaskToken,
    versioning::Version,
};

/// A request for one execution. Polls and query answers are not here: they are for [`crate::Matching`].
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Start a run.
    Start(Box<StartRequest>),
    /// Signal the open run, or start one and signal it.
    SignalWithStart(Box<StartRequest>, Box<SignalRequest>),
    /// Signal the open run.
    Signal(Box<SignalRequest>),
    /// Ask the open run to cancel.
    Cancel(CancelRequest),
    /// End the open run at once.
    Terminate(TerminateRequest),
    /// Read state through the workflow's own code.
    Query(Box<QueryRequest>),
    /// Read a run's state.
    Describe(Target),
    /// Read a run's history.
    History(HistoryRequest),
    /// A worker finished a workflow task.
    CompleteWorkflowTask(Box<CompleteWorkflowTask>),
    /// A worker could not finish a workflow task.
    FailWorkflowTask(Box<FailWorkflowTask>),
    /// An activity completed, failed, was canceled, or is alive.
    Activity(Box<ActivityRequest>),
    /// Forget which worker has the run in its cache.
    ResetStickiness(Target),
    /// Something about namespaces.
    Namespace(NamespaceRequest),
    /// Have the open run's code do something and answer.
    Update(Box<UpdateRequest>),
    /// Ask how far an update is.
    PollUpdate(PollUpdate),
    /// Start a run unless one is open, and update it.
    UpdateWithStart(Arc<StartRequest>, Box<UpdateRequest>),
    /// A Nexus handler answers.
    NexusAnswer(Box<NexusAnswer>),
    /// Start an activity of its own.
    StartActivity(Box<StandaloneStart>),
    /// Something about an activity of its own.
    Standalone(Box<StandaloneRequest>),
    /// Something about Nexus endpoints.
    Endpoint(EndpointRequest),
    /// Something about a schedule.
    Schedule(Box<ScheduleRequest>),
    /// Something about a worker deployment.
    Deployment(Box<DeploymentRequest>),
    /// Go on from an earlier point of a run's history.
    Reset(Box<ResetRequest>),
    /// Forget a run.
    Delete(Target),
    /// Something about a batch job.
    Batch(Box<BatchRequest>),
    /// An operator does something to pending activities.
    ControlActivities(Box<ControlRequest>),
    /// Pause a workflow, or let it go on.
    Pause(Box<PauseRequest>),
}

/// An execution and, if the caller cares, one run of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The workflow.
    pub key: ExecutionKey,
    /// Its run; `None` means the current one.
    pub run_id: Option<RunId>,
}

impl Request {
    /// The execution that this request is for.
    #[must_use]
    pub fn key(&self) -> &ExecutionKey {
        static REGISTRY: LazyLock<ExecutionKey> = LazyLock::new(registry_key);
        static ENDPOINTS: LazyLock<ExecutionKey> = LazyLock::new(nexus::registry_key);
        match self {
            Self::Namespace(_) => &REGISTRY,
            Self::Endpoint(_) => &ENDPOINTS,
            Self::Deployment(request) => &request.key,
            Self::Start(start) | Self::SignalWithStart(start, _) => &start.key,
            Self::Signal(signal) => &signal.target.key,
            Self::Cancel(cancel) => &cancel.target.key,
            Self::Terminate(terminate) => &terminate.target.key,
            Self::Query(query) => &query.target.key,
            Self::Describe(target) | Self::ResetStickiness(target) | Self::Delete(target) => {
                &target.key
            }
            Self::History(history) => &history.target.key,
            Self::CompleteWorkflowTask(complete) => &complete.token.run.execution,
            Self::FailWorkflowTask(fail) => &fail.token.run.execution,
            Self::Activity(activity) => activity.target.key(),
            Self::Update(update) | Self::UpdateWithStart(_, update) => &update.target.key,
            Self::PollUpdate(poll) => &poll.target.key,
            Self::StartActivity(start) => &start.start.key,
            Self::Standalone(request) => &request.target.key,
            Self::NexusAnswer(answer) => &answer.token.run.execution,
            Self::Schedule(schedule) => &schedule.key,
            Self::Reset(reset) => &reset.target.key,
            Self::Batch(batch) => &batch.key,
            Self::ControlActivities(control) => &control.target.key,
            Self::Pause(pause) => &pause.target.key,
        }
    }
}

/// Everything that a new run is made of. Timeouts are resolved: zero means none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartRequest {
    /// The workflow.
    pub key: ExecutionKey,
    /// The name of its code.
    pub workflow_type: String,
    /// Where its tasks go.
    pub task_queue: TaskQueueName,
    /// Its arguments.
    pub input: Option<Proto<Payloads>>,
    /// Headers for interceptors.
    pub header: Option<Proto<Header>>,
    /// Inert notes.
    pub memo: Option<Proto<Memo>>,
    /// Indexed notes.
    pub search_attributes: Option<Proto<SearchAttributes>>,
    /// Bound on the whole chain of runs; zero means none.
    pub execution_timeout: Duration,
    /// Bound on each run; zero means none.
    pub run_timeout: Duration,
    /// Bound on each workflow task.
    pub task_timeout: Duration,
    /// Whether and how a failed run is followed by another.
    pub retry: Option<RetryPolicy>,
    /// A cron expression, or empty.
    pub cron: String,
    /// How long the first workflow task waits.
    pub start_delay: Duration,
    /// Against the id's last closed run.
    pub reuse: IdReusePolicy,
    /// Against the id's open run.
    pub conflict: IdConflictPolicy,
    /// Makes a repeated start harmless.
    pub request_id: RequestId,
    /// Who asks.
    pub identity: String,
    /// Summary and details for people.
    pub user_metadata: Option<Proto<UserMetadata>>,
    /// Links to whatever caused this.
    pub links: Vec<Proto<Link>>,
    /// Who to tell when the chain closes.
    pub callbacks: Vec<Proto<Callback>>,
    /// Priority and fairness.
    pub priority: Option<Proto<Priority>>,
    /// Which version it runs on, if not the one that its queue is routed to.
    pub versioning_override: Option<Proto<VersioningOverride>>,
    /// Whether the caller would run the first workflow task itself.
    pub eager: bool,
    /// With [`IdConflictPolicy::UseExisting`]: attach to the open run.
    pub on_conflict: Option<OnConflict>,
}

/// What a start that finds an open run leaves on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnConflict {
    /// The request id, so that a repeated start is known.
    pub attach_request_id: bool,
    /// The completion callbacks.
    pub attach_callbacks: bool,
    /// The links.
    pub attach_links: bool,
}

/// A signal.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalRequest {
    /// To whom.
    pub target: Target,
    /// The signal's name.
    pub name: String,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Headers for interceptors.
    pub header: Option<Header>,
    /// Who asks.
    pub identity: String,
    /// Makes a repeated signal harmless; empty means no dedupe.
    pub request_id: RequestId,
    /// Links to whatever caused this.
    pub links: Vec<Link>,
}

/// A request to cancel.
#[derive(Clone, Debug, PartialEq)]
pub struct CancelRequest {
    /// Whom.
    pub target: Target,
    /// If given, the chain that is meant.
    pub first_run: Option<RunId>,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub identity: String,
    /// Makes a repeated request harmless.
    pub request_id: RequestId,
}

/// A request to end a run at once.
#[derive(Clone, Debug, PartialEq)]
pub struct TerminateRequest {
    /// Whom.
    pub target: Target,
    /// If given, the chain that is meant.
    pub first_run: Option<RunId>,
    /// Why.
    pub reason: String,
    /// Details for whoever reads the history.
    pub details: Option<Payloads>,
    /// Who asks.
    pub identity: String,
}

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryRequest {
    /// Whom.
    pub target: Target,
    /// Name and arguments.
    pub query: WorkflowQuery,
    /// In which states of the run the caller does not want an answer.
    pub reject: QueryRejectCondition,
}

/// A read of a history, perhaps waiting for more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRequest {
    /// Whose.
    pub target: Target,
    /// The first event wanted.
    pub from: EventId,
    /// If `from` is not there yet and the run is open, wait for it.
    pub wait: bool,
    /// Only the close event.
    pub close_event_only: bool,
}

/// A worker's answer to a workflow task.
#[derive(Clone, Debug, PartialEq)]
pub struct CompleteWorkflowTask {
    /// Which task.
    pub token: TaskToken,
    /// What the workflow code decided, each parsed; a command that does not parse stops the completion there.
    pub commands: Vec<Result<Command, CommandError>>,
    /// Who answers.
    pub identity: String,
    /// The worker's own queue, if it keeps the run in its cache.
    pub sticky: Option<StickyRequest>,
    /// Give me the next workflow task with the reply if there is one.
    pub return_new_task: bool,
    /// Make a new workflow task even if nothing happened.
    pub force_new_task: bool,
    /// Answers to the updates that came with the task.
    pub messages: Vec<UpdateMessage>,
    /// Whether the worker forgets the task, with the events that came with it, when it is told to.
    pub can_discard: bool,
    /// Answers to the queries that came with the task.
    pub query_results: BTreeMap<String, WorkflowQueryResult>,
    /// Flags that the SDK wants back at replay.
    pub sdk_metadata: Option<WorkflowTaskCompletedMetadata>,
    /// Build id of the worker, empty if unversioned.
    pub binary_checksum: String,
    /// The worker's build, as SDKs read it at replay.
    pub worker_version: Option<WorkerVersionStamp>,
    /// Which part of it this is, if it comes in several.
    pub page: Page,
    /// The worker's deployment, and whether it is versioned.
    pub deployment: Option<WorkerDeployment>,
    /// The behaviour that the workflow chooses; only of a versioned worker.
    pub versioning_behavior: VersioningBehavior,
}

/// Why a command cannot be carried out: the workflow task fails with this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// Temporal's cause.
    pub cause: WorkflowTaskFailedCause,
    /// What is wrong, for people.
    pub detail: String,
}

/// A worker's own task queue and how long a task may lie there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StickyRequest {
    /// The queue that only this worker polls.
    pub queue: TaskQueueName,
    /// How long a task may wait there before it goes back to the normal queue.
    pub schedule_to_start: Duration,
}

/// The deployment of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerDeployment {
    /// Its name.
    pub name: String,
    /// Its build; `None` if the worker is not versioned.
    pub version: Option<Version>,
}

/// A part of a completion that is too big for one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Counts them from 0; the last one says how many came before it.
    pub number: u32,
    /// Whether it is not the last one.
    pub more: bool,
    /// Its bytes on the wire.
    pub bytes: usize,
}

/// A worker could not finish a workflow task.
#[derive(Clone, Debug, PartialEq)]
pub struct FailWorkflowTask {
    /// Which task.
    pub token: TaskToken,
    /// Temporal's cause.
    pub cause: WorkflowTaskFailedCause,
    /// What went wrong.
    pub failure: Option<Failure>,
    /// Who answers.
    pub identity: String,
}

/// A message of a worker about an update.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateMessage {
    /// Its name in its completion, by which a command gives it its place.
    pub id: String,
    /// Which update.
    pub update_id: UpdateId,
    /// What it says; one that does not parse fails the workflow task when its turn comes.
    pub body: Result<UpdateAnswer, CommandError>,
}

/// What a worker says to an update.
#[derive(Clone, Debug, PartialEq)]
pub enum UpdateAnswer {
    /// The code takes it.
    Accept(Box<wire::Acceptance>),
    /// The code does not take it.
    Reject(Box<wire::Rejection>),
    /// The code has done it.
    Respond(Box<wire::Response>),
}

/// How far an update is, as callers ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpdateStage {
    /// The server knows of it. Nobody can wait for this: it is as far as every update is at least.
    Admitted,
    /// The workflow's code has taken it.
    Accepted,
    /// It has an outcome: the workflow's code has done it, or has refused it.
    Completed,
}

/// An update.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateRequest {
    /// Whom.
    pub target: Target,
    /// If given, the chain that is meant.
    pub first_run: Option<RunId>,
    /// Makes a repeated request harmless.
    pub update_id: UpdateId,
    /// The request as workers and histories see it; its meta has the update id.
    pub request: Arc<wire::Request>,
    /// What the caller waits for.
    pub stage: UpdateStage,
}

/// A question for the progress of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollUpdate {
    /// Whose.
    pub target: Target,
    /// Which update.
    pub update_id: UpdateId,
    /// What the caller waits for; [`UpdateStage::Admitted`] is not waited for.
    pub stage: UpdateStage,
}

/// Something about one attempt of an activity.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityRequest {
    /// Which activity.
    pub target: ActivityTarget,
    /// What about it.
    pub action: ActivityAction,
    /// Who says so.
    pub identity: String,
}

/// An activity, by the token of an attempt or by its id.
#[derive(Clone, Debug, PartialEq)]
pub enum ActivityTarget {
    /// The attempt that this token was given to.
    Token(TaskToken),
    /// The pending activity with this id.
    ById(Target, ActivityId),
}

impl ActivityTarget {
    /// The execution that the activity belongs to.
    #[must_use]
    pub fn key(&self) -> &ExecutionKey {
        match self {
            Self::Token(token) => &token.run.execution,
            Self::ById(target, _) => &target.key,
        }
    }
}

/// What is said about an attempt.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one per request, taken apart at once"
)]
pub enum ActivityAction {
    /// It completed.
    Complete(Option<Payloads>),
    /// It failed; the details of its last heartbeat may come along.
    Fail(Option<Failure>, Option<Payloads>),
    /// It stopped because it was asked to.
    Cancel(Option<Payloads>),
    /// It is alive.
    Heartbeat(Option<Payloads>),
}

/// One payload, as metadata and details carry it.
pub type Details = Option<Payload>;
