//! A worker process: polls for tasks, runs workflow code from its cache and activity code as futures, and answers.
//!
//! Everything in here dies with the process: cached workflow instances, running activities, open calls. What it owed
//! the engine comes back to another worker by timeout.

mod activities;
mod cache;
mod locals;
mod tasks;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use steadfast_core::{Rejection, Timestamp};
use steadfast_proto::temporal::api::{
    enums::v1::TaskQueueKind,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest},
};
use steadfast_replay::Registry;

use self::{activities::Activities, cache::Cache, locals::Locals};
use super::{
    activity::Desk,
    caller::Caller,
    observe::Watch,
    topology::Topology,
    weather::Weather,
    wire::{Answer, CallId, Rpc, Wire},
};
use crate::{
    kernel::{Ctx, Peer, Process},
    suite::ActivityFn,
};

/// How a worker is made, now and after each of its deaths.
#[derive(Clone)]
pub struct WorkerConfig {
    /// Who is where.
    pub topology: Rc<RefCell<Topology>>,
    /// Whom to tell.
    pub watch: Watch,
    /// What goes wrong.
    pub weather: Weather,
    /// The builds of the workflow code.
    pub builds: Rc<Vec<Rc<Registry>>>,
    /// The one that this worker runs when it starts next.
    pub build: Rc<Cell<usize>>,
    /// The build that is deployed last. An older one may meet runs of a newer one in a rollout, and hands them on.
    pub last_build: usize,
    /// The activity code.
    pub activities: Rc<BTreeMap<String, ActivityFn>>,
    /// What it polls.
    pub task_queues: Rc<Vec<String>>,
    /// Workflow tasks at a time.
    pub workflow_slots: usize,
    /// Activities at a time.
    pub activity_slots: usize,
    /// Workflow instances that it keeps; 0 switches sticky execution off.
    pub cache: usize,
    /// What a wall clock shows at the beginning of the world, if it does not lie.
    pub start: Timestamp,
    /// Its name.
    pub name: String,
}

impl std::fmt::Debug for WorkerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerConfig")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a worker's call to the engine is about.
#[derive(Debug)]
enum About {
    /// A poll of this place in the list of polls.
    Poll(usize),
    /// A workflow task that needs more history.
    Fetch(Box<tasks::Fetch>),
    /// The completion of a workflow task of this run.
    Completion(cache::RunId),
    /// An answer that only has to arrive.
    Report,
    /// The end of an activity.
    Ended,
    /// A heartbeat of the activity in this slot.
    Heartbeat(super::activity::Slot),
}

/// A standing request for tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poll {
    /// Workflow tasks of a normal queue.
    Workflow(usize),
    /// Workflow tasks of this worker's own queue.
    Sticky(usize),
    /// Activity tasks.
    Activity(usize),
}

/// A poll, whether it is out, and for how long the next one may be held.
#[derive(Clone, Copy, Debug)]
struct Standing {
    poll: Poll,
    out: bool,
    held: Duration,
}

/// A poll is held for a minute; while nothing comes, for longer and longer.
const FIRST_HOLD: Duration = Duration::from_secs(60);
const LONGEST_HOLD: Duration = Duration::from_secs(24 * 60 * 60);
/// In a storm a poll that is lost would otherwise be missed for too long.
const LONGEST_HOLD_IN_STORM: Duration = Duration::from_secs(60 * 60);

const CALLS: u64 = 1 << 32;
const TASKS: u64 = 2 << 32;
const SERVICES: u64 = 3 << 32;
const HEARTBEATS: u64 = 4 << 32;
const LIMITS: u64 = 5 << 32;
const LOCAL_TASK: u64 = 6 << 32;
const LOCAL_RETRY: u64 = 7 << 32;
const LOCAL_LIMIT: u64 = 8 << 32;
const LOCAL_EXPIRES: u64 = 9 << 32;
const FOREIGN: u64 = 10 << 32;
const TAGS: u64 = !0xffff_ffff;

/// A worker process.
#[derive(Debug)]
pub struct WorkerNode {
    config: WorkerConfig,
    identity: String,
    build: usize,
    caller: Caller<About>,
    cache: Cache,
    /// Runs of which a completion has no answer: what the engine made of it is not known.
    unanswered: BTreeSet<cache::RunId>,
    activities: Activities,
    locals: Locals,
    polls: Vec<Standing>,
    /// Workflow tasks that wait for history.
    fetching: usize,
}

impl WorkerNode {
    /// A new process of this worker.
    #[must_use]
    pub fn new(config: WorkerConfig, me: Peer) -> Self {
        let queues = 0..config.task_queues.len();
        let mut polls = Vec::new();
        for queue in queues {
            polls.push(Standing::new(Poll::Workflow(queue)));
            polls.push(Standing::new(Poll::Activity(queue)));
            if config.cache > 0 {
                polls.push(Standing::new(Poll::Sticky(queue)));
            }
        }
        Self {
            identity: format!("{}.{}", config.name, me.generation),
            build: config.build.get(),
            caller: Caller::new(me.generation, CALLS),
            cache: Cache::new(config.cache),
            unanswered: BTreeSet::new(),
            activities: Activities::new(me.generation, Desk::default()),
            locals: Locals::default(),
            polls,
            fetching: 0,
            config,
        }
    }

