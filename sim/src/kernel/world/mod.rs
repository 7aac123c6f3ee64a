//! The world: nodes, their processes, and the loop that moves them.

mod look;
mod nodes;
mod phases;

use std::collections::VecDeque;
use std::fmt;

use crate::kernel::chance::Chance;
use crate::kernel::clock::{Face, NodeClock};
use crate::kernel::core::{Act, Core, Event, Node, Queued, message_line};
use crate::kernel::faults::{CLOCK_JUMP, ClassSet, FaultClass, FaultPlan, Strikes};
use crate::kernel::foreign::{ForeignClock, Rung};
use crate::kernel::net::{Envelope, Net, Verdict};
use crate::kernel::points::{
    NODE_POINT, POINT_JUMP, POINT_JUMP_BACK, POINT_PAUSE, Point, PointFault, Points,
};
use crate::kernel::process::{Ctx, Message, NodeId, Peer, Process, describe};
use crate::kernel::queue::Queue;
use crate::kernel::storm::{NETWORK_LABELS, NODE_LABELS, Sampler};
use crate::kernel::time::{Time, nanos};
use crate::kernel::timers::Timers;
use crate::kernel::trace::{Line, TraceKind, TraceSink, Tracer, label_digest};

/// How a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKind {
    /// The process is killed; written files are as it left them, synced or not.
    Process,
    /// The node loses power; writes that were not synced may be lost or torn.
    Power,
}

/// Whether a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It has no process; what arrives is lost.
    Down,
    /// It handles what arrives.
    Up,
    /// It will handle what arrives when it goes on.
    Paused,
}

/// Whether faults are injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing goes wrong by itself.
    Calm,
    /// The fault plan is in force.
    Storm,
}

/// How to make a world.
#[derive(Debug)]
pub struct WorldConfig {
    /// Where its choices come from.
    pub chance: Chance,
    /// What can go wrong once a storm begins; its shape also gives the latencies of the calm.
    pub plan: FaultPlan,
    /// How many trace events lie between two rungs of the ladder.
    pub ladder_every: u64,
    /// Whether points are numbered, and what is set for them happens.
    pub points: bool,
}

impl WorldConfig {
    /// A world without faults.
    pub fn seeded(seed: u64) -> Self {
        Self::new(Chance::seeded(seed), FaultPlan::calm())
    }

    /// A world with these choices and these faults.
    pub const fn new(chance: Chance, plan: FaultPlan) -> Self {
        Self {
            chance,
            plan,
            ladder_every: 1024,
            points: false,
        }
    }
}

/// How to make a node.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    name: String,
    immune: ClassSet,
}

impl NodeSpec {
    /// A node that every class of the plan can strike.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            immune: ClassSet::NONE,
        }
    }

    /// Exempts the node from some classes; a link is exempt if either end is.
    #[must_use]
    pub fn immune(mut self, classes: impl IntoIterator<Item = FaultClass>) -> Self {
        self.immune = classes.into_iter().fold(self.immune, ClassSet::with);
        self
    }

    /// Exempts the node from every class.
    #[must_use]
    pub const fn immune_to_all(mut self) -> Self {
        self.immune = ClassSet::ALL;
        self
    }
}

impl<T: Into<String>> From<T> for NodeSpec {
    fn from(name: T) -> Self {
        Self::new(name)
    }
}

/// What one step of the world was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// When it was.
    pub time: Time,
    /// The number of the last trace event that it led to.
    pub seq: u64,
    /// The node that it happened on, if it was one.
    pub node: Option<NodeId>,
}

type Factory<M> = Box<dyn FnMut(Peer) -> Box<dyn Process<M>>>;

struct Host<M: Message> {
    factory: Factory<M>,
    process: Option<Box<dyn Process<M>>>,
}

/// A seeded world of nodes that send messages of one type.
pub struct World<M: Message> {
    core: Core<M>,
    hosts: Vec<Host<M>>,
    network: Sampler,
    foreign: Option<Box<dyn ForeignClock>>,
}

