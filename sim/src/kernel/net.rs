//! The network: what becomes of a message between its sender and its receiver.
//!
//! A link keeps the order of its messages, as a connection does, unless the reordering class is
//! on. Cuts and clogs are counted, so that overlapping episodes heal independently.

use std::time::Duration;

use super::chance::{Chance, Rate, StreamId};
use super::faults::{
    ClassSet, FaultClass, FaultPlan, NET_DELAY, NET_DELAY_BY, NET_DUPLICATE, NET_DUPLICATE_LATENCY,
    NET_LATENCY, NET_LOSS, NET_REORDER, NET_REPLY_LOSS, Shape, Strikes,
};
use super::label::{Entity, Label};
use super::process::{NodeId, Peer};
use super::time::{Time, nanos};

/// The outside of a message, as an interceptor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who sends.
    pub from: Peer,
    /// To whom.
    pub to: Peer,
    /// Whether it was sent with [`Ctx::reply`](super::Ctx::reply).
    pub reply: bool,
}

/// What an interceptor does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The network decides, as always.
    Pass,
    /// It is lost.
    Drop,
    /// The network decides, and then it takes so much longer.
    Delay(Duration),
}

/// What the network does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives(Time),
    ArrivesTwice(Time, Time),
    Waits,
    Lost(&'static str),
}

#[derive(Clone, Copy, Debug)]
struct Streams([Option<StreamId>; 8]);

#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    latency: Rate,
    delay: Rate,
    loss: Rate,
    reply_loss: Rate,
    duplicate: Rate,
    reorder: Rate,
}

#[derive(Clone, Debug)]
struct Link {
    rates: Rates,
    /// Whether any rate is not zero.
    faulty: bool,
    cuts: u16,
    clogs: u16,
    last: Time,
    base: Option<i64>,
    streams: Streams,
}

#[derive(Debug)]
pub(crate) struct Net {
    nodes: usize,
    stride: usize,
    links: Vec<Link>,
    least: i64,
    spread: u64,
    delay: u64,
    pub(crate) strikes: Strikes,
}

impl Link {
    const fn new() -> Self {
        let off = Rate::OFF;
        let rates = Rates {
            latency: off,
            delay: off,
            loss: off,
            reply_loss: off,
            duplicate: off,
            reorder: off,
        };
        let streams = Streams([None; 8]);
        Self {
            rates,
            faulty: false,
            cuts: 0,
            clogs: 0,
            last: Time::ZERO,
            base: None,
            streams,
        }
    }
}

impl Net {
    pub(crate) fn new(shape: &Shape) -> Self {
        let mut net = Self {
            nodes: 0,
            stride: 0,
            links: Vec::new(),
            least: 0,
            spread: 0,
            delay: 0,
            strikes: Strikes::default(),
        };
        net.set_shape(shape);
        net
    }

    fn set_shape(&mut self, shape: &Shape) {
        self.least = nanos(shape.latency);
        self.spread = span(shape.latency, shape.latency_max);
        self.delay = span(shape.latency, shape.delay_max);
    }

    /// Makes room for one more node.
    pub(crate) fn add_node(&mut self) {
        self.nodes += 1;
        if self.nodes <= self.stride {
            return;
        }
        let stride = (self.stride * 2).max(4);
        let mut links = vec![Link::new(); stride * stride];
        for from in 0..self.stride {
            for to in 0..self.stride {
                let old = &mut self.links[from * self.stride + to];
                std::mem::swap(&mut links[from * stride + to], old);
            }
        }
        (self.stride, self.links) = (stride, links);
    }

    /// Applies a plan. A message is subject to a class if neither end is immune to it.
    pub(crate) fn set_plan(&mut self, plan: &FaultPlan, immune: &[ClassSet]) {
        self.set_shape(&plan.shape);
        for (from, of_sender) in immune.iter().enumerate() {
            for (to, of_receiver) in immune.iter().enumerate() {
                let rate = |class| {
                    let there = plan.rate_for(class, *of_receiver);
                    plan.rate_for(class, *of_sender).min(there)
                };
                let rates = Rates {
                    latency: rate(FaultClass::Latency),
                    delay: rate(FaultClass::Delay),
                    loss: rate(FaultClass::Loss),
                    reply_loss: rate(FaultClass::ReplyLoss),
                    duplicate: rate(FaultClass::Duplicate),
                    reorder: rate(FaultClass::Reorder),
                };
                let link = &mut self.links[from * self.stride + to];
                link.rates = rates;
                let Rates {
                    latency,
                    delay,
                    loss,
                    reply_loss,
                    duplicate,
                    reorder,
                } = rates;
                let all = [latency, delay, loss, reply_loss, duplicate, reorder];
                link.faulty = all.iter().any(|rate| !rate.is_off());
            }
        }
    }

