//! An activity that no workflow has scheduled: a client starts it and waits for its end.
//!
//! It is a run that never has a workflow task: its history begins with `WorkflowExecutionStarted` and
//! `ActivityTaskScheduled`, the activity's machine does the rest, and the event that ends the activity closes the run.
//!
//! | activity | event | next | written |
//! |---|---|---|---|
//! | –, closed and the id may be used again | start | waiting | `WorkflowExecutionStarted` `ActivityTaskScheduled` |
//! | open | start by the same request, or any and the open one serves | as it was | – |
//! | open, closed and the id may not be used again | start | refused | – |
//! | waiting | cancel request | closed | `…CancelRequested` `ActivityTaskCancelRequested` `…Canceled` |
//! | started | cancel request | cancel requested | `…CancelRequested` `ActivityTaskCancelRequested` |
//! | open | terminate | closed | `WorkflowExecutionTerminated` |
//! | closed | cancel request, terminate | refused | – |
//! | open | poll | the caller waits | – |
// temporal: chasm/lib/activity.

use steadfast_proto::temporal::api::{
    activity::v1::{ActivityExecutionInfo, ActivityExecutionOutcome, activity_execution_outcome},
    common::v1::{Payload, Payloads, SearchAttributes},
    enums::v1::{
        ActivityExecutionStatus, PendingActivityState, RetryState, WorkflowExecutionStatus,
    },
    failure::v1::{CanceledFailureInfo, Failure},
    history::v1::{
        ActivityTaskCancelRequestedEventAttributes, ActivityTaskCanceledEventAttributes,
        WorkflowExecutionCancelRequestedEventAttributes, history_event::Attributes,
    },
    workflowservice::v1::DescribeActivityExecutionResponse,
};

use crate::{
    chain::Ending,
    command::ScheduleActivity,
    effect::{Rejection, Reply, ReplyTo, Started},
    execution::Run,
    history::StandaloneEnd,
    ids::{EventId, RequestId, RunId},
    record::{Created, Proto, Record},
    request::{StartRequest, Target},
    shard::{Loaded, Step},
    start::{Verdict, judge},
    time::{Timestamp, duration_to_proto},
    tx::{Trimmings, Tx},
    visibility::NAMESPACE_DIVISION,
    volatile::HistoryWaiter,
};

/// Under this, an activity's id is the workflow id of its execution.
pub const STANDALONE_PREFIX: &str = "temporal-sys-activity:";
/// What tells such runs from workflows where runs are listed.
pub const STANDALONE_DIVISION: &str = "TemporalActivity";

/// Start an activity.
#[derive(Clone, Debug, PartialEq)]
pub struct StandaloneStart {
    /// The run that is made for it.
    pub start: StartRequest,
    /// The activity.
    pub activity: ScheduleActivity,
}

/// Something about an activity of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct StandaloneRequest {
    /// Which.
    pub target: Target,
    /// What.
    pub action: StandaloneAction,
}

/// What is asked about an activity of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StandaloneAction {
    /// To stop.
    Cancel {
        /// Why.
        reason: String,
        /// Who asks.
        identity: String,
        /// Makes a repeated request harmless.
        request_id: RequestId,
    },
    /// To end at once.
    Terminate {
        /// Why.
        reason: String,
        /// Who asks.
        identity: String,
    },
    /// How it ends; the caller waits.
    Poll,
    /// How it stands.
    Describe {
        /// With its arguments.
        input: bool,
        /// With its end.
        outcome: bool,
        /// With what its last heartbeat said.
        heartbeat_details: bool,
        /// With the failure of its last attempt.
        last_failure: bool,
    },
}

impl Step<'_> {
    pub(crate) fn start_standalone(
        &mut self,
        loaded: &mut Loaded,
        reply_to: ReplyTo,
        request: StandaloneStart,
    ) {
        let answer = match judge(&request.start, &loaded.execution) {
            Verdict::Refused(Rejection::AlreadyStarted {
                start_request_id,
                run_id,
                ..
            }) => Err(Rejection::ActivityAlreadyStarted {
                start_request_id,
                run_id,
            }),
            Verdict::Refused(rejection) => Err(rejection),
            Verdict::Same(run_id) => Ok((run_id, true)),
            Verdict::Existing => Ok((loaded.execution.current.clone().expect("it is open"), false)),
            Verdict::Start => {
                let run_id = RunId::new(self.ids.uuid());
                let mut tx = self.current_or_none(loaded);
                let begun = tx.begin_standalone(request, run_id.clone());
                if begun.is_ok() {
                    tx.finish();
                }
                begun.map(|()| (run_id, true))
            }
        };
        let answer = answer.map(|(run_id, started)| {
            Reply::Started(Started {
                first_run: run_id.clone(),
                run_id,
                started,
                status: WorkflowExecutionStatus::Running,
                eager: None,
            })
        });
        self.reply(reply_to, answer);
    }
}

