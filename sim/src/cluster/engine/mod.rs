//! An engine process: the machines, a store, and the loop between them that decides nothing.
//!
//! ```text
//!   request ─▶ parse ─▶ Shard::step ─▶ batch ─▶ store ─ ─ durable ─ ─▶ effects ─▶ answer, message, load
//!                            ▲                                             │
//!                            └────────── next_deadline, messages ◀─────────┘
//! ```
//!
//! What a step wants done is held back until its batch, and every earlier one of the shard, is durable. A commit that
//! fails poisons the shard: it is dropped with all that it held back, and recovered from the store. The process may
//! die at any event, and exactly between a commit and what was to follow.

mod callers;
mod disk;
mod machines;
mod shards;
mod translate;

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    fmt,
    rc::Rc,
    time::Duration,
};

use steadfast_core::{
    Effect, Input, InputEvent, Monotonic, Now, Rejection, Reply, ReplyTo, ShardId, Timestamp,
    input::Entropy,
    matching::{Matching, MatchingInput},
    message::{Address, Envelope},
};
use steadfast_store::Store;

use self::{callers::Callers, machines::Detours, shards::Owned};
use super::{
    observe::{Observation, Watch},
    topology::Topology,
    weather::{ENGINE_ENTROPY, Weather},
    wire::{CallId, Rpc, Wire},
};
use crate::{
    kernel::{CrashKind, Ctx, DiskError, NodeId, Peer, Process, Ticket, Time, TimerId},
    sabotage::{Bug, Saboteur},
    scenario::StoreKind,
};

pub use self::disk::Syncs;

/// A store that may outlive its process.
pub type SharedStore = Rc<RefCell<dyn Store>>;

/// The stores of engine processes that live, by node; clones share it.
#[derive(Clone, Default)]
pub struct Stores(Rc<RefCell<BTreeMap<NodeId, SharedStore>>>);

impl Stores {
    fn opened(&self, node: NodeId, store: &SharedStore) {
        self.0.borrow_mut().insert(node, Rc::clone(store));
    }

    /// Each store once: engines whose store is in memory share one.
    #[must_use]
    pub fn all(&self) -> Vec<SharedStore> {
        let mut all: Vec<SharedStore> = Vec::new();
        for store in self.0.borrow().values() {
            if !all.iter().any(|known| Rc::ptr_eq(known, store)) {
                all.push(Rc::clone(store));
            }
        }
        all
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stores")
    }
}

/// How an engine is made, now and after each of its deaths.
#[derive(Clone)]
pub struct EngineConfig {
    /// Who is where.
    pub topology: Rc<RefCell<Topology>>,
    /// Whom to tell.
    pub watch: Watch,
    /// What goes wrong.
    pub weather: Weather,
    /// Where it writes.
    pub store: StoreKind,
    /// The store in memory, if that is where.
    pub memory: SharedStore,
    /// The wall clock at the beginning of the world.
    pub start: Timestamp,
    /// A bug that is planted between the machines and the world.
    pub bug: Option<Bug>,
    /// The store of every engine process that lives, by its node: for the harness, when the run is over.
    pub stores: Stores,
}

impl fmt::Debug for EngineConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineConfig")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

const SHARDS: u64 = 1 << 32;
const RESENDS: u64 = 2 << 32;
const MATCHING: u64 = 3 << 32;
const DETOURS: u64 = 4 << 32;
const HOLDS: u64 = 5 << 32;
const RECOVERIES: u64 = 6 << 32;
const TAGS: u64 = !0xffff_ffff;

/// An engine process.
pub struct EngineNode {
    config: EngineConfig,
    me: Peer,
    store: SharedStore,
    syncs: Syncs,
    owned: Vec<Owned>,
    matching: Option<Matching>,
    matching_timer: Option<(Monotonic, TimerId)>,
    callers: Callers,
    detours: Detours,
    /// Messages between machines in this process that have arrived.
    inbox: VecDeque<Envelope>,
    saboteur: Saboteur,
}

