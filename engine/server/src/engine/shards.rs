//! Shards and their store: step, submit, hold back, carry out; and what happens when a commit fails.

use std::{collections::BTreeMap, time::Duration};

use steadfast_core::{
    Effect, Effects, Execution, ExecutionKey, Input, InputEvent, Monotonic, Rejection, Shard,
    ShardId, Timestamp,
};
use steadfast_store::{CommitError, StoreError, Ticket};

use super::{callers::Place, host::Host};

/// How long after a failed commit a shard is recovered: a disk that is full now is full in the next moment.
const RECOVERY_PAUSE: Duration = Duration::from_millis(500);

/// What a step wants done, until its batch is durable.
#[derive(Debug)]
pub(super) struct Held {
    ticket: Ticket,
    shard: ShardId,
    effects: Vec<Effect>,
}

impl Host {
    /// Becomes the owner of a shard: from what the store has, and nothing else.
    pub(super) fn recover(&mut self, id: ShardId) -> Result<(), StoreError> {
        let recovered = self.store.open_shard(id)?;
        let mut executions: BTreeMap<ExecutionKey, Execution> = BTreeMap::new();
        self.store.scan(id, &mut |key, execution| {
            executions.insert(key.clone(), execution);
        })?;
        let mut effects = Effects::new(id, recovered.epoch);
        let shard = Shard::recover(
            id,
            self.store.shards(),
            recovered.epoch,
            recovered.high,
            executions,
            self.clocks.now(),
            &mut effects,
        );
        self.shards.insert(id, shard);
        self.hold(effects);
        Ok(())
    }

    /// Gives a shard one thing that happened.
    pub(super) fn step(&mut self, id: ShardId, event: InputEvent) {
        let now = self.clocks.now();
        let input = Input {
            entropy: self.chance.entropy(),
            event,
        };
        let Some(shard) = self.shards.get_mut(&id) else {
            // It is being recovered.
            if let InputEvent::Request(to, _) | InputEvent::ListSchedules(to, _) = input.event {
                self.callers.answer(to, Err(unavailable()));
            }
            return;
        };
        let mut effects = Effects::new(id, shard.epoch());
        shard.step(now, input, &mut effects);
        self.hold(effects);
    }

    /// The batch goes to the store, the effects wait. Only reads of the store need not: what comes of them waits
    /// for a batch of its own.
    fn hold(&mut self, step: Effects) {
        let Effects { batch, mut effects } = step;
        let shard = batch.shard;
        self.metrics.submits(batch.entries.len());
        let ticket = self.store.submit(batch);
        for effect in &mut effects {
            if let Effect::Load(key) = effect {
                self.loads.push_back((shard, key.clone()));
            }
        }
        effects.retain(|effect| !matches!(effect, Effect::Load(_)));
        self.held.push_back(Held {
            ticket,
            shard,
            effects,
        });
    }

    /// Fetches an execution that a shard asked for.
    pub(super) fn load(&mut self, shard: ShardId, key: ExecutionKey) {
        match self.store.load(&key) {
            Ok(execution) => {
                self.step(shard, InputEvent::Loaded(key, execution.map(Box::new)));
            }
            Err(error) => self.lose(shard, &error.to_string()),
        }
    }

    /// Asks the store what has become durable and does what waited for it. Says whether there was anything.
    pub(super) fn carry_out(&mut self) -> bool {
        let mut ended = std::mem::take(&mut self.ended);
        self.store.poll_durable(&mut ended);
        let any = !ended.is_empty();
        for (ticket, result) in ended.drain(..) {
            let held = self.held.pop_front().expect("every ticket has its effects");
            assert_eq!(
                held.ticket, ticket,
                "tickets end in the order of submission"
            );
            match result {
                Ok(()) if self.shards.contains_key(&held.shard) => self.perform_all(held.effects),
                Ok(()) => {}
                Err(error) => self.failed(held.shard, &error),
            }
        }
        self.ended = ended;
        any
    }

    fn failed(&mut self, shard: ShardId, error: &CommitError) {
        self.lose(shard, &error.to_string());
    }

    /// Drops a shard with all that it held back. Whoever waits for it is told to try again.
    fn lose(&mut self, id: ShardId, why: &str) {
        if self.shards.remove(&id).is_none() {
            return;
        }
        tracing::error!(
            shard = id.0,
            why,
            "a shard is lost, and will be recovered from the store"
        );
        for to in self.callers.at(Place::Shard(id)) {
            self.callers.answer(to, Err(unavailable()));
        }
        let at = self.clocks.mono().plus(RECOVERY_PAUSE);
        self.recoveries.insert(id, at);
    }

    /// Recovers the shards whose time has come.
    pub(super) fn recover_due(&mut self) {
        let now = self.clocks.mono();
        let due: Vec<_> = self
            .recoveries
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.recoveries.remove(&id);
            match self.recover(id) {
                Ok(()) => tracing::info!(shard = id.0, "a shard is recovered"),
                Err(error) => {
                    tracing::error!(shard = id.0, %error, "a shard cannot be recovered; trying again");
                    self.recoveries.insert(id, now.plus(RECOVERY_PAUSE));
                }
            }
        }
    }

    /// Wakes the shards whose deadlines have come.
    pub(super) fn tick_due(&mut self) {
        let now = self.clocks.now();
        let due: Vec<_> = self
            .shards
            .values()
            .filter(|shard| {
                let next = shard.next_deadline();
                next.wall.is_some_and(|at| at <= now.wall.max(shard.high()))
                    || next.mono.is_some_and(|at| at <= now.mono)
            })
            .map(Shard::id)
            .collect();
        for id in due {
            self.step(id, InputEvent::Tick);
        }
    }

    /// When a shard next wants to be woken, on the wall clock.
    pub(super) fn next_wall(&self) -> Option<Timestamp> {
        let shards = self.shards.values();
        shards.filter_map(|shard| shard.next_deadline().wall).min()
    }

    /// When something next wants to be done, on the steady clock.
    pub(super) fn next_mono(&self) -> Option<Monotonic> {
        let shards = self.shards.values();
        shards
            .filter_map(|shard| shard.next_deadline().mono)
            .chain(self.recoveries.values().copied())
            .chain(self.matching.next_deadline())
            .min()
    }
}

fn unavailable() -> Rejection {
    Rejection::Unavailable("the shard is being recovered".to_owned())
}