impl<M: Message> World<M> {
    /// An empty world at time zero, calm.
    pub fn new(config: WorldConfig) -> Self {
        let WorldConfig {
            chance,
            plan,
            ladder_every,
            points,
        } = config;
        let core = Core {
            now: Time::ZERO,
            phase: Phase::Calm,
            storm: 0,
            net: Net::new(&plan.shape),
            plan,
            chance,
            queue: Queue::new(),
            tracer: Tracer::new(ladder_every),
            nodes: Vec::new(),
            timers: Timers::default(),
            cancelled: 0,
            clogged: Vec::new(),
            intercept: None,
            strikes: Strikes::default(),
            points: Points::new(points),
            rung: Rung::default(),
        };
        Self {
            core,
            hosts: Vec::new(),
            network: Sampler::default(),
            foreign: None,
        }
    }

    /// Adds a node; `factory` makes its process, now and after each crash.
    pub fn add_node<P: Process<M>>(
        &mut self,
        spec: impl Into<NodeSpec>,
        mut factory: impl FnMut(Peer) -> P + 'static,
    ) -> NodeId {
        let NodeSpec { name, immune } = spec.into();
        let id = NodeId(u32::try_from(self.hosts.len()).expect("fewer than 2^32 nodes"));
        self.core.nodes.push(Node {
            name,
            generation: 0,
            state: NodeState::Down,
            clock: NodeClock::default(),
            immune,
            disk: None,
            held: VecDeque::new(),
            doomed: None,
            sampler: Sampler::default(),
        });
        self.core.net.add_node();
        let factory: Factory<M> = Box::new(move |peer| Box::new(factory(peer)));
        self.hosts.push(Host {
            factory,
            process: None,
        });
        if self.core.phase == Phase::Storm {
            self.expose(id);
            self.apply_to_links();
        }
        let peer = self.core.peer(id);
        self.core.act(self.core.now, Act::Start(peer));
        id
    }

    /// Sends every trace event to a sink, from now on.
    pub fn trace_into(&mut self, sink: impl TraceSink + 'static) {
        self.core.tracer.set_sink(Some(Box::new(sink)));
    }

    /// Lets a function see, change, delay or drop each message between nodes before the network
    /// does: the seam for sabotage and for faults that depend on content.
    pub fn intercept(&mut self, interceptor: impl FnMut(&Envelope, &mut M) -> Verdict + 'static) {
        self.core.intercept = Some(Box::new(interceptor));
    }

    /// Lets a clock of foreign code go along.
    pub fn follow(&mut self, clock: Box<dyn ForeignClock>) {
        self.foreign = Some(clock);
    }

    /// Does something to the world at a time, as an event of its own.
    pub fn at(&mut self, time: Time, label: &'static str, call: impl FnOnce(&mut Self) + 'static) {
        self.core.act(time, Act::Call(label, Box::new(call)));
    }

    /// Runs one event. `None` if nothing is left to happen.
    pub fn step(&mut self) -> Option<Stepped> {
        self.step_by(Time::MAX)
    }

    /// Runs one event if one is due by `limit`.
    pub fn step_by(&mut self, limit: Time) -> Option<Stepped> {
        loop {
            self.let_foreign_clock_go(limit);
            let (time, queued) = self.core.queue.pop(limit)?;
            self.core.now = time;
            self.core.chance.set_time(time);
            self.core.tracer.begin(time, queued.cause);
            let node = match self.handle(queued) {
                Ran::Nothing => continue,
                Ran::World => None,
                Ran::Node(node) => Some(node),
            };
            let seq = self.core.tracer.ladder().events();
            return Some(Stepped { time, seq, node });
        }
    }

    /// Runs every event due by `limit`, and moves time there.
    pub fn run_until(&mut self, limit: Time) {
        while self.step_by(limit).is_some() {}
        if limit < Time::MAX {
            self.core.now = self.core.now.max(limit);
            self.core.chance.set_time(self.core.now);
        }
    }

