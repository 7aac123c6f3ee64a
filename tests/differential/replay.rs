//! Replay of histories: of the recorded ones, of ours, and of recorded ones that were tampered with.

use std::collections::BTreeMap;

use steadfast_proto::temporal::api::{
    common::v1::{ActivityType, WorkflowType},
    enums::v1::EventType,
    history::v1::{
        ActivityTaskCompletedEventAttributes, History, HistoryEvent, TimerStartedEventAttributes,
        UpsertWorkflowSearchAttributesEventAttributes, history_event::Attributes,
    },
};
use steadfast_replay::{ReplayError, replay_history};

use crate::{book, builds, folder, lab::Lab, recipe::Build};

/// A change of one event that no replay may overlook. Tells which event, if the history has one to change.
type Alteration = fn(&mut [HistoryEvent]) -> Option<i64>;

/// All of them, by name.
const ALTERATIONS: [(&str, Alteration); 11] = [
    ("activity type", activity_type),
    ("activity id", activity_id),
    ("child type", child_type),
    ("child id", child_id),
    ("patch", patch_becomes_another_marker),
    ("timer fired", timer_of_another),
    ("command becomes a timer", command_becomes_timer),
    (
        "timer becomes a command of another kind",
        timer_becomes_cancellation,
    ),
    ("result without a beginning", result_of_nothing),
    ("event id", event_id),
    ("beginning in the middle", begins_again),
];

fn first(events: &mut [HistoryEvent], alter: impl Fn(&mut Attributes) -> bool) -> Option<i64> {
    events.iter_mut().find_map(|event| {
        let attributes = event.attributes.as_mut()?;
        alter(attributes).then_some(event.event_id)
    })
}

fn activity_type(events: &mut [HistoryEvent]) -> Option<i64> {
    first(events, |attributes| match attributes {
        Attributes::ActivityTaskScheduledEventAttributes(a) => {
            a.activity_type = Some(ActivityType {
                name: "another".to_owned(),
            });
            true
        }
        _ => false,
    })
}

fn activity_id(events: &mut [HistoryEvent]) -> Option<i64> {
    first(events, |attributes| match attributes {
        Attributes::ActivityTaskScheduledEventAttributes(a) => {
            a.activity_id.push_str("-another");
            true
        }
        _ => false,
    })
}

fn child_type(events: &mut [HistoryEvent]) -> Option<i64> {
    first(events, |attributes| match attributes {
        Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(a) => {
            a.workflow_type = Some(WorkflowType {
                name: "another".to_owned(),
            });
            true
        }
        _ => false,
    })
}

fn child_id(events: &mut [HistoryEvent]) -> Option<i64> {
    first(events, |attributes| match attributes {
        Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(a) => {
            a.workflow_id.push_str("-another");
            true
        }
        _ => false,
    })
}

fn patch_becomes_another_marker(events: &mut [HistoryEvent]) -> Option<i64> {
    first(events, |attributes| match attributes {
        Attributes::MarkerRecordedEventAttributes(a) if a.marker_name == "core_patch" => {
            a.marker_name = "another".to_owned();
            true
        }
        _ => false,
    })
}

fn timer_of_another(events: &mut [HistoryEvent]) -> Option<i64> {
    first(events, |attributes| match attributes {
        Attributes::TimerFiredEventAttributes(a) => {
            a.timer_id.push_str("99");
            true
        }
        _ => false,
    })
}

/// The first thing the code decided, whatever it was, is said to have been a timer.
fn command_becomes_timer(events: &mut [HistoryEvent]) -> Option<i64> {
    let event = events.iter_mut().find(|event| {
        matches!(
            event.attributes,
            Some(
                Attributes::ActivityTaskScheduledEventAttributes(_)
                    | Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(_)
                    | Attributes::SignalExternalWorkflowExecutionInitiatedEventAttributes(_)
                    | Attributes::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_)
                    | Attributes::UpsertWorkflowSearchAttributesEventAttributes(_)
                    | Attributes::WorkflowPropertiesModifiedEventAttributes(_)
            )
        )
    })?;
    replace(
        event,
        EventType::TimerStarted,
        TimerStartedEventAttributes::default(),
    );
    Some(event.event_id)
}

fn timer_becomes_cancellation(events: &mut [HistoryEvent]) -> Option<i64> {
    let event = events
        .iter_mut()
        .find(|event| event.event_type() == EventType::TimerStarted)?;
    let attributes = UpsertWorkflowSearchAttributesEventAttributes::default();
    replace(event, EventType::UpsertWorkflowSearchAttributes, attributes);
    Some(event.event_id)
}