    /// Sends every poll that is not out and for which there is room.
    fn poll(&mut self, ctx: &mut Ctx<'_, Wire>) {
        let activity_room = self.config.activity_slots > self.activities.running();
        let workflow_room = self.config.workflow_slots > self.fetching + self.locals.tasks();
        for place in 0..self.polls.len() {
            let Standing { poll, out, held } = self.polls[place];
            let room = match poll {
                Poll::Activity(_) => activity_room,
                Poll::Workflow(_) | Poll::Sticky(_) => workflow_room,
            };
            if !out && room {
                self.polls[place].out = true;
                let rpc = Rc::new(self.poll_request(poll));
                let to = self.config.topology.borrow().matching();
                self.caller.hold(ctx, to, held, rpc, About::Poll(place));
            }
        }
    }

    fn poll_request(&self, poll: Poll) -> Rpc {
        let namespace = self.config.topology.borrow().namespace.clone();
        let identity = self.identity.clone();
        let normal = |queue: usize| TaskQueue {
            name: self.config.task_queues[queue].clone(),
            kind: TaskQueueKind::Normal.into(),
            normal_name: String::new(),
        };
        let of_workflow_tasks = |task_queue| {
            Rpc::PollWorkflowTask(PollWorkflowTaskQueueRequest {
                namespace: namespace.clone(),
                task_queue: Some(task_queue),
                identity: identity.clone(),
                ..PollWorkflowTaskQueueRequest::default()
            })
        };
        match poll {
            Poll::Workflow(queue) => of_workflow_tasks(normal(queue)),
            Poll::Sticky(queue) => {
                of_workflow_tasks(self.sticky_queue(&self.config.task_queues[queue]))
            }
            Poll::Activity(queue) => Rpc::PollActivityTask(PollActivityTaskQueueRequest {
                namespace: namespace.clone(),
                task_queue: Some(normal(queue)),
                identity: identity.clone(),
                ..PollActivityTaskQueueRequest::default()
            }),
        }
    }

    /// The queue that a poll is about.
    fn queue_of(&self, place: usize) -> String {
        let (Poll::Workflow(queue) | Poll::Sticky(queue) | Poll::Activity(queue)) =
            self.polls[place].poll;
        self.config.task_queues[queue].clone()
    }

    /// The queue that only this process polls.
    fn sticky_queue(&self, normal: &str) -> TaskQueue {
        TaskQueue {
            name: format!("{normal}:{}", self.identity),
            kind: TaskQueueKind::Sticky.into(),
            normal_name: normal.to_owned(),
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
            let at = ctx.true_time();
            self.config.watch.acknowledged(at, &rpc, answer);
        }
        let answer = Rc::unwrap_or_clone(answer);
        match (about, answer) {
            (About::Poll(place), answer) => {
                self.polls[place].answered(&answer, self.config.weather.is_stormy());
                match answer {
                    Ok(Answer::PollWorkflowTask(task)) => self.workflow_task(ctx, task),
                    Ok(Answer::PollActivityTask(task)) => {
                        let queue = self.queue_of(place);
                        self.start_activity(ctx, task, queue);
                    }
                    _ => {}
                }
            }
            (About::Fetch(fetch), answer) => self.fetched(ctx, *fetch, answer),
            (About::Completion(run), Ok(Answer::CompleteWorkflowTask(next))) => {
                if self.unanswered.remove(&run) && next.reset_history_event_id > 0 {
                    self.cache.rewind(&run, next.reset_history_event_id);
                }
                if let Some(task) = next.workflow_task {
                    self.workflow_task(ctx, task);
                }
                for task in next.activity_tasks {
                    self.start_activity(ctx, task, String::new());
                }
            }
            // The engine did not take it: what is cached has gone further than the history.
            (About::Completion(run), _) => {
                self.unanswered.remove(&run);
                self.completion_refused(ctx, &run);
            }
            (About::Heartbeat(slot), answer) => self.heartbeat_answered(slot, &answer),
            (About::Report | About::Ended, _) => {}
        }
        self.run_activities(ctx);
        self.poll(ctx);
    }
}

impl Standing {
    fn new(poll: Poll) -> Self {
        Self {
            poll,
            out: false,
            held: FIRST_HOLD,
        }
    }

    fn answered(&mut self, answer: &Result<Answer, Rejection>, stormy: bool) {
        self.out = false;
        let empty = match answer {
            Ok(Answer::PollWorkflowTask(task)) => task.task_token.is_empty(),
            Ok(Answer::PollActivityTask(task)) => task.task_token.is_empty(),
            _ => false,
        };
        let most = if stormy {
            LONGEST_HOLD_IN_STORM
        } else {
            LONGEST_HOLD
        };
        self.held = if empty {
            (self.held * 2).min(most)
        } else {
            FIRST_HOLD
        };
    }
}

impl Process<Wire> for WorkerNode {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Wire>) {
        let engines = self.config.topology.borrow().engines.clone();
        for engine in engines {
            ctx.send(engine, Wire::Hello);
        }
        self.poll(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Wire>, from: Peer, message: Wire) {
        match message {
            Wire::Hello => {
                self.caller.reconnect(ctx, from.node);
                self.services_lost(ctx, from.node);
            }
            Wire::Answer(call, answer) => self.answered(ctx, call, answer),
            Wire::Result(call, result) => self.service_answered(ctx, call, result),
            Wire::Request(..) | Wire::Machine(_) | Wire::Relay(..) | Wire::Call(..) => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        if self.caller.on_timer(ctx, token) || self.local_timer(ctx, token) {
            return;
        }
        match token & TAGS {
            TASKS => self.wake_activities(ctx, token),
            SERVICES => self.service_timed_out(ctx, token),
            HEARTBEATS => self.heartbeat_due(ctx, token),
            LIMITS => self.limit_reached(ctx, token),
            FOREIGN => {
                self.run_activities(ctx);
                self.poll(ctx);
            }
            _ => {}
        }
    }
}
