//! Compares two folders of histories by what happened, not by when and under which ids.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::Options;

/// Every exported history must have the same sequence of event types in both folders.
pub fn compare(options: &Options) -> anyhow::Result<ExitCode> {
    let [expected, actual] = options.rest.as_slice() else {
        anyhow::bail!("compare needs two folders");
    };
    let book = options.book()?;
    let (mut same, mut different) = (0, 0);
    let files = book.cases.iter().flat_map(|case| {
        case.exports()
            .into_iter()
            .map(|export| (export.file, case.race))
    });
    for (file, race) in files {
        let read = |folder: &String| event_types(Path::new(folder), &file, race);
        let (expected, actual) = (read(expected)?, read(actual)?);
        if expected == actual {
            same += 1;
            continue;
        }
        different += 1;
        println!("{file}: the sequence of events differs");
        print_difference(&expected, &actual);
    }
    println!("{same} histories have the expected events, {different} have not");
    Ok(ExitCode::from(u8::from(different > 0)))
}

fn print_difference(expected: &[String], actual: &[String]) {
    for n in 0..expected.len().max(actual.len()) {
        let (left, right) = (expected.get(n), actual.get(n));
        let [left, right] = [left, right].map(|kind| kind.map_or("-", String::as_str));
        let mark = if left == right { ' ' } else { '!' };
        println!("  {mark} {:>3}  {left:<48} {right}", n + 1);
    }
}

/// The types of a history's events, in order. Where a race makes the order a matter of luck, it
/// also makes the number of workflow tasks one: then without those, and sorted.
fn event_types(folder: &Path, file: &str, race: bool) -> anyhow::Result<Vec<String>> {
    let path = folder.join(format!("{file}.json"));
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let history: Value = serde_json::from_slice(&text)?;
    let events = history["events"].as_array().context("no events")?;
    ensure!(!events.is_empty(), "{}: no events", path.display());
    let name = |event: &Value| {
        let name = event["eventType"].as_str().unwrap_or("?");
        name.trim_start_matches("EVENT_TYPE_").to_owned()
    };
    let mut names: Vec<String> = events.iter().map(name).collect();
    if race {
        names.retain(|name| !name.starts_with("WORKFLOW_TASK_"));
        names.sort_unstable();
    }
    Ok(names)
}
