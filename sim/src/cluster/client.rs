//! A client process: starts workflows, signals, updates, queries, cancels, terminates, and waits for results.
//!
//! A client repeats each request, with the same request id, until it knows the outcome. Clients do not crash: they are
//! the memory of what was acknowledged.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use steadfast_core::{
    ExecutionKey, Rejection, Timestamp, schedule::SCHEDULE_PREFIX, time::duration_to_proto,
};
use steadfast_proto::temporal::api::{
    common::v1::{Header, Payload, Payloads, RetryPolicy, WorkflowExecution, WorkflowType},
    enums::v1::{
        HistoryEventFilterType, UpdateWorkflowExecutionLifecycleStage as Stage,
        WorkflowExecutionStatus, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
    },
    history::v1::history_event::Attributes,
    query::v1::WorkflowQuery,
    taskqueue::v1::TaskQueue,
    update::v1::{Input, Meta, Request as UpdateBody, UpdateRef, WaitPolicy},
    workflowservice::v1::{
        DescribeScheduleRequest, ExecuteMultiOperationRequest, GetWorkflowExecutionHistoryRequest,
        GetWorkflowExecutionHistoryResponse, ListWorkflowExecutionsRequest,
        PollWorkflowExecutionUpdateRequest, QueryWorkflowRequest,
        RequestCancelWorkflowExecutionRequest, SignalWithStartWorkflowExecutionRequest,
        SignalWorkflowExecutionRequest, StartWorkflowExecutionRequest,
        TerminateWorkflowExecutionRequest, UpdateWorkflowExecutionRequest,
        UpdateWorkflowExecutionResponse,
        execute_multi_operation_request::{Operation, operation},
        execute_multi_operation_response::response,
    },
};

