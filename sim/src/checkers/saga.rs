//! The saga ledger: on failure or cancellation every committed step has exactly one effective compensation, in
//! reverse order; on success none; and what is declared at most once happens at most once.

use std::{collections::BTreeMap, sync::Arc};

use steadfast_proto::temporal::api::{
    common::v1::Payloads, enums::v1::WorkflowExecutionStatus as Status,
    history::v1::history_event::Attributes,
};

use super::{
    facts::{Facts, RunFacts},
    tally::Tally,
};
use crate::{
    cluster::ledger::{EntryId, EntryKind, Ledger, LedgerEntry},
    kernel::Time,
};

/// What the suite's author declares about compensations.
#[derive(Clone, Default)]
pub struct SagaRules {
    /// Operations that another operation takes back.
    pub pairs: Vec<Pair>,
    /// Operations of which one idempotency key has one effect at most: service, operation.
    pub at_most_once: Vec<(String, String)>,
    /// How a closed run of a workflow type is judged; the default goes by its status.
    pub judges: BTreeMap<String, Judge>,
}

/// An operation and the one that takes it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The service of both.
    pub service: String,
    /// The operation.
    pub forward: String,
    /// What takes it back.
    pub compensation: String,
}

/// Says how a closed run left the world.
pub type Judge = Arc<dyn Fn(&Closing<'_>) -> Outcome + Send + Sync>;

/// How a workflow closed.
#[derive(Clone, Copy, Debug)]
pub struct Closing<'a> {
    /// Its status.
    pub status: Status,
    /// Its result, if it completed with one.
    pub result: Option<&'a Payloads>,
}

/// How a closed workflow is to have left the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything it did stands.
    Committed,
    /// Everything it did is taken back.
    Compensated,
    /// Nothing can be said: it was ended from outside.
    Unjudged,
}

impl Closing<'_> {
    /// What the status alone says.
    #[must_use]
    pub fn by_status(&self) -> Outcome {
        match self.status {
            Status::Completed => Outcome::Committed,
            Status::Failed | Status::Canceled => Outcome::Compensated,
            _ => Outcome::Unjudged,
        }
    }
}

impl std::fmt::Debug for SagaRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SagaRules")
            .field("pairs", &self.pairs)
            .field("at_most_once", &self.at_most_once)
            .finish_non_exhaustive()
    }
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Saga {
    /// Its count and findings.
    pub(crate) tally: Tally,
    rules: SagaRules,
}

impl Saga {
    /// By these rules.
    #[must_use]
    pub(crate) fn new(rules: SagaRules) -> Self {
        Self {
            tally: Tally::new("saga"),
            rules,
        }
    }

    /// The run is over: everything that will happen has happened.
    pub(crate) fn finish(&mut self, at: Time, facts: &Facts, ledger: &Ledger) {
        ledger.read(|entries| {
            self.repeated(at, entries);
            let mut by_workflow: BTreeMap<&str, Vec<&LedgerEntry>> = BTreeMap::new();
            for entry in entries {
                by_workflow
                    .entry(entry.workflow.as_str())
                    .or_default()
                    .push(entry);
            }
            for (workflow, entries) in by_workflow {
                if let Some(outcome) = self.outcome(facts, workflow) {
                    self.workflow(at, workflow, outcome, &entries);
                }
            }
        });
    }

    /// A key of an at-most-once operation has at most one effect.
    fn repeated(&mut self, at: Time, entries: &[LedgerEntry]) {
        let mut seen: BTreeMap<(&str, &str), EntryId> = BTreeMap::new();
        for entry in entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Forward)
        {
            let declared = self.rules.at_most_once.iter().any(|(service, operation)| {
                **service == *entry.service && *operation == entry.operation
            });
            if !declared {
                continue;
            }
            let first = seen.insert((&entry.service, &entry.key), entry.id);
            self.tally.check(at, first.is_none(), || {
                format!("{} {} took effect twice", entry.operation, entry.key)
            });
        }
    }

    fn outcome(&self, facts: &Facts, workflow: &str) -> Option<Outcome> {
        let of = |id: &str| id == workflow;
        let key = facts
            .executions
            .keys()
            .find(|key| of(key.workflow_id.as_str()))?;
        let run = facts.current(key)?;
        let closing = Closing {
            status: run.status,
            result: result(run),
        };
        if run.is_open() {
            return None;
        }
        let judge = self.rules.judges.get(workflow_type(run));
        Some(judge.map_or_else(|| closing.by_status(), |judge| judge(&closing)))
    }

    fn workflow(&mut self, at: Time, workflow: &str, outcome: Outcome, entries: &[&LedgerEntry]) {
        let steps = entries.iter().filter(|entry| {
            entry.kind == EntryKind::Forward && self.rules.compensation_of(entry).is_some()
        });
        let steps: Vec<&LedgerEntry> = steps.copied().collect();
        let undone: Vec<EntryId> = entries
            .iter()
            .filter_map(|entry| match entry.kind {
                EntryKind::Compensates(step) => Some(step),
                EntryKind::Forward | EntryKind::Read => None,
            })
            .collect();
        for step in steps {
            let times = undone.iter().filter(|id| **id == step.id).count();
            let due = match outcome {
                Outcome::Committed => 0,
                Outcome::Compensated => 1,
                Outcome::Unjudged => continue,
            };
            self.tally.check(at, times == due, || {
                format!(
                    "{workflow} ended {outcome:?}, and {} {} is taken back {times} times",
                    step.operation, step.key
                )
            });
        }
        if outcome == Outcome::Compensated && undone.len() > 1 {
            let reversed = undone.windows(2).all(|pair| pair[0] > pair[1]);
            self.tally.check(at, reversed, || {
                format!("{workflow}: steps are not taken back in reverse order: {undone:?}")
            });
        }
    }
}

impl SagaRules {
    fn compensation_of(&self, entry: &LedgerEntry) -> Option<&str> {
        let pair = self
            .pairs
            .iter()
            .find(|pair| *pair.service == *entry.service && pair.forward == entry.operation)?;
        Some(&pair.compensation)
    }
}

fn result(run: &RunFacts) -> Option<&Payloads> {
    match run.events.last()?.attributes.as_ref()? {
        Attributes::WorkflowExecutionCompletedEventAttributes(completed) => {
            completed.result.as_ref()
        }
        _ => None,
    }
}

pub(super) fn workflow_type(run: &RunFacts) -> &str {
    match run
        .events
        .first()
        .and_then(|event| event.attributes.as_ref())
    {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(start)) => start
            .workflow_type
            .as_ref()
            .map_or("", |kind| kind.name.as_str()),
        _ => "",
    }
}
