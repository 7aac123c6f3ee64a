//! Signals and cancel requests to other executions: recorded, carried by the outbox, answered.
//!
//! | state | event | next | written by the sender |
//! |---|---|---|---|
//! | – | command | initiated, work in the outbox | `…ExternalWorkflowExecutionInitiated` |
//! | initiated | delivered | over | `ExternalWorkflowExecution{Signaled,CancelRequested}` |
//! | initiated | no such execution, or a signal to a closed one | over | `…ExternalWorkflowExecutionFailed` |
// temporal: service/history/transfer_queue_active_task_executor.go processSignalExecution,
// processCancelExecution.

use std::sync::Arc;

use steadfast_proto::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{
        CancelExternalWorkflowExecutionFailedCause as CancelCause,
        SignalExternalWorkflowExecutionFailedCause as SignalCause,
        WorkflowTaskFailedCause as Cause,
    },
    history::v1::{
        ExternalWorkflowExecutionCancelRequestedEventAttributes,
        ExternalWorkflowExecutionSignaledEventAttributes,
        RequestCancelExternalWorkflowExecutionFailedEventAttributes,
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
        SignalExternalWorkflowExecutionFailedEventAttributes,
        SignalExternalWorkflowExecutionInitiatedEventAttributes, history_event::Attributes,
    },
};

use crate::{
    command::{CancelExternal, SignalExternal},
    commands::bad,
    ids::{EventId, ExecutionKey, RequestId, RunId},
    limits::MAX_PENDING,
    message::{OutboxResult, OutboxWork},
    record::Proto,
    request::CommandError,
    tx::{Trimmings, Tx},
};

fn target(key: &ExecutionKey, run_id: Option<&RunId>) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: key.workflow_id.to_string(),
        run_id: run_id.map(ToString::to_string).unwrap_or_default(),
    }
}

/// Whom an initiated event names: the workflow, and the run if it matters which.
fn addressee(
    namespace: &str,
    execution: Option<&WorkflowExecution>,
) -> (ExecutionKey, Option<RunId>) {
    let WorkflowExecution {
        workflow_id,
        run_id,
    } = execution.cloned().unwrap_or_default();
    let run_id = (!run_id.is_empty()).then(|| RunId::new(run_id));
    (ExecutionKey::new(namespace, workflow_id), run_id)
}

