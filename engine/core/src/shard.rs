//! The durable machine: owns executions, decides everything that is recorded about them.
//!
//! | slot | event | next |
//! |---|---|---|
//! | absent, evicted | work for it | loading; the work waits, `Load` goes out |
//! | loading | work for it | loading; the work waits behind |
//! | loading | loaded | loaded; the waiting work is done in order |
//! | loaded | work for it | loaded |
//! | loaded | a reset wants events | loaded, reading; `Read` goes out, work for it waits behind |
//! | loaded, reading | events read | loaded or reading again; the waiting work is done in order |
//! | loaded, idle | evict | evicted; its deadline is remembered |
//! | evicted | its deadline comes | loading |
//!
//! Deadlines stand on the shard's `high`, the durable maximum of every wall-clock reading: history time never runs
//! back, and no timer is early by it. Messages without an answer are sent again on the steady clock.

mod step;

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Duration,
};

use self::step::Work;
use crate::{
    batch::{BatchReply, ListBatches, batch_key, job_id},
    deadline::DeadlineReason,
    deployment::routing_message,
    effect::{Effect, Effects, Exhausted, Rejection, Reply, ReplyTo},
    execution::{Execution, Run},
    ids::{Epoch, ExecutionKey, Namespace, RunId, RunKey, ShardId},
    input::{Entropy, Input, InputEvent},
    limits::{MAX_LOADED_EXECUTIONS, MAX_WAITING_FOR_LOAD, RESEND_INTERVAL},
    message::{Address, Envelope, Message, OutboxItem, TaskRef},
    reset::Reading,
    schedule::{ListSchedules, ScheduleReply, schedule_id, schedule_key},
    time::{Monotonic, Now, Timestamp},
    tx::{IdSource, Tx},
    volatile::Volatile,
};

pub(crate) use self::step::Step;

/// See the module documentation.
#[derive(Clone, Debug)]
pub struct Shard {
    id: ShardId,
    /// How many shards there are in all.
    shards: u32,
    epoch: Epoch,
    high: Timestamp,
    slots: BTreeMap<ExecutionKey, Slot>,
    deadlines: BTreeSet<(Timestamp, ExecutionKey)>,
    /// Executions with messages that have no answer yet.
    unsettled: BTreeSet<ExecutionKey>,
    resend_at: Option<Monotonic>,
    sequence: u64,
    loaded: usize,
    /// The schedules that are there.
    schedules: BTreeSet<ExecutionKey>,
    /// The worker deployments that are known.
    deployments: BTreeSet<ExecutionKey>,
    /// The batch jobs that are there.
    batches: BTreeSet<ExecutionKey>,
    /// How long closed runs are kept.
    retention: BTreeMap<Namespace, Duration>,
    /// Where the search for something to evict goes on.
    sweep: Option<ExecutionKey>,
}

#[derive(Clone, Debug)]
enum Slot {
    Loading {
        deadline: Option<Timestamp>,
        waiting: Vec<(Entropy, Work)>,
    },
    Loaded(Box<Loaded>),
    Evicted {
        deadline: Option<Timestamp>,
    },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) execution: Execution,
    pub(crate) volatile: Volatile,
    deadline: Option<Timestamp>,
    /// A reset that waits for events.
    pub(crate) reading: Option<Box<Reading>>,
    /// What there is to do when it has them.
    behind: Vec<(Entropy, Work)>,
}

impl Loaded {
    /// An activity that waits for its next attempt keeps nobody busy.
    fn is_busy(&self, now: Timestamp) -> bool {
        let at_work = |run: &Run| {
            self.volatile.task_of(run).is_some()
                || !run.outbox.is_empty()
                || run
                    .activities
                    .values()
                    .any(|activity| activity.started.is_some() || activity.scheduled <= now)
        };
        self.reading.is_some()
            || !self.volatile.queries.is_empty()
            || self.execution.runs.values().any(at_work)
    }
}

/// A shard's next deadlines on its two clocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    /// On the wall clock, in terms of the shard's `high`.
    pub wall: Option<Timestamp>,
    /// On the steady clock.
    pub mono: Option<Monotonic>,
}

