//! The schedule machine: what time, requests and the ends of workflows do to a schedule.
//!
//! | schedule | event | next |
//! |---|---|---|
//! | absent, closed | create | open; the initial patch is taken |
//! | open | create by the same request | answered as before |
//! | open | time | its times up to now are in the buffer, or missed, or dropped because it is paused or out of actions |
//! | open | update | another definition from now on; an old conflict token changes nothing |
//! | open | patch | paused or not; a start, or ranges of them, in the buffer |
//! | open | a start is answered | an action taken, or nothing; the buffer is looked at again |
//! | open | a workflow ends | what waits may start; a failure may pause |
//! | open | delete, or idle for long | closed |
//! | closed | anything else | not found |
//!
//! Every step ends the same way: ranges to make up for go into the buffer, the buffer is decided about
//! ([`super::buffer`]), what has changed is recorded part by part, and the next wake-up is found.
// temporal: service/worker/scheduler/workflow.go (the V1 scheduler).

use std::time::Duration;

use steadfast_proto::temporal::api::enums::v1::WorkflowExecutionStatus as Status;

use super::{
    action,
    buffer::{Verdict, decide},
    info,
    request::{CreateSchedule, Patch, ScheduleAction, ScheduleReply, UpdateSchedule},
    row,
    spec::{Effort, NextTime, TooMuch},
    state::{Action, Asked, Backfill, Last, Running, Schedule, ScheduleRecord, Start, schedule_id},
};
use crate::{
    effect::{Rejection, Reply, ReplyTo},
    ids::{ExecutionKey, RunId},
    limits::{
        BACKFILLS_PER_STEP, MATCHING_TIMES, MAX_SCHEDULE_BUFFER, SCHEDULE_RETENTION,
        SCHEDULE_STARTS_AT_ONCE, SCHEDULE_TIMES_PER_STEP,
    },
    message::{ChildOutcome, OutboxResult, OutboxWork, ScheduledClosed},
    record::{Entry, OutboxPut, Record},
    shard::{Loaded, Step},
    time::Timestamp,
};

/// How long a range of time to make up for waits before it goes on.
const BACKFILL_PAUSE: Duration = Duration::from_secs(1);
/// How long a step that did as much as one step may waits before it goes on.
const STEP_PAUSE: Duration = Duration::from_millis(1);

/// One step's work on one schedule. What it changes is recorded at its end.
struct Machine<'a> {
    now: Timestamp,
    key: &'a ExecutionKey,
    schedule: Schedule,
    /// The step did as much as one step may.
    unfinished: bool,
}