impl Tx<'_> {
    #[expect(
        clippy::unwrap_in_result,
        reason = "what is expected here no caller can bring about"
    )]
    fn begin_standalone(
        &mut self,
        request: StandaloneStart,
        run_id: RunId,
    ) -> Result<(), Rejection> {
        let StandaloneStart { start, activity } = request;
        // Only its timeouts can still be wrong, and they do not depend on anything here.
        activity
            .timeouts
            .resolve(std::time::Duration::ZERO)
            .map_err(Rejection::InvalidArgument)?;
        // It never begins as far as workflow tasks are concerned.
        self.switch_to(Run::new(
            run_id,
            Created {
                request_id: start.request_id.clone(),
                awaits_parent: true,
            },
        ));
        self.write_start(&start, None, None);
        self.schedule_activity(activity, EventId::NONE, Trimmings::default())
            .expect("it is the only one, and its timeouts are right");
        if !start.start_delay.is_zero() {
            let id = EventId(2);
            let mut state = self.run.activities[&id].clone();
            state.scheduled = self.now.plus(start.start_delay);
            self.record(Record::Activity(id, Some(state)));
        }
        Ok(())
    }

    pub(crate) fn standalone_request(&mut self, action: StandaloneAction, reply_to: ReplyTo) {
        let answer = match action {
            StandaloneAction::Poll => return self.await_standalone(reply_to),
            StandaloneAction::Describe {
                input,
                outcome,
                heartbeat_details,
                last_failure,
            } => Ok(self.describe_standalone(input, outcome, heartbeat_details, last_failure)),
            StandaloneAction::Cancel {
                reason,
                identity,
                request_id,
            } => self.cancel_standalone(reason, identity, request_id),
            StandaloneAction::Terminate { reason, identity } => {
                self.terminate_standalone(reason, identity)
            }
        };
        self.reply(reply_to, answer);
    }

    fn await_standalone(&mut self, reply_to: ReplyTo) {
        if self.run.is_open() {
            self.volatile.waiters.push(HistoryWaiter {
                run_id: self.run.run_id.clone(),
                from: EventId::FIRST,
                close_event_only: true,
                activity: true,
                reply_to,
            });
        } else {
            let reply = self.standalone_outcome();
            self.reply(reply_to, Ok(reply));
        }
    }

    /// How the run in hand ended, for those who waited.
    pub(crate) fn standalone_outcome(&self) -> Reply {
        Reply::ActivityOutcome(self.run.run_id.clone(), outcome(&self.run).map(Box::new))
    }

    #[expect(
        clippy::unwrap_in_result,
        reason = "what is expected here no caller can bring about"
    )]
    fn cancel_standalone(
        &mut self,
        reason: String,
        identity: String,
        request_id: RequestId,
    ) -> Result<Reply, Rejection> {
        if self.run.signal_requests.contains(&request_id) {
            return Ok(Reply::Done);
        }
        if !self.run.is_open() {
            return Err(closed());
        }
        if self.run.history.cancel_requested {
            return Err(Rejection::FailedPrecondition(
                "cancellation already requested with a different request ID".to_owned(),
            ));
        }
        if !request_id.is_empty() {
            self.record(Record::SignalRequest(request_id));
        }
        let scheduled = EventId(2);
        let details = Payload::json(&reason).expect("a string is JSON");
        self.write(WorkflowExecutionCancelRequestedEventAttributes {
            cause: reason,
            identity: identity.clone(),
            ..WorkflowExecutionCancelRequestedEventAttributes::default()
        });
        let requested = self.write(ActivityTaskCancelRequestedEventAttributes {
            scheduled_event_id: scheduled.0,
            ..ActivityTaskCancelRequestedEventAttributes::default()
        });
        let state = self.run.activities.get(&scheduled);
        if state.is_some_and(|state| state.started.is_none()) {
            self.record(Record::Activity(scheduled, None));
            self.write(ActivityTaskCanceledEventAttributes {
                details: Some(Payloads {
                    payloads: vec![details],
                }),
                latest_cancel_requested_event_id: requested.0,
                scheduled_event_id: scheduled.0,
                identity,
                ..ActivityTaskCanceledEventAttributes::default()
            });
        }
        Ok(Reply::Done)
    }

    fn terminate_standalone(
        &mut self,
        reason: String,
        identity: String,
    ) -> Result<Reply, Rejection> {
        if !self.run.is_open() {
            return Err(closed());
        }
        let ending = Ending::Terminated {
            reason,
            details: None,
            identity,
        };
        self.close(ending, EventId::NONE);
        Ok(Reply::Done)
    }

    fn describe_standalone(
        &self,
        input: bool,
        with_outcome: bool,
        heartbeat_details: bool,
        last_failure: bool,
    ) -> Reply {
        let mut info = info(&self.run, self.activity_id(), self.now);
        if !heartbeat_details {
            info.heartbeat_details = None;
        }
        if !last_failure {
            info.last_failure = None;
        }
        let standalone = self.run.history.standalone.as_deref();
        let scheduled = standalone.and_then(|s| s.scheduled.as_ref());
        Reply::DescribeActivity(Box::new(DescribeActivityExecutionResponse {
            run_id: self.run.run_id.to_string(),
            info: Some(info),
            input: scheduled
                .and_then(|s| s.attributes.input.clone())
                .filter(|_| input),
            outcome: outcome(&self.run).filter(|_| with_outcome),
            ..DescribeActivityExecutionResponse::default()
        }))
    }

    fn activity_id(&self) -> &str {
        let id = self.key.workflow_id.as_str();
        id.strip_prefix(STANDALONE_PREFIX).unwrap_or(id)
    }
}