    /// Gives one direction of a link a least latency of its own.
    pub(crate) fn set_latency(&mut self, from: NodeId, to: NodeId, latency: Duration) {
        self.link(from, to).base = Some(nanos(latency));
    }

    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.link(from, to).cuts += 1;
    }

    pub(crate) fn mend(&mut self, from: NodeId, to: NodeId) {
        let link = self.link(from, to);
        link.cuts = link.cuts.saturating_sub(1);
    }

    pub(crate) fn clog(&mut self, from: NodeId, to: NodeId) {
        self.link(from, to).clogs += 1;
    }

    /// Takes one clog away; says whether the link is free now.
    pub(crate) fn unclog(&mut self, from: NodeId, to: NodeId) -> bool {
        let link = self.link(from, to);
        link.clogs = link.clogs.saturating_sub(1);
        link.clogs == 0
    }

    /// Mends and frees everything.
    pub(crate) fn heal(&mut self) {
        for link in &mut self.links {
            (link.cuts, link.clogs) = (0, 0);
        }
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        &mut self.links[from.index() * self.stride + to.index()]
    }

    /// Decides what becomes of a message that is sent now.
    pub(crate) fn fate(&mut self, envelope: &Envelope, now: Time, chance: &Chance) -> Fate {
        let (from, to) = (envelope.from.node, envelope.to.node);
        let (least, spread, delay) = (self.least, self.spread, self.delay);
        let link = &mut self.links[from.index() * self.stride + to.index()];
        if link.cuts > 0 {
            return Fate::Lost("cut");
        }
        if link.clogs > 0 {
            return Fate::Waits;
        }
        let least = link.base.unwrap_or(least);
        if !link.faulty {
            return Fate::Arrives(link.in_order(Time(now.0 + least)));
        }
        let (entity, streams) = (Entity::link(from, to), link.streams);
        let mut dice = Dice {
            chance,
            entity,
            streams,
            strikes: &mut self.strikes,
        };
        let fate = link.roll(&mut dice, envelope.reply, now, (least, spread, delay));
        link.streams = dice.streams;
        fate
    }
}

impl Link {
    /// No earlier than what was sent before it.
    fn in_order(&mut self, at: Time) -> Time {
        self.last = self.last.max(at);
        self.last
    }

    fn roll(&mut self, dice: &mut Dice<'_>, reply: bool, now: Time, of: (i64, u64, u64)) -> Fate {
        let (least, spread, delay) = of;
        let rates = self.rates;
        if dice.strikes(Die::Loss, FaultClass::Loss, rates.loss) {
            return Fate::Lost("lost");
        }
        if reply && dice.strikes(Die::ReplyLoss, FaultClass::ReplyLoss, rates.reply_loss) {
            return Fate::Lost("reply lost");
        }
        let mut at = Time(now.0 + least);
        if dice.strikes(Die::Delay, FaultClass::Delay, rates.delay) {
            at.0 += dice.below(Die::DelayBy, delay);
        } else if dice.is_drawn(rates.latency) {
            at.0 += dice.below(Die::Latency, spread);
        }
        if !dice.strikes(Die::Reorder, FaultClass::Reorder, rates.reorder) {
            at = self.in_order(at);
        }
        if dice.strikes(Die::Duplicate, FaultClass::Duplicate, rates.duplicate) {
            let again = Time(at.0 + dice.below(Die::DuplicateLatency, spread.max(2)));
            return Fate::ArrivesTwice(at, again);
        }
        Fate::Arrives(at)
    }
}

#[derive(Clone, Copy)]
enum Die {
    Latency,
    Delay,
    DelayBy,
    Loss,
    ReplyLoss,
    Duplicate,
    DuplicateLatency,
    Reorder,
}

const DICE: [Label; 8] = [
    NET_LATENCY,
    NET_DELAY,
    NET_DELAY_BY,
    NET_LOSS,
    NET_REPLY_LOSS,
    NET_DUPLICATE,
    NET_DUPLICATE_LATENCY,
    NET_REORDER,
];

/// One link's streams, found once.
struct Dice<'a> {
    chance: &'a Chance,
    entity: Entity,
    streams: Streams,
    strikes: &'a mut Strikes,
}

impl Dice<'_> {
    fn stream(&mut self, die: Die) -> StreamId {
        let (chance, entity) = (self.chance, self.entity);
        let place = &mut self.streams.0[die as usize];
        *place.get_or_insert_with(|| chance.stream(DICE[die as usize], entity))
    }

    fn roll(&mut self, die: Die, rate: Rate) -> bool {
        !rate.is_off() && {
            let stream = self.stream(die);
            self.chance.roll_on(stream, rate)
        }
    }

    fn strikes(&mut self, die: Die, class: FaultClass, rate: Rate) -> bool {
        let struck = self.roll(die, rate);
        if struck {
            self.strikes.count(class);
        }
        struck
    }

    /// Latency that is always drawn needs no die of its own to say so.
    fn is_drawn(&mut self, rate: Rate) -> bool {
        if rate != Rate::ALWAYS {
            return self.strikes(Die::Latency, FaultClass::Latency, rate);
        }
        self.strikes.count(FaultClass::Latency);
        true
    }

    fn below(&mut self, die: Die, span: u64) -> i64 {
        let stream = self.stream(die);
        self.chance.below_on(stream, span).cast_signed()
    }
}

/// How many nanoseconds apart two durations are, both ends included.
fn span(least: Duration, most: Duration) -> u64 {
    nanos(most)
        .saturating_sub(nanos(least))
        .max(0)
        .unsigned_abs()
        + 1
}
