//! Canonical JSON: forms, errors, hostile input, real histories, and agreement with
//! `prost-reflect`.

#[path = "../arbitrary/mod.rs"]
mod arbitrary;
mod errors;
mod forms;
mod histories;
mod hostile;
mod oracle;

use std::collections::BTreeMap;

use steadfast_proto::{
    temporal::api::{
        common::v1::{
            ActivityType, Header, Payload, Payloads, RetryPolicy, SearchAttributes, WorkflowType,
        },
        enums::v1::{EventType, TaskQueueKind, TimeoutType},
        failure::v1::{ActivityFailureInfo, Failure},
        history::v1::{
            ActivityTaskFailedEventAttributes, ActivityTaskScheduledEventAttributes, History,
            HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes,
        },
        taskqueue::v1::TaskQueue,
    },
    time,
};

/// A history with something of everything: maps, payloads, enums, durations, nested failures,
/// fractions.
fn history() -> History {
    let start = WorkflowExecutionStartedEventAttributes {
        workflow_type: Some(WorkflowType {
            name: "OrderFulfillment".to_owned(),
        }),
        task_queue: Some(queue()),
        input: Some(payload("order-1").into()),
        workflow_task_timeout: Some(time::duration(10_000_000_000)),
        attempt: 1,
        search_attributes: Some(SearchAttributes {
            indexed_fields: BTreeMap::from([
                ("b".to_owned(), payload("2")),
                ("a".to_owned(), payload("1")),
            ]),
        }),
        header: Some(Header::default()),
        ..Default::default()
    };
    let scheduled = ActivityTaskScheduledEventAttributes {
        activity_id: "1".to_owned(),
        activity_type: Some(ActivityType {
            name: "charge \"all\"\n".to_owned(),
        }),
        task_queue: Some(queue()),
        input: Some(Payloads {
            payloads: vec![payload("x"), Payload::null()],
        }),
        start_to_close_timeout: Some(time::duration(1_500_000_000)),
        workflow_task_completed_event_id: 4,
        retry_policy: Some(RetryPolicy {
            initial_interval: Some(time::duration(1)),
            backoff_coefficient: 2.0,
            non_retryable_error_types: vec!["Declined".to_owned()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let failed = ActivityTaskFailedEventAttributes {
        failure: Some(
            Failure::of("activity error", ActivityFailureInfo::default())
                .with_cause(Failure::timeout("too late", TimeoutType::Heartbeat)),
        ),
        ..Default::default()
    };
    let attributes: [Attributes; 3] = [start.into(), scheduled.into(), failed.into()];
    let event = |(event_id, attributes): (i64, Attributes)| HistoryEvent {
        event_id,
        event_time: Some(time::timestamp(1_791_293_096_515_407_000 + event_id)),
        event_type: attributes.event_type().into(),
        task_id: 1_048_587,
        attributes: Some(attributes),
        ..HistoryEvent::default()
    };
    History {
        events: (1..).zip(attributes).map(event).collect(),
    }
}

fn queue() -> TaskQueue {
    TaskQueue {
        name: "orders".to_owned(),
        kind: TaskQueueKind::Normal.into(),
        ..TaskQueue::default()
    }
}

fn payload(text: &str) -> Payload {
    Payload::json(text).expect("text is JSON")
}

/// An event without attributes.
fn bare(event_type: EventType) -> HistoryEvent {
    HistoryEvent {
        event_id: 1,
        event_type: event_type.into(),
        ..HistoryEvent::default()
    }
}
