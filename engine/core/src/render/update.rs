//! Updates, and what was asked for along with one.

use prost_types::Any;
use steadfast_proto::temporal::api::{
    common::v1::{Link, link},
    enums::v1::{EventType, UpdateWorkflowExecutionLifecycleStage as WireStage},
    errordetails::v1::{
        MultiOperationExecutionFailure, multi_operation_execution_failure::OperationStatus as Wire,
    },
    failure::v1::MultiOperationExecutionAborted,
    history::v1::{HistoryEvent, history_event::Attributes},
    update::v1::{Outcome, UpdateRef, outcome},
    workflowservice::v1::{
        ExecuteMultiOperationResponse, PollWorkflowExecutionUpdateResponse,
        UpdateWorkflowExecutionResponse,
        execute_multi_operation_response::{Response, response},
    },
};

use super::started;
use crate::{
    chain::execution,
    effect::{OperationStatus, Rejection, UpdateOutcome, UpdateReply},
    ids::RunKey,
    request::UpdateStage,
};

/// The answer to an update. `event` is the stored event that [`UpdateOutcome::InHistory`] names, if it does.
#[must_use]
pub fn update(reply: UpdateReply, event: Option<HistoryEvent>) -> UpdateWorkflowExecutionResponse {
    let outcome = outcome(reply.outcome, event);
    UpdateWorkflowExecutionResponse {
        link: link(
            &reply.run,
            reply.stage,
            outcome.as_ref(),
            reply.request_id.into(),
        ),
        update_ref: Some(reference(&reply.run, reply.update_id.into())),
        outcome,
        stage: stage(reply.stage).into(),
    }
}

/// The answer to a question for an update's progress. `event` as for [`update`].
#[must_use]
pub fn update_poll(
    reply: UpdateReply,
    event: Option<HistoryEvent>,
) -> PollWorkflowExecutionUpdateResponse {
    PollWorkflowExecutionUpdateResponse {
        outcome: outcome(reply.outcome, event),
        stage: stage(reply.stage).into(),
        update_ref: Some(reference(&reply.run, reply.update_id.into())),
    }
}

/// The answer to a start and an update that were asked for as one. `event` as for [`update`].
#[must_use]
pub fn update_with_start(
    mut reply: UpdateReply,
    event: Option<HistoryEvent>,
) -> ExecuteMultiOperationResponse {
    let start = reply.start.take();
    let start = start.map(|s| response::Response::StartWorkflow(started(&s, None)));
    let update = response::Response::UpdateWorkflow(update(reply, event));
    let responses = start.into_iter().chain([update]);
    ExecuteMultiOperationResponse {
        responses: responses
            .map(|response| Response {
                response: Some(response),
            })
            .collect(),
    }
}

/// The error detail of [`Rejection::MultiOperation`]. `status` says how a rejection by itself would be told: its gRPC
/// code and its details.
#[must_use]
pub fn multi_operation_failure(
    start: &OperationStatus,
    update: &OperationStatus,
    status: impl Fn(&Rejection) -> (i32, Vec<Any>),
) -> MultiOperationExecutionFailure {
    let wire = |operation: &OperationStatus| match operation {
        OperationStatus::Done => Wire::default(),
        OperationStatus::Aborted => Wire {
            code: ABORTED,
            message: "Operation was aborted.".to_owned(),
            details: vec![Any {
                type_url:
                    "type.googleapis.com/temporal.api.failure.v1.MultiOperationExecutionAborted"
                        .to_owned(),
                value: prost::Message::encode_to_vec(&MultiOperationExecutionAborted::default()),
            }],
        },
        OperationStatus::Failed(rejection) => {
            let (code, details) = status(rejection);
            Wire {
                code,
                message: rejection.to_string(),
                details,
            }
        }
    };
    MultiOperationExecutionFailure {
        statuses: vec![wire(start), wire(update)],
    }
}

/// gRPC's number.
const ABORTED: i32 = 10;

fn reference(run: &RunKey, update_id: String) -> UpdateRef {
    UpdateRef {
        workflow_execution: Some(execution(run)),
        update_id,
    }
}

fn stage(stage: UpdateStage) -> WireStage {
    match stage {
        UpdateStage::Admitted => WireStage::Admitted,
        UpdateStage::Accepted => WireStage::Accepted,
        UpdateStage::Completed => WireStage::Completed,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the outcome is in one kind of event"
)]
fn outcome(outcome: UpdateOutcome, event: Option<HistoryEvent>) -> Option<Outcome> {
    match outcome {
        UpdateOutcome::None => None,
        UpdateOutcome::Failed(failure) => Some(Outcome {
            value: Some(outcome::Value::Failure(*failure)),
        }),
        UpdateOutcome::InHistory(_) => match event?.attributes? {
            Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed) => {
                completed.outcome
            }
            _ => None,
        },
    }
}

/// Where the update left its trace; one that failed is taken for one that left none.
// temporal: service/history/api/updateworkflow/api.go OnSuccess.
fn link(
    run: &RunKey,
    stage: UpdateStage,
    outcome: Option<&Outcome>,
    request_id: String,
) -> Option<Link> {
    let failed = matches!(
        outcome.and_then(|o| o.value.as_ref()),
        Some(outcome::Value::Failure(_))
    );
    let namespace = run.execution.namespace.to_string();
    let workflow_id = run.execution.workflow_id.to_string();
    let run_id = run.run_id.to_string();
    let variant = match stage {
        UpdateStage::Admitted => return None,
        UpdateStage::Completed if failed => link::Variant::Workflow(link::Workflow {
            namespace,
            workflow_id,
            run_id,
            reason: "Update rejected".to_owned(),
        }),
        UpdateStage::Accepted | UpdateStage::Completed => {
            let reference = link::workflow_event::RequestIdReference {
                request_id,
                event_type: EventType::WorkflowExecutionUpdateAccepted.into(),
            };
            link::Variant::WorkflowEvent(link::WorkflowEvent {
                namespace,
                workflow_id,
                run_id,
                reference: Some(link::workflow_event::Reference::RequestIdRef(reference)),
            })
        }
    };
    Some(Link {
        variant: Some(variant),
    })
}
