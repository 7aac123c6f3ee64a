//! A child workflow.
//!
//! | state | cancel | initiated recorded | start failed | started | closed |
//! |---|---|---|---|---|---|
//! | Created | Unsent, job | Initiated | – | – | – |
//! | Initiated | as Started | – | Done, job | Started, job | – |
//! | Started | command unless Abandon; TryCancel, Abandon: Answered, job | – | – | – | Done, job |
//! | Answered | – | – | Done | stays | Done |
//!
//! The cancel command is an operation of its own, whose outcome the code never hears of.

use steadfast_proto::temporal::api::{
    command::v1::{
        RequestCancelExternalWorkflowExecutionCommandAttributes,
        StartChildWorkflowExecutionCommandAttributes,
    },
    common::v1::{WorkflowExecution, WorkflowType},
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{
        CanceledFailureInfo, ChildWorkflowExecutionFailureInfo, Failure, TerminatedFailureInfo,
        TimeoutFailureInfo, failure::FailureInfo,
    },
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::{Effects, unexpected};
use crate::{
    error::{Result, Trouble},
    event,
    language::{ChildCancellation, ChildStart, Job, Notes, Resolution},
};

#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) state: State,
    seq: u32,
    namespace: String,
    workflow_id: String,
    run_id: String,
    kind: String,
    cancellation: ChildCancellation,
    initiated_event_id: i64,
    started_event_id: i64,
    notes: Notes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Created,
    Unsent,
    Initiated,
    Started,
    Answered,
    Done,
}

/// A cancel request that the child asks the interpreter to send.
pub(crate) type CancelRequest = (
    Box<RequestCancelExternalWorkflowExecutionCommandAttributes>,
    Notes,
);

