//! What workers ask and answer.

use std::time::Duration;

use steadfast_proto::temporal::api::{
    common::v1::Payloads,
    deployment::v1::{WorkerDeploymentOptions, WorkerDeploymentVersion},
    enums::v1::{
        QueryResultType, TaskQueueKind, VersioningBehavior, WorkerVersioningMode,
        WorkflowTaskFailedCause,
    },
    failure::v1::{Failure, failure::FailureInfo},
    query::v1::WorkflowQueryResult,
    taskqueue::v1::{StickyExecutionAttributes, TaskQueue},
    workflowservice::v1::{
        PollActivityTaskQueueRequest, PollNexusTaskQueueRequest, PollWorkflowTaskQueueRequest,
        RecordActivityTaskHeartbeatByIdRequest, RecordActivityTaskHeartbeatRequest,
        RespondActivityTaskCanceledByIdRequest, RespondActivityTaskCanceledRequest,
        RespondActivityTaskCompletedByIdRequest, RespondActivityTaskCompletedRequest,
        RespondActivityTaskFailedByIdRequest, RespondActivityTaskFailedRequest,
        RespondNexusTaskCompletedRequest, RespondNexusTaskFailedRequest,
        RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
        RespondWorkflowTaskFailedRequest, ShutdownWorkerRequest,
    },
};

use super::{command, duration, invalid, key, name, run_id, standalone::activity_key, update};
use crate::{
    command::Command,
    effect::{Rejection, ReplyTo},
    ids::{ActivityId, Namespace},
    matching::{MatchingInput, QueryToken},
    message::{QueueKey, TaskKind},
    nexus::{NexusAnswer, NexusAsk, NexusOutcome, handler_error, outcome},
    request::{
        ActivityAction, ActivityRequest, ActivityTarget, CompleteWorkflowTask, FailWorkflowTask,
        Page, Request, StickyRequest, Target, WorkerDeployment,
    },
    token::TaskToken,
    versioning::Version,
};

/// A poll for workflow tasks that waits as long as `patience`.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn poll_workflow(
    request: PollWorkflowTaskQueueRequest,
    reply_to: ReplyTo,
    patience: Duration,
) -> Result<MatchingInput, Rejection> {
    let queue = queue(
        &request.namespace,
        TaskKind::Workflow,
        request.task_queue.as_ref(),
    )?;
    let queue = of_version(queue, request.deployment_options.as_ref());
    Ok(MatchingInput::Poll {
        reply_to,
        queue,
        identity: request.identity,
        worker: request.worker_instance_key,
        patience,
    })
}

/// A poll for activity tasks that waits as long as `patience`.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn poll_activity(
    request: PollActivityTaskQueueRequest,
    reply_to: ReplyTo,
    patience: Duration,
) -> Result<MatchingInput, Rejection> {
    let queue = queue(
        &request.namespace,
        TaskKind::Activity,
        request.task_queue.as_ref(),
    )?;
    let queue = of_version(queue, request.deployment_options.as_ref());
    Ok(MatchingInput::Poll {
        reply_to,
        queue,
        identity: request.identity,
        worker: request.worker_instance_key,
        patience,
    })
}

/// A poll for Nexus tasks that waits as long as `patience`.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn poll_nexus(
    request: PollNexusTaskQueueRequest,
    reply_to: ReplyTo,
    patience: Duration,
) -> Result<MatchingInput, Rejection> {
    let queue = queue(
        &request.namespace,
        TaskKind::Nexus,
        request.task_queue.as_ref(),
    )?;
    Ok(MatchingInput::Poll {
        reply_to,
        queue,
        identity: request.identity,
        worker: request.worker_instance_key,
        patience,
    })
}

/// A Nexus handler answered.
///
/// # Errors
/// If the token is none, or the answer is none to what was asked.
// temporal: service/frontend/workflow_handler.go RespondNexusTaskCompleted.
pub fn nexus_completed(request: RespondNexusTaskCompletedRequest) -> Result<Request, Rejection> {
    let token = TaskToken::decode(&request.task_token, TaskKind::Nexus)?;
    let ask = NexusAsk::of_token(&token);
    let outcome = request.response.and_then(|response| outcome(response, ask));
    let Some(outcome) = outcome else {
        return invalid("request response is not set or does not match the request.");
    };
    Ok(Request::NexusAnswer(Box::new(NexusAnswer {
        token,
        outcome,
    })))
}

