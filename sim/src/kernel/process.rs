//! What runs on a node, and all that it can do to the world.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::chance::Chance;
use super::clock::Face;
use super::core::Core;
use super::disk::{Disk, DiskError, Ticket};
use super::foreign::Bell;
use super::hash::Digest;
use super::label::{Entity, Label};
use super::time::Time;
use super::timers::TimerId;
use super::trace::{Line, TraceKind, label_digest};
use super::world::CrashKind;

/// A node of the world, numbered in the order of its making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl NodeId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One incarnation of a node: what a connection leads to. After a crash the node is another peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// The node.
    pub node: NodeId,
    /// How many incarnations it had before this one.
    pub generation: u32,
}

/// What processes send to each other.
///
/// Cloned only when the network duplicates it.
pub trait Message: Digest + Clone + 'static {
    /// Its kind in a word, for the trace.
    fn label(&self) -> &'static str;

    /// Its content, for a trace that someone reads.
    fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(self.label())
    }
}

/// What runs on a node. It dies with a crash; only the node's disk survives.
pub trait Process<M: Message>: Any {
    /// The process begins.
    fn on_start(&mut self, ctx: &mut Ctx<'_, M>);

    /// A message arrived.
    fn on_message(&mut self, ctx: &mut Ctx<'_, M>, from: Peer, message: M);

    /// A timer fired that was set with this token.
    fn on_timer(&mut self, _ctx: &mut Ctx<'_, M>, _token: u64) {}

    /// A sync that was asked for is done, or failed.
    fn on_synced(
        &mut self,
        _ctx: &mut Ctx<'_, M>,
        _ticket: Ticket,
        _result: Result<(), DiskError>,
    ) {
    }
}

/// The world as one process sees it while it handles one event.
///
/// After [`crash`](Self::crash) the rest of the handler has no effect: it is code that never ran.
pub struct Ctx<'a, M: Message> {
    pub(crate) core: &'a mut Core<M>,
    pub(crate) me: Peer,
}

impl<M: Message> Ctx<'_, M> {
    /// The node that this process runs on.
    pub const fn node(&self) -> NodeId {
        self.me.node
    }

    /// This incarnation of the node.
    pub const fn me(&self) -> Peer {
        self.me
    }

    /// The node's wall clock, which may be off, drift and jump.
    pub fn now(&self) -> Time {
        self.core.wall(self.me.node)
    }

    /// The node's monotonic clock, which may drift but never jumps.
    pub fn monotonic(&self) -> Time {
        self.core.monotonic(self.me.node)
    }

    /// True time. For checkers and ledgers that stand outside the world, never for decisions.
    pub const fn true_time(&self) -> Time {
        self.core.now
    }

    /// The incarnation of a node that a message sent now would reach.
    pub fn peer(&self, node: NodeId) -> Peer {
        self.core.peer(node)
    }

    /// Sends to a node, whichever incarnation of it runs now. To itself: at once and without fail.
    pub fn send(&mut self, to: NodeId, message: M) {
        let to = self.core.peer(to);
        self.core.transmit(self.me, to, false, message);
    }

    /// Answers a message; the answer reaches only the incarnation that sent it.
    pub fn reply(&mut self, to: Peer, message: M) {
        self.core.transmit(self.me, to, true, message);
    }

    /// Sends to one incarnation of a node.
    pub fn send_to(&mut self, to: Peer, message: M) {
        self.core.transmit(self.me, to, false, message);
    }

    /// Sets a timer by the node's monotonic clock.
    pub fn set_timer(&mut self, after: Duration, token: u64) -> TimerId {
        let reading = self.monotonic() + after;
        self.core
            .set_timer(self.me, Face::Monotonic, reading, token)
    }

    /// Sets a timer by the node's wall clock: it fires when that shows `at`, after jumps sooner or
    /// later than it seemed when it was set.
    pub fn set_alarm(&mut self, at: Time, token: u64) -> TimerId {
        self.core.set_timer(self.me, Face::Wall, at, token)
    }

    /// Cancels a timer; says whether it was still set.
    pub fn cancel_timer(&mut self, id: TimerId) -> bool {
        self.core.cancel_timer(id)
    }

    /// What wakes this process from outside of its handlers, by a timer with this token.
    pub fn bell(&self, token: u64) -> Bell {
        Bell::new(self.me, token, Rc::clone(&self.core.rung))
    }

    /// The world's chance.
    pub const fn chance(&self) -> &Chance {
        &self.core.chance
    }

    /// Chooses one of the weighted alternatives; 0 stands for nothing bad.
    pub fn choose(&self, label: Label, entity: impl Into<Entity>, weights: &[u32]) -> usize {
        self.core.chance.choose(label, entity, weights)
    }

    /// Chooses a number of the range; its start stands for nothing bad.
    pub fn choose_range(&self, label: Label, entity: impl Into<Entity>, range: Range<u64>) -> u64 {
        self.core.chance.choose_range(label, entity, range)
    }

    /// Passes a point at which one of so many alternatives can be made to happen; 0 is none of them.
    pub fn point(&mut self, label: Label, alternatives: u64) -> u64 {
        let Core {
            points,
            chance,
            tracer,
            ..
        } = &mut *self.core;
        points.pass(chance, label, self.me.node, alternatives, tracer.cause())
    }

    /// The node's disk. The handle may be kept; it works as long as the process lives.
    pub fn disk(&mut self) -> Disk {
        self.core.disk(self.me.node)
    }

    /// Tells the trace something; the digest goes into the hash, the text only into a recording.
    pub fn trace(&mut self, label: &'static str, digest: u64, text: impl FnOnce(&mut String)) {
        let digest = label_digest(label) ^ digest;
        let line = Line {
            kind: TraceKind::Note,
            node: Some(self.me.node),
            peer: None,
            digest,
            label,
        };
        self.core.tracer.tell(line, text);
    }

    /// Whether the trace is being recorded, so that views worth rendering are worth building.
    pub const fn is_recording(&self) -> bool {
        self.core.tracer.is_recording()
    }

    /// Dies here and now: what this handler did so far stands, the rest of it never happened.
    pub fn crash(&mut self, kind: CrashKind) {
        self.core.nodes[self.me.node.index()].doomed = Some(kind);
        self.core.halt(self.me.node);
    }

    /// Whether this process has crashed while handling the event.
    pub fn is_dead(&self) -> bool {
        self.core.nodes[self.me.node.index()].doomed.is_some()
    }
}

impl<M: Message> fmt::Debug for Ctx<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("me", &self.me)
            .finish_non_exhaustive()
    }
}

/// Renders a message for the trace.
pub(crate) fn describe<M: Message>(message: &M, out: &mut String) {
    if message.describe(out).is_err() {
        out.push_str(" (cannot be described)");
    }
}
