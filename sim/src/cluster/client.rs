//! A client process: starts workflows, signals, queries, cancels, terminates, and waits for results.
//!
//! A client repeats each request, with the same request id, until it knows the outcome. Clients do not crash: they are
//! the memory of what was acknowledged.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use steadfast_core::{
    ExecutionKey, Rejection, Timestamp, schedule::SCHEDULE_PREFIX, time::duration_to_proto,
};
use steadfast_proto::temporal::api::{
    common::v1::{Header, Payload, Payloads, RetryPolicy, WorkflowExecution, WorkflowType},
    enums::v1::{HistoryEventFilterType, WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    history::v1::history_event::Attributes,
    query::v1::WorkflowQuery,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        DescribeScheduleRequest, GetWorkflowExecutionHistoryRequest, QueryWorkflowRequest,
        RequestCancelWorkflowExecutionRequest, SignalWithStartWorkflowExecutionRequest,
        SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest,
        TerminateWorkflowExecutionRequest,
    },
};

use super::{
    activity::encode,
    caller::Caller,
    observe::{Observation, Watch},
    schedules::{self, Asking},
    topology::Topology,
    weather::Weather,
    wire::{Answer, CallId, Rpc, Wire},
    workload::{Job, Progress, What},
};
use crate::{
    kernel::{Ctx, Peer, Process},
    scenario::{
        ClusterFault, IdConflict, IdReuse, OperationKind, ScheduleStep, WorkflowStart, fill,
        fill_value,
    },
};

/// How a client is made.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Who is where.
    pub topology: Rc<RefCell<Topology>>,
    /// Whom to tell.
    pub watch: Watch,
    /// What goes wrong.
    pub weather: Weather,
    /// What it has to do.
    pub jobs: Rc<Vec<Job>>,
    /// How far everybody is.
    pub progress: Progress,
    /// The wall clock at the beginning of the world.
    pub start: Timestamp,
    /// Its name.
    pub name: String,
}

/// What a call is about.
#[derive(Clone, Debug)]
enum About {
    /// A job, by its place in the list.
    Job(usize),
    /// The end of a workflow.
    Close(Wait),
    /// A repeated request: its answer changes nothing.
    Again,
}

/// What a client waits for: the end of a run, or that a schedule has nothing more to do.
#[derive(Clone, Debug)]
struct Wait {
    /// The job, by its place in the list.
    place: usize,
    /// The run whose end is awaited; empty for a schedule.
    run_id: String,
    /// For how long at a time.
    held: Duration,
}

impl Wait {
    fn new(place: usize, run_id: String) -> Self {
        Self {
            place,
            run_id,
            held: FIRST_WAIT,
        }
    }
}

const FIRST_WAIT: Duration = Duration::from_secs(20);
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

const CALLS: u64 = 1 << 32;
const WAITS: u64 = 2 << 32;
/// A target without an entry, a child for instance, is asked again so often while it does not exist.
const TRIES: u32 = 30;
const TRY_AGAIN: Duration = Duration::from_secs(1);
const QUERY_HEADER: &str = "steadfast-query";

/// A client process.
#[derive(Debug)]
pub struct ClientNode {
    config: ClientConfig,
    caller: Caller<About>,
    /// Jobs that wait for the start of their workflow.
    waiting: BTreeMap<String, Vec<usize>>,
    started: BTreeMap<String, bool>,
    tries: BTreeMap<usize, u32>,
    /// Waits between two looks.
    resting: BTreeMap<u64, Wait>,
    next_wait: u64,
}

impl ClientNode {
    /// A new process.
    #[must_use]
    pub fn new(config: ClientConfig, me: Peer) -> Self {
        Self {
            caller: Caller::new(me.generation, CALLS),
            waiting: BTreeMap::new(),
            started: BTreeMap::new(),
            tries: BTreeMap::new(),
            resting: BTreeMap::new(),
            next_wait: 0,
            config,
        }
    }

