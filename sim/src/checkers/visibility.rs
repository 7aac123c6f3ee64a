//! Visibility: a list finds whatever was acknowledged before it was asked, and shows nothing that is not durable; and
//! in the end the rows are the truth of the histories, no more and no less.

use std::collections::BTreeMap;

use prost::Message as _;
use steadfast_core::{ExecutionKey, RunKey, Timestamp, visibility::Listed};
use steadfast_proto::temporal::api::{
    common::v1::Payload,
    enums::v1::{WorkflowExecutionStatus as Status, WorkflowTaskFailedCause},
    history::v1::history_event::Attributes,
};

use super::{
    facts::{Facts, RunFacts, closes},
    tally::{Tally, named},
};
use crate::{
    cluster::wire::{Answer, Rpc},
    kernel::Time,
};

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Visibility {
    /// Its count and findings.
    pub(crate) tally: Tally,
}

impl Default for Visibility {
    fn default() -> Self {
        Self {
            tally: Tally::new("visibility"),
        }
    }
}

/// What a client asks for once it knows that a run exists, and how it is.
#[must_use]
pub(crate) fn question(workflow_id: &str, run_id: &str, status: Option<Status>) -> String {
    let known = status.map_or_else(String::new, |status| {
        format!(" AND ExecutionStatus = '{}'", status.as_str_name())
    });
    format!(
        "WorkflowId = '{}' AND RunId = '{run_id}'{known}",
        workflow_id.replace('\'', "''")
    )
}

impl Visibility {
    /// A client that asked for a run that it knew of has its answer.
    pub(crate) fn acknowledged(&mut self, at: Time, facts: &Facts, rpc: &Rpc, answer: &Answer) {
        let (Rpc::List(asked), Answer::List(answer)) = (rpc, answer) else {
            return;
        };
        self.tally.check(at, answer.executions.len() == 1, || {
            format!(
                "a list for {} finds {} runs",
                asked.query,
                answer.executions.len()
            )
        });
        for info in &answer.executions {
            let execution = info.execution.clone().unwrap_or_default();
            let run = RunKey {
                execution: ExecutionKey::new(
                    asked.namespace.as_str(),
                    execution.workflow_id.as_str(),
                ),
                run_id: execution.run_id.as_str().into(),
            };
            let known = facts.runs.get(&run);
            let shown = info.status();
            let durable = known.is_some_and(|known| {
                shown == Status::Running || shown == known.status && !known.is_open()
            });
            self.tally.check(at, durable, || {
                format!(
                    "a list shows {} as {}, which is not durable",
                    named(&run),
                    shown.as_str_name()
                )
            });
        }
    }

    /// The run is over: `rows` are those of all stores.
    pub(crate) fn finish(&mut self, at: Time, facts: &Facts, namespace: &str, rows: &[&Listed]) {
        let mut found: BTreeMap<RunKey, &Listed> = BTreeMap::new();
        for row in rows {
            let run = RunKey {
                execution: ExecutionKey::new(namespace, row.workflow_id.clone()),
                run_id: row.run_id.clone(),
            };
            self.tally.check(at, facts.runs.contains_key(&run), || {
                format!("{} is listed, and does not exist", named(&run))
            });
            found.insert(run, row);
        }
        let own = facts
            .runs
            .iter()
            .filter(|(run, _)| run.execution.namespace.as_str() == namespace);
        for (run, known) in own {
            let wrong = match found.get(run) {
                Some(row) => difference(known, row),
                None => Some("it is not listed".to_owned()),
            };
            self.tally.check(at, wrong.is_none(), || {
                format!("{}: {}", named(run), wrong.unwrap_or_default())
            });
        }
    }
}

/// What a row says that the history does not.
fn difference(known: &RunFacts, listed: &Listed) -> Option<String> {
    let row = &listed.row;
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(start)) =
        known.events.first().and_then(|it| it.attributes.as_ref())
    else {
        return Some("its history has no beginning".to_owned());
    };
    let time = |at: usize| {
        let time = known.events.get(at).and_then(|it| it.event_time.as_ref());
        time.map(Timestamp::from_proto).unwrap_or_default()
    };
    let closed = known
        .events
        .iter()
        .position(|it| it.attributes.as_ref().is_some_and(|a| closes(a).is_some()));
    let bytes: usize = known.events.iter().map(|it| it.encoded_len()).sum();
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let closing = row.closing;
    let expected_closing = closed.map(|at| (known.status, time(at)));
    let sizes = closed.map(|_| (count(known.events.len()), count(bytes)));
    let (attributes, memo) = notes(known);
    let builds = |name: &&String| name.as_str() != "BuildIds";
    let shown: Vec<_> = row.search_attributes.keys().filter(builds).collect();
    let shown_memo = row.memo.as_ref().map(|memo| &memo.0.fields);
    let typed = start.workflow_type.clone().unwrap_or_default().name;
    [
        ("workflow type", typed != row.workflow_type),
        ("start time", time(begun(known)) != row.start_time),
        (
            "status or close time",
            expected_closing != closing.map(|it| (it.status, it.time)),
        ),
        (
            "history length or size",
            sizes != closing.map(|it| (it.history_length, it.history_size_bytes)),
        ),
        (
            "search attributes",
            attributes.keys().filter(builds).collect::<Vec<_>>() != shown,
        ),
        ("memo", memo != shown_memo.cloned().unwrap_or_default()),
    ]
    .into_iter()
    .find(|(_, differs)| *differs)
    .map(|(what, _)| format!("the {what} of its row is not that of its history"))
}

type Notes = BTreeMap<String, Payload>;

/// The place of the event since which a run counts: its first, or the last reset that its history shows.
fn begun(known: &RunFacts) -> usize {
    let reset = known.events.iter().rposition(|event| {
        matches!(
            &event.attributes,
            Some(Attributes::WorkflowTaskFailedEventAttributes(failed))
                if failed.cause() == WorkflowTaskFailedCause::ResetWorkflow
        )
    });
    reset.unwrap_or(0)
}

/// Search attributes and memo as the history leaves them.
fn notes(known: &RunFacts) -> (Notes, Notes) {
    use Attributes as A;
    let (mut attributes, mut memo) = (Notes::new(), Notes::new());
    for event in &known.events {
        match &event.attributes {
            Some(A::WorkflowExecutionStartedEventAttributes(start)) => {
                let given = start.search_attributes.clone().unwrap_or_default();
                merge(&mut attributes, given.indexed_fields);
                memo = start.memo.clone().unwrap_or_default().fields;
            }
            Some(A::UpsertWorkflowSearchAttributesEventAttributes(upsert)) => {
                let given = upsert.search_attributes.clone().unwrap_or_default();
                merge(&mut attributes, given.indexed_fields);
            }
            Some(A::WorkflowPropertiesModifiedEventAttributes(modified)) => {
                merge(
                    &mut memo,
                    modified.upserted_memo.clone().unwrap_or_default().fields,
                );
            }
            _ => {}
        }
    }
    (attributes, memo)
}

/// Null takes away.
fn merge(into: &mut Notes, changes: Notes) {
    for (name, payload) in changes {
        let null = payload.data.is_empty() || matches!(&payload.data[..], b"null" | b"[]");
        if null {
            into.remove(&name);
        } else {
            into.insert(name, payload);
        }
    }
}
