//! Starts and signal-with-starts.

use std::time::Duration;

use steadfast_proto::temporal::api::{
    enums::v1::{TaskQueueKind, WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    taskqueue::v1::TaskQueue,
    workflow::v1::VersioningOverride,
    workflowservice::v1::{SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest},
};

use super::{blob, bounded, duration, invalid, key, name, retry_policy};
use crate::{
    cron,
    effect::Rejection,
    ids::{RequestId, TaskQueueName},
    limits::{DEFAULT_WORKFLOW_TASK_TIMEOUT, MAX_WORKFLOW_TASK_TIMEOUT},
    policy::{IdConflictPolicy, IdReusePolicy},
    record::Proto,
    request::{OnConflict, Request, SignalRequest, StartRequest, Target},
    schedule::SCHEDULE_PREFIX,
    standalone::STANDALONE_PREFIX,
    versioning::{is_valid, normalised},
};

/// A start. `fresh` becomes the request id if the caller gave none.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn start(
    request: StartWorkflowExecutionRequest,
    fresh: RequestId,
) -> Result<Request, Rejection> {
    Ok(Request::Start(Box::new(plain(request, fresh)?)))
}

/// A start by itself, or as one of several operations.
pub(super) fn plain(
    request: StartWorkflowExecutionRequest,
    fresh: RequestId,
) -> Result<StartRequest, Rejection> {
    parse(request, fresh, IdConflictPolicy::Fail)
}

/// A signal-with-start. Both share the request id.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn signal_with_start(
    request: SignalWithStartWorkflowExecutionRequest,
    fresh: RequestId,
) -> Result<Request, Rejection> {
    let signal_name = name(
        &request.signal_name,
        "SignalName is not set on request.",
        "SignalName",
    )?;
    if request.workflow_id_conflict_policy() == WorkflowIdConflictPolicy::Fail {
        return invalid(
            "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this operation.",
        );
    }
    let signal_input = blob(request.signal_input.clone())?;
    let header = blob(request.header.clone())?;
    let start = parse(as_start(request), fresh, IdConflictPolicy::UseExisting)?;
    let signal = SignalRequest {
        target: Target {
            key: start.key.clone(),
            run_id: None,
        },
        name: signal_name,
        input: signal_input,
        header,
        identity: start.identity.clone(),
        request_id: start.request_id.clone(),
        links: Vec::new(),
    };
    Ok(Request::SignalWithStart(Box::new(start), Box::new(signal)))
}

fn as_start(request: SignalWithStartWorkflowExecutionRequest) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: request.namespace,
        workflow_id: request.workflow_id,
        workflow_type: request.workflow_type,
        task_queue: request.task_queue,
        input: request.input,
        workflow_execution_timeout: request.workflow_execution_timeout,
        workflow_run_timeout: request.workflow_run_timeout,
        workflow_task_timeout: request.workflow_task_timeout,
        identity: request.identity,
        request_id: request.request_id,
        workflow_id_reuse_policy: request.workflow_id_reuse_policy,
        workflow_id_conflict_policy: request.workflow_id_conflict_policy,
        retry_policy: request.retry_policy,
        cron_schedule: request.cron_schedule,
        memo: request.memo,
        search_attributes: request.search_attributes,
        header: request.header,
        workflow_start_delay: request.workflow_start_delay,
        user_metadata: request.user_metadata,
        links: request.links,
        priority: request.priority,
        versioning_override: request.versioning_override,
        ..StartWorkflowExecutionRequest::default()
    }
}

pub(super) fn parse(
    request: StartWorkflowExecutionRequest,
    fresh: RequestId,
    default_conflict: IdConflictPolicy,
) -> Result<StartRequest, Rejection> {
    let (reuse, conflict) = policies(&request, default_conflict)?;
    let timeouts = timeouts(&request)?;
    let workflow_type = request.workflow_type.unwrap_or_default().name;
    let start_delay = duration(request.workflow_start_delay.as_ref(), "WorkflowStartDelay")?;
    let cron = request.cron_schedule;
    cron::Schedule::parse(&cron).map_err(|why| Rejection::InvalidArgument(format!("{why}.")))?;
    if !cron.is_empty() && !start_delay.is_zero() {
        return invalid("CronSchedule and WorkflowStartDelay may not be used together.");
    }
    let retry = request.retry_policy.as_ref().map(retry_policy).transpose();
    let request_id = bounded(&request.request_id, "RequestId")?;
    let on_conflict = request.on_conflict_options.map(|o| OnConflict {
        attach_request_id: o.attach_request_id,
        attach_callbacks: o.attach_completion_callbacks,
        attach_links: o.attach_links,
    });
    let key = key(&request.namespace, &request.workflow_id)?;
    let reserved = [SCHEDULE_PREFIX, STANDALONE_PREFIX];
    if let Some(prefix) = reserved
        .iter()
        .find(|p| request.workflow_id.starts_with(**p))
    {
        return invalid(format!(
            "WorkflowId cannot start with reserved prefix {prefix}"
        ));
    }
    Ok(StartRequest {
        key,
        workflow_type: name(
            &workflow_type,
            "WorkflowType is not set on request.",
            "WorkflowType",
        )?,
        task_queue: task_queue(request.task_queue.as_ref())?,
        input: blob(request.input)?.map(Proto),
        header: blob(request.header)?.map(Proto),
        memo: blob(request.memo)?.map(Proto),
        search_attributes: blob(request.search_attributes)?.map(Proto),
        execution_timeout: timeouts.0,
        run_timeout: timeouts.1,
        task_timeout: timeouts.2,
        retry: retry.map_err(Rejection::InvalidArgument)?,
        cron,
        start_delay,
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
        callbacks: request
            .completion_callbacks
            .into_iter()
            .map(Proto)
            .collect(),
        priority: request.priority.map(Proto),
        versioning_override: versioning_override(request.versioning_override)?,
        eager: request.request_eager_execution,
        on_conflict,
    })
}