impl Shard {
    /// Takes ownership of a shard as the store has it. `executions` are all that it has; those with nothing
    /// outstanding are not kept in memory. The effects offer what waits for pollers and send what is in outboxes.
    pub fn recover(
        id: ShardId,
        shards: u32,
        epoch: Epoch,
        high: Timestamp,
        executions: impl IntoIterator<Item = (ExecutionKey, Execution)>,
        now: Now,
        effects: &mut Effects,
    ) -> Self {
        let mut shard = Self {
            id,
            shards,
            epoch,
            high: high.max(now.wall),
            slots: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            resend_at: None,
            sequence: 0,
            loaded: 0,
            schedules: BTreeSet::new(),
            deployments: BTreeSet::new(),
            batches: BTreeSet::new(),
            retention: BTreeMap::new(),
            sweep: None,
        };
        effects.batch.high = shard.high;
        for (key, execution) in executions {
            shard.adopt(key, execution, now, effects);
        }
        shard
    }

    fn adopt(&mut self, key: ExecutionKey, execution: Execution, now: Now, effects: &mut Effects) {
        let deadline = execution.sleeps_until(&key, self.high);
        if execution.has_schedule() {
            self.schedules.insert(key.clone());
        }
        if execution.batch.is_some() {
            self.batches.insert(key.clone());
        }
        if execution.is_idle() {
            if let Some(at) = deadline {
                self.deadlines.insert((at, key.clone()));
                self.slots.insert(key, Slot::Evicted { deadline });
            }
        } else {
            self.slots.insert(
                key.clone(),
                Slot::Loading {
                    deadline: None,
                    waiting: Vec::new(),
                },
            );
            self.loaded_in(&key, Some(execution), now, effects);
        }
    }

    /// Which shard this is.
    #[must_use]
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// By which right it writes.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The newest time it knows.
    #[must_use]
    pub fn high(&self) -> Timestamp {
        self.high
    }

    /// The executions in memory, for checks.
    pub fn loaded_executions(&self) -> impl Iterator<Item = (&ExecutionKey, &Execution)> {
        self.slots.iter().filter_map(|(key, slot)| match slot {
            Slot::Loaded(loaded) => Some((key, &loaded.execution)),
            Slot::Loading { .. } | Slot::Evicted { .. } => None,
        })
    }

    /// One execution, if it is in memory.
    #[must_use]
    pub fn execution(&self, key: &ExecutionKey) -> Option<&Execution> {
        match self.slots.get(key)? {
            Slot::Loaded(loaded) => Some(&loaded.execution),
            Slot::Loading { .. } | Slot::Evicted { .. } => None,
        }
    }

