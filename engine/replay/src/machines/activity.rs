//! An activity that the server dispatches.
//!
//! | state | cancel | scheduled recorded | started | completed, failed, timed out | cancelled |
//! |---|---|---|---|---|---|
//! | Created | Unsent, job | Scheduled | – | – | – |
//! | Scheduled | as Started | – | Started | Done, job (timed out only) | mismatch |
//! | Started | Cancelling, command; Abandon: Abandoned, job | – | – | Done, job | mismatch |
//! | Cancelling | – | – | stays | Done, job unless TryCancel | Done, job unless TryCancel |
//! | Abandoned | – | – | stays | Done | Done |
//!
//! TryCancel answers the code at once when it asks to cancel, the others when the server answers.

use steadfast_proto::temporal::api::{
    command::v1::{RequestCancelActivityTaskCommandAttributes, command::Attributes as Cmd},
    common::v1::{ActivityType, Payloads},
    enums::v1::RetryState,
    failure::v1::{ActivityFailureInfo, CanceledFailureInfo, Failure, failure::FailureInfo},
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::{Effects, Key, impossible, unexpected};
use crate::{
    error::{Result, Trouble},
    event,
    language::{ActivityCancellation, Job, Notes, Resolution},
};

#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) state: State,
    seq: u32,
    id: String,
    kind: String,
    cancellation: ActivityCancellation,
    scheduled_event_id: i64,
    started: bool,
    notes: Notes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Created,
    Unsent,
    Scheduled,
    Started,
    Cancelling,
    Abandoned,
    Done,
}

impl Activity {
    pub(crate) fn new(
        seq: u32,
        id: String,
        kind: String,
        cancellation: ActivityCancellation,
        notes: Notes,
    ) -> Self {
        Self {
            state: State::Created,
            seq,
            id,
            kind,
            cancellation,
            scheduled_event_id: 0,
            started: false,
            notes,
        }
    }

    pub(crate) fn describe(&self) -> String {
        let what = match self.state {
            State::Cancelling => "RequestCancelActivityTask",
            _ => "ScheduleActivityTask",
        };
        format!("{what} ({}, id {})", self.kind, self.id)
    }

    pub(crate) fn cancel(&mut self, key: Key, notes: Notes, effects: &mut Effects) {
        self.notes.override_with(notes);
        match self.state {
            State::Created => {
                self.state = State::Unsent;
                self.resolve(self.cancelled_now(), effects);
            }
            State::Scheduled | State::Started
                if self.cancellation == ActivityCancellation::Abandon =>
            {
                self.state = State::Abandoned;
                self.resolve(self.cancelled_now(), effects);
            }
            State::Scheduled | State::Started => {
                self.state = State::Cancelling;
                let attributes = Cmd::RequestCancelActivityTaskCommandAttributes(
                    RequestCancelActivityTaskCommandAttributes {
                        scheduled_event_id: self.scheduled_event_id,
                    },
                );
                effects.issue(key, attributes, self.notes.clone());
                if self.cancellation == ActivityCancellation::TryCancel {
                    self.resolve(self.cancelled_now(), effects);
                }
            }
            State::Unsent | State::Cancelling | State::Abandoned | State::Done => {}
        }
    }

    /// Its own scheduling or its cancel request is in history.
    pub(crate) fn recorded(&mut self, event: &HistoryEvent) {
        if self.state == State::Created {
            self.state = State::Scheduled;
            self.scheduled_event_id = event.event_id;
        }
    }

