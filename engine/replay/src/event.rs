//! What the replay asks of single events: class, references, short descriptions.

use steadfast_proto::temporal::api::{
    command::v1::{Command, command::Attributes as Cmd},
    common::v1::Payloads,
    enums::v1::{CommandType, EventType},
    history::v1::{HistoryEvent, MarkerRecordedEventAttributes, history_event::Attributes},
};

use crate::markers;

/// Whether the event exists because a command asked for it.
pub(crate) fn is_command(event: &HistoryEvent) -> bool {
    use EventType as E;
    matches!(
        event.event_type(),
        E::ActivityTaskScheduled
            | E::ActivityTaskCancelRequested
            | E::MarkerRecorded
            | E::RequestCancelExternalWorkflowExecutionInitiated
            | E::SignalExternalWorkflowExecutionInitiated
            | E::StartChildWorkflowExecutionInitiated
            | E::TimerCanceled
            | E::TimerStarted
            | E::UpsertWorkflowSearchAttributes
            | E::WorkflowPropertiesModified
            | E::NexusOperationScheduled
            | E::NexusOperationCancelRequested
            | E::WorkflowExecutionCanceled
            | E::WorkflowExecutionCompleted
            | E::WorkflowExecutionContinuedAsNew
            | E::WorkflowExecutionFailed
            | E::WorkflowExecutionUpdateAccepted
            | E::WorkflowExecutionUpdateRejected
            | E::WorkflowExecutionUpdateCompleted
    )
}

/// Whether the event closes the run.
pub(crate) fn is_final(event: &HistoryEvent) -> bool {
    use EventType as E;
    matches!(
        event.event_type(),
        E::WorkflowExecutionCompleted
            | E::WorkflowExecutionCanceled
            | E::WorkflowExecutionFailed
            | E::WorkflowExecutionTimedOut
            | E::WorkflowExecutionContinuedAsNew
            | E::WorkflowExecutionTerminated
    )
}

/// Whether a task whose start is followed by this event produced nothing.
pub(crate) fn ends_task_abruptly(next: EventType) -> bool {
    use EventType as E;
    matches!(
        next,
        E::WorkflowTaskFailed
            | E::WorkflowTaskTimedOut
            | E::WorkflowExecutionTimedOut
            | E::WorkflowExecutionTerminated
            | E::WorkflowExecutionCanceled
    )
}

/// Whether a worker passes over the event: it says so, and it is not one of those we know to matter.
pub(crate) fn is_ignorable(event: &HistoryEvent) -> bool {
    use EventType as E;
    event.worker_may_ignore
        && (event.attributes.is_none()
            || matches!(
                event.event_type(),
                E::Unspecified
                    | E::WorkflowExecutionOptionsUpdated
                    | E::WorkflowExecutionPaused
                    | E::WorkflowExecutionUnpaused
                    | E::WorkflowExecutionTimeSkippingTransitioned
            ))
}

