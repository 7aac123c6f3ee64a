//! What a schedule does: the workflow that it starts, and what it asks of one that runs.

use steadfast_proto::temporal::api::{
    common::v1::{Payload, SearchAttributes},
    schedule::v1::schedule_action,
    workflow::v1::NewWorkflowExecutionInfo,
};

use super::{
    state::{Asked, Definition, Last, Running, Schedule, Start, schedule_id},
    zone::rfc3339,
};
use crate::{
    ids::{ExecutionKey, RequestId, WorkflowId},
    message::{OutboxWork, StartScheduled},
    parse,
    policy::IdReusePolicy,
    record::{OutboxPut, Proto},
    request::StartRequest,
    time::Timestamp,
};

/// The workflow that a definition names, if it names one.
pub(crate) fn of(definition: &Definition) -> Option<&NewWorkflowExecutionInfo> {
    let schedule_action::Action::StartWorkflow(workflow) = definition.action.0.action.as_ref()?;
    Some(workflow)
}

/// The same, to be changed before it is recorded.
pub(super) fn of_mut(definition: &mut Definition) -> Option<&mut NewWorkflowExecutionInfo> {
    let schedule_action::Action::StartWorkflow(workflow) = definition.action.0.action.as_mut()?;
    Some(workflow)
}

/// The id of the workflow that is started for a nominal time.
// temporal: service/worker/scheduler/workflow.go startWorkflow, `AlwaysAppendTimestamp`.
pub(crate) fn workflow_id(base: &str, nominal: Timestamp) -> WorkflowId {
    format!("{base}-{}", rfc3339(nominal)).into()
}

/// The work of starting the schedule's workflow.
pub(super) fn start(
    key: &ExecutionKey,
    schedule: &Schedule,
    number: u64,
    start: &Start,
    last: Last,
    overlaps: bool,
) -> OutboxPut {
    let workflow = of(&schedule.definition).expect("the caller looked");
    let id = workflow_id(&workflow.workflow_id, start.nominal);
    let parsed = parse::scheduled_start(&key.namespace, id.as_str(), workflow)
        .expect("it was parsed before it was recorded");
    let request = StartRequest {
        request_id: RequestId::new(format!("{}-{number}", schedule.id)),
        identity: identity(key),
        // Of two starts for one time only one may come to something, whatever happens.
        reuse: if start.manual {
            IdReusePolicy::AllowDuplicate
        } else {
            IdReusePolicy::RejectDuplicate
        },
        search_attributes: Some(Proto(with_origin(
            parsed.search_attributes.clone().map(|s| s.0),
            schedule_id(key).unwrap_or_default(),
            start.nominal,
        ))),
        ..parsed
    };
    OutboxPut {
        to: request.key.clone(),
        work: OutboxWork::StartScheduled(Box::new(StartScheduled {
            start: request,
            due: start.actual,
            overlaps,
            last,
        })),
    }
}

/// The work of asking a running workflow to make room.
pub(super) fn ask(key: &ExecutionKey, workflow: &Running, ask: Asked) -> OutboxPut {
    OutboxPut {
        to: ExecutionKey {
            namespace: key.namespace.clone(),
            workflow_id: workflow.workflow_id.clone(),
        },
        work: OutboxWork::AskScheduled {
            first_run: workflow.first_run.clone(),
            ask,
            identity: identity(key),
        },
    }
}

// temporal: service/worker/scheduler/workflow.go identity.
fn identity(key: &ExecutionKey) -> String {
    let id = schedule_id(key).unwrap_or_default();
    format!("temporal-scheduler-{}-{id}", key.namespace)
}

/// The workflow's search attributes, and those that say where it comes from.
// temporal: service/worker/scheduler/workflow.go addSearchAttributes.
fn with_origin(own: Option<SearchAttributes>, id: &str, nominal: Timestamp) -> SearchAttributes {
    let mut attributes = own.unwrap_or_default();
    let mut set = |name: &str, kind: &str, value: &str| {
        let mut payload = Payload::json(value).expect("a string is JSON");
        let kind = kind.as_bytes().to_vec().into();
        payload.metadata.insert("type".to_owned(), kind);
        attributes.indexed_fields.insert(name.to_owned(), payload);
    };
    set("TemporalScheduledById", "Keyword", id);
    let nominal = rfc3339(nominal);
    set("TemporalScheduledStartTime", "Datetime", &nominal);
    attributes
}
