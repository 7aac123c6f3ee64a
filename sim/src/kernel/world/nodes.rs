//! What can be done to nodes and links: start, crash, pause, skew, cut.

use std::time::Duration;

use super::{CrashKind, NodeState, World};
use crate::kernel::core::Act;
use crate::kernel::process::{Ctx, Message, NodeId};
use crate::kernel::time::nanos;
use crate::kernel::trace::TraceKind;

impl<M: Message> World<M> {
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

    pub(super) fn crash_and_restart(&mut self, id: NodeId, kind: CrashKind) {
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
}
