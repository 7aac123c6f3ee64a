//! One activity: its attempts, which leave no trace in the history until the last one ends.
//!
//! | state | event | next | written |
//! |---|---|---|---|
//! | – | schedule | waiting, attempt 1 | `ActivityTaskScheduled` |
//! | waiting | its time comes | offered to matching | – |
//! | waiting | claimed by a poller | started | – |
//! | started | claimed by the same poll | started, same answer | – |
//! | started | heartbeat | started, details kept | – |
//! | started | complete | over | `…Started` `…Completed` |
//! | started | fail, retry | waiting, attempt + 1 | – |
//! | started | fail, no retry | over | `…Started` `…Failed` |
//! | started | start-to-close or heartbeat timeout, retry | waiting, attempt + 1 | – |
//! | started | start-to-close or heartbeat timeout, no retry | over | `…Started` `…TimedOut` |
//! | waiting | schedule-to-start timeout | over | `…TimedOut` |
//! | waiting, started | schedule-to-close timeout | over | (`…Started`) `…TimedOut` |
//! | waiting | cancel command | over | `…CancelRequested` `…Canceled` |
//! | started | cancel command | started, cancel requested | `…CancelRequested` |
//! | started, cancel requested | worker says canceled | over | `…Started` `…Canceled` |
//! | over, end still buffered | cancel command | over | `…CancelRequested` |
//!
//! What operators do to one is in [`control`].
// temporal: service/history/workflow/{activity,retry,timer_sequence}.go, api/respondactivitytask*.

mod control;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::{ActivityType, Payload, Payloads, Priority},
    enums::v1::{RetryState, TaskQueueKind, TimeoutType, WorkflowTaskFailedCause as Cause},
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::v1::{
        ActivityTaskCancelRequestedEventAttributes, ActivityTaskCanceledEventAttributes,
        ActivityTaskCompletedEventAttributes, ActivityTaskFailedEventAttributes,
        ActivityTaskScheduledEventAttributes, ActivityTaskStartedEventAttributes,
        ActivityTaskTimedOutEventAttributes,
    },
    taskqueue::v1::TaskQueue,
};

pub(crate) use control::options_of;
pub use control::{
    ActivityControl, ControlAction, ControlRequest, Controlled, NewOptions, Paused, Which,
};

use crate::{
    command::ScheduleActivity,
    commands::bad,
    effect::{ActivityTaskReply, Rejection, Reply, ReplyTo},
    history::{ScheduledActivity, proto_duration},
    ids::{ActivityId, EventId, RequestId},
    limits::{MAX_BLOB_BYTES, MAX_PENDING},
    message::{Claim, TaskKind, TaskRef},
    parse::retry_policy_to_proto,
    policy::{RetryDecision, RetryQuestion},
    record::{Proto, Record},
    request::{ActivityAction, ActivityRequest, ActivityTarget, CommandError},
    time::{Timestamp, duration_to_proto},
    token::TaskToken,
    tx::{Trimmings, Tx},
    workflow_task::workflow_type,
};

/// A failure kept between attempts is cut to this size. temporal: `limit.mutableStateActivityFailureSize.error`.
const MAX_KEPT_FAILURE: usize = 4 * 1024;

/// What is known of an activity's attempts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivityState {
    /// The current attempt, from 1.
    pub attempt: u32,
    /// Grows when the same attempt is dispatched anew.
    pub stamp: u32,
    /// When the first attempt was scheduled.
    pub first_scheduled: Timestamp,
    /// When the current attempt is (or was) due.
    pub scheduled: Timestamp,
    /// The current attempt's start; `None` while it waits.
    pub started: Option<ActivityStart>,
    /// How the last attempt failed.
    pub last_failure: Option<Box<Proto<Failure>>>,
    /// What the last heartbeat of any attempt said.
    pub heartbeat_details: Option<Box<Proto<Payloads>>>,
    /// When the current attempt was last heard of.
    pub last_heartbeat: Option<Timestamp>,
    /// Who ran the last attempt.
    pub last_identity: String,
    /// The pause before the current attempt.
    pub retry_interval: Duration,
}