/// A Nexus handler failed.
///
/// # Errors
/// If the token is none, or there is no failure of a handler.
pub fn nexus_failed(request: RespondNexusTaskFailedRequest) -> Result<Request, Rejection> {
    let token = TaskToken::decode(&request.task_token, TaskKind::Nexus)?;
    #[expect(deprecated, reason = "old workers still send it")]
    let old = request.error.map(handler_error);
    let failure = match (request.failure, old) {
        (Some(failure), _) if is_handler_failure(&failure) => failure,
        (Some(_), _) => return invalid("request Failure must have NexusHandlerFailureInfo."),
        (None, Some(old)) => old,
        (None, None) => return invalid("request Failure is not set."),
    };
    let outcome = NexusOutcome::HandlerError(Box::new(failure));
    Ok(Request::NexusAnswer(Box::new(NexusAnswer {
        token,
        outcome,
    })))
}

fn is_handler_failure(failure: &Failure) -> bool {
    matches!(
        failure.failure_info,
        Some(FailureInfo::NexusHandlerFailureInfo(_))
    )
}

/// A worker ends in good order.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn shutdown_worker(
    request: &ShutdownWorkerRequest,
    reply_to: ReplyTo,
) -> Result<MatchingInput, Rejection> {
    let namespace = name(
        &request.namespace,
        "Namespace not set on request.",
        "Namespace",
    )?;
    let sticky = TaskQueue {
        name: request.sticky_task_queue.clone(),
        ..TaskQueue::default()
    };
    let sticky = match sticky.name.as_str() {
        "" => None,
        _ => Some(queue(&namespace, TaskKind::Workflow, Some(&sticky))?),
    };
    Ok(MatchingInput::ShutdownWorker {
        reply_to,
        namespace: namespace.into(),
        worker: request.worker_instance_key.clone(),
        sticky,
    })
}

fn queue(
    namespace: &str,
    kind: TaskKind,
    queue: Option<&TaskQueue>,
) -> Result<QueueKey, Rejection> {
    let namespace = name(namespace, "Namespace not set on request.", "Namespace")?;
    let queue = queue.map_or("", |q| q.name.as_str());
    let queue = name(queue, "missing task queue name", "TaskQueue")?;
    Ok(QueueKey {
        namespace: Namespace::new(namespace),
        kind,
        name: queue.into(),
        version: None,
    })
}

/// The queue as workers of that version poll it.
fn of_version(queue: QueueKey, options: Option<&WorkerDeploymentOptions>) -> QueueKey {
    let version = options.and_then(|options| deployment(options).version);
    QueueKey { version, ..queue }
}

/// The deployment of a worker, as it says.
fn deployment(options: &WorkerDeploymentOptions) -> WorkerDeployment {
    let versioned = options.worker_versioning_mode() == WorkerVersioningMode::Versioned;
    let version = WorkerDeploymentVersion {
        deployment_name: options.deployment_name.clone(),
        build_id: options.build_id.clone(),
    };
    WorkerDeployment {
        name: options.deployment_name.clone(),
        version: versioned.then(|| Version::from_proto(&version)).flatten(),
    }
}

