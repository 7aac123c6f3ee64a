//! Commands of a completed workflow task.
// temporal: service/history/api/respondworkflowtaskcompleted/command_attr_validator.go.

use std::{collections::BTreeMap, time::Duration};

use prost::Message;
use steadfast_proto::temporal::api::{
    command::v1::{
        ContinueAsNewWorkflowExecutionCommandAttributes, RecordMarkerCommandAttributes,
        RequestCancelExternalWorkflowExecutionCommandAttributes,
        ScheduleActivityTaskCommandAttributes, ScheduleNexusOperationCommandAttributes,
        SignalExternalWorkflowExecutionCommandAttributes,
        StartChildWorkflowExecutionCommandAttributes, StartTimerCommandAttributes,
        command::Attributes,
    },
    common::v1::SearchAttributes,
    enums::v1::{
        ParentClosePolicy as WirePolicy, WorkflowIdReusePolicy, WorkflowTaskFailedCause as Cause,
    },
    sdk::v1::UserMetadata,
};

use super::{invalid, is_uuid, retry_policy};
use crate::{
    command::{
        ActivityTimeouts, CancelExternal, Command, CommandKind, ContinueAsNew, NexusTimeouts,
        ScheduleActivity, ScheduleNexus, SignalExternal, StartChild,
    },
    cron,
    effect::Rejection,
    ids::{EventId, ExecutionKey, Namespace, RunId},
    limits::{MAX_BLOB_BYTES, MAX_DURATION, MAX_ID_LENGTH},
    nexus::MAX_HEADER_BYTES,
    policy::{IdReusePolicy, ParentClosePolicy, RetryPolicy},
    request::CommandError,
    time::duration_from_proto,
    versioning::normalised,
};

type Parsed<T> = Result<T, CommandError>;

fn bad<T>(cause: Cause, detail: impl Into<String>) -> Parsed<T> {
    Err(CommandError {
        cause,
        detail: detail.into(),
    })
}

/// Parses one command.
///
/// # Errors
/// The outer error is for what no completion may contain; the inner one fails the workflow task.
pub(super) fn parse(
    attributes: Attributes,
    user_metadata: Option<UserMetadata>,
    own: &Namespace,
) -> Result<Parsed<Command>, Rejection> {
    let kind = match attributes {
        Attributes::ScheduleActivityTaskCommandAttributes(a) => schedule_activity(a),
        Attributes::RequestCancelActivityTaskCommandAttributes(a) => {
            Ok(CommandKind::CancelActivity {
                scheduled: EventId(a.scheduled_event_id),
            })
        }
        Attributes::StartTimerCommandAttributes(a) => start_timer(&a),
        Attributes::CancelTimerCommandAttributes(a) => {
            id(&a.timer_id, "TimerId", Cause::BadCancelTimerAttributes)
                .map(|id| CommandKind::CancelTimer { id: id.into() })
        }
        Attributes::CompleteWorkflowExecutionCommandAttributes(a) => sized(
            a.result.as_ref(),
            Cause::BadCompleteWorkflowExecutionAttributes,
        )
        .map(|()| CommandKind::Complete(a.result)),
        Attributes::FailWorkflowExecutionCommandAttributes(a) => match a.failure {
            Some(failure) => Ok(CommandKind::Fail(Box::new(failure))),
            None => bad(
                Cause::BadFailWorkflowExecutionAttributes,
                "Failure is not set on FailWorkflowExecutionCommand.",
            ),
        },
        Attributes::CancelWorkflowExecutionCommandAttributes(a) => sized(
            a.details.as_ref(),
            Cause::BadCancelWorkflowExecutionAttributes,
        )
        .map(|()| CommandKind::Cancel(a.details)),
        Attributes::ContinueAsNewWorkflowExecutionCommandAttributes(a) => continue_as_new(a),
        Attributes::StartChildWorkflowExecutionCommandAttributes(a) => start_child(a, own),
        Attributes::SignalExternalWorkflowExecutionCommandAttributes(a) => signal_external(a, own),
        Attributes::RequestCancelExternalWorkflowExecutionCommandAttributes(a) => {
            cancel_external(a, own)
        }
        Attributes::RecordMarkerCommandAttributes(a) => record_marker(a),
        Attributes::UpsertWorkflowSearchAttributesCommandAttributes(a) => {
            upsert(a.search_attributes)
        }
        Attributes::ModifyWorkflowPropertiesCommandAttributes(a) => match a.upserted_memo {
            Some(memo) if !memo.fields.is_empty() => {
                sized(Some(&memo), Cause::BadModifyWorkflowPropertiesAttributes)
                    .map(|()| CommandKind::ModifyMemo(memo))
            }
            Some(_) | None => bad(
                Cause::BadModifyWorkflowPropertiesAttributes,
                "UpsertedMemo is not set on ModifyWorkflowPropertiesCommand.",
            ),
        },
        Attributes::ProtocolMessageCommandAttributes(a) if a.message_id.is_empty() => bad(
            Cause::BadUpdateWorkflowExecutionMessage,
            "MessageID is not set on ProtocolMessageCommand.",
        ),
        Attributes::ProtocolMessageCommandAttributes(a) => {
            Ok(CommandKind::ProtocolMessage { id: a.message_id })
        }
        Attributes::ScheduleNexusOperationCommandAttributes(a) => schedule_nexus(a),
        Attributes::RequestCancelNexusOperationCommandAttributes(a) => {
            Ok(CommandKind::CancelNexus {
                scheduled: EventId(a.scheduled_event_id),
            })
        }
    };
    if let Ok(CommandKind::StartTimer { .. }) = &kind
        && user_metadata
            .as_ref()
            .is_some_and(|m| m.encoded_len() > MAX_BLOB_BYTES)
    {
        return invalid("Blob data size exceeds limit.");
    }
    Ok(kind.map(|kind| Command {
        kind,
        user_metadata,
        group_markers: Vec::new(),
    }))
}