/// The type that attributes belong to.
pub(crate) fn type_of(attributes: &Attributes) -> EventType {
    use Attributes as A;
    use EventType as E;
    match attributes {
        A::WorkflowExecutionStartedEventAttributes(_) => E::WorkflowExecutionStarted,
        A::WorkflowExecutionCompletedEventAttributes(_) => E::WorkflowExecutionCompleted,
        A::WorkflowExecutionFailedEventAttributes(_) => E::WorkflowExecutionFailed,
        A::WorkflowExecutionTimedOutEventAttributes(_) => E::WorkflowExecutionTimedOut,
        A::WorkflowTaskScheduledEventAttributes(_) => E::WorkflowTaskScheduled,
        A::WorkflowTaskStartedEventAttributes(_) => E::WorkflowTaskStarted,
        A::WorkflowTaskCompletedEventAttributes(_) => E::WorkflowTaskCompleted,
        A::WorkflowTaskTimedOutEventAttributes(_) => E::WorkflowTaskTimedOut,
        A::WorkflowTaskFailedEventAttributes(_) => E::WorkflowTaskFailed,
        A::ActivityTaskScheduledEventAttributes(_) => E::ActivityTaskScheduled,
        A::ActivityTaskStartedEventAttributes(_) => E::ActivityTaskStarted,
        A::ActivityTaskCompletedEventAttributes(_) => E::ActivityTaskCompleted,
        A::ActivityTaskFailedEventAttributes(_) => E::ActivityTaskFailed,
        A::ActivityTaskTimedOutEventAttributes(_) => E::ActivityTaskTimedOut,
        A::TimerStartedEventAttributes(_) => E::TimerStarted,
        A::TimerFiredEventAttributes(_) => E::TimerFired,
        A::ActivityTaskCancelRequestedEventAttributes(_) => E::ActivityTaskCancelRequested,
        A::ActivityTaskCanceledEventAttributes(_) => E::ActivityTaskCanceled,
        A::TimerCanceledEventAttributes(_) => E::TimerCanceled,
        A::MarkerRecordedEventAttributes(_) => E::MarkerRecorded,
        A::WorkflowExecutionSignaledEventAttributes(_) => E::WorkflowExecutionSignaled,
        A::WorkflowExecutionTerminatedEventAttributes(_) => E::WorkflowExecutionTerminated,
        A::WorkflowExecutionCancelRequestedEventAttributes(_) => {
            E::WorkflowExecutionCancelRequested
        }
        A::WorkflowExecutionCanceledEventAttributes(_) => E::WorkflowExecutionCanceled,
        A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_) => {
            E::RequestCancelExternalWorkflowExecutionInitiated
        }
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(_) => {
            E::RequestCancelExternalWorkflowExecutionFailed
        }
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(_) => {
            E::ExternalWorkflowExecutionCancelRequested
        }
        A::WorkflowExecutionContinuedAsNewEventAttributes(_) => E::WorkflowExecutionContinuedAsNew,
        A::StartChildWorkflowExecutionInitiatedEventAttributes(_) => {
            E::StartChildWorkflowExecutionInitiated
        }
        A::StartChildWorkflowExecutionFailedEventAttributes(_) => {
            E::StartChildWorkflowExecutionFailed
        }
        A::ChildWorkflowExecutionStartedEventAttributes(_) => E::ChildWorkflowExecutionStarted,
        A::ChildWorkflowExecutionCompletedEventAttributes(_) => E::ChildWorkflowExecutionCompleted,
        A::ChildWorkflowExecutionFailedEventAttributes(_) => E::ChildWorkflowExecutionFailed,
        A::ChildWorkflowExecutionCanceledEventAttributes(_) => E::ChildWorkflowExecutionCanceled,
        A::ChildWorkflowExecutionTimedOutEventAttributes(_) => E::ChildWorkflowExecutionTimedOut,
        A::ChildWorkflowExecutionTerminatedEventAttributes(_) => {
            E::ChildWorkflowExecutionTerminated
        }
        A::SignalExternalWorkflowExecutionInitiatedEventAttributes(_) => {
            E::SignalExternalWorkflowExecutionInitiated
        }
        A::SignalExternalWorkflowExecutionFailedEventAttributes(_) => {
            E::SignalExternalWorkflowExecutionFailed
        }
        A::ExternalWorkflowExecutionSignaledEventAttributes(_) => {
            E::ExternalWorkflowExecutionSignaled
        }
        A::UpsertWorkflowSearchAttributesEventAttributes(_) => E::UpsertWorkflowSearchAttributes,
        A::WorkflowExecutionUpdateAcceptedEventAttributes(_) => E::WorkflowExecutionUpdateAccepted,
        A::WorkflowExecutionUpdateRejectedEventAttributes(_) => E::WorkflowExecutionUpdateRejected,
        A::WorkflowExecutionUpdateCompletedEventAttributes(_) => {
            E::WorkflowExecutionUpdateCompleted
        }
        A::WorkflowPropertiesModifiedExternallyEventAttributes(_) => {
            E::WorkflowPropertiesModifiedExternally
        }
        A::ActivityPropertiesModifiedExternallyEventAttributes(_) => {
            E::ActivityPropertiesModifiedExternally
        }
        A::WorkflowPropertiesModifiedEventAttributes(_) => E::WorkflowPropertiesModified,
        A::WorkflowExecutionUpdateAdmittedEventAttributes(_) => E::WorkflowExecutionUpdateAdmitted,
        A::NexusOperationScheduledEventAttributes(_) => E::NexusOperationScheduled,
        A::NexusOperationStartedEventAttributes(_) => E::NexusOperationStarted,
        A::NexusOperationCompletedEventAttributes(_) => E::NexusOperationCompleted,
        A::NexusOperationFailedEventAttributes(_) => E::NexusOperationFailed,
        A::NexusOperationCanceledEventAttributes(_) => E::NexusOperationCanceled,
        A::NexusOperationTimedOutEventAttributes(_) => E::NexusOperationTimedOut,
        A::NexusOperationCancelRequestedEventAttributes(_) => E::NexusOperationCancelRequested,
        A::WorkflowExecutionOptionsUpdatedEventAttributes(_) => E::WorkflowExecutionOptionsUpdated,
        A::NexusOperationCancelRequestCompletedEventAttributes(_) => {
            E::NexusOperationCancelRequestCompleted
        }
        A::NexusOperationCancelRequestFailedEventAttributes(_) => {
            E::NexusOperationCancelRequestFailed
        }
        A::WorkflowExecutionPausedEventAttributes(_) => E::WorkflowExecutionPaused,
        A::WorkflowExecutionUnpausedEventAttributes(_) => E::WorkflowExecutionUnpaused,
        A::WorkflowExecutionTimeSkippingTransitionedEventAttributes(_) => {
            E::WorkflowExecutionTimeSkippingTransitioned
        }
    }
}

