//! Faults that strike nodes and links from outside: when they strike, and what they do.
//!
//! They are sampled per event, not per time: a fault in an idle hour tells nothing, one between
//! two events of a busy millisecond does. To draw little, a sampler decides a window of events at
//! once: whether it strikes in the window, and at which event of it.

use std::time::Duration;

use super::chance::{Chance, Rate};
use super::core::{Act, Core, Episode};
use super::faults::{
    CLOCK_DRIFT, CLOCK_OFFSET, CLOCK_SIGN, ClassSet, DISK_FULL_FOR, EPISODE, EPISODE_AT,
    EPISODE_LENGTH, EPISODE_NODES, FaultClass, FaultPlan, NODE_FAULT, NODE_FAULT_AT, PAUSE_FOR,
    RESTART_AFTER, SLOW_START, SWIZZLE,
};
use super::label::Label;
use super::process::{Message, NodeId};
use super::time::nanos;
use super::trace::{Line, TraceKind};

const WINDOW: u32 = 256;

/// What strikes a node.
const NODE_FAULTS: [FaultClass; 5] = [
    FaultClass::Crash,
    FaultClass::PowerCut,
    FaultClass::Pause,
    FaultClass::ClockJump,
    FaultClass::DiskFull,
];

/// What strikes the network.
const EPISODES: [FaultClass; 5] = [
    FaultClass::Partition,
    FaultClass::OneWay,
    FaultClass::Clog,
    FaultClass::Swizzle,
    FaultClass::Blackout,
];

/// Counts events and says which fault strikes after which.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sampler {
    armed: Vec<(FaultClass, Rate)>,
    /// What strikes in this window, by descending event.
    due: Vec<(u32, FaultClass)>,
    event: u32,
}

impl Sampler {
    pub(crate) fn for_node(plan: &FaultPlan, immune: ClassSet) -> Self {
        Self::armed_with(&NODE_FAULTS, |class| plan.rate_for(class, immune))
    }

    pub(crate) fn for_network(plan: &FaultPlan) -> Self {
        Self::armed_with(&EPISODES, |class| plan.rate(class))
    }

    fn armed_with(classes: &[FaultClass], rate: impl Fn(FaultClass) -> Rate) -> Self {
        let armed = classes.iter().map(|class| (*class, rate(*class)));
        let armed = armed.filter(|(_, rate)| !rate.is_off()).collect();
        Self {
            armed,
            due: Vec::new(),
            event: 0,
        }
    }

    /// Counts one event; says what strikes after it.
    #[inline]
    pub(crate) fn after_event(
        &mut self,
        chance: &Chance,
        labels: (Label, Label),
        node: Option<NodeId>,
    ) -> Option<FaultClass> {
        if self.armed.is_empty() {
            return None;
        }
        if self.event == 0 {
            self.plan_window(chance, labels, node);
        }
        let event = self.event;
        self.event = (event + 1) % WINDOW;
        let (at, class) = *self.due.last()?;
        if at > event {
            return None;
        }
        self.due.pop();
        Some(class)
    }

    fn plan_window(&mut self, chance: &Chance, labels: (Label, Label), node: Option<NodeId>) {
        self.due.clear();
        let (whether, when) = labels;
        for (class, rate) in &self.armed {
            let entity = class.entity(node);
            let rate = Rate::per_million(rate.as_per_million().saturating_mul(WINDOW));
            if chance.roll(whether, entity, rate) {
                let at = chance.choose_range(when, entity, 0..u64::from(WINDOW));
                self.due.push((u32::try_from(at).unwrap_or(0), *class));
            }
        }
        self.due.sort_by(|a, b| b.cmp(a));
    }
}

pub(crate) const NODE_LABELS: (Label, Label) = (NODE_FAULT, NODE_FAULT_AT);
pub(crate) const NETWORK_LABELS: (Label, Label) = (EPISODE, EPISODE_AT);

/// The least that a fault with a length lasts.
const LEAST: Duration = Duration::from_millis(1);