impl fmt::Debug for EngineNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineNode")
            .field("me", &self.me)
            .finish_non_exhaustive()
    }
}

impl EngineNode {
    /// A new process of this engine.
    #[must_use]
    pub fn new(config: EngineConfig, me: Peer) -> Self {
        Self {
            store: Rc::clone(&config.memory),
            saboteur: Saboteur::new(config.bug),
            config,
            me,
            syncs: Syncs::default(),
            owned: Vec::new(),
            matching: None,
            matching_timer: None,
            callers: Callers::new(me),
            detours: Detours::default(),
            inbox: VecDeque::new(),
        }
    }

    fn now(&self, ctx: &Ctx<'_, Wire>) -> Now {
        Now {
            wall: self.wall(ctx.now()),
            mono: mono(ctx),
        }
    }

    fn wall(&self, time: Time) -> Timestamp {
        Timestamp::from_nanos(self.config.start.as_nanos().saturating_add(time.as_nanos()))
    }

    /// A request has come.
    fn request(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        from: Peer,
        call: CallId,
        held: Duration,
        rpc: Rc<Rpc>,
    ) {
        if let Some((to, shard)) = self.callers.same_call(from, call) {
            self.abandon(ctx, to, shard);
        }
        let reply_to = self.callers.wait(from, call, Rc::clone(&rpc));
        if matches!(&*rpc, Rpc::History(body) if body.wait_new_event) || rpc.is_update() {
            let token = self.callers.hold(reply_to);
            ctx.set_timer(held, HOLDS | token);
        }
        if let Some(answer) = self.saboteur.known_answer(&rpc) {
            return self.reply(ctx, reply_to, Ok(answer));
        }
        match translate::parse(reply_to, held, Rc::unwrap_or_clone(rpc)) {
            Ok(translate::Inbound::Shard(request)) => {
                let key = request.key();
                let shard = key.shard(self.config.topology.borrow().shards);
                self.callers.belongs_to(reply_to, shard, key);
                self.step(ctx, shard, InputEvent::Request(reply_to, request));
            }
            Ok(translate::Inbound::Matching(input)) => self.step_matching(ctx, input),
            Ok(translate::Inbound::List(list)) => {
                let answer = translate::list(list, &*self.store.borrow());
                if let Some(caller) = self.callers.answer(reply_to) {
                    ctx.reply(caller.peer, Wire::Answer(caller.call, Rc::new(answer)));
                }
            }
            Err(rejection) => self.reply(ctx, reply_to, Err(rejection)),
        }
    }

    /// Carries out one effect.
    fn perform(&mut self, ctx: &mut Ctx<'_, Wire>, effect: Effect) {
        match effect {
            Effect::Reply(to, reply) => self.reply(ctx, to, reply),
            Effect::Send(envelope) => self.send(ctx, *envelope),
            Effect::Read(run, range) => {
                let found = self.store.borrow().history(&run, range);
                let shard = run.execution.shard(self.config.topology.borrow().shards);
                match found {
                    Ok(events) => self.step(ctx, shard, InputEvent::Read(run, events)),
                    Err(_) if !self.owns(shard) => {}
                    Err(_) => ctx.crash(CrashKind::Process),
                }
            }
            Effect::Load(key) => {
                let found = self.store.borrow().load(&key);
                let shard = key.shard(self.config.topology.borrow().shards);
                match found {
                    Ok(execution) => {
                        let execution = self.saboteur.loaded(execution);
                        let loaded = InputEvent::Loaded(key, execution.map(Box::new));
                        self.step(ctx, shard, loaded);
                    }
                    // A poisoned shard is being recovered; anything else another life may mend.
                    Err(_) if !self.owns(shard) => {}
                    Err(_) => ctx.crash(CrashKind::Process),
                }
            }
        }
    }

