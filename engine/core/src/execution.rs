//! An execution as a fold of its records: all runs of one workflow id, at most one of them open.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use prost::Message as _;
use steadfast_proto::temporal::api::history::v1::HistoryEvent;

use crate::{
    activity::{ActivityState, Controlled},
    batch::{BatchJob, BatchRecord},
    deadline::sleeps_until,
    deployment::Deployment,
    history::HistoryState,
    ids::{EventId, ExecutionKey, RequestId, RunId},
    namespace::Registry,
    nexus::{Endpoints, NexusState},
    record::{Created, Entry, OutboxPut, Record},
    request::StickyRequest,
    reset::Forked,
    schedule::{Schedule, ScheduleRecord, ScheduledBy, wakes_at},
    time::Timestamp,
    workflow_task::WorkflowTask,
};

/// All that a shard knows of one workflow id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Execution {
    /// The newest run, open or closed.
    pub current: Option<RunId>,
    /// Every run that is still kept.
    pub runs: BTreeMap<RunId, Run>,
    /// The namespaces, in the one execution that is their registry.
    pub namespaces: Registry,
    /// The Nexus endpoints, in the one execution that is their registry.
    pub endpoints: Endpoints,
    /// The schedule that lives here, in place of runs.
    pub schedule: Option<Box<Schedule>>,
    /// The worker deployment that this execution is, if it is one.
    pub deployment: Option<Box<Deployment>>,
    /// The batch job that lives here, in place of runs.
    pub batch: Option<Box<BatchJob>>,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its id.
    pub run_id: RunId,
    /// The fold of its history.
    pub history: HistoryState,
    /// What was known at its creation.
    pub created: Created,
    /// The pending workflow task.
    pub task: Option<Box<WorkflowTask>>,
    /// The worker that has the run in its cache.
    pub sticky: Option<StickyRequest>,
    /// The attempts of pending activities. One whose end is buffered is gone from here, not yet from the history.
    pub activities: BTreeMap<EventId, Box<ActivityState>>,
    /// What operators have done to pending activities.
    pub controls: BTreeMap<EventId, Controlled>,
    /// What the handlers of pending Nexus operations are asked. One whose end is buffered is gone from here.
    pub nexus: BTreeMap<EventId, Box<NexusState>>,
    /// Events that wait for the started workflow task to end.
    pub buffered: Vec<Buffered>,
    /// Signals that were taken.
    pub signal_requests: BTreeSet<RequestId>,
    /// Starts that were attached to this run.
    pub attached_requests: BTreeSet<RequestId>,
    /// Work for other executions that is not done yet.
    pub outbox: BTreeMap<u64, OutboxPut>,
    /// The number that the next piece of such work gets.
    pub next_outbox: u64,
    /// A close command met buffered events; the next started workflow task is to win.
    pub closing_attempted: bool,
    /// Whether the first workflow task may be scheduled as far as the parent is concerned.
    pub begun: bool,
    /// The schedule that is to hear of the end of the chain.
    pub scheduled: Option<Box<ScheduledBy>>,
    /// Temporal's `ContinueAsNewVersioningBehavior` with which it began.
    pub initially: i32,
    /// Where it comes from, if a reset made it.
    pub forked: Option<Box<Forked>>,
    /// The newest run that a reset made of it.
    pub reset_to: Option<RunId>,
    /// How long it is kept, once it is closed.
    pub expires: Option<Timestamp>,
    /// It is deleted, except for what it still has to tell others.
    pub doomed: bool,
}

/// An event that waits for the started workflow task to end; it has no id yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffered {
    /// The event.
    pub event: Box<HistoryEvent>,
    /// Its bytes on the wire.
    pub len: usize,
}

impl Buffered {
    fn decode(bytes: &Bytes) -> Self {
        let event = HistoryEvent::decode(bytes.clone()).expect("a shard writes valid events");
        Self {
            event: Box::new(event),
            len: bytes.len(),
        }
    }
}

impl Run {
    pub(crate) fn new(run_id: RunId, created: Created) -> Self {
        let begun = !created.awaits_parent;
        Self {
            run_id,
            history: HistoryState::default(),
            created,
            task: None,
            sticky: None,
            activities: BTreeMap::new(),
            controls: BTreeMap::new(),
            nexus: BTreeMap::new(),
            buffered: Vec::new(),
            signal_requests: BTreeSet::new(),
            attached_requests: BTreeSet::new(),
            outbox: BTreeMap::new(),
            next_outbox: 1,
            closing_attempted: false,
            begun,
            scheduled: None,
            initially: 0,
            forked: None,
            reset_to: None,
            expires: None,
            doomed: false,
        }
    }

