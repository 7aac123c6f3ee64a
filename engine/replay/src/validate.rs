//! Checks that a history is one: dense, typed, referring only to what it contains.

use steadfast_proto::temporal::api::{enums::v1::EventType, history::v1::HistoryEvent};

use crate::{error::ReplayError, event};

/// Refuses what no server writes. What remains may still not match the code.
pub(crate) fn validate(events: &[HistoryEvent]) -> Result<(), ReplayError> {
    let invalid = |event_id: i64, why: String| ReplayError::InvalidHistory { event_id, why };
    if events.is_empty() {
        return Err(invalid(0, "the history is empty".to_owned()));
    }
    for (index, event) in events.iter().enumerate() {
        let expected = i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1);
        if event.event_id != expected {
            return Err(invalid(
                event.event_id,
                format!("event {expected} should stand here"),
            ));
        }
        let is_start = event.event_type() == EventType::WorkflowExecutionStarted;
        if is_start != (index == 0) {
            return Err(invalid(
                event.event_id,
                "WorkflowExecutionStarted must be event 1".into(),
            ));
        }
        if event::is_final(event) && index + 1 != events.len() {
            let why = format!("{} must be the last event", event::type_name(event));
            return Err(invalid(event.event_id, why));
        }
        if let Some(id) = event::initiating_id(event)
            && !(1..event.event_id).contains(&id)
        {
            let why = format!("{} refers to event {id}", event::type_name(event));
            return Err(invalid(event.event_id, why));
        }
    }
    Ok(())
}