impl<M: Message> Core<M> {
    pub(crate) fn restart_delay(&mut self, node: NodeId) -> Duration {
        let Self { chance, plan, .. } = self;
        let delay = chance.choose_scaled(RESTART_AFTER, node, LEAST..plan.shape.restart_max);
        let immune = self.nodes[node.index()].immune;
        let slow = plan.rate_for(FaultClass::SlowStart, immune);
        if !chance.roll(SLOW_START, node, slow) {
            return delay;
        }
        let longer = chance.choose_scaled(SLOW_START, node, LEAST..plan.shape.pause_max);
        self.strikes.count(FaultClass::SlowStart);
        delay + longer
    }

    pub(crate) fn pause_length(&self, node: NodeId) -> Duration {
        self.chance
            .choose_scaled(PAUSE_FOR, node, LEAST..self.plan.shape.pause_max)
    }

    pub(crate) fn jump_by(&self, node: NodeId, label: Label) -> i64 {
        let size = self
            .chance
            .choose_scaled(label, node, LEAST..self.plan.shape.clock_max);
        match self.chance.choose(CLOCK_SIGN, node, &[1, 1]) {
            0 => nanos(size),
            _ => -nanos(size),
        }
    }

    /// Puts the clocks of a node wrong for the length of the storm.
    pub(crate) fn skew(&mut self, node: NodeId) {
        let immune = self.nodes[node.index()].immune;
        let offset = self.plan.rate_for(FaultClass::ClockOffset, immune);
        if self.chance.roll(CLOCK_OFFSET, node, offset) {
            let by = self.jump_by(node, CLOCK_OFFSET);
            self.jump_clock(node, by);
            self.strikes.count(FaultClass::ClockOffset);
        }
        let drift = self.plan.rate_for(FaultClass::ClockDrift, immune);
        if self.chance.roll(CLOCK_DRIFT, node, drift) {
            let most = u64::from(self.plan.shape.drift_max_ppm);
            let size = self.chance.choose_range(CLOCK_DRIFT, node, 0..most + 1);
            let size = i32::try_from(size).unwrap_or(i32::MAX);
            let back = self.chance.choose(CLOCK_SIGN, node, &[1, 1]) == 1;
            self.set_drift(node, if back { -size } else { size });
            self.strikes.count(FaultClass::ClockDrift);
        }
    }

    pub(crate) fn jump_clock(&mut self, node: NodeId, by: i64) {
        let now = self.now;
        self.nodes[node.index()].clock.jump(now, by);
        self.reschedule_timers(node);
        self.tell_node(TraceKind::Clock, node, by.cast_unsigned(), "jump");
    }

    pub(crate) fn set_drift(&mut self, node: NodeId, ppm: i32) {
        let now = self.now;
        self.nodes[node.index()].clock.set_drift(now, ppm);
        self.reschedule_timers(node);
        let digest = i64::from(ppm).cast_unsigned();
        self.tell_node(TraceKind::Clock, node, digest, "drift");
    }

    pub(crate) fn fill_disk(&mut self, node: NodeId) {
        let most = self.plan.shape.episode_max;
        let until = self.now + self.chance.choose_scaled(DISK_FULL_FOR, node, LEAST..most);
        self.disk(node).set_full(true);
        let owner = self.peer(node);
        self.tell_node(TraceKind::DiskFault, node, 0, "full");
        self.act(until, Act::FreeDisk(owner));
    }

    fn exposed(&self, class: FaultClass) -> Vec<NodeId> {
        let nodes = (0..).map(NodeId).zip(&self.nodes);
        let exposed = nodes.filter(|(_, node)| !node.immune.contains(class));
        exposed.map(|(id, _)| id).collect()
    }

    /// Draws the nodes that lose power together.
    pub(crate) fn draw_blackout(&mut self) -> Vec<NodeId> {
        let class = FaultClass::Blackout;
        let mut nodes = self.exposed(class);
        nodes.retain(|_| self.chance.choose(EPISODE_NODES, class as u64, &[1, 1]) == 1);
        if !nodes.is_empty() {
            self.strikes.count(class);
        }
        nodes
    }