    /// Whether the run is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.history.is_open()
    }

    /// Takes one event, `len` bytes long on the wire. A closed run has nothing pending.
    pub(crate) fn apply_event(&mut self, event: &HistoryEvent, len: usize) {
        self.history.apply(event, len);
        if !self.is_open() {
            self.task = None;
            self.sticky = None;
            self.activities.clear();
            self.controls.clear();
            self.nexus.clear();
            self.buffered.clear();
            self.closing_attempted = false;
        }
    }

    /// Takes a record that is not [`Record::Created`].
    pub(crate) fn apply(&mut self, record: &Record) {
        match record {
            Record::Created(_) => unreachable!("creation makes the run"),
            Record::Event(bytes) => {
                let event =
                    HistoryEvent::decode(bytes.clone()).expect("a shard writes valid events");
                self.apply_event(&event, bytes.len());
            }
            Record::WorkflowTask(task) => self.task.clone_from(task),
            Record::Sticky(sticky) => self.sticky.clone_from(sticky),
            Record::Activity(scheduled, Some(state)) => {
                self.activities.insert(*scheduled, state.clone());
            }
            Record::Activity(scheduled, None) => {
                self.activities.remove(scheduled);
                self.controls.remove(scheduled);
            }
            Record::Buffered(bytes) => self.buffered.push(Buffered::decode(bytes)),
            Record::BufferCleared => self.buffered.clear(),
            Record::SignalRequest(id) => {
                self.signal_requests.insert(id.clone());
            }
            Record::AttachedRequest(id) => {
                self.attached_requests.insert(id.clone());
            }
            Record::OutboxPut(number, put) => {
                self.outbox.insert(*number, (**put).clone());
                self.next_outbox = self.next_outbox.max(number + 1);
            }
            Record::OutboxDone(number) => {
                self.outbox.remove(number);
            }
            Record::ClosingAttempted(yes) => self.closing_attempted = *yes,
            Record::ChildBegun(yes) => self.begun = *yes,
            Record::Namespace(..)
            | Record::Endpoint(..)
            | Record::Schedule(_)
            | Record::Deployment(_)
            | Record::Batch(_) => unreachable!("it is of no run"),
            Record::Row(_) => {}
            Record::Nexus(scheduled, Some(state)) => {
                self.nexus.insert(*scheduled, state.clone());
            }
            Record::Nexus(scheduled, None) => {
                self.nexus.remove(scheduled);
            }
            Record::Scheduled(by) => self.scheduled = Some(by.clone()),
            Record::Initially(behavior) => self.initially = *behavior,
            Record::Forked(forked) => self.forked = Some(forked.clone()),
            Record::ResetTo(run_id) => self.reset_to = Some(run_id.clone()),
            Record::ActivityControl(id, control) => {
                if let Some(activity) = self.history.activities.get(id) {
                    let controlled = Controlled::new((**control).clone(), activity);
                    self.controls.insert(*id, controlled);
                }
            }
            Record::Expires(at) => self.expires = Some(*at),
            Record::Doomed => self.doomed = true,
            Record::Deleted => unreachable!("it is the execution that forgets a run"),
        }
    }
}

