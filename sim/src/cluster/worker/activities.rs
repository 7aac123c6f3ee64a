//! Activities: futures that live in this process, their calls of services, and their heartbeats.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use bytes::Bytes;
use steadfast_core::{Rejection, Timestamp};
use steadfast_proto::temporal::api::{
    common::v1::Payloads,
    workflowservice::v1::{
        PollActivityTaskQueueResponse, RecordActivityTaskHeartbeatRequest,
        RespondActivityTaskCanceledRequest, RespondActivityTaskCompletedRequest,
        RespondActivityTaskFailedRequest,
    },
};

use super::{About, FOREIGN, HEARTBEATS, LIMITS, SERVICES, TASKS, WorkerNode};
use crate::{
    cluster::{
        activity::{
            ActivityContext, ActivityError, ActivityInfo, ActivityResult, Cancellation, Desk, Kept,
            Slot, Wish,
        },
        wire::{Answer, CallId, OpenCalls, Rpc, ServiceError, Wire},
    },
    kernel::{Ctx, LocalTasks, NodeId, Sender, TaskId, TimerId},
    scenario::ClusterFault,
};

/// How long an activity waits for a service.
const SERVICE_PATIENCE: Duration = Duration::from_secs(10);
/// How often a heartbeat is passed on if the activity has no heartbeat timeout. temporal: sdk-core's default.
const DEFAULT_THROTTLE: Duration = Duration::from_secs(30);
/// The longest pause between heartbeats that are passed on: the default of sdk-core.
const MAX_THROTTLE: Duration = Duration::from_secs(60);

/// The activities of one process.
#[derive(Debug)]
pub(super) struct Activities {
    tasks: LocalTasks,
    desk: Desk,
    running: BTreeMap<Slot, Running>,
    next: u64,
    calls: OpenCalls<ServiceWait>,
    kept: Kept,
}

#[derive(Debug)]
struct Running {
    task: TaskId,
    cancellation: Rc<RefCell<Cancellation>>,
    owner: Owner,
}

/// On whose behalf an activity runs, and whom its end matters to.
#[derive(Debug)]
pub(super) enum Owner {
    /// The engine's.
    Engine(Box<Reporting>),
    /// A workflow task's that waits here: the local activity of this number.
    Workflow(u64),
}

/// What the engine hears of an activity.
#[derive(Debug)]
pub(super) struct Reporting {
    token: Bytes,
    workflow_id: String,
    throttle: Duration,
    /// The newest heartbeat that was not passed on.
    unsent: Option<Option<Payloads>>,
    /// What the newest heartbeat said.
    latest: Option<Payloads>,
    /// Set while no heartbeat is to be passed on.
    quiet: Option<TimerId>,
    limit: Option<TimerId>,
}

#[derive(Debug)]
struct ServiceWait {
    to: NodeId,
    slot: Slot,
    answer: Sender<Result<Vec<u8>, ServiceError>>,
    timer: TimerId,
}

impl Activities {
    pub(super) fn new(incarnation: u32, desk: Desk) -> Self {
        Self {
            tasks: LocalTasks::new(TASKS),
            desk,
            running: BTreeMap::new(),
            next: 1,
            calls: OpenCalls::new(incarnation),
            kept: Kept::default(),
        }
    }

    /// How many are running for the engine.
    pub(super) fn running(&self) -> usize {
        let engines = |running: &&Running| matches!(running.owner, Owner::Engine(_));
        self.running.values().filter(engines).count()
    }

    /// Asks the code to stop.
    pub(super) fn cancel(&self, slot: Slot) {
        if let Some(running) = self.running.get(&slot) {
            running.cancellation.borrow_mut().cancel();
        }
    }

    /// What the engine hears of an activity, if it is the engine's and has not ended.
    fn reporting(&mut self, slot: Slot) -> Option<&mut Reporting> {
        match &mut self.running.get_mut(&slot)?.owner {
            Owner::Engine(reporting) => Some(reporting),
            Owner::Workflow(_) => None,
        }
    }
}