/// The event that began the operation which this event reports on.
pub(crate) fn initiating_id(event: &HistoryEvent) -> Option<i64> {
    use Attributes as A;
    Some(match event.attributes.as_ref()? {
        A::ActivityTaskStartedEventAttributes(a) => a.scheduled_event_id,
        A::ActivityTaskCompletedEventAttributes(a) => a.scheduled_event_id,
        A::ActivityTaskFailedEventAttributes(a) => a.scheduled_event_id,
        A::ActivityTaskTimedOutEventAttributes(a) => a.scheduled_event_id,
        A::ActivityTaskCancelRequestedEventAttributes(a) => a.scheduled_event_id,
        A::ActivityTaskCanceledEventAttributes(a) => a.scheduled_event_id,
        A::TimerFiredEventAttributes(a) => a.started_event_id,
        A::TimerCanceledEventAttributes(a) => a.started_event_id,
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a) => a.initiated_event_id,
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(a) => a.initiated_event_id,
        A::StartChildWorkflowExecutionFailedEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionStartedEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionCompletedEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionFailedEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionCanceledEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionTimedOutEventAttributes(a) => a.initiated_event_id,
        A::ChildWorkflowExecutionTerminatedEventAttributes(a) => a.initiated_event_id,
        A::SignalExternalWorkflowExecutionFailedEventAttributes(a) => a.initiated_event_id,
        A::ExternalWorkflowExecutionSignaledEventAttributes(a) => a.initiated_event_id,
        A::NexusOperationStartedEventAttributes(a) => a.scheduled_event_id,
        A::NexusOperationCompletedEventAttributes(a) => a.scheduled_event_id,
        A::NexusOperationFailedEventAttributes(a) => a.scheduled_event_id,
        A::NexusOperationTimedOutEventAttributes(a) => a.scheduled_event_id,
        A::NexusOperationCanceledEventAttributes(a) => a.scheduled_event_id,
        A::NexusOperationCancelRequestedEventAttributes(a) => a.scheduled_event_id,
        A::NexusOperationCancelRequestCompletedEventAttributes(a) => a.scheduled_event_id,
        A::NexusOperationCancelRequestFailedEventAttributes(a) => a.scheduled_event_id,
        _ => return None,
    })
}

/// The type's name as in Temporal's documentation: `TimerStarted`.
pub(crate) fn name_of(kind: EventType) -> String {
    camel(kind.as_str_name(), "EVENT_TYPE_")
}

/// The name of the event's type.
pub(crate) fn type_name(event: &HistoryEvent) -> String {
    match EventType::try_from(event.event_type) {
        Ok(kind) => name_of(kind),
        Err(_) => format!("unknown event type {}", event.event_type),
    }
}

/// The command's name as in Temporal's documentation: `StartTimer`.
pub(crate) fn command_name(command: &Command) -> String {
    match CommandType::try_from(command.command_type) {
        Ok(kind) => camel(kind.as_str_name(), "COMMAND_TYPE_"),
        Err(_) => format!("unknown command type {}", command.command_type),
    }
}

fn camel(name: &str, prefix: &str) -> String {
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    words.fold(String::new(), |mut made, word| {
        let mut letters = word.chars();
        made.extend(letters.next());
        made.extend(letters.map(|letter| letter.to_ascii_lowercase()));
        made
    })
}

/// A command event in a few words: type and what identifies it.
pub(crate) fn describe(event: &HistoryEvent) -> String {
    use Attributes as A;
    let name = type_name(event);
    let what = match &event.attributes {
        Some(A::ActivityTaskScheduledEventAttributes(a)) => named(
            a.activity_type.as_ref().map(|t| t.name.as_str()),
            &a.activity_id,
        ),
        Some(A::ActivityTaskCancelRequestedEventAttributes(a)) => {
            format!("of event {}", a.scheduled_event_id)
        }
        Some(A::TimerStartedEventAttributes(a)) => format!("id {}", a.timer_id),
        Some(A::TimerCanceledEventAttributes(a)) => format!("id {}", a.timer_id),
        Some(A::TimerFiredEventAttributes(a)) => format!("id {}", a.timer_id),
        Some(A::MarkerRecordedEventAttributes(a)) => marker(a),
        Some(A::StartChildWorkflowExecutionInitiatedEventAttributes(a)) => named(
            a.workflow_type.as_ref().map(|t| t.name.as_str()),
            &a.workflow_id,
        ),
        Some(A::SignalExternalWorkflowExecutionInitiatedEventAttributes(a)) => to_workflow(
            Some(&a.signal_name),
            a.workflow_execution.as_ref().map(|w| &w.workflow_id),
        ),
        Some(A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a)) => {
            to_workflow(None, a.workflow_execution.as_ref().map(|w| &w.workflow_id))
        }
        Some(A::UpsertWorkflowSearchAttributesEventAttributes(a)) => keys(
            a.search_attributes
                .iter()
                .flat_map(|s| s.indexed_fields.keys()),
        ),
        Some(A::WorkflowPropertiesModifiedEventAttributes(a)) => {
            keys(a.upserted_memo.iter().flat_map(|m| m.fields.keys()))
        }
        Some(A::WorkflowExecutionUpdateAcceptedEventAttributes(a)) => {
            format!("update {}", a.protocol_instance_id)
        }
        Some(A::WorkflowExecutionUpdateCompletedEventAttributes(a)) => {
            format!(
                "update {}",
                a.meta.as_ref().map_or("", |m| m.update_id.as_str())
            )
        }
        _ => String::new(),
    };
    join(&name, &what)
}

