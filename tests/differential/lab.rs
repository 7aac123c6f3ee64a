//! One case under way: an engine, workers, activities, and the recipe's steps. Time goes on only when nothing
//! else can happen.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use serde_json::Value;
use steadfast_core::{Rejection, Reply, ReplyTo, Timestamp, limits::LONG_POLL, parse};
use steadfast_proto::temporal::api::{
    enums::v1::EventType,
    history::v1::{History, HistoryEvent},
    taskqueue::v1::TaskQueue,
    workflowservice::v1::PollWorkflowTaskQueueRequest,
};

use crate::{
    activity::Running,
    client::{self, NAMESPACE},
    engine::{BEGINNING, Engine},
    recipe::{Act, Case, Step},
    worker::{Poll, RunName, Worker},
};

/// No case takes longer, on virtual time.
const PATIENCE: Duration = Duration::from_secs(120);
/// No case has more to do at one moment.
const BUSY: u32 = 10_000;

/// Whom an answer is for.
pub(crate) enum Call {
    Poll(u32, Poll),
    Completion(u32, RunName),
    Heartbeat(u64),
    /// A worker's report, whose answer it does not look at.
    Report,
    /// A step's request, which must be taken.
    Client,
    Query(Value),
    Swallow,
}

pub(crate) struct Lab<'a> {
    pub(crate) engine: Engine,
    pub(crate) case: &'a Case,
    pub(crate) defaults: &'a BTreeMap<String, Vec<Act>>,
    pub(crate) workers: BTreeMap<u32, Worker>,
    pub(crate) activities: BTreeMap<u64, Running>,
    pub(crate) slots: u64,
    pub(crate) calls: BTreeMap<ReplyTo, Call>,
    /// Gates at which an activity stands or stood.
    pub(crate) arrived: BTreeSet<String>,
    pub(crate) open: BTreeSet<String>,
    steps: VecDeque<Step>,
    /// The step's request that is not answered yet.
    asked: Option<ReplyTo>,
    /// When the step that sleeps wakes.
    sleeps: Option<Timestamp>,
    deployments: u32,
    worker: Option<u32>,
    spawned: Option<u32>,
    requests: u32,
}

impl<'a> Lab<'a> {
    /// Does all that a case says and returns its histories, in the order of its exports.
    pub(crate) fn run(
        case: &'a Case,
        defaults: &'a BTreeMap<String, Vec<Act>>,
    ) -> Result<Vec<History>, String> {
        let mut steps = VecDeque::from([Step::Deploy(case.build)]);
        if !case.is_started_by_step() {
            steps.push_back(Step::StartMain);
        }
        steps.extend(case.steps.clone());
        let mut lab = Self {
            engine: Engine::new(),
            case,
            defaults,
            workers: BTreeMap::new(),
            activities: BTreeMap::new(),
            slots: 0,
            calls: BTreeMap::new(),
            arrived: BTreeSet::new(),
            open: BTreeSet::new(),
            steps,
            asked: None,
            sleeps: None,
            deployments: 0,
            worker: None,
            spawned: None,
            requests: 0,
        };
        lab.work_on()?;
        let exports = case.exports();
        Ok(exports
            .iter()
            .map(|export| lab.export(export.id.as_deref(), export.run))
            .collect())
    }

    fn work_on(&mut self) -> Result<(), String> {
        let mut busy = 0;
        loop {
            busy += 1;
            if self.answer()? || self.run_activities() || self.poll() || self.step()? {
                if busy > BUSY {
                    return Err(format!("too much to do at once; {}", self.state()));
                }
                continue;
            }
            if self.is_over() {
                return Ok(());
            }
            let activities = self.activities.values().filter_map(Running::next);
            let next = activities
                .chain(self.sleeps)
                .chain(self.engine.next_deadline())
                .min();
            let Some(next) = next.filter(|at| at.since(BEGINNING) < PATIENCE) else {
                return Err(format!("nothing more happens; {}", self.state()));
            };
            if next > self.engine.now() {
                busy = 0;
            }
            self.engine.wake_at(next);
        }
    }

