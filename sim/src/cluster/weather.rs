//! Faults that only durable execution knows, beside those of machines, disks, clocks and networks.
//!
//! They strike in the storm, at the rates drawn for the run, and never in the calm.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use crate::{
    cluster::wire::Wire,
    kernel::{Chance, Ctx, Entity, Label, Rate},
    scenario::ClusterFault,
};

crate::labels! { 64;
    pub(crate) SWARM_FAULT = "swarm.cluster-fault";
    pub(crate) COMMIT_CRASH = "engine.commit-crash";
    pub(crate) EXECUTION_EVICTION = "engine.execution-eviction";
    pub(crate) CACHE_EVICTION = "worker.cache-eviction";
    pub(crate) CLIENT_RETRY = "client.retry";
    pub(crate) DUPLICATE_START = "client.duplicate-start";
    pub(crate) ZOMBIE = "worker.zombie";
    pub(crate) MACHINE_FATE = "machine.fate";
    pub(crate) MACHINE_DELAY = "machine.delay";
    pub(crate) ENGINE_ENTROPY = "engine.entropy";
    pub(crate) ENGINE_LOOK = "engine.look";
    pub(crate) CLIENT_LIST = "client.list";
    pub(crate) SERVICE_LATENCY = "service.latency";
    pub(crate) SERVICE_FAILURE = "service.failure";
    pub(crate) SERVICE_REFUSAL = "service.refusal";
    pub(crate) SERVICE_HANG = "service.hang";
    pub(crate) TOPOLOGY = "world.topology";
    pub(crate) WORKLOAD_COUNT = "workload.count";
    pub(crate) WORKLOAD_MOMENT = "workload.moment";
    pub(crate) WORKLOAD_WHETHER = "workload.whether";
    pub(crate) COMMIT_POINT = "point.commit";
    pub(crate) TASK_POINT = "point.task";
}

fn label(fault: ClusterFault) -> Label {
    match fault {
        ClusterFault::CommitCrash => COMMIT_CRASH,
        ClusterFault::ExecutionEviction => EXECUTION_EVICTION,
        ClusterFault::CacheEviction => CACHE_EVICTION,
        ClusterFault::ClientRetry => CLIENT_RETRY,
        ClusterFault::DuplicateStart => DUPLICATE_START,
        ClusterFault::Zombie => ZOMBIE,
    }
}

/// Whether it storms, how badly, and what has struck so far; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Weather(Rc<Sky>);

#[derive(Debug, Default)]
struct Sky {
    storm: Cell<bool>,
    rates: BTreeMap<ClusterFault, Rate>,
    /// What the machines of an engine suffer among each other: lost, late, doubled.
    machines: Rate,
    struck: RefCell<BTreeMap<ClusterFault, u64>>,
}

impl Weather {
    /// Calm, with these rates for the storm. `machines` is for messages between the machines inside an engine.
    #[must_use]
    pub fn new(rates: BTreeMap<ClusterFault, Rate>, machines: Rate) -> Self {
        Self(Rc::new(Sky {
            rates,
            machines,
            ..Sky::default()
        }))
    }

    /// Begins or ends the storm.
    pub fn set_storm(&self, storm: bool) {
        self.0.storm.set(storm);
    }

    /// Whether it storms.
    #[must_use]
    pub fn is_stormy(&self) -> bool {
        self.0.storm.get()
    }

    /// Whether this fault strikes this entity now.
    pub fn strikes(&self, chance: &Chance, fault: ClusterFault, entity: impl Into<Entity>) -> bool {
        if !self.0.storm.get() {
            return false;
        }
        let Some(rate) = self.0.rates.get(&fault) else {
            return false;
        };
        let strikes = chance.roll(label(fault), entity, *rate);
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// Whether this fault strikes this process now, by chance or because it is set for the point that this is.
    pub(crate) fn strikes_at(
        &self,
        ctx: &mut Ctx<'_, Wire>,
        fault: ClusterFault,
        point: Label,
    ) -> bool {
        let by_chance = self.strikes(ctx.chance(), fault, ctx.node());
        let set = ctx.point(point, 1) == 1;
        if set {
            self.count(fault);
        }
        by_chance || set
    }

    fn count(&self, fault: ClusterFault) {
        *self.0.struck.borrow_mut().entry(fault).or_default() += 1;
    }

    /// How badly messages between the machines of an engine fare now.
    #[must_use]
    pub fn machines(&self) -> Rate {
        if self.0.storm.get() {
            self.0.machines
        } else {
            Rate::OFF
        }
    }

    /// How often each fault has struck; those that are on and never did are there with 0.
    #[must_use]
    pub fn struck(&self) -> BTreeMap<ClusterFault, u64> {
        let on = self.0.rates.iter().filter(|(_, rate)| !rate.is_off());
        let mut counts: BTreeMap<ClusterFault, u64> = on.map(|(fault, _)| (*fault, 0)).collect();
        counts.extend(self.0.struck.borrow().iter());
        counts
    }
}
