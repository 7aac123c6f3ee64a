//! Compares a command of the code with the command event that history has in its place.

use steadfast_proto::temporal::api::{
    command::v1::{Command, command::Attributes as Cmd},
    history::v1::{HistoryEvent, history_event::Attributes as Evt},
};

use super::update;
use crate::{
    event,
    nondeterminism::{Mismatch, NonDeterminismKind},
};

/// Whether `command` can have become `event`. `ids_and_types` is off for histories that older SDKs wrote without these
/// checks.
pub(crate) fn check(
    command: &Command,
    event: &HistoryEvent,
    ids_and_types: bool,
) -> Result<(), Mismatch> {
    let (Some(code), Some(history)) = (&command.attributes, &event.attributes) else {
        return Err(different_command(command, event));
    };
    let why = match (code, history) {
        (
            Cmd::ScheduleActivityTaskCommandAttributes(c),
            Evt::ActivityTaskScheduledEventAttributes(e),
        ) => {
            let command_type = c.activity_type.as_ref().map_or("", |t| t.name.as_str());
            let event_type = e.activity_type.as_ref().map_or("", |t| t.name.as_str());
            if ids_and_types && c.activity_id != e.activity_id {
                Some(differs(
                    "Activity id of scheduled event",
                    &e.activity_id,
                    "activity id of activity command",
                    &c.activity_id,
                ))
            } else if ids_and_types && command_type != event_type {
                Some(differs(
                    "Activity type of scheduled event",
                    event_type,
                    "activity type of activity command",
                    command_type,
                ))
            } else {
                None
            }
        }
        (
            Cmd::StartChildWorkflowExecutionCommandAttributes(c),
            Evt::StartChildWorkflowExecutionInitiatedEventAttributes(e),
        ) => {
            let command_type = c.workflow_type.as_ref().map_or("", |t| t.name.as_str());
            let event_type = e.workflow_type.as_ref().map_or("", |t| t.name.as_str());
            if ids_and_types && c.workflow_id != e.workflow_id {
                Some(differs(
                    "Child workflow id of scheduled event",
                    &e.workflow_id,
                    "child workflow id of command",
                    &c.workflow_id,
                ))
            } else if ids_and_types && command_type != event_type {
                Some(differs(
                    "Child workflow type of scheduled event",
                    event_type,
                    "child workflow type of command",
                    command_type,
                ))
            } else {
                None
            }
        }
        (
            Cmd::RequestCancelActivityTaskCommandAttributes(c),
            Evt::ActivityTaskCancelRequestedEventAttributes(e),
        ) => (c.scheduled_event_id != e.scheduled_event_id).then(|| {
            differs(
                "Activity of cancel event",
                e.scheduled_event_id,
                "activity of cancel command",
                c.scheduled_event_id,
            )
        }),
        (Cmd::StartTimerCommandAttributes(c), Evt::TimerStartedEventAttributes(e)) => {
            timer(&c.timer_id, &e.timer_id)
        }
        (Cmd::CancelTimerCommandAttributes(c), Evt::TimerCanceledEventAttributes(e)) => {
            timer(&c.timer_id, &e.timer_id)
        }
        (Cmd::RecordMarkerCommandAttributes(c), Evt::MarkerRecordedEventAttributes(e)) => {
            (c.marker_name != e.marker_name).then(|| {
                differs(
                    "Marker name of event",
                    &e.marker_name,
                    "marker name of command",
                    &c.marker_name,
                )
            })
        }
        (
            Cmd::SignalExternalWorkflowExecutionCommandAttributes(c),
            Evt::SignalExternalWorkflowExecutionInitiatedEventAttributes(e),
        ) => {
            let command_target = c.execution.as_ref().map_or("", |w| w.workflow_id.as_str());
            let event_target = e
                .workflow_execution
                .as_ref()
                .map_or("", |w| w.workflow_id.as_str());
            if c.signal_name != e.signal_name {
                Some(differs(
                    "Signal name of event",
                    &e.signal_name,
                    "signal name of command",
                    &c.signal_name,
                ))
            } else if command_target != event_target {
                Some(differs(
                    "Signalled workflow of event",
                    event_target,
                    "signalled workflow of command",
                    command_target,
                ))
            } else {
                None
            }
        }
        (
            Cmd::RequestCancelExternalWorkflowExecutionCommandAttributes(c),
            Evt::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(e),
        ) => {
            let target = e
                .workflow_execution
                .as_ref()
                .map_or("", |w| w.workflow_id.as_str());
            (c.workflow_id != target).then(|| {
                differs(
                    "Cancelled workflow of event",
                    target,
                    "cancelled workflow of command",
                    &c.workflow_id,
                )
            })
        }
        (
            Cmd::UpsertWorkflowSearchAttributesCommandAttributes(_),
            Evt::UpsertWorkflowSearchAttributesEventAttributes(_),
        )
        | (
            Cmd::ModifyWorkflowPropertiesCommandAttributes(_),
            Evt::WorkflowPropertiesModifiedEventAttributes(_),
        )
        | (
            Cmd::CompleteWorkflowExecutionCommandAttributes(_),
            Evt::WorkflowExecutionCompletedEventAttributes(_),
        )
        | (
            Cmd::FailWorkflowExecutionCommandAttributes(_),
            Evt::WorkflowExecutionFailedEventAttributes(_),
        )
        | (
            Cmd::CancelWorkflowExecutionCommandAttributes(_),
            Evt::WorkflowExecutionCanceledEventAttributes(_),
        )
        | (
            Cmd::ContinueAsNewWorkflowExecutionCommandAttributes(_),
            Evt::WorkflowExecutionContinuedAsNewEventAttributes(_),
        ) => None,
        (
            Cmd::ProtocolMessageCommandAttributes(_),
            Evt::WorkflowExecutionUpdateAcceptedEventAttributes(_),
        ) if update::is_acceptance(command) => None,
        (
            Cmd::ProtocolMessageCommandAttributes(_),
            Evt::WorkflowExecutionUpdateCompletedEventAttributes(_),
        ) if !update::is_acceptance(command) => None,
        _ => return Err(different_command(command, event)),
    };
    match why {
        None => Ok(()),
        Some(message) => Err(Mismatch {
            kind: NonDeterminismKind::DifferentAttributes,
            event_id: event.event_id,
            history: event::describe(event),
            code: event::describe_command(command),
            message,
        }),
    }
}

fn timer(code: &str, history: &str) -> Option<String> {
    (code != history).then(|| differs("Timer id of event", history, "timer id of command", code))
}

fn differs(
    of_event: &str,
    event: impl std::fmt::Display,
    of_command: &str,
    command: impl std::fmt::Display,
) -> String {
    format!("{of_event} '{event}' does not match {of_command} '{command}'")
}

fn different_command(command: &Command, event: &HistoryEvent) -> Mismatch {
    let (history, code) = (event::describe(event), event::describe_command(command));
    Mismatch {
        kind: NonDeterminismKind::DifferentCommand,
        event_id: event.event_id,
        message: format!("history has {history} where the code issues {code}"),
        history,
        code,
    }
}
