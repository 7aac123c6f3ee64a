//! Which faults there are, how often each strikes, and how a seed picks among them.

use std::time::Duration;

use super::chance::{Chance, Rate};
use super::label::Entity;
use super::process::NodeId;

crate::labels! { 0;
    SWARM_CLASS = "swarm.class";
    SWARM_RATE = "swarm.rate";
    pub(crate) NET_LATENCY = "net.latency";
    pub(crate) NET_DELAY = "net.delay";
    pub(crate) NET_DELAY_BY = "net.delay-by";
    pub(crate) NET_LOSS = "net.loss";
    pub(crate) NET_REPLY_LOSS = "net.reply-loss";
    pub(crate) NET_DUPLICATE = "net.duplicate";
    pub(crate) NET_DUPLICATE_LATENCY = "net.duplicate-latency";
    pub(crate) NET_REORDER = "net.reorder";
    pub(crate) EPISODE = "net.episode";
    pub(crate) EPISODE_AT = "net.episode-at";
    pub(crate) EPISODE_NODES = "net.episode-nodes";
    pub(crate) EPISODE_LENGTH = "net.episode-length";
    pub(crate) SWIZZLE = "net.swizzle";
    pub(crate) NODE_FAULT = "node.fault";
    pub(crate) NODE_FAULT_AT = "node.fault-at";
    pub(crate) RESTART_AFTER = "node.restart-after";
    pub(crate) PAUSE_FOR = "node.pause-for";
    pub(crate) SLOW_START = "node.slow-start";
    pub(crate) CLOCK_OFFSET = "clock.offset";
    pub(crate) CLOCK_DRIFT = "clock.drift";
    pub(crate) CLOCK_JUMP = "clock.jump";
    pub(crate) CLOCK_SIGN = "clock.sign";
    pub(crate) DISK_LATENCY = "disk.latency";
    pub(crate) DISK_STALL = "disk.stall";
    pub(crate) DISK_WRITE = "disk.write-error";
    pub(crate) DISK_SYNC = "disk.sync-error";
    pub(crate) DISK_PART = "disk.partial-write";
    pub(crate) DISK_CUT = "disk.power-cut";
    pub(crate) DISK_KEPT = "disk.kept";
    pub(crate) DISK_TORN = "disk.torn";
    pub(crate) DISK_ROT = "disk.bit-rot";
    pub(crate) DISK_ROT_AT = "disk.bit-rot-at";
    pub(crate) DISK_MISDIRECT = "disk.misdirect";
    pub(crate) DISK_MISDIRECT_TO = "disk.misdirect-to";
    pub(crate) DISK_FULL_FOR = "disk.full-for";
}

