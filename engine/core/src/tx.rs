//! One step's work on one execution: everything that changes state goes through here, so that memory and log agree.
//!
//! A [`Tx`] has one run in its hands. [`Tx::write`] appends an event, [`Tx::buffer`] adds one that may have to wait
//! for the started workflow task to end, [`Tx::record`] changes what is kept beside the history. [`Tx::finish`] puts
//! the rules of the end of a transaction into effect: flush, schedule a workflow task, bound the buffer.

use std::{collections::BTreeMap, mem};

use bytes::Bytes;
use prost::Message as _;
use siphasher::sip128::{Hasher128 as _, SipHasher13};
use steadfast_proto::temporal::api::{
    common::v1::Link,
    history::v1::{HistoryEvent, history_event::Attributes},
    sdk::v1::{EventGroupMarker, UserMetadata},
};

use crate::{
    chain::Ending,
    effect::{Effect, Effects, Rejection, Reply, ReplyTo},
    execution::{Buffered, Execution, Run},
    ids::{EventId, ExecutionKey, RunId, RunKey, TaskQueueName, stable_hash},
    input::Entropy,
    limits::{MAX_BUFFERED_BYTES, MAX_BUFFERED_EVENTS, MAX_HISTORY_BYTES, MAX_HISTORY_EVENTS},
    message::{Message, Offer, OutboxWork, QueueKey, TaskKind, TaskRef},
    record::{Entry, OutboxPut, Record},
    request::StickyRequest,
    time::Timestamp,
    versioning::Route,
    visibility::{BUILD_IDS, Closing, RowChange, RowUpdate, VisibilityRow, attributes_of, memo_of},
    volatile::{Offered, Speculative, Volatile},
    workflow_task::{TaskType, WorkflowTask},
};

/// Makes ids from an input's entropy and a counter.
#[derive(Debug)]
pub(crate) struct IdSource {
    entropy: Entropy,
    /// Several executions may be worked on in one step: each has ids of its own.
    execution: u64,
    made: u32,
}

impl IdSource {
    pub(crate) fn new(entropy: Entropy, key: &ExecutionKey) -> Self {
        let execution = stable_hash(&[key.namespace.as_str(), key.workflow_id.as_str()]);
        Self {
            entropy,
            execution,
            made: 0,
        }
    }

    /// A number that hardly any other step will draw, and never 0.
    pub(crate) fn stamp(&mut self) -> u32 {
        let (high, _) = self.draw();
        u32::try_from(high >> 32).expect("the upper half") | 1
    }

    fn draw(&mut self) -> (u64, u64) {
        use std::hash::Hasher as _;
        self.made += 1;
        let mut hasher = SipHasher13::new_with_key(&self.entropy.0);
        hasher.write_u64(self.execution);
        hasher.write_u32(self.made);
        let hash = hasher.finish128();
        (hash.h1, hash.h2)
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = self.draw();
        let low = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

/// What an event may carry besides its attributes.
#[derive(Debug, Default)]
pub(crate) struct Trimmings {
    pub(crate) time: Option<Timestamp>,
    pub(crate) user_metadata: Option<UserMetadata>,
    pub(crate) links: Vec<Link>,
    pub(crate) group_markers: Vec<EventGroupMarker>,
}

/// See the module documentation.
pub(crate) struct Tx<'a> {
    pub(crate) now: Timestamp,
    pub(crate) key: &'a ExecutionKey,
    pub(crate) run: Run,
    pub(crate) execution: &'a mut Execution,
    pub(crate) volatile: &'a mut Volatile,
    pub(crate) ids: &'a mut IdSource,
    pub(crate) effects: &'a mut Effects,
    /// How many of `run.buffered` the log already has.
    pub(crate) buffered_in_log: usize,
    /// Something happened that the workflow code must see.
    pub(crate) wants_task: bool,
    /// Even if the first workflow task is delayed.
    pub(crate) wants_task_now: bool,
    /// Activities that the worker would run itself at once.
    pub(crate) eager: Vec<EventId>,
    /// What waits for a poller may have changed.
    offers_stale: bool,
    /// What of the run's row is different from what the log has.
    row: RowDirt,
}

/// What of a run's row has changed in a transaction.
#[derive(Clone, Copy, Debug, Default)]
struct RowDirt {
    started: bool,
    attributes: bool,
    memo: bool,
    closed: bool,
}

impl RowDirt {
    fn note(&mut self, event: &HistoryEvent) {
        use Attributes as A;
        match event.attributes {
            Some(A::WorkflowExecutionStartedEventAttributes(_)) => self.started = true,
            Some(A::UpsertWorkflowSearchAttributesEventAttributes(_)) => self.attributes = true,
            Some(A::WorkflowPropertiesModifiedEventAttributes(_)) => self.memo = true,
            _ => {}
        }
    }
}

impl<'a> Tx<'a> {
    /// Takes a run of the execution in hand.
    ///
    /// # Panics
    /// If there is no such run.
    pub(crate) fn open(
        now: Timestamp,
        key: &'a ExecutionKey,
        run_id: &RunId,
        execution: &'a mut Execution,
        volatile: &'a mut Volatile,
        ids: &'a mut IdSource,
        effects: &'a mut Effects,
    ) -> Self {
        let run = execution
            .runs
            .remove(run_id)
            .expect("the caller looked it up");
        Self::with(now, key, run, execution, volatile, ids, effects)
    }