    pub(crate) fn outcome(&mut self, event: &HistoryEvent, effects: &mut Effects) -> Result<()> {
        let resolution = match &event.attributes {
            Some(Attributes::ActivityTaskStartedEventAttributes(_)) => return self.start(event),
            Some(Attributes::ActivityTaskCompletedEventAttributes(completed)) => {
                self.must_have_started(event)?;
                let result = event::only_payload(&completed.result)
                    .map_err(|why| Trouble::invalid(event.event_id, why))?;
                Resolution::Completed(result)
            }
            Some(Attributes::ActivityTaskFailedEventAttributes(failed)) => {
                self.must_have_started(event)?;
                let mut failure = self.failure("Activity task failed", failed.failure.clone());
                let info = Place {
                    identity: &failed.identity,
                    retry_state: failed.retry_state,
                    started_event_id: failed.started_event_id,
                    scheduled_event_id: failed.scheduled_event_id,
                };
                failure.failure_info = Some(self.info(info));
                Resolution::Failed(failure)
            }
            Some(Attributes::ActivityTaskTimedOutEventAttributes(timed_out)) => {
                let mut failure =
                    self.failure("Activity task timed out", timed_out.failure.clone());
                let info = Place {
                    identity: "",
                    retry_state: timed_out.retry_state,
                    started_event_id: timed_out.started_event_id,
                    scheduled_event_id: timed_out.scheduled_event_id,
                };
                failure.failure_info = Some(self.info(info));
                Resolution::Failed(failure)
            }
            Some(Attributes::ActivityTaskCanceledEventAttributes(cancelled)) => {
                if !matches!(self.state, State::Cancelling | State::Abandoned) {
                    let why = "the code never asked to cancel this activity";
                    return Err(impossible(event, self.describe(), why).into());
                }
                let info = Place {
                    identity: &cancelled.identity,
                    retry_state: RetryState::CancelRequested.into(),
                    started_event_id: cancelled.started_event_id,
                    scheduled_event_id: cancelled.scheduled_event_id,
                };
                Resolution::Cancelled(self.cancelled(info, cancelled.details.clone()))
            }
            _ => return Err(unexpected(event, "an activity")),
        };
        let answered = match self.state {
            State::Abandoned => true,
            State::Cancelling => self.cancellation == ActivityCancellation::TryCancel,
            _ => false,
        };
        self.state = State::Done;
        if !answered {
            self.resolve(resolution, effects);
        }
        Ok(())
    }

    fn start(&mut self, event: &HistoryEvent) -> Result<()> {
        if self.started {
            return Err(Trouble::invalid(
                event.event_id,
                "the activity started twice",
            ));
        }
        self.started = true;
        if self.state == State::Scheduled {
            self.state = State::Started;
        }
        Ok(())
    }

    fn must_have_started(&self, event: &HistoryEvent) -> Result<()> {
        if self.started {
            return Ok(());
        }
        Err(Trouble::invalid(
            event.event_id,
            "the activity ended before it started",
        ))
    }

    fn resolve(&self, resolution: Resolution, effects: &mut Effects) {
        effects.job(Job::ResolveActivity {
            seq: self.seq,
            is_local: false,
            resolution,
        });
    }

    fn failure(&self, message: &str, cause: Option<Failure>) -> Failure {
        Failure {
            message: message.to_owned(),
            cause: cause.map(Box::new),
            ..Default::default()
        }
    }

    /// The cancellation that the code sees before the server has said anything.
    fn cancelled_now(&self) -> Resolution {
        let place = Place {
            identity: "",
            retry_state: RetryState::CancelRequested.into(),
            started_event_id: 0,
            scheduled_event_id: 0,
        };
        Resolution::Cancelled(self.cancelled(place, None))
    }

    fn cancelled(&self, place: Place<'_>, details: Option<Payloads>) -> Failure {
        let cause = Failure {
            failure_info: Some(FailureInfo::CanceledFailureInfo(CanceledFailureInfo {
                details,
                ..Default::default()
            })),
            ..Default::default()
        };
        let mut failure = self.failure("Activity cancelled", Some(cause));
        failure.failure_info = Some(self.info(place));
        failure
    }

    fn info(&self, place: Place<'_>) -> FailureInfo {
        activity_info(&self.kind, &self.id, place)
    }
}

/// Where an activity's failure happened.
pub(crate) struct Place<'a> {
    pub(crate) identity: &'a str,
    pub(crate) retry_state: i32,
    pub(crate) started_event_id: i64,
    pub(crate) scheduled_event_id: i64,
}

pub(crate) fn activity_info(kind: &str, id: &str, place: Place<'_>) -> FailureInfo {
    FailureInfo::ActivityFailureInfo(ActivityFailureInfo {
        activity_type: Some(ActivityType {
            name: kind.to_owned(),
        }),
        activity_id: id.to_owned(),
        identity: place.identity.to_owned(),
        retry_state: place.retry_state,
        started_event_id: place.started_event_id,
        scheduled_event_id: place.scheduled_event_id,
    })
}
