//! What is durably true, folded independently of the engine from the batches that its store has confirmed.
//!
//! Batches wait in order until they are durable. After a crash a prefix of the waiting ones may have reached the disk:
//! whichever prefix explains what the new owner found becomes true with that owner's first batch; until then another
//! crash may still undo it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use prost::Message as _;
use steadfast_core::{
    Batch, Entry, Execution, ExecutionKey, Record, RunId, RunKey, ShardId, Timestamp,
    reset::Forked, workflow_task::WorkflowTask,
};
use steadfast_proto::temporal::api::{
    enums::v1::WorkflowExecutionStatus as Status,
    history::v1::{HistoryEvent, history_event::Attributes},
    update::v1::Outcome,
};

/// Everything durable.
#[derive(Debug, Default)]
pub struct Facts {
    /// Every run that exists.
    pub runs: BTreeMap<RunKey, RunFacts>,
    /// The runs of every workflow id, oldest first.
    pub executions: BTreeMap<ExecutionKey, Vec<RunId>>,
    /// All records of every workflow id.
    records: BTreeMap<ExecutionKey, Vec<Entry>>,
    shards: BTreeMap<ShardId, ShardFacts>,
    shard_count: u32,
}

/// What a shard has submitted and nobody may know of yet.
#[derive(Debug, Default)]
struct ShardFacts {
    waiting: VecDeque<Waiting>,
    /// What a failed commit or a crash has swept away. A power cut before the next commit may bring it back.
    ghosts: VecDeque<Waiting>,
}

/// A batch on its way.
#[derive(Debug)]
struct Waiting {
    batch: Batch,
    /// Whether the store will say when it is durable. One that a new owner has found is durable when his first is.
    awaited: bool,
}

/// One run.
#[derive(Debug)]
pub struct RunFacts {
    /// Its history.
    pub events: Vec<HistoryEvent>,
    /// Open, or how it closed.
    pub status: Status,
    /// Signals in the history or waiting for it, by request id.
    pub signals: BTreeMap<String, Option<i64>>,
    /// Updates in the history, by id.
    pub updates: BTreeMap<String, UpdateFacts>,
    /// Whether somebody asked it to cancel.
    pub cancel_requested: bool,
    /// The pending workflow task.
    pub task: Option<WorkflowTask>,
    /// Started events of completed workflow tasks.
    pub completed_tasks: BTreeSet<i64>,
    /// Activities by scheduled event.
    pub activities: BTreeMap<i64, ActivityFacts>,
    /// The ids of starts that were answered with this run.
    pub requests: BTreeSet<String>,
    /// Where it comes from, if a reset made it.
    pub forked: Option<Forked>,
    /// Whether it is there for nobody any more.
    pub deleted: bool,
}

/// One update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateFacts {
    /// The event with which it was accepted.
    pub accepted: Option<i64>,
    /// The event that has its outcome.
    pub completed: Option<i64>,
    /// That outcome.
    pub outcome: Option<Outcome>,
    /// How often it was accepted, and how often completed.
    pub times: (u32, u32),
}

/// One activity.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActivityFacts {
    /// The newest attempt.
    pub attempt: u32,
    /// Whether that attempt was started.
    pub started: bool,
    /// Whether it is over.
    pub ended: bool,
}

impl Default for RunFacts {
    fn default() -> Self {
        Self {
            events: Vec::new(),
            status: Status::Running,
            signals: BTreeMap::new(),
            updates: BTreeMap::new(),
            cancel_requested: false,
            task: None,
            completed_tasks: BTreeSet::new(),
            activities: BTreeMap::new(),
            requests: BTreeSet::new(),
            forked: None,
            deleted: false,
        }
    }
}

