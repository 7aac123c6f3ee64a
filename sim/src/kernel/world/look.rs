//! What the harness and the checkers can see, and how they call in.

use std::any::Any;

use super::{NodeState, Phase, World};
use crate::kernel::chance::Chance;
use crate::kernel::clock::NodeClock;
use crate::kernel::disk::Disk;
use crate::kernel::faults::{FaultPlan, Strikes};
use crate::kernel::hash::mix;
use crate::kernel::process::{Ctx, Message, NodeId, Peer, Process};
use crate::kernel::time::Time;
use crate::kernel::trace::{Ladder, Line, TraceKind, label_digest};

impl<M: Message> World<M> {
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
        let digest = label_digest(label) ^ digest;
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