    /// Whether a worker or another machine has something to do for an execution: virtual time must not skip then.
    // temporal: sdk-java temporal-test-server StateMachines, which lock time from scheduling to resolution.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.slots.values().any(|slot| match slot {
            Slot::Loading { .. } => true,
            Slot::Loaded(loaded) => loaded.is_busy(self.high),
            Slot::Evicted { .. } => false,
        })
    }

    /// When [`InputEvent::Tick`] is wanted next. The wall deadline is in terms of `high`: with a clock behind it,
    /// the tick is due when the clock has caught up.
    #[must_use]
    pub fn next_deadline(&self) -> Deadlines {
        Deadlines {
            wall: self.deadlines.first().map(|(at, _)| *at),
            mono: self.resend_at,
        }
    }

    /// Why the next wall deadline stands, for people; `None` if the execution is not in memory.
    #[must_use]
    pub fn deadline_reason(&self) -> Option<(ExecutionKey, DeadlineReason)> {
        let (_, key) = self.deadlines.first()?;
        let mut loaded = match self.slots.get(key)? {
            Slot::Loaded(loaded) => (**loaded).clone(),
            Slot::Loading { .. } | Slot::Evicted { .. } => return None,
        };
        if loaded.execution.schedule.is_some() {
            return Some((key.clone(), DeadlineReason::Schedule));
        }
        if loaded.execution.batch.is_some() {
            return Some((key.clone(), DeadlineReason::Batch));
        }
        let current = loaded.execution.current.clone()?;
        let mut effects = Effects::new(self.id, self.epoch);
        let mut ids = IdSource::new(Entropy::default(), key);
        let tx = Tx::open(
            self.high,
            key,
            &current,
            &mut loaded.execution,
            &mut loaded.volatile,
            &mut ids,
            &mut effects,
        );
        let reason = tx
            .next_due()
            .map_or(DeadlineReason::ActivityRetry, |(_, reason)| reason);
        Some((key.clone(), reason))
    }

    /// Takes one input. Never fails and never waits: a refused request is an effect.
    pub fn step(&mut self, now: Now, input: Input, effects: &mut Effects) {
        self.high = self.high.max(now.wall);
        effects.batch.high = self.high;
        let entropy = input.entropy;
        match input.event {
            InputEvent::Request(reply_to, request) => {
                let key = request.key().clone();
                self.work(key, entropy, Work::Request(reply_to, request), now, effects);
            }
            InputEvent::Abandoned(reply_to) => self.forget_caller(reply_to),
            InputEvent::Message(envelope) => self.message(*envelope, entropy, now, effects),
            InputEvent::Loaded(key, execution) => {
                self.loaded_in(&key, execution.map(|e| *e), now, effects);
            }
            InputEvent::Read(run, events) => {
                let work = Work::Events(run.run_id, events);
                self.perform(&run.execution, entropy, work, now, effects);
            }
            InputEvent::Retention(retention) => self.retain(retention, entropy, now, effects),
            InputEvent::Tick => self.tick(entropy, now, effects),
            InputEvent::Evict(key) => self.evict(&key),
            InputEvent::ListSchedules(reply_to, list) => {
                let ids = Reply::Schedule(Box::new(ScheduleReply::Ids(self.list(&list))));
                effects.effects.push(Effect::Reply(reply_to, Ok(ids)));
            }
            InputEvent::ListBatches(reply_to, list) => {
                let ids = Reply::Batch(Box::new(BatchReply::Ids(self.list_batches(&list))));
                effects.effects.push(Effect::Reply(reply_to, Ok(ids)));
            }
            InputEvent::WaitEnded(reply_to, key) => {
                self.wait_ended(reply_to, key, entropy, now, effects);
            }
        }
        self.bound_memory();
    }

    fn message(&mut self, envelope: Envelope, entropy: Entropy, now: Now, effects: &mut Effects) {
        match envelope.message {
            Message::Claim(claim) => {
                let key = claim.task.run.execution.clone();
                self.work(key, entropy, Work::Claim(claim), now, effects);
            }
            Message::Outbox(item) => {
                let key = item.to.clone();
                self.work(key, entropy, Work::Outbox(item), now, effects);
            }
            Message::OutboxAnswer(answer) => {
                let key = answer.from.execution.clone();
                self.work(key, entropy, Work::OutboxAnswer(answer), now, effects);
            }
            Message::OfferTaken(task) => self.offer_taken(&task),
            Message::RoutingTaken(key, revision) => self.routing_taken(&key, revision),
            Message::MatchingStarted => self.offer_all_again(now, effects),
            Message::Offer(_)
            | Message::Withdraw(_)
            | Message::ClaimAnswer { .. }
            | Message::Routing(_)
            | Message::Query(_) => {
                unreachable!("these are for matching; the owner routes by address")
            }
        }
    }

    fn offer_taken(&mut self, task: &TaskRef) {
        let Some(Slot::Loaded(loaded)) = self.slots.get_mut(&task.run.execution) else {
            return;
        };
        if let Some(offered) = loaded.volatile.offers.get_mut(task) {
            offered.taken = true;
        }
        if settled(loaded) {
            self.unsettled.remove(&task.run.execution);
        }
    }

    fn routing_taken(&mut self, key: &ExecutionKey, revision: u64) {
        let Some(Slot::Loaded(loaded)) = self.slots.get_mut(key) else {
            return;
        };
        loaded.volatile.routing = loaded.volatile.routing.filter(|told| *told > revision);
        if settled(loaded) {
            self.unsettled.remove(key);
        }
    }

    fn offer_all_again(&mut self, now: Now, effects: &mut Effects) {
        let mut keys = Vec::new();
        for (key, slot) in &mut self.slots {
            let Slot::Loaded(loaded) = slot else { continue };
            for offered in loaded.volatile.offers.values_mut() {
                offered.taken = false;
            }
            let deployment = loaded.execution.deployment.as_deref();
            loaded.volatile.routing = deployment.map(|deployment| deployment.told);
            if !loaded.volatile.offers.is_empty() || deployment.is_some() {
                keys.push(key.clone());
            }
        }
        for key in keys {
            self.unsettled.insert(key.clone());
            self.resend(&key, effects);
        }
        self.arm_resend(now);
    }

    fn forget_caller(&mut self, reply_to: ReplyTo) {
        for slot in self.slots.values_mut() {
            if let Slot::Loaded(loaded) = slot {
                loaded.volatile.queries.retain(|q| q.reply_to != reply_to);
                loaded.volatile.waiters.retain(|w| w.reply_to != reply_to);
                loaded.volatile.updates.forget_waiter(reply_to);
            }
        }
    }

    /// Nobody waits for an execution that is not in memory, or about to be.
    fn wait_ended(
        &mut self,
        reply_to: ReplyTo,
        key: ExecutionKey,
        entropy: Entropy,
        now: Now,
        effects: &mut Effects,
    ) {
        if let Some(Slot::Loaded(_) | Slot::Loading { .. }) = self.slots.get(&key) {
            self.work(key, entropy, Work::WaitEnded(reply_to), now, effects);
        }
    }

    /// Does something with an execution, now or when it is loaded.
    fn work(
        &mut self,
        key: ExecutionKey,
        entropy: Entropy,
        work: Work,
        now: Now,
        effects: &mut Effects,
    ) {
        match self.slots.get_mut(&key) {
            Some(Slot::Loaded(_)) => self.perform(&key, entropy, work, now, effects),
            Some(Slot::Loading { waiting, .. }) if waiting.len() >= MAX_WAITING_FOR_LOAD => {
                refuse(&work, effects);
            }
            Some(Slot::Loading { waiting, .. }) => waiting.push((entropy, work)),
            Some(Slot::Evicted { .. }) | None => {
                let deadline = match self.slots.get(&key) {
                    Some(Slot::Evicted { deadline }) => *deadline,
                    Some(Slot::Loading { .. } | Slot::Loaded(_)) | None => None,
                };
                let slot = Slot::Loading {
                    deadline,
                    waiting: vec![(entropy, work)],
                };
                self.slots.insert(key.clone(), slot);
                effects.effects.push(Effect::Load(key));
            }
        }
    }

    fn loaded_in(
        &mut self,
        key: &ExecutionKey,
        execution: Option<Execution>,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some(Slot::Loading { deadline, waiting }) = self.slots.remove(key) else {
            return;
        };
        let loaded = Loaded {
            execution: execution.unwrap_or_default(),
            deadline,
            ..Loaded::default()
        };
        self.slots
            .insert(key.clone(), Slot::Loaded(Box::new(loaded)));
        self.loaded += 1;
        self.resend_outbox_of(key, effects);
        self.perform(key, Entropy::default(), Work::Adopt, now, effects);
        for (entropy, work) in waiting {
            self.work(key.clone(), entropy, work, now, effects);
        }
    }

    /// After loading, outbox work that may have been lost with the last owner's memory goes out again.
    fn resend_outbox_of(&mut self, key: &ExecutionKey, effects: &mut Effects) {
        let Some(Slot::Loaded(loaded)) = self.slots.get(key) else {
            return;
        };
        let messages = outbox_messages(key, &loaded.execution, self.shards);
        self.send_all(messages, effects);
    }

    /// What has closed before this was known is kept for so long as well.
    fn retain(
        &mut self,
        retention: BTreeMap<Namespace, Duration>,
        entropy: Entropy,
        now: Now,
        effects: &mut Effects,
    ) {
        self.retention = retention;
        let undecided = |loaded: &Loaded| {
            let mut runs = loaded.execution.runs.values();
            runs.any(|run| !run.is_open() && run.expires.is_none())
        };
        let keys = self.slots.iter().filter_map(|(key, slot)| match slot {
            Slot::Loaded(loaded) if undecided(loaded) => Some(key.clone()),
            Slot::Loaded(_) | Slot::Loading { .. } | Slot::Evicted { .. } => None,
        });
        for key in keys.collect::<Vec<_>>() {
            self.perform(&key, entropy, Work::Tick, now, effects);
        }
    }

    fn tick(&mut self, entropy: Entropy, now: Now, effects: &mut Effects) {
        while let Some((at, key)) = self.deadlines.first().cloned() {
            if at > self.high {
                break;
            }
            self.deadlines.pop_first();
            if let Some(Slot::Loaded(loaded)) = self.slots.get_mut(&key) {
                loaded.deadline = None;
            }
            if let Some(Slot::Evicted { deadline } | Slot::Loading { deadline, .. }) =
                self.slots.get_mut(&key)
            {
                *deadline = None;
            }
            self.work(key, entropy, Work::Tick, now, effects);
        }
        if self.resend_at.is_some_and(|at| now.mono >= at) {
            self.resend_at = None;
            for key in self.unsettled.clone() {
                self.resend(&key, effects);
            }
            self.arm_resend(now);
        }
    }

    fn arm_resend(&mut self, now: Now) {
        if !self.unsettled.is_empty() && self.resend_at.is_none() {
            self.resend_at = Some(now.mono.plus(RESEND_INTERVAL));
        } else if self.unsettled.is_empty() {
            self.resend_at = None;
        }
    }

    fn resend(&mut self, key: &ExecutionKey, effects: &mut Effects) {
        let Some(Slot::Loaded(loaded)) = self.slots.get(key) else {
            return;
        };
        let offers = loaded.volatile.offers.values().filter(|o| !o.taken);
        let offers = offers.map(|o| (Address::Matching, Message::Offer(Box::new(o.offer.clone()))));
        let mut messages: Vec<_> = offers.collect();
        messages.extend(outbox_messages(key, &loaded.execution, self.shards));
        if let (Some(_), Some(deployment)) = (loaded.volatile.routing, &loaded.execution.deployment)
        {
            messages.push(routing_message(key, deployment));
        }
        self.send_all(messages, effects);
    }

    fn send_all(&mut self, messages: Vec<(Address, Message)>, effects: &mut Effects) {
        for (to, message) in messages {
            self.sequence += 1;
            effects.effects.push(Effect::Send(Box::new(Envelope {
                from: Address::Shard(self.id),
                to,
                epoch: self.epoch,
                sequence: self.sequence,
                message,
            })));
        }
    }

    fn perform(
        &mut self,
        key: &ExecutionKey,
        entropy: Entropy,
        work: Work,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some(Slot::Loaded(loaded)) = self.slots.get_mut(key) else {
            return;
        };
        if loaded.reading.is_some() && !matches!(work, Work::Events(..)) {
            return if loaded.behind.len() >= MAX_WAITING_FOR_LOAD {
                refuse(&work, effects);
            } else {
                loaded.behind.push((entropy, work));
            };
        }
        let mut step = Step {
            now: self.high,
            shards: self.shards,
            retention: self.retention.get(&key.namespace).copied(),
            key,
            ids: IdSource::new(entropy, key),
            effects,
            deployments: self.deployments.len(),
            messages: Vec::new(),
        };
        let had_runs = !loaded.execution.runs.is_empty();
        step.perform(loaded, work);
        if loaded.execution.deployment.is_some() && !self.deployments.contains(key) {
            self.deployments.insert(key.clone());
        }
        if loaded.execution.schedule.is_some() {
            if loaded.execution.has_schedule() {
                self.schedules.insert(key.clone());
            } else {
                self.schedules.remove(key);
            }
        }
        if loaded.execution.batch.is_some() {
            self.batches.insert(key.clone());
        } else if job_id(key).is_some() {
            self.batches.remove(key);
        }
        let messages = step.collect(loaded);
        let forgotten = had_runs && loaded.execution.is_nothing();
        let behind = match loaded.reading {
            Some(_) => Vec::new(),
            None => mem::take(&mut loaded.behind),
        };
        let due = loaded.volatile.deadline.into_iter();
        let next = due.chain(loaded.execution.next_expiry()).min();
        if loaded.deadline != next {
            if let Some(old) = loaded.deadline {
                self.deadlines.remove(&(old, key.clone()));
            }
            if let Some(new) = next {
                self.deadlines.insert((new, key.clone()));
            }
            loaded.deadline = next;
        }
        if settled(loaded) {
            self.unsettled.remove(key);
        } else if !self.unsettled.contains(key) {
            self.unsettled.insert(key.clone());
        }
        self.send_all(messages, effects);
        self.arm_resend(now);
        if forgotten {
            self.evict(key);
        }
        for (entropy, work) in behind {
            self.work(key.clone(), entropy, work, now, effects);
        }
    }

    /// Ids of schedules, in order.
    fn list(&self, list: &ListSchedules) -> Vec<String> {
        use std::ops::Bound;
        let after = schedule_key(list.namespace.as_str(), &list.after);
        let keys = self
            .schedules
            .range((Bound::Excluded(after), Bound::Unbounded));
        keys.take_while(|key| key.namespace == list.namespace)
            .filter_map(schedule_id)
            .take(list.limit)
            .map(str::to_owned)
            .collect()
    }

    /// Ids of batch jobs, in order.
    fn list_batches(&self, list: &ListBatches) -> Vec<String> {
        use std::ops::Bound;
        let after = batch_key(list.namespace.as_str(), &list.after);
        let keys = self
            .batches
            .range((Bound::Excluded(after), Bound::Unbounded));
        keys.take_while(|key| key.namespace == list.namespace)
            .filter_map(job_id)
            .take(list.limit)
            .map(str::to_owned)
            .collect()
    }

    fn evict(&mut self, key: &ExecutionKey) {
        let Some(Slot::Loaded(loaded)) = self.slots.get(key) else {
            return;
        };
        let idle = loaded.execution.is_idle() && loaded.volatile.is_idle();
        if !idle || loaded.reading.is_some() {
            return;
        }
        let deadline = loaded.execution.sleeps_until(key, self.high);
        if let Some(old) = loaded.deadline {
            self.deadlines.remove(&(old, key.clone()));
        }
        self.loaded -= 1;
        match deadline {
            Some(at) => {
                self.deadlines.insert((at, key.clone()));
                self.slots.insert(key.clone(), Slot::Evicted { deadline });
            }
            None => {
                self.slots.remove(key);
            }
        }
    }

    /// Above the bound, a few slots a step are looked at and the idle ones forgotten.
    fn bound_memory(&mut self) {
        use std::ops::Bound;
        if self.loaded <= MAX_LOADED_EXECUTIONS {
            return;
        }
        let from = self.sweep.take().map_or(Bound::Unbounded, Bound::Excluded);
        let keys: Vec<_> = self
            .slots
            .range((from, Bound::Unbounded))
            .take(8)
            .map(|(k, _)| k.clone())
            .collect();
        self.sweep = keys.last().cloned();
        for key in keys {
            self.evict(&key);
        }
    }
}