fn id(value: &str, field: &str, cause: Cause) -> Parsed<String> {
    if value.is_empty() {
        return bad(cause, format!("{field} is not set on command."));
    }
    if value.len() > MAX_ID_LENGTH {
        return bad(cause, format!("{field} on command exceeds length limit."));
    }
    Ok(value.to_owned())
}

fn sized<M: Message>(message: Option<&M>, cause: Cause) -> Parsed<()> {
    if message.is_some_and(|m| m.encoded_len() > MAX_BLOB_BYTES) {
        return bad(cause, "payload exceeds size limit.");
    }
    Ok(())
}

fn duration(value: Option<&prost_types::Duration>, field: &str, cause: Cause) -> Parsed<Duration> {
    match duration_from_proto(value) {
        Some(duration) => Ok(duration.min(MAX_DURATION)),
        None => bad(cause, format!("Invalid {field}: it cannot be negative.")),
    }
}

fn retry(
    policy: Option<&steadfast_proto::temporal::api::common::v1::RetryPolicy>,
    cause: Cause,
) -> Parsed<Option<RetryPolicy>> {
    policy
        .map(retry_policy)
        .transpose()
        .map_err(|detail| CommandError { cause, detail })
}

fn schedule_activity(a: ScheduleActivityTaskCommandAttributes) -> Parsed<CommandKind> {
    let cause = Cause::BadScheduleActivityAttributes;
    let activity_type = a.activity_type.unwrap_or_default().name;
    let timeouts = ActivityTimeouts {
        schedule_to_close: duration(
            a.schedule_to_close_timeout.as_ref(),
            "ScheduleToCloseTimeout",
            cause,
        )?,
        schedule_to_start: duration(
            a.schedule_to_start_timeout.as_ref(),
            "ScheduleToStartTimeout",
            cause,
        )?,
        start_to_close: duration(
            a.start_to_close_timeout.as_ref(),
            "StartToCloseTimeout",
            cause,
        )?,
        heartbeat: duration(a.heartbeat_timeout.as_ref(), "HeartbeatTimeout", cause)?,
    };
    sized(a.input.as_ref(), cause)?;
    Ok(CommandKind::ScheduleActivity(Box::new(ScheduleActivity {
        id: id(&a.activity_id, "ActivityId", cause)?.into(),
        activity_type: id(&activity_type, "ActivityType", cause)?,
        task_queue: a.task_queue.unwrap_or_default().name.into(),
        input: a.input,
        header: a.header,
        timeouts,
        retry: retry(a.retry_policy.as_ref(), cause)?.unwrap_or_default(),
        priority: a.priority,
        eager: a.request_eager_execution,
        use_workflow_build_id: a.use_workflow_build_id,
    })))
}

/// Headers that the server itself sets.
const NEXUS_HEADERS: [&str; 3] = [
    "request-timeout",
    "operation-timeout",
    "temporal-callback-token",
];