    /// Takes a run in hand that the execution does not have yet.
    pub(crate) fn with(
        now: Timestamp,
        key: &'a ExecutionKey,
        run: Run,
        execution: &'a mut Execution,
        volatile: &'a mut Volatile,
        ids: &'a mut IdSource,
        effects: &'a mut Effects,
    ) -> Self {
        let buffered_in_log = run.buffered.len();
        Self {
            now,
            key,
            run,
            execution,
            volatile,
            ids,
            effects,
            buffered_in_log,
            wants_task: false,
            wants_task_now: false,
            eager: Vec::new(),
            offers_stale: false,
            row: RowDirt::default(),
        }
    }

    /// The run in hand.
    pub(crate) fn run_key(&self) -> RunKey {
        RunKey {
            execution: self.key.clone(),
            run_id: self.run.run_id.clone(),
        }
    }

    /// Answers a caller.
    pub(crate) fn reply(&mut self, to: ReplyTo, reply: Result<Reply, Rejection>) {
        self.effects.effects.push(Effect::Reply(to, reply));
    }

    /// Changes what is kept beside the history.
    pub(crate) fn record(&mut self, record: Record) {
        self.offers_stale |= matches!(
            record,
            Record::WorkflowTask(_) | Record::Activity(..) | Record::Nexus(..)
        );
        self.run.apply(&record);
        self.log(record);
    }

    fn log(&mut self, record: Record) {
        self.log_of(self.run.run_id.clone(), record);
    }

    fn log_of(&mut self, run_id: RunId, record: Record) {
        self.effects.batch.entries.push(Entry {
            key: self.key.clone(),
            run_id,
            record,
        });
    }

    /// Changes what is kept beside the history of a run that may be another than the one in hand.
    ///
    /// # Panics
    /// If there is no such run.
    pub(crate) fn record_of(&mut self, run_id: &RunId, record: Record) {
        if *run_id == self.run.run_id {
            return self.record(record);
        }
        let run = self.execution.runs.get_mut(run_id);
        run.expect("the caller looked it up").apply(&record);
        self.log_of(run_id.clone(), record);
    }

    /// Appends an event.
    pub(crate) fn write(&mut self, attributes: impl Into<Attributes>) -> EventId {
        self.write_with(attributes, Trimmings::default())
    }

    /// Appends an event with more than its attributes.
    pub(crate) fn write_with(
        &mut self,
        attributes: impl Into<Attributes>,
        trimmings: Trimmings,
    ) -> EventId {
        let event = self.event(attributes.into(), trimmings);
        self.append(event)
    }

