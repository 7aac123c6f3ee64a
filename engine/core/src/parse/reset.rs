//! Resets.

use steadfast_proto::temporal::api::{
    enums::v1::{ResetReapplyExcludeType, ResetReapplyType},
    workflow::v1::{PostResetOperation, post_reset_operation::Variant},
    workflowservice::v1::ResetWorkflowExecutionRequest,
};

use super::{blob, bounded, invalid, name, target};
use crate::{
    effect::Rejection,
    ids::{EventId, RequestId},
    request::Request,
    reset::{PostResetSignal, ResetPoint, ResetRequest, Without},
};

/// Things that are done right after one reset; one more is refused.
const MAX_POST_RESET: usize = 100;

/// A request to go on from an earlier point of a run's history; `fresh` names it if its caller did not.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn reset(
    request: ResetWorkflowExecutionRequest,
    fresh: RequestId,
) -> Result<Request, Rejection> {
    let reapply = request.reset_reapply_type();
    let without = without(reapply, request.reset_reapply_exclude_types());
    let request_id = match bounded(&request.request_id, "RequestId")? {
        id if id.is_empty() => fresh,
        id => RequestId::new(id),
    };
    if request.post_reset_operations.len() > MAX_POST_RESET {
        return invalid(format!(
            "PostResetOperations has more than {MAX_POST_RESET} entries."
        ));
    }
    let signals = request.post_reset_operations.into_iter().map(signal);
    Ok(Request::Reset(Box::new(ResetRequest {
        target: target(&request.namespace, request.workflow_execution.as_ref())?,
        point: ResetPoint::Event(EventId(request.workflow_task_finish_event_id)),
        reason: bounded(&request.reason, "Reason")?,
        request_id,
        without,
        signals: signals.collect::<Result<_, _>>()?,
        identity: request.identity,
    })))
}

/// What is left behind.
// temporal: service/history/api/resetworkflow/api.go GetResetReapplyExcludeTypes: the older field excludes too.
pub(crate) fn without(
    reapply: ResetReapplyType,
    excluded: impl Iterator<Item = ResetReapplyExcludeType>,
) -> Without {
    let mut without = match reapply {
        ResetReapplyType::Signal => Without {
            signals: false,
            updates: true,
            nexus: true,
        },
        ResetReapplyType::None => Without {
            signals: true,
            updates: true,
            nexus: true,
        },
        ResetReapplyType::Unspecified | ResetReapplyType::AllEligible => Without::default(),
    };
    for kind in excluded {
        without.signals |= kind == ResetReapplyExcludeType::Signal;
        without.updates |= kind == ResetReapplyExcludeType::Update;
        without.nexus |= kind == ResetReapplyExcludeType::Nexus;
    }
    without
}

fn signal(operation: PostResetOperation) -> Result<PostResetSignal, Rejection> {
    match operation.variant {
        Some(Variant::SignalWorkflow(signal)) => Ok(PostResetSignal {
            name: name(
                &signal.signal_name,
                "SignalName is not set on request.",
                "SignalName",
            )?,
            input: blob(signal.input)?,
            header: blob(signal.header)?,
            links: signal.links,
        }),
        Some(Variant::UpdateWorkflowOptions(_)) => {
            invalid("PostResetOperations cannot update workflow options yet.")
        }
        None => invalid("PostResetOperations has an entry that says nothing."),
    }
}