impl Step<'_> {
    /// A request for a schedule.
    pub(crate) fn schedule_request(
        &mut self,
        loaded: &mut Loaded,
        reply_to: ReplyTo,
        action: ScheduleAction,
    ) {
        let answer = match action {
            ScheduleAction::Create(create) => self.create_schedule(loaded, *create),
            ScheduleAction::Describe
            | ScheduleAction::ListEntry
            | ScheduleAction::Update(_)
            | ScheduleAction::Patch(..)
            | ScheduleAction::MatchingTimes { .. }
            | ScheduleAction::Delete => self.for_open_schedule(loaded, action),
        };
        self.reply(
            reply_to,
            answer.map(|reply| Reply::Schedule(Box::new(reply))),
        );
    }

    // temporal: service/frontend/workflow_handler.go createScheduleWorkflow.
    fn create_schedule(
        &mut self,
        loaded: &mut Loaded,
        create: CreateSchedule,
    ) -> Result<ScheduleReply, Rejection> {
        let known = loaded.execution.schedule.as_deref();
        if known.is_some_and(|known| known.request_id == create.request_id) {
            return Ok(ScheduleReply::Created(1));
        }
        let id = schedule_id(self.key)
            .expect("parsed as a schedule's")
            .to_owned();
        if known.is_some_and(|known| known.open) || loaded.execution.current.is_some() {
            return Err(Rejection::AlreadyStarted {
                message: format!("schedule {id:?} is already registered"),
                start_request_id: String::new(),
                run_id: RunId::new(""),
            });
        }
        let incarnation = RunId::new(self.ids.uuid());
        let created = ScheduleRecord::Created(create.request_id.clone());
        self.record_schedule(loaded, &incarnation, created);
        self.in_schedule(loaded, |machine| {
            machine.create(create);
            Ok(ScheduleReply::Created(1))
        })
    }

    fn for_open_schedule(
        &mut self,
        loaded: &mut Loaded,
        action: ScheduleAction,
    ) -> Result<ScheduleReply, Rejection> {
        let Some(schedule) = loaded.execution.schedule.as_deref() else {
            return Err(Rejection::NotFound(format!(
                "workflow not found for ID: {}",
                self.key.workflow_id
            )));
        };
        match action {
            ScheduleAction::Describe if !schedule.open => {
                Err(Rejection::NotFound("schedule not found".to_owned()))
            }
            _ if !schedule.open => Err(Rejection::NotFound(
                "workflow execution already completed".to_owned(),
            )),
            ScheduleAction::Describe => Ok(ScheduleReply::Described(Box::new(info::describe(
                self.key, schedule, self.now,
            )))),
            ScheduleAction::ListEntry => Ok(ScheduleReply::Entry(Box::new(info::list_entry(
                self.key, schedule, self.now,
            )))),
            ScheduleAction::MatchingTimes { after, until } => {
                let seed = jitter_seed(self.key);
                schedule
                    .spec
                    .times(&seed, after, until, MATCHING_TIMES)
                    .map(ScheduleReply::Times)
                    .map_err(|TooMuch| too_many_exclusions())
            }
            ScheduleAction::Delete => {
                let before = schedule.clone();
                self.record_schedule(loaded, &before.id, ScheduleRecord::Closed);
                if let Some(after) = loaded.execution.schedule.as_deref() {
                    self.record_row(&before, after);
                }
                loaded.volatile.deadline = None;
                Ok(ScheduleReply::Done)
            }
            ScheduleAction::Update(update) => self.in_schedule(loaded, |machine| {
                machine.update(*update);
                Ok(ScheduleReply::Done)
            }),
            ScheduleAction::Patch(request_id, patch) => self.in_schedule(loaded, |machine| {
                if machine.first_time(request_id) {
                    machine.patch(patch);
                }
                Ok(ScheduleReply::Done)
            }),
            ScheduleAction::Create(_) => unreachable!("it needs no schedule"),
        }
    }

    /// Time may have done something.
    pub(crate) fn schedule_tick(&mut self, loaded: &mut Loaded) {
        if is_open(loaded) {
            self.in_schedule(loaded, |_| ());
        }
    }

    /// The schedule has just been loaded: its deadline, and nothing else.
    pub(crate) fn adopt_schedule(&mut self, loaded: &mut Loaded) {
        if let Some(schedule) = loaded.execution.schedule.as_deref() {
            loaded.volatile.deadline = wakes_at(self.key, schedule, self.now);
        }
    }

    /// A piece of the schedule's work is answered.
    pub(crate) fn schedule_answered(
        &mut self,
        loaded: &mut Loaded,
        number: u64,
        result: &OutboxResult,
    ) {
        let known = loaded.execution.schedule.as_deref();
        if known.is_some_and(|known| known.open && known.outbox.contains_key(&number)) {
            self.in_schedule(loaded, |machine| machine.answered(number, result));
        }
    }

    /// A workflow that a schedule started has ended.
    pub(crate) fn end_scheduled(
        &mut self,
        loaded: &mut Loaded,
        closed: &ScheduledClosed,
    ) -> OutboxResult {
        let known = loaded.execution.schedule.as_deref();
        if known.is_some_and(|known| known.open && known.id == closed.schedule) {
            self.in_schedule(loaded, |machine| machine.workflow_closed(closed));
        }
        OutboxResult::Done
    }

    /// Works on the open schedule. First time does what it has to, then `work`, then the buffer is looked at.
    fn in_schedule<T>(
        &mut self,
        loaded: &mut Loaded,
        work: impl FnOnce(&mut Machine<'_>) -> T,
    ) -> T {
        let before = loaded.execution.schedule.take().expect("the caller saw it");
        let mut machine = Machine {
            now: self.now,
            key: self.key,
            schedule: (*before).clone(),
            unfinished: false,
        };
        machine.take_due_times();
        let answer = work(&mut machine);
        machine.make_up();
        machine.decide();
        machine.expire();
        let Machine {
            schedule,
            unfinished,
            ..
        } = machine;
        let id = schedule.id.clone();
        for record in changes(&before, &schedule) {
            if let ScheduleRecord::OutboxPut(number, _) = &record {
                loaded.volatile.new_work.push((id.clone(), *number));
            }
            self.effects.batch.entries.push(Entry {
                key: self.key.clone(),
                run_id: id.clone(),
                record: Record::Schedule(Box::new(record)),
            });
        }
        self.record_row(&before, &schedule);
        let soon = self.now.plus(STEP_PAUSE);
        let due = wakes_at(self.key, &schedule, self.now).map(|due| due.max(soon));
        loaded.volatile.deadline = if unfinished { Some(soon) } else { due };
        loaded.execution.schedule = Some(Box::new(schedule));
        answer
    }

    /// What is known of it without loading it, if that is different now.
    fn record_row(&mut self, before: &Schedule, after: &Schedule) {
        if let Some(change) = row::change(before, after) {
            self.effects.batch.entries.push(Entry {
                key: self.key.clone(),
                run_id: after.id.clone(),
                record: Record::Row(Box::new(change)),
            });
        }
    }

    fn record_schedule(&mut self, loaded: &mut Loaded, id: &RunId, record: ScheduleRecord) {
        let entry = Entry {
            key: self.key.clone(),
            run_id: id.clone(),
            record: Record::Schedule(Box::new(record)),
        };
        loaded.execution.apply(&entry);
        self.effects.batch.entries.push(entry);
    }
}

