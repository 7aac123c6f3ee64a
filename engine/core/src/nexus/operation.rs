//! One operation of a workflow: see the parent module's table.

use steadfast_proto::temporal::api::{
    enums::v1::{
        NexusOperationCancellationState as CancelState, PendingNexusOperationState, TimeoutType,
        WorkflowTaskFailedCause as Cause,
    },
    failure::v1::{Failure, TimeoutFailureInfo},
    history::v1::{
        NexusOperationCancelRequestCompletedEventAttributes,
        NexusOperationCancelRequestFailedEventAttributes,
        NexusOperationCancelRequestedEventAttributes, NexusOperationCanceledEventAttributes,
        NexusOperationCompletedEventAttributes, NexusOperationFailedEventAttributes,
        NexusOperationScheduledEventAttributes, NexusOperationStartedEventAttributes,
        NexusOperationTimedOutEventAttributes,
    },
    workflow::v1::{NexusOperationCancellationInfo, PendingNexusOperationInfo},
};

use super::{
    MAX_OPERATION_TOKEN, NexusAnswer, NexusAsk, NexusCall, NexusClosed, NexusEnd, NexusOutcome,
    NexusState, NexusTaskReply, request,
};
use crate::{
    command::ScheduleNexus,
    commands::bad,
    effect::{Rejection, Reply, ReplyTo},
    execution::Run,
    history::{PendingNexus, proto_duration},
    ids::EventId,
    limits::MAX_PENDING,
    message::{Claim, QueueKey, TaskKind, TaskRef},
    record::{Proto, Record},
    request::CommandError,
    time::{Timestamp, duration_to_proto},
    token::TaskToken,
    tx::{Trimmings, Tx},
};

fn gone() -> Rejection {
    Rejection::NotFound("Nexus task not found or already expired".to_owned())
}

