//! What happened, not when and under which ids: the rules of `scenarios/histories/README.md`.

use serde_json::{Map, Value};

/// Fields that differ from one recording to the next, wherever they occur: times, ids and sizes.
const VOLATILE: [&str; 7] = [
    "taskId",
    "requestId",
    "historySizeBytes",
    "firstWorkflowTaskBackoff",
    "backoffStartInterval",
    "meteringMetadata",
    "langUsedFlags",
];

/// An event's type, and the event without what is volatile.
pub(crate) type Event = (String, Value);

/// A place where two histories differ, and what they have there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) recorded: Value,
    pub(crate) ours: Value,
}

/// The events of a history without what is volatile. Where a race makes their order a matter of
/// luck, it also makes the number of workflow tasks and the ids one: then only the types of the
/// other events, sorted.
pub(crate) fn events(history: &Value, race: bool) -> Vec<Event> {
    let events = history["events"].as_array().expect("a history");
    let mut events: Vec<Event> = events.iter().map(event).collect();
    if race {
        events.retain(|(kind, _)| !kind.starts_with("WORKFLOW_TASK_"));
        events
            .iter_mut()
            .for_each(|(_, attributes)| *attributes = Value::Null);
        events.sort_by(|a, b| a.0.cmp(&b.0));
    }
    events
}

fn event(event: &Value) -> Event {
    let kind = event["eventType"]
        .as_str()
        .unwrap_or("?")
        .trim_start_matches("EVENT_TYPE_");
    let mut attributes = event.clone();
    normalise(&mut attributes);
    match kind {
        // After a failure, how many attempts were made in vain depends on how long the mend took,
        // and so does the time that the server grants the next one.
        "WORKFLOW_TASK_SCHEDULED" => {
            let scheduled = &mut attributes["workflowTaskScheduledEventAttributes"];
            if scheduled["attempt"] != 1 {
                remove(scheduled, "attempt");
                remove(scheduled, "startToCloseTimeout");
            }
        }
        // A local activity's marker holds its times, in a payload.
        "MARKER_RECORDED" => {
            let marker = &mut attributes["markerRecordedEventAttributes"];
            if marker["markerName"] == "core_local_activity" {
                remove(&mut marker["details"], "data");
            }
        }
        _ => {}
    }
    (kind.to_owned(), attributes)
}

fn remove(value: &mut Value, key: &str) {
    if let Value::Object(fields) = value {
        fields.remove(key);
    }
}

fn normalise(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !key.ends_with("Time") && !VOLATILE.contains(&key.as_str()));
            name_sticky_queue(fields);
            fields.values_mut().for_each(normalise);
        }
        Value::Array(items) => {
            items.iter_mut().for_each(normalise);
            // The only list of plain numbers holds the flags of the SDK, in no order.
            if items.iter().all(Value::is_u64) {
                items.sort_by_key(Value::as_u64);
            }
        }
        Value::String(text) => *text = without_ids(text),
        _ => {}
    }
}

/// A sticky queue is named after the process.
fn name_sticky_queue(fields: &mut Map<String, Value>) {
    if fields
        .get("kind")
        .is_some_and(|kind| kind == "TASK_QUEUE_KIND_STICKY")
    {
        fields.insert("name".into(), "<sticky>".into());
    }
}

/// The text with every UUID in it replaced.
fn without_ids(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_ascii_hexdigit() && c != '-');
    words
        .map(|word| {
            let end = word.find(|c: char| !c.is_ascii_hexdigit() && c != '-');
            let (word, rest) = word.split_at(end.unwrap_or(word.len()));
            let groups = word.split('-').map(str::len);
            let word = if groups.eq([8, 4, 4, 4, 12]) {
                "<id>"
            } else {
                word
            };
            format!("{word}{rest}")
        })
        .collect()
}

/// Where two histories differ. If they differ in their sequence, that is the one difference.
pub(crate) fn differences(recorded: &[Event], ours: &[Event]) -> Vec<Difference> {
    let kinds = |events: &[Event]| -> Vec<Value> {
        events
            .iter()
            .map(|(kind, _)| kind.as_str().into())
            .collect()
    };
    let mut found = Vec::new();
    if kinds(recorded) != kinds(ours) {
        found.push(Difference {
            path: "events".to_owned(),
            recorded: kinds(recorded).into(),
            ours: kinds(ours).into(),
        });
        return found;
    }
    for ((kind, recorded), (_, ours)) in recorded.iter().zip(ours) {
        describe(kind, recorded, ours, &mut found);
    }
    found
}

fn describe(path: &str, recorded: &Value, ours: &Value, found: &mut Vec<Difference>) {
    match (recorded, ours) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let (a, b) = (
                    a.get(key).unwrap_or(&Value::Null),
                    b.get(key).unwrap_or(&Value::Null),
                );
                // The attributes' own name says no more than the event's type.
                let path = if key.ends_with("EventAttributes") {
                    path.to_owned()
                } else {
                    format!("{path}.{key}")
                };
                describe(&path, a, b, found);
            }
        }
        _ if recorded != ours => found.push(Difference {
            path: path.to_owned(),
            recorded: recorded.clone(),
            ours: ours.clone(),
        }),
        _ => {}
    }
}