fn schedule_nexus(a: ScheduleNexusOperationCommandAttributes) -> Parsed<CommandKind> {
    let cause = Cause::BadScheduleNexusOperationAttributes;
    let timeout = |value: Option<&prost_types::Duration>, field| duration(value, field, cause);
    let timeouts = NexusTimeouts {
        schedule_to_close: timeout(
            a.schedule_to_close_timeout.as_ref(),
            "ScheduleToCloseTimeout",
        )?,
        schedule_to_start: timeout(
            a.schedule_to_start_timeout.as_ref(),
            "ScheduleToStartTimeout",
        )?,
        start_to_close: timeout(a.start_to_close_timeout.as_ref(), "StartToCloseTimeout")?,
    };
    sized(a.input.as_ref(), cause)?;
    let header: BTreeMap<String, String> = a
        .nexus_header
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let bytes: usize = header
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > MAX_HEADER_BYTES {
        return bad(
            cause,
            "ScheduleNexusOperationCommandAttributes.NexusHeader exceeds size limit",
        );
    }
    if let Some(name) = header
        .keys()
        .find(|name| NEXUS_HEADERS.contains(&name.as_str()))
    {
        return bad(
            cause,
            format!(
                "ScheduleNexusOperationCommandAttributes.NexusHeader contains a disallowed header key: {name:?}"
            ),
        );
    }
    Ok(CommandKind::ScheduleNexus(Box::new(ScheduleNexus {
        endpoint: id(&a.endpoint, "Endpoint", cause)?,
        target: None,
        service: id(&a.service, "Service", cause)?,
        operation: id(&a.operation, "Operation", cause)?,
        input: a.input,
        header,
        timeouts,
    })))
}

fn start_timer(a: &StartTimerCommandAttributes) -> Parsed<CommandKind> {
    let cause = Cause::BadStartTimerAttributes;
    Ok(CommandKind::StartTimer {
        id: id(&a.timer_id, "TimerId", cause)?.into(),
        after: duration(
            a.start_to_fire_timeout.as_ref(),
            "StartToFireTimeout",
            cause,
        )?,
    })
}

fn record_marker(a: RecordMarkerCommandAttributes) -> Parsed<CommandKind> {
    let cause = Cause::BadRecordMarkerAttributes;
    id(&a.marker_name, "MarkerName", cause)?;
    sized(Some(&a), cause)?;
    Ok(CommandKind::RecordMarker(Box::new(a)))
}

fn upsert(attributes: Option<SearchAttributes>) -> Parsed<CommandKind> {
    match attributes {
        Some(attributes) if !attributes.indexed_fields.is_empty() => {
            sized(Some(&attributes), Cause::BadSearchAttributes)
                .map(|()| CommandKind::UpsertSearchAttributes(attributes))
        }
        Some(_) | None => bad(
            Cause::BadSearchAttributes,
            "IndexedFields is not set on UpsertWorkflowSearchAttributesCommand.",
        ),
    }
}

fn check_cron(schedule: &str, cause: Cause) -> Parsed<()> {
    match cron::Schedule::parse(schedule) {
        Ok(_) => Ok(()),
        Err(why) => bad(cause, why),
    }
}

fn continue_as_new(a: ContinueAsNewWorkflowExecutionCommandAttributes) -> Parsed<CommandKind> {
    let cause = Cause::BadContinueAsNewAttributes;
    check_cron(&a.cron_schedule, cause)?;
    sized(a.input.as_ref(), cause)?;
    Ok(CommandKind::ContinueAsNew(Box::new(ContinueAsNew {
        workflow_type: a.workflow_type.unwrap_or_default().name,
        task_queue: a.task_queue.unwrap_or_default().name.into(),
        input: a.input,
        run_timeout: duration(a.workflow_run_timeout.as_ref(), "WorkflowRunTimeout", cause)?,
        task_timeout: duration(
            a.workflow_task_timeout.as_ref(),
            "WorkflowTaskTimeout",
            cause,
        )?,
        backoff: duration(
            a.backoff_start_interval.as_ref(),
            "BackoffStartInterval",
            cause,
        )?,
        retry: retry(a.retry_policy.as_ref(), cause)?,
        header: a.header,
        memo: a.memo,
        search_attributes: a.search_attributes,
        cron: a.cron_schedule,
        initiator: a.initiator,
        failure: a.failure,
        last_result: a.last_completion_result,
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        inherit_build_id: a.inherit_build_id,
        initially: a.initial_versioning_behavior,
    })))
}