    fn event(&self, attributes: Attributes, trimmings: Trimmings) -> HistoryEvent {
        HistoryEvent {
            event_time: Some(trimmings.time.unwrap_or(self.now).to_proto()),
            event_type: attributes.event_type().into(),
            // temporal: historybuilder/event_factory.go, workers may not know these yet.
            worker_may_ignore: matches!(
                attributes,
                Attributes::NexusOperationCancelRequestCompletedEventAttributes(_)
                    | Attributes::NexusOperationCancelRequestFailedEventAttributes(_)
            ),
            user_metadata: trimmings.user_metadata,
            links: trimmings.links,
            event_group_markers: trimmings.group_markers,
            attributes: Some(attributes),
            ..HistoryEvent::default()
        }
    }

    /// Makes an event the next of the history.
    pub(crate) fn append(&mut self, mut event: HistoryEvent) -> EventId {
        let id = self.run.history.next_event;
        number(&mut event, id);
        let bytes = Bytes::from(event.encode_to_vec());
        let was_open = self.run.is_open();
        let was_paused = self.run.history.paused.is_some();
        self.run.apply_event(&event, bytes.len());
        let paused = self.run.history.paused.is_some();
        self.offers_stale |= !self.run.is_open() || paused != was_paused;
        self.row.note(&event);
        self.row.closed |= was_open && !self.run.is_open();
        self.log(Record::Event(bytes));
        id
    }

    /// An event as it would be written now with this id, for a worker to see before it is written.
    pub(crate) fn synthesise(
        &self,
        id: EventId,
        time: Timestamp,
        attributes: impl Into<Attributes>,
    ) -> Bytes {
        let trimmings = Trimmings {
            time: Some(time),
            ..Trimmings::default()
        };
        let mut event = self.event(attributes.into(), trimmings);
        number(&mut event, id);
        Bytes::from(event.encode_to_vec())
    }

    /// Adds an event that the workflow code must see and that waits while a workflow task is started.
    // temporal: service/history/historybuilder/event_store.go bufferEvent.
    pub(crate) fn buffer(&mut self, attributes: impl Into<Attributes>) {
        self.buffer_with(attributes, Trimmings::default());
        self.wants_task = true;
    }

    /// Adds an event that may have to wait, and that the workflow code need not be woken for.
    pub(crate) fn buffer_with(&mut self, attributes: impl Into<Attributes>, trimmings: Trimmings) {
        let event = Box::new(self.event(attributes.into(), trimmings));
        let len = event.encoded_len();
        self.run.buffered.push(Buffered { event, len });
    }

    /// The pending workflow task, whether the log knows of it or not.
    pub(crate) fn task(&self) -> Option<&WorkflowTask> {
        self.volatile.task_of(&self.run)
    }

    /// The pending workflow task is this one from now on.
    pub(crate) fn set_task(&mut self, task: Box<WorkflowTask>) {
        if task.kind == TaskType::Speculative {
            let run_id = self.run.run_id.clone();
            self.volatile.speculative = Some(Speculative { run_id, task });
            self.offers_stale = true;
        } else {
            self.clear_speculative();
            self.record(Record::WorkflowTask(Some(task)));
        }
    }

    /// No workflow task is pending any more.
    pub(crate) fn clear_task(&mut self) {
        self.clear_speculative();
        if self.run.task.is_some() {
            self.record(Record::WorkflowTask(None));
        }
    }

    fn clear_speculative(&mut self) {
        let gone = self
            .volatile
            .speculative
            .take_if(|s| s.run_id == self.run.run_id);
        self.offers_stale |= gone.is_some();
    }

    /// Whether a worker has the workflow task.
    pub(crate) fn task_started(&self) -> bool {
        self.task().is_some_and(|task| task.started.is_some())
    }