    fn begin(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize) {
        let jobs = Rc::clone(&self.config.jobs);
        let job = &jobs[place];
        if job.after_start && !self.started.contains_key(&job.workflow_id) {
            self.waiting
                .entry(job.workflow_id.clone())
                .or_default()
                .push(place);
            return;
        }
        let to = self.config.topology.borrow().engine_of(&job.workflow_id);
        let rpc = self.request(ctx, job);
        if let Rpc::Start(start) = &rpc
            && self
                .config
                .weather
                .strikes(ctx.chance(), ClusterFault::DuplicateStart, ctx.node())
        {
            let rival = rival(start.clone());
            self.caller.call(ctx, to, Rpc::Start(rival), About::Again);
        }
        self.caller.call(ctx, to, rpc, About::Job(place));
    }

    /// The client's own clock.
    fn now(&self, ctx: &Ctx<'_, Wire>) -> Timestamp {
        let start = self.config.start.as_nanos();
        Timestamp::from_nanos(start.saturating_add(ctx.now().as_nanos()))
    }

    fn request(&self, ctx: &Ctx<'_, Wire>, job: &Job) -> Rpc {
        let namespace = self.config.topology.borrow().namespace.clone();
        let identity = self.config.name.clone();
        let request_id = format!("{identity}-{}", job.number);
        let workflow_execution = Some(WorkflowExecution {
            workflow_id: job.workflow_id.clone(),
            run_id: String::new(),
        });
        let input = |value: &Option<serde_json::Value>| payloads(value.as_ref(), job.instance);
        let kind = match &job.what {
            What::Start(entry) => {
                return Rpc::Start(start(entry, job, namespace, identity, request_id));
            }
            What::Operate(kind, entry) => (&**kind, entry),
        };
        match kind {
            (
                OperationKind::Signal {
                    signal,
                    input: value,
                    ..
                },
                _,
            ) => Rpc::Signal(SignalWorkflowExecutionRequest {
                namespace,
                workflow_execution,
                signal_name: signal.clone(),
                input: input(value),
                identity,
                request_id,
                ..SignalWorkflowExecutionRequest::default()
            }),
            (
                OperationKind::SignalWithStart {
                    signal,
                    input: value,
                    ..
                },
                Some(entry),
            ) => {
                let start = start(entry, job, namespace, identity, request_id);
                Rpc::SignalWithStart(SignalWithStartWorkflowExecutionRequest {
                    signal_name: signal.clone(),
                    signal_input: input(value),
                    ..with_signal(start)
                })
            }
            (
                OperationKind::Query {
                    query,
                    input: value,
                    ..
                },
                _,
            ) => {
                let id = u64::from(job.number);
                let key = ExecutionKey::new(namespace.as_str(), job.workflow_id.as_str());
                let asked = Observation::QueryAsked { id, key: &key };
                self.config.watch.see(ctx.true_time(), &asked);
                Rpc::Query(QueryWorkflowRequest {
                    namespace,
                    execution: workflow_execution,
                    query: Some(WorkflowQuery {
                        query_type: query.clone(),
                        query_args: input(value),
                        header: Some(query_header(id)),
                    }),
                    ..QueryWorkflowRequest::default()
                })
            }
            (OperationKind::Cancel { reason, .. }, _) => {
                Rpc::Cancel(RequestCancelWorkflowExecutionRequest {
                    namespace,
                    workflow_execution,
                    identity,
                    request_id,
                    reason: reason.clone(),
                    ..RequestCancelWorkflowExecutionRequest::default()
                })
            }
            (OperationKind::Terminate { reason, .. }, _) => {
                Rpc::Terminate(TerminateWorkflowExecutionRequest {
                    namespace,
                    workflow_execution,
                    identity,
                    reason: reason.clone(),
                    ..TerminateWorkflowExecutionRequest::default()
                })
            }
            (OperationKind::Schedule { schedule, step }, entry) => {
                let start = entry.as_ref().map(|entry| {
                    let action = Job {
                        workflow_id: fill(&entry.id, job.instance),
                        ..job.clone()
                    };
                    start(entry, &action, String::new(), String::new(), String::new())
                });
                schedules::request(
                    step,
                    Asking {
                        namespace,
                        schedule_id: schedule.clone(),
                        identity,
                        request_id,
                        start,
                        now: self.now(ctx),
                    },
                )
            }
            (OperationKind::SignalWithStart { .. } | OperationKind::Deploy { .. }, _) => {
                unreachable!("a scenario is checked when it is read, and clients do not deploy")
            }
        }
    }