fn start_child(
    a: StartChildWorkflowExecutionCommandAttributes,
    own: &Namespace,
) -> Parsed<CommandKind> {
    let cause = Cause::BadStartChildExecutionAttributes;
    let reuse = match a.workflow_id_reuse_policy() {
        WorkflowIdReusePolicy::Unspecified | WorkflowIdReusePolicy::AllowDuplicate => {
            IdReusePolicy::AllowDuplicate
        }
        WorkflowIdReusePolicy::AllowDuplicateFailedOnly => IdReusePolicy::AllowDuplicateFailedOnly,
        WorkflowIdReusePolicy::RejectDuplicate => IdReusePolicy::RejectDuplicate,
        #[expect(deprecated, reason = "old workers still send it")]
        WorkflowIdReusePolicy::TerminateIfRunning => {
            return bad(
                cause,
                "TerminateIfRunning is not supported for child workflows.",
            );
        }
    };
    let parent_close = match a.parent_close_policy() {
        WirePolicy::Unspecified | WirePolicy::Terminate => ParentClosePolicy::Terminate,
        WirePolicy::Abandon => ParentClosePolicy::Abandon,
        WirePolicy::RequestCancel => ParentClosePolicy::RequestCancel,
    };
    check_cron(&a.cron_schedule, cause)?;
    sized(a.input.as_ref(), cause)?;
    let workflow_type = a.workflow_type.unwrap_or_default().name;
    Ok(CommandKind::StartChild(Box::new(StartChild {
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        key: external_key(&a.namespace, &a.workflow_id, own, cause)?,
        workflow_type: id(&workflow_type, "WorkflowType", cause)?,
        task_queue: a.task_queue.unwrap_or_default().name.into(),
        input: a.input,
        header: a.header,
        execution_timeout: duration(
            a.workflow_execution_timeout.as_ref(),
            "WorkflowExecutionTimeout",
            cause,
        )?,
        run_timeout: duration(a.workflow_run_timeout.as_ref(), "WorkflowRunTimeout", cause)?,
        task_timeout: duration(
            a.workflow_task_timeout.as_ref(),
            "WorkflowTaskTimeout",
            cause,
        )?,
        parent_close,
        reuse,
        retry: retry(a.retry_policy.as_ref(), cause)?,
        cron: a.cron_schedule,
        memo: a.memo.filter(|memo| !memo.fields.is_empty()),
        search_attributes: a.search_attributes,
        control: a.control,
        priority: a.priority,
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        inherit_build_id: a.inherit_build_id,
        versioning_override: a.versioning_override.map(normalised),
    })))
}

/// Another execution; an empty namespace is the sender's own.
fn external_key(
    namespace: &str,
    workflow_id: &str,
    own: &Namespace,
    cause: Cause,
) -> Parsed<ExecutionKey> {
    let namespace = if namespace.is_empty() {
        own.clone()
    } else {
        Namespace::new(namespace)
    };
    let workflow_id = id(workflow_id, "WorkflowId", cause)?;
    Ok(ExecutionKey {
        namespace,
        workflow_id: workflow_id.into(),
    })
}

fn external_run(run: &str, cause: Cause) -> Parsed<Option<RunId>> {
    match run {
        "" => Ok(None),
        _ if is_uuid(run) => Ok(Some(RunId::new(run))),
        _ => bad(cause, "Invalid RunId set on command."),
    }
}

fn signal_external(
    a: SignalExternalWorkflowExecutionCommandAttributes,
    own: &Namespace,
) -> Parsed<CommandKind> {
    let cause = Cause::BadSignalWorkflowExecutionAttributes;
    sized(a.input.as_ref(), Cause::BadSignalInputSize)?;
    let execution = a.execution.unwrap_or_default();
    Ok(CommandKind::SignalExternal(Box::new(SignalExternal {
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        key: external_key(&a.namespace, &execution.workflow_id, own, cause)?,
        run_id: external_run(&execution.run_id, cause)?,
        child_only: a.child_workflow_only,
        name: id(&a.signal_name, "SignalName", cause)?,
        input: a.input,
        header: a.header,
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        control: a.control,
    })))
}

fn cancel_external(
    a: RequestCancelExternalWorkflowExecutionCommandAttributes,
    own: &Namespace,
) -> Parsed<CommandKind> {
    let cause = Cause::BadRequestCancelExternalWorkflowExecutionAttributes;
    Ok(CommandKind::CancelExternal(Box::new(CancelExternal {
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        key: external_key(&a.namespace, &a.workflow_id, own, cause)?,
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        namespace: a.namespace,
        run_id: external_run(&a.run_id, cause)?,
        child_only: a.child_workflow_only,
        reason: a.reason,
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        control: a.control,
    })))
}