    /// Makes history of all events that waited: those that end something go behind all others.
    // temporal: service/history/historybuilder/event_store.go FlushBufferToCurrentBatch, reorderBuffer.
    pub(crate) fn flush(&mut self) {
        if self.run.buffered.is_empty() {
            return;
        }
        let waiting = mem::take(&mut self.run.buffered);
        if mem::take(&mut self.buffered_in_log) > 0 {
            self.log(Record::BufferCleared);
        }
        let (ends, others): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|b| ends_something(&b.event));
        let mut starts = Vec::new();
        for Buffered { mut event, .. } in others.into_iter().chain(ends) {
            patch_started(&mut event, &starts);
            let opened = opens(&event);
            let id = self.append(*event);
            starts.extend(opened.map(|of| (of, id)));
        }
    }

    /// Puts work for another execution into the outbox and sends it off.
    pub(crate) fn send_work(&mut self, to: ExecutionKey, work: OutboxWork) {
        let number = self.run.next_outbox;
        self.record(Record::OutboxPut(number, Box::new(OutboxPut { to, work })));
        self.volatile
            .new_work
            .push((self.run.run_id.clone(), number));
    }

    /// The end of the transaction for the run in hand; it goes back to its execution.
    pub(crate) fn finish(mut self) {
        if self.run.is_open() && self.history_is_full() {
            self.close(
                Ending::Terminated {
                    reason: "Workflow history size or count exceeds limit.".to_owned(),
                    details: None,
                    identity: "history-service".to_owned(),
                },
                EventId::NONE,
            );
        }
        self.settle();
        self.release_queries();
        self.answer_waiters();
        self.answer_update_waiters();
        if self.execution.current.as_ref() == Some(&self.run.run_id) {
            self.sync_offers();
        }
        self.put_back();
    }

    fn history_is_full(&self) -> bool {
        self.run.history.last_event().0 >= MAX_HISTORY_EVENTS
            || self.run.history.bytes >= MAX_HISTORY_BYTES
    }

    /// Tells the log what has changed of the row of the run in hand, which is about to leave it.
    fn log_row(&mut self) {
        let dirt = mem::take(&mut self.row);
        let history = &self.run.history;
        let change = if dirt.started {
            RowChange::Started(Box::new(VisibilityRow::of(&self.run)))
        } else if dirt.attributes || dirt.memo || dirt.closed {
            // A run that closes leaves the builds that it ran on.
            let builds = dirt.closed && history.search_attributes.contains_key(BUILD_IDS);
            RowChange::Changed(RowUpdate {
                search_attributes: (dirt.attributes || builds).then(|| attributes_of(history)),
                closing: Closing::of(history),
                memo: dirt.memo.then(|| memo_of(history).unwrap_or_default()),
            })
        } else {
            return;
        };
        self.log(Record::Row(Box::new(change)));
    }

    /// An execution without runs has an empty one in hand; that one is dropped.
    fn put_back(mut self) {
        self.log_row();
        if !self.run.run_id.is_empty() {
            self.execution
                .runs
                .insert(self.run.run_id.clone(), self.run);
        }
    }

    /// Makes what matching is offered agree with what waits for a poller, and finds the next deadline.
    fn sync_offers(&mut self) {
        let attempt_due = self.volatile.next_attempt.is_some_and(|at| at <= self.now);
        if self.offers_stale || attempt_due || !self.volatile.synced {
            self.volatile.synced = true;
            self.offer_what_waits();
        }
        let due = self.next_due().map(|(at, _)| at);
        self.volatile.deadline = due.into_iter().chain(self.volatile.next_attempt).min();
    }

