//! The table `[faults]`: a profile, and what the scenario changes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use toml::de::DeValue;

use super::mistake::{Log, did_you_mean};
use super::read::{Item, Table};
use super::{ClusterFault, FaultConfig, StoreKind};
use crate::kernel::{FaultClass, FaultPlan, Rate, Shape};

const fn million(rate: u32) -> Rate {
    Rate::per_million(rate)
}

/// What strikes in a storm, and how often at most.
const STORM: &[(FaultClass, Rate)] = &[
    (FaultClass::Latency, Rate::percent(50)),
    (FaultClass::Delay, million(5_000)),
    (FaultClass::Loss, Rate::percent(2)),
    (FaultClass::ReplyLoss, Rate::percent(2)),
    (FaultClass::Duplicate, Rate::percent(2)),
    (FaultClass::Reorder, Rate::percent(5)),
    (FaultClass::Partition, million(500)),
    (FaultClass::OneWay, million(500)),
    (FaultClass::Clog, million(500)),
    (FaultClass::Swizzle, million(250)),
    (FaultClass::Crash, million(1_000)),
    (FaultClass::PowerCut, million(1_000)),
    (FaultClass::Pause, million(1_000)),
    (FaultClass::SlowStart, Rate::percent(20)),
    (FaultClass::ClockJump, million(500)),
    (FaultClass::ClockOffset, Rate::percent(30)),
    (FaultClass::ClockDrift, Rate::percent(30)),
    (FaultClass::DiskLatency, Rate::percent(20)),
    (FaultClass::DiskStall, million(1_000)),
    (FaultClass::WriteError, million(500)),
    (FaultClass::SyncError, million(500)),
    (FaultClass::LostWrites, Rate::percent(50)),
    (FaultClass::TornWrites, Rate::percent(30)),
    (FaultClass::DiskFull, million(200)),
];

/// The same for the faults that only this system knows.
const CLUSTER_STORM: &[(ClusterFault, Rate)] = &[
    (ClusterFault::CommitCrash, million(1_000)),
    (ClusterFault::ExecutionEviction, Rate::percent(5)),
    (ClusterFault::CacheEviction, Rate::percent(10)),
    (ClusterFault::ClientRetry, Rate::percent(5)),
    (ClusterFault::DuplicateStart, Rate::percent(5)),
    (ClusterFault::Zombie, Rate::percent(5)),
];

#[derive(Clone, Copy)]
enum Profile {
    Storm,
    None,
}

impl FaultConfig {
    /// Every fault that the system claims to survive; each seed draws its own classes and rates.
    pub fn storm() -> Self {
        let calm = FaultPlan::calm();
        let plan = STORM
            .iter()
            .fold(calm, |plan, (class, rate)| plan.with(*class, *rate));
        Self {
            swarm: true,
            plan,
            cluster: CLUSTER_STORM.iter().copied().collect(),
            declared: BTreeSet::new(),
        }
    }

    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self {
            swarm: true,
            plan: FaultPlan::calm(),
            cluster: BTreeMap::new(),
            declared: BTreeSet::new(),
        }
    }
}

/// What only a disk can suffer.
const OF_DISKS: &[FaultClass] = &[
    FaultClass::DiskLatency,
    FaultClass::DiskStall,
    FaultClass::WriteError,
    FaultClass::SyncError,
    FaultClass::LostWrites,
    FaultClass::TornWrites,
    FaultClass::DiskFull,
    FaultClass::BitRot,
    FaultClass::Misdirect,
];

/// Reads the table; without one there is a storm. A store without a disk has no faults of disks.
pub(super) fn read(log: &mut Log, item: Option<Item<'_>>, store: StoreKind) -> FaultConfig {
    let mut config = read_table(log, item);
    if store == StoreKind::Memory {
        let plan = OF_DISKS
            .iter()
            .fold(config.plan, |plan, class| plan.with(*class, Rate::OFF));
        config.plan = plan;
        config
            .declared
            .retain(|name| !OF_DISKS.iter().any(|class| class.name() == name));
    }
    config
}

fn read_table(log: &mut Log, item: Option<Item<'_>>) -> FaultConfig {
    let Some(mut table) = item.and_then(|item| item.table(log, "[faults]")) else {
        return FaultConfig::storm();
    };
    let profiles = [("storm", Profile::Storm), ("none", Profile::None)];
    let profile = table.word(log, "profile", &profiles);
    let mut config = match profile.unwrap_or(Profile::Storm) {
        Profile::Storm => FaultConfig::storm(),
        Profile::None => FaultConfig::none(),
    };
    if let Some(swarm) = table.take("swarm").and_then(|item| item.bool(log)) {
        config.swarm = swarm;
    }
    if let Some(shape) = table
        .take("shape")
        .and_then(|item| item.table(log, "[faults.shape]"))
    {
        config.plan = config.plan.clone().with_shape(read_shape(log, shape));
    }
    for (key, span, item) in table.rest() {
        let kernel = FaultClass::from_name(key);
        let cluster = ClusterFault::from_name(key);
        if kernel.is_none() && cluster.is_none() {
            let help = did_you_mean(key, "fault", names().iter().copied());
            log.wrong(
                span,
                format!("there is no fault `{key}`"),
                "unknown fault",
                help,
            );
            continue;
        }
        let Some(rate) = read_rate(log, item) else {
            continue;
        };
        if !rate.is_off() {
            config.declared.insert(key.to_owned());
        }
        if let Some(class) = kernel {
            config.plan = config.plan.with(class, rate);
        }
        if let Some(fault) = cluster {
            config.cluster.insert(fault, rate);
        }
    }
    config
}

/// A rate, or `false` for off.
fn read_rate(log: &mut Log, item: Item<'_>) -> Option<Rate> {
    match item.value {
        DeValue::Boolean(false) => Some(Rate::OFF),
        _ => item.rate(log),
    }
}

fn names() -> Vec<&'static str> {
    let kernel = FaultClass::ALL.iter().map(|class| class.name());
    let cluster = ClusterFault::ALL.iter().map(|fault| fault.name());
    let own = ["profile", "swarm", "shape"];
    kernel.chain(cluster).chain(own).collect()
}

fn read_shape(log: &mut Log, mut table: Table<'_>) -> Shape {
    let mut shape = Shape::default();
    let fields: [(&'static str, &mut Duration); 10] = [
        ("latency", &mut shape.latency),
        ("latency-max", &mut shape.latency_max),
        ("delay-max", &mut shape.delay_max),
        ("restart-max", &mut shape.restart_max),
        ("pause-max", &mut shape.pause_max),
        ("episode-max", &mut shape.episode_max),
        ("clock-max", &mut shape.clock_max),
        ("sync", &mut shape.sync),
        ("sync-max", &mut shape.sync_max),
        ("stall-max", &mut shape.stall_max),
    ];
    for (key, field) in fields {
        if let Some(duration) = table.duration(log, key) {
            *field = duration;
        }
    }
    let drift = table.take("drift-max-ppm");
    if let Some(ppm) = drift.and_then(|item| item.integer(log, &(0..100_001))) {
        shape.drift_max_ppm = ppm;
    }
    for (least, most, low, high) in [
        ("latency", "latency-max", shape.latency, shape.latency_max),
        ("sync", "sync-max", shape.sync, shape.sync_max),
    ] {
        if low > high {
            let message = format!("`{least}` is more than `{most}`");
            log.wrong(table.span(), message, "in this table", None);
        }
    }
    table.finish(log);
    shape
}
