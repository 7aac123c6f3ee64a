//! Everything of a world but its processes, so that a process can be lent the rest of it.

use std::collections::VecDeque;
use std::fmt;

use super::chance::Chance;
use super::clock::{Face, NodeClock};
use super::disk::{Disk, Ticket};
use super::faults::{ClassSet, FaultClass, FaultPlan, Strikes};
use super::foreign::Rung;
use super::label::Entity;
use super::net::{Envelope, Fate, Net, Verdict};
use super::points::{Points, REPLY_POINT};
use super::process::{Message, NodeId, Peer, describe};
use super::queue::Queue;
use super::storm::Sampler;
use super::time::Time;
use super::timers::{Timer, TimerId, Timers};
use super::trace::{Line, TraceKind, Tracer};
use super::world::{CrashKind, NodeState, Phase, World};

/// An event that waits, and the number of the trace event that brought it about.
pub(crate) struct Queued<M: Message> {
    pub(crate) cause: u64,
    pub(crate) event: Event<M>,
}

pub(crate) enum Event<M: Message> {
    Deliver {
        from: Peer,
        to: Peer,
        digest: u64,
        message: M,
    },
    Timer(TimerId),
    Synced {
        owner: Peer,
        ticket: Ticket,
    },
    Act(Box<Act<M>>),
}

pub(crate) enum Act<M: Message> {
    Start(Peer),
    Resume(Peer),
    Heal(Episode),
    FreeDisk(Peer),
    Call(&'static str, Call<M>),
}

pub(crate) type Call<M> = Box<dyn FnOnce(&mut World<M>)>;

/// Links that are cut or clogged together.
#[derive(Clone, Debug)]
pub(crate) struct Episode {
    pub(crate) clog: bool,
    pub(crate) links: Vec<(NodeId, NodeId)>,
    /// The storm it belongs to; once that is over, everything has been healed.
    pub(crate) storm: u32,
}

pub(crate) type Interceptor<M> = Box<dyn FnMut(&Envelope, &mut M) -> Verdict>;

pub(crate) struct Node<M: Message> {
    pub(crate) name: String,
    pub(crate) generation: u32,
    pub(crate) state: NodeState,
    pub(crate) clock: NodeClock,
    pub(crate) immune: ClassSet,
    pub(crate) disk: Option<Disk>,
    /// What arrived while the node was paused.
    pub(crate) held: VecDeque<Queued<M>>,
    /// Set while a process handles the event in which it dies.
    pub(crate) doomed: Option<CrashKind>,
    pub(crate) sampler: Sampler,
}

pub(crate) struct Core<M: Message> {
    pub(crate) now: Time,
    pub(crate) phase: Phase,
    pub(crate) storm: u32,
    pub(crate) plan: FaultPlan,
    pub(crate) chance: Chance,
    pub(crate) queue: Queue<Queued<M>>,
    pub(crate) tracer: Tracer,
    pub(crate) net: Net,
    pub(crate) nodes: Vec<Node<M>>,
    pub(crate) timers: Timers,
    pub(crate) cancelled: usize,
    /// Messages that wait for a clogged link.
    pub(crate) clogged: Vec<(NodeId, NodeId, Queued<M>)>,
    pub(crate) intercept: Option<Interceptor<M>>,
    pub(crate) strikes: Strikes,
    pub(crate) points: Points,
    /// Whom foreign clocks have woken.
    pub(crate) rung: Rung,
}

impl<M: Message> Core<M> {
    pub(crate) fn peer(&self, node: NodeId) -> Peer {
        Peer {
            node,
            generation: self.nodes[node.index()].generation,
        }
    }

    pub(crate) fn wall(&self, node: NodeId) -> Time {
        self.nodes[node.index()].clock.wall(self.now)
    }

    pub(crate) fn monotonic(&self, node: NodeId) -> Time {
        self.nodes[node.index()].clock.monotonic(self.now)
    }

    pub(crate) fn schedule(&mut self, at: Time, event: Event<M>) {
        let cause = self.tracer.cause();
        self.queue.push(self.now, at, Queued { cause, event });
    }

