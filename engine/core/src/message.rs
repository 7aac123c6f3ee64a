//! What the machines say to each other. Every message may be lost, doubled, late or overtaken.
//!
//! | from → to | message | sent again until | taken twice |
//! |---|---|---|---|
//! | shard → matching | `Offer` | `OfferTaken` of this matching's incarnation | the task is in the queue once |
//! | shard → matching | `Withdraw` | never: a claim of a task that is gone is refused | nothing |
//! | shard → matching | `Query` | never: the caller's long poll ends and asks again | answered once |
//! | matching → shard | `Claim` | `ClaimAnswer` | same claim: same start, same reply |
//! | shard → matching | `Routing` | `RoutingTaken` | the newer one counts |
//! | shard → shard | `Outbox` | `OutboxAnswer` | the receiver's own rule (request ids, pending maps) |

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::{Header, Payloads},
    failure::v1::Failure,
    query::v1::WorkflowQuery,
};

use crate::{
    batch::BatchWork,
    deployment::RoutingUpdate,
    effect::ReplyTo,
    ids::{
        Epoch, EventId, ExecutionKey, Namespace, RequestId, RunId, RunKey, ShardId, TaskQueueName,
    },
    nexus::NexusClosed,
    policy::ParentClosePolicy,
    record::Proto,
    request::StartRequest,
    schedule::{Asked, Last},
    time::Timestamp,
    versioning::{Route, Version},
};

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Address {
    /// The owner of a shard.
    Shard(ShardId),
    /// The matching machine.
    Matching,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Who says it.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// The sender's epoch; for matching its incarnation.
    pub epoch: Epoch,
    /// Counts the sender's messages in this epoch.
    pub sequence: u64,
    /// What is said.
    pub message: Message,
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A task waits for a poller.
    Offer(Box<Offer>),
    /// A task waits no longer.
    Withdraw(TaskRef),
    /// The task is in the queue of this incarnation of matching.
    OfferTaken(TaskRef),
    /// Matching starts with empty queues: offer everything again.
    MatchingStarted,
    /// A poller wants this task.
    Claim(Box<Claim>),
    /// The claim was carried out (the poller has been answered), or the task is gone and the poller is free again.
    ClaimAnswer {
        /// Which claim.
        claim: ClaimId,
        /// Which task.
        task: TaskRef,
        /// Whether the poller has been answered.
        started: bool,
    },
    /// A query for an idle run waits for a poller.
    Query(Box<QueryOffer>),
    /// Work for an execution of another (or the same) shard.
    Outbox(Box<OutboxItem>),
    /// What came of it.
    OutboxAnswer(Box<OutboxAnswer>),
    /// How the queues of a worker deployment are routed.
    Routing(Box<RoutingUpdate>),
    /// Matching has taken the routing of this revision.
    RoutingTaken(ExecutionKey, u64),
}

/// Workflow tasks and activity tasks have queues of their own under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TaskKind {
    /// For workflow code.
    Workflow,
    /// For activity code.
    Activity,
    /// For Nexus handlers.
    Nexus,
}

/// A task as shards and matching name it. An attempt that is over makes a different task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskRef {
    /// What kind.
    pub kind: TaskKind,
    /// Whose.
    pub run: RunKey,
    /// Its scheduled event (for a transient workflow task, the id that event will get).
    pub scheduled: EventId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Grows when the same attempt must be dispatched anew.
    pub stamp: u32,
}

/// A queue of tasks of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueKey {
    /// The namespace.
    pub namespace: Namespace,
    /// The kind.
    pub kind: TaskKind,
    /// The name.
    pub name: TaskQueueName,
    /// The version of the workers that poll it; `None` if they have none.
    pub version: Option<Version>,
}

/// A task and the queue it waits in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The task.
    pub task: TaskRef,
    /// Its queue.
    pub queue: QueueKey,
    /// For a sticky queue: where the task goes when nobody polls that one.
    pub fallback: Option<QueueKey>,
    /// How matching finds the version of the workers that it is for.
    pub route: Route,
}

/// Names one try of matching to start a task for a poller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClaimId {
    /// Which incarnation of matching.
    pub incarnation: u64,
    /// Counts its claims.
    pub number: u64,
}

/// A poller wants a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Names this try.
    pub claim: ClaimId,
    /// The task.
    pub task: TaskRef,
    /// The queue that was polled.
    pub queue: QueueKey,
    /// Where the poller waits.
    pub reply_to: ReplyTo,
    /// The poll's own id: the same poll gets the same start again.
    pub request_id: RequestId,
    /// Who polls.
    pub identity: String,
    /// The version that new work of the queue goes to.
    pub target: Option<Version>,
}

/// A query on its way to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryOffer {
    /// Whose state.
    pub run: RunKey,
    /// The name of its code.
    pub workflow_type: String,
    /// The run's normal queue.
    pub queue: QueueKey,
    /// The worker that has it in its cache, if one does.
    pub sticky: Option<StickyQuery>,
    /// How matching finds the version of the workers that it is for.
    pub route: Route,
    /// The last event that the answer must know of.
    pub last_event: EventId,
    /// The last completed workflow task's started event.
    pub previous_started: EventId,
    /// Name and arguments.
    pub query: WorkflowQuery,
    /// Where the caller waits.
    pub reply_to: ReplyTo,
}

/// A query goes to the worker with a cache first, but not for long.
#[derive(Clone, Debug, PartialEq)]
pub struct StickyQuery {
    /// The queue that only this worker polls.
    pub queue: QueueKey,
    /// How long to wait there, for the answer too, before the query goes to the normal queue.
    pub patience: Duration,
}