fn is_open(loaded: &Loaded) -> bool {
    let known = loaded.execution.schedule.as_deref();
    known.is_some_and(|known| known.open)
}

// temporal: service/worker/scheduler/spec.go ErrScheduleSpecLimitHit.
fn too_many_exclusions() -> Rejection {
    Rejection::InvalidArgument(
        "the schedule calendar specification has too many exclusions. Please modify the specification.".to_owned(),
    )
}

/// What tells the jitter of a schedule from that of others.
// temporal: service/worker/scheduler/workflow.go jitterSeed.
#[must_use]
pub fn jitter_seed(key: &ExecutionKey) -> String {
    let id = schedule_id(key).unwrap_or_default();
    format!("{}-{id}", key.namespace)
}

/// What has become different, part by part.
fn changes(before: &Schedule, after: &Schedule) -> Vec<ScheduleRecord> {
    use ScheduleRecord as R;
    if !after.open {
        return vec![R::Closed];
    }
    let mut records = Vec::new();
    let mut put = |changed: bool, record: &dyn Fn() -> R| {
        if changed {
            records.push(record());
        }
    };
    put(before.definition != after.definition, &|| {
        R::Definition(Box::new((*after.definition).clone()))
    });
    put(before.attributes != after.attributes, &|| {
        R::Attributes(Box::new(after.attributes.clone()))
    });
    put(before.switch != after.switch, &|| {
        R::Switch(after.switch.clone())
    });
    put(before.progress != after.progress, &|| {
        R::Progress(Box::new(after.progress.clone()))
    });
    put(before.buffer != after.buffer, &|| {
        R::Buffer(after.buffer.clone())
    });
    put(before.backfills != after.backfills, &|| {
        R::Backfills(after.backfills.clone())
    });
    put(before.running != after.running, &|| {
        R::Running(after.running.clone())
    });
    put(before.recent != after.recent, &|| {
        R::Recent(after.recent.clone())
    });
    put(before.last != after.last, &|| {
        R::Last(Box::new(after.last.clone()))
    });
    if before.requests != after.requests {
        // At most one request a step.
        records.extend(after.requests.back().cloned().map(R::Request));
    }
    let done = before.outbox.keys();
    let done = done.filter(|number| !after.outbox.contains_key(number));
    records.extend(done.map(|number| R::OutboxDone(*number)));
    let new = after.outbox.range(before.next_outbox..);
    records.extend(new.map(|(number, put)| R::OutboxPut(*number, Box::new(put.clone()))));
    records
}