impl Execution {
    /// The execution that these records, in order, make.
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut execution = Self::default();
        for entry in entries {
            execution.apply(entry);
        }
        execution
    }

    /// Takes one record.
    ///
    /// # Panics
    /// If the record is for a run that no earlier record created: a store lost one.
    pub fn apply(&mut self, entry: &Entry) {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "all others are of a run, which knows them one by one"
        )]
        match &entry.record {
            Record::Created(created) => {
                let run = Run::new(entry.run_id.clone(), created.clone());
                self.runs.insert(entry.run_id.clone(), run);
                self.current = Some(entry.run_id.clone());
            }
            Record::Namespace(name, Some(info)) => {
                let info = Arc::new((**info).clone());
                self.namespaces.insert(name.clone(), info);
            }
            Record::Namespace(name, None) => {
                self.namespaces.remove(name);
            }
            Record::Endpoint(id, Some(endpoint)) => {
                let endpoint = Arc::new((**endpoint).clone());
                self.endpoints.insert(id.clone(), endpoint);
            }
            Record::Endpoint(id, None) => {
                self.endpoints.remove(id);
            }
            Record::Schedule(record) => self.apply_schedule(&entry.run_id, record),
            // No part of the state, and perhaps of a schedule, which is no run.
            Record::Row(_) => {}
            Record::Deployment(deployment) => self.deployment = Some(deployment.clone()),
            Record::Batch(record) => self.apply_batch(&entry.run_id, record),
            Record::Deleted => {
                self.runs.remove(&entry.run_id);
            }
            of_run => self
                .runs
                .get_mut(&entry.run_id)
                .expect("the run was created")
                .apply(of_run),
        }
        let doomed = matches!(entry.record, Record::Doomed);
        if doomed && self.current.as_ref() == Some(&entry.run_id) {
            self.current = None;
        }
    }

    fn apply_schedule(&mut self, incarnation: &RunId, record: &ScheduleRecord) {
        if let ScheduleRecord::Created(request_id) = record {
            let schedule = Schedule::new(incarnation.clone(), request_id.clone());
            self.schedule = Some(Box::new(schedule));
        } else {
            self.schedule
                .as_mut()
                .filter(|schedule| schedule.id == *incarnation)
                .expect("the incarnation was created")
                .apply(record);
        }
    }

    fn apply_batch(&mut self, id: &RunId, record: &BatchRecord) {
        match record {
            BatchRecord::Started(spec, at) => {
                let job = BatchJob::new(id.clone(), Arc::clone(spec), *at);
                self.batch = Some(Box::new(job));
            }
            BatchRecord::Removed => self.batch = None,
            BatchRecord::OutboxPut(..) | BatchRecord::Answered(..) | BatchRecord::Closed(_) => self
                .batch
                .as_mut()
                .filter(|job| job.id == *id)
                .expect("the job was started")
                .apply(record),
        }
    }

    /// Whether there is a schedule here.
    pub(crate) fn has_schedule(&self) -> bool {
        self.schedule.as_ref().is_some_and(|schedule| schedule.open)
    }

    fn is_schedule(&self, incarnation: &RunId) -> bool {
        self.schedule.as_ref().is_some_and(|s| s.id == *incarnation)
    }

    /// Whether an earlier record has made what this one changes.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else there is, is known by its run"
    )]
    pub fn knows(&self, run_id: &RunId, record: &Record) -> bool {
        match record {
            Record::Schedule(change) if !matches!(**change, ScheduleRecord::Created(_)) => {
                self.is_schedule(run_id)
            }
            Record::Row(_) => self.is_schedule(run_id) || self.runs.contains_key(run_id),
            Record::Batch(change) if !matches!(**change, BatchRecord::Started(..)) => {
                self.batch.as_ref().is_some_and(|job| job.id == *run_id)
            }
            _ => !record.is_of_run() || self.runs.contains_key(run_id),
        }
    }

    /// Work for others that is not done yet, by the run or incarnation whose it is.
    pub(crate) fn outboxes(&self) -> impl Iterator<Item = (&RunId, &BTreeMap<u64, OutboxPut>)> {
        let runs = self.runs.values().map(|run| (&run.run_id, &run.outbox));
        let schedule = self.schedule.iter().map(|s| (&s.id, &s.outbox));
        let batch = self.batch.iter().map(|job| (&job.id, &job.outbox));
        runs.chain(schedule).chain(batch)
    }

    /// A piece of that work.
    pub(crate) fn outbox_put(&self, run_id: &RunId, number: u64) -> Option<&OutboxPut> {
        let outbox = self.outboxes().find(|(id, _)| *id == run_id);
        outbox.and_then(|(_, outbox)| outbox.get(&number))
    }

    /// When it has to be looked at if it is not in memory.
    pub(crate) fn sleeps_until(&self, key: &ExecutionKey, now: Timestamp) -> Option<Timestamp> {
        let run = self.current_run().and_then(sleeps_until);
        let schedule = self.schedule.as_deref();
        let schedule = schedule.and_then(|schedule| wakes_at(key, schedule, now));
        run.into_iter()
            .chain(schedule)
            .chain(self.batch.as_ref().and_then(|job| job.wakes_at()))
            .chain(self.next_expiry())
            .min()
    }

    /// When the next closed run has been kept for long enough.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        let kept = self.runs.values().filter(|run| !run.doomed);
        kept.filter_map(|run| run.expires).min()
    }

    /// Whether a run is there for callers.
    pub(crate) fn has_run(&self, run_id: &RunId) -> bool {
        self.runs.get(run_id).is_some_and(|run| !run.doomed)
    }

    /// The run that what this event of a run began belongs to now: a reset takes over whatever is before its point.
    pub(crate) fn heir(&self, run_id: &RunId, event: EventId) -> RunId {
        let mut heir = run_id;
        while let Some(next) = self.fork_of(heir, event) {
            heir = next;
        }
        heir.clone()
    }

    /// The run that a reset made of this one, if that took the event over. The base may be deleted by now.
    fn fork_of(&self, base: &RunId, event: EventId) -> Option<&RunId> {
        let took_over = |run: &Run| {
            let forked = run.forked.as_deref();
            forked.is_some_and(|forked| forked.base == *base && event < forked.at)
        };
        let next = match self.runs.get(base) {
            Some(run) => self
                .runs
                .get(run.reset_to.as_ref()?)
                .filter(|run| took_over(run)),
            None => self
                .runs
                .values()
                .find(|run| run.is_open() && took_over(run)),
        };
        next.map(|run| &run.run_id)
    }

    /// Whether there is nothing here that has to be kept.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The newest run.
    #[must_use]
    pub fn current_run(&self) -> Option<&Run> {
        self.runs.get(self.current.as_ref()?)
    }

    /// Whether nothing is outstanding but time: no task, no outbox. Such an execution may be forgotten until its
    /// next deadline.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        // A deployment has to be told to every new matching.
        self.deployment.is_none()
            && self.outboxes().all(|(_, outbox)| outbox.is_empty())
            && self.runs.values().all(|run| {
                !run.is_open()
                    || run.task.is_none() && run.activities.is_empty() && run.nexus.is_empty()
            })
    }
}