impl Tx<'_> {
    pub(crate) fn signal_external(
        &mut self,
        signal: SignalExternal,
        completed: EventId,
        trimmings: Trimmings,
    ) -> Result<(), CommandError> {
        if self.run.history.signals_out.len() >= MAX_PENDING {
            return bad(
                Cause::PendingSignalsLimitExceeded,
                format!(
                    "the number of pending signals to external workflows, {MAX_PENDING}, has reached the limit"
                ),
            );
        }
        let initiated = self.write_with(
            SignalExternalWorkflowExecutionInitiatedEventAttributes {
                workflow_task_completed_event_id: completed.0,
                namespace: signal.key.namespace.to_string(),
                namespace_id: signal.key.namespace.to_string(),
                workflow_execution: Some(target(&signal.key, signal.run_id.as_ref())),
                signal_name: signal.name.clone(),
                input: signal.input.clone(),
                #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
                control: signal.control,
                child_workflow_only: signal.child_only,
                header: signal.header.clone(),
            },
            trimmings,
        );
        let sent = Arc::clone(&self.run.history.signals_out[&initiated]);
        let by = self.run.run_id.clone();
        self.send_signal(initiated, &sent, &by);
        Ok(())
    }

    /// Sends the signal that an initiated event asks for, in the name of the run that wrote it.
    pub(crate) fn send_signal(
        &mut self,
        initiated: EventId,
        signal: &SignalExternalWorkflowExecutionInitiatedEventAttributes,
        by: &RunId,
    ) {
        let (to, run_id) = addressee(&signal.namespace_id, signal.workflow_execution.as_ref());
        let work = OutboxWork::SignalExternal {
            run_id,
            child_only: signal.child_workflow_only,
            name: signal.signal_name.clone(),
            input: signal.input.clone().map(Proto),
            header: signal.header.clone().map(Proto),
            request_id: RequestId::new(format!("{by}:{initiated}")),
            initiated,
        };
        self.send_work(to, work);
    }

    pub(crate) fn cancel_external(
        &mut self,
        cancel: CancelExternal,
        completed: EventId,
        trimmings: Trimmings,
    ) -> Result<(), CommandError> {
        if self.run.history.cancels_out.len() >= MAX_PENDING {
            return bad(
                Cause::PendingRequestCancelLimitExceeded,
                format!(
                    "the number of pending requests to cancel external workflows, {MAX_PENDING}, has reached the limit"
                ),
            );
        }
        // temporal: command_attr_validator.go, a child initiated in this very completion cannot be canceled by it.
        let same_completion = self.run.history.children.values().any(|child| {
            child.attributes.workflow_id == cancel.key.workflow_id.as_str()
                && child.attributes.workflow_task_completed_event_id == completed.0
        });
        if same_completion {
            return bad(
                Cause::BadRequestCancelExternalWorkflowExecutionAttributes,
                "Start and RequestCancel for child workflow is not allowed in same workflow task.",
            );
        }
        let initiated = self.write_with(
            RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
                workflow_task_completed_event_id: completed.0,
                namespace: cancel.namespace,
                namespace_id: cancel.key.namespace.to_string(),
                workflow_execution: Some(target(&cancel.key, cancel.run_id.as_ref())),
                #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
                control: cancel.control,
                child_workflow_only: cancel.child_only,
                reason: cancel.reason.clone(),
            },
            trimmings,
        );
        let sent = Arc::clone(&self.run.history.cancels_out[&initiated]);
        let by = self.run.run_id.clone();
        self.send_cancel(initiated, &sent, &by);
        Ok(())
    }

    /// Sends the request to cancel that an initiated event asks for, in the name of the run that wrote it.
    pub(crate) fn send_cancel(
        &mut self,
        initiated: EventId,
        cancel: &RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
        by: &RunId,
    ) {
        let (to, run_id) = addressee(&cancel.namespace_id, cancel.workflow_execution.as_ref());
        let work = OutboxWork::CancelExternal {
            run_id,
            child_only: cancel.child_workflow_only,
            reason: cancel.reason.clone(),
            request_id: RequestId::new(format!("{by}:{initiated}")),
            initiated,
        };
        self.send_work(to, work);
    }

    /// What came of a signal to another execution.
    pub(crate) fn signal_answered(&mut self, initiated: EventId, result: &OutboxResult) {
        let buffered = self.has_buffered(|a| {
            matches!(a, Attributes::ExternalWorkflowExecutionSignaledEventAttributes(s) if s.initiated_event_id == initiated.0)
                || matches!(a, Attributes::SignalExternalWorkflowExecutionFailedEventAttributes(s) if s.initiated_event_id == initiated.0)
        });
        let Some(sent) = self.run.history.signals_out.get(&initiated).cloned() else {
            return;
        };
        if buffered {
            return;
        }
        let cause = match result {
            OutboxResult::Done => {
                return self.buffer(ExternalWorkflowExecutionSignaledEventAttributes {
                    initiated_event_id: initiated.0,
                    namespace: sent.namespace.clone(),
                    namespace_id: sent.namespace_id.clone(),
                    workflow_execution: sent.workflow_execution.clone(),
                    #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
                    control: sent.control.clone(),
                });
            }
            OutboxResult::TooManySignals => SignalCause::SignalCountLimitExceeded,
            OutboxResult::NotFound
            | OutboxResult::Begin
            | OutboxResult::ParentGone
            | OutboxResult::ChildExists
            | OutboxResult::Started { .. }
            | OutboxResult::BadOverride
            | OutboxResult::Refused => SignalCause::ExternalWorkflowExecutionNotFound,
        };
        self.buffer(SignalExternalWorkflowExecutionFailedEventAttributes {
            cause: cause.into(),
            // temporal: left empty.
            workflow_task_completed_event_id: 0,
            namespace: sent.namespace.clone(),
            namespace_id: sent.namespace_id.clone(),
            workflow_execution: sent.workflow_execution.clone(),
            initiated_event_id: initiated.0,
            #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
            control: sent.control.clone(),
        });
    }

    /// What came of a request to cancel another execution.
    pub(crate) fn cancel_answered(&mut self, initiated: EventId, result: &OutboxResult) {
        let buffered = self.has_buffered(|a| {
            matches!(a, Attributes::ExternalWorkflowExecutionCancelRequestedEventAttributes(c) if c.initiated_event_id == initiated.0)
                || matches!(a, Attributes::RequestCancelExternalWorkflowExecutionFailedEventAttributes(c) if c.initiated_event_id == initiated.0)
        });
        let Some(sent) = self.run.history.cancels_out.get(&initiated).cloned() else {
            return;
        };
        if buffered {
            return;
        }
        if *result == OutboxResult::Done {
            return self.buffer(ExternalWorkflowExecutionCancelRequestedEventAttributes {
                initiated_event_id: initiated.0,
                namespace: sent.namespace_id.clone(),
                namespace_id: sent.namespace_id.clone(),
                workflow_execution: sent.workflow_execution.clone(),
            });
        }
        self.buffer(
            RequestCancelExternalWorkflowExecutionFailedEventAttributes {
                cause: CancelCause::ExternalWorkflowExecutionNotFound.into(),
                // temporal: left empty.
                workflow_task_completed_event_id: 0,
                namespace: sent.namespace_id.clone(),
                namespace_id: sent.namespace_id.clone(),
                workflow_execution: sent.workflow_execution.clone(),
                initiated_event_id: initiated.0,
                #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
                control: sent.control.clone(),
            },
        );
    }
}
