//! Plants one bug at the seams of an engine process: its inputs, batches, effects and store.

use std::{collections::BTreeMap, time::Duration};

use steadfast_core::{
    Batch, Execution, ExecutionKey, InputEvent, Now, Record, Rejection, Reply, Request,
    message::{Envelope, Message, OutboxWork},
    policy::IdReusePolicy,
    request::{ActivityTarget, SignalRequest},
    shard::Shard,
    update::KnownUpdates,
    visibility::RowChange,
};
use steadfast_proto::temporal::api::common::v1::Payloads;

use super::Bug;
use crate::cluster::wire::Rpc;

/// The planter of at most one bug; without one it changes nothing.
#[derive(Debug, Default)]
pub(crate) struct Saboteur {
    bug: Option<Bug>,
    /// Signals that were taken and not handed on.
    kept: BTreeMap<ExecutionKey, Vec<SignalRequest>>,
    /// Answers to queries.
    answers: BTreeMap<(String, String), Option<Payloads>>,
}

/// By how much a fast clock is ahead.
const FAST: Duration = Duration::from_secs(3600);

impl Saboteur {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self {
            bug,
            ..Self::default()
        }
    }

    fn plants(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Whether effects are carried out before their batch is durable.
    pub(crate) fn hurries(&self) -> bool {
        self.plants(Bug::AcknowledgeBeforeCommit)
    }

    /// Whether the disk only says that it syncs.
    pub(crate) fn skips_syncs(&self) -> bool {
        self.plants(Bug::SyncSkipped)
    }

    /// The time that a shard is told.
    pub(crate) fn time(&self, now: Now, event: &InputEvent) -> Now {
        if self.plants(Bug::TimerEarlyOnFastClock)
            && matches!(event, InputEvent::Loaded(..) | InputEvent::Request(..))
        {
            return Now {
                wall: now.wall.plus(FAST),
                ..now
            };
        }
        now
    }

    /// What a shard is told. `None` if it is told nothing, and the caller is told that all is well.
    pub(crate) fn input(&mut self, shard: &Shard, event: InputEvent) -> Option<InputEvent> {
        match self.bug {
            Some(Bug::StaleTokenAccepted) => Some(freshened(shard, event)),
            Some(Bug::SignalLostOnTaskFailure) => self.keep_signal(shard, event),
            Some(Bug::StickyWithoutFallback) => Some(patient(event)),
            Some(Bug::ResetForgetsSignals) => Some(without_signals(event)),
            _ => Some(event),
        }
    }

    /// What a shard is told after an input, beside what happened.
    pub(crate) fn afterwards(&mut self, event: &InputEvent) -> Vec<Request> {
        let InputEvent::Request(_, request) = event else {
            return Vec::new();
        };
        match request {
            Request::CompleteWorkflowTask(complete) => {
                let kept = self
                    .kept
                    .remove(&complete.token.run.execution)
                    .unwrap_or_default();
                kept.into_iter()
                    .map(|signal| Request::Signal(Box::new(signal)))
                    .collect()
            }
            Request::FailWorkflowTask(fail) => {
                self.kept.remove(&fail.token.run.execution);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn keep_signal(&mut self, shard: &Shard, event: InputEvent) -> Option<InputEvent> {
        let InputEvent::Request(_, Request::Signal(signal)) = &event else {
            return Some(event);
        };
        let key = &signal.target.key;
        let run = shard.execution(key).and_then(Execution::current_run);
        let task = run.and_then(|run| run.task.as_ref());
        if task.is_some_and(|task| task.started.is_some()) {
            self.kept
                .entry(key.clone())
                .or_default()
                .push((**signal).clone());
            return None;
        }
        Some(event)
    }

    /// What is written.
    pub(crate) fn batch(&self, batch: &mut Batch) {
        match self.bug {
            Some(Bug::BackoffForgotten) => {
                let high = batch.high;
                for entry in &mut batch.entries {
                    if let Record::Activity(_, Some(state)) = &mut entry.record
                        && state.started.is_none()
                    {
                        state.scheduled = high;
                    }
                }
            }
            Some(Bug::EventsSwapped) => swap_events(batch),
            Some(Bug::RunCreatedTwice) => create_twins(batch),
            Some(Bug::CloseNotListed) => batch.entries.retain(|entry| match &entry.record {
                Record::Row(change) => {
                    !matches!(&**change, RowChange::Changed(update) if update.closing.is_some())
                }
                _ => true,
            }),
            Some(Bug::RecordLost) => {
                batch.entries.retain(|entry| {
                    !matches!(entry.record, Record::SignalRequest(_) | Record::Sticky(_))
                });
            }
            _ => {}
        }
    }

    /// What a machine is told by another.
    pub(crate) fn message(&self, envelope: &mut Envelope) {
        if self.plants(Bug::StickyWithoutFallback)
            && let Message::Offer(offer) = &mut envelope.message
        {
            offer.fallback = None;
        }
        if self.plants(Bug::ScheduleStartsAnew) {
            start_anew(envelope);
        }
    }

    /// What a new owner of a shard takes over.
    pub(crate) fn recovered(&self, executions: &mut BTreeMap<ExecutionKey, Execution>) {
        for execution in executions.values_mut() {
            self.lose_timers(execution);
            self.lose_updates(execution);
        }
    }

    /// What is loaded.
    pub(crate) fn loaded(&self, mut execution: Option<Execution>) -> Option<Execution> {
        if let Some(execution) = &mut execution {
            self.lose_timers(execution);
            self.lose_updates(execution);
        }
        execution.filter(|_| !self.plants(Bug::EvictedForgotten))
    }

    fn lose_timers(&self, execution: &mut Execution) {
        if !self.plants(Bug::TimerLostOnRestart) {
            return;
        }
        for run in execution.runs.values_mut() {
            run.history.timers.clear();
            run.history.timer_queue.clear();
        }
    }

    fn lose_updates(&self, execution: &mut Execution) {
        if !self.plants(Bug::UpdateForgotten) {
            return;
        }
        for run in execution.runs.values_mut() {
            run.history.updates = KnownUpdates::default();
        }
    }

    /// What a caller is told.
    pub(crate) fn reply(
        &mut self,
        rpc: &Rpc,
        reply: Result<Reply, Rejection>,
    ) -> Result<Reply, Rejection> {
        match (self.bug, rpc, reply) {
            (
                Some(Bug::TaskDeliveredTwice),
                Rpc::CompleteActivity(_),
                Err(Rejection::NotFound(_)),
            ) => Ok(Reply::Done),
            (Some(Bug::QueryFromMemory), Rpc::Query(body), Ok(Reply::Query(answer))) => {
                let id = body
                    .execution
                    .as_ref()
                    .map_or("", |e| e.workflow_id.as_str());
                let query = body.query.as_ref().map_or("", |q| q.query_type.as_str());
                let place = (id.to_owned(), query.to_owned());
                let first = self.answers.entry(place).or_insert(answer);
                Ok(Reply::Query(first.clone()))
            }
            (_, _, reply) => reply,
        }
    }

    /// An answer that needs no asking.
    pub(crate) fn known_answer(&self, rpc: &Rpc) -> Option<Reply> {
        let Rpc::Query(body) = rpc else { return None };
        let id = body
            .execution
            .as_ref()
            .map_or("", |e| e.workflow_id.as_str());
        let query = body.query.as_ref().map_or("", |q| q.query_type.as_str());
        let place = (id.to_owned(), query.to_owned());
        self.answers.get(&place).cloned().map(Reply::Query)
    }

    /// Whether another worker that waits gets the same task.
    pub(crate) fn delivers_twice(&self) -> bool {
        self.plants(Bug::TaskDeliveredTwice)
    }
}

/// Gives an activity's token the attempt that is current.
fn freshened(shard: &Shard, mut event: InputEvent) -> InputEvent {
    if let InputEvent::Request(_, Request::Activity(request)) = &mut event
        && let ActivityTarget::Token(token) = &mut request.target
        && let Some(execution) = shard.execution(&token.run.execution)
        && let Some(run) = execution.runs.get(&token.run.run_id)
        && let Some(state) = run.activities.get(&token.scheduled)
    {
        token.attempt = state.attempt;
    }
    event
}

/// Every sending of a schedule's start is a start of its own.
fn start_anew(envelope: &mut Envelope) {
    if let Message::Outbox(item) = &mut envelope.message
        && let OutboxWork::StartScheduled(work) = &mut item.work
    {
        let (epoch, sequence) = (envelope.epoch.0, envelope.sequence);
        work.start.request_id = format!("{epoch}-{sequence}").into();
        work.start.reuse = IdReusePolicy::AllowDuplicate;
    }
}

/// Lets tasks wait in a worker's own queue for ever.
fn patient(mut event: InputEvent) -> InputEvent {
    if let InputEvent::Request(_, Request::CompleteWorkflowTask(complete)) = &mut event
        && let Some(sticky) = &mut complete.sticky
    {
        sticky.schedule_to_start = Duration::ZERO;
    }
    event
}

/// A reset leaves signals behind.
fn without_signals(mut event: InputEvent) -> InputEvent {
    if let InputEvent::Request(_, Request::Reset(reset)) = &mut event {
        reset.without.signals = true;
    }
    event
}

/// Whatever creates a run and begins its history is written a second time, for another run.
fn create_twins(batch: &mut Batch) {
    let created = batch
        .entries
        .iter()
        .position(|e| matches!(e.record, Record::Created(_)));
    let Some(created) = created else { return };
    let mut twins: Vec<_> = batch.entries[created..].iter().take(2).cloned().collect();
    for twin in &mut twins {
        twin.run_id = format!("{}-twin", twin.run_id).into();
    }
    batch.entries.splice(created..created, twins);
}

/// The last two events of a batch change places.
fn swap_events(batch: &mut Batch) {
    let entries = batch.entries.iter().enumerate();
    let events = entries.filter(|(_, entry)| matches!(entry.record, Record::Event(_)));
    let places: Vec<usize> = events.map(|(place, _)| place).collect();
    if let [.., first, second] = places[..] {
        batch.entries.swap(first, second);
    }
}