impl WorkerNode {
    /// A task has come, or an empty answer.
    pub(super) fn start_activity(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        task: PollActivityTaskQueueResponse,
        task_queue: String,
    ) {
        if task.task_token.is_empty() {
            return;
        }
        let execution = task.workflow_execution.unwrap_or_default();
        let info = ActivityInfo {
            attempt: u32::try_from(task.attempt).unwrap_or(1),
            activity_id: task.activity_id,
            activity_type: task.activity_type.unwrap_or_default().name,
            workflow_id: execution.workflow_id.clone(),
            run_id: execution.run_id,
            start_to_close: duration(task.start_to_close_timeout.as_ref()),
            heartbeat_timeout: duration(task.heartbeat_timeout.as_ref()),
            heartbeat_details: task.heartbeat_details,
            is_local: false,
            task_token: task.task_token.clone(),
            namespace: task.workflow_namespace,
            workflow_type: task.workflow_type.unwrap_or_default().name,
            task_queue,
            schedule_to_close: duration(task.schedule_to_close_timeout.as_ref()),
            scheduled: timestamp(task.scheduled_time.as_ref()),
            attempt_scheduled: timestamp(task.current_attempt_scheduled_time.as_ref()),
            started: timestamp(task.started_time.as_ref()),
        };
        let (limit, throttle) = (info.start_to_close, throttle(info.heartbeat_timeout));
        let reporting = Box::new(Reporting {
            token: task.task_token,
            workflow_id: execution.workflow_id,
            throttle,
            unsent: None,
            latest: None,
            quiet: None,
            limit: None,
        });
        let input = task.input.unwrap_or_default();
        let slot = self.launch(ctx, info, input, Owner::Engine(reporting));
        let zombie = self
            .config
            .weather
            .strikes(ctx.chance(), ClusterFault::Zombie, ctx.node());
        if !limit.is_zero()
            && !zombie
            && let Some(reporting) = self.activities.reporting(slot)
        {
            reporting.limit = Some(ctx.set_timer(limit, LIMITS | slot.0));
        }
        self.run_activities(ctx);
    }

    /// Makes the code's future; it runs when activities run next.
    pub(super) fn launch(
        &mut self,
        ctx: &Ctx<'_, Wire>,
        info: ActivityInfo,
        input: Payloads,
        owner: Owner,
    ) -> Slot {
        let Activities {
            tasks,
            desk,
            running,
            next,
            kept,
            ..
        } = &mut self.activities;
        let slot = Slot(*next);
        *next += 1;
        let cancellation = Rc::new(RefCell::new(Cancellation::default()));
        let context = ActivityContext {
            slot,
            info: Rc::new(info),
            desk: Rc::clone(desk),
            time: tasks.handle(),
            cancellation: Rc::clone(&cancellation),
            bell: ctx.bell(FOREIGN),
            kept: Rc::clone(kept),
        };
        let code = self.config.activities.get(&context.info.activity_type);
        let code = code.cloned();
        let out = Rc::clone(desk);
        let task = tasks.spawn(async move {
            let result = match code {
                Some(code) => code(context, input).await,
                None => Err(unknown(&context)),
            };
            out.borrow_mut().push_back(Wish::Done { slot, result });
        });
        running.insert(
            slot,
            Running {
                task,
                cancellation,
                owner,
            },
        );
        slot
    }

    /// Lets every activity go on that can, and does what they wish.
    pub(super) fn run_activities(&mut self, ctx: &mut Ctx<'_, Wire>) {
        loop {
            self.activities.tasks.run(ctx);
            let wish = self.activities.desk.borrow_mut().pop_front();
            let Some(wish) = wish else { return };
            self.grant(ctx, wish);
        }
    }

    /// A sleeping activity may wake.
    pub(super) fn wake_activities(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        self.activities.tasks.on_timer(ctx, token);
        self.run_activities(ctx);
        self.poll(ctx);
    }