use super::{
    activity::encode,
    caller::Caller,
    observe::{Observation, Watch},
    resets,
    schedules::{self, Asking},
    topology::Topology,
    weather::{CLIENT_LIST, Weather},
    wire::{Answer, CallId, Rpc, Wire},
    workload::{Job, Progress, What},
};
use crate::{
    checkers::{closes, question},
    kernel::{Ctx, Peer, Process, Rate},
    scenario::{
        ClusterFault, IdConflict, IdReuse, OperationKind, ScheduleStep, UpdateWait, WorkflowStart,
        fill, fill_value,
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
/// How long the engine holds a wait for an update. temporal: `history.longPollExpirationInterval`.
const UPDATE_WAIT: Duration = Duration::from_secs(20);
const QUERY_HEADER: &str = "steadfast-query";
/// How often a client looks for what it was told of.
const LOOK: Rate = Rate::per_million(250_000);

/// A client process.
#[derive(Debug)]
pub struct ClientNode {
    config: ClientConfig,
    caller: Caller<About>,
    /// Jobs that wait for the start of their workflow.
    waiting: BTreeMap<String, Vec<usize>>,
    started: BTreeMap<String, bool>,
    tries: BTreeMap<usize, u32>,
    /// The runs that an update-with-start found or made, by its job.
    runs: BTreeMap<usize, String>,
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
            runs: BTreeMap::new(),
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
        let held = if rpc.is_update() {
            UPDATE_WAIT
        } else {
            Duration::ZERO
        };
        self.caller
            .hold(ctx, to, held, Rc::new(rpc), About::Job(place));
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
                OperationKind::Update {
                    update,
                    input: value,
                    wait,
                    ..
                },
                _,
            ) => Rpc::Update(UpdateWorkflowExecutionRequest {
                namespace,
                workflow_execution,
                wait_policy: Some(wait_policy(*wait)),
                request: Some(update_body(request_id, identity, update, input(value))),
                ..UpdateWorkflowExecutionRequest::default()
            }),
            (
                OperationKind::UpdateWithStart {
                    update,
                    input: value,
                    wait,
                    ..
                },
                Some(entry),
            ) => {
                let body = update_body(request_id.clone(), identity.clone(), update, input(value));
                let mut start = start(entry, job, namespace.clone(), identity, request_id);
                start.workflow_id_conflict_policy = WorkflowIdConflictPolicy::UseExisting.into();
                let update = UpdateWorkflowExecutionRequest {
                    namespace: namespace.clone(),
                    workflow_execution,
                    wait_policy: Some(wait_policy(*wait)),
                    request: Some(body),
                    ..UpdateWorkflowExecutionRequest::default()
                };
                let operations = [
                    operation::Operation::StartWorkflow(start),
                    operation::Operation::UpdateWorkflow(update),
                ];
                Rpc::UpdateWithStart(ExecuteMultiOperationRequest {
                    namespace,
                    operations: operations
                        .map(|operation| Operation {
                            operation: Some(operation),
                        })
                        .into(),
                    ..ExecuteMultiOperationRequest::default()
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
            (OperationKind::Reset { .. }, _) => resets::look(namespace, workflow_execution),
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
            (
                OperationKind::SignalWithStart { .. }
                | OperationKind::UpdateWithStart { .. }
                | OperationKind::Deploy { .. },
                _,
            ) => {
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
            Ok(Answer::History(page)) => self.reset(ctx, place, page),
            Ok(Answer::Reset(answer)) => {
                self.await_close(ctx, Wait::new(place, answer.run_id.clone()));
            }
            Ok(Answer::Start(answer)) => self.was_started(ctx, place, answer.run_id.clone()),
            Ok(Answer::SignalWithStart(answer)) => {
                self.was_started(ctx, place, answer.run_id.clone());
            }
            Ok(Answer::CreateSchedule(_)) => self.was_created(ctx, place),
            Err(Rejection::AlreadyStarted { .. }) if self.makes_schedule(place) => {
                self.was_created(ctx, place);
            }
            Err(Rejection::AlreadyStarted { run_id, .. }) => {
                self.was_started(ctx, place, run_id.to_string());
            }
            Ok(Answer::Update(answer)) => self.update_told(ctx, place, answer, None),
            Ok(Answer::PollUpdate(answer)) => {
                let answer = UpdateWorkflowExecutionResponse {
                    update_ref: answer.update_ref.clone(),
                    outcome: answer.outcome.clone(),
                    stage: answer.stage,
                    ..UpdateWorkflowExecutionResponse::default()
                };
                self.update_told(ctx, place, &answer, None);
            }
            Ok(Answer::UpdateWithStart(answer)) => {
                let mut responses = answer.responses.iter().map(|r| r.response.as_ref());
                if let (
                    Some(Some(response::Response::StartWorkflow(start))),
                    Some(Some(response::Response::UpdateWorkflow(update))),
                ) = (responses.next(), responses.next())
                {
                    self.update_told(ctx, place, update, Some(&start.run_id));
                }
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

    /// The history of a workflow that is to be reset is known. One that has done nothing yet may have later.
    fn reset(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        place: usize,
        page: &GetWorkflowExecutionHistoryResponse,
    ) {
        let jobs = Rc::clone(&self.config.jobs);
        let job = &jobs[place];
        let to = self.config.topology.borrow().engine_of(&job.workflow_id);
        let request_id = format!("{}-{}", self.config.name, job.number);
        let namespace = self.config.topology.borrow().namespace.clone();
        match resets::request(job, namespace, request_id, page) {
            Some(rpc) => self.caller.call(ctx, to, rpc, About::Job(place)),
            None => self.refused(ctx, place, &Rejection::NotReady("no task yet".to_owned())),
        }
    }

    /// How far an update is. One that no worker has taken is asked for again; one that was taken is waited for, on the
    /// run that took it.
    fn update_told(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        place: usize,
        answer: &UpdateWorkflowExecutionResponse,
        started: Option<&str>,
    ) {
        if let Some(run_id) = started {
            self.runs.insert(place, run_id.to_owned());
        }
        match answer.stage() {
            Stage::Completed => match self.runs.remove(&place) {
                Some(run_id) => self.was_started(ctx, place, run_id),
                None => self.finish(place),
            },
            Stage::Accepted => self.poll_update(ctx, place, answer.update_ref.clone()),
            Stage::Unspecified | Stage::Admitted => self.begin(ctx, place),
        }
    }

    fn poll_update(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        place: usize,
        update_ref: Option<UpdateRef>,
    ) {
        let topology = self.config.topology.borrow();
        let to = topology.engine_of(&self.config.jobs[place].workflow_id);
        let rpc = Rpc::PollUpdate(PollWorkflowExecutionUpdateRequest {
            namespace: topology.namespace.clone(),
            update_ref,
            identity: self.config.name.clone(),
            wait_policy: Some(wait_policy(UpdateWait::Completed)),
        });
        drop(topology);
        let about = About::Job(place);
        self.caller.hold(ctx, to, UPDATE_WAIT, Rc::new(rpc), about);
    }

    fn was_started(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize, run_id: String) {
        let jobs = Rc::clone(&self.config.jobs);
        let id = &jobs[place].workflow_id;
        self.started.insert(id.clone(), true);
        for waiting in self.waiting.remove(id).unwrap_or_default() {
            self.begin(ctx, waiting);
        }
        self.look_for(ctx, place, &run_id, None);
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

    /// Now and then a client looks whether what it was told is listed.
    fn look_for(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        place: usize,
        run_id: &str,
        status: Option<WorkflowExecutionStatus>,
    ) {
        let entity = u64::from(self.config.jobs[place].number);
        if !ctx.chance().roll(CLIENT_LIST, entity, LOOK) {
            return;
        }
        let workflow_id = &self.config.jobs[place].workflow_id;
        let topology = self.config.topology.borrow();
        let rpc = Rpc::List(ListWorkflowExecutionsRequest {
            namespace: topology.namespace.clone(),
            query: question(workflow_id, run_id, status),
            ..ListWorkflowExecutionsRequest::default()
        });
        let to = topology.engine_of(workflow_id);
        drop(topology);
        self.caller.call(ctx, to, rpc, About::Again);
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
            self.look_for(ctx, wait.place, &wait.run_id, closes(attributes));
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
        let may_change = match rejection.first_failure() {
            Rejection::NotFound(_) => !job.after_start,
            Rejection::NotReady(_) => true,
            _ => false,
        };
        let tries = self.tries.entry(place).or_default();
        *tries += 1;
        if may_change && *tries < TRIES {
            ctx.set_timer(TRY_AGAIN, place as u64);
        } else {
            // Whoever waits for this start waits in vain no longer.
            let id = job.workflow_id.clone();
            if matches!(rejection, Rejection::MultiOperation { .. }) {
                self.started.insert(id.clone(), true);
                for waiting in self.waiting.remove(&id).unwrap_or_default() {
                    self.begin(ctx, waiting);
                }
            }
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

fn wait_policy(wait: UpdateWait) -> WaitPolicy {
    let stage = match wait {
        UpdateWait::Accepted => Stage::Accepted,
        UpdateWait::Completed => Stage::Completed,
    };
    WaitPolicy {
        lifecycle_stage: stage.into(),
    }
}

fn update_body(
    update_id: String,
    identity: String,
    name: &str,
    args: Option<Payloads>,
) -> UpdateBody {
    UpdateBody {
        meta: Some(Meta {
            update_id,
            identity,
        }),
        input: Some(Input {
            name: name.to_owned(),
            args,
            ..Input::default()
        }),
        ..UpdateBody::default()
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