/// Work that a run has for another execution: durable in the sender, done at least once, harmless when repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxItem {
    /// Whose work.
    pub from: RunKey,
    /// Which piece of it.
    pub number: u64,
    /// For whom.
    pub to: ExecutionKey,
    /// What to do.
    pub work: OutboxWork,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OutboxWork {
    /// Create a child's first run, without a workflow task yet.
    StartChild {
        /// The child.
        start: Box<StartRequest>,
        /// The parent's `StartChildWorkflowExecutionInitiated`.
        initiated: EventId,
        /// The workflow at the top of the tree.
        root: RunKey,
        /// The child's fate if the parent is gone.
        policy: ParentClosePolicy,
        /// The version that the parent stays on.
        version: Option<Version>,
    },
    /// The child's run exists: may it begin?
    ChildCreated {
        /// The parent's run that started the child.
        parent_run: RunId,
        /// The parent's `StartChildWorkflowExecutionInitiated`.
        initiated: EventId,
        /// The child's fate if the parent is gone.
        policy: ParentClosePolicy,
    },
    /// The parent closed.
    ParentClosed {
        /// The child's first run.
        first_run: RunId,
        /// What the child's fate is.
        policy: ParentClosePolicy,
    },
    /// The chain of a child ended.
    ChildClosed(Box<ChildClosed>),
    /// Signal another execution.
    SignalExternal {
        /// Its run; `None` means the current one.
        run_id: Option<RunId>,
        /// Only if it is a child of the sender.
        child_only: bool,
        /// The signal's name.
        name: String,
        /// Its arguments.
        input: Option<Proto<Payloads>>,
        /// Headers for interceptors.
        header: Option<Proto<Header>>,
        /// Makes a repeated delivery harmless.
        request_id: RequestId,
        /// The sender's `SignalExternalWorkflowExecutionInitiated`.
        initiated: EventId,
    },
    /// Ask another execution to cancel.
    CancelExternal {
        /// Its run; `None` means the current one.
        run_id: Option<RunId>,
        /// Only if it is a child of the sender.
        child_only: bool,
        /// Why.
        reason: String,
        /// Makes a repeated delivery harmless.
        request_id: RequestId,
        /// The sender's `RequestCancelExternalWorkflowExecutionInitiated`.
        initiated: EventId,
    },
    /// What a Nexus operation's handler did has ended.
    NexusClosed(Box<NexusClosed>),
    /// Start a schedule's workflow.
    StartScheduled(Box<StartScheduled>),
    /// Ask a schedule's workflow to make room for the next one.
    AskScheduled {
        /// The first run of its chain.
        first_run: RunId,
        /// What.
        ask: Asked,
        /// Who asks.
        identity: String,
    },
    /// The chain of a schedule's workflow ended.
    ScheduledClosed(Box<ScheduledClosed>),
    /// What a batch job wants done.
    Batch(Box<BatchWork>),
}

impl OutboxWork {
    /// Whether this starts a schedule's workflow.
    #[must_use]
    pub fn starts_for_schedule(&self) -> bool {
        matches!(self, Self::StartScheduled(_))
    }
}

/// A start of a schedule's workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartScheduled {
    /// The workflow.
    pub start: StartRequest,
    /// When it was due, with jitter.
    pub due: Timestamp,
    /// Whether it may overlap with others of the schedule.
    pub overlaps: bool,
    /// What it is told of the last one.
    pub last: Last,
}

/// How a chain that a schedule started ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduledClosed {
    /// The incarnation of the schedule that started it.
    pub schedule: RunId,
    /// The piece of the schedule's work that the start was.
    pub number: u64,
    /// The chain's first run.
    pub first_run: RunId,
    /// When its last run began.
    pub started: Timestamp,
    /// How it ended.
    pub outcome: ChildOutcome,
}

/// How a child's chain ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildClosed {
    /// The parent's run that started the child.
    pub parent_run: RunId,
    /// The parent's `StartChildWorkflowExecutionInitiated`.
    pub initiated: EventId,
    /// The chain's last run.
    pub run_id: RunId,
    /// The chain's first run.
    pub first_run: RunId,
    /// The name of the child's code.
    pub workflow_type: String,
    /// How it ended.
    pub outcome: ChildOutcome,
}

/// How a child's chain ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "one per child, inside a boxed message"
)]
pub enum ChildOutcome {
    /// With a result.
    Completed(Option<Proto<Payloads>>),
    /// With a failure and Temporal's `RetryState` number.
    Failed(Option<Proto<Failure>>, i32),
    /// Canceled, with details.
    Canceled(Option<Proto<Payloads>>),
    /// Timed out, with Temporal's `RetryState` number.
    TimedOut(i32),
    /// Terminated.
    Terminated,
}

/// What came of a piece of outbox work.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxAnswer {
    /// Whose work it was.
    pub from: RunKey,
    /// Which piece of it.
    pub number: u64,
    /// What came of it.
    pub result: OutboxResult,
}

/// What came of a piece of outbox work.
#[derive(Clone, Debug, PartialEq)]
pub enum OutboxResult {
    /// Done, or nothing to do.
    Done,
    /// The parent has recorded the child's start: its first workflow task may be scheduled.
    Begin,
    /// The parent has closed, or knows of another run: the parent close policy decides.
    ParentGone,
    /// The child's id is taken.
    ChildExists,
    /// No such execution, or none that can take it.
    NotFound,
    /// The target has had too many signals.
    TooManySignals,
    /// A schedule's workflow was started, now or before.
    Started {
        /// The first run of its chain.
        first_run: RunId,
        /// When that run began.
        at: Timestamp,
    },
    /// A schedule's workflow may not be started: its id is taken.
    Refused,
    /// The child's versioning override says nothing that can be followed.
    BadOverride,
}