    fn offer_what_waits(&mut self) {
        let (activities, next_attempt) = self.waiting_activities();
        let (nexus, next_ask) = self.waiting_nexus();
        self.volatile.next_attempt = next_attempt.into_iter().chain(next_ask).min();
        let task = self
            .waiting_task()
            .map(|(task, sticky)| self.task_offer(task, sticky));
        let activities = activities.into_iter().map(|task| self.activity_offer(task));
        let nexus = nexus.into_iter().map(|task| Offer {
            queue: self.nexus_queue(task.scheduled),
            task,
            fallback: None,
            route: Route::default(),
        });
        let wanted: BTreeMap<_, _> = task
            .into_iter()
            .chain(activities)
            .chain(nexus)
            .map(|offer| (offer.task.clone(), offer))
            .collect();
        let Volatile {
            offers,
            new_messages,
            ..
        } = &mut *self.volatile;
        offers.retain(|task, _| {
            let waits = wanted.contains_key(task);
            if !waits {
                new_messages.push(Message::Withdraw(task.clone()));
            }
            waits
        });
        for (task, offer) in wanted {
            offers.entry(task).or_insert_with(|| {
                new_messages.push(Message::Offer(Box::new(offer.clone())));
                Offered {
                    offer,
                    taken: false,
                }
            });
        }
    }

    fn queue(&self, kind: TaskKind, name: TaskQueueName) -> QueueKey {
        QueueKey {
            namespace: self.key.namespace.clone(),
            kind,
            name,
            version: None,
        }
    }

    fn task_offer(&self, task: TaskRef, sticky: Option<StickyRequest>) -> Offer {
        let normal = self.queue(TaskKind::Workflow, self.normal_queue().into());
        match sticky {
            Some(sticky) => Offer {
                task,
                queue: self.queue(TaskKind::Workflow, sticky.queue),
                fallback: Some(normal),
                route: self.run.route(self.key),
            },
            None => Offer {
                task,
                queue: normal,
                fallback: None,
                route: self.run.route(self.key),
            },
        }
    }

    fn activity_offer(&self, task: TaskRef) -> Offer {
        let scheduled = self.run.activity(task.scheduled);
        let name = scheduled
            .attributes
            .task_queue
            .clone()
            .unwrap_or_default()
            .name;
        Offer {
            task,
            queue: self.queue(TaskKind::Activity, name.into()),
            fallback: None,
            route: self.run.route(self.key),
        }
    }

    /// Goes on with another run of the same execution, which becomes the current one.
    pub(crate) fn switch_to(&mut self, run: Run) {
        self.settle();
        self.log_row();
        let created = run.created.clone();
        self.release_queries();
        self.answer_waiters();
        let old = mem::replace(&mut self.run, run);
        if !old.run_id.is_empty() {
            self.execution.runs.insert(old.run_id.clone(), old);
        }
        self.execution.current = Some(self.run.run_id.clone());
        self.buffered_in_log = 0;
        self.log(Record::Created(created));
    }

    pub(crate) fn settle(&mut self) {
        if self.run.is_open() {
            if !self.run.buffered.is_empty() {
                self.write_speculative_task();
            }
            if self.task_started() && self.buffer_is_full() {
                self.force_task_failure();
            }
            if self.task_started() {
                self.log_buffered();
            } else {
                self.flush();
                if mem::take(&mut self.wants_task) {
                    self.schedule_task_if_ready();
                }
            }
        }
        self.wants_task = false;
        self.wants_task_now = false;
    }

    fn buffer_is_full(&self) -> bool {
        self.run.buffered.len() > MAX_BUFFERED_EVENTS
            || self.run.buffered.iter().map(|b| b.len).sum::<usize>() > MAX_BUFFERED_BYTES
    }

    fn log_buffered(&mut self) {
        for index in self.buffered_in_log..self.run.buffered.len() {
            let bytes = Bytes::from(self.run.buffered[index].event.encode_to_vec());
            self.log(Record::Buffered(bytes));
        }
        self.buffered_in_log = self.run.buffered.len();
    }

    /// Takes waiting events back that `unwanted` names; used when a command makes them moot.
    pub(crate) fn drop_buffered(&mut self, unwanted: impl Fn(&Attributes) -> bool) -> bool {
        let before = self.run.buffered.len();
        self.run
            .buffered
            .retain(|b| !b.event.attributes.as_ref().is_some_and(&unwanted));
        let dropped = self.run.buffered.len() < before;
        if dropped && mem::take(&mut self.buffered_in_log) > 0 {
            // The log knows only whole buffers: forget it there, and what is left is logged again at the end.
            self.log(Record::BufferCleared);
        }
        dropped
    }

