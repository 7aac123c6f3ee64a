//! State is a fold of the log: after every restart, and at any moment, the engine's state of an execution equals the
//! fold of its records, and its history part equals the fold of its events alone.

use std::collections::BTreeMap;

use steadfast_core::{Execution, ExecutionKey, RunKey, history::HistoryState};

use super::{facts::Facts, tally::Tally};
use crate::kernel::Time;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Folds {
    /// Its count and findings.
    pub(crate) tally: Tally,
}

impl Default for Folds {
    fn default() -> Self {
        Self {
            tally: Tally::new("folds"),
        }
    }
}

impl Folds {
    /// A new owner of the shard has loaded what the store has; `explained` says whether a prefix of the submitted
    /// batches, with all that were durable, makes it.
    pub(crate) fn recovered(
        &mut self,
        at: Time,
        facts: &Facts,
        found: &BTreeMap<ExecutionKey, Execution>,
        explained: Result<(), String>,
    ) {
        self.tally.check(at, explained.is_ok(), || {
            explained.err().unwrap_or_default()
        });
        for (key, execution) in found {
            self.histories(at, facts, key, execution);
        }
    }

    /// The machine's own state of an execution, all batches included that are on their way.
    pub(crate) fn live(
        &mut self,
        at: Time,
        facts: &Facts,
        key: &ExecutionKey,
        execution: &Execution,
    ) {
        let folded = facts.fold_all(key);
        self.tally.check(at, folded == *execution, || {
            format!(
                "{}: the live state is not the fold of its records: {}",
                key.workflow_id,
                difference(&folded, execution)
            )
        });
    }

    /// The state of each run that follows from its history follows from nothing else.
    fn histories(&mut self, at: Time, facts: &Facts, key: &ExecutionKey, execution: &Execution) {
        for (run_id, run) in &execution.runs {
            let known = facts.runs.get(&RunKey {
                execution: key.clone(),
                run_id: run_id.clone(),
            });
            // What was found beyond that is not believed yet.
            let Some(known) = known.filter(|k| k.last_event() == run.history.last_event().0) else {
                continue;
            };
            let folded = HistoryState::fold(&known.events);
            self.tally.check(at, folded == run.history, || {
                format!(
                    "{}: the state is not the fold of its history",
                    key.workflow_id
                )
            });
        }
    }
}

/// Names the first field that differs, for people.
fn difference(folded: &Execution, live: &Execution) -> String {
    if folded.current != live.current {
        return format!("current run {:?} and {:?}", folded.current, live.current);
    }
    for (run_id, folded) in &folded.runs {
        let Some(live) = live.runs.get(run_id) else {
            return format!("run {run_id} is missing");
        };
        let differs = [
            ("history", folded.history != live.history),
            ("task", folded.task != live.task),
            ("sticky", folded.sticky != live.sticky),
            ("activities", folded.activities != live.activities),
            ("buffered", folded.buffered != live.buffered),
            (
                "signal_requests",
                folded.signal_requests != live.signal_requests,
            ),
            (
                "attached_requests",
                folded.attached_requests != live.attached_requests,
            ),
            ("outbox", folded.outbox != live.outbox),
            (
                "closing_attempted",
                folded.closing_attempted != live.closing_attempted,
            ),
            ("begun", folded.begun != live.begun),
        ];
        if let Some((field, _)) = differs.iter().find(|(_, differs)| *differs) {
            return format!("{field} of run {run_id}");
        }
    }
    "a run that no record made".to_owned()
}