    fn answered(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        call: CallId,
        answer: Rc<Result<Answer, Rejection>>,
    ) {
        let Some((rpc, about)) = self.caller.answered(ctx, call, &answer) else {
            return;
        };
        if let Ok(answer) = &*answer {
            self.config
                .watch
                .acknowledged(ctx.true_time(), &rpc, answer);
        }
        match about {
            About::Again => {}
            About::Job(place) => {
                let retried = ClusterFault::ClientRetry;
                if self
                    .config
                    .weather
                    .strikes(ctx.chance(), retried, ctx.node())
                {
                    let id = &self.config.jobs[place].workflow_id;
                    let to = self.config.topology.borrow().engine_of(id);
                    self.caller.hold(ctx, to, Duration::ZERO, rpc, About::Again);
                }
                self.job_answered(ctx, place, &answer);
            }
            About::Close(wait) => self.close_answered(ctx, wait, &answer),
        }
    }

    fn job_answered(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        place: usize,
        answer: &Result<Answer, Rejection>,
    ) {
        match answer {
            Ok(Answer::Start(answer)) => self.was_started(ctx, place, answer.run_id.clone()),
            Ok(Answer::SignalWithStart(answer)) => {
                self.was_started(ctx, place, answer.run_id.clone());
            }
            Err(Rejection::AlreadyStarted { run_id, .. }) => {
                self.was_started(ctx, place, run_id.to_string());
            }
            Ok(Answer::CreateSchedule(_)) => self.was_created(ctx, place),
            Err(Rejection::AlreadyStarted { .. }) if self.makes_schedule(place) => {
                self.was_created(ctx, place);
            }
            Ok(Answer::Query(_)) => {
                let id = u64::from(self.config.jobs[place].number);
                self.config
                    .watch
                    .see(ctx.true_time(), &Observation::QueryAnswered { id });
                self.finish(place);
            }
            Ok(_) => self.finish(place),
            Err(rejection) => self.refused(ctx, place, rejection),
        }
    }

    fn was_started(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize, run_id: String) {
        let jobs = Rc::clone(&self.config.jobs);
        let id = &jobs[place].workflow_id;
        self.started.insert(id.clone(), true);
        for waiting in self.waiting.remove(id).unwrap_or_default() {
            self.begin(ctx, waiting);
        }
        self.await_close(ctx, Wait::new(place, run_id));
    }

    fn makes_schedule(&self, place: usize) -> bool {
        match &self.config.jobs[place].what {
            What::Operate(kind, _) => matches!(
                &**kind,
                OperationKind::Schedule {
                    step: ScheduleStep::Create(_),
                    ..
                }
            ),
            What::Start(_) => false,
        }
    }

    fn was_created(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize) {
        let jobs = Rc::clone(&self.config.jobs);
        let id = &jobs[place].workflow_id;
        self.started.insert(id.clone(), true);
        for waiting in self.waiting.remove(id).unwrap_or_default() {
            self.begin(ctx, waiting);
        }
        self.look_at_schedule(ctx, Wait::new(place, String::new()));
    }

    /// Asks whether a schedule has anything left to do.
    fn look_at_schedule(&mut self, ctx: &mut Ctx<'_, Wire>, wait: Wait) {
        let topology = self.config.topology.borrow();
        let id = &self.config.jobs[wait.place].workflow_id;
        let to = topology.engine_of(id);
        let rpc = Rpc::DescribeSchedule(DescribeScheduleRequest {
            namespace: topology.namespace.clone(),
            schedule_id: id.trim_start_matches(SCHEDULE_PREFIX).to_owned(),
        });
        drop(topology);
        self.caller.call(ctx, to, rpc, About::Close(wait));
    }

