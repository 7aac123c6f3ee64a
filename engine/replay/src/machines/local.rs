//! A local activity. It runs in the worker, and history knows only the marker with its result.
//!
//! | state | cancel | result | marker ahead in history | first new task | marker recorded |
//! |---|---|---|---|---|---|
//! | Waiting (replay) | asks to cancel | – | Known, job | Running, call | – |
//! | Known (replay) | asks to cancel | – | – | – | Recorded |
//! | Running | WaitCompleted asks, TryCancel and Abandon end it: Marking | Marking, job, marker | – | – | – |
//! | Marking | – | – | – | – | Recorded |
//! | Recorded | asks to cancel (it may be backing off) | – | – | – | – |

use prost_types::{Duration, Timestamp};
use steadfast_proto::temporal::api::{
    command::v1::{RecordMarkerCommandAttributes, command::Attributes as Cmd},
    common::v1::Payload,
    enums::v1::RetryState,
    failure::v1::{CanceledFailureInfo, Failure, failure::FailureInfo},
    history::v1::{HistoryEvent, MarkerRecordedEventAttributes},
};

use super::{
    Effects, Key, Queued,
    activity::{Place, activity_info},
    command, impossible,
};
use crate::{
    error::{Result, Trouble},
    event,
    language::{ActivityCancellation, Job, LocalActivity, Notes, Resolution},
    markers::{self, LocalActivityData, Seconds},
    nondeterminism::{Mismatch, NonDeterminismKind},
};

#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) state: State,
    pub(crate) schedule: LocalActivity,
    replaying_when_invoked: bool,
    time_when_started: Option<Timestamp>,
    notes: Notes,
    ended_as: Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Known,
    Running,
    Marking,
    Recorded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Not,
    Completed,
    Failed,
    Cancelled,
}

/// How a local activity ended, from its execution or from its marker.
#[derive(Debug, Clone)]
pub(crate) enum LocalEnd {
    Completed(Option<Payload>),
    Failed(Failure),
    TimedOut(Failure),
    Cancelled(Failure),
}

#[derive(Debug, Clone)]
pub(crate) struct LocalResult {
    pub(crate) end: LocalEnd,
    pub(crate) attempt: u32,
    pub(crate) complete_time: Option<Timestamp>,
    pub(crate) backoff: Option<Duration>,
    pub(crate) original_schedule_time: Option<Timestamp>,
    pub(crate) activation_index: Option<u64>,
}

/// What a cancel means for whoever runs local activities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CancelEffect {
    Nothing,
    Ask,
}