    /// Starts a partition or a clog of some nodes.
    pub(crate) fn start_episode(&mut self, class: FaultClass) {
        let nodes = self.exposed(class);
        if nodes.len() < 2 {
            return;
        }
        self.strikes.count(class);
        match class {
            FaultClass::Swizzle => self.swizzle(&nodes),
            FaultClass::Clog => {
                let node = self.pick(&nodes, class);
                self.episode(
                    true,
                    around(node, &nodes),
                    self.episode_length(class),
                    "clog",
                );
            }
            _ => {
                let (label, one_way) = match class {
                    FaultClass::OneWay => ("one-way partition", true),
                    _ => ("partition", false),
                };
                let links = self.split(&nodes, class, one_way);
                self.episode(false, links, self.episode_length(class), label);
            }
        }
    }

    fn episode_length(&self, class: FaultClass) -> Duration {
        let most = self.plan.shape.episode_max;
        self.chance
            .choose_scaled(EPISODE_LENGTH, class as u64, LEAST..most)
    }

    fn pick(&self, nodes: &[NodeId], class: FaultClass) -> NodeId {
        let choice = self
            .chance
            .choose_range(EPISODE_NODES, class as u64, 0..nodes.len() as u64);
        nodes[usize::try_from(choice).unwrap_or(0)]
    }

    /// The links between one side of the nodes, drawn, and the other.
    fn split(&self, nodes: &[NodeId], class: FaultClass, one_way: bool) -> Vec<(NodeId, NodeId)> {
        let side = |_: &NodeId| self.chance.choose(EPISODE_NODES, class as u64, &[1, 1]) == 1;
        let (mut here, mut there): (Vec<NodeId>, Vec<NodeId>) = nodes.iter().partition(|n| side(n));
        if here.is_empty() {
            here.extend(there.pop());
        } else if there.is_empty() {
            there.extend(here.pop());
        }
        let pairs = here
            .iter()
            .flat_map(|a| there.iter().map(move |b| (*a, *b)));
        let both = pairs.flat_map(|(a, b)| [Some((a, b)), (!one_way).then_some((b, a))]);
        both.flatten().collect()
    }

    /// Clogs nodes one after another, and unclogs each after a length of its own.
    fn swizzle(&mut self, nodes: &[NodeId]) {
        let class = FaultClass::Swizzle;
        let mut delay = Duration::ZERO;
        for node in nodes {
            if self.chance.choose(SWIZZLE, *node, &[1, 1]) == 0 {
                continue;
            }
            let length = delay + self.episode_length(class);
            self.episode(true, around(*node, nodes), length, "swizzle");
            delay += length / 4;
        }
    }

    pub(crate) fn episode(
        &mut self,
        clog: bool,
        links: Vec<(NodeId, NodeId)>,
        length: Duration,
        label: &'static str,
    ) {
        for (from, to) in &links {
            match clog {
                true => self.net.clog(*from, *to),
                false => self.net.cut(*from, *to),
            }
        }
        let digest = links.iter().fold(0, |sum, (from, to)| {
            super::hash::mix(sum, u64::from(from.0), u64::from(to.0))
        });
        let line = Line {
            kind: TraceKind::Network,
            node: None,
            peer: None,
            digest,
            label,
        };
        self.tracer.lead(line, |out| describe_links(&links, out));
        let until = self.now + length;
        self.act(
            until,
            Act::Heal(Episode {
                clog,
                links,
                storm: self.storm,
            }),
        );
    }

    pub(crate) fn heal(&mut self, episode: &Episode) {
        if episode.storm != self.storm {
            return;
        }
        let mut free = Vec::new();
        for (from, to) in &episode.links {
            if !episode.clog {
                self.net.mend(*from, *to);
            } else if self.net.unclog(*from, *to) {
                free.push((*from, *to));
            }
        }
        let label = if episode.clog { "unclog" } else { "mend" };
        let line = Line {
            kind: TraceKind::Network,
            node: None,
            peer: None,
            digest: 0,
            label,
        };
        self.tracer
            .lead(line, |out| describe_links(&episode.links, out));
        self.release_clogged(Some(&free));
    }
}

fn around(node: NodeId, nodes: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    let others = nodes.iter().filter(|other| **other != node);
    others
        .flat_map(|other| [(node, *other), (*other, node)])
        .collect()
}

fn describe_links(links: &[(NodeId, NodeId)], out: &mut String) {
    for (from, to) in links {
        out.push_str(&format!("{from}>{to} "));
    }
}