    /// Runs until nothing is left to happen.
    pub fn run(&mut self) {
        self.run_until(Time::MAX);
    }

    /// Time is about to move: to the next event or to the limit, unless a foreign timer wakes somebody before.
    #[inline]
    fn let_foreign_clock_go(&mut self, limit: Time) {
        let Some(clock) = &mut self.foreign else {
            return;
        };
        let next = self.core.queue.next_time().unwrap_or(limit).min(limit);
        if next <= self.core.now || next == Time::MAX {
            return;
        }
        let reached = clock.advance(next);
        let rung = self.core.rung.take();
        if rung.is_empty() {
            return;
        }
        self.core.now = reached.max(self.core.now);
        for (peer, token) in rung {
            let reading = self.core.monotonic(peer.node);
            self.core.set_timer(peer, Face::Monotonic, reading, token);
        }
    }

    fn handle(&mut self, queued: Queued<M>) -> Ran {
        let owner = match &queued.event {
            Event::Deliver { to, .. } => *to,
            Event::Synced { owner, .. } => *owner,
            Event::Timer(id) => match self.core.timers.owner(*id) {
                Some(owner) => owner,
                None => return Ran::Nothing,
            },
            Event::Act(_) => return self.perform(queued),
        };
        let node = &mut self.core.nodes[owner.node.index()];
        if node.generation != owner.generation || node.state == NodeState::Down {
            return self.discard(queued);
        }
        if node.state == NodeState::Paused {
            node.held.push_back(queued);
            return Ran::Nothing;
        }
        self.run_event(owner, queued.event);
        Ran::Node(owner.node)
    }

    fn run_event(&mut self, me: Peer, event: Event<M>) {
        let Self { core, hosts, .. } = self;
        let Some(process) = &mut hosts[me.node.index()].process else {
            return;
        };
        match event {
            Event::Deliver {
                from,
                to,
                digest,
                message,
            } => {
                let line = message_line(TraceKind::Deliver, from, to, digest, message.label());
                core.tracer.lead(line, |out| describe(&message, out));
                process.on_message(&mut Ctx { core, me }, from, message);
                self.after_event(me.node);
                return self.sample_network();
            }
            Event::Timer(id) => {
                let Some(timer) = core.timers.remove(id) else {
                    return;
                };
                core.tell_node(TraceKind::Timer, me.node, timer.token, "timer");
                process.on_timer(&mut Ctx { core, me }, timer.token);
            }
            Event::Synced { ticket, .. } => {
                let Some(result) = core.disk(me.node).complete(ticket) else {
                    return;
                };
                let label = if result.is_ok() {
                    "synced"
                } else {
                    "sync failed"
                };
                let digest = ticket.raw() << 1 | u64::from(result.is_err());
                core.tell_node(TraceKind::Synced, me.node, digest, label);
                process.on_synced(&mut Ctx { core, me }, ticket, result);
            }
            Event::Act(_) => {}
        }
        self.after_event(me.node);
    }

    /// What can follow any event of a node: its disk's work, its own end, a fault.
    fn after_event(&mut self, id: NodeId) {
        self.core.drain_disk(id);
        let node = &mut self.core.nodes[id.index()];
        if let Some(kind) = node.doomed {
            return self.crash_and_restart(id, kind);
        }
        self.pass_point(id);
        let node = &mut self.core.nodes[id.index()];
        let strikes = node
            .sampler
            .after_event(&self.core.chance, NODE_LABELS, Some(id));
        let Some(class) = strikes else { return };
        self.core.strikes.count(class);
        match class {
            FaultClass::Crash => self.crash_and_restart(id, CrashKind::Process),
            FaultClass::PowerCut => self.crash_and_restart(id, CrashKind::Power),
            FaultClass::Pause => {
                let length = self.core.pause_length(id);
                self.pause(id, length);
            }
            FaultClass::ClockJump => {
                let by = self.core.jump_by(id, CLOCK_JUMP);
                self.core.jump_clock(id, by);
            }
            _ => self.core.fill_disk(id),
        }
    }

