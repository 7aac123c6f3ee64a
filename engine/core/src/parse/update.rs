//! Updates: what callers ask, and what workers say to it.
// temporal: service/frontend/workflow_handler.go prepareUpdateWorkflowRequest, convertToHistoryMultiOperationRequest;
// history/workflow/update/validation.go.

use std::sync::Arc;

use prost_types::Any;
use steadfast_proto::temporal::api::{
    enums::v1::{
        UpdateWorkflowExecutionLifecycleStage as WireStage, WorkflowTaskFailedCause as Cause,
    },
    protocol::v1::Message,
    update::v1::{Acceptance, Rejection as RejectionBody, Response, WaitPolicy},
    workflowservice::v1::{
        ExecuteMultiOperationRequest, PollWorkflowExecutionUpdateRequest,
        StartWorkflowExecutionRequest, UpdateWorkflowExecutionRequest,
        execute_multi_operation_request::operation::Operation,
    },
};

use super::{blob, bounded, invalid, name, run_id, start, target};
use crate::{
    effect::{OperationStatus, Rejection},
    ids::{RequestId, UpdateId},
    limits::MAX_BLOB_BYTES,
    request::{
        CommandError, PollUpdate, Request, StartRequest, UpdateAnswer, UpdateMessage,
        UpdateRequest, UpdateStage,
    },
};

/// An update. `fresh` becomes its id if the caller gave none.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn update(
    request: UpdateWorkflowExecutionRequest,
    fresh: UpdateId,
) -> Result<Request, Rejection> {
    Ok(Request::Update(Box::new(parse(request, fresh)?)))
}

fn parse(
    request: UpdateWorkflowExecutionRequest,
    fresh: UpdateId,
) -> Result<UpdateRequest, Rejection> {
    let target = target(&request.namespace, request.workflow_execution.as_ref())?;
    let first_run = run_id(&request.first_execution_run_id)?;
    let mut body = request.request.unwrap_or_default();
    let Some(meta) = &mut body.meta else {
        return invalid("Update meta is not set on request.");
    };
    bounded(&meta.update_id, "UpdateId")?;
    if meta.update_id.is_empty() {
        meta.update_id = fresh.into();
    }
    let update_id = UpdateId::new(meta.update_id.as_str());
    let Some(input) = &body.input else {
        return invalid("Update input is not set on request.");
    };
    name(
        &input.name,
        "Update name is not set on request.",
        "UpdateName",
    )?;
    bounded(&body.request_id, "RequestId")?;
    let body = blob(Some(body))?.expect("it was there");
    let stage = match stage(request.wait_policy)? {
        WireStage::Unspecified | WireStage::Completed => UpdateStage::Completed,
        WireStage::Accepted => UpdateStage::Accepted,
        WireStage::Admitted => {
            return Err(Rejection::PermissionDenied(
                "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported."
                    .to_owned(),
            ));
        }
    };
    Ok(UpdateRequest {
        target,
        first_run,
        update_id,
        request: Arc::new(body),
        stage,
    })
}

fn stage(policy: Option<WaitPolicy>) -> Result<WireStage, Rejection> {
    let wire = policy.unwrap_or_default().lifecycle_stage;
    WireStage::try_from(wire).or_else(|_| invalid("unknown lifecycle stage in wait policy"))
}

/// A question for the progress of an update.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn poll_update(request: PollWorkflowExecutionUpdateRequest) -> Result<Request, Rejection> {
    let Some(reference) = request.update_ref else {
        return invalid("UpdateRef is not set on request.");
    };
    let stage = match stage(request.wait_policy)? {
        WireStage::Unspecified | WireStage::Admitted => UpdateStage::Admitted,
        WireStage::Accepted => UpdateStage::Accepted,
        WireStage::Completed => UpdateStage::Completed,
    };
    Ok(Request::PollUpdate(PollUpdate {
        target: target(&request.namespace, reference.workflow_execution.as_ref())?,
        update_id: UpdateId::new(bounded(&reference.update_id, "UpdateId")?),
        stage,
    }))
}

/// Several operations as one: a start and an update. `fresh` and `fresh_update` become their ids if the caller gave
/// none.
///
/// # Errors
/// With Temporal's words for what is wrong, for each of the two.
pub fn multi_operation(
    request: ExecuteMultiOperationRequest,
    fresh: RequestId,
    fresh_update: UpdateId,
) -> Result<Request, Rejection> {
    name(
        &request.namespace,
        "Namespace not set on request.",
        "Namespace",
    )?;
    let mut operations = request.operations.into_iter().map(|o| o.operation);
    let (
        Some(Some(Operation::StartWorkflow(start))),
        Some(Some(Operation::UpdateWorkflow(update))),
        None,
    ) = (operations.next(), operations.next(), operations.next())
    else {
        return invalid("Operations have to be exactly [Start, Update].");
    };
    let start = start_operation(start, &request.namespace, fresh);
    let mut update = update_operation(update, &request.namespace, fresh_update);
    if let (Ok(start), Ok(parsed)) = (&start, &update)
        && start.key != parsed.target.key
    {
        update = invalid("WorkflowId is not consistent with previous operation(s).");
    }
    match (start, update) {
        (Ok(start), Ok(update)) => Ok(Request::UpdateWithStart(Arc::new(start), Box::new(update))),
        (start, update) => Err(Rejection::MultiOperation {
            start: Box::new(status(start)),
            update: Box::new(status(update)),
        }),
    }
}