impl Tx<'_> {
    pub(crate) fn schedule_nexus(
        &mut self,
        command: ScheduleNexus,
        completed: EventId,
        trimmings: Trimmings,
    ) -> Result<(), CommandError> {
        if self.run.history.nexus.len() >= MAX_PENDING {
            return bad(
                Cause::PendingNexusOperationsLimitExceeded,
                format!(
                    "the number of pending Nexus operations, {MAX_PENDING}, has reached the limit"
                ),
            );
        }
        let Some(target) = command.target else {
            return bad(
                Cause::BadScheduleNexusOperationAttributes,
                format!("endpoint {:?} not found", command.endpoint),
            );
        };
        let run_timeout = proto_duration(self.run.history.start.workflow_run_timeout.as_ref());
        let bounds = command.timeouts.within(run_timeout);
        let given =
            |bound: std::time::Duration| (!bound.is_zero()).then(|| duration_to_proto(bound));
        let request_id = self.ids.uuid();
        let scheduled = self.write_with(
            NexusOperationScheduledEventAttributes {
                endpoint: command.endpoint,
                service: command.service,
                operation: command.operation,
                input: command.input,
                schedule_to_close_timeout: given(bounds.schedule_to_close),
                nexus_header: command.header,
                workflow_task_completed_event_id: completed.0,
                request_id,
                endpoint_id: target.endpoint_id.clone(),
                schedule_to_start_timeout: given(bounds.schedule_to_start),
                start_to_close_timeout: given(bounds.start_to_close),
            },
            trimmings,
        );
        let state = NexusState {
            target,
            start: Some(NexusCall::new(self.now)),
            token: None,
            cancel: None,
        };
        self.record(Record::Nexus(scheduled, Some(Box::new(state))));
        Ok(())
    }

    pub(crate) fn request_cancel_nexus(
        &mut self,
        scheduled: EventId,
        completed: EventId,
    ) -> Result<(), CommandError> {
        let Some(pending) = self.run.history.nexus.get(&scheduled) else {
            return bad(
                Cause::BadRequestCancelNexusOperationAttributes,
                format!(
                    "requested cancelation for a non-existing or already completed operation with scheduled event ID of {scheduled}"
                ),
            );
        };
        if pending.cancel_requested.is_some() {
            return bad(
                Cause::BadRequestCancelNexusOperationAttributes,
                format!(
                    "cancelation was already requested for an operation with scheduled event ID {scheduled}"
                ),
            );
        }
        self.write(NexusOperationCancelRequestedEventAttributes {
            scheduled_event_id: scheduled.0,
            workflow_task_completed_event_id: completed.0,
        });
        if let Some(mut state) = self.run.nexus.get(&scheduled).cloned() {
            state.cancel = Some(NexusCall::new(self.now));
            self.record(Record::Nexus(scheduled, Some(state)));
        }
        Ok(())
    }

    /// Gives what is to be asked to a poller; `None` if it is gone.
    pub(crate) fn ask_nexus(&mut self, claim: &Claim) -> Option<NexusTaskReply> {
        let scheduled = claim.task.scheduled;
        let ask = NexusAsk::of_stamp(claim.task.stamp);
        let mut state = self.run.nexus.get(&scheduled)?.clone();
        let call = state.call(ask)?;
        if call.attempt != claim.task.attempt {
            return None;
        }
        match &call.asked {
            Some((request_id, _)) if *request_id != claim.request_id => return None,
            Some(_) => {}
            None => {
                let call = state.call_mut(ask)?;
                call.asked = Some((claim.request_id.clone(), self.now));
                self.record(Record::Nexus(scheduled, Some(state.clone())));
            }
        }
        Some(self.nexus_task(scheduled, &state, ask))
    }

    fn nexus_task(&self, scheduled: EventId, state: &NexusState, ask: NexusAsk) -> NexusTaskReply {
        let pending = &self.run.history.nexus[&scheduled];
        let call = state.call(ask).expect("the caller looked");
        let asked = call.asked.as_ref().map_or(self.now, |(_, since)| *since);
        let started = match ask {
            NexusAsk::Start => EventId::NONE,
            NexusAsk::Cancel => pending.cancel_requested,
        };
        NexusTaskReply {
            token: TaskToken {
                kind: TaskKind::Nexus,
                run: self.run_key(),
                scheduled,
                started,
                attempt: call.attempt,
                stamp: 0,
                epoch: self.epoch(),
            },
            request: request::request(&self.run_key(), scheduled, pending, state, ask, asked),
        }
    }

    /// A handler answers.
    pub(crate) fn nexus_answered(&mut self, answer: NexusAnswer, reply_to: ReplyTo) {
        let TaskToken {
            scheduled, attempt, ..
        } = answer.token;
        let ask = NexusAsk::of_token(&answer.token);
        let holds = self.run.nexus.get(&scheduled).is_some_and(|state| {
            state
                .call(ask)
                .is_some_and(|call| call.attempt == attempt && call.asked.is_some())
        });
        if !self.run.is_open() || !holds {
            return self.reply(reply_to, Err(gone()));
        }
        let told = match answer.outcome {
            NexusOutcome::Started(token, _)
                if token.is_empty() || token.len() > MAX_OPERATION_TOKEN =>
            {
                Err(Rejection::InvalidArgument(format!(
                    "an operation token has 1 to {MAX_OPERATION_TOKEN} bytes"
                )))
            }
            outcome @ (NexusOutcome::Completed(..)
            | NexusOutcome::Started(..)
            | NexusOutcome::Failed(..)
            | NexusOutcome::Canceled(..)
            | NexusOutcome::HandlerError(..)
            | NexusOutcome::CancelTaken) => {
                self.nexus_outcome(scheduled, ask, outcome);
                Ok(Reply::Done)
            }
        };
        self.reply(reply_to, told);
    }

    fn nexus_outcome(&mut self, scheduled: EventId, ask: NexusAsk, outcome: NexusOutcome) {
        match outcome {
            NexusOutcome::Completed(result, links) => {
                self.end_nexus(scheduled, NexusEnd::Completed(result.map(Proto)), links);
            }
            NexusOutcome::Failed(failure) => {
                self.end_nexus(
                    scheduled,
                    NexusEnd::Failed(Box::new(Proto(*failure))),
                    Vec::new(),
                );
            }
            NexusOutcome::Canceled(failure) => {
                self.end_nexus(
                    scheduled,
                    NexusEnd::Canceled(Box::new(Proto(*failure))),
                    Vec::new(),
                );
            }
            NexusOutcome::Started(token, links) => self.nexus_started(scheduled, token, links),
            NexusOutcome::CancelTaken => self.cancel_taken(scheduled),
            NexusOutcome::HandlerError(failure) if request::may_pass(&failure) => {
                self.ask_nexus_again(scheduled, ask, *failure);
            }
            NexusOutcome::HandlerError(failure) => match ask {
                NexusAsk::Start => {
                    let end = NexusEnd::Failed(Box::new(Proto(*failure)));
                    self.end_nexus(scheduled, end, Vec::new());
                }
                NexusAsk::Cancel => self.cancel_refused(scheduled, *failure),
            },
        }
    }

    fn ask_nexus_again(&mut self, scheduled: EventId, ask: NexusAsk, failure: Failure) {
        let mut state = self.run.nexus[&scheduled].clone();
        let call = state.call_mut(ask).expect("the caller looked");
        call.again(self.now, Some(failure));
        self.record(Record::Nexus(scheduled, Some(state)));
    }

    /// The handler has taken the operation on and will call back.
    fn nexus_started(
        &mut self,
        scheduled: EventId,
        token: String,
        links: Vec<steadfast_proto::temporal::api::common::v1::Link>,
    ) {
        let mut state = self.run.nexus[&scheduled].clone();
        state.start = None;
        state.token = Some((token.clone(), self.now));
        if let Some(cancel) = &mut state.cancel {
            cancel.due = self.now;
        }
        self.record(Record::Nexus(scheduled, Some(state)));
        let request_id = self.run.history.nexus[&scheduled]
            .attributes
            .request_id
            .clone();
        let attributes = NexusOperationStartedEventAttributes {
            scheduled_event_id: scheduled.0,
            request_id,
            operation_token: token,
            ..NexusOperationStartedEventAttributes::default()
        };
        let trimmings = Trimmings {
            links,
            ..Trimmings::default()
        };
        self.buffer_with(attributes, trimmings);
        self.wants_task = true;
    }

    fn cancel_taken(&mut self, scheduled: EventId) {
        let pending = self.end_cancel(scheduled);
        self.buffer(NexusOperationCancelRequestCompletedEventAttributes {
            requested_event_id: pending.cancel_requested.0,
            workflow_task_completed_event_id: pending.cancel_completed.0,
            scheduled_event_id: scheduled.0,
        });
    }

    fn cancel_refused(&mut self, scheduled: EventId, failure: Failure) {
        let pending = self.end_cancel(scheduled);
        let failure = self.nexus_failure(scheduled, failure);
        self.buffer(NexusOperationCancelRequestFailedEventAttributes {
            requested_event_id: pending.cancel_requested.0,
            workflow_task_completed_event_id: pending.cancel_completed.0,
            failure: Some(failure),
            scheduled_event_id: scheduled.0,
        });
    }

    fn end_cancel(&mut self, scheduled: EventId) -> PendingNexus {
        let mut state = self.run.nexus[&scheduled].clone();
        state.cancel = None;
        self.record(Record::Nexus(scheduled, Some(state)));
        self.run.history.nexus[&scheduled].clone()
    }

    fn nexus_failure(&self, scheduled: EventId, cause: Failure) -> Failure {
        let pending = &self.run.history.nexus[&scheduled];
        let token = self
            .run
            .nexus
            .get(&scheduled)
            .and_then(|state| state.token.as_ref())
            .map_or("", |(token, _)| token);
        request::operation_failure(scheduled, pending, token, cause)
    }

    /// The operation is over.
    fn end_nexus(
        &mut self,
        scheduled: EventId,
        end: NexusEnd,
        links: Vec<steadfast_proto::temporal::api::common::v1::Link>,
    ) {
        let request_id = self.run.history.nexus[&scheduled]
            .attributes
            .request_id
            .clone();
        let failure = |tx: &Self, cause: Failure| Some(tx.nexus_failure(scheduled, cause));
        let trimmings = Trimmings {
            links,
            ..Trimmings::default()
        };
        match end {
            NexusEnd::Completed(result) => self.buffer_with(
                NexusOperationCompletedEventAttributes {
                    scheduled_event_id: scheduled.0,
                    result: result.map(|r| r.0),
                    request_id,
                },
                trimmings,
            ),
            NexusEnd::Failed(cause) => {
                let failure = failure(self, cause.0);
                self.buffer_with(
                    NexusOperationFailedEventAttributes {
                        scheduled_event_id: scheduled.0,
                        failure,
                        request_id,
                    },
                    trimmings,
                );
            }
            NexusEnd::Canceled(cause) => {
                let failure = failure(self, cause.0);
                self.buffer_with(
                    NexusOperationCanceledEventAttributes {
                        scheduled_event_id: scheduled.0,
                        failure,
                        request_id,
                    },
                    trimmings,
                );
            }
        }
        self.record(Record::Nexus(scheduled, None));
        self.wants_task = true;
    }

    /// Nobody knows any more whom to ask for the operation.
    pub(crate) fn fail_nexus(&mut self, scheduled: EventId, why: Failure) {
        self.end_nexus(
            scheduled,
            NexusEnd::Failed(Box::new(Proto(why))),
            Vec::new(),
        );
    }

    /// What a handler did has ended, and it calls back. It may do so before it has said that it has begun.
    // temporal: components/nexusoperations/completion.go, a started event is made up.
    pub(crate) fn nexus_closed(&mut self, closed: &NexusClosed) {
        let known = self.run.history.nexus.get(&closed.scheduled);
        let same = known.is_some_and(|p| p.attributes.request_id == closed.request_id.as_str());
        let Some(state) = self.run.nexus.get(&closed.scheduled).filter(|_| same) else {
            return;
        };
        if state.token.is_none() {
            self.nexus_started(closed.scheduled, String::new(), Vec::new());
        }
        self.end_nexus(closed.scheduled, closed.end.clone(), Vec::new());
    }

    /// The operation is out of time.
    pub(crate) fn time_out_nexus(&mut self, scheduled: EventId, timeout: TimeoutType) {
        let info = TimeoutFailureInfo {
            timeout_type: timeout.into(),
            ..TimeoutFailureInfo::default()
        };
        let failure = self.nexus_failure(scheduled, Failure::of("operation timed out", info));
        let request_id = self.run.history.nexus[&scheduled]
            .attributes
            .request_id
            .clone();
        self.record(Record::Nexus(scheduled, None));
        self.buffer(NexusOperationTimedOutEventAttributes {
            scheduled_event_id: scheduled.0,
            failure: Some(failure),
            request_id,
        });
    }

    /// The handler that was asked has not answered in time.
    pub(crate) fn nexus_unanswered(&mut self, scheduled: EventId, ask: NexusAsk) {
        self.ask_nexus_again(scheduled, ask, request::no_answer());
    }

    /// What waits for a poller now, and when the next will.
    pub(crate) fn waiting_nexus(&self) -> (Vec<TaskRef>, Option<Timestamp>) {
        let mut due = Vec::new();
        let mut next: Option<Timestamp> = None;
        for (id, state) in &self.run.nexus {
            for (ask, call) in state.waiting() {
                if call.due <= self.now {
                    due.push(TaskRef {
                        kind: TaskKind::Nexus,
                        run: self.run_key(),
                        scheduled: *id,
                        attempt: call.attempt,
                        stamp: ask.stamp(),
                    });
                } else {
                    next = Some(next.map_or(call.due, |n| n.min(call.due)));
                }
            }
        }
        (due, next)
    }

    /// The queue that an operation's handler polls, which may be in another namespace.
    pub(crate) fn nexus_queue(&self, scheduled: EventId) -> QueueKey {
        let target = &self.run.nexus[&scheduled].target;
        QueueKey {
            namespace: target.namespace.clone(),
            kind: TaskKind::Nexus,
            name: target.queue.clone(),
            version: None,
        }
    }
}

