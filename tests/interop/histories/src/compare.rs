//! Compares two folders of histories by what happened, not by when and under which ids.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, ensure};
use serde_json::{Map, Value};

use crate::Options;

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

/// Every exported history must say the same in both folders.
pub fn compare(options: &Options) -> anyhow::Result<ExitCode> {
    let [expected, actual] = options.rest.as_slice() else {
        anyhow::bail!("compare needs two folders");
    };
    let book = options.book()?;
    let mut different = Vec::new();
    let mut count = 0;
    for case in &book.cases {
        let mut same = true;
        for export in case.exports() {
            let read = |folder: &String| events(Path::new(folder), &export.file, case.race);
            let expected = read(expected)?;
            let differences = match read(actual) {
                Ok(actual) => differences(&expected, &actual),
                Err(error) => vec![format!("{error:#}")],
            };
            count += 1;
            same &= differences.is_empty();
            if !differences.is_empty() {
                eprintln!("{}: differs", export.file);
            }
            for line in differences.iter().take(20) {
                eprintln!("  {line}");
            }
        }
        if !same {
            different.push(case.name.as_str());
        }
    }
    if different.is_empty() {
        println!(
            "all {count} histories of {} cases are as expected",
            book.cases.len()
        );
        return Ok(ExitCode::SUCCESS);
    }
    // On stdout, for a script that wants to try those again.
    println!("{}", different.join(" "));
    Ok(ExitCode::FAILURE)
}

/// The events of a history without what is volatile. Where a race makes their order a matter of
/// luck, it also makes the number of workflow tasks and the ids one: then only the types of the
/// other events, sorted.
fn events(folder: &Path, file: &str, race: bool) -> anyhow::Result<Vec<(String, Value)>> {
    let path = folder.join(format!("{file}.json"));
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let history: Value = serde_json::from_slice(&text)?;
    let events = history["events"].as_array().context("no events")?;
    ensure!(!events.is_empty(), "{}: no events", path.display());
    let mut events: Vec<(String, Value)> = events.iter().map(event).collect();
    if race {
        events.retain(|(kind, _)| !kind.starts_with("WORKFLOW_TASK_"));
        events
            .iter_mut()
            .for_each(|(_, attributes)| *attributes = Value::Null);
        events.sort_by(|a, b| a.0.cmp(&b.0));
    }
    Ok(events)
}

fn event(event: &Value) -> (String, Value) {
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

fn differences(expected: &[(String, Value)], actual: &[(String, Value)]) -> Vec<String> {
    let kinds = |events: &[(String, Value)]| -> Vec<String> {
        events.iter().map(|(kind, _)| kind.clone()).collect()
    };
    let (left, right) = (kinds(expected), kinds(actual));
    if left != right {
        let none = "-".to_owned();
        let rows = 0..left.len().max(right.len());
        let row = |n| {
            let (left, right) = (left.get(n).unwrap_or(&none), right.get(n).unwrap_or(&none));
            let mark = if left == right { ' ' } else { '!' };
            format!("{mark} {:>3}  {left:<48} {right}", n + 1)
        };
        return rows.map(row).collect();
    }
    let mut lines = Vec::new();
    for ((kind, left), (_, right)) in expected.iter().zip(actual) {
        describe(kind, left, right, &mut lines);
    }
    lines
}

/// Names the places where two values differ.
fn describe(path: &str, left: &Value, right: &Value, lines: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                let absent = Value::Null;
                let (left, right) = (a.get(key).unwrap_or(&absent), b.get(key).unwrap_or(&absent));
                describe(&format!("{path}.{key}"), left, right, lines);
            }
        }
        _ if left != right => lines.push(format!("{path}: {left:.200}, but now {right:.200}")),
        _ => {}
    }
}