/// The start of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityStart {
    /// When.
    pub time: Timestamp,
    /// The poll that got it.
    pub request_id: RequestId,
    /// Who runs it.
    pub identity: String,
}

impl ActivityState {
    /// An activity that has just been scheduled.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            attempt: 1,
            stamp: 0,
            first_scheduled: now,
            scheduled: now,
            started: None,
            last_failure: None,
            heartbeat_details: None,
            last_heartbeat: None,
            last_identity: String::new(),
            retry_interval: Duration::ZERO,
        }
    }

    /// When the activity or its attempt times out next, and how. One that is `held` waits for no worker.
    // temporal: service/history/workflow/timer_sequence.go.
    #[must_use]
    pub fn deadline(
        &self,
        scheduled: &ScheduledActivity,
        held: bool,
    ) -> Option<(Timestamp, TimeoutType)> {
        let bounds = &scheduled.timeouts;
        let after = |from: Timestamp, bound: Duration, kind| {
            (!bound.is_zero()).then(|| (from.plus(bound), kind))
        };
        let attempt = match &self.started {
            None if held => None,
            None => after(
                self.scheduled,
                bounds.schedule_to_start,
                TimeoutType::ScheduleToStart,
            ),
            Some(start) => {
                let heard = self.last_heartbeat.unwrap_or(start.time).max(start.time);
                let close = after(start.time, bounds.start_to_close, TimeoutType::StartToClose);
                let beat = after(heard, bounds.heartbeat, TimeoutType::Heartbeat);
                earliest(close, beat)
            }
        };
        let all = after(
            self.first_scheduled,
            bounds.schedule_to_close,
            TimeoutType::ScheduleToClose,
        );
        earliest(all, attempt)
    }
}

fn earliest(
    a: Option<(Timestamp, TimeoutType)>,
    b: Option<(Timestamp, TimeoutType)>,
) -> Option<(Timestamp, TimeoutType)> {
    match (a, b) {
        // At the same time an attempt's end comes first. temporal: timer_sequence.go, the order of timer types.
        (Some(a), Some(b)) => {
            let sooner = b.0 < a.0 || b.0 == a.0 && b.1 == TimeoutType::StartToClose;
            Some(if sooner { b } else { a })
        }
        (a, b) => a.or(b),
    }
}

/// How an attempt failed.
struct AttemptFailure {
    failure: Option<Failure>,
    timeout: Option<TimeoutType>,
    identity: String,
}