    fn reply(&mut self, ctx: &mut Ctx<'_, Wire>, to: ReplyTo, reply: Result<Reply, Rejection>) {
        let at = ctx.true_time();
        if let Some(node) = self.callers.elsewhere(to) {
            // Another engine has the caller; what it is told is rendered where the history is.
            let rpc = translate::relayed(&reply);
            self.config.watch.see(
                at,
                &Observation::Replied {
                    rpc: &rpc,
                    reply: &reply,
                },
            );
            let answer = translate::render(&rpc, reply, &*self.store.borrow());
            let engine = self.config.topology.borrow().engines[node];
            ctx.send(engine, Wire::Relay(to, Rc::new(answer)));
            return;
        }
        let Some(caller) = self.callers.answer(to) else {
            return;
        };
        let rpc = &caller.rpc;
        let reply = self.saboteur.reply(rpc, reply);
        self.deliver_again(ctx, &reply);
        self.config
            .watch
            .see(at, &Observation::Replied { rpc, reply: &reply });
        let answer = translate::render(rpc, reply, &*self.store.borrow());
        ctx.reply(caller.peer, Wire::Answer(caller.call, Rc::new(answer)));
    }

    /// Where a bug is planted that gives a task to two workers, another one that waits gets it too.
    fn deliver_again(&mut self, ctx: &mut Ctx<'_, Wire>, reply: &Result<Reply, Rejection>) {
        if !self.saboteur.delivers_twice() {
            return;
        }
        if let Ok(Reply::ActivityTask(_)) = reply
            && let Some(other) = self.callers.another_poller()
        {
            let answer = translate::render(&other.rpc, reply.clone(), &*self.store.borrow());
            ctx.reply(other.peer, Wire::Answer(other.call, Rc::new(answer)));
        }
    }

    fn relayed(&mut self, ctx: &mut Ctx<'_, Wire>, to: ReplyTo, answer: Wire) {
        let Wire::Relay(_, answer) = answer else {
            return;
        };
        if let Some(caller) = self.callers.answer(to) {
            ctx.reply(caller.peer, Wire::Answer(caller.call, answer));
        }
    }

    /// Goes on until nothing in this process can: arrived messages, durable batches.
    fn settle(&mut self, ctx: &mut Ctx<'_, Wire>) {
        while !ctx.is_dead() {
            if let Some(envelope) = self.inbox.pop_front() {
                self.deliver(ctx, envelope);
            } else if !self.carry_out(ctx) {
                break;
            }
        }
        self.arm(ctx);
    }

    /// An envelope has reached its machine.
    fn deliver(&mut self, ctx: &mut Ctx<'_, Wire>, envelope: Envelope) {
        match envelope.to {
            Address::Shard(shard) => self.step(ctx, shard, InputEvent::Message(Box::new(envelope))),
            Address::Matching => {
                self.step_matching(ctx, MatchingInput::Message(Box::new(envelope)));
            }
        }
    }

    fn step_matching(&mut self, ctx: &mut Ctx<'_, Wire>, input: MatchingInput) {
        let Some(matching) = &mut self.matching else {
            return;
        };
        let mut effects = Vec::new();
        matching.step(mono(ctx), input, &mut effects);
        for effect in effects {
            self.perform(ctx, effect);
        }
    }

    fn input(ctx: &Ctx<'_, Wire>, shard: ShardId, event: InputEvent) -> Input {
        let entropy = Entropy(ctx.chance().entropy(ENGINE_ENTROPY, u64::from(shard.0)));
        Input { entropy, event }
    }

    /// Sets the timers by which the machines want to be woken.
    fn arm(&mut self, ctx: &mut Ctx<'_, Wire>) {
        if ctx.is_dead() {
            return;
        }
        for place in 0..self.owned.len() {
            self.arm_shard(ctx, place);
        }
        let wanted = self.matching.as_ref().and_then(Matching::next_deadline);
        if self.matching_timer.map(|(at, _)| at) != wanted {
            if let Some((_, timer)) = self.matching_timer.take() {
                ctx.cancel_timer(timer);
            }
            let now = mono(ctx);
            self.matching_timer = wanted.map(|at| (at, ctx.set_timer(at.since(now), MATCHING)));
        }
    }
}