    /// Whether an event that `wanted` names waits.
    pub(crate) fn has_buffered(&self, wanted: impl Fn(&Attributes) -> bool) -> bool {
        self.run
            .buffered
            .iter()
            .any(|b| b.event.attributes.as_ref().is_some_and(&wanted))
    }
}

/// Gives an event its place in the history. `task_id` only has to grow with it.
fn number(event: &mut HistoryEvent, id: EventId) {
    event.event_id = id.0;
    event.task_id = id.0 + (1 << 20);
}

/// What started: an activity by its scheduled event or a child by its initiated event.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only two events start something that ends"
)]
fn opens(event: &HistoryEvent) -> Option<i64> {
    match event.attributes.as_ref()? {
        Attributes::ActivityTaskStartedEventAttributes(a) => Some(a.scheduled_event_id),
        Attributes::ChildWorkflowExecutionStartedEventAttributes(c) => Some(c.initiated_event_id),
        _ => None,
    }
}

/// The two references of an event that ends an activity or a child.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events end nothing"
)]
pub(crate) fn end_references(attributes: &mut Attributes) -> Option<(i64, &mut i64)> {
    use Attributes as A;
    Some(match attributes {
        A::ActivityTaskCompletedEventAttributes(a) => {
            (a.scheduled_event_id, &mut a.started_event_id)
        }
        A::ActivityTaskFailedEventAttributes(a) => (a.scheduled_event_id, &mut a.started_event_id),
        A::ActivityTaskTimedOutEventAttributes(a) => {
            (a.scheduled_event_id, &mut a.started_event_id)
        }
        A::ActivityTaskCanceledEventAttributes(a) => {
            (a.scheduled_event_id, &mut a.started_event_id)
        }
        A::ChildWorkflowExecutionCompletedEventAttributes(c) => {
            (c.initiated_event_id, &mut c.started_event_id)
        }
        A::ChildWorkflowExecutionFailedEventAttributes(c) => {
            (c.initiated_event_id, &mut c.started_event_id)
        }
        A::ChildWorkflowExecutionCanceledEventAttributes(c) => {
            (c.initiated_event_id, &mut c.started_event_id)
        }
        A::ChildWorkflowExecutionTimedOutEventAttributes(c) => {
            (c.initiated_event_id, &mut c.started_event_id)
        }
        A::ChildWorkflowExecutionTerminatedEventAttributes(c) => {
            (c.initiated_event_id, &mut c.started_event_id)
        }
        _ => return None,
    })
}

fn ends_something(event: &HistoryEvent) -> bool {
    use Attributes as A;
    matches!(
        event.attributes,
        Some(
            A::ActivityTaskCompletedEventAttributes(_)
                | A::ActivityTaskFailedEventAttributes(_)
                | A::ActivityTaskTimedOutEventAttributes(_)
                | A::ActivityTaskCanceledEventAttributes(_)
                | A::ChildWorkflowExecutionCompletedEventAttributes(_)
                | A::ChildWorkflowExecutionFailedEventAttributes(_)
                | A::ChildWorkflowExecutionCanceledEventAttributes(_)
                | A::ChildWorkflowExecutionTimedOutEventAttributes(_)
                | A::ChildWorkflowExecutionTerminatedEventAttributes(_)
                | A::NexusOperationCompletedEventAttributes(_)
                | A::NexusOperationFailedEventAttributes(_)
                | A::NexusOperationCanceledEventAttributes(_)
                | A::NexusOperationTimedOutEventAttributes(_)
        )
    )
}

/// Fills in the started event of an end whose start became history in the same flush.
fn patch_started(event: &mut HistoryEvent, starts: &[(i64, EventId)]) {
    let Some(attributes) = &mut event.attributes else {
        return;
    };
    let Some((of, started)) = end_references(attributes) else {
        return;
    };
    if let Some((_, id)) = starts.iter().find(|(opened, _)| *opened == of) {
        *started = id.0;
    }
}