/// A worker finished a workflow task.
///
/// # Errors
/// If the token is none, or a command is of no known type.
pub fn workflow_task_completed(
    request: RespondWorkflowTaskCompletedRequest,
) -> Result<Request, Rejection> {
    let token = TaskToken::decode(&request.task_token, TaskKind::Workflow)?;
    let page = page(&request)?;
    let versioning_behavior = request.versioning_behavior();
    let deployment = request.deployment_options.as_ref().map(deployment);
    let versioned = deployment.as_ref().is_some_and(|d| d.version.is_some());
    if versioning_behavior != VersioningBehavior::Unspecified && !versioned {
        return invalid("versioning behavior must be specified with a versioned worker.");
    }
    let namespace = token.run.execution.namespace.clone();
    let mut commands = Vec::with_capacity(request.commands.len());
    for wire in request.commands {
        let Some(attributes) = wire.attributes else {
            return invalid("Command attributes are not set.");
        };
        let command = command::parse(attributes, wire.user_metadata, &namespace)?;
        commands.push(command.map(|command| Command {
            group_markers: wire.event_group_markers,
            ..command
        }));
    }
    Ok(Request::CompleteWorkflowTask(Box::new(
        CompleteWorkflowTask {
            token,
            commands,
            messages: update::messages(request.messages)?,
            can_discard: request
                .capabilities
                .is_some_and(|c| c.discard_speculative_workflow_task_with_events),
            identity: request.identity,
            sticky: request
                .sticky_attributes
                .as_ref()
                .map(sticky)
                .transpose()?
                .flatten(),
            return_new_task: request.return_new_workflow_task,
            force_new_task: request.force_create_new_workflow_task,
            query_results: request.query_results,
            sdk_metadata: request.sdk_metadata,
            #[expect(deprecated, reason = "old workers still send it")]
            binary_checksum: request.binary_checksum,
            #[expect(deprecated, reason = "SDKs read it at replay")]
            worker_version: request.worker_version_stamp,
            page,
            deployment,
            versioning_behavior,
        },
    )))
}

/// Which part of a completion that comes in several this is.
fn page(request: &RespondWorkflowTaskCompletedRequest) -> Result<Page, Rejection> {
    let Ok(number) = u32::try_from(request.page_number) else {
        return invalid("page_number cannot be negative.");
    };
    Ok(Page {
        number,
        more: request.intermediate_page,
        bytes: prost::Message::encoded_len(request),
    })
}

fn sticky(attributes: &StickyExecutionAttributes) -> Result<Option<StickyRequest>, Rejection> {
    let Some(queue) = &attributes.worker_task_queue else {
        return Ok(None);
    };
    if queue.name.is_empty() || queue.kind() == TaskQueueKind::Normal {
        return Ok(None);
    }
    Ok(Some(StickyRequest {
        queue: queue.name.as_str().into(),
        schedule_to_start: duration(
            attributes.schedule_to_start_timeout.as_ref(),
            "ScheduleToStartTimeout",
        )?,
    }))
}

/// A worker could not finish a workflow task.
///
/// # Errors
/// If the token is none.
pub fn workflow_task_failed(
    request: RespondWorkflowTaskFailedRequest,
) -> Result<Request, Rejection> {
    Ok(Request::FailWorkflowTask(Box::new(FailWorkflowTask {
        token: TaskToken::decode(&request.task_token, TaskKind::Workflow)?,
        cause: WorkflowTaskFailedCause::try_from(request.cause)
            .unwrap_or(WorkflowTaskFailedCause::Unspecified),
        failure: request.failure,
        identity: request.identity,
    })))
}

/// A worker answered a query.
///
/// # Errors
/// If the token is none.
pub fn query_completed(
    request: RespondQueryTaskCompletedRequest,
    reply_to: ReplyTo,
) -> Result<MatchingInput, Rejection> {
    let token = QueryToken::decode(&request.task_token)?;
    let result = WorkflowQueryResult {
        result_type: QueryResultType::try_from(request.completed_type)
            .unwrap_or(QueryResultType::Failed)
            .into(),
        answer: request.query_result,
        error_message: request.error_message,
        failure: request.failure,
    };
    Ok(MatchingInput::QueryAnswered {
        reply_to,
        token,
        result: Box::new(result),
    })
}

fn by_token(token: &[u8], action: ActivityAction, identity: String) -> Result<Request, Rejection> {
    let target = ActivityTarget::Token(TaskToken::decode(token, TaskKind::Activity)?);
    Ok(Request::Activity(Box::new(ActivityRequest {
        target,
        action,
        identity,
    })))
}

