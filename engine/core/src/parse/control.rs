//! What operators do to pending activities and to workflows that go on.

use steadfast_proto::temporal::api::{
    common::v1::WorkflowExecution,
    workflowservice::v1::{
        PauseActivityRequest, PauseWorkflowExecutionRequest, ResetActivityRequest,
        UnpauseActivityRequest, UnpauseWorkflowExecutionRequest, UpdateActivityOptionsRequest,
        pause_activity_request, reset_activity_request, unpause_activity_request,
        update_activity_options_request,
    },
};

use super::{bounded, duration, invalid, target};
use crate::{
    activity::{ControlAction, ControlRequest, NewOptions, Paused, Which},
    effect::Rejection,
    ids::{ActivityId, RequestId},
    pause::PauseRequest,
    request::Request,
    time::Timestamp,
};

/// A request to pause activities.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn pause_activity(request: PauseActivityRequest) -> Result<Request, Rejection> {
    use pause_activity_request::Activity;
    let which = match request.activity {
        Some(Activity::Id(id)) => by_id(&id)?,
        Some(Activity::Type(name)) => by_type(name)?,
        None => return nothing(),
    };
    let action = ControlAction::Pause(Paused {
        time: Timestamp::EPOCH,
        identity: request.identity,
        reason: bounded(&request.reason, "Reason")?,
        request_id: RequestId::new(bounded(&request.request_id, "RequestId")?),
    });
    control(
        &request.namespace,
        request.execution.as_ref(),
        which,
        action,
    )
}

/// A request to let paused activities go on.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn unpause_activity(request: UnpauseActivityRequest) -> Result<Request, Rejection> {
    use unpause_activity_request::Activity;
    let which = match request.activity {
        Some(Activity::Id(id)) => by_id(&id)?,
        Some(Activity::Type(name)) => by_type(name)?,
        Some(Activity::UnpauseAll(true)) => Which::All,
        Some(Activity::UnpauseAll(false)) | None => return nothing(),
    };
    let action = ControlAction::Unpause {
        reset_attempts: request.reset_attempts,
        reset_heartbeat: request.reset_heartbeat,
        jitter: duration(request.jitter.as_ref(), "Jitter")?,
    };
    control(
        &request.namespace,
        request.execution.as_ref(),
        which,
        action,
    )
}

/// A request to begin activities anew.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn reset_activity(request: ResetActivityRequest) -> Result<Request, Rejection> {
    use reset_activity_request::Activity;
    let which = match request.activity {
        Some(Activity::Id(id)) => by_id(&id)?,
        Some(Activity::Type(name)) => by_type(name)?,
        Some(Activity::MatchAll(true)) => Which::All,
        Some(Activity::MatchAll(false)) | None => return nothing(),
    };
    let action = ControlAction::Reset {
        reset_heartbeat: request.reset_heartbeat,
        keep_paused: request.keep_paused,
        restore_options: request.restore_original_options,
        jitter: duration(request.jitter.as_ref(), "Jitter")?,
    };
    control(
        &request.namespace,
        request.execution.as_ref(),
        which,
        action,
    )
}

/// A request to change the options of activities.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn update_activity_options(
    request: UpdateActivityOptionsRequest,
) -> Result<Request, Rejection> {
    use update_activity_options_request::Activity;
    let which = match request.activity {
        Some(Activity::Id(id)) => by_id(&id)?,
        Some(Activity::Type(name)) => by_type(name)?,
        Some(Activity::MatchAll(true)) => Which::All,
        Some(Activity::MatchAll(false)) | None => return nothing(),
    };
    let paths = request.update_mask.unwrap_or_default().paths;
    let new = match (request.restore_original, request.activity_options) {
        (true, Some(_)) => {
            return invalid("RestoreOriginal and ActivityOptions cannot both be set.");
        }
        (true, None) => NewOptions::Original,
        (false, Some(_)) if paths.is_empty() => {
            return invalid("UpdateMask is not set on request.");
        }
        (false, Some(options)) => NewOptions::Changed {
            options: Box::new(options),
            paths,
        },
        (false, None) => return invalid("ActivityOptions are not set on request."),
    };
    let action = ControlAction::Options(Box::new(new));
    control(
        &request.namespace,
        request.execution.as_ref(),
        which,
        action,
    )
}

/// A request to pause a workflow.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn pause_workflow(request: PauseWorkflowExecutionRequest) -> Result<Request, Rejection> {
    pause(Pause {
        namespace: request.namespace,
        workflow_id: request.workflow_id,
        run_id: request.run_id,
        identity: request.identity,
        reason: request.reason,
        request_id: request.request_id,
        pause: true,
    })
}

/// A request to let a paused workflow go on.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn unpause_workflow(request: UnpauseWorkflowExecutionRequest) -> Result<Request, Rejection> {
    pause(Pause {
        namespace: request.namespace,
        workflow_id: request.workflow_id,
        run_id: request.run_id,
        identity: request.identity,
        reason: request.reason,
        request_id: request.request_id,
        pause: false,
    })
}

/// What both have in common.
struct Pause {
    namespace: String,
    workflow_id: String,
    run_id: String,
    identity: String,
    reason: String,
    request_id: String,
    pause: bool,
}

fn pause(request: Pause) -> Result<Request, Rejection> {
    let execution = WorkflowExecution {
        workflow_id: request.workflow_id,
        run_id: request.run_id,
    };
    Ok(Request::Pause(Box::new(PauseRequest {
        target: target(&request.namespace, Some(&execution))?,
        pause: request.pause,
        identity: bounded(&request.identity, "Identity")?,
        reason: bounded(&request.reason, "Reason")?,
        request_id: RequestId::new(bounded(&request.request_id, "RequestId")?),
    })))
}

fn control(
    namespace: &str,
    execution: Option<&WorkflowExecution>,
    which: Which,
    action: ControlAction,
) -> Result<Request, Rejection> {
    Ok(Request::ControlActivities(Box::new(ControlRequest {
        target: target(namespace, execution)?,
        which,
        action,
    })))
}

fn by_id(id: &str) -> Result<Which, Rejection> {
    if id.is_empty() {
        return nothing();
    }
    Ok(Which::Id(ActivityId::new(id)))
}

fn by_type(name: String) -> Result<Which, Rejection> {
    if name.is_empty() {
        return nothing();
    }
    Ok(Which::Type(name))
}

fn nothing<T>() -> Result<T, Rejection> {
    invalid("Either activity id or activity type must be set on request.")
}
