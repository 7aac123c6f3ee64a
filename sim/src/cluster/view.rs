//! A run as expectations and a suite's own invariants see it.

use std::collections::BTreeMap;

use serde_json::Value;
use steadfast_core::{RunKey, Timestamp};
use steadfast_proto::temporal::api::{
    common::v1::Payloads,
    enums::v1::{EventType, WorkflowExecutionStatus as Status},
    failure::v1::Failure,
    history::v1::{
        HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes,
    },
};

use super::{
    activity::decode,
    ledger::{EntryKind, Ledger, LedgerEntry},
};
use crate::{
    checkers::{Accounts, Facts, RunFacts},
    scenario::{EntryView, LedgerView, RunView},
};

/// Every run, ordered by workflow id, then oldest first. Times count from `start`.
pub(crate) fn runs(facts: &Facts, start: Timestamp) -> Vec<RunView> {
    let mut views = Vec::new();
    for (key, run_ids) in &facts.executions {
        for run_id in run_ids {
            let run = RunKey {
                execution: key.clone(),
                run_id: run_id.clone(),
            };
            if let Some(known) = facts.runs.get(&run) {
                views.push(view(&run, known, start));
            }
        }
    }
    views
}

fn view(key: &RunKey, run: &RunFacts, start: Timestamp) -> RunView {
    let mut view = RunView {
        workflow_id: key.execution.workflow_id.to_string(),
        run_id: key.run_id.to_string(),
        status: status(run.status).to_owned(),
        events: run.last_event(),
        closed: -1.0,
        ..RunView::default()
    };
    for event in &run.events {
        *view
            .counts
            .entry(type_name(event.event_type()))
            .or_default() += 1;
        if let Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal)) =
            &event.attributes
        {
            *view.signals.entry(signal.signal_name.clone()).or_default() += 1;
        }
    }
    if let Some(event) = run.events.first() {
        view.started = seconds(event, start);
        if let Some(Attributes::WorkflowExecutionStartedEventAttributes(first)) = &event.attributes
        {
            begin(&mut view, first);
        }
    }
    if !run.is_open()
        && let Some(event) = run.events.last()
    {
        view.closed = seconds(event, start);
        end(&mut view, event);
    }
    view
}

fn begin(view: &mut RunView, first: &WorkflowExecutionStartedEventAttributes) {
    view.workflow = first
        .workflow_type
        .as_ref()
        .map_or_else(String::new, |t| t.name.clone());
    let parent = first.parent_workflow_execution.as_ref();
    view.parent = parent.map_or_else(String::new, |parent| parent.workflow_id.clone());
    view.attempt = i64::from(first.attempt);
}

fn end(view: &mut RunView, event: &HistoryEvent) {
    match &event.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(completed)) => {
            view.result = completed.result.as_ref().map_or(Value::Null, json);
        }
        Some(Attributes::WorkflowExecutionFailedEventAttributes(failed)) => {
            view.failure = failed.failure.as_ref().map_or_else(String::new, innermost);
        }
        _ => {}
    }
}

fn json(payloads: &Payloads) -> Value {
    decode(payloads).unwrap_or(Value::Null)
}

/// What went wrong first: failures wrap their causes.
fn innermost(failure: &Failure) -> String {
    let mut failure = failure;
    while let Some(cause) = &failure.cause {
        failure = cause;
    }
    failure.message.clone()
}

fn seconds(event: &HistoryEvent, start: Timestamp) -> f64 {
    let time = event
        .event_time
        .as_ref()
        .map(Timestamp::from_proto)
        .unwrap_or_default();
    #[expect(
        clippy::cast_precision_loss,
        reason = "for people: microseconds are enough"
    )]
    let nanos = time.as_nanos().saturating_sub(start.as_nanos()) as f64;
    nanos / 1e9
}

/// The name of an event type as people write it: `ActivityTaskScheduled`.
pub(crate) fn type_name(kind: EventType) -> String {
    let name = kind.as_str_name().trim_start_matches("EVENT_TYPE_");
    name.split('_').map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter();
    first
        .chain(letters.map(|letter| letter.to_ascii_lowercase()))
        .collect()
}

/// The name of a status.
pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Completed => "completed",
        Status::Failed => "failed",
        Status::Canceled => "canceled",
        Status::Terminated => "terminated",
        Status::TimedOut => "timed-out",
        Status::ContinuedAsNew => "continued-as-new",
        Status::Running | Status::Unspecified | Status::Paused => "running",
    }
}

/// What happened in the outside world.
pub(crate) fn ledger(ledger: &Ledger, accounts: &[Accounts]) -> LedgerView {
    let mut balances = BTreeMap::new();
    for account in accounts {
        balances.extend(account.closing.clone());
    }
    LedgerView {
        entries: ledger.read(|entries| entries.iter().map(entry).collect()),
        balances,
    }
}

/// An entry as expectations see it.
pub(crate) fn entry(entry: &LedgerEntry) -> EntryView {
    let number = |id: u64| i64::try_from(id).unwrap_or(i64::MAX);
    let (kind, undoes) = match entry.kind {
        EntryKind::Forward => ("forward", 0),
        EntryKind::Compensates(id) => ("compensation", number(id.0)),
        EntryKind::Read => ("read", 0),
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "for people: microseconds are enough"
    )]
    let at = entry.time.as_nanos() as f64 / 1e9;
    EntryView {
        id: number(entry.id.0),
        service: entry.service.to_string(),
        operation: entry.operation.clone(),
        key: entry.key.clone(),
        workflow_id: entry.workflow.clone(),
        attempt: i64::from(entry.attempt),
        kind: kind.to_owned(),
        undoes,
        amounts: entry.amounts.clone(),
        at,
    }
}