    fn grant(&mut self, ctx: &mut Ctx<'_, Wire>, wish: Wish) {
        match wish {
            Wish::Call {
                slot,
                service,
                call,
                answer,
            } => {
                let to = self
                    .config
                    .topology
                    .borrow()
                    .services
                    .get(&service)
                    .copied();
                let Some(to) = to else {
                    let error = ServiceError::fatal("NoSuchService", service);
                    drop(answer.send(Err(error)));
                    return;
                };
                let calls = &mut self.activities.calls;
                let timer =
                    ctx.set_timer(SERVICE_PATIENCE, SERVICES | u64::from(calls.next_number()));
                let id = calls.open(ServiceWait {
                    to,
                    slot,
                    answer,
                    timer,
                });
                ctx.send(to, Wire::Call(id, Rc::new(call)));
            }
            Wish::Heartbeat { slot, details } => self.heartbeat(ctx, slot, details),
            Wish::Done { slot, result } => self.ended(ctx, slot, result),
        }
    }

    /// An activity is alive: pass it on, unless the engine has just heard so.
    fn heartbeat(&mut self, ctx: &mut Ctx<'_, Wire>, slot: Slot, details: Option<Payloads>) {
        let Some(reporting) = self.activities.reporting(slot) else {
            return;
        };
        reporting.latest.clone_from(&details);
        reporting.unsent = Some(details);
        if reporting.quiet.is_none() {
            self.pass_on(ctx, slot);
        }
    }

    fn pass_on(&mut self, ctx: &mut Ctx<'_, Wire>, slot: Slot) {
        let Some(reporting) = self.activities.reporting(slot) else {
            return;
        };
        let Some(details) = reporting.unsent.take() else {
            return;
        };
        reporting.quiet = Some(ctx.set_timer(reporting.throttle, HEARTBEATS | slot.0));
        let (task_token, workflow_id) = (reporting.token.clone(), reporting.workflow_id.clone());
        let topology = self.config.topology.borrow();
        let to = topology.engine_of(&workflow_id);
        let rpc = Rpc::Heartbeat(RecordActivityTaskHeartbeatRequest {
            task_token,
            details,
            identity: self.identity.clone(),
            namespace: topology.namespace.clone(),
            ..RecordActivityTaskHeartbeatRequest::default()
        });
        drop(topology);
        self.caller.call(ctx, to, rpc, About::Heartbeat(slot));
    }

    /// The engine may hear of the activity again.
    pub(super) fn heartbeat_due(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        let slot = Slot(token & !super::TAGS);
        if let Some(reporting) = self.activities.reporting(slot) {
            reporting.quiet = None;
            self.pass_on(ctx, slot);
        }
    }

    /// The engine has heard of the activity, and may want it to stop.
    pub(super) fn heartbeat_answered(&mut self, slot: Slot, answer: &Result<Answer, Rejection>) {
        let stop = match answer {
            Ok(Answer::Heartbeat(answer)) => answer.cancel_requested,
            // The engine has given this attempt up.
            Err(_) => true,
            Ok(_) => false,
        };
        if stop {
            self.activities.cancel(slot);
        }
    }

    fn ended(&mut self, ctx: &mut Ctx<'_, Wire>, slot: Slot, result: ActivityResult) {
        let Some(running) = self.activities.running.remove(&slot) else {
            return;
        };
        match running.owner {
            Owner::Engine(reporting) => self.report(ctx, *reporting, result),
            Owner::Workflow(number) => self.local_ended(ctx, number, slot, result),
        }
    }

