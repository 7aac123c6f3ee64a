//! What clients ask.

use steadfast_proto::temporal::api::{
    enums::v1::{HistoryEventFilterType, QueryRejectCondition},
    workflowservice::v1::{
        DeleteWorkflowExecutionRequest, DescribeWorkflowExecutionRequest,
        GetWorkflowExecutionHistoryRequest, QueryWorkflowRequest,
        RequestCancelWorkflowExecutionRequest, ResetStickyTaskQueueRequest,
        SignalWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
    },
};

use super::{blob, bounded, invalid, name, run_id, target};
use crate::{
    effect::Rejection,
    ids::{EventId, RequestId},
    request::{
        CancelRequest, HistoryRequest, QueryRequest, Request, SignalRequest, TerminateRequest,
    },
};

/// A signal. Without a request id of the caller's, the same signal twice is two signals.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn signal(request: SignalWorkflowExecutionRequest) -> Result<Request, Rejection> {
    Ok(Request::Signal(Box::new(SignalRequest {
        target: target(&request.namespace, request.workflow_execution.as_ref())?,
        name: name(
            &request.signal_name,
            "SignalName is not set on request.",
            "SignalName",
        )?,
        input: blob(request.input)?,
        header: blob(request.header)?,
        identity: request.identity,
        request_id: RequestId::new(bounded(&request.request_id, "RequestId")?),
        links: request.links,
    })))
}

/// A request to cancel.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn cancel(request: RequestCancelWorkflowExecutionRequest) -> Result<Request, Rejection> {
    Ok(Request::Cancel(CancelRequest {
        target: target(&request.namespace, request.workflow_execution.as_ref())?,
        first_run: run_id(&request.first_execution_run_id)?,
        reason: request.reason,
        identity: request.identity,
        request_id: RequestId::new(bounded(&request.request_id, "RequestId")?),
    }))
}

/// A request to end a run at once.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn terminate(request: TerminateWorkflowExecutionRequest) -> Result<Request, Rejection> {
    Ok(Request::Terminate(TerminateRequest {
        target: target(&request.namespace, request.workflow_execution.as_ref())?,
        first_run: run_id(&request.first_execution_run_id)?,
        reason: request.reason,
        details: blob(request.details)?,
        identity: request.identity,
    }))
}

/// A query.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn query(request: QueryWorkflowRequest) -> Result<Request, Rejection> {
    let Some(query) = request.query else {
        return invalid("Query is not set on request.");
    };
    name(
        &query.query_type,
        "QueryType is not set on request.",
        "QueryType",
    )?;
    let query = blob(Some(query))?.expect("it was there");
    Ok(Request::Query(Box::new(QueryRequest {
        target: target(&request.namespace, request.execution.as_ref())?,
        query,
        reject: QueryRejectCondition::try_from(request.query_reject_condition)
            .unwrap_or(QueryRejectCondition::Unspecified),
    })))
}

/// A read of a run's state.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn describe(request: &DescribeWorkflowExecutionRequest) -> Result<Request, Rejection> {
    Ok(Request::Describe(target(
        &request.namespace,
        request.execution.as_ref(),
    )?))
}

/// A request to forget a run.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn delete(request: &DeleteWorkflowExecutionRequest) -> Result<Request, Rejection> {
    Ok(Request::Delete(target(
        &request.namespace,
        request.workflow_execution.as_ref(),
    )?))
}

/// A request to forget which worker has the run in its cache.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn reset_stickiness(request: &ResetStickyTaskQueueRequest) -> Result<Request, Rejection> {
    Ok(Request::ResetStickiness(target(
        &request.namespace,
        request.execution.as_ref(),
    )?))
}

/// A read of a history. The page token is ours: the next event id as eight bytes.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn history(request: &GetWorkflowExecutionHistoryRequest) -> Result<Request, Rejection> {
    let from = match request.next_page_token.as_ref() {
        [] => EventId::FIRST,
        bytes => {
            let (token, run) = crate::render::split_page_token(bytes)
                .ok_or_else(|| Rejection::InvalidArgument("Invalid NextPageToken.".to_owned()))?;
            let mut target = target(&request.namespace, request.execution.as_ref())?;
            target.run_id = Some(run);
            return Ok(Request::History(HistoryRequest {
                target,
                from: token,
                wait: request.wait_new_event,
                close_event_only: only_close(request),
            }));
        }
    };
    Ok(Request::History(HistoryRequest {
        target: target(&request.namespace, request.execution.as_ref())?,
        from,
        wait: request.wait_new_event,
        close_event_only: only_close(request),
    }))
}

fn only_close(request: &GetWorkflowExecutionHistoryRequest) -> bool {
    request.history_event_filter_type() == HistoryEventFilterType::CloseEvent
}