    /// Waits for the event that closes the run.
    fn await_close(&mut self, ctx: &mut Ctx<'_, Wire>, wait: Wait) {
        let topology = self.config.topology.borrow();
        let workflow_id = self.config.jobs[wait.place].workflow_id.clone();
        let to = topology.engine_of(&workflow_id);
        let rpc = Rpc::History(GetWorkflowExecutionHistoryRequest {
            namespace: topology.namespace.clone(),
            execution: Some(WorkflowExecution {
                workflow_id,
                run_id: wait.run_id.clone(),
            }),
            wait_new_event: true,
            history_event_filter_type: HistoryEventFilterType::CloseEvent.into(),
            ..GetWorkflowExecutionHistoryRequest::default()
        });
        drop(topology);
        self.caller
            .hold(ctx, to, wait.held, Rc::new(rpc), About::Close(wait));
    }

    /// A wait has ended: with the close event, or for nothing. Then the client looks away for as long as it has
    /// waited, so that the engine may forget the workflow, and waits again for twice as long.
    fn close_answered(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        mut wait: Wait,
        answer: &Result<Answer, Rejection>,
    ) {
        match answer {
            Ok(Answer::DescribeSchedule(described)) if schedules::is_done(described) => {
                return self.finish(wait.place);
            }
            // It was deleted.
            Err(_) if wait.run_id.is_empty() => return self.finish(wait.place),
            _ => {}
        }
        let event = match answer {
            Ok(Answer::History(page)) => page.history.as_ref().and_then(|h| h.events.last()),
            _ => None,
        };
        if let Some(attributes) = event.and_then(|event| event.attributes.as_ref()) {
            match successor(attributes) {
                Some(next) => self.await_close(ctx, Wait::new(wait.place, next.to_owned())),
                None => self.finish(wait.place),
            }
            return;
        }
        let token = WAITS | self.next_wait;
        self.next_wait += 1;
        ctx.set_timer(wait.held, token);
        wait.held = (wait.held * 2).min(LONGEST_WAIT);
        self.resting.insert(token, wait);
    }

    /// The engine refused. What does not exist may come to exist.
    fn refused(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize, rejection: &Rejection) {
        let job = &self.config.jobs[place];
        let may_change = match rejection {
            Rejection::NotFound(_) => !job.after_start,
            Rejection::NotReady(_) => true,
            _ => false,
        };
        let tries = self.tries.entry(place).or_default();
        *tries += 1;
        if may_change && *tries < TRIES {
            ctx.set_timer(TRY_AGAIN, place as u64);
        } else {
            self.finish(place);
        }
    }

    fn finish(&mut self, place: usize) {
        self.config.progress.done(self.config.jobs[place].number);
    }
}