    /// Lets happen what is set for this point of the node.
    fn pass_point(&mut self, id: NodeId) {
        let Core {
            points,
            chance,
            tracer,
            nodes,
            ..
        } = &mut self.core;
        let faults = PointFault::ALL.len() as u64;
        let value = points.pass(chance, NODE_POINT, id, faults, tracer.cause());
        let Some(fault) = PointFault::chosen(value) else {
            return;
        };
        if nodes[id.index()].immune.contains(fault.class()) {
            return;
        }
        self.core.strikes.count(fault.class());
        match fault {
            PointFault::Crash => self.crash_and_restart(id, CrashKind::Process),
            PointFault::PowerCut => self.crash_and_restart(id, CrashKind::Power),
            PointFault::Pause => self.pause(id, POINT_PAUSE),
            PointFault::ClockForward => self.core.jump_clock(id, nanos(POINT_JUMP)),
            PointFault::ClockBack => self.core.jump_clock(id, -nanos(POINT_JUMP_BACK)),
        }
    }

    /// The points that were passed, in their order.
    pub fn points(&self) -> Vec<Point> {
        self.core.points.list()
    }

    /// Whether a node is exempt from a class of faults.
    pub fn is_immune(&self, id: NodeId, class: FaultClass) -> bool {
        self.core.nodes[id.index()].immune.contains(class)
    }

    #[inline]
    fn sample_network(&mut self) {
        let Self { network, core, .. } = self;
        match network.after_event(&core.chance, NETWORK_LABELS, None) {
            None => {}
            Some(FaultClass::Blackout) => {
                for id in self.core.draw_blackout() {
                    self.crash_and_restart(id, CrashKind::Power);
                }
            }
            Some(class) => self.core.start_episode(class),
        }
    }

    /// Something arrived at an incarnation that is no more.
    fn discard(&mut self, queued: Queued<M>) -> Ran {
        match queued.event {
            Event::Deliver {
                from,
                to,
                digest,
                message,
            } => {
                self.core.lose(from, to, digest, "nobody there", &message);
                Ran::World
            }
            Event::Timer(id) => {
                self.core.timers.remove(id);
                Ran::Nothing
            }
            Event::Synced { .. } | Event::Act(_) => Ran::Nothing,
        }
    }

    fn perform(&mut self, queued: Queued<M>) -> Ran {
        let Event::Act(act) = queued.event else {
            return Ran::Nothing;
        };
        let current = |world: &Self, peer: Peer| world.core.peer(peer.node) == peer;
        match *act {
            Act::Start(peer) if current(self, peer) && !self.is_running(peer.node) => {
                self.start(peer.node);
                Ran::Node(peer.node)
            }
            Act::Resume(peer) if current(self, peer) => {
                self.resume(peer.node);
                Ran::Node(peer.node)
            }
            Act::FreeDisk(peer) => {
                self.core.disk(peer.node).set_full(false);
                self.core
                    .tell_node(TraceKind::DiskFault, peer.node, 0, "room again");
                Ran::Node(peer.node)
            }
            Act::Heal(episode) => {
                self.core.heal(&episode);
                Ran::World
            }
            Act::Call(label, call) => {
                self.tell_world(TraceKind::Call, label);
                call(self);
                Ran::World
            }
            Act::Start(_) | Act::Resume(_) => Ran::Nothing,
        }
    }

    fn tell_world(&mut self, kind: TraceKind, label: &'static str) {
        let digest = label_digest(label);
        let line = Line {
            kind,
            node: None,
            peer: None,
            digest,
            label,
        };
        self.core.tracer.lead(line, |_| ());
    }

    fn is_running(&self, node: NodeId) -> bool {
        self.core.nodes[node.index()].state != NodeState::Down
    }
}

/// What came of an event of the queue.
enum Ran {
    Nothing,
    World,
    Node(NodeId),
}

impl<M: Message> fmt::Debug for World<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("core", &self.core)
            .finish_non_exhaustive()
    }
}
