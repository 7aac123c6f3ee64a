//! Batch operations.

use steadfast_proto::temporal::api::{
    batch::v1::BatchOperationReset,
    common::v1::reset_options::Target as ResetTarget,
    enums::v1::{ExecutionType, ResetReapplyExcludeType, ResetReapplyType, ResetType},
    workflowservice::v1::{
        DescribeBatchOperationRequest, StartBatchOperationRequest, StopBatchOperationRequest,
        start_batch_operation_request::Operation as Wire,
    },
};

use super::{blob, bounded, invalid, key, name, reset::without, run_id};
use crate::{
    batch::{BatchAction, BatchRequest, BatchSpec, Operation, batch_key},
    effect::Rejection,
    ids::{EventId, ExecutionKey, RunId, WorkflowId},
    limits::MAX_BATCH_NAMED,
    record::Proto,
    request::Request,
    reset::ResetPoint,
};

/// A request to begin a batch job. One that has a list filter gets its targets from whoever can list.
///
/// # Errors
/// With Temporal's words for what is wrong.
// temporal: service/frontend/workflow_handler.go StartBatchOperation.
pub fn start_batch(request: StartBatchOperationRequest) -> Result<Request, Rejection> {
    let key = job_key(&request.namespace, &request.job_id)?;
    let targets = targets(&request)?;
    if targets.is_empty() && request.visibility_query.is_empty() {
        return invalid("Workflow filter is not set on request.");
    }
    if !targets.is_empty() && !request.visibility_query.is_empty() {
        return invalid(
            "Workflow filter and executions are both set on request. Only one of them is allowed at the same time.",
        );
    }
    if targets.len() > MAX_BATCH_NAMED {
        return invalid("Workflow executions count exceeded.");
    }
    let reason = name(&request.reason, "Reason is not set on request.", "Reason")?;
    let Some(operation) = request.operation else {
        return invalid("Batch operation is not set on request.");
    };
    let (operation, identity) = operation_of(operation)?;
    let spec = BatchSpec {
        operation,
        targets,
        query: request.visibility_query,
        reason,
        identity,
        per_thousand_seconds: rate(request.max_operations_per_second)?,
    };
    Ok(Request::Batch(Box::new(BatchRequest {
        key,
        action: BatchAction::Start(Box::new(spec)),
    })))
}

/// A request to end a batch job.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn stop_batch(request: &StopBatchOperationRequest) -> Result<Request, Rejection> {
    about(&request.namespace, &request.job_id, BatchAction::Stop)
}

/// A question about a batch job.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn describe_batch(request: &DescribeBatchOperationRequest) -> Result<Request, Rejection> {
    about(&request.namespace, &request.job_id, BatchAction::Describe)
}

/// A question for what a list shows of a batch job.
///
/// # Errors
/// If there can be no such job.
pub fn batch_entry(namespace: &str, job_id: &str) -> Result<Request, Rejection> {
    about(namespace, job_id, BatchAction::ListEntry)
}

fn about(namespace: &str, job_id: &str, action: BatchAction) -> Result<Request, Rejection> {
    let key = job_key(namespace, job_id)?;
    Ok(Request::Batch(Box::new(BatchRequest { key, action })))
}

fn job_key(namespace: &str, job_id: &str) -> Result<ExecutionKey, Rejection> {
    let job_id = name(job_id, "JobId is not set on request.", "JobId")?;
    name(namespace, "Namespace not set on request.", "Namespace")?;
    Ok(batch_key(namespace, &job_id))
}

fn targets(
    request: &StartBatchOperationRequest,
) -> Result<Vec<(WorkflowId, Option<RunId>)>, Rejection> {
    let mut targets = Vec::new();
    #[expect(deprecated, reason = "deprecated for users, not for clients")]
    let executions = &request.executions;
    for execution in executions {
        let key = key(&request.namespace, &execution.workflow_id)?;
        targets.push((key.workflow_id, run_id(&execution.run_id)?));
    }
    for execution in &request.target_executions {
        if !matches!(
            execution.r#type(),
            ExecutionType::Workflow | ExecutionType::Unspecified
        ) {
            return invalid("Batch operations are for workflows only.");
        }
        let key = key(&request.namespace, &execution.business_id)?;
        targets.push((key.workflow_id, run_id(&execution.run_id)?));
    }
    Ok(targets)
}

