//! One workflow run in a worker's cache: workflow tasks in, commands out.

use std::collections::BTreeMap;

use prost_types::Duration;
use steadfast_proto::temporal::api::{
    command::v1::Command,
    common::v1::Payload,
    enums::v1::{QueryResultType, WorkflowTaskFailedCause},
    failure::v1::Failure,
    history::v1::{HistoryEvent, history_event::Attributes},
    protocol::v1::Message,
    query::v1::{WorkflowQuery, WorkflowQueryResult},
    sdk::v1::WorkflowTaskCompletedMetadata,
};

use crate::{
    error::{ReplayError, Result, Trouble},
    feed::Feed,
    host::{Fault, Instance, Place, application_failure},
    interpreter::Interpreter,
    language::{Job, LocalActivity, Query},
    machines::{local::LocalEnd, update::incoming},
    nondeterminism::NonDeterminism,
    registry::Registry,
    report,
};

/// The SDK that the hosted code is written with, as recorded in `sdk_metadata`.
pub const SDK_NAME: &str = "temporal-rust";
/// Its version.
pub const SDK_VERSION: &str = "1.1.1";

/// The id under which a direct query travels inside.
const DIRECT_QUERY: &str = "legacy_query";

/// What a run is, as the poll response says.
#[derive(Debug, Clone, Default)]
pub struct RunInit {
    /// Namespace of the run.
    pub namespace: String,
    /// Workflow id.
    pub workflow_id: String,
    /// Run id.
    pub run_id: String,
    /// Workflow type; if empty, the history's start event names it.
    pub workflow_type: String,
    /// The task queue that the worker polls: the normal one, not the sticky one.
    pub task_queue: String,
    /// Ask the server to hand activities of the same task queue straight to this worker.
    pub eager_activities: bool,
}

/// One workflow task, as polled. Borrow what the poll response holds and leave the rest at its default.
#[derive(Debug, Clone, Default)]
pub struct Task<'a> {
    /// History: all of it, from event 1, or what is new since `previous_started_event_id`.
    pub events: &'a [HistoryEvent],
    /// The `WorkflowTaskStarted` event of the last completed task; 0 if there is none.
    pub previous_started_event_id: i64,
    /// The `WorkflowTaskStarted` event of this task; 0 for a direct query.
    pub started_event_id: i64,
    /// How often this task has been tried, from 1.
    pub attempt: i32,
    /// Queries that travel with the task, by their ids.
    pub queries: BTreeMap<String, WorkflowQuery>,
    /// A direct query; there is nothing else to do then.
    pub query: Option<WorkflowQuery>,
    /// Protocol messages: update requests.
    pub messages: Vec<Message>,
}

/// What the worker is to answer.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one per workflow task, taken apart at once"
)]
pub enum TaskOutcome {
    /// `RespondWorkflowTaskCompleted`, or `RespondQueryTaskCompleted` if the task had a direct query.
    Completed(Completion),
    /// `RespondWorkflowTaskFailed`, or a failed `RespondQueryTaskCompleted` if the task had a direct query. The run is of
    /// no more use: drop it.
    Failed {
        /// Why, as an enum.
        cause: WorkflowTaskFailedCause,
        /// Why, in words.
        failure: Box<Failure>,
        /// The comparison, if code and history differ.
        nondeterminism: Option<Box<NonDeterminism>>,
    },
    /// Run these local activities, then go on with [`CachedRun::resolve_local`] or, when the task is about to time out,
    /// with [`CachedRun::heartbeat`]. The list is empty when only earlier ones are still running.
    LocalActivities(Vec<LocalActivityCall>),
    /// The events do not continue what this run has seen: fetch the whole history and give the task again.
    NeedsFullHistory,
}

/// The content of a completed workflow task.
#[derive(Debug, Clone, Default)]
pub struct Completion {
    /// Commands, in order.
    pub commands: Vec<Command>,
    /// Protocol messages: answers to updates.
    pub messages: Vec<Message>,
    /// Answers to the task's queries, by their ids.
    pub query_results: BTreeMap<String, WorkflowQueryResult>,
    /// The answer to the direct query.
    pub query: Option<WorkflowQueryResult>,
    /// What the completion records about the worker.
    pub sdk_metadata: Option<WorkflowTaskCompletedMetadata>,
    /// What is left to do about local activities: the run has ended without waiting for these.
    pub local_activities: Vec<LocalActivityCall>,
    /// Ask the server for a new task at once: local activities are still running.
    pub force_create_new_workflow_task: bool,
}