impl Tx<'_> {
    pub(crate) fn schedule_activity(
        &mut self,
        command: ScheduleActivity,
        completed: EventId,
        trimmings: Trimmings,
    ) -> Result<(), CommandError> {
        if self.run.history.activities.len() >= MAX_PENDING {
            return bad(
                Cause::PendingActivitiesLimitExceeded,
                format!("the number of pending activities, {MAX_PENDING}, has reached the limit"),
            );
        }
        if self.run.history.activity_ids.contains_key(&command.id) {
            return bad(
                Cause::ScheduleActivityDuplicateId,
                format!("activityId {} already exists", command.id),
            );
        }
        let run_timeout = proto_duration(self.run.history.start.workflow_run_timeout.as_ref());
        let bounds = command
            .timeouts
            .resolve(run_timeout)
            .map_err(|why| CommandError {
                cause: Cause::BadScheduleActivityAttributes,
                detail: why,
            })?;
        let queue = if command.task_queue.is_empty() {
            self.normal_queue()
        } else {
            command.task_queue.into()
        };
        let scheduled = self.write_with(
            ActivityTaskScheduledEventAttributes {
                activity_id: command.id.into(),
                activity_type: Some(ActivityType {
                    name: command.activity_type,
                }),
                task_queue: Some(TaskQueue {
                    name: queue,
                    kind: TaskQueueKind::Normal.into(),
                    ..TaskQueue::default()
                }),
                header: command.header,
                input: command.input,
                schedule_to_close_timeout: Some(duration_to_proto(bounds.schedule_to_close)),
                schedule_to_start_timeout: Some(duration_to_proto(bounds.schedule_to_start)),
                start_to_close_timeout: Some(duration_to_proto(bounds.start_to_close)),
                heartbeat_timeout: Some(duration_to_proto(bounds.heartbeat)),
                workflow_task_completed_event_id: completed.0,
                retry_policy: Some(retry_policy_to_proto(&command.retry)),
                priority: command.priority,
                #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
                use_workflow_build_id: command.use_workflow_build_id,
            },
            trimmings,
        );
        let state = ActivityState::new(self.now);
        self.record(Record::Activity(scheduled, Some(Box::new(state))));
        if command.eager {
            self.eager.push(scheduled);
        }
        Ok(())
    }

    /// `Ok(true)`: the activity never started, so it is canceled at once and the workflow must hear of it.
    pub(crate) fn request_cancel_activity(
        &mut self,
        scheduled: EventId,
        completed: EventId,
        identity: &str,
    ) -> Result<bool, CommandError> {
        let Some(activity) = self.run.history.activities.get(&scheduled) else {
            return bad(
                Cause::BadRequestCancelActivityAttributes,
                format!("no pending activity was scheduled by event {scheduled}"),
            );
        };
        if activity.cancel_requested.is_some() {
            return bad(
                Cause::BadRequestCancelActivityAttributes,
                format!("cancellation of activity {scheduled} was requested already"),
            );
        }
        let requested = self.write(ActivityTaskCancelRequestedEventAttributes {
            scheduled_event_id: scheduled.0,
            workflow_task_completed_event_id: completed.0,
        });
        let waiting = self
            .run
            .activities
            .get(&scheduled)
            .is_some_and(|a| a.started.is_none());
        if waiting {
            self.record(Record::Activity(scheduled, None));
            self.buffer(ActivityTaskCanceledEventAttributes {
                details: Some(Payloads {
                    payloads: vec![not_started()],
                }),
                latest_cancel_requested_event_id: requested.0,
                scheduled_event_id: scheduled.0,
                identity: identity.to_owned(),
                ..ActivityTaskCanceledEventAttributes::default()
            });
        }
        Ok(waiting)
    }

    /// Gives an attempt to a poller; `None` if it is gone.
    pub(crate) fn start_activity(&mut self, claim: &Claim) -> Option<ActivityTaskReply> {
        let scheduled = claim.task.scheduled;
        let state = self.run.activities.get(&scheduled)?;
        if state.attempt != claim.task.attempt || state.stamp != claim.task.stamp {
            return None;
        }
        if state.started.is_none() && self.run.is_held(scheduled) {
            return None;
        }
        if let Some(start) = &state.started {
            let same = start.request_id == claim.request_id;
            return same.then(|| self.activity_reply(scheduled));
        }
        Some(self.start_attempt(scheduled, claim.request_id.clone(), &claim.identity))
    }

    fn start_attempt(
        &mut self,
        scheduled: EventId,
        request_id: RequestId,
        identity: &str,
    ) -> ActivityTaskReply {
        let mut state = self.run.activities[&scheduled].clone();
        state.started = Some(ActivityStart {
            time: self.now,
            request_id,
            identity: identity.to_owned(),
        });
        identity.clone_into(&mut state.last_identity);
        state.last_heartbeat = None;
        self.record(Record::Activity(scheduled, Some(state)));
        self.activity_reply(scheduled)
    }

    /// Starts the activities that the worker, which has just scheduled them, runs itself at once.
    // temporal: workflow_task_completed_handler.go, handlePostCommandEagerExecuteActivity: not those that a later
    // command canceled, and none once the run is closed.
    pub(crate) fn start_eager(&mut self, identity: &str) -> Vec<ActivityTaskReply> {
        let mut started = Vec::new();
        for id in std::mem::take(&mut self.eager) {
            if self.run.is_open() && self.run.activities.contains_key(&id) {
                let request_id = RequestId::new(self.ids.uuid());
                started.push(self.start_attempt(id, request_id, identity));
            }
        }
        started
    }

    /// The started attempt as its poller gets it; the same each time.
    fn activity_reply(&self, id: EventId) -> ActivityTaskReply {
        let state = &self.run.activities[&id];
        let scheduled = self.run.activity(id);
        let attributes = &scheduled.attributes;
        ActivityTaskReply {
            token: TaskToken {
                kind: TaskKind::Activity,
                run: self.run_key(),
                scheduled: id,
                started: EventId::NONE,
                attempt: state.attempt,
                epoch: self.epoch(),
                stamp: state.stamp,
            },
            workflow_type: workflow_type(&self.run.history),
            activity_id: attributes.activity_id.as_str().into(),
            activity_type: attributes
                .activity_type
                .as_ref()
                .map(|t| t.name.clone())
                .unwrap_or_default(),
            input: attributes.input.clone(),
            header: attributes.header.clone(),
            heartbeat_details: state.heartbeat_details.as_ref().map(|d| d.0.clone()),
            scheduled_time: scheduled.time,
            attempt_scheduled_time: state.scheduled,
            started_time: state.started.as_ref().map_or(self.now, |start| start.time),
            attempt: state.attempt,
            schedule_to_close: scheduled.timeouts.schedule_to_close,
            start_to_close: scheduled.timeouts.start_to_close,
            heartbeat: scheduled.timeouts.heartbeat,
            retry: scheduled.retry.clone(),
            priority: merge_priority(
                self.run.history.start.priority.as_ref(),
                attributes.priority.as_ref(),
            ),
            standalone: self.run.history.standalone.is_some(),
        }
    }

    /// A worker, or somebody in its name, says something about an attempt.
    pub(crate) fn activity_request(&mut self, request: ActivityRequest, reply_to: ReplyTo) {
        let id = match self.find_activity(&request) {
            Ok(id) => id,
            Err(rejection) => return self.reply(reply_to, Err(rejection)),
        };
        let answer = match request.action {
            ActivityAction::Heartbeat(details) => self.heartbeat(id, details),
            ActivityAction::Complete(result) => {
                self.complete_activity(id, result, request.identity);
                Ok(Reply::Done)
            }
            ActivityAction::Fail(failure, details) => {
                self.keep_details(id, details);
                self.fail_attempt(
                    id,
                    AttemptFailure {
                        failure,
                        timeout: None,
                        identity: request.identity,
                    },
                );
                Ok(Reply::Done)
            }
            ActivityAction::Cancel(details) => self.cancel_activity(id, details, request.identity),
        };
        self.reply(reply_to, answer);
    }

    /// The pending activity that is meant, if the caller may speak for it.
    fn find_activity(&self, request: &ActivityRequest) -> Result<EventId, Rejection> {
        if !self.run.is_open() {
            return Err(Rejection::NotFound(
                "workflow execution already completed".to_owned(),
            ));
        }
        match &request.target {
            ActivityTarget::Token(token) => {
                let holds = self
                    .run
                    .activities
                    .get(&token.scheduled)
                    .is_some_and(|state| {
                        let same = (state.attempt, state.stamp) == (token.attempt, token.stamp);
                        same && state.started.is_some()
                    });
                if holds {
                    Ok(token.scheduled)
                } else {
                    Err(stale_activity())
                }
            }
            ActivityTarget::ById(_, activity_id) => self.find_by_id(activity_id, &request.action),
        }
    }

    fn find_by_id(
        &self,
        activity_id: &ActivityId,
        action: &ActivityAction,
    ) -> Result<EventId, Rejection> {
        let found = self.run.history.activity_ids.get(activity_id).copied();
        let Some((id, state)) = found.and_then(|id| Some((id, self.run.activities.get(&id)?)))
        else {
            return Err(Rejection::NotFound(format!(
                "cannot find pending activity with ActivityID {activity_id}, check workflow execution history for more details"
            )));
        };
        // temporal: respondactivitytaskcompleted/api.go, only completion by id works for an unstarted one.
        let completes = matches!(action, ActivityAction::Complete(_));
        if state.started.is_some() || completes {
            Ok(id)
        } else {
            Err(stale_activity())
        }
    }

    fn heartbeat(&mut self, id: EventId, details: Option<Payloads>) -> Result<Reply, Rejection> {
        if too_big(details.as_ref()) {
            let failure = Failure::server("Heartbeat details exceed size limit.", true);
            let identity = self.run.activities[&id].last_identity.clone();
            self.fail_attempt(
                id,
                AttemptFailure {
                    failure: Some(failure),
                    timeout: None,
                    identity,
                },
            );
            return Ok(Reply::Heartbeat {
                cancel_requested: true,
                paused: false,
                reset: false,
            });
        }
        let mut state = self.run.activities[&id].clone();
        state.last_heartbeat = Some(self.now);
        state.heartbeat_details = details.map(|d| Box::new(Proto(d)));
        self.record(Record::Activity(id, Some(state)));
        let cancel_requested = self.run.history.activities[&id].cancel_requested.is_some();
        let control = self.run.controls.get(&id).map(|c| &c.control);
        Ok(Reply::Heartbeat {
            cancel_requested,
            paused: self.run.is_held(id),
            reset: control.is_some_and(|control| control.reset),
        })
    }

    fn keep_details(&mut self, id: EventId, details: Option<Payloads>) {
        if let Some(details) = details {
            let mut state = self.run.activities[&id].clone();
            state.heartbeat_details = Some(Box::new(Proto(details)));
            self.record(Record::Activity(id, Some(state)));
        }
    }

    fn complete_activity(&mut self, id: EventId, result: Option<Payloads>, identity: String) {
        if too_big(result.as_ref()) {
            let failure = Failure::server("Complete result exceeds size limit.", true);
            let failure = AttemptFailure {
                failure: Some(failure),
                timeout: None,
                identity,
            };
            return self.fail_attempt(id, failure);
        }
        self.buffer_start(id);
        self.record(Record::Activity(id, None));
        self.buffer(ActivityTaskCompletedEventAttributes {
            result,
            scheduled_event_id: id.0,
            identity,
            ..ActivityTaskCompletedEventAttributes::default()
        });
    }

    fn cancel_activity(
        &mut self,
        id: EventId,
        details: Option<Payloads>,
        identity: String,
    ) -> Result<Reply, Rejection> {
        let requested = self.run.history.activities[&id].cancel_requested;
        if !requested.is_some() {
            return Err(Rejection::InvalidArgument(
                "unable to mark activity as canceled without activity being request canceled first"
                    .to_owned(),
            ));
        }
        self.buffer_start(id);
        self.record(Record::Activity(id, None));
        self.buffer(ActivityTaskCanceledEventAttributes {
            details,
            latest_cancel_requested_event_id: requested.0,
            scheduled_event_id: id.0,
            identity,
            ..ActivityTaskCanceledEventAttributes::default()
        });
        Ok(Reply::Done)
    }

    /// The start of the last attempt, written late but with its own time.
    fn buffer_start(&mut self, id: EventId) {
        let state = &self.run.activities[&id];
        let (time, request_id, identity) = match &state.started {
            Some(start) => (
                start.time,
                start.request_id.to_string(),
                start.identity.clone(),
            ),
            None => (self.now, String::new(), String::new()),
        };
        let attributes = ActivityTaskStartedEventAttributes {
            scheduled_event_id: id.0,
            identity,
            request_id,
            attempt: i32::try_from(state.attempt).unwrap_or(i32::MAX),
            last_failure: state.last_failure.as_ref().map(|f| f.0.clone()),
            ..ActivityTaskStartedEventAttributes::default()
        };
        self.buffer_with(
            attributes,
            Trimmings {
                time: Some(time),
                ..Trimmings::default()
            },
        );
    }

    /// An attempt failed or took too long: try again, or tell the workflow.
    // temporal: service/history/workflow/mutable_state_impl.go RetryActivity.
    fn fail_attempt(&mut self, id: EventId, failed: AttemptFailure) {
        let state = &self.run.activities[&id];
        let scheduled = self.run.activity(id);
        let total = scheduled.timeouts.schedule_to_close;
        let cancel_requested = self.run.history.activities[&id].cancel_requested;
        let control = self.run.controls.get(&id).map(|c| &c.control);
        let reset = control.is_some_and(|control| control.reset);
        let decision = if cancel_requested.is_some() {
            RetryDecision::GiveUp(RetryState::CancelRequested)
        } else if matches!(
            failed.timeout,
            Some(TimeoutType::ScheduleToStart | TimeoutType::ScheduleToClose)
        ) {
            RetryDecision::GiveUp(RetryState::Timeout)
        } else if reset {
            return self.begin_anew(id);
        } else {
            scheduled.retry.decide(RetryQuestion {
                attempt: state.attempt,
                failure: failed.failure.as_ref(),
                now: self.now,
                expiration: (!total.is_zero()).then(|| state.first_scheduled.plus(total)),
                delay_beats_maximum: true,
            })
        };
        match decision {
            RetryDecision::After(pause) => self.retry_activity(id, failed.failure, pause),
            RetryDecision::GiveUp(why) => self.give_up_activity(id, failed, why),
        }
    }

    fn retry_activity(&mut self, id: EventId, failure: Option<Failure>, pause: Duration) {
        let mut state = self.run.activities[&id].clone();
        state.attempt = state.attempt.saturating_add(1);
        state.scheduled = self.now.plus(pause);
        state.started = None;
        state.retry_interval = pause;
        state.last_heartbeat = None;
        state.last_failure = failure.map(|f| Box::new(Proto(kept(f))));
        self.record(Record::Activity(id, Some(state)));
    }

    fn give_up_activity(&mut self, id: EventId, failed: AttemptFailure, why: RetryState) {
        let state = self.run.activities[&id].clone();
        if state.started.is_some() {
            self.buffer_start(id);
        }
        self.record(Record::Activity(id, None));
        let Some(timeout) = failed.timeout else {
            return self.buffer(ActivityTaskFailedEventAttributes {
                failure: failed.failure,
                scheduled_event_id: id.0,
                identity: failed.identity,
                retry_state: why.into(),
                ..ActivityTaskFailedEventAttributes::default()
            });
        };
        let failure = timeout_failure(timeout, why, &state);
        self.buffer(ActivityTaskTimedOutEventAttributes {
            failure: Some(failure),
            scheduled_event_id: id.0,
            retry_state: why.into(),
            ..ActivityTaskTimedOutEventAttributes::default()
        });
    }

    pub(crate) fn time_out_activity(&mut self, id: EventId, timeout: TimeoutType) {
        let failure = Failure::timeout(timeout_message(timeout), timeout);
        let identity = self.run.activities[&id].last_identity.clone();
        self.fail_attempt(
            id,
            AttemptFailure {
                failure: Some(failure),
                timeout: Some(timeout),
                identity,
            },
        );
    }

    /// The next time that an activity times out.
    pub(crate) fn next_activity_timeout(&self) -> Option<(Timestamp, EventId, TimeoutType)> {
        self.run
            .activities
            .iter()
            .filter_map(|(id, state)| {
                let held = self.run.is_held(*id);
                let (at, kind) = state.deadline(self.run.find_activity(*id)?, held)?;
                Some((at, *id, kind))
            })
            .min_by_key(|(at, id, _)| (*at, *id))
    }

    /// The attempts that wait for a poller now, and when the next one will.
    pub(crate) fn waiting_activities(&self) -> (Vec<TaskRef>, Option<Timestamp>) {
        let mut due = Vec::new();
        let mut next = None;
        for (id, state) in &self.run.activities {
            if state.started.is_some() || self.run.is_held(*id) {
                continue;
            }
            if state.scheduled <= self.now {
                due.push(TaskRef {
                    kind: TaskKind::Activity,
                    run: self.run_key(),
                    scheduled: *id,
                    attempt: state.attempt,
                    stamp: state.stamp,
                });
            } else {
                next = Some(next.map_or(state.scheduled, |n: Timestamp| n.min(state.scheduled)));
            }
        }
        (due, next)
    }
}