/// What is done, and who asks.
fn operation_of(operation: Wire) -> Result<(Operation, String), Rejection> {
    Ok(match operation {
        Wire::TerminationOperation(terminate) => (
            Operation::Terminate(blob(terminate.details)?.map(Proto)),
            terminate.identity,
        ),
        Wire::CancellationOperation(cancel) => (Operation::Cancel, cancel.identity),
        Wire::SignalOperation(signal) => (
            Operation::Signal {
                name: name(
                    &signal.signal,
                    "SignalName is not set on request.",
                    "SignalName",
                )?,
                input: blob(signal.input)?.map(Proto),
                header: blob(signal.header)?.map(Proto),
            },
            signal.identity,
        ),
        Wire::DeletionOperation(delete) => (Operation::Delete, delete.identity),
        Wire::ResetOperation(reset) => {
            let identity = reset.identity.clone();
            (reset_of(&reset)?, identity)
        }
        Wire::UpdateWorkflowOptionsOperation(_)
        | Wire::UnpauseActivitiesOperation(_)
        | Wire::ResetActivitiesOperation(_)
        | Wire::UpdateActivityOptionsOperation(_)
        | Wire::CancelActivitiesOperation(_)
        | Wire::TerminateActivitiesOperation(_)
        | Wire::DeleteActivitiesOperation(_) => {
            return invalid("The batch operation is not supported yet.");
        }
    })
}

fn reset_of(reset: &BatchOperationReset) -> Result<Operation, Rejection> {
    if !reset.post_reset_operations.is_empty() {
        return invalid("PostResetOperations are not supported in a batch yet.");
    }
    let (kind, reapply) = (reset.reset_type(), reset.reset_reapply_type());
    let Some(options) = &reset.options else {
        return match kind {
            ResetType::FirstWorkflowTask => {
                Ok(Operation::Reset(ResetPoint::FirstTask, of_type(reapply)))
            }
            ResetType::LastWorkflowTask => {
                Ok(Operation::Reset(ResetPoint::LastTask, of_type(reapply)))
            }
            ResetType::Unspecified => invalid("Reset type is not set on request."),
        };
    };
    let point = match &options.target {
        Some(ResetTarget::FirstWorkflowTask(())) => ResetPoint::FirstTask,
        Some(ResetTarget::LastWorkflowTask(())) => ResetPoint::LastTask,
        Some(ResetTarget::WorkflowTaskId(id)) => ResetPoint::Event(EventId(*id)),
        Some(ResetTarget::BuildId(_)) => {
            return invalid("Resets by build id are not supported yet.");
        }
        None => return invalid("Reset target is not set on request."),
    };
    let reapply = options.reset_reapply_type();
    let without = without(reapply, options.reset_reapply_exclude_types());
    Ok(Operation::Reset(point, without))
}

fn of_type(reapply: ResetReapplyType) -> crate::reset::Without {
    without(reapply, std::iter::empty::<ResetReapplyExcludeType>())
}

/// Workflows in a thousand seconds; a rate that is not given is none.
fn rate(per_second: f32) -> Result<u64, Rejection> {
    if !(0.0..=1e6).contains(&per_second) {
        return invalid("MaxOperationsPerSecond must be between 0 and 1000000.");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was checked"
    )]
    let rate = (f64::from(per_second) * 1_000.0).ceil() as u64;
    Ok(rate)
}

/// A list filter of a request to begin a batch job, if it has one.
#[must_use]
pub fn batch_filter(request: &Request) -> Option<&str> {
    let Request::Batch(request) = request else {
        return None;
    };
    let BatchAction::Start(spec) = &request.action else {
        return None;
    };
    (!spec.query.is_empty()).then_some(&spec.query)
}

/// Gives a batch job that is about to begin its targets.
pub fn give_targets(request: &mut Request, targets: Vec<(WorkflowId, Option<RunId>)>) {
    if let Request::Batch(request) = request
        && let BatchAction::Start(spec) = &mut request.action
    {
        spec.targets = targets;
    }
}

/// The id of a job, as a list's page token has it.
///
/// # Errors
/// If it can be none.
pub fn batch_page_token(token: &[u8]) -> Result<String, Rejection> {
    match std::str::from_utf8(token) {
        Ok(after) => bounded(after, "NextPageToken"),
        Err(_) => invalid("Invalid NextPageToken."),
    }
}