    fn state(&self) -> String {
        let runs = self.engine.runs(&self.case.name);
        let last = runs
            .last()
            .map(|run| self.engine.history(&self.case.name, run));
        let events: Vec<_> = last
            .iter()
            .flatten()
            .map(|event| event.event_type().short_name())
            .collect();
        format!(
            "next step {:?}, history of the last run {events:?}",
            self.steps.front()
        )
    }

    /// Whether all steps are done and all that is to be exported is closed.
    fn is_over(&self) -> bool {
        let exports = self.case.exports();
        let closed = |id: Option<&str>, run| self.is_closed(id.unwrap_or(&self.case.name), run);
        self.steps.is_empty()
            && exports
                .iter()
                .all(|export| closed(export.id.as_deref(), export.run))
    }

    fn is_closed(&self, id: &str, run: usize) -> bool {
        self.run_events(id, run).last().is_some_and(is_close)
    }

    /// The events of the n-th run, from 1; none if it does not exist.
    fn run_events(&self, id: &str, run: usize) -> Vec<HistoryEvent> {
        let runs = self.engine.runs(id);
        runs.get(run - 1)
            .map(|run_id| self.engine.history(id, run_id))
            .unwrap_or_default()
    }

    fn export(&self, id: Option<&str>, run: usize) -> History {
        History {
            events: self.run_events(id.unwrap_or(&self.case.name), run),
        }
    }

    /// Passes on one answer of the engine.
    fn answer(&mut self) -> Result<bool, String> {
        let Some((to, answer)) = self.engine.answer() else {
            return Ok(false);
        };
        if self.asked == Some(to) {
            self.asked = None;
        }
        match (self.calls.remove(&to), answer) {
            (Some(Call::Poll(worker, poll)), Ok(reply)) => self.polled(worker, poll, reply),
            (Some(Call::Completion(worker, _)), Ok(reply)) => self.completed(worker, reply),
            (Some(Call::Completion(worker, name)), Err(_)) => self.refused(worker, &name),
            (
                Some(Call::Heartbeat(slot)),
                Ok(Reply::Heartbeat {
                    cancel_requested, ..
                }),
            ) => {
                self.heartbeat_answered(slot, cancel_requested);
            }
            (Some(Call::Heartbeat(slot)), Err(Rejection::NotFound(_))) => {
                self.heartbeat_answered(slot, true);
            }
            (Some(Call::Report), _) | (Some(Call::Client | Call::Swallow), Ok(_)) | (None, _) => {}
            (Some(Call::Query(expect)), Ok(Reply::Query(answer))) => {
                let payload = answer.unwrap_or_default().payloads.into_iter().next();
                let answer: Value = payload
                    .and_then(|it| serde_json::from_slice(&it.data).ok())
                    .unwrap_or_default();
                if answer != expect {
                    return Err(format!("the query answers {answer}"));
                }
            }
            (Some(_), answer) => return Err(format!("unexpected: {answer:?}")),
        }
        Ok(true)
    }

    fn ask(&mut self, request: client::Parsed, call: Call) {
        let reply_to = self.engine.request(request);
        self.calls.insert(reply_to, call);
        self.asked = Some(reply_to);
    }