impl Process<Wire> for EngineNode {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Wire>) {
        if let Err(why) = self.open_store(ctx) {
            ctx.trace("store", 0, |out| out.push_str(&why));
            return ctx.crash(CrashKind::Process);
        }
        let topology = self.config.topology.borrow().clone();
        let me = ctx.node();
        let all = (0..topology.shards).map(ShardId);
        for shard in all.filter(|shard| topology.owner(*shard) == me) {
            self.recover(ctx, shard);
        }
        if topology.matching() == ctx.node() {
            let mut effects = Vec::new();
            let incarnation = u64::from(self.me.generation) + 1;
            self.matching = Some(Matching::start(incarnation, topology.shards, &mut effects));
            for effect in effects {
                self.perform(ctx, effect);
            }
        }
        let callers = topology
            .workers
            .iter()
            .chain(&topology.clients)
            .chain(&topology.engines);
        for node in callers.filter(|node| **node != me) {
            ctx.send(*node, Wire::Hello);
        }
        self.settle(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Wire>, from: Peer, message: Wire) {
        match message {
            Wire::Request(call, held, rpc) => self.request(ctx, from, call, held, rpc),
            Wire::Machine(envelope) => self.inbox.push_back(Rc::unwrap_or_clone(envelope)),
            Wire::Hello => self.caller_restarted(ctx, from),
            Wire::Relay(to, _) => self.relayed(ctx, to, message),
            Wire::Answer(..) | Wire::Call(..) | Wire::Result(..) => {}
        }
        self.settle(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        let id = ShardId(u32::try_from(token & !TAGS).unwrap_or(u32::MAX));
        match token & TAGS {
            SHARDS | RESENDS => self.shard_due(ctx, id, token & TAGS == SHARDS),
            MATCHING => {
                self.matching_timer = None;
                self.step_matching(ctx, MatchingInput::Tick);
            }
            RECOVERIES => self.recover(ctx, id),
            HOLDS => self.hold_ended(ctx, token),
            DETOURS => self.inbox.extend(self.detours.end(token)),
            _ => {}
        }
        self.settle(ctx);
    }

    fn on_synced(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        ticket: Ticket,
        result: Result<(), DiskError>,
    ) {
        self.syncs.ended(ticket, result);
        self.settle(ctx);
    }
}

impl EngineNode {
    /// Whoever waited in the caller's last life does not wait any more.
    fn caller_restarted(&mut self, ctx: &mut Ctx<'_, Wire>, caller: Peer) {
        for (to, shard) in self.callers.gone(caller) {
            self.abandon(ctx, to, shard);
        }
    }

    fn abandon(&mut self, ctx: &mut Ctx<'_, Wire>, to: ReplyTo, shard: Option<ShardId>) {
        match shard {
            Some(shard) => self.step(ctx, shard, InputEvent::Abandoned(to)),
            None => self.step_matching(ctx, MatchingInput::Abandoned(to)),
        }
    }

    /// A wait has lasted for as long as it may. One for history ends with nothing, one for an update with what the
    /// machine says.
    fn hold_ended(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        let Some(to) = self.callers.release(token & !TAGS) else {
            return;
        };
        if let Some((shard, key)) = self.callers.awaits_update(to) {
            return self.step(ctx, shard, InputEvent::WaitEnded(to, key));
        }
        if let Some(caller) = self.callers.answer(to) {
            let answer = Ok(translate::nothing_yet(&caller.rpc));
            ctx.reply(caller.peer, Wire::Answer(caller.call, Rc::new(answer)));
            self.abandon(ctx, to, caller.shard);
        }
    }

    fn owns(&self, shard: ShardId) -> bool {
        self.owned.iter().any(|owned| owned.shard.id() == shard)
    }

    /// The node of an engine by its place in the topology.
    fn place_of(&self, node: NodeId) -> usize {
        let topology = self.config.topology.borrow();
        topology
            .engines
            .iter()
            .position(|engine| *engine == node)
            .unwrap_or(0)
    }
}

/// The node's steady clock.
fn mono(ctx: &Ctx<'_, Wire>) -> Monotonic {
    Monotonic(u64::try_from(ctx.monotonic().as_nanos()).unwrap_or(0))
}
