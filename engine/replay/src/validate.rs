//! Checks that a history is one: dense, typed, referring only to what it contains.

use steadfast_proto::temporal::api::{
    enums::v1::EventType,
    history::v1::{HistoryEvent, history_event::Attributes},
};

use crate::{error::ReplayError, event};

/// Refuses what no server writes. What remains may still not match the code.
pub(crate) fn validate(events: &[HistoryEvent]) -> Result<(), ReplayError> {
    if events.is_empty() {
        let why = "the history is empty".to_owned();
        return Err(ReplayError::InvalidHistory { event_id: 0, why });
    }
    for (index, event) in events.iter().enumerate() {
        if let Err(why) = check(events, index, event) {
            return Err(ReplayError::InvalidHistory {
                event_id: event.event_id,
                why,
            });
        }
    }
    Ok(())
}

fn check(events: &[HistoryEvent], index: usize, event: &HistoryEvent) -> Result<(), String> {
    let name = || event::type_name(event);
    let expected = i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1);
    if event.event_id != expected {
        return Err(format!("event {expected} should stand here"));
    }
    if let Some(attributes) = &event.attributes
        && event::type_of(attributes) != event.event_type()
    {
        let other = event::type_of(attributes);
        return Err(format!(
            "{} carries the attributes of {}",
            name(),
            event::name_of(other)
        ));
    }
    let starts = event.event_type() == EventType::WorkflowExecutionStarted;
    if starts != (index == 0) {
        return Err("WorkflowExecutionStarted must be event 1".to_owned());
    }
    if event::is_final(event) && index + 1 != events.len() {
        return Err(format!("{} must be the last event", name()));
    }
    for (id, kind) in references(event) {
        let before = id
            .checked_sub(1)
            .and_then(|before| usize::try_from(before).ok());
        let target = before
            .filter(|before| *before < index)
            .map(|before| &events[before]);
        if target.is_none_or(|target| target.event_type() != kind) {
            return Err(format!(
                "{} refers to event {id} as {}",
                name(),
                event::name_of(kind)
            ));
        }
    }
    Ok(())
}

/// The events that this one must follow, and their types. Absent references are 0.
fn references(event: &HistoryEvent) -> impl Iterator<Item = (i64, EventType)> {
    use Attributes as A;
    use EventType as E;
    let none = (0, E::Unspecified);
    let pair = match &event.attributes {
        Some(A::WorkflowTaskStartedEventAttributes(a)) => {
            [(a.scheduled_event_id, E::WorkflowTaskScheduled), none]
        }
        Some(A::WorkflowTaskCompletedEventAttributes(a)) => [
            (a.scheduled_event_id, E::WorkflowTaskScheduled),
            (a.started_event_id, E::WorkflowTaskStarted),
        ],
        Some(A::WorkflowTaskFailedEventAttributes(a)) => [
            (a.scheduled_event_id, E::WorkflowTaskScheduled),
            (a.started_event_id, E::WorkflowTaskStarted),
        ],
        Some(A::WorkflowTaskTimedOutEventAttributes(a)) => [
            (a.scheduled_event_id, E::WorkflowTaskScheduled),
            (a.started_event_id, E::WorkflowTaskStarted),
        ],
        Some(A::ActivityTaskCompletedEventAttributes(a)) => {
            [(a.started_event_id, E::ActivityTaskStarted), none]
        }
        Some(A::ActivityTaskFailedEventAttributes(a)) => {
            [(a.started_event_id, E::ActivityTaskStarted), none]
        }
        Some(A::ChildWorkflowExecutionCompletedEventAttributes(a)) => {
            [(a.started_event_id, E::ChildWorkflowExecutionStarted), none]
        }
        Some(A::ChildWorkflowExecutionFailedEventAttributes(a)) => {
            [(a.started_event_id, E::ChildWorkflowExecutionStarted), none]
        }
        _ => [none, none],
    };
    let initiating = event::initiating_id(event).map(|id| (id, initiating_type(event)));
    let completed = completed_id(event).map(|id| (id, E::WorkflowTaskCompleted));
    let given = pair.into_iter().chain(completed).filter(|(id, _)| *id != 0);
    given.chain(initiating)
}

/// What kind of event began the operation that this one reports on.
fn initiating_type(event: &HistoryEvent) -> EventType {
    use EventType as E;
    match event.event_type() {
        E::TimerFired | E::TimerCanceled => E::TimerStarted,
        E::ActivityTaskStarted
        | E::ActivityTaskCompleted
        | E::ActivityTaskFailed
        | E::ActivityTaskTimedOut
        | E::ActivityTaskCancelRequested
        | E::ActivityTaskCanceled => E::ActivityTaskScheduled,
        E::RequestCancelExternalWorkflowExecutionFailed
        | E::ExternalWorkflowExecutionCancelRequested => {
            E::RequestCancelExternalWorkflowExecutionInitiated
        }
        E::SignalExternalWorkflowExecutionFailed | E::ExternalWorkflowExecutionSignaled => {
            E::SignalExternalWorkflowExecutionInitiated
        }
        E::StartChildWorkflowExecutionFailed
        | E::ChildWorkflowExecutionStarted
        | E::ChildWorkflowExecutionCompleted
        | E::ChildWorkflowExecutionFailed
        | E::ChildWorkflowExecutionCanceled
        | E::ChildWorkflowExecutionTimedOut
        | E::ChildWorkflowExecutionTerminated => E::StartChildWorkflowExecutionInitiated,
        _ => E::NexusOperationScheduled,
    }
}

/// The completion whose command became this event.
fn completed_id(event: &HistoryEvent) -> Option<i64> {
    use Attributes as A;
    Some(match event.attributes.as_ref()? {
        A::ActivityTaskScheduledEventAttributes(a) => a.workflow_task_completed_event_id,
        A::ActivityTaskCancelRequestedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::TimerStartedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::TimerCanceledEventAttributes(a) => a.workflow_task_completed_event_id,
        A::MarkerRecordedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::StartChildWorkflowExecutionInitiatedEventAttributes(a) => {
            a.workflow_task_completed_event_id
        }
        A::SignalExternalWorkflowExecutionInitiatedEventAttributes(a) => {
            a.workflow_task_completed_event_id
        }
        A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a) => {
            a.workflow_task_completed_event_id
        }
        A::UpsertWorkflowSearchAttributesEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowPropertiesModifiedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowExecutionCompletedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowExecutionFailedEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowExecutionCanceledEventAttributes(a) => a.workflow_task_completed_event_id,
        A::WorkflowExecutionContinuedAsNewEventAttributes(a) => a.workflow_task_completed_event_id,
        _ => return None,
    })
}