/// When a schedule has something to do without being asked.
// temporal: workflow.go sleep.
pub(crate) fn wakes_at(
    key: &ExecutionKey,
    schedule: &Schedule,
    now: Timestamp,
) -> Option<Timestamp> {
    if !schedule.open {
        return None;
    }
    let next = schedule
        .can_act()
        .then(|| {
            schedule
                .next_time(key, &mut Effort::STEP.clone())
                .ok()
                .flatten()
        })
        .flatten()
        .map(|next| next.actual);
    let more = schedule.can_make_up().then(|| now.plus(BACKFILL_PAUSE));
    next.into_iter()
        .chain(more)
        .chain(schedule.expires(next))
        .min()
}

impl Schedule {
    /// Whether it may act of its own accord.
    fn can_act(&self) -> bool {
        let switch = &self.switch;
        !switch.paused && (!switch.limited || switch.remaining > 0)
    }

    /// Whether there is a range to make up for, and room for its times.
    // temporal: workflow.go processBackfills, which leaves half of the buffer to others.
    fn can_make_up(&self) -> bool {
        !self.backfills.is_empty() && self.buffer.len() < MAX_SCHEDULE_BUFFER / 2
    }

    /// Its next time of its own.
    pub(crate) fn next_time(
        &self,
        key: &ExecutionKey,
        effort: &mut Effort,
    ) -> Result<Option<NextTime>, TooMuch> {
        if self.progress.exhausted {
            return Ok(None);
        }
        let (seed, mut from) = (jitter_seed(key), self.progress.processed);
        loop {
            match self.spec.next(&seed, from, effort)? {
                // Times before an update belong to what was before it.
                Some(next) if self.progress.updated.is_some_and(|at| at > next.actual) => {
                    from = next.actual;
                }
                next => return Ok(next),
            }
        }
    }

    /// When it is forgotten: long after there was anything to do.
    // temporal: workflow.go getRetentionExpiration; what still waits here keeps it as well.
    fn expires(&self, next: Option<Timestamp>) -> Option<Timestamp> {
        let waits = !self.backfills.is_empty() || !self.buffer.is_empty() || self.is_starting();
        if self.switch.paused || next.is_some() || waits {
            return None;
        }
        let taken = self.recent.back().map(|action| action.taken);
        let updated = self.progress.updated;
        let last = taken.into_iter().chain(updated).max();
        let last = last.unwrap_or_default().max(self.progress.created);
        Some(last.plus(SCHEDULE_RETENTION))
    }
}