fn versioning_override(
    given: Option<VersioningOverride>,
) -> Result<Option<Proto<VersioningOverride>>, Rejection> {
    let given = given.map(normalised);
    if given.as_ref().is_some_and(|given| !is_valid(given)) {
        return invalid("versioning override must name a deployment and a build, or auto-upgrade.");
    }
    Ok(given.map(Proto))
}

/// A normal queue that a caller names.
pub(super) fn task_queue(queue: Option<&TaskQueue>) -> Result<TaskQueueName, Rejection> {
    let queue_name = queue.map_or("", |q| q.name.as_str());
    let queue_name = name(queue_name, "missing task queue name", "TaskQueue")?;
    if queue_name.starts_with("/_sys/") {
        return invalid("task queue name cannot start with reserved prefix /_sys/");
    }
    if queue.is_some_and(|q| q.kind() == TaskQueueKind::Sticky) {
        return invalid("task queue kind cannot be sticky");
    }
    Ok(queue_name.into())
}

/// Execution, run and workflow task timeout, resolved against each other.
fn timeouts(
    request: &StartWorkflowExecutionRequest,
) -> Result<(Duration, Duration, Duration), Rejection> {
    let execution = duration(
        request.workflow_execution_timeout.as_ref(),
        "WorkflowExecutionTimeout",
    )?;
    let run = duration(request.workflow_run_timeout.as_ref(), "WorkflowRunTimeout")?;
    let task = duration(
        request.workflow_task_timeout.as_ref(),
        "WorkflowTaskTimeout",
    )?;
    let run = match (run.is_zero(), execution.is_zero()) {
        (true, _) => execution,
        (false, true) => run,
        (false, false) => run.min(execution),
    };
    let task = if task.is_zero() {
        DEFAULT_WORKFLOW_TASK_TIMEOUT
    } else {
        task
    };
    let task = task.min(MAX_WORKFLOW_TASK_TIMEOUT);
    let task = if run.is_zero() { task } else { task.min(run) };
    Ok((execution, run, task))
}

fn policies(
    request: &StartWorkflowExecutionRequest,
    default_conflict: IdConflictPolicy,
) -> Result<(IdReusePolicy, IdConflictPolicy), Rejection> {
    use WorkflowIdConflictPolicy as Conflict;
    use WorkflowIdReusePolicy as Reuse;
    let conflict = match request.workflow_id_conflict_policy() {
        Conflict::Unspecified => default_conflict,
        Conflict::Fail => IdConflictPolicy::Fail,
        Conflict::UseExisting => IdConflictPolicy::UseExisting,
        Conflict::TerminateExisting => IdConflictPolicy::TerminateExisting,
    };
    let given = request.workflow_id_conflict_policy() != Conflict::Unspecified;
    Ok(match request.workflow_id_reuse_policy() {
        Reuse::Unspecified | Reuse::AllowDuplicate => (IdReusePolicy::AllowDuplicate, conflict),
        Reuse::AllowDuplicateFailedOnly => (IdReusePolicy::AllowDuplicateFailedOnly, conflict),
        Reuse::RejectDuplicate if conflict == IdConflictPolicy::TerminateExisting => {
            return invalid(
                "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
            );
        }
        Reuse::RejectDuplicate => (IdReusePolicy::RejectDuplicate, conflict),
        #[expect(deprecated, reason = "old clients still send it")]
        Reuse::TerminateIfRunning if given => {
            return invalid(
                "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together with a WorkflowIDConflictPolicy.",
            );
        }
        #[expect(deprecated, reason = "old clients still send it")]
        Reuse::TerminateIfRunning => (
            IdReusePolicy::AllowDuplicate,
            IdConflictPolicy::TerminateExisting,
        ),
    })
}
