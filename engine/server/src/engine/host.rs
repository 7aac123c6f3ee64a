//! The loop between callers, machines and store.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use steadfast_core::{
    Clock, Effect, ExecutionKey, InputEvent, Matching, MatchingInput, Monotonic, Rejection, Reply,
    ReplyTo, Shard, ShardId,
    message::{Address, Envelope},
};
use steadfast_store::{Commit, DiskError, Embedded, Memory, Options, RealDisk, Store, StoreError};
use tokio::sync::oneshot;

use super::{
    callers::{Callers, Place},
    handle::{Answer, Ask, ClockAsk, Engine, Look, Outcome, Post},
    pages,
    shards::Held,
    time::{Chance, Clocks},
};
use crate::{
    config::{Config, Persistence},
    disk::BackgroundDisk,
    metrics::Metrics,
};

/// So many posts are taken before the store is asked to write: what is more shares the next sync.
const TURN: usize = 4_096;
/// The longest sleep: clocks that are set while the thread sleeps are noticed after so long.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Why the machines cannot run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store cannot be opened or read.
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The directory of the log cannot be used.
    #[error("the directory {directory} cannot be used: {source}")]
    Directory {
        /// Which.
        directory: PathBuf,
        /// Why.
        #[source]
        source: DiskError,
    },
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Chance(#[from] getrandom::Error),
    /// No thread could be made.
    #[error("no thread: {0}")]
    Thread(#[from] io::Error),
}

/// Ends when the machines' thread has ended: with `Ok` when it was stopped, with an error when it died.
pub(crate) type Ended = oneshot::Receiver<()>;

/// See the module documentation of [`super`].
pub(super) struct Host {
    inbox: Receiver<Post>,
    engine: Engine,
    pub(super) store: Box<dyn Store + Send>,
    pub(super) metrics: Metrics,
    pub(super) shards: BTreeMap<ShardId, Shard>,
    pub(super) matching: Matching,
    pub(super) callers: Callers,
    pub(super) clocks: Clocks,
    pub(super) chance: Chance,
    pub(super) held: VecDeque<Held>,
    pub(super) loads: VecDeque<(ShardId, ExecutionKey)>,
    pub(super) recoveries: BTreeMap<ShardId, Monotonic>,
    /// Scratch: tickets that ended.
    pub(super) ended: Vec<Commit>,
    /// Messages between machines that have arrived.
    messages: VecDeque<Envelope>,
    draining: bool,
}

/// Opens the store, takes every shard, and runs the machines on a thread of their own.
///
/// # Errors
/// If the store cannot be used.
pub(crate) fn spawn(
    config: &Config,
    engine: Engine,
    inbox: Receiver<Post>,
    metrics: Metrics,
) -> Result<Ended, EngineError> {
    let store = open(config, &engine, &metrics)?;
    let mut chance = Chance::new()?;
    let shards = store.shards();
    let mut effects = Vec::new();
    let matching = Matching::start(chance.incarnation(), shards, &mut effects);
    let mut host = Host {
        inbox,
        engine,
        store,
        metrics,
        shards: BTreeMap::new(),
        matching,
        callers: Callers::default(),
        clocks: Clocks::new(config.time),
        chance,
        held: VecDeque::new(),
        loads: VecDeque::new(),
        recoveries: BTreeMap::new(),
        ended: Vec::new(),
        messages: VecDeque::new(),
        draining: false,
    };
    for id in (0..shards).map(ShardId) {
        host.recover(id)?;
    }
    host.perform_all(effects);
    let (alive, ended) = oneshot::channel();
    thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            host.run();
            alive.send(()).unwrap_or_default();
        })?;
    Ok(ended)
}

fn open(
    config: &Config,
    engine: &Engine,
    metrics: &Metrics,
) -> Result<Box<dyn Store + Send>, EngineError> {
    match &config.persistence {
        Persistence::Memory => Ok(Box::new(Memory::new(config.shards))),
        Persistence::Directory(directory) => {
            let options = Options {
                shards: config.shards,
                ..Options::default()
            };
            let engine = engine.clone();
            let wake = move || engine.post(Post::Synced);
            let disk = RealDisk::open(directory)
                .and_then(|disk| BackgroundDisk::new(disk, metrics.clone(), wake))
                .map_err(|source| EngineError::Directory {
                    directory: directory.clone(),
                    source,
                })?;
            Ok(Box::new(Embedded::open(disk, &options)?))
        }
    }
}

