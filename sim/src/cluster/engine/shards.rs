//! Shards and their store: step, submit, hold back, carry out; and what happens when a commit fails.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use steadfast_core::{
    Batch, Effect, Effects, InputEvent, Monotonic, Record, Rejection, Reply, ShardId, Timestamp,
    shard::Shard,
};
use steadfast_store::{Commit, Embedded, Options, Ticket};

use super::{EngineNode, RECOVERIES, RESENDS, SHARDS, SharedStore, disk, mono};
use crate::{
    cluster::{
        describe,
        observe::Observation,
        weather::{COMMIT_POINT, ENGINE_LOOK, EXECUTION_EVICTION},
        wire::Wire,
    },
    kernel::{CrashKind, Ctx, Digester, Rate, Time, TimerId},
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

/// How long after a failed commit a shard is recovered: a disk that is full now is full in the next moment.
const RECOVERY_PAUSE: Duration = Duration::from_millis(200);

/// How often a live execution is compared with the fold of its log: one step in so many.
const LOOK: Rate = Rate::per_million(1_000_000 / 64);

impl EngineNode {
    pub(super) fn open_store(&mut self, ctx: &mut Ctx<'_, Wire>) -> Result<(), String> {
        let place = self.place_of(ctx.node());
        self.callers.settle_at(place);
        if self.config.store == StoreKind::Embedded {
            let disk =
                disk::SimDisk::new(ctx.disk(), self.syncs.clone(), self.saboteur.skips_syncs());
            let shards = self.config.topology.borrow().shards;
            self.store = open_embedded(disk, shards)?;
        }
        self.config.stores.opened(ctx.node(), &self.store);
        Ok(())
    }

    /// Gives a shard one thing that happened.
    pub(super) fn step(&mut self, ctx: &mut Ctx<'_, Wire>, id: ShardId, event: InputEvent) {
        let caller = match &event {
            InputEvent::Request(to, _) => Some(*to),
            _ => None,
        };
        let Some(place) = self.owned.iter().position(|owned| owned.shard.id() == id) else {
            // It is being recovered.
            let busy = caller.map(|to| Effect::Reply(to, Err(unavailable())));
            return busy
                .into_iter()
                .for_each(|effect| self.perform(ctx, effect));
        };
        let Some(event) = self.saboteur.input(&self.owned[place].shard, event) else {
            // A planted bug has swallowed it.
            let done = caller.map(|to| Effect::Reply(to, Ok(Reply::Done)));
            return done
                .into_iter()
                .for_each(|effect| self.perform(ctx, effect));
        };
        let more = self.saboteur.afterwards(&event);
        self.take(ctx, place, event);
        for request in more {
            let nobody = self.callers.nobody();
            self.take(ctx, place, InputEvent::Request(nobody, request));
        }
    }

    fn take(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize, event: InputEvent) {
        let key = touched(&event).cloned();
        self.submit(ctx, place, event);
        let Some(key) = key else { return };
        let owned = &self.owned[place];
        let id = owned.shard.id();
        if ctx.chance().roll(ENGINE_LOOK, u64::from(id.0), LOOK)
            && let Some(execution) = owned.shard.execution(&key)
        {
            let live = Observation::Live {
                key: &key,
                execution,
            };
            self.config.watch.see(ctx.true_time(), &live);
        }
        let eviction = ClusterFault::ExecutionEviction;
        if self
            .config
            .weather
            .strikes(ctx.chance(), eviction, ctx.node())
        {
            self.evict_one(ctx, place);
        }
    }

    /// One step: its batch goes to the store, its effects wait.
    fn submit(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize, event: InputEvent) {
        let now = self.now(ctx);
        let owned = &mut self.owned[place];
        let id = owned.shard.id();
        let stepped = Observation::Stepped {
            shard: id,
            wall: now.wall,
        };
        self.config.watch.see(ctx.true_time(), &stepped);
        let told = self.saboteur.time(now, &event);
        let mut effects = Effects::new(id, owned.shard.epoch());
        owned
            .shard
            .step(told, Self::input(ctx, id, event), &mut effects);
        self.hold(ctx, place, effects);
    }

    fn hold(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize, step: Effects) {
        let Effects {
            mut batch,
            mut effects,
        } = step;
        self.saboteur.batch(&mut batch);
        tell(ctx, &batch);
        let shard = batch.shard;
        self.config.watch.see(
            ctx.true_time(),
            &Observation::Submitted {
                shard,
                batch: &batch,
            },
        );
        let ticket = self.store.borrow_mut().submit(batch);
        let early = if self.saboteur.hurries() {
            std::mem::take(&mut effects)
        } else {
            Vec::new()
        };
        self.owned[place].held.push_back((ticket, effects));
        for effect in early {
            self.perform(ctx, effect);
        }
    }

    /// Memory is wanted: some execution is forgotten, if it is idle.
    fn evict_one(&mut self, ctx: &mut Ctx<'_, Wire>, place: usize) {
        let shard = &self.owned[place].shard;
        let loaded: Vec<_> = shard
            .loaded_executions()
            .map(|(key, _)| key.clone())
            .collect();
        if loaded.is_empty() {
            return;
        }
        let entity = u64::from(shard.id().0) << 8 | 0xff;
        let choice = ctx.choose_range(EXECUTION_EVICTION, entity, 0..loaded.len() as u64);
        let key = loaded[usize::try_from(choice).unwrap_or(0)].clone();
        self.submit(ctx, place, InputEvent::Evict(key));
    }

    /// Asks the store what has become durable and does what waited for it. Says whether there was anything.
    pub(super) fn carry_out(&mut self, ctx: &mut Ctx<'_, Wire>) -> bool {
        let mut ended: Vec<Commit> = Vec::new();
        self.store.borrow_mut().poll_durable(&mut ended);
        if ended.is_empty() && self.saboteur.skips_syncs() {
            // Nobody calls back for a sync that never was.
            self.store.borrow_mut().poll_durable(&mut ended);
        }
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
        let held_by = self.owned.iter_mut().find(|owned| {
            owned
                .held
                .front()
                .is_some_and(|(first, _)| *first == ticket)
        });
        let Some(owned) = held_by else { return };
        let Some((_, effects)) = owned.held.pop_front() else {
            return;
        };
        let shard = owned.shard.id();
        self.config
            .watch
            .see(ctx.true_time(), &Observation::Durable { shard });
        let (crash, weather) = (ClusterFault::CommitCrash, &self.config.weather);
        if weather.strikes_at(ctx, crash, COMMIT_POINT) {
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
            self.abandon_shard(ctx, shard);
            ctx.set_timer(RECOVERY_PAUSE, RECOVERIES | u64::from(shard.0));
        }
    }

    /// Drops a shard with all that it held back. Whoever waits for it is told to try again.
    fn abandon_shard(&mut self, ctx: &mut Ctx<'_, Wire>, id: ShardId) {
        let Some(place) = self.owned.iter().position(|owned| owned.shard.id() == id) else {
            return;
        };
        let owned = self.owned.remove(place);
        let timers = [owned.alarm.map(|(_, t)| t), owned.resend.map(|(_, t)| t)];
        for timer in timers.into_iter().flatten() {
            ctx.cancel_timer(timer);
        }
        for to in self.callers.of_shard(id) {
            self.reply(ctx, to, Err(unavailable()));
        }
    }

    /// Becomes the owner of a shard, now or anew: from what the store has, and nothing else.
    pub(super) fn recover(&mut self, ctx: &mut Ctx<'_, Wire>, id: ShardId) {
        let at = ctx.true_time();
        self.abandon_shard(ctx, id);
        let Ok((recovered, mut executions)) = self.load_shard(id) else {
            // The disk cannot be read: another life may have more luck.
            return ctx.crash(CrashKind::Process);
        };
        let now = self.now(ctx);
        let watch = &self.config.watch;
        watch.see(
            at,
            &Observation::Recovered {
                shard: id,
                high: recovered.high,
                executions: &executions,
            },
        );
        watch.see(
            at,
            &Observation::Stepped {
                shard: id,
                wall: now.wall,
            },
        );
        self.saboteur.recovered(&mut executions);
        let mut effects = Effects::new(id, recovered.epoch);
        let shards = self.config.topology.borrow().shards;
        let (epoch, high) = (recovered.epoch, recovered.high);
        let shard = Shard::recover(id, shards, epoch, high, executions, now, &mut effects);
        let place = self.owned.partition_point(|owned| owned.shard.id() < id);
        let held = VecDeque::new();
        self.owned.insert(
            place,
            Owned {
                shard,
                held,
                alarm: None,
                resend: None,
            },
        );
        self.hold(ctx, place, effects);
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
    pub(super) fn shard_due(&mut self, ctx: &mut Ctx<'_, Wire>, id: ShardId, alarm: bool) {
        let Some(owned) = self.owned.iter_mut().find(|owned| owned.shard.id() == id) else {
            return;
        };
        if alarm {
            owned.alarm = None;
        } else {
            owned.resend = None;
        }
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
                (
                    at,
                    ctx.set_alarm(reading, SHARDS | u64::from(owned.shard.id().0)),
                )
            });
        }
        if owned.resend.map(|(at, _)| at) != wanted.mono {
            if let Some((_, timer)) = owned.resend.take() {
                ctx.cancel_timer(timer);
            }
            let now = mono(ctx);
            owned.resend = wanted.mono.map(|at| {
                (
                    at,
                    ctx.set_timer(at.since(now), RESENDS | u64::from(owned.shard.id().0)),
                )
            });
        }
    }
}

/// Tells the trace what a step writes: the hash gets every event, a reader gets a line.
fn tell(ctx: &mut Ctx<'_, Wire>, batch: &Batch) {
    if batch.entries.is_empty() {
        return;
    }
    let mut digester = Digester::default();
    digester.word(batch.high.as_nanos().cast_unsigned());
    for entry in &batch.entries {
        match &entry.record {
            Record::Event(bytes) | Record::Buffered(bytes) => digester.bytes(bytes),
            _ => digester.word(entry.key.workflow_id.as_str().len() as u64),
        }
    }
    ctx.trace("batch", digester.finish(), |out| {
        describe::batch(batch, out)
    });
}

fn unavailable() -> Rejection {
    Rejection::Unavailable("the shard changes hands".to_owned())
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
    let options = Options {
        shards,
        ..Options::default()
    };
    let store = Embedded::open(disk, &options).map_err(|error| error.to_string())?;
    Ok(Rc::new(RefCell::new(store)))
}
