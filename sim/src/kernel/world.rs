//! The world: nodes, their processes, and the loop that moves them.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::chance::Chance;
use super::clock::NodeClock;
use super::core::{Act, Core, Event, Node, Queued, message_line};
use super::disk::Disk;
use super::faults::{CLOCK_JUMP, ClassSet, FaultClass, FaultPlan, Strikes};
use super::hash::mix;
use super::net::{Envelope, Net, Verdict};
use super::process::{Ctx, Message, NodeId, Peer, Process, describe};
use super::queue::Queue;
use super::storm::{NETWORK_LABELS, NODE_LABELS, Sampler};
use super::time::{Time, nanos};
use super::timers::Timers;
use super::trace::{Ladder, Line, TraceKind, TraceSink, Tracer};

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
}

impl<M: Message> World<M> {
    /// An empty world at time zero, calm.
    pub fn new(config: WorldConfig) -> Self {
        let WorldConfig {
            chance,
            plan,
            ladder_every,
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
        };
        Self {
            core,
            hosts: Vec::new(),
            network: Sampler::default(),
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
        let strikes = node
            .sampler
            .after_event(&self.core.chance, NODE_LABELS, u64::from(id.0));
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

    #[inline]
    fn sample_network(&mut self) {
        let Self { network, core, .. } = self;
        match network.after_event(&core.chance, NETWORK_LABELS, 0) {
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
        let digest = super::trace::label_digest(label);
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

    // Nodes.

    /// Starts a node that is down, with a new process.
    pub fn start(&mut self, id: NodeId) {
        if self.is_running(id) {
            return;
        }
        let me = self.core.peer(id);
        self.core.nodes[id.index()].state = NodeState::Up;
        self.core
            .tell_node(TraceKind::Start, id, u64::from(me.generation), "start");
        let Self { core, hosts, .. } = self;
        let host = &mut hosts[id.index()];
        let process = host.process.insert((host.factory)(me));
        process.on_start(&mut Ctx { core, me });
        self.core.drain_disk(id);
        if let Some(kind) = self.core.nodes[id.index()].doomed {
            self.crash_and_restart(id, kind);
        }
    }

    /// Ends the process of a node, which stays down until it is [started](Self::start).
    pub fn crash(&mut self, id: NodeId, kind: CrashKind) {
        if !self.is_running(id) {
            return;
        }
        let label = match kind {
            CrashKind::Process => "process",
            CrashKind::Power => "power",
        };
        self.core.halt(id);
        self.core
            .tell_node(TraceKind::Crash, id, kind as u64, label);
        self.hosts[id.index()].process = None;
        let node = &mut self.core.nodes[id.index()];
        node.state = NodeState::Down;
        node.generation += 1;
        node.doomed = None;
        let held = std::mem::take(&mut node.held);
        if let Some(disk) = &node.disk {
            disk.crash(kind);
        }
        self.core.drain_disk(id);
        for queued in held {
            self.discard(queued);
        }
    }

    fn crash_and_restart(&mut self, id: NodeId, kind: CrashKind) {
        if !self.is_running(id) {
            return;
        }
        self.crash(id, kind);
        let at = self.core.now + self.core.restart_delay(id);
        let peer = self.core.peer(id);
        self.core.act(at, Act::Start(peer));
    }

    /// Stops a node for so long; it knows nothing of it when it goes on.
    pub fn pause(&mut self, id: NodeId, length: Duration) {
        if self.core.nodes[id.index()].state != NodeState::Up {
            return;
        }
        self.core.nodes[id.index()].state = NodeState::Paused;
        self.core
            .tell_node(TraceKind::Pause, id, nanos(length).unsigned_abs(), "pause");
        let (at, peer) = (self.core.now + length, self.core.peer(id));
        self.core.act(at, Act::Resume(peer));
    }

    /// Lets a paused node go on, with everything that arrived meanwhile.
    pub fn resume(&mut self, id: NodeId) {
        let node = &mut self.core.nodes[id.index()];
        if node.state != NodeState::Paused {
            return;
        }
        node.state = NodeState::Up;
        let held = std::mem::take(&mut node.held);
        self.core
            .tell_node(TraceKind::Resume, id, held.len() as u64, "resume");
        let now = self.core.now;
        for queued in held {
            self.core.queue.push(now, now, queued);
        }
    }

    /// Moves a node's wall clock, forward or back.
    pub fn jump_clock(&mut self, id: NodeId, by: i64) {
        self.core.jump_clock(id, by);
    }

    /// Makes a node's clocks run faster or slower than true time.
    pub fn set_drift(&mut self, id: NodeId, ppm: i32) {
        self.core.set_drift(id, ppm);
    }

    /// Gives one direction of a link a least latency of its own.
    pub fn set_latency(&mut self, from: NodeId, to: NodeId, latency: Duration) {
        self.core.net.set_latency(from, to, latency);
    }

    /// Cuts links for so long; each is one direction.
    pub fn cut(&mut self, links: &[(NodeId, NodeId)], length: Duration) {
        self.core.episode(false, links.to_vec(), length, "cut");
    }

    /// Holds what is sent over links for so long; each is one direction.
    pub fn clog(&mut self, links: &[(NodeId, NodeId)], length: Duration) {
        self.core.episode(true, links.to_vec(), length, "clog");
    }

    // Phases.

    /// Puts the fault plan in force.
    pub fn storm(&mut self) {
        self.core.phase = Phase::Storm;
        self.core.storm += 1;
        self.tell_world(TraceKind::Phase, "storm");
        for id in (0..).map(NodeId).take(self.hosts.len()) {
            self.expose(id);
        }
        self.apply_to_links();
        self.network = Sampler::for_network(&self.core.plan);
    }

    /// Ends all faults: heals the network, frees the disks, resumes and starts every node. Clocks
    /// stay as wrong as they are, but change no more.
    pub fn calm(&mut self) {
        self.core.phase = Phase::Calm;
        self.core.storm += 1;
        self.tell_world(TraceKind::Phase, "calm");
        self.network = Sampler::default();
        self.apply_to_links();
        self.core.net.heal();
        self.core.release_clogged(None);
        for id in (0..).map(NodeId).take(self.hosts.len()) {
            let node = &mut self.core.nodes[id.index()];
            node.sampler = Sampler::default();
            if let Some(disk) = &node.disk {
                disk.set_plan(
                    &FaultPlan::calm().with_shape(self.core.plan.shape.clone()),
                    ClassSet::ALL,
                );
                disk.set_full(false);
            }
            self.resume(id);
            self.start(id);
        }
    }

    /// Subjects a node to the plan.
    fn expose(&mut self, id: NodeId) {
        let Core { nodes, plan, .. } = &mut self.core;
        let node = &mut nodes[id.index()];
        node.sampler = Sampler::for_node(plan, node.immune);
        if let Some(disk) = &node.disk {
            disk.set_plan(plan, node.immune);
        }
        self.core.skew(id);
    }

    fn apply_to_links(&mut self) {
        let Core {
            net,
            nodes,
            plan,
            phase,
            ..
        } = &mut self.core;
        let immune = nodes.iter().map(|node| match phase {
            Phase::Storm => node.immune,
            Phase::Calm => ClassSet::ALL,
        });
        net.set_plan(plan, &immune.collect::<Vec<_>>());
    }

    // Looking in.

    /// True time.
    pub const fn now(&self) -> Time {
        self.core.now
    }

    /// When the next event is due.
    pub fn next_time(&self) -> Option<Time> {
        self.core.queue.next_time()
    }

    /// How many events wait in the queue.
    pub fn waiting(&self) -> usize {
        self.core.queue.len()
    }

    /// Whether faults are injected.
    pub const fn phase(&self) -> Phase {
        self.core.phase
    }

    /// What can go wrong in a storm.
    pub const fn plan(&self) -> &FaultPlan {
        &self.core.plan
    }

    /// The source of every choice.
    pub const fn chance(&self) -> &Chance {
        &self.core.chance
    }

    /// Every node, in the order of making.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<M> {
        (0..).map(NodeId).take(self.hosts.len())
    }

    /// The name of a node.
    pub fn name(&self, node: NodeId) -> &str {
        &self.core.nodes[node.index()].name
    }

    /// Whether a node runs.
    pub fn state(&self, node: NodeId) -> NodeState {
        self.core.nodes[node.index()].state
    }

    /// The current incarnation of a node; while it is down, the one to come.
    pub fn peer(&self, node: NodeId) -> Peer {
        self.core.peer(node)
    }

    /// A node's clocks.
    pub fn clock(&self, node: NodeId) -> &NodeClock {
        &self.core.nodes[node.index()].clock
    }

    /// A node's disk.
    pub fn disk(&mut self, node: NodeId) -> Disk {
        self.core.disk(node)
    }

    /// The process of a node, if it runs and is of that type.
    pub fn process<P: Process<M>>(&self, node: NodeId) -> Option<&P> {
        let process: &dyn Any = self.hosts[node.index()].process.as_deref()?;
        process.downcast_ref()
    }

    /// Lets the harness call into a running process, as if an event had.
    pub fn with<P: Process<M>, R>(
        &mut self,
        node: NodeId,
        call: impl FnOnce(&mut P, &mut Ctx<'_, M>) -> R,
    ) -> Option<R> {
        let Self { core, hosts, .. } = self;
        let process: &mut dyn Any = hosts[node.index()].process.as_deref_mut()?;
        let me = core.peer(node);
        let result = call(process.downcast_mut()?, &mut Ctx { core, me });
        self.after_event(node);
        Some(result)
    }

    /// How often each fault class struck.
    pub fn strikes(&self) -> Strikes {
        let mut all = self.core.strikes;
        all.add(&self.core.net.strikes);
        let disks = self.core.nodes.iter().filter_map(|node| node.disk.as_ref());
        disks.for_each(|disk| all.add(&disk.strikes()));
        all
    }

    /// Tells the trace something that is seen from outside: what a checker found, a phase of the
    /// scenario.
    pub fn note(&mut self, label: &'static str, digest: u64, text: impl FnOnce(&mut String)) {
        let digest = super::trace::label_digest(label) ^ digest;
        let line = Line {
            kind: TraceKind::Note,
            node: None,
            peer: None,
            digest,
            label,
        };
        self.core.tracer.tell(line, text);
    }

    /// The hash over everything that happened, and over every choice made.
    pub fn hash(&self) -> u64 {
        mix(
            self.core.tracer.ladder().hash(),
            self.core.chance.unseed(),
            0,
        )
    }

    /// What two runs are compared by.
    pub const fn ladder(&self) -> &Ladder {
        self.core.tracer.ladder()
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