    fn request_id(&mut self) -> String {
        self.requests += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.requests)
    }

    /// Takes the next step, if it can be taken.
    fn step(&mut self) -> Result<bool, String> {
        if self.asked.is_some() {
            return Ok(false);
        }
        let Some(step) = self.steps.front().cloned() else {
            return Ok(false);
        };
        if !self.may_take(&step)? {
            return Ok(false);
        }
        self.steps.pop_front();
        self.sleeps = None;
        self.take(step);
        Ok(true)
    }

    fn id<'b>(&'b self, id: &'b Option<String>) -> &'b str {
        id.as_deref().unwrap_or(&self.case.name)
    }

    fn may_take(&mut self, step: &Step) -> Result<bool, String> {
        Ok(match step {
            Step::AwaitEvent { r#type, count, id } => {
                let id = self.id(id);
                let kind = EventType::from_str_name(&format!("EVENT_TYPE_{type}"))
                    .ok_or_else(|| format!("{type} is no event type"))?;
                let events = self.run_events(id, self.engine.runs(id).len().max(1));
                events
                    .iter()
                    .filter(|event| event.event_type() == kind)
                    .count()
                    >= *count
            }
            Step::AwaitRun(n) => self.is_closed(&self.case.name, n - 1),
            Step::AwaitGate(name) => self.arrived.contains(name),
            Step::AwaitClose { id } => {
                let id = self.id(id);
                self.is_closed(id, self.engine.runs(id).len().max(1))
            }
            Step::Sleep(ms) => {
                let now = self.engine.now();
                let wake = now.plus(Duration::from_millis(*ms));
                *self.sleeps.get_or_insert(wake) <= now
            }
            _ => true,
        })
    }

    fn take(&mut self, step: Step) {
        let (case, request_id) = (self.case, self.request_id());
        let queue = case.name.as_str();
        match step {
            Step::AwaitEvent { .. }
            | Step::AwaitRun(_)
            | Step::AwaitGate(_)
            | Step::AwaitClose { .. }
            | Step::Sleep(_) => {}
            Step::OpenGate(name) => {
                self.open.insert(name);
            }
            Step::StartMain => {
                self.ask(
                    client::start(queue, queue, &case.main(), request_id),
                    Call::Client,
                );
            }
            Step::Start { id, start } => {
                self.ask(client::start(&id, queue, &start, request_id), Call::Client);
            }
            Step::Signal { name, input, id } => {
                let request = client::signal(self.id(&id), &name, &input, request_id);
                self.ask(request, Call::Client);
            }
            Step::SignalWithStart {
                name,
                input,
                id,
                start,
            } => {
                let signal = (name.as_str(), input.as_slice());
                let request = client::signal_with_start(&id, queue, &start, signal, request_id);
                self.ask(request, Call::Client);
            }
            Step::Query { name, expect } => {
                self.ask(client::query(queue, &name), Call::Query(expect));
            }
            Step::Cancel { reason, id } => {
                self.ask(
                    client::cancel(self.id(&id), &reason, request_id),
                    Call::Client,
                );
            }
            Step::Terminate { reason, id } => {
                self.ask(client::terminate(self.id(&id), &reason), Call::Client);
            }
            Step::CompleteActivity {
                activity_id,
                result,
            } => {
                let request = client::complete_activity(queue, &activity_id, &result);
                self.ask(request, Call::Client);
            }
            Step::Deploy(build) => {
                self.stop_worker();
                self.deployments += 1;
                let number = self.deployments;
                self.workers
                    .insert(number, Worker::new(queue, build, number));
                self.worker = Some(number);
            }
            Step::StopWorker => self.stop_worker(),
            Step::SpawnWorker => {
                self.workers.insert(0, Worker::new(queue, case.build, 0));
                self.spawned = Some(0);
            }
            Step::KillWorker => {
                let number = self.spawned.take().expect("a worker was spawned");
                self.kill(number);
            }
            Step::SwallowTask => self.swallow_task(),
        }
    }

    fn stop_worker(&mut self) {
        if let Some(number) = self.worker.take() {
            self.stop(number);
        }
    }

    fn swallow_task(&mut self) {
        let queue = &self.case.name;
        let request = PollWorkflowTaskQueueRequest {
            namespace: NAMESPACE.to_owned(),
            task_queue: Some(TaskQueue {
                name: queue.clone(),
                ..TaskQueue::default()
            }),
            identity: format!("worker of {queue}"),
            ..PollWorkflowTaskQueueRequest::default()
        };
        let reply_to = self
            .engine
            .ask_matching(|reply_to| parse::poll_workflow(request, reply_to, LONG_POLL));
        self.calls.insert(reply_to, Call::Swallow);
        self.asked = Some(reply_to);
    }
}

fn is_close(event: &HistoryEvent) -> bool {
    matches!(
        event.event_type(),
        EventType::WorkflowExecutionCompleted
            | EventType::WorkflowExecutionFailed
            | EventType::WorkflowExecutionTimedOut
            | EventType::WorkflowExecutionContinuedAsNew
            | EventType::WorkflowExecutionCanceled
            | EventType::WorkflowExecutionTerminated
    )
}