    /// Tells the engine how an activity has ended.
    fn report(&mut self, ctx: &mut Ctx<'_, Wire>, reporting: Reporting, result: ActivityResult) {
        for timer in [reporting.quiet, reporting.limit].into_iter().flatten() {
            ctx.cancel_timer(timer);
        }
        let topology = self.config.topology.borrow();
        let to = topology.engine_of(&reporting.workflow_id);
        let (task_token, identity) = (reporting.token, self.identity.clone());
        let namespace = topology.namespace.clone();
        drop(topology);
        let rpc = match result {
            Ok(result) => Rpc::CompleteActivity(RespondActivityTaskCompletedRequest {
                task_token,
                result: Some(result),
                identity,
                namespace,
                ..RespondActivityTaskCompletedRequest::default()
            }),
            Err(error) if error.cancellation().is_some() => {
                Rpc::CancelActivity(RespondActivityTaskCanceledRequest {
                    task_token,
                    details: error.cancellation().flatten(),
                    identity,
                    namespace,
                    ..RespondActivityTaskCanceledRequest::default()
                })
            }
            Err(error) => Rpc::FailActivity(RespondActivityTaskFailedRequest {
                task_token,
                failure: Some(error.to_failure()),
                identity,
                namespace,
                last_heartbeat_details: reporting.latest,
                ..RespondActivityTaskFailedRequest::default()
            }),
        };
        self.caller.call(ctx, to, rpc, About::Ended);
    }

    /// An attempt has taken as long as it may: the engine has given it up, so does the worker.
    pub(super) fn limit_reached(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        let slot = Slot(token & !super::TAGS);
        if let Some(Running { task, owner, .. }) = self.activities.running.remove(&slot) {
            self.activities.tasks.abort(task);
            if let Owner::Engine(reporting) = owner
                && let Some(timer) = reporting.quiet
            {
                ctx.cancel_timer(timer);
            }
        }
        self.run_activities(ctx);
        self.poll(ctx);
    }

    /// A service has answered.
    pub(super) fn service_answered(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        call: CallId,
        result: Rc<Result<Vec<u8>, ServiceError>>,
    ) {
        self.end_service_call(ctx, call, Rc::unwrap_or_clone(result));
    }

    /// A service has not answered: nobody knows whether it did what it was asked.
    pub(super) fn service_timed_out(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        let number = u32::try_from(token & !super::TAGS).unwrap_or(0);
        let call = self.activities.calls.id(number);
        let error = ServiceError::transient("Timeout", "the service did not answer");
        self.end_service_call(ctx, call, Err(error));
    }

    /// A service has restarted: its open calls broke off.
    pub(super) fn services_lost(&mut self, ctx: &mut Ctx<'_, Wire>, node: NodeId) {
        for number in self.activities.calls.numbers_where(|wait| wait.to == node) {
            let call = self.activities.calls.id(number);
            let error = ServiceError::transient("Unavailable", "the connection broke");
            self.end_service_call(ctx, call, Err(error));
        }
    }

    fn end_service_call(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        call: CallId,
        result: Result<Vec<u8>, ServiceError>,
    ) {
        let Some(wait) = self.activities.calls.close(call) else {
            return;
        };
        ctx.cancel_timer(wait.timer);
        if self.activities.running.contains_key(&wait.slot) {
            // An activity that has stopped waiting does not want to know.
            drop(wait.answer.send(result));
        }
        self.run_activities(ctx);
        self.poll(ctx);
    }
}

fn unknown(context: &ActivityContext) -> ActivityError {
    ActivityError::Failed {
        kind: "NotFound".to_owned(),
        message: format!("activity {} is not registered", context.info.activity_type),
        non_retryable: false,
    }
}

/// 80 % of the heartbeat timeout, and a minute at most. temporal: sdk-core activity heartbeat manager.
fn throttle(heartbeat_timeout: Duration) -> Duration {
    if heartbeat_timeout.is_zero() {
        return DEFAULT_THROTTLE;
    }
    MAX_THROTTLE.min(heartbeat_timeout.saturating_mul(4) / 5)
}

fn timestamp(time: Option<&prost_types::Timestamp>) -> Timestamp {
    time.map(Timestamp::from_proto).unwrap_or_default()
}

fn duration(value: Option<&prost_types::Duration>) -> Duration {
    steadfast_core::time::duration_from_proto(value).unwrap_or_default()
}