    pub(crate) fn act(&mut self, at: Time, act: Act<M>) {
        self.schedule(at, Event::Act(Box::new(act)));
    }

    /// Sends a message on its way, whatever that leads to.
    pub(crate) fn transmit(&mut self, from: Peer, to: Peer, reply: bool, mut message: M) {
        if self.nodes[from.node.index()].doomed.is_some() {
            return;
        }
        if from.node == to.node {
            let digest = message.digest();
            return self.schedule(
                self.now,
                Event::Deliver {
                    from,
                    to,
                    digest,
                    message,
                },
            );
        }
        let envelope = Envelope { from, to, reply };
        let verdict = match &mut self.intercept {
            Some(intercept) => intercept(&envelope, &mut message),
            None => Verdict::Pass,
        };
        let fate = match verdict {
            Verdict::Drop => Fate::Lost("intercepted"),
            Verdict::Pass => self.net.fate(&envelope, self.now, &self.chance),
            Verdict::Delay(by) => match self.net.fate(&envelope, self.now, &self.chance) {
                Fate::Arrives(at) => Fate::Arrives(at + by),
                Fate::ArrivesTwice(at, again) => Fate::ArrivesTwice(at + by, again + by),
                other => other,
            },
        };
        let fate = if reply && self.loses_reply(from.node, to.node) {
            Fate::Lost("reply lost at this point")
        } else {
            fate
        };
        self.dispatch(from, to, fate, message);
    }

    fn loses_reply(&mut self, from: NodeId, to: NodeId) -> bool {
        let (link, seq) = (Entity::link(from, to), self.tracer.cause());
        let lost = self.points.pass(&self.chance, REPLY_POINT, link, 1, seq) == 1;
        if lost {
            self.strikes.count(FaultClass::ReplyLoss);
        }
        lost
    }

    #[inline]
    fn dispatch(&mut self, from: Peer, to: Peer, fate: Fate, message: M) {
        let digest = message.digest();
        let deliver = |message| Event::Deliver {
            from,
            to,
            digest,
            message,
        };
        match fate {
            Fate::Arrives(at) => self.schedule(at, deliver(message)),
            Fate::ArrivesTwice(at, again) => {
                let copy = message.clone();
                let line = message_line(TraceKind::Duplicate, from, to, digest, message.label());
                self.tracer.tell(line, |out| describe(&message, out));
                self.schedule(at, deliver(message));
                self.schedule(again, deliver(copy));
            }
            Fate::Waits => {
                let event = deliver(message);
                let queued = Queued {
                    cause: self.tracer.cause(),
                    event,
                };
                self.clogged.push((from.node, to.node, queued));
            }
            Fate::Lost(why) => self.lose(from, to, digest, why, &message),
        }
    }

    pub(crate) fn lose(
        &mut self,
        from: Peer,
        to: Peer,
        digest: u64,
        why: &'static str,
        message: &M,
    ) {
        let line = message_line(TraceKind::Lost, from, to, digest, why);
        self.tracer.tell(line, |out| describe(message, out));
    }

    /// Lets the messages go that waited for links which are free now.
    pub(crate) fn release_clogged(&mut self, links: Option<&[(NodeId, NodeId)]>) {
        let waiting = std::mem::take(&mut self.clogged);
        for (from, to, queued) in waiting {
            if links.is_some_and(|links| !links.contains(&(from, to))) {
                self.clogged.push((from, to, queued));
                continue;
            }
            let Event::Deliver { from, to, .. } = &queued.event else {
                continue;
            };
            let envelope = Envelope {
                from: *from,
                to: *to,
                reply: false,
            };
            match self.net.fate(&envelope, self.now, &self.chance) {
                Fate::Arrives(at) | Fate::ArrivesTwice(at, _) => {
                    self.queue.push(self.now, at, queued);
                }
                Fate::Waits => self.clogged.push((from.node, to.node, queued)),
                Fate::Lost(why) => {
                    let (from, to) = (*from, *to);
                    let Event::Deliver {
                        digest, message, ..
                    } = queued.event
                    else {
                        continue;
                    };
                    self.lose(from, to, digest, why, &message);
                }
            }
        }
    }