fn closed() -> Rejection {
    Rejection::FailedPrecondition("activity execution already completed".to_owned())
}

/// How it ended, as the wire has it.
fn outcome(run: &Run) -> Option<ActivityExecutionOutcome> {
    use activity_execution_outcome::Value;
    let end = run.history.standalone.as_ref()?.end.as_ref()?;
    let (value, why) = match end {
        StandaloneEnd::Completed(result) => (Value::Result(result.clone().unwrap_or_default()), 0),
        StandaloneEnd::Failed(failure, why) => (Value::Failure((**failure).clone()), *why),
        StandaloneEnd::Canceled(details) => {
            let info = CanceledFailureInfo {
                details: details.clone(),
                ..CanceledFailureInfo::default()
            };
            (Value::Failure(Failure::of("Activity canceled", info)), 0)
        }
        StandaloneEnd::Terminated(reason) => {
            (Value::Failure(Failure::terminated(reason.clone())), 0)
        }
    };
    Some(ActivityExecutionOutcome {
        value: Some(value),
        retry_state: RetryState::try_from(why).unwrap_or_default().into(),
    })
}

/// Its status, as the wire has it.
#[must_use]
pub fn activity_status(status: WorkflowExecutionStatus) -> ActivityExecutionStatus {
    use WorkflowExecutionStatus as Status;
    match status {
        Status::Running | Status::Paused => ActivityExecutionStatus::Running,
        Status::Completed => ActivityExecutionStatus::Completed,
        Status::Failed => ActivityExecutionStatus::Failed,
        Status::Canceled => ActivityExecutionStatus::Canceled,
        Status::Terminated => ActivityExecutionStatus::Terminated,
        Status::TimedOut => ActivityExecutionStatus::TimedOut,
        Status::Unspecified | Status::ContinuedAsNew => ActivityExecutionStatus::Unspecified,
    }
}

