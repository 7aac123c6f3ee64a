//! What clients ask to have a workflow go on from an earlier point: first for its history, then for the reset.

use steadfast_proto::temporal::api::{
    common::v1::WorkflowExecution,
    history::v1::history_event::Attributes,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse,
        ResetWorkflowExecutionRequest,
    },
};

use super::{
    wire::Rpc,
    workload::{Job, What},
};
use crate::scenario::{OperationKind, ResetTo};

/// The question for the history of the workflow's current run.
pub(super) fn look(namespace: String, execution: Option<WorkflowExecution>) -> Rpc {
    Rpc::History(GetWorkflowExecutionHistoryRequest {
        namespace,
        execution,
        ..GetWorkflowExecutionHistoryRequest::default()
    })
}

/// The request to go back to one of the workflow tasks that the history has; `None` if it has none.
pub(super) fn request(
    job: &Job,
    namespace: String,
    request_id: String,
    page: &GetWorkflowExecutionHistoryResponse,
) -> Option<Rpc> {
    let What::Operate(kind, _) = &job.what else {
        return None;
    };
    let OperationKind::Reset { to, .. } = &**kind else {
        return None;
    };
    let events = page.history.iter().flat_map(|history| &history.events);
    let completed = events.filter(|event| {
        matches!(
            event.attributes,
            Some(Attributes::WorkflowTaskCompletedEventAttributes(_))
        )
    });
    let completed: Vec<i64> = completed.map(|event| event.event_id).collect();
    let last = completed.len().checked_sub(1)?;
    let place = match to {
        ResetTo::First => 0,
        ResetTo::Last => last,
        ResetTo::Any => job.number as usize % completed.len(),
    };
    Some(Rpc::Reset(ResetWorkflowExecutionRequest {
        namespace,
        workflow_execution: Some(WorkflowExecution {
            workflow_id: job.workflow_id.clone(),
            run_id: String::new(),
        }),
        reason: "a second thought".to_owned(),
        workflow_task_finish_event_id: completed[place],
        request_id,
        ..ResetWorkflowExecutionRequest::default()
    }))
}
