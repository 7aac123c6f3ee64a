//! The failure card: what is wrong, which faults were at work, what led there, how to see it again.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use steadfast_sim::kernel::{NodeId, TraceEvent, TraceKind};
use steadfast_sim::report::{Failure, RunReport};

use super::{BAD, BOLD, DIM, counted};
use crate::artefacts::Artefacts;

/// The most lines of a story.
const STORY: usize = 20;
/// The most characters of a line of it.
const WIDTH: usize = 110;

/// The card of a failed run. `again` is the command that repeats it.
pub(crate) fn card(report: &RunReport, again: &str, files: Option<&Artefacts>) -> String {
    let mut out = String::new();
    let Some(first) = report.failures.first() else {
        return out;
    };
    let (name, seed) = (&report.scenario, report.seed);
    let checker = &first.checker;
    let _ = writeln!(
        out,
        "{BAD}FAIL{BAD:#} {BOLD}{name}:{seed}{BOLD:#}  {checker}"
    );
    let _ = writeln!(out, "  {BOLD}{}{BOLD:#}", sentence(&first.message));
    for other in report.failures.iter().skip(1).take(4) {
        let _ = writeln!(out, "  {} ({})", sentence(&other.message), other.checker);
    }
    let more = report.failures.len().saturating_sub(5);
    if more > 0 {
        let _ = writeln!(out, "  and {} more", super::grouped(more as u64));
    }
    let _ = writeln!(out, "  faults  {}", faults(report));
    let events = counted(report.coverage.events, "event", "events");
    let _ = writeln!(
        out,
        "  found   at {} of simulated time, in {events}",
        first.at
    );
    let story = story(report, first);
    if !story.is_empty() {
        let _ = writeln!(out, "  story");
        for line in story {
            let _ = writeln!(out, "    {DIM}{line}{DIM:#}");
        }
    }
    let _ = writeln!(out, "  again   {again} --trace");
    if let Some(files) = files {
        let _ = writeln!(out, "  files   {}", files.folder.display());
    }
    out
}

/// With a capital letter, unless it begins with an id, and a full stop.
fn sentence(message: &str) -> String {
    let word = message.split(' ').next().unwrap_or_default();
    let is_id = word.contains(|c: char| !c.is_alphabetic());
    let mut chars = message.chars();
    let first = chars
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    let text = if is_id {
        message.to_owned()
    } else {
        format!("{first}{}", chars.as_str())
    };
    if text.ends_with(['.', '!', '?', ')']) {
        text
    } else {
        text + "."
    }
}

fn faults(report: &RunReport) -> String {
    let struck = report
        .coverage
        .faults
        .iter()
        .filter(|(_, count)| **count > 0);
    let struck: Vec<_> = struck
        .map(|(name, count)| format!("{name} x{count}"))
        .collect();
    if struck.is_empty() {
        "none".to_owned()
    } else {
        struck.join(", ")
    }
}

/// The few events that led to a failure: its causes, what processes told of it, and the faults
/// before it.
fn story(report: &RunReport, failure: &Failure) -> Vec<String> {
    let trace = &report.trace;
    let until = match failure.seq {
        0 => trace.iter().rposition(|event| event.time <= failure.at),
        seq => trace.iter().position(|event| event.seq == seq),
    };
    let Some(until) = until else {
        return Vec::new();
    };
    let before = &trace[..=until];
    let mut chosen: BTreeSet<u64> = BTreeSet::new();
    chosen.extend(causes(before, STORY / 3));
    let about = |event: &&TraceEvent| {
        let id = failure.workflow_id.as_deref();
        id.is_some_and(|id| event.text.contains(id)) || named_in(failure, event)
    };
    let said = before.iter().rev().filter(about).take(STORY / 3);
    chosen.extend(said.map(|event| event.seq));
    let left = STORY - chosen.len().min(STORY);
    let struck = before
        .iter()
        .rev()
        .filter(|event| is_fault(event))
        .take(left);
    chosen.extend(struck.map(|event| event.seq));
    let lines = before.iter().filter(|event| chosen.contains(&event.seq));
    lines
        .map(|event| cut(&told(event, &report.nodes)))
        .collect()
}

/// An event in one line: when, where, what.
fn told(event: &TraceEvent, nodes: &[String]) -> String {
    let name = |node: NodeId| {
        let name = usize::try_from(node.0)
            .ok()
            .and_then(|node| nodes.get(node));
        name.map_or_else(|| format!("n{node}"), Clone::clone)
    };
    let place = match (event.node, event.peer) {
        (Some(node), Some(peer)) => format!("{} > {}", name(peer), name(node)),
        (Some(node), None) => name(node),
        (None, _) => "world".to_owned(),
    };
    let what = match event.kind {
        TraceKind::Deliver | TraceKind::Note | TraceKind::Timer => String::new(),
        kind => format!("{kind:?}: ").to_lowercase(),
    };
    let TraceEvent {
        time,
        seq,
        label,
        text,
        ..
    } = event;
    let colon = if text.is_empty() { "" } else { ": " };
    format!("{time}  #{seq}  {place:24} {what}{label}{colon}{text}")
}

/// The last event and what brought it about, newest first.
fn causes(before: &[TraceEvent], most: usize) -> Vec<u64> {
    let Some(last) = before.last() else {
        return Vec::new();
    };
    let mut found = vec![last.seq];
    let mut cause = last.cause;
    while cause > 0 && found.len() < most {
        let Ok(place) = before.binary_search_by_key(&cause, |event| event.seq) else {
            break;
        };
        found.push(cause);
        cause = before[place].cause;
    }
    found
}

/// Whether the message of the failure names something that the event tells of.
fn named_in(failure: &Failure, event: &TraceEvent) -> bool {
    event.kind == TraceKind::Note
        && event.text.split([' ', ',', ':', '(', ')']).any(|word| {
            word.len() > 3
                && word.contains(|c: char| c.is_ascii_digit())
                && failure.message.contains(word)
        })
}

fn is_fault(event: &TraceEvent) -> bool {
    matches!(
        event.kind,
        TraceKind::Crash
            | TraceKind::Pause
            | TraceKind::Resume
            | TraceKind::DiskFault
            | TraceKind::Clock
            | TraceKind::Network
            | TraceKind::Phase
    )
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
