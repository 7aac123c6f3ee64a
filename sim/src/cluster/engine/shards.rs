//! Shards and their store: step, submit, hold back, carry out; and what happens when a commit fails.

use std::{cell::RefCell, collections::{BTreeMap, VecDeque}, rc::Rc};

use steadfast_core::{
    Effect, Effects, InputEvent, Monotonic, Rejection, ShardId, Timestamp,
    shard::Shard,
};
use steadfast_store::{Commit, Ticket};

use super::{EngineNode, RESENDS, SHARDS, SharedStore, disk, mono};
use crate::{
    cluster::{
        observe::Observation,
        weather::{ENGINE_LOOK, EXECUTION_EVICTION},
        wire::Wire,
    },
    kernel::{CrashKind, Ctx, Rate, Time, TimerId},
    scenario::{ClusterFault, StoreKind},
};

/// A shard that this process owns.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) shard: Shard,
    /// What steps want done, oldest first, until their batches are durable.
    held: VecDeque<(Ticket, Vec<Effect>)>,
    /// A timer by the wall clock, one by the steady clock.
    alarm: Option<(Timestamp, TimerId)>,
    resend: Option<(Monotonic, TimerId)>,
}

/// How often a live execution is compared with the fold of its log: one step in so many.
const LOOK: Rate = Rate::per_million(1_000_000 / 64);

impl EngineNode {
    pub(super) fn open_store(&mut self, ctx: &mut Ctx<'_, Wire>) -> Result<(), String> {
        let place = self.place_of(ctx.node());
        self.callers.settle_at(place);
        if self.config.store == StoreKind::Embedded {
            let disk = disk::SimDisk::new(ctx.disk(), self.syncs.clone());
            let shards = self.config.topology.borrow().shards;
            self.store = open_embedded(disk, shards)?;
        }
        Ok(())
    }

    /// Gives a shard one thing that happened.
    pub(super) fn step(&mut self, ctx: &mut Ctx<'_, Wire>, id: ShardId, event: InputEvent) {
        let now = self.now(ctx);
        let at = ctx.true_time();
        let Some(owned) = self.owned.iter_mut().find(|owned| owned.shard.id() == id) else {
            return;
        };
        let key = touched(&event).cloned();
        let watch = &self.config.watch;
        watch.see(at, &Observation::Stepped { shard: id, wall: now.wall });
        let mut effects = Effects::new(id, owned.shard.epoch());
        owned.shard.step(now, Self::input(ctx, id, event), &mut effects);
        let Effects { batch, effects } = effects;
        watch.see(at, &Observation::Submitted { shard: id, batch: &batch });
        let ticket = self.store.borrow_mut().submit(batch);
        owned.held.push_back((ticket, effects));
        if let Some(key) = key {
            if ctx.chance().roll(ENGINE_LOOK, u64::from(id.0), LOOK)
                && let Some(execution) = owned.shard.execution(&key)
            {
                watch.see(at, &Observation::Live { key: &key, execution });
            }
            let fault = ClusterFault::ExecutionEviction;
            if self.config.weather.strikes(ctx.chance(), fault, ctx.node()) {
                self.evict_one(ctx, id);
            }
        }
    }

    /// Memory is wanted: some execution is forgotten, if it is idle.
    fn evict_one(&mut self, ctx: &mut Ctx<'_, Wire>, id: ShardId) {
        let Some(owned) = self.owned.iter().find(|owned| owned.shard.id() == id) else {
            return;
        };
        let loaded: Vec<_> = owned.shard.loaded_executions().map(|(key, _)| key.clone()).collect();
        if loaded.is_empty() {
            return;
        }
        let entity = u64::from(id.0) << 8 | 0xff;
        let choice = ctx.choose_range(EXECUTION_EVICTION, entity, 0..loaded.len() as u64);
        let key = loaded[usize::try_from(choice).unwrap_or(0)].clone();
        let now = self.now(ctx);
        let at = ctx.true_time();
        let Some(owned) = self.owned.iter_mut().find(|owned| owned.shard.id() == id) else {
            return;
        };
        let mut effects = Effects::new(id, owned.shard.epoch());
        self.config.watch.see(at, &Observation::Stepped { shard: id, wall: now.wall });
        let input = Self::input(ctx, id, InputEvent::Evict(key));
        owned.shard.step(now, input, &mut effects);
        self.config.watch.see(at, &Observation::Submitted { shard: id, batch: &effects.batch });
        let ticket = self.store.borrow_mut().submit(effects.batch);
        owned.held.push_back((ticket, effects.effects));
    }

    /// Asks the store what has become durable and does what waited for it. Says whether there was anything.
    pub(super) fn carry_out(&mut self, ctx: &mut Ctx<'_, Wire>) -> bool {
        let mut ended: Vec<Commit> = Vec::new();
        self.store.borrow_mut().poll_durable(&mut ended);
        let any = !ended.is_empty();
        for (ticket, result) in ended {
            if ctx.is_dead() {
                return false;
            }
            match result {
                Ok(()) => self.durable(ctx, ticket),
                Err(_) => self.failed(ctx, ticket),
            }
        }
        any
    }

