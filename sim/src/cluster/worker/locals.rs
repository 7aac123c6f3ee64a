//! Local activities: they run in this process, and the workflow task that started them waits.
//!
//! | event | while the task is in hand | while a new task is on its way |
//! |---|---|---|
//! | the code starts one | it runs, or queues for a slot | – |
//! | an attempt fails or takes too long | it is tried again here after a pause; after a long one, by a timer of the workflow | the same |
//! | one ends | the code goes on | the result is kept for the task |
//! | the code cancels one | it is asked to stop; what is not running ends at once | – |
//! | 80 % of the task's time are over | the task is completed as it is, and a new one asked for | – |
//! | the run is lost to this process | nobody wants the results; code that runs goes on, as a zombie | the same |
//!
//! History knows only the marker with the result, so everything in here is lost with the process: whoever works the
//! task next runs the activities again.
// temporal: sdk-core worker/activities/local_activities.rs, retries, timeouts, cancels, and heartbeats of workflow tasks.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use steadfast_core::{
    Timestamp, parse,
    policy::{RetryDecision, RetryQuestion},
    time::{duration_from_proto, duration_to_proto},
};
use steadfast_proto::temporal::api::{
    common::v1::Payloads,
    enums::v1::TimeoutType,
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    workflowservice::v1::PollWorkflowTaskQueueResponse,
};
use steadfast_replay::{
    CachedRun, LocalActivity, LocalActivityCall, LocalActivityOutcome, LocalActivityResult,
};

use super::{
    LOCAL_EXPIRES, LOCAL_LIMIT, LOCAL_RETRY, LOCAL_TASK, TAGS, WorkerNode, activities::Owner,
    cache::RunId,
};
use crate::{
    cluster::{
        activity::{ActivityError, ActivityInfo, ActivityResult, Slot},
        wire::Wire,
    },
    kernel::{Ctx, Time, TimerId},
};

/// Longer pauses than this are spent on a timer of the workflow. temporal: sdk-core's default.
const LONGEST_LOCAL_PAUSE: Duration = Duration::from_secs(60);

/// A workflow task in hand.
#[derive(Debug)]
pub(super) struct InHand {
    pub(super) task: PollWorkflowTaskQueueResponse,
    /// When it came, by the node's monotonic clock.
    pub(super) since: Time,
}

/// A run and its local activities.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) run: Box<CachedRun>,
    /// What has ended and was not told to the code yet.
    results: VecDeque<LocalActivityResult>,
    /// Those that it waits for: their number in [`Locals`] by the code's own.
    open: BTreeMap<u32, u64>,
}

impl Work {
    /// A run without local activities.
    pub(super) fn new(run: Box<CachedRun>) -> Self {
        Self {
            run,
            results: VecDeque::new(),
            open: BTreeMap::new(),
        }
    }

    /// Whether no local activity is under way that the history does not know of.
    pub(super) fn is_settled(&self) -> bool {
        self.open.is_empty() && self.results.is_empty()
    }
}

/// A run that waits for local activities. It is in no cache.
#[derive(Debug)]
struct Held {
    work: Work,
    /// The task in hand. `None` while a new one is on its way.
    task: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    in_hand: InHand,
    number: u64,
    /// Keeps the task alive.
    heartbeat: TimerId,
}

/// A local activity whose end somebody waits for.
#[derive(Debug)]
struct Open {
    of: RunId,
    call: Box<LocalActivity>,
    attempt: u32,
    state: State,
    /// Set if all attempts together are bounded.
    expires: Option<TimerId>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// There is no slot for it.
    Queued { since: Time },
    /// An attempt is under way.
    Running {
        slot: Slot,
        since: Time,
        limit: Option<TimerId>,
    },
    /// The next attempt follows.
    Pausing { timer: TimerId },
}

/// The local activities of one process.
#[derive(Debug, Default)]
pub(super) struct Locals {
    held: BTreeMap<RunId, Held>,
    open: BTreeMap<u64, Open>,
    queue: VecDeque<u64>,
    numbers: u64,
}

