//! Pausing a workflow: nothing of it is given to workers until somebody lets it go on.
//!
//! | run | pause | unpause |
//! |---|---|---|
//! | open, a workflow task waits | that fails with `WORKFLOW_PAUSE_REQUESTED_BEFORE_TASK_STARTED`, `…Paused` | – |
//! | open, a worker has the workflow task | `…Paused`, once the task has ended | – |
//! | open | `…Paused` | nothing to do |
//! | paused | refused, unless it is the same request | `…Unpaused`, a workflow task |
//! | closed | not found | not found |
//!
//! What happens to a paused run is recorded as always: signals, timers, the ends of attempts that were at work. Its
//! bounds go on as well.
// temporal: service/history/api/{pauseworkflow,unpauseworkflow}/api.go.

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::history::v1::{
    WorkflowExecutionPausedEventAttributes, WorkflowExecutionUnpausedEventAttributes,
    history_event::Attributes,
};

use crate::{
    effect::{Rejection, Reply, ReplyTo},
    ids::RequestId,
    request::Target,
    signal::already_completed,
    time::Timestamp,
    tx::{Trimmings, Tx},
};

/// A request to pause a workflow, or to let it go on.
#[derive(Clone, Debug, PartialEq)]
pub struct PauseRequest {
    /// Which.
    pub target: Target,
    /// Whether it is to pause.
    pub pause: bool,
    /// Who asks.
    pub identity: String,
    /// Why.
    pub reason: String,
    /// Makes a repeated request harmless.
    pub request_id: RequestId,
}

/// A workflow's pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedRun {
    /// Since when.
    pub time: Timestamp,
    /// Who wanted it.
    pub identity: String,
    /// Why.
    pub reason: String,
    /// The request.
    pub request_id: RequestId,
}

impl PausedRun {
    pub(crate) fn new(time: Timestamp, event: &WorkflowExecutionPausedEventAttributes) -> Self {
        Self {
            time,
            identity: event.identity.clone(),
            reason: event.reason.clone(),
            request_id: RequestId::new(event.request_id.as_str()),
        }
    }
}

impl Tx<'_> {
    /// Somebody wants the run in hand to pause, or to go on.
    pub(crate) fn pause_request(&mut self, request: PauseRequest, reply_to: ReplyTo) {
        let answer = if !self.run.is_open() {
            Err(already_completed())
        } else if request.pause {
            self.pause(request)
        } else {
            self.unpause(request);
            Ok(())
        };
        self.reply(reply_to, answer.map(|()| Reply::Done));
    }

    fn pause(&mut self, request: PauseRequest) -> Result<(), Rejection> {
        if let Some(by) = self.pause_to_come() {
            return if by == request.request_id && !by.is_empty() {
                Ok(())
            } else {
                Err(Rejection::FailedPrecondition(
                    "workflow is already paused.".to_owned(),
                ))
            };
        }
        if self.task().is_some_and(|task| task.started.is_none()) {
            self.miss_task_for_pause();
        }
        let attributes = WorkflowExecutionPausedEventAttributes {
            identity: request.identity,
            reason: request.reason,
            request_id: request.request_id.into(),
        };
        self.buffer_with(attributes, Trimmings::default());
        Ok(())
    }

    fn unpause(&mut self, request: PauseRequest) {
        if self.pause_to_come().is_none() {
            return;
        }
        self.buffer(WorkflowExecutionUnpausedEventAttributes {
            identity: request.identity,
            reason: request.reason,
            request_id: request.request_id.into(),
        });
    }

    /// The request by which the run is paused, as soon as all that waits has become history.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other event pauses anything"
    )]
    fn pause_to_come(&self) -> Option<RequestId> {
        let waiting = self.run.buffered.iter().rev();
        let last = waiting.filter_map(|b| match b.event.attributes.as_ref()? {
            Attributes::WorkflowExecutionPausedEventAttributes(paused) => {
                Some(Some(RequestId::new(paused.request_id.as_str())))
            }
            Attributes::WorkflowExecutionUnpausedEventAttributes(_) => Some(None),
            _ => None,
        });
        let known = self.run.history.paused.as_deref();
        last.take(1)
            .next()
            .unwrap_or_else(|| known.map(|paused| paused.request_id.clone()))
    }
}