/// What a canceled activity that nobody had started says of itself.
fn not_started() -> Payload {
    Payload::json("ACTIVITY_ID_NOT_STARTED").expect("a string")
}

/// A priority with what it leaves open taken from the one above it.
// temporal: common/priorities/priority_util.go Merge.
pub(crate) fn merge_priority(above: Option<&Priority>, own: Option<&Priority>) -> Option<Priority> {
    let (Some(above), Some(own)) = (above, own) else {
        return own.or(above).cloned();
    };
    let mut merged = own.clone();
    if merged.priority_key == 0 {
        merged.priority_key = above.priority_key;
    }
    if merged.fairness_key.is_empty() {
        merged.fairness_key.clone_from(&above.fairness_key);
    }
    if merged.fairness_weight == 0.0 {
        merged.fairness_weight = above.fairness_weight;
    }
    Some(merged)
}

fn stale_activity() -> Rejection {
    Rejection::NotFound(
        "invalid activityID or activity already timed out or invoking workflow is completed"
            .to_owned(),
    )
}

fn too_big(payloads: Option<&Payloads>) -> bool {
    payloads.is_some_and(|p| prost::Message::encoded_len(p) > MAX_BLOB_BYTES)
}

/// A failure as it is kept between attempts.
// temporal: service/history/workflow/mutable_state_impl.go truncateRetryableActivityFailure.
fn kept(failure: Failure) -> Failure {
    if prost::Message::encoded_len(&failure) <= MAX_KEPT_FAILURE {
        return failure;
    }
    let cut = failure
        .message
        .char_indices()
        .map(|(i, _)| i)
        .take_while(|i| *i <= 1_024)
        .last();
    Failure {
        source: failure.source,
        ..Failure::server(&failure.message[..cut.unwrap_or(0)], false)
    }
}