/// What time does next to a run's operations.
pub(crate) fn next_nexus_deadline(run: &Run) -> Option<(Timestamp, EventId, NexusDeadline)> {
    let all = run.nexus.iter().flat_map(|(id, state)| {
        let pending = run.history.nexus.get(id);
        let end = pending
            .and_then(|pending| state.out_of_time(pending))
            .map(|(at, kind)| (at, *id, NexusDeadline::OutOfTime(kind)));
        let answers = [NexusAsk::Start, NexusAsk::Cancel]
            .into_iter()
            .filter_map(|ask| Some((state.answer_due(ask)?, *id, NexusDeadline::NoAnswer(ask))));
        end.into_iter().chain(answers)
    });
    all.min_by_key(|(at, id, _)| (*at, *id))
}

/// What time does to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NexusDeadline {
    OutOfTime(TimeoutType),
    NoAnswer(NexusAsk),
}

/// A run's operations, for people.
pub(crate) fn pending_nexus_operations(run: &Run) -> Vec<PendingNexusOperationInfo> {
    let pending = run.nexus.iter().filter_map(|(id, state)| {
        let pending = run.history.nexus.get(id)?;
        let a = &pending.attributes;
        let (attempt, last_ended, last_failure) = state
            .start
            .as_ref()
            .map(request::attempts)
            .unwrap_or_default();
        let waits = state
            .start
            .as_ref()
            .filter(|call| call.attempt > 1 && call.asked.is_none());
        let status = match (&state.start, waits) {
            (None, _) => PendingNexusOperationState::Started,
            (Some(_), Some(_)) => PendingNexusOperationState::BackingOff,
            (Some(_), None) => PendingNexusOperationState::Scheduled,
        };
        Some(PendingNexusOperationInfo {
            endpoint: a.endpoint.clone(),
            service: a.service.clone(),
            operation: a.operation.clone(),
            schedule_to_close_timeout: a.schedule_to_close_timeout,
            schedule_to_start_timeout: a.schedule_to_start_timeout,
            start_to_close_timeout: a.start_to_close_timeout,
            scheduled_time: Some(pending.time.to_proto()),
            state: status.into(),
            attempt,
            last_attempt_complete_time: last_ended,
            last_attempt_failure: last_failure,
            next_attempt_schedule_time: waits.map(|call| call.due.to_proto()),
            cancellation_info: cancellation(pending, state),
            scheduled_event_id: id.0,
            operation_token: state
                .token
                .as_ref()
                .map(|(t, _)| t.clone())
                .unwrap_or_default(),
            ..PendingNexusOperationInfo::default()
        })
    });
    pending.collect()
}

fn cancellation(
    pending: &PendingNexus,
    state: &NexusState,
) -> Option<NexusOperationCancellationInfo> {
    if !pending.cancel_requested.is_some() {
        return None;
    }
    let (attempt, last_ended, last_failure) = state
        .cancel
        .as_ref()
        .map(request::attempts)
        .unwrap_or_default();
    let status = match &state.cancel {
        None => CancelState::Succeeded,
        Some(call) if call.attempt > 1 && call.asked.is_none() => CancelState::BackingOff,
        Some(_) => CancelState::Scheduled,
    };
    Some(NexusOperationCancellationInfo {
        requested_time: Some(pending.cancel_time.to_proto()),
        state: status.into(),
        attempt,
        last_attempt_complete_time: last_ended,
        last_attempt_failure: last_failure,
        ..NexusOperationCancellationInfo::default()
    })
}