fn by_id(
    namespace: &str,
    (workflow_id, run, activity_id): (&str, &str, &str),
    action: ActivityAction,
    identity: String,
) -> Result<Request, Rejection> {
    let key = if workflow_id.is_empty() {
        activity_key(namespace, activity_id)?
    } else {
        key(namespace, workflow_id)?
    };
    let target = Target {
        key,
        run_id: run_id(run)?,
    };
    let activity_id = name(
        activity_id,
        "ActivityId is not set on request.",
        "ActivityId",
    )?;
    let target = ActivityTarget::ById(target, ActivityId::new(activity_id));
    Ok(Request::Activity(Box::new(ActivityRequest {
        target,
        action,
        identity,
    })))
}

/// An activity completed.
///
/// # Errors
/// If the token is none.
pub fn activity_completed(
    request: RespondActivityTaskCompletedRequest,
) -> Result<Request, Rejection> {
    by_token(
        &request.task_token,
        ActivityAction::Complete(request.result),
        request.identity,
    )
}

/// An activity completed, by its id.
///
/// # Errors
/// If an id is missing.
pub fn activity_completed_by_id(
    request: RespondActivityTaskCompletedByIdRequest,
) -> Result<Request, Rejection> {
    let ids = (
        &*request.workflow_id,
        &*request.run_id,
        &*request.activity_id,
    );
    let action = ActivityAction::Complete(request.result);
    by_id(&request.namespace, ids, action, request.identity)
}

/// Only what an application can say is a failure of an activity.
fn failed(
    failure: Option<Failure>,
    details: Option<Payloads>,
) -> Result<ActivityAction, Rejection> {
    match &failure {
        Some(given)
            if !matches!(
                given.failure_info,
                Some(FailureInfo::ApplicationFailureInfo(_))
            ) =>
        {
            invalid("Failure must have ApplicationFailureInfo.")
        }
        Some(_) | None => Ok(ActivityAction::Fail(failure, details)),
    }
}

/// An activity failed.
///
/// # Errors
/// If the token is none, or the failure is none that an application can have.
pub fn activity_failed(request: RespondActivityTaskFailedRequest) -> Result<Request, Rejection> {
    let action = failed(request.failure, request.last_heartbeat_details)?;
    by_token(&request.task_token, action, request.identity)
}

/// An activity failed, by its id.
///
/// # Errors
/// If an id is missing, or the failure is none that an application can have.
pub fn activity_failed_by_id(
    request: RespondActivityTaskFailedByIdRequest,
) -> Result<Request, Rejection> {
    let ids = (
        &*request.workflow_id,
        &*request.run_id,
        &*request.activity_id,
    );
    let action = failed(request.failure, request.last_heartbeat_details)?;
    by_id(&request.namespace, ids, action, request.identity)
}

/// An activity stopped because it was asked to.
///
/// # Errors
/// If the token is none.
pub fn activity_canceled(
    request: RespondActivityTaskCanceledRequest,
) -> Result<Request, Rejection> {
    by_token(
        &request.task_token,
        ActivityAction::Cancel(request.details),
        request.identity,
    )
}

/// An activity stopped because it was asked to, by its id.
///
/// # Errors
/// If an id is missing.
pub fn activity_canceled_by_id(
    request: RespondActivityTaskCanceledByIdRequest,
) -> Result<Request, Rejection> {
    let ids = (
        &*request.workflow_id,
        &*request.run_id,
        &*request.activity_id,
    );
    let action = ActivityAction::Cancel(request.details);
    by_id(&request.namespace, ids, action, request.identity)
}

/// An activity is alive.
///
/// # Errors
/// If the token is none.
pub fn activity_heartbeat(
    request: RecordActivityTaskHeartbeatRequest,
) -> Result<Request, Rejection> {
    by_token(
        &request.task_token,
        ActivityAction::Heartbeat(request.details),
        request.identity,
    )
}

/// An activity is alive, by its id.
///
/// # Errors
/// If an id is missing.
pub fn activity_heartbeat_by_id(
    request: RecordActivityTaskHeartbeatByIdRequest,
) -> Result<Request, Rejection> {
    let ids = (
        &*request.workflow_id,
        &*request.run_id,
        &*request.activity_id,
    );
    let action = ActivityAction::Heartbeat(request.details);
    by_id(&request.namespace, ids, action, request.identity)
}