impl Locals {
    /// Takes a run whose new task has come.
    pub(super) fn take(&mut self, id: &RunId) -> Option<Work> {
        let waits = self.held.get(id).is_some_and(|held| held.task.is_none());
        let held = if waits { self.held.remove(id) } else { None };
        held.map(|held| held.work)
    }

    /// Whether this run waits for local activities.
    pub(super) fn holds(&self, id: &RunId) -> bool {
        self.held.contains_key(id)
    }

    /// Whether a completion of this run is under way after which its local activities go on.
    pub(super) fn is_between_tasks(&self, id: &RunId) -> bool {
        self.held.get(id).is_some_and(|held| held.task.is_none())
    }

    /// How many workflow tasks wait for local activities.
    pub(super) fn tasks(&self) -> usize {
        let waiting = self.held.values().filter(|held| held.task.is_some());
        waiting.count()
    }

    fn running(&self) -> usize {
        let running = |open: &&Open| matches!(open.state, State::Running { .. });
        self.open.values().filter(running).count()
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl WorkerNode {
    /// The code waits for local activities: keeps its task.
    pub(super) fn hold(&mut self, ctx: &mut Ctx<'_, Wire>, id: RunId, work: Work, in_hand: InHand) {
        let number = self.locals.number();
        let patience = work.run.workflow_task_timeout().saturating_mul(4) / 5;
        let used = ctx.monotonic().since(in_hand.since);
        let heartbeat = ctx.set_timer(patience.saturating_sub(used), LOCAL_TASK | number);
        let task = Some(Waiting {
            in_hand,
            number,
            heartbeat,
        });
        self.locals.held.insert(id, Held { work, task });
    }

    /// The run's task was completed while its local activities go on; a new one will come.
    pub(super) fn hold_between_tasks(&mut self, id: RunId, work: Work) {
        self.locals.held.insert(id, Held { work, task: None });
    }

    /// Does what the code of a held run wants of its local activities.
    pub(super) fn carry_out(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        id: &RunId,
        calls: Vec<LocalActivityCall>,
    ) {
        for call in calls {
            match call {
                LocalActivityCall::Start(call) => self.start_local(ctx, id, call),
                LocalActivityCall::Cancel { seq } => self.cancel_local(ctx, id, seq),
            }
        }
    }

    /// Tells the code of the local activities that have ended, while its task is in hand.
    pub(super) fn go_on(&mut self, ctx: &mut Ctx<'_, Wire>, id: &RunId) {
        while let Some(held) = self.locals.held.get_mut(id)
            && held.task.is_some()
            && let Some(result) = held.work.results.pop_front()
            && let Some((mut work, in_hand)) = self.take_in_hand(ctx, id)
        {
            let outcome = work.run.resolve_local(result);
            self.worked(ctx, id, work, in_hand, outcome);
        }
    }

    /// A task has been in hand for so long that it would soon time out.
    pub(super) fn keep_task_alive(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) {
        let number = token & !TAGS;
        let of_number = |held: &Held| held.task.as_ref().is_some_and(|it| it.number == number);
        let mut held = self.locals.held.iter();
        let Some(id) = held.find_map(|(id, held)| of_number(held).then(|| id.clone())) else {
            return;
        };
        if let Some((mut work, in_hand)) = self.take_in_hand(ctx, &id) {
            let outcome = work.run.heartbeat();
            self.worked(ctx, &id, work, in_hand, outcome);
        }
    }

    /// Gives a run up: nobody waits for its local activities any more.
    pub(super) fn forget_locals(&mut self, ctx: &mut Ctx<'_, Wire>, id: &RunId) {
        let Some(held) = self.locals.held.remove(id) else {
            return;
        };
        if let Some(waiting) = held.task {
            ctx.cancel_timer(waiting.heartbeat);
        }
        self.abandon(ctx, held.work);
    }

    /// Nobody waits for these local activities any more: code that runs goes on. What is left is the run.
    pub(super) fn abandon(&mut self, ctx: &mut Ctx<'_, Wire>, work: Work) -> Box<CachedRun> {
        for number in work.open.into_values() {
            if let Some(open) = self.locals.open.remove(&number) {
                open.state.cancel_timer(ctx);
                cancel_timer(ctx, open.expires);
            }
        }
        self.start_queued(ctx);
        work.run
    }

    /// The code of an attempt has ended.
    pub(super) fn local_ended(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        number: u64,
        slot: Slot,
        result: ActivityResult,
    ) {
        let runs_in =
            |open: &Open| matches!(open.state, State::Running { slot: s, .. } if s == slot);
        if self.locals.open.get(&number).is_some_and(runs_in) {
            self.attempt_over(ctx, number, outcome(result));
        }
    }

    /// A timer of local activities has fired. Says whether it was one.
    pub(super) fn local_timer(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) -> bool {
        let number = token & !TAGS;
        match token & TAGS {
            LOCAL_TASK => self.keep_task_alive(ctx, token),
            LOCAL_RETRY => self.try_again(ctx, number),
            LOCAL_LIMIT => self.took_too_long(ctx, number, TimeoutType::StartToClose),
            LOCAL_EXPIRES => self.took_too_long(ctx, number, TimeoutType::ScheduleToClose),
            _ => return false,
        }
        self.run_activities(ctx);
        self.poll(ctx);
        true
    }

    fn take_in_hand(&mut self, ctx: &mut Ctx<'_, Wire>, id: &RunId) -> Option<(Work, InHand)> {
        let Held { work, task } = self.locals.held.remove(id)?;
        let waiting = task?;
        ctx.cancel_timer(waiting.heartbeat);
        Some((work, waiting.in_hand))
    }

    fn start_local(&mut self, ctx: &mut Ctx<'_, Wire>, id: &RunId, call: Box<LocalActivity>) {
        let left = self.time_left(ctx, &call);
        let number = self.locals.number();
        let Some(held) = self.locals.held.get_mut(id) else {
            return;
        };
        if left.is_some_and(|left| left.is_zero()) {
            let outcome = LocalActivityOutcome::TimedOut(timeout(TimeoutType::ScheduleToClose));
            let ended = result(&call, call.attempt, outcome, Duration::ZERO, None);
            held.work.results.push_back(ended);
            return;
        }
        held.work.open.insert(call.seq, number);
        let since = ctx.monotonic();
        let open = Open {
            of: id.clone(),
            attempt: call.attempt.max(1),
            call,
            state: State::Queued { since },
            expires: left.map(|left| ctx.set_timer(left, LOCAL_EXPIRES | number)),
        };
        self.locals.open.insert(number, open);
        self.locals.queue.push_back(number);
        self.start_queued(ctx);
    }

    /// What is left for all attempts together, by this node's wall clock.
    fn time_left(&self, ctx: &Ctx<'_, Wire>, call: &LocalActivity) -> Option<Duration> {
        let all = limit(call.schedule_to_close_timeout.as_ref())?;
        let begun = call.original_schedule_time.as_ref();
        let begun = begun.map_or_else(|| self.wall(ctx), Timestamp::from_proto);
        Some(all.saturating_sub(self.wall(ctx).since(begun)))
    }

    fn wall(&self, ctx: &Ctx<'_, Wire>) -> Timestamp {
        let start = self.config.start.as_nanos();
        Timestamp::from_nanos(start.saturating_add(ctx.now().as_nanos()))
    }

    fn cancel_local(&mut self, ctx: &mut Ctx<'_, Wire>, id: &RunId, seq: u32) {
        let held = self.locals.held.get_mut(id);
        let Some(work) = held.map(|held| &mut held.work) else {
            return;
        };
        let Some(number) = work.open.get(&seq).copied() else {
            return;
        };
        let Some(open) = self.locals.open.get(&number) else {
            return;
        };
        if let State::Running { slot, .. } = open.state {
            self.activities.cancel(slot);
            return;
        }
        let cancelled = LocalActivityOutcome::Cancelled(ActivityError::Cancelled.to_failure());
        let ended = result(&open.call, open.attempt, cancelled, Duration::ZERO, None);
        open.state.cancel_timer(ctx);
        cancel_timer(ctx, open.expires);
        self.locals.open.remove(&number);
        work.open.remove(&seq);
        work.results.push_back(ended);
    }

    /// Starts what waits for a slot, as far as there are any.
    fn start_queued(&mut self, ctx: &mut Ctx<'_, Wire>) {
        let now = self.wall(ctx);
        while self.locals.running() < self.config.activity_slots
            && let Some(number) = self.locals.queue.pop_front()
        {
            let Some(open) = self.locals.open.get_mut(&number) else {
                continue;
            };
            let State::Queued { since } = open.state else {
                continue;
            };
            let waited = ctx.monotonic().since(since);
            let all = limit(open.call.schedule_to_close_timeout.as_ref());
            let patience = limit(open.call.schedule_to_start_timeout.as_ref()).or(all);
            if patience.is_some_and(|patience| waited > patience) {
                let late = LocalActivityOutcome::TimedOut(timeout(TimeoutType::ScheduleToStart));
                self.end_local(ctx, number, late, waited, None);
                continue;
            }
            let limit = start_to_close(&open.call);
            let limit = limit.map(|limit| ctx.set_timer(limit, LOCAL_LIMIT | number));
            let (info, input) = described(open, now);
            let slot = self.launch(ctx, info, input, Owner::Workflow(number));
            if let Some(open) = self.locals.open.get_mut(&number) {
                let since = ctx.monotonic();
                open.state = State::Running { slot, since, limit };
            }
        }
    }

    fn try_again(&mut self, ctx: &mut Ctx<'_, Wire>, number: u64) {
        if let Some(open) = self.locals.open.get_mut(&number) {
            open.attempt += 1;
            let since = ctx.monotonic();
            open.state = State::Queued { since };
            self.locals.queue.push_back(number);
            self.start_queued(ctx);
        }
    }

    /// An attempt, or all of them together, took too long. Code that runs is asked to stop, and not waited for.
    fn took_too_long(&mut self, ctx: &mut Ctx<'_, Wire>, number: u64, which: TimeoutType) {
        let Some(open) = self.locals.open.get(&number) else {
            return;
        };
        if let State::Running { slot, .. } = open.state {
            self.activities.cancel(slot);
        }
        self.attempt_over(ctx, number, LocalActivityOutcome::TimedOut(timeout(which)));
    }

    /// An attempt is over: another one follows, or this was the last.
    fn attempt_over(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        number: u64,
        outcome: LocalActivityOutcome,
    ) {
        let Some(open) = self.locals.open.get_mut(&number) else {
            return;
        };
        open.state.cancel_timer(ctx);
        let took = match open.state {
            State::Running { since, .. } => ctx.monotonic().since(since),
            State::Queued { .. } | State::Pausing { .. } => Duration::ZERO,
        };
        let pause = pause(&open.call, open.attempt, &outcome);
        let threshold = duration_from_proto(open.call.local_retry_threshold.as_ref());
        let threshold = threshold.filter(|threshold| !threshold.is_zero());
        match pause {
            Some(pause) if pause <= threshold.unwrap_or(LONGEST_LOCAL_PAUSE) => {
                let timer = ctx.set_timer(pause, LOCAL_RETRY | number);
                open.state = State::Pausing { timer };
            }
            pause => self.end_local(ctx, number, outcome, took, pause),
        }
        self.start_queued(ctx);
    }

    fn end_local(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        number: u64,
        outcome: LocalActivityOutcome,
        took: Duration,
        pause: Option<Duration>,
    ) {
        let Some(open) = self.locals.open.remove(&number) else {
            return;
        };
        cancel_timer(ctx, open.expires);
        let ended = result(&open.call, open.attempt, outcome, took, pause);
        if let Some(held) = self.locals.held.get_mut(&open.of) {
            held.work.open.remove(&open.call.seq);
            held.work.results.push_back(ended);
        }
        self.go_on(ctx, &open.of);
    }
}

impl State {
    fn cancel_timer(self, ctx: &mut Ctx<'_, Wire>) {
        match self {
            Self::Queued { .. } => {}
            Self::Running { limit, .. } => cancel_timer(ctx, limit),
            Self::Pausing { timer } => cancel_timer(ctx, Some(timer)),
        }
    }
}

fn cancel_timer(ctx: &mut Ctx<'_, Wire>, timer: Option<TimerId>) {
    if let Some(timer) = timer {
        ctx.cancel_timer(timer);
    }
}

/// What the next attempt knows of itself.
fn described(open: &Open, now: Timestamp) -> (ActivityInfo, Payloads) {
    let call = &open.call;
    let info = ActivityInfo {
        attempt: open.attempt,
        activity_id: call.activity_id.clone(),
        activity_type: call.activity_type.clone(),
        workflow_id: open.of.0.clone(),
        run_id: open.of.1.clone(),
        start_to_close: start_to_close(call).unwrap_or_default(),
        schedule_to_close: limit(call.schedule_to_close_timeout.as_ref()).unwrap_or_default(),
        scheduled: call
            .original_schedule_time
            .as_ref()
            .map_or(now, Timestamp::from_proto),
        attempt_scheduled: now,
        started: now,
        is_local: true,
        ..ActivityInfo::default()
    };
    let payloads = call.arguments.clone();
    (info, Payloads { payloads })
}

fn outcome(result: ActivityResult) -> LocalActivityOutcome {
    match result {
        Ok(payloads) => LocalActivityOutcome::Completed(payloads.payloads.into_iter().next()),
        Err(error) if error.cancellation().is_some() => {
            LocalActivityOutcome::Cancelled(error.to_failure())
        }
        Err(error) => LocalActivityOutcome::Failed(error.to_failure()),
    }
}

fn result(
    call: &LocalActivity,
    attempt: u32,
    outcome: LocalActivityOutcome,
    took: Duration,
    pause: Option<Duration>,
) -> LocalActivityResult {
    LocalActivityResult {
        seq: call.seq,
        outcome,
        runtime: duration_to_proto(took),
        attempt,
        backoff: pause.map(duration_to_proto),
    }
}

/// How long to wait before the next attempt, if there is one.
fn pause(call: &LocalActivity, attempt: u32, outcome: &LocalActivityOutcome) -> Option<Duration> {
    let (LocalActivityOutcome::Failed(failure) | LocalActivityOutcome::TimedOut(failure)) = outcome
    else {
        return None;
    };
    let policy = call.retry_policy.as_ref().map(parse::retry_policy);
    // A policy that makes no sense is the default. temporal: sdk-core retry_logic.rs.
    let policy = policy.and_then(Result::ok).unwrap_or_default();
    let question = RetryQuestion {
        attempt,
        failure: Some(failure),
        now: Timestamp::EPOCH,
        expiration: None,
        delay_beats_maximum: true,
    };
    match policy.decide(question) {
        RetryDecision::After(pause) => Some(pause),
        RetryDecision::GiveUp(_) => None,
    }
}

fn timeout(which: TimeoutType) -> Failure {
    Failure {
        message: "Activity timed out".to_owned(),
        failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
            timeout_type: which.into(),
            ..TimeoutFailureInfo::default()
        })),
        ..Failure::default()
    }
}

/// The bound on one attempt, which is no more than that on all of them.
fn start_to_close(call: &LocalActivity) -> Option<Duration> {
    let one = limit(call.start_to_close_timeout.as_ref());
    let all = limit(call.schedule_to_close_timeout.as_ref());
    one.into_iter().chain(all).min()
}

/// A time limit; absent and zero are none.
fn limit(value: Option<&prost_types::Duration>) -> Option<Duration> {
    duration_from_proto(value).filter(|limit| !limit.is_zero())
}