impl Host {
    fn run(mut self) {
        loop {
            self.settle();
            self.metrics.open(self.store.open_runs());
            let stop = self.take();
            self.recover_due();
            self.tick_due();
            self.tick_matching();
            self.wake_sleepers();
            if stop {
                self.finish();
                return;
            }
        }
    }

    /// Waits for something to do, and takes what is there. Says whether that is the end.
    fn take(&mut self) -> bool {
        let sleep = self.sleep();
        let first = match self.inbox.recv_timeout(sleep) {
            Ok(post) => post,
            Err(RecvTimeoutError::Timeout) => return false,
            // Nobody is left who could ask.
            Err(RecvTimeoutError::Disconnected) => return true,
        };
        let mut next = Some(first);
        for _ in 0..TURN {
            match next.take() {
                Some(Post::Stop) => return true,
                Some(post) => self.post(post),
                None => break,
            }
            next = self.inbox.try_recv().ok();
        }
        if let Some(post) = next {
            if matches!(post, Post::Stop) {
                return true;
            }
            self.post(post);
        }
        false
    }

    /// How long until something is to be done without anybody asking. Time that tests skip may jump here.
    fn sleep(&mut self) -> Duration {
        self.skip();
        let now = self.clocks.now();
        let wall = self.next_wall().map(|at| at.since(now.wall));
        let mono = self.next_mono().map(|at| at.since(now.mono));
        let sleeper = self.clocks.skipping.as_ref().and_then(Clock::next_sleeper);
        let sleeper = sleeper.map(|at| at.since(now.wall));
        let soonest = wall.into_iter().chain(mono).chain(sleeper).min();
        soonest.map_or(LONGEST_SLEEP, |soonest| soonest.min(LONGEST_SLEEP))
    }

    fn skip(&mut self) {
        if self.clocks.skipping.is_none() || self.is_busy() {
            return;
        }
        let next = self.next_wall();
        let mono = self.clocks.mono();
        if let Some(clock) = &mut self.clocks.skipping {
            clock.skip(next, mono);
        }
    }

    /// Whether somebody works on something: time must not skip.
    fn is_busy(&self) -> bool {
        !self.held.is_empty()
            || !self.messages.is_empty()
            || self.matching.has_queries()
            || self.shards.values().any(Shard::is_busy)
    }

    fn post(&mut self, post: Post) {
        match post {
            Post::Ask(to, ask, answer) => self.ask(to, ask, answer),
            Post::Gone(to) => self.gone(to),
            Post::Look(look) => self.look(look),
            Post::WaitEnded(to, key) => {
                let shard = key.shard(self.store.shards());
                self.step(shard, InputEvent::WaitEnded(to, key));
            }
            // The store is asked in `settle`.
            Post::Synced => {}
            Post::Drain => self.drain(),
            Post::Stop => unreachable!("whoever takes posts looks for the end"),
        }
    }

    fn ask(&mut self, to: ReplyTo, ask: Ask, answer: oneshot::Sender<Outcome>) {
        match ask {
            Ask::Shard(request) => {
                let shard = request.key().shard(self.store.shards());
                self.callers.wait(to, Place::Shard(shard), answer);
                self.step(shard, InputEvent::Request(to, request));
            }
            Ask::Schedules(number, list) => {
                let shard = ShardId(number);
                self.callers.wait(to, Place::Shard(shard), answer);
                self.step(shard, InputEvent::ListSchedules(to, list));
            }
            Ask::Matching(input) => {
                self.callers.wait(to, Place::Matching, answer);
                if self.draining && matches!(input, MatchingInput::Poll { .. }) {
                    self.reply(to, Ok(Reply::NoTask));
                } else {
                    self.step_matching(input);
                }
            }
            Ask::Clock(ask) => {
                self.callers.wait(to, Place::Clock, answer);
                self.ask_clock(to, ask);
            }
        }
    }

    /// What is listed is durable: nothing waits.
    fn look(&self, look: Look) {
        let unavailable = |error: StoreError| Rejection::Unavailable(error.to_string());
        // Whoever has gone away meanwhile needs no answer.
        match look {
            Look::List(query, answer) => {
                let page = self.store.list(&query).map_err(unavailable);
                answer.send(page).unwrap_or_else(drop);
            }
            Look::Count(query, group_by, answer) => {
                let count = self.store.count(&query, group_by).map_err(unavailable);
                answer.send(count).unwrap_or_else(drop);
            }
        }
    }