impl Machine<'_> {
    fn create(&mut self, create: CreateSchedule) {
        let schedule = &mut self.schedule;
        schedule.define(create.definition);
        schedule.attributes = create.attributes;
        schedule.switch = create.switch;
        schedule.progress.processed = self.now;
        schedule.progress.created = self.now;
        schedule.progress.conflict_token = 1;
        if let Some(patch) = create.initial_patch {
            self.patch(patch);
        }
    }

    /// Whether a request is new; noted for the next time. One without an id is always new.
    fn first_time(&mut self, request_id: crate::ids::RequestId) -> bool {
        if self.schedule.requests.contains(&request_id) {
            return false;
        }
        if !request_id.is_empty() {
            self.schedule.take_request(request_id);
        }
        true
    }

    // temporal: workflow.go processUpdate; a token that is not the newest is ignored in silence.
    fn update(&mut self, update: UpdateSchedule) {
        let token = self.schedule.progress.conflict_token;
        let conflicts = update.conflict_token != 0 && update.conflict_token != token;
        if !self.first_time(update.request_id) || conflicts {
            return;
        }
        let schedule = &mut self.schedule;
        schedule.define(update.definition);
        schedule.switch = update.switch;
        if let Some(search_attributes) = update.search_attributes {
            schedule.attributes.search_attributes = Some(search_attributes);
        }
        schedule.progress.updated = Some(self.now);
        schedule.progress.exhausted = false;
        self.changed();
        // Times whose nominal time is past and whose actual time is not are still to come.
        let jitter = self.schedule.spec.jitter() + Duration::from_secs(1);
        let from = self.now.minus(jitter);
        let processed = &mut self.schedule.progress.processed;
        *processed = (*processed).max(from);
        self.take_due_times();
    }

    /// Something that an update could overwrite has changed.
    fn changed(&mut self) {
        self.schedule.progress.conflict_token += 1;
    }

    // temporal: workflow.go processPatch; a range to make up for includes its first moment.
    fn patch(&mut self, patch: Patch) {
        if let Some(trigger) = patch.trigger {
            let time = trigger.time.unwrap_or(self.now);
            self.buffer(Start {
                nominal: time,
                actual: time,
                overlap: trigger.overlap,
                manual: true,
            });
        }
        for backfill in patch.backfills {
            if self.schedule.backfills.len() >= MAX_SCHEDULE_BUFFER {
                self.schedule.progress.buffer_dropped += 1;
            } else {
                self.schedule.backfills.push_back(Backfill {
                    after: backfill.from.minus(Duration::from_millis(1)),
                    until: backfill.until,
                    overlap: backfill.overlap,
                });
            }
        }
        for (notes, paused) in [(patch.pause, true), (patch.unpause, false)] {
            if !notes.is_empty() {
                self.schedule.switch.notes = notes;
                self.schedule.switch.paused = paused;
                self.changed();
            }
        }
    }

    fn buffer(&mut self, start: Start) {
        if self.schedule.buffer.len() >= MAX_SCHEDULE_BUFFER {
            self.schedule.progress.buffer_dropped += 1;
        } else {
            self.schedule.buffer.push_back(start);
        }
    }

    /// Puts the schedule's own times up to now into the buffer.
    // temporal: workflow.go processTimeRange. A schedule that may not act passes over all of them.
    fn take_due_times(&mut self) {
        if !self.schedule.can_act() {
            self.schedule.progress.processed = self.now;
            return;
        }
        let mut effort = Effort::STEP;
        for taken in 0..SCHEDULE_TIMES_PER_STEP {
            match self.schedule.next_time(self.key, &mut effort) {
                Ok(Some(next)) if next.actual <= self.now => self.take_due(next),
                Ok(_) => return,
                Err(TooMuch) if taken == 0 => {
                    self.schedule.progress.exhausted = true;
                    return;
                }
                Err(TooMuch) => break,
            }
        }
        self.unfinished = true;
    }

    fn take_due(&mut self, next: NextTime) {
        self.schedule.progress.processed = next.actual;
        let late = self.now.since(next.actual);
        if late > self.schedule.definition.policies.catchup_window {
            self.schedule.progress.missed_catchup_window += 1;
            return;
        }
        self.buffer(Start {
            nominal: next.nominal,
            actual: next.actual,
            overlap: None,
            manual: false,
        });
    }

    /// Puts times of ranges to make up for into the buffer, some at a step.
    // temporal: workflow.go processBackfills.
    fn make_up(&mut self) {
        let seed = jitter_seed(self.key);
        let mut effort = Effort::STEP;
        let mut left = BACKFILLS_PER_STEP;
        while left > 0 && self.schedule.can_make_up() {
            let Some(mut backfill) = self.schedule.backfills.pop_front() else {
                return;
            };
            let next = self.schedule.spec.next(&seed, backfill.after, &mut effort);
            let Ok(Some(next)) = next else { continue };
            if next.actual > backfill.until {
                continue;
            }
            self.buffer(Start {
                nominal: next.nominal,
                actual: next.actual,
                overlap: backfill.overlap,
                manual: true,
            });
            left -= 1;
            backfill.after = next.actual;
            self.schedule.backfills.push_front(backfill);
        }
    }

    /// Looks at what waits. While a start has no answer yet, everything else goes on waiting.
    // temporal: workflow.go processBuffer.
    fn decide(&mut self) {
        while !self.schedule.is_starting() && !self.schedule.buffer.is_empty() {
            if action::of(&self.schedule.definition).is_none() {
                self.schedule.buffer.clear();
                return;
            }
            let verdict = decide(
                std::mem::take(&mut self.schedule.buffer),
                !self.schedule.running.is_empty(),
                self.schedule.definition.policies.overlap,
                SCHEDULE_STARTS_AT_ONCE,
            );
            if !self.carry_out(verdict) {
                return;
            }
        }
    }

    /// Says whether a start was dropped, so that another may take its place.
    fn carry_out(&mut self, verdict: Verdict) -> bool {
        self.schedule.buffer = verdict.waiting;
        self.schedule.progress.overlap_skipped += verdict.skipped;
        let mut dropped = false;
        let overlapping = verdict.overlapping.into_iter().map(|start| (start, true));
        let single = verdict.single.into_iter().map(|start| (start, false));
        for (start, overlaps) in overlapping.chain(single) {
            if self.may_start(&start) {
                self.start(&start, overlaps);
            } else {
                dropped = true;
            }
        }
        if let Some(ask) = verdict.ask {
            self.ask_running(ask);
        }
        dropped
    }

    /// A start of the schedule's own needs leave, and uses some of it up.
    // temporal: workflow.go canTakeScheduledAction.
    fn may_start(&mut self, start: &Start) -> bool {
        if start.manual {
            return true;
        }
        if !self.schedule.can_act() {
            return false;
        }
        if self.schedule.switch.limited {
            self.schedule.switch.remaining -= 1;
            self.changed();
        }
        true
    }

    fn start(&mut self, start: &Start, overlaps: bool) {
        let number = self.schedule.next_outbox;
        // Runs that may overlap have no last one.
        let last = if overlaps {
            Last::default()
        } else {
            self.schedule.last.clone()
        };
        let put = action::start(self.key, &self.schedule, number, start, last, overlaps);
        self.send(put);
    }

    fn send(&mut self, put: OutboxPut) {
        let number = self.schedule.next_outbox;
        self.schedule.next_outbox += 1;
        self.schedule.outbox.insert(number, put);
    }

    /// Asks what runs to make room, each once.
    fn ask_running(&mut self, ask: Asked) {
        let mut running = std::mem::take(&mut self.schedule.running);
        for workflow in &mut running {
            if workflow.asked < Some(ask) {
                workflow.asked = Some(ask);
                self.send(action::ask(self.key, workflow, ask));
            }
        }
        self.schedule.running = running;
    }

    fn answered(&mut self, number: u64, result: &OutboxResult) {
        let Some(put) = self.schedule.outbox.remove(&number) else {
            return;
        };
        let OutboxWork::StartScheduled(work) = &put.work else {
            return;
        };
        match result {
            OutboxResult::Started { first_run, at } => {
                self.started(number, &put, work.due, work.overlaps, first_run, *at);
            }
            // The id is taken, or the start is not allowed: there is no action.
            OutboxResult::Refused
            | OutboxResult::Done
            | OutboxResult::Begin
            | OutboxResult::ParentGone
            | OutboxResult::ChildExists
            | OutboxResult::BadOverride
            | OutboxResult::NotFound
            | OutboxResult::TooManySignals => {}
        }
    }

    fn started(
        &mut self,
        number: u64,
        put: &OutboxPut,
        due: Timestamp,
        overlaps: bool,
        first_run: &RunId,
        taken: Timestamp,
    ) {
        let workflow_id = put.to.workflow_id.clone();
        self.schedule.progress.actions += 1;
        self.schedule.take_action(Action {
            number,
            due,
            taken,
            workflow_id: workflow_id.clone(),
            first_run: first_run.clone(),
            status: Status::Running.into(),
        });
        if !overlaps {
            self.schedule.running.push(Running {
                number,
                workflow_id,
                first_run: first_run.clone(),
                asked: None,
            });
        }
    }

    /// A workflow of this schedule has ended; it may be known by this only that it was started.
    // temporal: workflow.go processWatcherResult.
    fn workflow_closed(&mut self, closed: &ScheduledClosed) {
        if self.schedule.outbox.contains_key(&closed.number) {
            let result = OutboxResult::Started {
                first_run: closed.first_run.clone(),
                at: closed.started,
            };
            self.answered(closed.number, &result);
        }
        let status = status(&closed.outcome);
        let actions = self.schedule.recent.iter_mut();
        for action in actions.filter(|action| action.number == closed.number) {
            action.status = status.into();
        }
        let running = &mut self.schedule.running;
        let Some(index) = running.iter().position(|r| r.number == closed.number) else {
            return;
        };
        let workflow = running.remove(index);
        self.forget_asking(&workflow);
        self.pause_on_failure(&workflow, &closed.outcome);
        match &closed.outcome {
            ChildOutcome::Completed(Some(result)) => {
                self.schedule.last = Last {
                    result: Some(result.clone()),
                    failure: None,
                };
            }
            ChildOutcome::Failed(Some(failure), _) => {
                self.schedule.last.failure = Some(failure.clone());
            }
            ChildOutcome::Completed(None)
            | ChildOutcome::Failed(None, _)
            | ChildOutcome::Canceled(_)
            | ChildOutcome::TimedOut(_)
            | ChildOutcome::Terminated => {}
        }
    }

    /// What has ended need not be asked any more.
    fn forget_asking(&mut self, workflow: &Running) {
        self.schedule.outbox.retain(|_, put| {
            !matches!(&put.work, OutboxWork::AskScheduled { first_run, .. }
                if *first_run == workflow.first_run)
        });
    }

    fn pause_on_failure(&mut self, workflow: &Running, outcome: &ChildOutcome) {
        let pauses = self.schedule.definition.policies.pause_on_failure;
        if !pauses || self.schedule.switch.paused {
            return;
        }
        let id = &workflow.workflow_id;
        let notes = match outcome {
            ChildOutcome::Failed(failure, _) => {
                let message = failure.as_ref().map_or("", |f| f.0.message.as_str());
                format!("paused due to workflow failure: {id}: {message}")
            }
            ChildOutcome::TimedOut(_) => format!("paused due to workflow timeout: {id}"),
            ChildOutcome::Completed(_) | ChildOutcome::Canceled(_) | ChildOutcome::Terminated => {
                return;
            }
        };
        self.schedule.switch.notes = notes;
        self.schedule.switch.paused = true;
        self.changed();
    }

    /// A schedule that has had nothing to do for long is forgotten.
    fn expire(&mut self) {
        let next = if self.schedule.can_act() {
            match self.schedule.next_time(self.key, &mut Effort::STEP.clone()) {
                Ok(next) => next.map(|next| next.actual),
                // A search that takes too much effort is not the end.
                Err(TooMuch) => return,
            }
        } else {
            None
        };
        let expires = self.schedule.expires(next);
        if expires.is_some_and(|at| at <= self.now) && !self.unfinished {
            self.schedule.close();
        }
    }
}

fn status(outcome: &ChildOutcome) -> Status {
    match outcome {
        ChildOutcome::Completed(_) => Status::Completed,
        ChildOutcome::Failed(..) => Status::Failed,
        ChildOutcome::Canceled(_) => Status::Canceled,
        ChildOutcome::TimedOut(_) => Status::TimedOut,
        ChildOutcome::Terminated => Status::Terminated,
    }
}
