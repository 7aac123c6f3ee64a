//! Signals and cancel requests to other workflows.
//!
//! | state | cancel (signals only) | initiated recorded | delivered or failed |
//! |---|---|---|---|
//! | Created | Unsent, job | Sent | – |
//! | Sent | – | – | Done, job |

use steadfast_proto::temporal::api::{
    enums::v1::{
        CancelExternalWorkflowExecutionFailedCause as CancelCause,
        SignalExternalWorkflowExecutionFailedCause as SignalCause,
    },
    failure::v1::{ApplicationFailureInfo, CanceledFailureInfo, Failure, failure::FailureInfo},
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::{Effects, unexpected};
use crate::{error::Result, language::Job};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Created,
    Unsent,
    Sent,
    Done,
}

#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) state: State,
    seq: u32,
}

impl Signal {
    pub(crate) fn new(seq: u32) -> Self {
        Self {
            state: State::Created,
            seq,
        }
    }

    pub(crate) fn cancel(&mut self, effects: &mut Effects) {
        if self.state != State::Created {
            return;
        }
        self.state = State::Unsent;
        let failure = Failure {
            message: "Signal was cancelled before being sent".to_owned(),
            failure_info: Some(FailureInfo::CanceledFailureInfo(
                CanceledFailureInfo::default(),
            )),
            ..Default::default()
        };
        let cause = SignalCause::Unspecified.into();
        effects.job(Job::SignalSent {
            seq: self.seq,
            failure: Some(failure),
            cause,
        });
    }

    pub(crate) fn outcome(&mut self, event: &HistoryEvent, effects: &mut Effects) -> Result<()> {
        let (failure, cause) = match &event.attributes {
            Some(Attributes::ExternalWorkflowExecutionSignaledEventAttributes(_)) => {
                (None, SignalCause::Unspecified)
            }
            Some(Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(failed)) => {
                let cause = failed.cause();
                let (kind, reason) = match cause {
                    SignalCause::Unspecified => ("Unspecified", "unknown"),
                    SignalCause::ExternalWorkflowExecutionNotFound => {
                        ("ExternalWorkflowExecutionNotFound", "it was not found")
                    }
                    SignalCause::NamespaceNotFound => ("NamespaceNotFound", "it was not found"),
                    SignalCause::SignalCountLimitExceeded => (
                        "SignalCountLimitExceeded",
                        "The per-workflow signal limit was exceeded",
                    ),
                };
                let message = format!("Unable to signal external workflow because {reason}");
                (Some(failure(message, kind)), cause)
            }
            _ => return Err(unexpected(event, "a signal to another workflow")),
        };
        self.state = State::Done;
        effects.job(Job::SignalSent {
            seq: self.seq,
            failure,
            cause: cause.into(),
        });
        Ok(())
    }
}

/// A cancel request. Without `seq`, it belongs to a child workflow's machine and nobody is told how it went.
#[derive(Debug)]
pub(crate) struct Cancel {
    pub(crate) state: State,
    seq: Option<u32>,
}

impl Cancel {
    pub(crate) fn new(seq: Option<u32>) -> Self {
        Self {
            state: State::Created,
            seq,
        }
    }

    pub(crate) fn outcome(&mut self, event: &HistoryEvent, effects: &mut Effects) -> Result<()> {
        let (failure, cause) = match &event.attributes {
            Some(Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(_)) => {
                (None, CancelCause::Unspecified)
            }
            Some(Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(
                failed,
            )) => {
                let cause = failed.cause();
                let (kind, reason) = match cause {
                    CancelCause::Unspecified => ("Unspecified", "unknown"),
                    CancelCause::ExternalWorkflowExecutionNotFound => {
                        ("ExternalWorkflowExecutionNotFound", "not found")
                    }
                    CancelCause::NamespaceNotFound => ("NamespaceNotFound", "not found"),
                };
                let message = format!("Unable to cancel external workflow because {reason}");
                (Some(failure(message, kind)), cause)
            }
            _ => return Err(unexpected(event, "a cancel request to another workflow")),
        };
        self.state = State::Done;
        if let Some(seq) = self.seq {
            effects.job(Job::CancelSent {
                seq,
                failure,
                cause: cause.into(),
            });
        }
        Ok(())
    }
}

fn failure(message: String, kind: &str) -> Failure {
    Failure {
        message,
        failure_info: Some(FailureInfo::ApplicationFailureInfo(
            ApplicationFailureInfo {
                r#type: kind.to_owned(),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}