/// A command in a few words, in the terms of the event that it becomes.
pub(crate) fn describe_command(command: &Command) -> String {
    let name = command_name(command);
    let what = match &command.attributes {
        Some(Cmd::ScheduleActivityTaskCommandAttributes(a)) => named(
            a.activity_type.as_ref().map(|t| t.name.as_str()),
            &a.activity_id,
        ),
        Some(Cmd::RequestCancelActivityTaskCommandAttributes(a)) => {
            format!("of event {}", a.scheduled_event_id)
        }
        Some(Cmd::StartTimerCommandAttributes(a)) => format!("id {}", a.timer_id),
        Some(Cmd::CancelTimerCommandAttributes(a)) => format!("id {}", a.timer_id),
        Some(Cmd::RecordMarkerCommandAttributes(a)) => marker(&MarkerRecordedEventAttributes {
            marker_name: a.marker_name.clone(),
            details: a.details.clone(),
            ..Default::default()
        }),
        Some(Cmd::StartChildWorkflowExecutionCommandAttributes(a)) => named(
            a.workflow_type.as_ref().map(|t| t.name.as_str()),
            &a.workflow_id,
        ),
        Some(Cmd::SignalExternalWorkflowExecutionCommandAttributes(a)) => to_workflow(
            Some(&a.signal_name),
            a.execution.as_ref().map(|w| &w.workflow_id),
        ),
        Some(Cmd::RequestCancelExternalWorkflowExecutionCommandAttributes(a)) => {
            to_workflow(None, Some(&a.workflow_id))
        }
        Some(Cmd::UpsertWorkflowSearchAttributesCommandAttributes(a)) => keys(
            a.search_attributes
                .iter()
                .flat_map(|s| s.indexed_fields.keys()),
        ),
        Some(Cmd::ModifyWorkflowPropertiesCommandAttributes(a)) => {
            keys(a.upserted_memo.iter().flat_map(|m| m.fields.keys()))
        }
        Some(Cmd::ProtocolMessageCommandAttributes(a)) => format!("message {}", a.message_id),
        _ => String::new(),
    };
    join(&name, &what)
}

fn join(name: &str, what: &str) -> String {
    if what.is_empty() {
        name.to_owned()
    } else {
        format!("{name} ({what})")
    }
}

fn named(kind: Option<&str>, id: &str) -> String {
    format!("{}, id {id}", kind.unwrap_or("no type"))
}

fn to_workflow(signal: Option<&String>, workflow_id: Option<&String>) -> String {
    let target = workflow_id.map_or("", String::as_str);
    match signal {
        Some(signal) => format!("{signal}, to {target}"),
        None => format!("to {target}"),
    }
}

fn keys<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    keys.map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn marker(marker: &MarkerRecordedEventAttributes) -> String {
    if let Some((id, deprecated)) = markers::patch_of(marker) {
        return if deprecated {
            format!("patch {id}, deprecated")
        } else {
            format!("patch {id}")
        };
    }
    if let Some(data) = markers::local_activity_data(&marker.details) {
        return format!(
            "local activity {}, id {}",
            data.activity_type, data.activity_id
        );
    }
    marker.marker_name.clone()
}

/// The first payload, which is all that activity and child results carry.
pub(crate) fn only_payload(
    payloads: &Option<Payloads>,
) -> Result<Option<steadfast_proto::temporal::api::common::v1::Payload>, String> {
    match payloads {
        None => Ok(None),
        Some(payloads) => match payloads.payloads.as_slice() {
            [payload] => Ok(Some(payload.clone())),
            other => Err(format!(
                "a result holds {} payloads instead of one",
                other.len()
            )),
        },
    }
}