fn timeout_message(timeout: TimeoutType) -> &'static str {
    match timeout {
        TimeoutType::StartToClose => "activity StartToClose timeout",
        TimeoutType::ScheduleToStart => "activity ScheduleToStart timeout",
        TimeoutType::ScheduleToClose => "activity ScheduleToClose timeout",
        TimeoutType::Heartbeat => "activity Heartbeat timeout",
        TimeoutType::Unspecified => "activity timeout",
    }
}

/// What the workflow is told: the timeout, and as its cause the failure of the attempt before.
// temporal: service/history/timer_queue_active_task_executor.go processSingleActivityTimeoutTask.
fn timeout_failure(timeout: TimeoutType, why: RetryState, state: &ActivityState) -> Failure {
    let gave_up = why == RetryState::Timeout && timeout != TimeoutType::ScheduleToStart;
    let (message, kind) = if gave_up && timeout != TimeoutType::ScheduleToClose {
        let message = "Not enough time to schedule next retry before activity ScheduleToClose timeout, giving up retrying";
        (message, TimeoutType::ScheduleToClose)
    } else {
        (timeout_message(timeout), timeout)
    };
    let mut failure = Failure::timeout(message, kind);
    failure.failure_info = Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
        timeout_type: kind.into(),
        last_heartbeat_details: state.heartbeat_details.as_ref().map(|d| d.0.clone()),
    }));
    failure.cause = state
        .last_failure
        .as_ref()
        .map(|cause| Box::new(cause.0.clone()));
    failure
}