/// A record that has just become true, decoded if it is an event.
#[derive(Debug)]
pub(crate) enum Fact<'a> {
    /// The history has grown.
    Event(&'a HistoryEvent),
    /// Something beside the history has changed.
    Record(&'a Record),
}

impl RunFacts {
    /// The id of the newest event.
    #[must_use]
    pub fn last_event(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap_or(i64::MAX)
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == Status::Running
    }

    fn learn(&mut self, record: &Record) {
        match record {
            Record::Created(created) => {
                self.requests.insert(created.request_id.to_string());
            }
            Record::AttachedRequest(id) => {
                self.requests.insert(id.to_string());
            }
            Record::Doomed => self.deleted = true,
            Record::Forked(forked) => self.forked = Some((**forked).clone()),
            Record::SignalRequest(id) => {
                self.signals.entry(id.to_string()).or_insert(None);
            }
            Record::WorkflowTask(task) => self.task = task.as_deref().cloned(),
            Record::Activity(scheduled, Some(state)) => {
                let activity = self.activities.entry(scheduled.0).or_default();
                activity.attempt = state.attempt;
                activity.started = state.started.is_some();
            }
            Record::Activity(scheduled, None) => {
                self.activities.entry(scheduled.0).or_default().ended = true;
            }
            Record::Buffered(bytes) => {
                if let Ok(event) = HistoryEvent::decode(bytes.clone()) {
                    self.learn_buffered(&event);
                }
            }
            Record::Event(_)
            | Record::Sticky(_)
            | Record::BufferCleared
            | Record::OutboxPut(..)
            | Record::OutboxDone(_)
            | Record::ClosingAttempted(_)
            | Record::ChildBegun(_)
            | Record::Namespace(..)
            | Record::Row(_)
            | Record::Nexus(..)
            | Record::Endpoint(..)
            | Record::Scheduled(_)
            | Record::ResetTo(_)
            | Record::Expires(_)
            | Record::Deleted
            | Record::Schedule(_)
            | Record::ActivityControl(..)
            | Record::Batch(_)
            | Record::Deployment(_)
            | Record::Initially(_) => {}
        }
    }

    fn learn_buffered(&mut self, event: &HistoryEvent) {
        use Attributes as A;
        match &event.attributes {
            Some(A::WorkflowExecutionSignaledEventAttributes(signal)) => {
                self.signals
                    .entry(signal.request_id.clone())
                    .or_insert(None);
            }
            Some(A::WorkflowExecutionCancelRequestedEventAttributes(_)) => {
                self.cancel_requested = true;
            }
            _ => {}
        }
    }

    fn learn_event(&mut self, event: HistoryEvent) {
        use Attributes as A;
        match &event.attributes {
            Some(A::WorkflowExecutionSignaledEventAttributes(signal)) => {
                self.signals
                    .insert(signal.request_id.clone(), Some(event.event_id));
            }
            Some(A::WorkflowExecutionCancelRequestedEventAttributes(_)) => {
                self.cancel_requested = true;
            }
            Some(A::WorkflowExecutionUpdateAcceptedEventAttributes(update)) => {
                let id = update.protocol_instance_id.clone();
                let update = self.updates.entry(id).or_default();
                update.accepted.get_or_insert(event.event_id);
                update.times.0 += 1;
            }
            Some(A::WorkflowExecutionUpdateCompletedEventAttributes(update)) => {
                let id = update.meta.clone().unwrap_or_default().update_id;
                let outcome = update.outcome.clone();
                let update = self.updates.entry(id).or_default();
                update.completed.get_or_insert(event.event_id);
                update.outcome = update.outcome.take().or(outcome);
                update.times.1 += 1;
            }
            Some(A::WorkflowTaskCompletedEventAttributes(task)) => {
                self.completed_tasks.insert(task.started_event_id);
            }
            Some(A::ActivityTaskScheduledEventAttributes(_)) => {
                self.activities.entry(event.event_id).or_default();
            }
            Some(attributes) => {
                if let Some(status) = closes(attributes) {
                    self.status = status;
                }
            }
            None => {}
        }
        self.events.push(event);
    }
}

/// How an event closes its run, if it does.
#[must_use]
pub(crate) fn closes(attributes: &Attributes) -> Option<Status> {
    use Attributes as A;
    match attributes {
        A::WorkflowExecutionCompletedEventAttributes(_) => Some(Status::Completed),
        A::WorkflowExecutionFailedEventAttributes(_) => Some(Status::Failed),
        A::WorkflowExecutionTimedOutEventAttributes(_) => Some(Status::TimedOut),
        A::WorkflowExecutionCanceledEventAttributes(_) => Some(Status::Canceled),
        A::WorkflowExecutionTerminatedEventAttributes(_) => Some(Status::Terminated),
        A::WorkflowExecutionContinuedAsNewEventAttributes(_) => Some(Status::ContinuedAsNew),
        _ => None,
    }
}

impl Facts {
    /// Nothing is true yet of a cluster with so many shards.
    #[must_use]
    pub fn new(shard_count: u32) -> Self {
        Self {
            shard_count,
            ..Self::default()
        }
    }

    /// A batch is on its way to the disk.
    pub(super) fn submitted(&mut self, shard: ShardId, batch: &Batch) {
        let shard = self.shards.entry(shard).or_default();
        shard.waiting.push_back(Waiting {
            batch: batch.clone(),
            awaited: true,
        });
    }

    /// The oldest awaited batch has arrived; `tell` hears every record of it before it is taken.
    pub(super) fn durable(
        &mut self,
        shard: ShardId,
        mut tell: impl FnMut(&mut Self, &RunKey, Timestamp, Fact<'_>),
    ) {
        self.shards.entry(shard).or_default().ghosts.clear();
        loop {
            let first = self.shards.entry(shard).or_default().waiting.pop_front();
            let Some(Waiting { batch, awaited }) = first else {
                return;
            };
            self.take(batch, &mut tell);
            if awaited {
                return;
            }
        }
    }

    fn take(
        &mut self,
        batch: Batch,
        mut tell: impl FnMut(&mut Self, &RunKey, Timestamp, Fact<'_>),
    ) {
        for entry in batch.entries {
            let run = RunKey {
                execution: entry.key.clone(),
                run_id: entry.run_id.clone(),
            };
            if let Record::Created(_) = &entry.record {
                let runs = self.executions.entry(entry.key.clone()).or_default();
                runs.push(entry.run_id.clone());
                self.runs.entry(run.clone()).or_default();
            }
            if let Record::Event(bytes) = &entry.record {
                match HistoryEvent::decode(bytes.clone()) {
                    Ok(event) => {
                        tell(self, &run, batch.high, Fact::Event(&event));
                        self.runs.entry(run).or_default().learn_event(event);
                    }
                    Err(_) => tell(self, &run, batch.high, Fact::Record(&entry.record)),
                }
            } else if let Record::Schedule(_)
            | Record::Batch(_)
            | Record::Row(_)
            | Record::Deployment(_) = &entry.record
            {
                // It is of no run, or says nothing new of one.
                tell(self, &run, batch.high, Fact::Record(&entry.record));
            } else {
                tell(self, &run, batch.high, Fact::Record(&entry.record));
                self.runs.entry(run).or_default().learn(&entry.record);
            }
            let records = self.records.entry(entry.key.clone()).or_default();
            records.push(entry);
        }
    }

    /// A new owner has loaded the shard. As many of the waiting batches as explain what it found will be durable
    /// with its first batch.
    ///
    /// # Errors
    /// With what differs, if no prefix of them explains it.
    pub(super) fn recovered(
        &mut self,
        shard: ShardId,
        found: &BTreeMap<ExecutionKey, Execution>,
    ) -> Result<(), String> {
        let ShardFacts {
            mut waiting,
            ghosts,
        } = std::mem::take(self.shards.entry(shard).or_default());
        let explained = match self.explain(shard, &waiting, found) {
            Ok(count) => Ok((waiting.split_off(count), waiting)),
            Err(what) => match self.explain(shard, &ghosts, found) {
                Ok(count) => Ok((VecDeque::new(), ghosts.into_iter().take(count).collect())),
                Err(_) => Err(what),
            },
        };
        let (ghosts, mut waiting) = explained?;
        for found in &mut waiting {
            found.awaited = false;
        }
        self.shards.insert(shard, ShardFacts { waiting, ghosts });
        Ok(())
    }

    /// How many of the waiting batches explain what was found.
    fn explain(
        &self,
        shard: ShardId,
        waiting: &VecDeque<Waiting>,
        found: &BTreeMap<ExecutionKey, Execution>,
    ) -> Result<usize, String> {
        let mine = self
            .records
            .keys()
            .filter(|key| key.shard(self.shard_count) == shard);
        let mut folded: BTreeMap<ExecutionKey, Execution> =
            mine.map(|key| (key.clone(), self.fold(key))).collect();
        let first_difference = difference(&folded, found);
        for (count, next) in waiting.iter().enumerate() {
            if difference(&folded, found).is_none() {
                return Ok(count);
            }
            for entry in &next.batch.entries {
                folded.entry(entry.key.clone()).or_default().apply(entry);
            }
        }
        match (difference(&folded, found), first_difference) {
            (None, _) => Ok(waiting.len()),
            (Some(_), Some(what)) | (Some(what), None) => Err(what),
        }
    }

    /// The execution that all durable records make.
    #[must_use]
    pub fn fold(&self, key: &ExecutionKey) -> Execution {
        Execution::fold(self.records.get(key).into_iter().flatten())
    }

    /// The execution that all records make, those on their way included.
    #[must_use]
    pub fn fold_all(&self, key: &ExecutionKey) -> Execution {
        let mut execution = self.fold(key);
        let waiting = self.shards.get(&key.shard(self.shard_count)).into_iter();
        for next in waiting.flat_map(|shard| &shard.waiting) {
            for entry in next.batch.entries.iter().filter(|entry| entry.key == *key) {
                execution.apply(entry);
            }
        }
        execution
    }

    /// The newest run of a workflow id.
    #[must_use]
    pub fn current(&self, key: &ExecutionKey) -> Option<&RunFacts> {
        let run_id = self.executions.get(key)?.last()?.clone();
        self.runs.get(&RunKey {
            execution: key.clone(),
            run_id,
        })
    }

    /// All runs of a workflow id, oldest first.
    pub fn runs_of<'a>(&'a self, key: &'a ExecutionKey) -> impl Iterator<Item = &'a RunFacts> {
        let runs = self.executions.get(key).into_iter().flatten();
        runs.filter_map(|run_id| {
            self.runs.get(&RunKey {
                execution: key.clone(),
                run_id: run_id.clone(),
            })
        })
    }
}

fn difference(
    folded: &BTreeMap<ExecutionKey, Execution>,
    found: &BTreeMap<ExecutionKey, Execution>,
) -> Option<String> {
    if let Some(key) = folded.keys().find(|key| !found.contains_key(*key)) {
        return Some(format!("{key} was durable and is gone"));
    }
    let mut differ = found
        .iter()
        .filter(|(key, execution)| folded.get(*key) != Some(*execution));
    differ.next().map(|(key, _)| {
        format!("what was recovered of {key} is not the fold of its durable records")
    })
}