impl Local {
    pub(crate) fn new(
        schedule: LocalActivity,
        replaying: bool,
        time: Option<Timestamp>,
        notes: Notes,
    ) -> Self {
        Self {
            state: if replaying {
                State::Waiting
            } else {
                State::Running
            },
            schedule,
            replaying_when_invoked: replaying,
            time_when_started: time,
            notes,
            ended_as: Ended::Not,
        }
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "RecordMarker (local activity {}, id {})",
            self.schedule.activity_type, self.schedule.activity_id
        )
    }

    /// History ends without its marker: it has to run after all.
    pub(crate) fn run_after_all(&mut self) -> Option<LocalActivity> {
        (self.state == State::Waiting).then(|| {
            self.replaying_when_invoked = false;
            self.state = State::Running;
            self.schedule.clone()
        })
    }

    /// The workflow time at which an execution of this length ended.
    pub(crate) fn ended_at(&self, runtime: Duration) -> Option<Timestamp> {
        let start = self.time_when_started?;
        let nanos = i64::from(start.nanos) + i64::from(runtime.nanos);
        Some(Timestamp {
            seconds: start.seconds.saturating_add(runtime.seconds) + nanos.div_euclid(NANOS),
            nanos: i32::try_from(nanos.rem_euclid(NANOS)).unwrap_or_default(),
        })
    }

    pub(crate) fn cancel(&mut self, key: Key, index: u64, effects: &mut Effects) -> CancelEffect {
        let no_wait = self.schedule.cancellation != ActivityCancellation::WaitCompleted;
        match self.state {
            State::Running if no_wait => {
                let result = LocalResult {
                    end: LocalEnd::Cancelled(cancelled_failure()),
                    attempt: self.schedule.attempt,
                    complete_time: None,
                    backoff: None,
                    original_schedule_time: self.schedule.original_schedule_time,
                    activation_index: Some(index),
                };
                self.end(key, result, effects);
                if self.schedule.cancellation == ActivityCancellation::TryCancel {
                    CancelEffect::Ask
                } else {
                    CancelEffect::Nothing
                }
            }
            State::Recorded if self.schedule.cancellation == ActivityCancellation::Abandon => {
                CancelEffect::Nothing
            }
            State::Marking => CancelEffect::Nothing,
            State::Running | State::Waiting | State::Known | State::Recorded => CancelEffect::Ask,
        }
    }

    /// Ends it with a result from its execution; false if nobody waits for that any more.
    pub(crate) fn resolve(&mut self, key: Key, result: LocalResult, effects: &mut Effects) -> bool {
        if self.state != State::Running {
            return false;
        }
        self.end(key, result, effects);
        true
    }

    /// Ends it with the result that history has further on.
    pub(crate) fn resolve_known(&mut self, key: Key, result: LocalResult, effects: &mut Effects) {
        if self.state == State::Waiting {
            self.end(key, result, effects);
        }
    }

    fn end(&mut self, key: Key, result: LocalResult, effects: &mut Effects) {
        self.ended_as = match &result.end {
            LocalEnd::Completed(_) => Ended::Completed,
            LocalEnd::Failed(_) | LocalEnd::TimedOut(_) => Ended::Failed,
            LocalEnd::Cancelled(_) => Ended::Cancelled,
        };
        let phantom = self.replaying_when_invoked;
        self.state = if phantom {
            State::Known
        } else {
            State::Marking
        };
        effects.fresh.push_back(Queued {
            key,
            command: command(self.marker(&result), self.notes.clone()),
            sealed: false,
            phantom,
        });
        effects.move_time = result.complete_time;
        let resolution = self.resolution(result);
        effects.job(Job::ResolveActivity {
            seq: self.schedule.seq,
            is_local: true,
            resolution,
        });
    }

    fn resolution(&self, result: LocalResult) -> Resolution {
        if let Some(backoff) = result.backoff {
            return Resolution::Backoff {
                attempt: result.attempt.saturating_add(1),
                backoff,
                original_schedule_time: result.original_schedule_time,
            };
        }
        match result.end {
            LocalEnd::Completed(payload) => Resolution::Completed(payload),
            LocalEnd::Failed(failure) => Resolution::Failed(failure),
            LocalEnd::TimedOut(failure) => {
                let timed_out = matches!(
                    failure.failure_info,
                    Some(FailureInfo::TimeoutFailureInfo(_))
                );
                Resolution::Failed(self.wrapped(failure, timed_out, "Local Activity timed out"))
            }
            LocalEnd::Cancelled(failure) => {
                let cancelled = matches!(
                    failure.failure_info,
                    Some(FailureInfo::CanceledFailureInfo(_))
                );
                Resolution::Cancelled(self.wrapped(failure, cancelled, "Local Activity cancelled"))
            }
        }
    }

    /// Cancellations and timeouts reach the code inside an activity failure.
    fn wrapped(&self, failure: Failure, wrap: bool, message: &str) -> Failure {
        if !wrap {
            return failure;
        }
        let place = Place {
            identity: "",
            retry_state: RetryState::CancelRequested.into(),
            started_event_id: 0,
            scheduled_event_id: 0,
        };
        Failure {
            message: message.to_owned(),
            cause: Some(Box::new(failure)),
            failure_info: Some(activity_info(
                &self.schedule.activity_type,
                &self.schedule.activity_id,
                place,
            )),
            ..Default::default()
        }
    }

    fn marker(&self, result: &LocalResult) -> Cmd {
        let seconds = |time: Timestamp| Seconds {
            seconds: time.seconds,
            nanos: time.nanos,
        };
        let data = LocalActivityData {
            seq: self.schedule.seq,
            attempt: result.attempt,
            activity_id: self.schedule.activity_id.clone(),
            activity_type: self.schedule.activity_type.clone(),
            complete_time: result.complete_time.map(seconds),
            backoff: result.backoff.map(|b| Seconds {
                seconds: b.seconds,
                nanos: b.nanos,
            }),
            original_schedule_time: result.original_schedule_time.map(seconds),
            activation_index: result.activation_index,
        };
        let (ok, failure) = match result.end.clone() {
            LocalEnd::Completed(payload) => (payload, None),
            LocalEnd::Failed(f) | LocalEnd::TimedOut(f) | LocalEnd::Cancelled(f) => (None, Some(f)),
        };
        let input = self
            .schedule
            .include_arguments_in_marker
            .then(|| self.schedule.arguments.clone());
        Cmd::RecordMarkerCommandAttributes(RecordMarkerCommandAttributes {
            marker_name: markers::LOCAL_ACTIVITY.to_owned(),
            details: markers::local_activity_details(&data, ok, input),
            header: None,
            failure,
        })
    }

    /// The marker is in history.
    pub(crate) fn recorded(
        &mut self,
        event: &HistoryEvent,
        marker: &MarkerRecordedEventAttributes,
        ids_and_types: bool,
    ) -> Result<()> {
        let data = markers::local_activity_data(&marker.details)
            .ok_or_else(|| Trouble::invalid(event.event_id, "unreadable local activity marker"))?;
        if !matches!(self.state, State::Known | State::Marking) {
            let why = "the local activity has no result yet, or one too many";
            return Err(impossible(event, self.describe(), why).into());
        }
        if let Some(why) = self.disagreement(&data, marker.failure.is_some(), ids_and_types) {
            return Err(Mismatch {
                kind: NonDeterminismKind::DifferentAttributes,
                event_id: event.event_id,
                history: event::describe(event),
                code: self.describe(),
                message: why,
            }
            .into());
        }
        self.state = State::Recorded;
        Ok(())
    }

    fn disagreement(
        &self,
        data: &LocalActivityData,
        failed: bool,
        ids_and_types: bool,
    ) -> Option<String> {
        let ours = &self.schedule;
        if self.state == State::Marking && self.ended_as == Ended::Completed && failed {
            return Some(format!(
                "Local activity (seq {}) completed successfully locally, but history said it failed!",
                ours.seq
            ));
        }
        if self.state == State::Marking && self.ended_as == Ended::Failed && !failed {
            return Some(format!(
                "Local activity (seq {}) failed locally, but history said it completed!",
                ours.seq
            ));
        }
        if ours.seq != data.seq {
            return Some(format!(
                "Local activity marker data has sequence number {} but matched against LA command with sequence number {}",
                data.seq, ours.seq
            ));
        }
        let differs = |what: &str, history: &str, code: &str| {
            format!(
                "Activity {what} of recorded marker '{history}' does not match activity {what} of local activity command '{code}'"
            )
        };
        if ids_and_types && data.activity_id != ours.activity_id {
            return Some(differs("id", &data.activity_id, &ours.activity_id));
        }
        if ids_and_types && data.activity_type != ours.activity_type {
            return Some(differs("type", &data.activity_type, &ours.activity_type));
        }
        None
    }

    pub(crate) fn was_replayed(&self) -> bool {
        self.replaying_when_invoked
    }
}