fn status<T>(parsed: Result<T, Rejection>) -> OperationStatus {
    match parsed {
        Ok(_) => OperationStatus::Aborted,
        Err(rejection) => OperationStatus::Failed(rejection),
    }
}

fn in_namespace(own: &mut String, all: &str) -> Result<(), Rejection> {
    if own.is_empty() {
        all.clone_into(own);
    } else if own != all {
        return invalid("Operation namespace did not match request's namespace.");
    }
    Ok(())
}

fn start_operation(
    mut request: StartWorkflowExecutionRequest,
    namespace: &str,
    fresh: RequestId,
) -> Result<StartRequest, Rejection> {
    in_namespace(&mut request.namespace, namespace)?;
    let start = start::plain(request, fresh)?;
    if !start.cron.is_empty() {
        return invalid("CronSchedule is not allowed.");
    }
    if start.eager {
        return invalid("RequestEagerExecution is not supported.");
    }
    if !start.start_delay.is_zero() {
        return invalid("WorkflowStartDelay is not supported.");
    }
    Ok(start)
}

fn update_operation(
    mut request: UpdateWorkflowExecutionRequest,
    namespace: &str,
    fresh: UpdateId,
) -> Result<UpdateRequest, Rejection> {
    in_namespace(&mut request.namespace, namespace)?;
    let update = parse(request, fresh)?;
    if update.first_run.is_some() {
        return invalid("FirstExecutionRunId is not allowed.");
    }
    if update.target.run_id.is_some() {
        return invalid("RunId is not allowed.");
    }
    Ok(update)
}

/// What a completed workflow task says to updates.
///
/// # Errors
/// If a message is none: then the completion counts for nothing. One that only breaks a rule fails the task when its
/// turn comes.
// temporal: common/protocol/naming.go Identify, workflow_task_completed_handler.go handleMessage.
pub(super) fn messages(wire: Vec<Message>) -> Result<Vec<UpdateMessage>, Rejection> {
    wire.into_iter().map(message).collect()
}

const PROTOCOL: &str = "temporal.api.update.v1";

fn message(wire: Message) -> Result<UpdateMessage, Rejection> {
    let Some(body) = wire.body else {
        return invalid("nil message body");
    };
    let full_name = body.type_url.rsplit('/').next().unwrap_or_default();
    let Some((protocol, kind)) = full_name.rsplit_once('.') else {
        return invalid(format!("malformed message type {full_name:?}"));
    };
    let update_id = UpdateId::new(wire.protocol_instance_id);
    let body = if protocol == PROTOCOL {
        answer(kind, &body, &update_id)
    } else {
        refused(format!("unsupported protocol type {protocol}"))
    };
    Ok(UpdateMessage {
        id: wire.id,
        update_id,
        body,
    })
}

fn refused<T>(detail: impl Into<String>) -> Result<T, CommandError> {
    Err(CommandError {
        cause: Cause::BadUpdateWorkflowExecutionMessage,
        detail: detail.into(),
    })
}

fn answer(kind: &str, body: &Any, id: &UpdateId) -> Result<UpdateAnswer, CommandError> {
    if body.value.len() > MAX_BLOB_BYTES {
        return refused(format!(
            "Message type {PROTOCOL}.{kind} exceeds size limit."
        ));
    }
    match kind {
        "Acceptance" => acceptance(decoded(body)?),
        "Rejection" => Ok(UpdateAnswer::Reject(Box::new(decoded::<RejectionBody>(
            body,
        )?))),
        "Response" => response(decoded(body)?, id),
        _ => refused(format!("Message type *update.{kind} not supported")),
    }
}

fn decoded<M: prost::Message + Default>(body: &Any) -> Result<M, CommandError> {
    M::decode(body.value.as_slice())
        .or_else(|error| refused(format!("unable to unmarshal request: {error}")))
}

fn acceptance(body: Acceptance) -> Result<UpdateAnswer, CommandError> {
    let missing = if body.accepted_request_sequencing_event_id == 0 {
        "accepted_request_sequencing_event_id"
    } else if body.accepted_request_message_id.is_empty() {
        "accepted_request_message_id"
    } else {
        return Ok(UpdateAnswer::Accept(Box::new(body)));
    };
    refused(format!("invalid *update.Acceptance: {missing} is not set"))
}

fn response(body: Response, id: &UpdateId) -> Result<UpdateAnswer, CommandError> {
    let named = body.meta.as_ref().map(|meta| meta.update_id.as_str());
    let wrong = match named {
        None => "meta is not set".to_owned(),
        Some("") => "meta.update_id is not set".to_owned(),
        Some(named) if named != id.as_str() => format!("meta.update_id != {id}"),
        Some(_) if body.outcome.is_none() => "outcome is not set".to_owned(),
        Some(_) => return Ok(UpdateAnswer::Respond(Box::new(body))),
    };
    refused(format!("invalid *update.Response: {wrong}"))
}