    fn ask_clock(&mut self, to: ReplyTo, ask: ClockAsk) {
        let now = self.clocks.now();
        let Some(clock) = &mut self.clocks.skipping else {
            let off = Rejection::FailedPrecondition("this server does not skip time".to_owned());
            return self.reply(to, Err(off));
        };
        let done = match ask {
            ClockAsk::Read => Ok(true),
            ClockAsk::Lock => {
                clock.lock();
                Ok(true)
            }
            ClockAsk::Unlock => clock.unlock().map(|()| true),
            ClockAsk::SleepUntil(at) => {
                clock.sleep_until(at, to, false);
                Ok(false)
            }
            ClockAsk::Sleep(length) => {
                clock.sleep_until(now.wall.plus(length), to, false);
                Ok(false)
            }
            ClockAsk::UnlockFor(length) => clock.unlock().map(|()| {
                clock.sleep_until(now.wall.plus(length), to, true);
                false
            }),
        };
        match done {
            Ok(true) => self.reply(to, Ok(Reply::Time(now.wall))),
            Ok(false) => {}
            Err(rejection) => self.reply(to, Err(rejection)),
        }
    }

    fn wake_sleepers(&mut self) {
        let now = self.clocks.now();
        let due = match &mut self.clocks.skipping {
            Some(clock) => clock.wake(now.wall),
            None => return,
        };
        for to in due {
            self.reply(to, Ok(Reply::Time(now.wall)));
        }
    }

    fn gone(&mut self, to: ReplyTo) {
        match self.callers.gone(to) {
            Some(Place::Shard(shard)) => self.step(shard, InputEvent::Abandoned(to)),
            Some(Place::Matching) => self.step_matching(MatchingInput::Abandoned(to)),
            Some(Place::Clock) | None => {}
        }
    }

    /// Ends the long polls that wait for tasks.
    fn drain(&mut self) {
        self.draining = true;
        for to in self.callers.at(Place::Matching) {
            self.step_matching(MatchingInput::Abandoned(to));
            self.reply(to, Ok(Reply::NoTask));
        }
    }

    /// Goes on until nothing can: arrived messages, loads, durable batches.
    fn settle(&mut self) {
        loop {
            if let Some((shard, key)) = self.loads.pop_front() {
                self.load(shard, key);
            } else if let Some(envelope) = self.messages.pop_front() {
                self.deliver(envelope);
            } else if !self.carry_out() {
                return;
            }
        }
    }

    /// Waits until all that was taken is durable, so that nobody who was not answered was in vain.
    fn finish(&mut self) {
        while !self.held.is_empty() {
            self.settle();
            if self.held.is_empty() {
                break;
            }
            match self.inbox.recv_timeout(LONGEST_SLEEP) {
                Ok(Post::Ask(_, _, answer)) => {
                    let stops = Rejection::Unavailable("the server stops".to_owned());
                    answer.send(Err(stops)).unwrap_or_default();
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }

    fn deliver(&mut self, envelope: Envelope) {
        match envelope.to {
            Address::Shard(shard) => self.step(shard, InputEvent::Message(Box::new(envelope))),
            Address::Matching => self.step_matching(MatchingInput::Message(Box::new(envelope))),
        }
    }

    fn step_matching(&mut self, input: MatchingInput) {
        let mut effects = Vec::new();
        self.matching.step(self.clocks.mono(), input, &mut effects);
        self.perform_all(effects);
    }

    fn tick_matching(&mut self) {
        let now = self.clocks.mono();
        if self.matching.next_deadline().is_some_and(|at| at <= now) {
            self.step_matching(MatchingInput::Tick);
        }
    }

    pub(super) fn perform_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Reply(to, reply) => self.reply(to, reply),
                Effect::Send(envelope) => self.messages.push_back(*envelope),
                Effect::Load(_) => unreachable!("loads are not held back"),
            }
        }
    }

    fn reply(&mut self, to: ReplyTo, reply: Result<Reply, Rejection>) {
        if let Ok(Reply::Namespaces(registry)) = &reply {
            self.engine.registry_is(registry.clone());
        }
        if let Ok(Reply::Endpoints(endpoints, _)) = &reply {
            self.engine.endpoints_are(endpoints.clone());
        }
        if !self.callers.waits(to) {
            return;
        }
        let outcome: Result<Answer, _> = reply.and_then(|reply| pages::fetch(reply, &*self.store));
        self.callers.answer(to, outcome);
    }
}