fn info(run: &Run, activity_id: &str, now: Timestamp) -> ActivityExecutionInfo {
    let history = &run.history;
    let Some(standalone) = history.standalone.as_deref() else {
        return ActivityExecutionInfo::default();
    };
    let Some(scheduled) = &standalone.scheduled else {
        return ActivityExecutionInfo::default();
    };
    let a = &scheduled.attributes;
    let state = run.activities.values().next();
    let started = state.and_then(|s| s.started.as_ref());
    let run_state = match (state, started, history.cancel_requested) {
        (None, ..) => PendingActivityState::Unspecified,
        (Some(_), None, _) => PendingActivityState::Scheduled,
        (Some(_), Some(_), false) => PendingActivityState::Started,
        (Some(_), Some(_), true) => PendingActivityState::CancelRequested,
    };
    let attempt = state.map_or(standalone.attempt, |s| s.attempt);
    let close = scheduled.timeouts.schedule_to_close;
    ActivityExecutionInfo {
        activity_id: activity_id.to_owned(),
        run_id: run.run_id.to_string(),
        activity_type: a.activity_type.clone(),
        status: activity_status(history.status).into(),
        run_state: run_state.into(),
        task_queue: a.task_queue.clone().unwrap_or_default().name,
        schedule_to_close_timeout: a.schedule_to_close_timeout,
        schedule_to_start_timeout: a.schedule_to_start_timeout,
        start_to_close_timeout: a.start_to_close_timeout,
        heartbeat_timeout: a.heartbeat_timeout,
        retry_policy: a.retry_policy.clone(),
        heartbeat_details: state
            .and_then(|s| s.heartbeat_details.as_ref())
            .map(|d| d.0.clone()),
        last_heartbeat_time: state
            .and_then(|s| s.last_heartbeat)
            .map(Timestamp::to_proto),
        last_started_time: started
            .map(|s| s.time)
            .or(standalone.started)
            .map(Timestamp::to_proto),
        attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
        execution_duration: Some(duration_to_proto(
            history.close_time.unwrap_or(now).since(history.start_time),
        )),
        schedule_time: Some(scheduled.time.to_proto()),
        expiration_time: (!close.is_zero()).then(|| scheduled.time.plus(close).to_proto()),
        close_time: history.close_time.map(Timestamp::to_proto),
        last_failure: state
            .and_then(|s| s.last_failure.as_ref())
            .map(|f| f.0.clone())
            .or_else(|| standalone.last_failure.clone()),
        last_worker_identity: state
            .map_or_else(|| standalone.identity.clone(), |s| s.last_identity.clone()),
        priority: a.priority.clone(),
        search_attributes: search_attributes(run),
        header: a.header.clone(),
        canceled_reason: history.cancel_reason.clone(),
        ..ActivityExecutionInfo::default()
    }
}

/// Its search attributes, without the one that is for the server itself.
fn search_attributes(run: &Run) -> Option<SearchAttributes> {
    let mut fields = run.history.search_attributes.clone();
    fields.remove(NAMESPACE_DIVISION);
    (!fields.is_empty()).then_some(SearchAttributes {
        indexed_fields: fields,
    })
}

/// What ends an activity, in the words of its event.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events end no activity"
)]
pub(crate) fn end_of(attributes: &Attributes) -> Option<(WorkflowExecutionStatus, StandaloneEnd)> {
    use Attributes as A;
    use WorkflowExecutionStatus as Status;
    Some(match attributes {
        A::ActivityTaskCompletedEventAttributes(a) => (
            Status::Completed,
            StandaloneEnd::Completed(a.result.clone()),
        ),
        A::ActivityTaskFailedEventAttributes(a) => {
            let failure = Box::new(a.failure.clone().unwrap_or_default());
            (
                Status::Failed,
                StandaloneEnd::Failed(failure, a.retry_state),
            )
        }
        A::ActivityTaskTimedOutEventAttributes(a) => {
            let failure = Box::new(a.failure.clone().unwrap_or_default());
            (
                Status::TimedOut,
                StandaloneEnd::Failed(failure, a.retry_state),
            )
        }
        A::ActivityTaskCanceledEventAttributes(a) => {
            (Status::Canceled, StandaloneEnd::Canceled(a.details.clone()))
        }
        A::WorkflowExecutionTerminatedEventAttributes(t) => (
            Status::Terminated,
            StandaloneEnd::Terminated(t.reason.clone()),
        ),
        _ => return None,
    })
}

/// What a start of a run carries besides the caller's search attributes.
pub(crate) fn divided(given: Option<Proto<SearchAttributes>>) -> Proto<SearchAttributes> {
    let mut attributes = given.unwrap_or_default();
    let mut division = Payload::json(STANDALONE_DIVISION).expect("a string is JSON");
    division
        .metadata
        .insert("type".to_owned(), b"Keyword".to_vec().into());
    attributes
        .0
        .indexed_fields
        .insert(NAMESPACE_DIVISION.to_owned(), division);
    attributes
}
