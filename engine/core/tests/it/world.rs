//! A shard, a matching machine and a perfect log, driven by hand.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use prost::Message as _;
use steadfast_core::{
    Effect, Effects, Entropy, Entry, Epoch, Execution, ExecutionKey, Input, InputEvent, Matching,
    MatchingInput, Monotonic, Now, Record, Rejection, Reply, ReplyTo, Request, RunId, Shard,
    ShardId, Timestamp,
    execution::Run,
    history::HistoryState,
    message::{Address, Envelope},
    visibility::{RowChange, VisibilityRow},
};
use steadfast_proto::temporal::api::history::v1::HistoryEvent;

/// Where every script's clock begins.
const BEGINNING: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) struct World {
    shard: Shard,
    matching: Matching,
    /// Everything that was ever made durable.
    log: Vec<Entry>,
    pub(crate) now: Now,
    inputs: u64,
    replies: u64,
    pub(crate) answers: Vec<(ReplyTo, Result<Reply, Rejection>)>,
    epoch: u64,
    /// Messages between the machines are lost while this is set.
    pub(crate) deaf: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let now = Now {
            wall: BEGINNING,
            mono: Monotonic(0),
        };
        let mut effects = Effects::new(ShardId(0), Epoch(1));
        let shard = Shard::recover(
            ShardId(0),
            1,
            Epoch(1),
            Timestamp::EPOCH,
            Vec::new(),
            now,
            &mut effects,
        );
        let mut world = Self {
            shard,
            matching: Matching::start(1, 1, &mut Vec::new()),
            log: Vec::new(),
            now,
            inputs: 0,
            replies: 0,
            answers: Vec::new(),
            epoch: 1,
            deaf: false,
        };
        world.commit(effects);
        world
    }

    pub(crate) fn reply_to(&mut self) -> ReplyTo {
        self.replies += 1;
        ReplyTo(self.replies)
    }

    pub(crate) fn request(&mut self, request: Request) -> ReplyTo {
        let reply_to = self.reply_to();
        self.step(InputEvent::Request(reply_to, request));
        reply_to
    }

    pub(crate) fn step(&mut self, event: InputEvent) {
        self.inputs += 1;
        let mut entropy = [0_u8; 16];
        entropy[..8].copy_from_slice(&self.inputs.to_le_bytes());
        let mut effects = Effects::new(ShardId(0), self.shard.epoch());
        self.shard.step(
            self.now,
            Input {
                entropy: Entropy(entropy),
                event,
            },
            &mut effects,
        );
        self.commit(effects);
    }

    pub(crate) fn matching(&mut self, input: MatchingInput) {
        let mut effects = Vec::new();
        self.matching.step(self.now.mono, input, &mut effects);
        self.carry_out(effects);
    }

    fn commit(&mut self, effects: Effects) {
        let bytes = effects.batch.encode();
        let batch = steadfast_core::Batch::decode(&bytes).expect("what was encoded");
        assert_eq!(batch, effects.batch, "a batch survives its encoding");
        self.log.extend(batch.entries);
        self.check_folds();
        self.carry_out(effects.effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut queue = VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            match effect {
                Effect::Reply(to, reply) => self.answers.push((to, reply)),
                Effect::Send(envelope) if !self.deaf => self.deliver(*envelope),
                Effect::Send(_) => {}
                Effect::Read(run, range) => {
                    let all = self.encoded(&run.execution, &run.run_id);
                    assert_eq!(all.len() as i64, range.last.0, "a reset reads whole runs");
                    self.step(InputEvent::Read(run, all));
                }
                Effect::Load(key) => {
                    let execution = self.fold().remove(&key).map(Box::new);
                    self.step(InputEvent::Loaded(key, execution));
                }
            }
        }
    }

    fn deliver(&mut self, envelope: Envelope) {
        match envelope.to {
            Address::Shard(_) => self.step(InputEvent::Message(Box::new(envelope))),
            Address::Matching => self.matching(MatchingInput::Message(Box::new(envelope))),
        }
    }

    /// Every execution, from the log alone.
    fn fold(&self) -> BTreeMap<ExecutionKey, Execution> {
        let mut all: BTreeMap<ExecutionKey, Execution> = BTreeMap::new();
        for entry in &self.log {
            all.entry(entry.key.clone()).or_default().apply(entry);
        }
        all
    }

    fn check_folds(&self) {
        let folded = self.fold();
        for (key, live) in self.shard.loaded_executions() {
            assert_eq!(
                folded.get(key).cloned().unwrap_or_default(),
                *live,
                "records of {key}"
            );
            for (run_id, run) in &live.runs {
                let events = self.history(key, run_id);
                assert_eq!(
                    HistoryState::fold(&events),
                    run.history,
                    "history of {run_id}"
                );
                self.check_row(key, run_id, run);
                for (index, event) in (1..).zip(&events) {
                    assert_eq!(event.event_id, index, "event ids of {run_id} are dense");
                    assert!(event.attributes_match_type(), "{event:?}");
                }
            }
        }
    }

    /// The fold of what was said of a run's row is what is known of the run. The builds of an open one may lag.
    fn check_row(&self, key: &ExecutionKey, run_id: &RunId, run: &Run) {
        let mut expected = VisibilityRow::of(run);
        let mut row = None;
        for entry in &self.log {
            if entry.key != *key || entry.run_id != *run_id {
                continue;
            }
            if let Record::Row(change) = &entry.record {
                match (&**change, &mut row) {
                    (RowChange::Started(started), None) => row = Some((**started).clone()),
                    (RowChange::Changed(update), Some(row)) => row.update(update.clone()),
                    (RowChange::Removed, Some(_)) => row = None,
                    (change, row) => panic!("{change:?} of {row:?}"),
                }
            }
        }
        if run.doomed {
            return assert_eq!(row, None, "a doomed run has no row");
        }
        let mut row = row.expect("every run has a row");
        if run.is_open() {
            row.search_attributes.remove("BuildIds");
            expected.search_attributes.remove("BuildIds");
        }
        assert_eq!(row, expected, "row of {run_id}");
    }

    pub(crate) fn history(&self, key: &ExecutionKey, run_id: &RunId) -> Vec<HistoryEvent> {
        self.encoded(key, run_id).iter().map(decode).collect()
    }

    fn encoded(&self, key: &ExecutionKey, run_id: &RunId) -> Vec<Bytes> {
        let events = self
            .log
            .iter()
            .filter(|e| e.key == *key && e.run_id == *run_id);
        events
            .filter_map(|entry| match &entry.record {
                Record::Event(bytes) => Some(bytes.clone()),
                Record::Created(_)
                | Record::WorkflowTask(_)
                | Record::Sticky(_)
                | Record::Activity(..)
                | Record::Buffered(_)
                | Record::BufferCleared
                | Record::SignalRequest(_)
                | Record::AttachedRequest(_)
                | Record::OutboxPut(..)
                | Record::OutboxDone(_)
                | Record::ClosingAttempted(_)
                | Record::ChildBegun(_)
                | Record::Namespace(..)
                | Record::Row(_)
                | Record::Nexus(..)
                | Record::Endpoint(..)
                | Record::Schedule(_)
                | Record::Scheduled(_)
                | Record::Deployment(_)
                | Record::Initially(_)
                | Record::Forked(_)
                | Record::ResetTo(_)
                | Record::Expires(_)
                | Record::Doomed
                | Record::Deleted
                | Record::ActivityControl(..)
                | Record::Batch(_) => None,
            })
            .collect()
    }

    /// All runs in the order in which they began.
    pub(crate) fn runs(&self) -> Vec<(ExecutionKey, RunId)> {
        let created = self
            .log
            .iter()
            .filter(|e| matches!(e.record, Record::Created(_)));
        created
            .map(|entry| (entry.key.clone(), entry.run_id.clone()))
            .collect()
    }

    /// Lets time pass, stopping at every deadline on the way.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = Now {
            wall: self.now.wall.plus(by),
            mono: self.now.mono.plus(by),
        };
        loop {
            let deadlines = self.shard.next_deadline();
            let wall = deadlines.wall.unwrap_or(Timestamp::MAX).max(self.now.wall);
            let mono = [deadlines.mono, self.matching.next_deadline()]
                .into_iter()
                .flatten()
                .min();
            let mono = mono.unwrap_or(Monotonic(u64::MAX)).max(self.now.mono);
            let pause = wall.since(self.now.wall).min(mono.since(self.now.mono));
            if self.now.wall.plus(pause) > end.wall || pause > end.wall.since(self.now.wall) {
                break;
            }
            self.now.wall = self.now.wall.plus(pause);
            self.now.mono = self.now.mono.plus(pause);
            self.matching(MatchingInput::Tick);
            self.step(InputEvent::Tick);
            let again = self.shard.next_deadline();
            if pause.is_zero() && again == deadlines {
                break;
            }
        }
        self.now = end;
        self.matching(MatchingInput::Tick);
        self.step(InputEvent::Tick);
    }

    /// The owner dies; a new one starts from the log.
    pub(crate) fn restart(&mut self) {
        self.epoch += 1;
        let mut effects = Effects::new(ShardId(0), Epoch(self.epoch));
        self.shard = Shard::recover(
            ShardId(0),
            1,
            Epoch(self.epoch),
            self.shard.high(),
            self.fold(),
            self.now,
            &mut effects,
        );
        let mut started = Vec::new();
        self.matching = Matching::start(self.epoch, 1, &mut started);
        self.commit(effects);
        self.carry_out(started);
    }

    pub(crate) fn loaded(&self, key: &ExecutionKey) -> bool {
        self.shard.execution(key).is_some()
    }
}

fn decode(bytes: &Bytes) -> HistoryEvent {
    HistoryEvent::decode(bytes.clone()).expect("a shard writes valid events")
}