macro_rules! fault_classes {
    ($($(#[$meta:meta])* $name:ident = $text:literal,)*) => {
        /// A kind of fault that can be off, and strikes at a rate when it is on.
        ///
        /// The unit of the rate is in each class's own words: per message, per disk operation, per
        /// event that a node handles, or once per node.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultClass { $($(#[$meta])* $name,)* }

        impl FaultClass {
            /// Every class, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name used in scenario files and reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

fault_classes! {
    /// Per message: the latency is drawn between its bounds instead of the least.
    Latency = "latency",
    /// Per message: it takes far longer than usual.
    Delay = "delay",
    /// Per message: it is lost.
    Loss = "loss",
    /// Per reply: it is lost, after what it replies to took effect.
    ReplyLoss = "reply-loss",
    /// Per message: it arrives twice.
    Duplicate = "duplicate",
    /// Per message: it may overtake earlier ones of its link, which otherwise keep their order.
    Reorder = "reorder",
    /// Per message delivered anywhere: some nodes are cut off from the others, for a while.
    Partition = "partition",
    /// Per message delivered anywhere: some nodes are not heard by the others, for a while.
    OneWay = "one-way-partition",
    /// Per message delivered anywhere: messages from and to some node wait, for a while.
    Clog = "clog",
    /// Per message delivered anywhere: nodes clog one after another and unclog in another order.
    Swizzle = "swizzle-clog",
    /// Per message delivered anywhere: several nodes lose power together.
    Blackout = "blackout",
    /// Per event of a node, as all of its kind at most once in 256 events: its process dies; what the operating system holds survives.
    Crash = "crash",
    /// Per event of a node: it loses power; what was not synced may be lost.
    PowerCut = "power-cut",
    /// Per event of a node: it stops, and later goes on as if nothing had been.
    Pause = "pause",
    /// Per restart: the process takes long to start.
    SlowStart = "slow-start",
    /// Per event of a node: its wall clock jumps, forward or back.
    ClockJump = "clock-jump",
    /// Once per node: its wall clock is off from the start.
    ClockOffset = "clock-offset",
    /// Once per node: its clocks run too fast or too slow.
    ClockDrift = "clock-drift",
    /// Per sync: its latency is drawn between its bounds instead of the least.
    DiskLatency = "disk-latency",
    /// Per sync: it takes far longer than usual.
    DiskStall = "disk-stall",
    /// Per write: it fails, having written nothing or a part.
    WriteError = "write-error",
    /// Per sync: it fails; what it covered will not survive, whatever later syncs say.
    SyncError = "sync-error",
    /// Per power cut: writes that were not synced are lost: all, all after some, or any.
    LostWrites = "lost-writes",
    /// Per power cut: surviving writes that were not synced are torn at sectors.
    TornWrites = "torn-writes",
    /// Per event of a node: its disk takes nothing more, for a while.
    DiskFull = "disk-full",
    /// Per power cut: a bit of what was durable flips.
    BitRot = "bit-rot",
    /// Per write: it reaches the disk at a wrong place.
    Misdirect = "misdirected-write",
}

const CLASSES: usize = FaultClass::ALL.len();

impl FaultClass {
    /// The class of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.name() == name)
    }

    /// What choices about this class striking a node, or the world, are about: `node.class` with
    /// the class as its place in [`ALL`](Self::ALL), or that place alone.
    pub fn entity(self, node: Option<NodeId>) -> Entity {
        match node {
            Some(node) => Entity::part(node, self as u16),
            None => Entity::from(self as u64),
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// A set of fault classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassSet(u64);

impl ClassSet {
    /// No class.
    pub const NONE: Self = Self(0);
    /// Every class.
    pub const ALL: Self = Self((1 << CLASSES) - 1);

    /// This set and one more class.
    #[must_use]
    pub const fn with(self, class: FaultClass) -> Self {
        Self(self.0 | 1 << class.index())
    }

    /// Whether the class is in the set.
    pub const fn contains(self, class: FaultClass) -> bool {
        self.0 >> class.index() & 1 == 1
    }
}

impl FromIterator<FaultClass> for ClassSet {
    fn from_iter<I: IntoIterator<Item = FaultClass>>(classes: I) -> Self {
        classes.into_iter().fold(Self::NONE, Self::with)
    }
}

/// How often each class struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strikes([u64; CLASSES]);

impl Default for Strikes {
    fn default() -> Self {
        Self([0; CLASSES])
    }
}

impl Strikes {
    /// How often that class struck.
    pub const fn of(&self, class: FaultClass) -> u64 {
        self.0[class.index()]
    }

    /// How often any class struck that is more than drawn latency.
    pub fn faults(&self) -> u64 {
        let usual = [FaultClass::Latency, FaultClass::DiskLatency];
        let classes = FaultClass::ALL
            .iter()
            .filter(|class| !usual.contains(class));
        classes.map(|class| self.of(*class)).sum()
    }

    pub(crate) const fn count(&mut self, class: FaultClass) {
        self.0[class.index()] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// How bad each fault is when it strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The least time a message takes, always.
    pub latency: Duration,
    /// The most it takes when its latency is drawn.
    pub latency_max: Duration,
    /// The most that a delayed message takes.
    pub delay_max: Duration,
    /// The most time between a crash and the restart.
    pub restart_max: Duration,
    /// The most time that a process stays paused, and that a slow one takes to start.
    pub pause_max: Duration,
    /// The most time that a partition, a clog or a full disk lasts.
    pub episode_max: Duration,
    /// The most that a clock is off, or jumps.
    pub clock_max: Duration,
    /// The most that a clock drifts, in millionths.
    pub drift_max_ppm: u32,
    /// The least time a sync takes, always.
    pub sync: Duration,
    /// The most it takes when its latency is drawn.
    pub sync_max: Duration,
    /// The most that a stalled sync takes.
    pub stall_max: Duration,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(500),
            latency_max: Duration::from_millis(5),
            delay_max: Duration::from_secs(10),
            restart_max: Duration::from_secs(20),
            pause_max: Duration::from_secs(30),
            episode_max: Duration::from_secs(20),
            clock_max: Duration::from_secs(60),
            drift_max_ppm: 500,
            sync: Duration::from_micros(100),
            sync_max: Duration::from_millis(10),
            stall_max: Duration::from_secs(5),
        }
    }
}

/// What can go wrong in one run, decided before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultPlan {
    rates: [Rate; CLASSES],
    /// How bad each fault is when it strikes.
    pub shape: Shape,
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            rates: [Rate::OFF; CLASSES],
            shape: Shape::default(),
        }
    }
}

impl FaultPlan {
    /// A plan in which nothing goes wrong.
    pub fn calm() -> Self {
        Self::default()
    }

    /// The same plan with one class at another rate.
    #[must_use]
    pub fn with(mut self, class: FaultClass, rate: Rate) -> Self {
        self.rates[class.index()] = rate;
        self
    }

    /// The same plan with other severities.
    #[must_use]
    pub fn with_shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// How often a class strikes.
    pub const fn rate(&self, class: FaultClass) -> Rate {
        self.rates[class.index()]
    }

    /// The classes that are on.
    pub fn classes(&self) -> impl Iterator<Item = FaultClass> {
        FaultClass::ALL
            .iter()
            .copied()
            .filter(|class| !self.rate(*class).is_off())
    }

    /// The rate of a class for a node that may be immune to it.
    pub(crate) fn rate_for(&self, class: FaultClass, immune: ClassSet) -> Rate {
        if immune.contains(class) {
            Rate::OFF
        } else {
            self.rate(class)
        }
    }
}

/// Draws a plan per seed: each allowed class on or off, and at one of four rates.
///
/// Runs with few classes go deeper into what those classes can do than runs with all of them.
#[derive(Clone, Debug)]
pub struct Swarm {
    most: FaultPlan,
}

impl Swarm {
    /// A swarm that never goes beyond this plan.
    pub const fn up_to(most: FaultPlan) -> Self {
        Self { most }
    }

    /// Draws the plan of one run.
    pub fn draw(&self, chance: &Chance) -> FaultPlan {
        let mut plan = FaultPlan::calm().with_shape(self.most.shape.clone());
        for class in self.most.classes() {
            let entity = class.index() as u64;
            if chance.choose(SWARM_CLASS, entity, &[1, 1]) == 0 {
                continue;
            }
            let level = chance.choose(SWARM_RATE, entity, &[1; 4]);
            let most = self.most.rate(class).as_per_million();
            let rate = Rate::per_million((most >> (3 - level)).max(1));
            plan = plan.with(class, rate);
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_name_of_its_own() {
        for class in FaultClass::ALL {
            assert_eq!(FaultClass::from_name(class.name()), Some(*class));
            assert!(ClassSet::ALL.contains(*class));
            assert!(!ClassSet::NONE.contains(*class));
        }
    }

    #[test]
    fn a_swarm_turns_classes_on_and_off_and_never_exceeds_its_bounds() {
        let most = FaultPlan::calm()
            .with(FaultClass::Loss, Rate::percent(8))
            .with(FaultClass::Crash, Rate::percent(1));
        let plans: Vec<_> = (0..64)
            .map(Chance::seeded)
            .map(|chance| Swarm::up_to(most.clone()).draw(&chance))
            .collect();
        for class in [FaultClass::Loss, FaultClass::Crash] {
            assert!(plans.iter().any(|plan| plan.rate(class).is_off()));
            assert!(
                plans
                    .iter()
                    .any(|plan| plan.rate(class) == most.rate(class))
            );
            assert!(
                plans
                    .iter()
                    .all(|plan| plan.rate(class) <= most.rate(class))
            );
        }
        assert!(
            plans
                .iter()
                .all(|plan| plan.rate(FaultClass::Pause).is_off())
        );
    }
}