/// What the worker is to do about a local activity.
#[derive(Debug, Clone)]
pub enum LocalActivityCall {
    /// Run it, with its retries.
    Start(Box<LocalActivity>),
    /// Cancel it; a result is still expected, unless it has been given.
    Cancel {
        /// The code's number for it.
        seq: u32,
    },
}

/// How a local activity ended.
#[derive(Debug, Clone)]
pub struct LocalActivityResult {
    /// The code's number for it.
    pub seq: u32,
    /// The outcome of the last attempt.
    pub outcome: LocalActivityOutcome,
    /// How long it took; workflow time moves on by as much.
    pub runtime: Duration,
    /// The last attempt.
    pub attempt: u32,
    /// Set if the next attempt is to wait on a timer for so long.
    pub backoff: Option<Duration>,
}

/// The outcome of a local activity.
#[derive(Debug, Clone)]
pub enum LocalActivityOutcome {
    /// It returned.
    Completed(Option<Payload>),
    /// It failed.
    Failed(Failure),
    /// It took too long.
    TimedOut(Failure),
    /// It was cancelled.
    Cancelled(Failure),
}

impl From<LocalActivityOutcome> for LocalEnd {
    fn from(outcome: LocalActivityOutcome) -> Self {
        match outcome {
            LocalActivityOutcome::Completed(payload) => Self::Completed(payload),
            LocalActivityOutcome::Failed(failure) => Self::Failed(failure),
            LocalActivityOutcome::TimedOut(failure) => Self::TimedOut(failure),
            LocalActivityOutcome::Cancelled(failure) => Self::Cancelled(failure),
        }
    }
}

/// A workflow run with its live code.
///
/// A task with history from event 1 always starts over, so a run whose task failed, or whose completion the server
/// refused, recovers by itself when the full history comes.
#[derive(Debug)]
pub struct CachedRun {
    registry: Registry,
    init: RunInit,
    interpreter: Interpreter,
    instance: Option<Instance>,
    /// The last task did not end well; only a full history helps.
    broken: bool,
    /// The queries of the task at hand, while local activities run.
    queries: BTreeMap<String, WorkflowQuery>,
}

impl CachedRun {
    /// A run that has seen nothing yet. Fails if the workflow type is given and unknown.
    pub fn new(registry: &Registry, init: RunInit) -> Result<Self, ReplayError> {
        if !init.workflow_type.is_empty() && !registry.contains(&init.workflow_type) {
            return Err(unknown_workflow(registry, &init.workflow_type));
        }
        Ok(Self {
            registry: registry.clone(),
            interpreter: Interpreter::new(&init),
            init,
            instance: None,
            broken: false,
            queries: BTreeMap::new(),
        })
    }

    /// What the run is.
    pub fn init(&self) -> &RunInit {
        &self.init
    }

    /// A stable hash over all commands emitted so far: cached or replayed from the start, it is the same.
    pub fn digest(&self) -> u64 {
        self.interpreter.digest()
    }

    /// The last event that has been applied.
    pub fn last_event_id(&self) -> i64 {
        self.interpreter.last_event_id
    }

    /// How long a workflow task of this run may take; ten seconds before the start event has been applied.
    pub fn workflow_task_timeout(&self) -> std::time::Duration {
        let seconds = |timeout: Duration| u64::try_from(timeout.seconds).ok();
        let timeout = self.interpreter.task_timeout().and_then(seconds);
        std::time::Duration::from_secs(timeout.filter(|seconds| *seconds > 0).unwrap_or(10))
    }

    /// Whether the event that closes the run has been applied.
    pub fn is_closed(&self) -> bool {
        self.interpreter.closed
    }

    /// Works one workflow task.
    pub fn task(&mut self, task: Task<'_>) -> TaskOutcome {
        if task.events.first().is_some_and(|first| first.event_id == 1) {
            self.start_over();
        }
        if self.broken || !self.continues(task.events) {
            return TaskOutcome::NeedsFullHistory;
        }
        let mut feed = Feed::new(task.events, self.interpreter.started_event_id);
        match self.work(task, &mut feed) {
            Ok(outcome) => outcome,
            Err(trouble) => self.fail(trouble, &feed),
        }
    }