impl Process<Wire> for ClientNode {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Wire>) {
        let jobs = Rc::clone(&self.config.jobs);
        for (place, job) in jobs.iter().enumerate() {
            ctx.set_timer(job.at, place as u64);
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Wire>, from: Peer, message: Wire) {
        match message {
            Wire::Hello => self.caller.reconnect(ctx, from.node),
            Wire::Answer(call, answer) => self.answered(ctx, call, answer),
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        if self.caller.on_timer(ctx, token) {
            return;
        }
        if let Some(wait) = self.resting.remove(&token) {
            if wait.run_id.is_empty() {
                self.look_at_schedule(ctx, wait);
            } else {
                self.await_close(ctx, wait);
            }
        } else if let Ok(place) = usize::try_from(token) {
            self.begin(ctx, place);
        }
    }
}

/// The number by which a query is known to the checkers.
pub(super) fn query_id(query: &WorkflowQuery) -> Option<u64> {
    let payload = query.header.as_ref()?.fields.get(QUERY_HEADER)?;
    std::str::from_utf8(&payload.data).ok()?.parse().ok()
}

fn query_header(id: u64) -> Header {
    let payload = Payload {
        data: id.to_string().into_bytes().into(),
        ..Payload::default()
    };
    Header {
        fields: [(QUERY_HEADER.to_owned(), payload)].into(),
    }
}

fn payloads(value: Option<&serde_json::Value>, instance: u32) -> Option<Payloads> {
    let value = fill_value(value?, instance);
    encode(&value).ok()
}

/// A start of the same workflow by somebody else, who only wants it if nobody had it.
fn rival(mut start: StartWorkflowExecutionRequest) -> StartWorkflowExecutionRequest {
    start.request_id.push_str("-rival");
    start.workflow_id_reuse_policy = WorkflowIdReusePolicy::RejectDuplicate.into();
    start.workflow_id_conflict_policy = WorkflowIdConflictPolicy::Fail.into();
    start
}

fn start(
    entry: &WorkflowStart,
    job: &Job,
    namespace: String,
    identity: String,
    request_id: String,
) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace,
        workflow_id: job.workflow_id.clone(),
        workflow_type: Some(WorkflowType {
            name: entry.workflow.clone(),
        }),
        task_queue: Some(TaskQueue {
            name: fill(&entry.task_queue, job.instance),
            ..TaskQueue::default()
        }),
        input: payloads(entry.input.as_ref(), job.instance),
        workflow_execution_timeout: entry.timeouts.execution.map(duration_to_proto),
        workflow_run_timeout: entry.timeouts.run.map(duration_to_proto),
        workflow_task_timeout: entry.timeouts.task.map(duration_to_proto),
        identity,
        request_id,
        workflow_id_reuse_policy: match entry.reuse {
            IdReuse::AllowDuplicate => WorkflowIdReusePolicy::AllowDuplicate,
            IdReuse::AllowDuplicateFailedOnly => WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
            IdReuse::RejectDuplicate => WorkflowIdReusePolicy::RejectDuplicate,
        }
        .into(),
        workflow_id_conflict_policy: match entry.conflict {
            IdConflict::Fail => WorkflowIdConflictPolicy::Fail,
            IdConflict::UseExisting => WorkflowIdConflictPolicy::UseExisting,
            IdConflict::TerminateExisting => WorkflowIdConflictPolicy::TerminateExisting,
        }
        .into(),
        retry_policy: entry.retry.as_ref().map(|retry| RetryPolicy {
            initial_interval: Some(duration_to_proto(retry.initial)),
            backoff_coefficient: retry.backoff,
            maximum_interval: retry.maximum.map(duration_to_proto),
            maximum_attempts: i32::try_from(retry.attempts).unwrap_or(i32::MAX),
            non_retryable_error_types: retry.non_retryable.clone(),
        }),
        cron_schedule: entry.cron.clone().unwrap_or_default(),
        workflow_start_delay: entry.start_delay.map(duration_to_proto),
        ..StartWorkflowExecutionRequest::default()
    }
}

/// The fields that a signal-with-start has in common with a start.
fn with_signal(start: StartWorkflowExecutionRequest) -> SignalWithStartWorkflowExecutionRequest {
    SignalWithStartWorkflowExecutionRequest {
        namespace: start.namespace,
        workflow_id: start.workflow_id,
        workflow_type: start.workflow_type,
        task_queue: start.task_queue,
        input: start.input,
        workflow_execution_timeout: start.workflow_execution_timeout,
        workflow_run_timeout: start.workflow_run_timeout,
        workflow_task_timeout: start.workflow_task_timeout,
        identity: start.identity,
        request_id: start.request_id,
        workflow_id_reuse_policy: start.workflow_id_reuse_policy,
        workflow_id_conflict_policy: WorkflowIdConflictPolicy::UseExisting.into(),
        retry_policy: start.retry_policy,
        cron_schedule: start.cron_schedule,
        workflow_start_delay: start.workflow_start_delay,
        ..SignalWithStartWorkflowExecutionRequest::default()
    }
}

/// The run that goes on after a close event, if any.
fn successor(attributes: &Attributes) -> Option<&str> {
    let next = match attributes {
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(a) => &a.new_execution_run_id,
        Attributes::WorkflowExecutionCompletedEventAttributes(a) => &a.new_execution_run_id,
        Attributes::WorkflowExecutionFailedEventAttributes(a) => &a.new_execution_run_id,
        Attributes::WorkflowExecutionTimedOutEventAttributes(a) => &a.new_execution_run_id,
        _ => return None,
    };
    (!next.is_empty()).then_some(next.as_str())
}