    pub(crate) fn set_timer(
        &mut self,
        owner: Peer,
        face: Face,
        reading: Time,
        token: u64,
    ) -> TimerId {
        let id = self.timers.insert(Timer {
            owner,
            token,
            face,
            reading,
        });
        if self.nodes[owner.node.index()].doomed.is_some() {
            self.timers.remove(id);
            return id;
        }
        let at = self.nodes[owner.node.index()].clock.when(face, reading);
        self.schedule(at, Event::Timer(id));
        id
    }

    pub(crate) fn cancel_timer(&mut self, id: TimerId) -> bool {
        let removed = self.timers.remove(id).is_some();
        if removed {
            self.cancelled += 1;
            self.sweep();
        }
        removed
    }

    /// Forgets cancelled timers once most of the queue consists of them.
    fn sweep(&mut self) {
        const FEW: usize = 256;
        if self.cancelled < FEW || self.cancelled * 2 < self.queue.len() {
            return;
        }
        let timers = &self.timers;
        self.queue.retain(|queued| match queued.event {
            Event::Timer(id) => timers.is_set(id),
            _ => true,
        });
        self.cancelled = 0;
    }

    /// Moves the timers of a node to where its changed clock puts them.
    pub(crate) fn reschedule_timers(&mut self, node: NodeId) {
        for id in self.timers.of(self.peer(node)) {
            let Some(timer) = self.timers.remove(id) else {
                continue;
            };
            self.cancelled += 1;
            let at = self.nodes[node.index()]
                .clock
                .when(timer.face, timer.reading);
            let id = self.timers.insert(timer);
            self.schedule(at, Event::Timer(id));
        }
        self.sweep();
    }

    pub(crate) fn disk(&mut self, node: NodeId) -> Disk {
        let Self {
            nodes,
            chance,
            plan,
            phase,
            ..
        } = self;
        let Node { disk, immune, .. } = &mut nodes[node.index()];
        let immune = match phase {
            Phase::Storm => *immune,
            Phase::Calm => ClassSet::ALL,
        };
        disk.get_or_insert_with(|| Disk::new(node, chance.clone(), plan, immune))
            .clone()
    }

    /// Makes the disk deaf to a process that is dead but still on the stack.
    pub(crate) fn halt(&mut self, node: NodeId) {
        if let Some(disk) = &self.nodes[node.index()].disk {
            disk.halt();
        }
    }

    /// Schedules what a process asked of its disk, and tells what the disk did to it.
    pub(crate) fn drain_disk(&mut self, node: NodeId) {
        let Some(disk) = &self.nodes[node.index()].disk else {
            return;
        };
        if disk.is_quiet() {
            return;
        }
        let (syncs, faults) = disk.drain();
        for (label, digest) in faults {
            let kind = TraceKind::DiskFault;
            let line = Line {
                kind,
                node: Some(node),
                peer: None,
                digest,
                label,
            };
            self.tracer.tell(line, |_| ());
        }
        let owner = self.peer(node);
        for (ticket, delay) in syncs {
            let at = self.now + delay;
            self.schedule(at, Event::Synced { owner, ticket });
        }
    }

    pub(crate) fn tell_node(
        &mut self,
        kind: TraceKind,
        node: NodeId,
        digest: u64,
        label: &'static str,
    ) {
        let line = Line {
            kind,
            node: Some(node),
            peer: None,
            digest,
            label,
        };
        let name = &self.nodes[node.index()].name;
        self.tracer.lead(line, |out| out.push_str(name));
    }
}

impl<M: Message> fmt::Debug for Core<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, nodes, waiting) = (self.now, self.nodes.len(), self.queue.len());
        f.debug_struct("Core")
            .field("now", &now)
            .field("nodes", &nodes)
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}

pub(crate) const fn message_line(
    kind: TraceKind,
    from: Peer,
    to: Peer,
    digest: u64,
    label: &'static str,
) -> Line {
    Line {
        kind,
        node: Some(to.node),
        peer: Some(from.node),
        digest,
        label,
    }
}