    fn durable(&mut self, ctx: &mut Ctx<'_, Wire>, ticket: Ticket) {
        let held_by = self
            .owned
            .iter_mut()
            .find(|owned| owned.held.front().is_some_and(|(first, _)| *first == ticket));
        let Some(owned) = held_by else { return };
        let Some((_, effects)) = owned.held.pop_front() else { return };
        let shard = owned.shard.id();
        self.config.watch.see(ctx.true_time(), &Observation::Durable { shard });
        let crash = ClusterFault::CommitCrash;
        if self.config.weather.strikes(ctx.chance(), crash, ctx.node()) {
            return ctx.crash(CrashKind::Process);
        }
        for effect in effects {
            self.perform(ctx, effect);
        }
    }

    fn failed(&mut self, ctx: &mut Ctx<'_, Wire>, ticket: Ticket) {
        let held_by = self
            .owned
            .iter()
            .find(|owned| owned.held.iter().any(|(held, _)| *held == ticket));
        if let Some(shard) = held_by.map(|owned| owned.shard.id()) {
            self.recover(ctx, shard);
        }
    }

    /// Becomes the owner of a shard, now or anew: from what the store has, and nothing else.
    pub(super) fn recover(&mut self, ctx: &mut Ctx<'_, Wire>, id: ShardId) {
        let at = ctx.true_time();
        if let Some(place) = self.owned.iter().position(|owned| owned.shard.id() == id) {
            let owned = self.owned.remove(place);
            for timer in [owned.alarm.map(|(_, t)| t), owned.resend.map(|(_, t)| t)] {
                timer.map(|timer| ctx.cancel_timer(timer));
            }
            for to in self.callers.of_shard(id) {
                let lost = Rejection::Unavailable("the shard has changed hands".to_owned());
                self.reply(ctx, to, Err(lost));
            }
        }
        let Ok((recovered, executions)) = self.load_shard(id) else {
            // The disk cannot be read: another life may have more luck.
            return ctx.crash(CrashKind::Process);
        };
        let now = self.now(ctx);
        let watch = &self.config.watch;
        watch.see(at, &Observation::Recovered {
            shard: id,
            high: recovered.high,
            executions: &executions,
        });
        watch.see(at, &Observation::Stepped { shard: id, wall: now.wall });
        let mut effects = Effects::new(id, recovered.epoch);
        let shards = self.config.topology.borrow().shards;
        let (epoch, high) = (recovered.epoch, recovered.high);
        let shard = Shard::recover(id, shards, epoch, high, executions, now, &mut effects);
        watch.see(at, &Observation::Submitted { shard: id, batch: &effects.batch });
        let ticket = self.store.borrow_mut().submit(effects.batch);
        let held = VecDeque::from([(ticket, effects.effects)]);
        let place = self.owned.partition_point(|owned| owned.shard.id() < id);
        self.owned.insert(place, Owned { shard, held, alarm: None, resend: None });
    }

    fn load_shard(&self, id: ShardId) -> Result<Loaded, String> {
        let mut store = self.store.borrow_mut();
        let recovered = store.open_shard(id).map_err(|error| error.to_string())?;
        let mut executions = BTreeMap::new();
        store
            .scan(id, &mut |key, execution| {
                executions.insert(key.clone(), execution);
            })
            .map_err(|error| error.to_string())?;
        Ok((recovered, executions))
    }

    /// A deadline of a shard may have come.
    pub(super) fn shard_due(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize, alarm: bool) {
        let Some(owned) = self.owned.get_mut(place) else {
            return;
        };
        if alarm {
            owned.alarm = None;
        } else {
            owned.resend = None;
        }
        let id = owned.shard.id();
        self.step(ctx, id, InputEvent::Tick);
    }

    /// Sets the timers of a shard, if its deadlines have changed.
    pub(super) fn arm_shard(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize) {
        let start = self.config.start;
        let owned = &mut self.owned[place];
        let wanted = owned.shard.next_deadline();
        if owned.alarm.map(|(at, _)| at) != wanted.wall {
            if let Some((_, timer)) = owned.alarm.take() {
                ctx.cancel_timer(timer);
            }
            owned.alarm = wanted.wall.map(|at| {
                let reading = Time::from_nanos(at.as_nanos().saturating_sub(start.as_nanos()));
                (at, ctx.set_alarm(reading, SHARDS | place as u64))
            });
        }
        if owned.resend.map(|(at, _)| at) != wanted.mono {
            if let Some((_, timer)) = owned.resend.take() {
                ctx.cancel_timer(timer);
            }
            let now = mono(ctx);
            owned.resend = wanted
                .mono
                .map(|at| (at, ctx.set_timer(at.since(now), RESENDS | place as u64)));
        }
    }
}

type Loaded = (
    steadfast_store::Recovered,
    BTreeMap<steadfast_core::ExecutionKey, steadfast_core::Execution>,
);

/// The execution that an input is about.
fn touched(event: &InputEvent) -> Option<&steadfast_core::ExecutionKey> {
    match event {
        InputEvent::Request(_, request) => Some(request.key()),
        _ => None,
    }
}

fn open_embedded(disk: disk::SimDisk, shards: u32) -> Result<SharedStore, String> {
    let _ = disk;
    Ok(Rc::new(RefCell::new(steadfast_store::Memory::new(shards))))
}