/// Too much waits already: a caller is told so, whoever else has work for the execution sends it again.
fn refuse(work: &Work, effects: &mut Effects) {
    if let Work::Request(reply_to, _) = work {
        let busy = Rejection::ResourceExhausted(
            Exhausted::Workflow,
            "too many requests wait for this workflow".to_owned(),
        );
        effects.effects.push(Effect::Reply(*reply_to, Err(busy)));
    }
}

/// Whether every message about an execution has its answer.
fn settled(loaded: &Loaded) -> bool {
    loaded.volatile.routing.is_none()
        && loaded.volatile.offers.values().all(|o| o.taken)
        && loaded
            .execution
            .outboxes()
            .all(|(_, outbox)| outbox.is_empty())
}

fn outbox_messages(
    key: &ExecutionKey,
    execution: &Execution,
    shards: u32,
) -> Vec<(Address, Message)> {
    let mut messages = Vec::new();
    for (run_id, outbox) in execution.outboxes() {
        for number in outbox.keys() {
            messages.extend(outbox_message(key, execution, run_id, *number, shards));
        }
    }
    messages
}

fn outbox_message(
    key: &ExecutionKey,
    execution: &Execution,
    run_id: &RunId,
    number: u64,
    shards: u32,
) -> Option<(Address, Message)> {
    let put = execution.outbox_put(run_id, number)?;
    let item = OutboxItem {
        from: RunKey {
            execution: key.clone(),
            run_id: run_id.clone(),
        },
        number,
        to: put.to.clone(),
        work: put.work.clone(),
    };
    Some((
        Address::Shard(put.to.shard(shards)),
        Message::Outbox(Box::new(item)),
    ))
}