impl Child {
    #[expect(
        deprecated,
        reason = "the namespace is deprecated for users, not for SDKs"
    )]
    pub(crate) fn new(
        seq: u32,
        attributes: &StartChildWorkflowExecutionCommandAttributes,
        cancellation: ChildCancellation,
        notes: Notes,
    ) -> Self {
        Self {
            state: State::Created,
            seq,
            namespace: attributes.namespace.clone(),
            workflow_id: attributes.workflow_id.clone(),
            run_id: String::new(),
            kind: attributes.workflow_type.clone().unwrap_or_default().name,
            cancellation,
            initiated_event_id: 0,
            started_event_id: 0,
            notes,
        }
    }

    fn answers_at_once(&self) -> bool {
        matches!(
            self.cancellation,
            ChildCancellation::Abandon | ChildCancellation::TryCancel
        )
    }

    pub(crate) fn cancel(
        &mut self,
        reason: String,
        notes: Notes,
        effects: &mut Effects,
    ) -> Option<CancelRequest> {
        self.notes.override_with(notes);
        match self.state {
            State::Created => {
                self.state = State::Unsent;
                let message =
                    format!("Child Workflow Execution cancelled before scheduled: {reason}");
                let failure =
                    self.failure(&message, RetryState::NonRetryableFailure, Some(cancelled()));
                effects.job(Job::ChildStarted {
                    seq: self.seq,
                    status: ChildStart::Cancelled(Box::new(failure)),
                });
                None
            }
            State::Initiated | State::Started => {
                if self.answers_at_once() {
                    self.state = State::Answered;
                    self.resolve(self.cancelled(), effects);
                }
                (self.cancellation != ChildCancellation::Abandon).then(|| self.request(reason))
            }
            State::Unsent | State::Answered | State::Done => None,
        }
    }

    #[expect(
        deprecated,
        reason = "the namespace is deprecated for users, not for SDKs"
    )]
    fn request(&self, reason: String) -> CancelRequest {
        let attributes = RequestCancelExternalWorkflowExecutionCommandAttributes {
            namespace: self.namespace.clone(),
            workflow_id: self.workflow_id.clone(),
            run_id: self.run_id.clone(),
            child_workflow_only: true,
            reason,
            ..Default::default()
        };
        (Box::new(attributes), self.notes.clone())
    }

    pub(crate) fn recorded(&mut self, event: &HistoryEvent) {
        if self.state == State::Created {
            self.state = State::Initiated;
            self.initiated_event_id = event.event_id;
        }
    }

    pub(crate) fn outcome(&mut self, event: &HistoryEvent, effects: &mut Effects) -> Result<()> {
        match &event.attributes {
            Some(Attributes::ChildWorkflowExecutionStartedEventAttributes(started)) => {
                let execution = started.workflow_execution.as_ref().ok_or_else(|| {
                    Trouble::invalid(event.event_id, "the started child has no execution")
                })?;
                return self.started(event, &execution.run_id, effects);
            }
            Some(Attributes::StartChildWorkflowExecutionFailedEventAttributes(failed)) => {
                return self.start_failed(event, failed.cause, effects);
            }
            _ => {}
        }
        let resolution = self.resolution(event)?;
        match self.state {
            State::Started => self.resolve(resolution, effects),
            State::Answered => {}
            _ => {
                return Err(Trouble::invalid(
                    event.event_id,
                    "the child ended before it started",
                ));
            }
        }
        self.state = State::Done;
        Ok(())
    }

    fn started(&mut self, event: &HistoryEvent, run_id: &str, effects: &mut Effects) -> Result<()> {
        if self.started_event_id != 0 {
            return Err(Trouble::invalid(event.event_id, "the child started twice"));
        }
        self.started_event_id = event.event_id;
        run_id.clone_into(&mut self.run_id);
        if self.state == State::Initiated {
            self.state = State::Started;
            let status = ChildStart::Succeeded {
                run_id: run_id.to_owned(),
            };
            effects.job(Job::ChildStarted {
                seq: self.seq,
                status,
            });
        }
        Ok(())
    }

    fn start_failed(
        &mut self,
        event: &HistoryEvent,
        cause: i32,
        effects: &mut Effects,
    ) -> Result<()> {
        match self.state {
            State::Initiated => {
                let status = ChildStart::Failed {
                    workflow_id: self.workflow_id.clone(),
                    workflow_type: self.kind.clone(),
                    cause,
                };
                effects.job(Job::ChildStarted {
                    seq: self.seq,
                    status,
                });
            }
            State::Answered => {}
            _ => {
                return Err(Trouble::invalid(
                    event.event_id,
                    "the child has started already",
                ));
            }
        }
        self.state = State::Done;
        Ok(())
    }

    fn resolution(&self, event: &HistoryEvent) -> Result<Resolution> {
        Ok(match &event.attributes {
            Some(Attributes::ChildWorkflowExecutionCompletedEventAttributes(completed)) => {
                let result = event::only_payload(&completed.result)
                    .map_err(|why| Trouble::invalid(event.event_id, why))?;
                Resolution::Completed(result)
            }
            Some(Attributes::ChildWorkflowExecutionFailedEventAttributes(failed)) => {
                Resolution::Failed(self.failure(
                    "Child Workflow execution failed",
                    failed.retry_state(),
                    failed.failure.clone(),
                ))
            }
            Some(Attributes::ChildWorkflowExecutionTimedOutEventAttributes(timed_out)) => {
                let cause = Failure {
                    message: "Timed out".to_owned(),
                    failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
                        timeout_type: TimeoutType::StartToClose.into(),
                        last_heartbeat_details: None,
                    })),
                    ..Default::default()
                };
                Resolution::Failed(self.failure(
                    "Child Workflow execution timed out",
                    timed_out.retry_state(),
                    Some(cause),
                ))
            }
            Some(Attributes::ChildWorkflowExecutionTerminatedEventAttributes(_)) => {
                let info = FailureInfo::TerminatedFailureInfo(TerminatedFailureInfo::default());
                let cause = Failure {
                    message: "Terminated".to_owned(),
                    failure_info: Some(info),
                    ..Default::default()
                };
                Resolution::Failed(self.failure(
                    "Child Workflow execution terminated",
                    RetryState::NonRetryableFailure,
                    Some(cause),
                ))
            }
            Some(Attributes::ChildWorkflowExecutionCanceledEventAttributes(_)) => self.cancelled(),
            _ => return Err(unexpected(event, "a child workflow")),
        })
    }

    fn resolve(&self, resolution: Resolution, effects: &mut Effects) {
        effects.job(Job::ResolveChild {
            seq: self.seq,
            resolution,
        });
    }

    fn cancelled(&self) -> Resolution {
        Resolution::Cancelled(self.failure(
            "Child Workflow execution cancelled",
            RetryState::NonRetryableFailure,
            Some(cancelled()),
        ))
    }

    fn failure(&self, message: &str, retry_state: RetryState, cause: Option<Failure>) -> Failure {
        let info = ChildWorkflowExecutionFailureInfo {
            namespace: self.namespace.clone(),
            workflow_execution: Some(WorkflowExecution {
                workflow_id: self.workflow_id.clone(),
                run_id: self.run_id.clone(),
            }),
            workflow_type: Some(WorkflowType {
                name: self.kind.clone(),
            }),
            initiated_event_id: self.initiated_event_id,
            started_event_id: self.started_event_id,
            retry_state: retry_state.into(),
        };
        Failure {
            message: message.to_owned(),
            cause: cause.map(Box::new),
            failure_info: Some(FailureInfo::ChildWorkflowExecutionFailureInfo(info)),
            ..Default::default()
        }
    }
}

fn cancelled() -> Failure {
    Failure {
        failure_info: Some(FailureInfo::CanceledFailureInfo(
            CanceledFailureInfo::default(),
        )),
        ..Default::default()
    }
}