    /// Continues the task after a local activity has ended.
    pub fn resolve_local(&mut self, result: LocalActivityResult) -> TaskOutcome {
        self.go_on(|run| {
            run.interpreter.end_local(result)?;
            run.catch_up(&mut Feed::new(&[], 0))?;
            run.finish_task()
        })
    }

    /// Completes the task although local activities are running, to get a new one before this one times out.
    pub fn heartbeat(&mut self) -> TaskOutcome {
        self.go_on(|run| {
            let mut completion = run.complete()?;
            completion.force_create_new_workflow_task = true;
            Ok(TaskOutcome::Completed(completion))
        })
    }

    /// The server answered a completion with `reset_history_event_id`: it dropped the task, which only rejected updates.
    pub fn task_dropped(&mut self, reset_history_event_id: i64) {
        self.interpreter.rewind(reset_history_event_id);
    }

    fn go_on(&mut self, step: impl FnOnce(&mut Self) -> Result<TaskOutcome>) -> TaskOutcome {
        if self.broken {
            return TaskOutcome::NeedsFullHistory;
        }
        match step(self) {
            Ok(outcome) => outcome,
            Err(trouble) => self.fail(trouble, &Feed::new(&[], 0)),
        }
    }

    fn start_over(&mut self) {
        if self.interpreter.last_event_id > 0 || self.broken {
            self.interpreter = Interpreter::new(&self.init);
            self.instance = None;
            self.broken = false;
        }
    }

    /// Whether the events leave no gap behind what has been applied.
    fn continues(&self, events: &[HistoryEvent]) -> bool {
        match events.first() {
            Some(first) => first.event_id <= self.interpreter.last_event_id + 1,
            None => self.instance.is_some(),
        }
    }

    fn work(&mut self, task: Task<'_>, feed: &mut Feed<'_>) -> Result<TaskOutcome> {
        let mut requests = Vec::with_capacity(task.messages.len());
        for message in task.messages {
            let cause = WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure;
            requests.push(incoming(message).map_err(|failure| Fault { cause, failure })?);
        }
        self.interpreter
            .begin(task.previous_started_event_id, requests);
        self.catch_up(feed)?;
        if let Some(query) = task.query {
            let query = BTreeMap::from([(DIRECT_QUERY.to_owned(), query)]);
            let answer = self.ask(query)?.into_values().next();
            return Ok(TaskOutcome::Completed(Completion {
                query: answer,
                ..Default::default()
            }));
        }
        self.queries = task.queries;
        self.finish_task()
    }

    /// Completes the task, unless local activities stand in the way.
    fn finish_task(&mut self) -> Result<TaskOutcome> {
        if self.interpreter.waits_for_locals() {
            return Ok(TaskOutcome::LocalActivities(self.interpreter.local_calls()));
        }
        Ok(TaskOutcome::Completed(self.complete()?))
    }

    fn complete(&mut self) -> Result<Completion> {
        let queries = std::mem::take(&mut self.queries);
        let mut completion = Completion {
            query_results: self.ask(queries)?,
            ..Default::default()
        };
        if !self.interpreter.closed {
            completion.commands = self.interpreter.commands();
            completion.messages = self.interpreter.messages();
        }
        completion.local_activities = self.interpreter.local_calls();
        completion.sdk_metadata = Some(self.interpreter.metadata(SDK_NAME, SDK_VERSION));
        Ok(completion)
    }

    /// Applies all of the feed and runs the code wherever history says it ran.
    pub(crate) fn catch_up(&mut self, feed: &mut Feed<'_>) -> Result<()> {
        loop {
            while !self.interpreter.has_jobs() {
                if self.interpreter.advance(feed)? == 0 && !self.interpreter.has_jobs() {
                    return Ok(());
                }
            }
            let mut activation = self.interpreter.activation();
            if let Some(Job::Initialize(_)) = activation.jobs.first() {
                self.instantiate(&mut activation.jobs[0])?;
            }
            let answers = self.live()?.activate(activation)?;
            self.interpreter.take(answers.intents)?;
        }
    }