/// The last event is said to be the result of an activity that never was.
fn result_of_nothing(events: &mut [HistoryEvent]) -> Option<i64> {
    let event = events.last_mut()?;
    let attributes = ActivityTaskCompletedEventAttributes {
        scheduled_event_id: 1,
        ..ActivityTaskCompletedEventAttributes::default()
    };
    replace(event, EventType::ActivityTaskCompleted, attributes);
    Some(event.event_id)
}

fn event_id(events: &mut [HistoryEvent]) -> Option<i64> {
    let event = events.last_mut()?;
    event.event_id += 1;
    Some(event.event_id)
}

fn begins_again(events: &mut [HistoryEvent]) -> Option<i64> {
    let start = events.first()?.attributes.clone();
    let event = events.get_mut(1)?;
    event.event_type = EventType::WorkflowExecutionStarted.into();
    event.attributes = start;
    Some(event.event_id)
}

fn replace(event: &mut HistoryEvent, kind: EventType, attributes: impl Into<Attributes>) {
    event.event_type = kind.into();
    event.attributes = Some(attributes.into());
}

/// Every recorded history with the build that ended it, by file.
fn recorded() -> BTreeMap<String, (Build, History)> {
    let mut all = BTreeMap::new();
    for case in &book().cases {
        for export in case.exports() {
            let path = folder().join(format!("{}.json", export.file));
            let text = std::fs::read_to_string(path).expect("a recorded history");
            let history = steadfast_proto::json::history_from_json(&text).expect("a history");
            all.insert(export.file, (builds::last(case), history));
        }
    }
    all
}

/// Whether an error names the event, as the one that is wrong or as the one that another refers to wrongly.
fn names(error: &ReplayError, event: i64) -> bool {
    let at = match error {
        ReplayError::NonDeterminism(report) => report.event_id,
        ReplayError::InvalidHistory { event_id, .. } => *event_id,
        ReplayError::TaskFailed {
            started_event_id, ..
        } => *started_event_id,
        _ => 0,
    };
    at == event
        || error
            .to_string()
            .contains(&format!("refers to event {event} as "))
}

#[test]
fn recorded_histories_replay() {
    let all = recorded();
    assert!(all.len() >= 30, "only {} histories", all.len());
    for (file, (build, history)) in all {
        let report = replay_history(&builds::registry(build), &history);
        let report = report.unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(report.events, history.events.len(), "{file}");
        assert!(report.closed, "{file}");
    }
}

#[test]
fn our_histories_replay() {
    let book = book();
    for case in &book.cases {
        let histories = Lab::run(case, &book.defaults);
        let histories = histories.unwrap_or_else(|why| panic!("{}: {why}", case.name));
        for (export, history) in case.exports().iter().zip(histories) {
            let report = replay_history(&builds::registry(builds::last(case)), &history);
            let report = report.unwrap_or_else(|error| panic!("{}: {error}", export.file));
            assert!(report.closed, "{}", export.file);
        }
    }
}

#[test]
fn altered_histories_are_refused_by_name_of_the_event() {
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    let mut overlooked = Vec::new();
    for (file, (build, history)) in recorded() {
        let registry = builds::registry(build);
        for (name, alter) in ALTERATIONS {
            let mut altered = history.clone();
            let Some(event) = alter(&mut altered.events) else {
                continue;
            };
            *used.entry(name).or_default() += 1;
            match replay_history(&registry, &altered) {
                Ok(_) => overlooked.push(format!("{file}, {name}: event {event} is overlooked")),
                Err(error) if names(&error, event) => {}
                Err(error) => overlooked.push(format!(
                    "{file}, {name}: event {event} is altered, but {error}"
                )),
            }
        }
    }
    assert!(overlooked.is_empty(), "{}", overlooked.join("\n"));
    for (name, _) in ALTERATIONS {
        assert!(
            used.contains_key(name),
            "no history could be altered: {name}"
        );
    }
}

/// Code of another build does not do what the histories of a patch say.
#[test]
fn the_wrong_build_is_refused() {
    let all = recorded();
    let wrong = [("notice-patched", Build::Old), ("notice-old", Build::Next)];
    for (file, build) in wrong {
        let (_, history) = &all[file];
        let error = replay_history(&builds::registry(build), history).expect_err(file);
        assert!(
            matches!(error, ReplayError::NonDeterminism(_)),
            "{file}: {error}"
        );
    }
}
