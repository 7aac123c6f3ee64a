//! The engine under test: a shard, matching and a perfect log, in one process on virtual time.

use std::collections::VecDeque;

use prost::Message as _;
use steadfast_core::{
    Effect, Effects, Entropy, Entry, Epoch, Execution, ExecutionKey, Input, InputEvent, Matching,
    MatchingInput, Monotonic, Now, Record, Rejection, Reply, ReplyTo, Request, RunId, Shard,
    ShardId, Timestamp,
    effect::EventRange,
    message::{Address, Envelope},
};
use steadfast_proto::temporal::api::history::v1::HistoryEvent;

/// Where every case's clock begins.
pub(crate) const BEGINNING: Timestamp = Timestamp::from_secs(1_700_000_000);
const SHARD: ShardId = ShardId(0);

pub(crate) struct Engine {
    shard: Shard,
    matching: Matching,
    /// Everything that was ever made durable.
    log: Vec<Entry>,
    now: Timestamp,
    inputs: u64,
    replies: u64,
    inbox: VecDeque<Envelope>,
    answers: VecDeque<(ReplyTo, Result<Reply, Rejection>)>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        let now = Now {
            wall: BEGINNING,
            mono: Monotonic(0),
        };
        let mut effects = Effects::new(SHARD, Epoch(1));
        let shard = Shard::recover(
            SHARD,
            1,
            Epoch(1),
            Timestamp::EPOCH,
            Vec::new(),
            now,
            &mut effects,
        );
        let mut started = Vec::new();
        let matching = Matching::start(1, 1, &mut started);
        let mut engine = Self {
            shard,
            matching,
            log: Vec::new(),
            now: BEGINNING,
            inputs: 0,
            replies: 0,
            inbox: VecDeque::new(),
            answers: VecDeque::new(),
        };
        engine.commit(effects);
        engine.carry_out(started);
        engine
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    fn clocks(&self) -> Now {
        let mono = u64::try_from(self.now.since(BEGINNING).as_nanos()).expect("a short test");
        Now {
            wall: self.now,
            mono: Monotonic(mono),
        }
    }

    /// A place for one answer.
    pub(crate) fn reply_to(&mut self) -> ReplyTo {
        self.replies += 1;
        ReplyTo(self.replies)
    }

    /// Hands in what a caller sent, as parsed.
    pub(crate) fn request(&mut self, request: Result<Request, Rejection>) -> ReplyTo {
        let reply_to = self.reply_to();
        match request {
            Ok(request) => self.step(InputEvent::Request(reply_to, request)),
            Err(rejection) => self.answers.push_back((reply_to, Err(rejection))),
        }
        reply_to
    }

    /// Hands in what is for matching, as parsed.
    pub(crate) fn ask_matching(
        &mut self,
        parse: impl FnOnce(ReplyTo) -> Result<MatchingInput, Rejection>,
    ) -> ReplyTo {
        let reply_to = self.reply_to();
        match parse(reply_to) {
            Ok(input) => self.matching(input),
            Err(rejection) => self.answers.push_back((reply_to, Err(rejection))),
        }
        reply_to
    }

    /// A caller is gone and with it whatever it waited for.
    pub(crate) fn abandon(&mut self, reply_to: ReplyTo) {
        self.matching(MatchingInput::Abandoned(reply_to));
    }

    /// The next answer, once all machines have said what they had to say.
    pub(crate) fn answer(&mut self) -> Option<(ReplyTo, Result<Reply, Rejection>)> {
        while let Some(envelope) = self.inbox.pop_front() {
            match envelope.to {
                Address::Shard(_) => self.step(InputEvent::Message(Box::new(envelope))),
                Address::Matching => self.matching(MatchingInput::Message(Box::new(envelope))),
            }
        }
        self.answers.pop_front()
    }

    fn step(&mut self, event: InputEvent) {
        self.inputs += 1;
        let mut entropy = [0_u8; 16];
        entropy[..8].copy_from_slice(&self.inputs.to_le_bytes());
        let mut effects = Effects::new(SHARD, self.shard.epoch());
        let input = Input {
            entropy: Entropy(entropy),
            event,
        };
        self.shard.step(self.clocks(), input, &mut effects);
        self.commit(effects);
    }

    fn matching(&mut self, input: MatchingInput) {
        let mut effects = Vec::new();
        self.matching.step(self.clocks().mono, input, &mut effects);
        self.carry_out(effects);
    }

    fn commit(&mut self, effects: Effects) {
        self.log.extend(effects.batch.entries);
        self.carry_out(effects.effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Reply(to, reply) => self.answers.push_back((to, reply)),
                Effect::Send(envelope) => self.inbox.push_back(*envelope),
                Effect::Read(run, _) => {
                    let events = self.log.iter().filter_map(|entry| match &entry.record {
                        Record::Event(bytes)
                            if entry.key == run.execution && entry.run_id == run.run_id =>
                        {
                            Some(bytes.clone())
                        }
                        _ => None,
                    });
                    let events = events.collect();
                    self.step(InputEvent::Read(run, events));
                }
                Effect::Load(key) => {
                    let execution = self.load(&key).map(Box::new);
                    self.step(InputEvent::Loaded(key, execution));
                }
            }
        }
    }

    fn load(&self, key: &ExecutionKey) -> Option<Execution> {
        let mut entries = self.log.iter().filter(|entry| entry.key == *key).peekable();
        entries.peek()?;
        let mut execution = Execution::default();
        entries.for_each(|entry| execution.apply(entry));
        Some(execution)
    }

    /// When the machines want to be woken.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let deadlines = self.shard.next_deadline();
        let mono = [deadlines.mono, self.matching.next_deadline()]
            .into_iter()
            .flatten()
            .min();
        let mono = mono.map(|at| BEGINNING.plus(at.since(Monotonic(0))));
        [deadlines.wall, mono].into_iter().flatten().min()
    }

    /// Lets time pass.
    pub(crate) fn wake_at(&mut self, time: Timestamp) {
        self.now = self.now.max(time);
        self.matching(MatchingInput::Tick);
        self.step(InputEvent::Tick);
    }

    /// The runs of an id in the order in which they began.
    pub(crate) fn runs(&self, workflow_id: &str) -> Vec<RunId> {
        let key = key(workflow_id);
        let created = self
            .log
            .iter()
            .filter(|entry| matches!(entry.record, Record::Created(_)));
        created
            .filter(|entry| entry.key == key)
            .map(|entry| entry.run_id.clone())
            .collect()
    }

    pub(crate) fn history(&self, workflow_id: &str, run_id: &RunId) -> Vec<HistoryEvent> {
        let key = key(workflow_id);
        let entries = self
            .log
            .iter()
            .filter(|e| e.key == key && e.run_id == *run_id);
        let events = entries.filter_map(|entry| match &entry.record {
            Record::Event(bytes) => Some(bytes.clone()),
            _ => None,
        });
        events
            .map(|bytes| HistoryEvent::decode(bytes).expect("a shard writes events"))
            .collect()
    }

    /// A piece of a history.
    pub(crate) fn events(
        &self,
        workflow_id: &str,
        run_id: &RunId,
        range: EventRange,
    ) -> Vec<HistoryEvent> {
        let mut events = self.history(workflow_id, run_id);
        events.retain(|e| range.first.0 <= e.event_id && e.event_id <= range.last.0);
        events
    }
}

fn key(workflow_id: &str) -> ExecutionKey {
    ExecutionKey::new("default", workflow_id)
}