const NANOS: i64 = 1_000_000_000;

pub(crate) fn cancelled_failure() -> Failure {
    Failure {
        message: "Activity cancelled".to_owned(),
        failure_info: Some(FailureInfo::CanceledFailureInfo(
            CanceledFailureInfo::default(),
        )),
        ..Default::default()
    }
}

/// The result that a marker holds.
pub(crate) fn result_of(
    data: &LocalActivityData,
    marker: &MarkerRecordedEventAttributes,
) -> LocalResult {
    let time = |s: Seconds| Timestamp {
        seconds: s.seconds,
        nanos: s.nanos,
    };
    let end = match markers::local_activity_result(marker) {
        Ok(payload) => LocalEnd::Completed(Some(payload.unwrap_or_default())),
        Err(failure) if is_cancelled(&failure) => LocalEnd::Cancelled(*failure),
        Err(failure) => LocalEnd::Failed(*failure),
    };
    LocalResult {
        end,
        attempt: data.attempt,
        complete_time: data.complete_time.map(time),
        backoff: data.backoff.map(|s| Duration {
            seconds: s.seconds,
            nanos: s.nanos,
        }),
        original_schedule_time: data.original_schedule_time.map(time),
        activation_index: data.activation_index,
    }
}

fn is_cancelled(failure: &Failure) -> bool {
    let cancelled = |failure: &Failure| {
        matches!(
            failure.failure_info,
            Some(FailureInfo::CanceledFailureInfo(_))
        )
    };
    cancelled(failure) || failure.cause.as_deref().is_some_and(cancelled)
}
