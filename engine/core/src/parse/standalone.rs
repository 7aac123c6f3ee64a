//! Activities that no workflow has scheduled.
// temporal: chasm/lib/activity/{handler,validator}.go.

use std::time::Duration;

use steadfast_proto::temporal::api::{
    enums::v1::{ActivityIdConflictPolicy as Conflict, ActivityIdReusePolicy as Reuse},
    workflowservice::v1::{
        DescribeActivityExecutionRequest, PollActivityExecutionRequest,
        RequestCancelActivityExecutionRequest, StartActivityExecutionRequest,
        TerminateActivityExecutionRequest,
    },
};

use super::{blob, bounded, duration, key, name, retry_policy, run_id, start::task_queue};
use crate::{
    command::{ActivityTimeouts, ScheduleActivity},
    effect::Rejection,
    ids::{ExecutionKey, RequestId},
    limits::DEFAULT_WORKFLOW_TASK_TIMEOUT,
    policy::{IdConflictPolicy, IdReusePolicy},
    record::Proto,
    request::{Request, StartRequest, Target},
    standalone::{
        STANDALONE_PREFIX, StandaloneAction, StandaloneRequest, StandaloneStart, divided,
    },
};

/// The execution that an activity of its own is.
pub(super) fn activity_key(namespace: &str, activity_id: &str) -> Result<ExecutionKey, Rejection> {
    let id = name(
        activity_id,
        "ActivityId is not set on request.",
        "ActivityId",
    )?;
    key(namespace, "any")?;
    Ok(ExecutionKey::new(
        namespace,
        format!("{STANDALONE_PREFIX}{id}"),
    ))
}

/// Start an activity.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn start_activity(
    request: StartActivityExecutionRequest,
    fresh: RequestId,
) -> Result<Request, Rejection> {
    let reuse = match request.id_reuse_policy() {
        Reuse::Unspecified | Reuse::AllowDuplicate => IdReusePolicy::AllowDuplicate,
        Reuse::AllowDuplicateFailedOnly => IdReusePolicy::AllowDuplicateFailedOnly,
        Reuse::RejectDuplicate => IdReusePolicy::RejectDuplicate,
    };
    let conflict = match request.id_conflict_policy() {
        Conflict::Unspecified | Conflict::Fail => IdConflictPolicy::Fail,
        Conflict::UseExisting => IdConflictPolicy::UseExisting,
    };
    let timeouts = ActivityTimeouts {
        schedule_to_close: duration(
            request.schedule_to_close_timeout.as_ref(),
            "ScheduleToCloseTimeout",
        )?,
        schedule_to_start: duration(
            request.schedule_to_start_timeout.as_ref(),
            "ScheduleToStartTimeout",
        )?,
        start_to_close: duration(
            request.start_to_close_timeout.as_ref(),
            "StartToCloseTimeout",
        )?,
        heartbeat: duration(request.heartbeat_timeout.as_ref(), "HeartbeatTimeout")?,
    };
    timeouts
        .resolve(Duration::ZERO)
        .map_err(Rejection::InvalidArgument)?;
    let retry = request.retry_policy.as_ref().map(retry_policy).transpose();
    let retry = retry
        .map_err(Rejection::InvalidArgument)?
        .unwrap_or_default();
    let activity_type = name(
        &request.activity_type.unwrap_or_default().name,
        "ActivityType is not set on request.",
        "ActivityType",
    )?;
    let request_id = bounded(&request.request_id, "RequestId")?;
    let queue = task_queue(request.task_queue.as_ref())?;
    let header = blob(request.header)?;
    let start = StartRequest {
        key: activity_key(&request.namespace, &request.activity_id)?,
        workflow_type: activity_type.clone(),
        task_queue: queue.clone(),
        input: None,
        header: None,
        memo: None,
        search_attributes: Some(divided(blob(request.search_attributes)?.map(Proto))),
        execution_timeout: Duration::ZERO,
        run_timeout: Duration::ZERO,
        task_timeout: DEFAULT_WORKFLOW_TASK_TIMEOUT,
        retry: None,
        cron: String::new(),
        start_delay: duration(request.start_delay.as_ref(), "StartDelay")?,
        reuse,
        conflict,
        request_id: if request_id.is_empty() {
            fresh
        } else {
            RequestId::new(request_id)
        },
        identity: request.identity,
        user_metadata: blob(request.user_metadata)?.map(Proto),
        links: request.links.into_iter().map(Proto).collect(),
        callbacks: Vec::new(),
        priority: request.priority.clone().map(Proto),
        versioning_override: None,
        eager: false,
        on_conflict: None,
    };
    let activity = ScheduleActivity {
        id: request.activity_id.into(),
        activity_type,
        task_queue: queue,
        input: blob(request.input)?,
        header,
        timeouts,
        retry,
        priority: request.priority,
        eager: false,
        use_workflow_build_id: false,
    };
    Ok(Request::StartActivity(Box::new(StandaloneStart {
        start,
        activity,
    })))
}

fn about(
    (namespace, activity_id, run): (&str, &str, &str),
    action: StandaloneAction,
) -> Result<Request, Rejection> {
    let target = Target {
        key: activity_key(namespace, activity_id)?,
        run_id: run_id(run)?,
    };
    Ok(Request::Standalone(Box::new(StandaloneRequest {
        target,
        action,
    })))
}

/// Ask an activity to stop.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn cancel_activity(
    request: RequestCancelActivityExecutionRequest,
) -> Result<Request, Rejection> {
    let action = StandaloneAction::Cancel {
        reason: request.reason,
        identity: request.identity,
        request_id: RequestId::new(bounded(&request.request_id, "RequestId")?),
    };
    about(
        (&request.namespace, &request.activity_id, &request.run_id),
        action,
    )
}

/// End an activity at once.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn terminate_activity(
    request: TerminateActivityExecutionRequest,
) -> Result<Request, Rejection> {
    let action = StandaloneAction::Terminate {
        reason: request.reason,
        identity: request.identity,
    };
    about(
        (&request.namespace, &request.activity_id, &request.run_id),
        action,
    )
}

/// Wait for an activity's end.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn poll_activity_end(request: &PollActivityExecutionRequest) -> Result<Request, Rejection> {
    about(
        (&request.namespace, &request.activity_id, &request.run_id),
        StandaloneAction::Poll,
    )
}

/// Tell how an activity stands.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn describe_activity(request: &DescribeActivityExecutionRequest) -> Result<Request, Rejection> {
    let action = StandaloneAction::Describe {
        input: request.include_input,
        outcome: request.include_outcome,
        heartbeat_details: request.include_heartbeat_details,
        last_failure: request.include_last_failure,
    };
    about(
        (&request.namespace, &request.activity_id, &request.run_id),
        action,
    )
}