    fn live(&mut self) -> Result<&mut Instance> {
        self.instance
            .as_mut()
            .ok_or_else(|| Trouble::invalid(0, "the run has no start event"))
    }

    /// Makes the code's instance; the job's content moves into it.
    fn instantiate(&mut self, job: &mut Job) -> Result<()> {
        let Job::Initialize(initialize) = job else {
            return Ok(());
        };
        let kind = initialize
            .attributes
            .workflow_type
            .clone()
            .unwrap_or_default()
            .name;
        if self.init.workflow_type.is_empty() {
            self.init.workflow_type = kind;
        }
        let Some(make) = self.registry.factory(&self.init.workflow_type) else {
            let error = unknown_workflow(&self.registry, &self.init.workflow_type);
            return Err(Fault::code(error.to_string()).into());
        };
        let place = Place {
            namespace: self.init.namespace.clone(),
            task_queue: self.init.task_queue.clone(),
            run_id: self.init.run_id.clone(),
        };
        self.instance = Some(make(place, std::mem::take(&mut **initialize))?);
        Ok(())
    }

    fn ask(
        &mut self,
        queries: BTreeMap<String, WorkflowQuery>,
    ) -> Result<BTreeMap<String, WorkflowQueryResult>> {
        for (id, query) in queries {
            self.interpreter.ask(Job::Query(Box::new(Query {
                id,
                name: query.query_type,
                args: query.query_args.unwrap_or_default().payloads,
                header: query.header,
            })));
        }
        if !self.interpreter.has_jobs() {
            return Ok(BTreeMap::new());
        }
        let activation = self.interpreter.activation();
        let answers = self.live()?.activate(activation)?;
        Ok(answers
            .queries
            .into_iter()
            .map(|(id, answer)| (id, query_result(answer)))
            .collect())
    }

    fn fail(&mut self, trouble: Trouble, feed: &Feed<'_>) -> TaskOutcome {
        self.broken = true;
        let (cause, failure, nondeterminism) = match trouble {
            Trouble::Code(fault) => (fault.cause, fault.failure, None),
            Trouble::Invalid { event_id, why } => {
                let error = ReplayError::InvalidHistory { event_id, why };
                let cause = WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure;
                (
                    cause,
                    Box::new(application_failure(error.to_string())),
                    None,
                )
            }
            Trouble::Mismatch(mismatch) => {
                let report = self.report(*mismatch, feed);
                let text = format!("[TMPRL1100] Nondeterminism error: {}", report.message);
                let cause = WorkflowTaskFailedCause::NonDeterministicError;
                (
                    cause,
                    Box::new(application_failure(text)),
                    Some(Box::new(report)),
                )
            }
        };
        TaskOutcome::Failed {
            cause,
            failure,
            nondeterminism,
        }
    }

    pub(crate) fn report(
        &self,
        mismatch: crate::nondeterminism::Mismatch,
        feed: &Feed<'_>,
    ) -> NonDeterminism {
        report::report(mismatch, &self.interpreter, &self.init, feed.events())
    }

    pub(crate) fn interpreter(&mut self) -> &mut Interpreter {
        &mut self.interpreter
    }
}

pub(crate) fn unknown_workflow(registry: &Registry, name: &str) -> ReplayError {
    ReplayError::UnknownWorkflow {
        name: name.to_owned(),
        registered: registry.names().map(str::to_owned).collect(),
    }
}

fn query_result(answer: Result<Payload, Failure>) -> WorkflowQueryResult {
    match answer {
        Ok(payload) => WorkflowQueryResult {
            result_type: QueryResultType::Answered.into(),
            answer: Some(steadfast_proto::temporal::api::common::v1::Payloads {
                payloads: vec![payload],
            }),
            ..Default::default()
        },
        Err(failure) => WorkflowQueryResult {
            result_type: QueryResultType::Failed.into(),
            error_message: failure.message.clone(),
            failure: Some(failure),
            ..Default::default()
        },
    }
}

/// The start event's attributes, if the history begins as it must.
pub(crate) fn started(
    events: &[HistoryEvent],
) -> Option<&steadfast_proto::temporal::api::history::v1::WorkflowExecutionStartedEventAttributes> {
    match &events.first()?.attributes {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => Some(started),
        _ => None,
    }
}
