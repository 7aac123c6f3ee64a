//! Queries see every acknowledged signal and update: an answer reflects whatever had been acknowledged when the question
//! was asked.

use std::collections::BTreeMap;

use steadfast_core::{ExecutionKey, RunKey};
use steadfast_proto::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{EventType, UpdateWorkflowExecutionLifecycleStage as Stage},
    update::v1::UpdateRef,
};

use super::{
    facts::{Facts, RunFacts},
    tally::Tally,
};
use crate::{
    cluster::wire::{Answer, Rpc},
    kernel::Time,
};

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Queries {
    /// Its count and findings.
    pub(crate) tally: Tally,
    acknowledged: BTreeMap<ExecutionKey, Vec<Due>>,
    asked: BTreeMap<u64, Question>,
}

/// What an answer must know of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Due {
    Signal(String),
    Update(String),
}

#[derive(Debug)]
struct Question {
    key: ExecutionKey,
    /// How much had been acknowledged.
    due: usize,
    seen: Vec<(RunKey, i64)>,
}

/// The started event of the workflow task in whose completion this event was written: the worker that completed it
/// knows what it decided, although it has not seen the events of it.
fn task_of(run: &RunFacts, event: i64) -> i64 {
    let before = usize::try_from(event).unwrap_or(0).min(run.events.len());
    let started = run.events[..before]
        .iter()
        .rposition(|it| it.event_type() == EventType::WorkflowTaskStarted);
    started.map_or(event, |place| run.events[place].event_id)
}

impl Default for Queries {
    fn default() -> Self {
        Self {
            tally: Tally::new("queries-see-signals"),
            acknowledged: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }
}

impl Queries {
    /// A caller has got a positive answer.
    pub(crate) fn acknowledged(&mut self, rpc: &Rpc, answer: &Answer) {
        match (rpc, answer) {
            (Rpc::Signal(body), Answer::Signal(_)) => {
                let due = Due::Signal(body.request_id.clone());
                self.expect(&body.namespace, body.workflow_execution.as_ref(), due);
            }
            (Rpc::Update(body), Answer::Update(answer)) => {
                self.expect_update(&body.namespace, answer.update_ref.as_ref(), answer.stage);
            }
            (Rpc::PollUpdate(body), Answer::PollUpdate(answer)) => {
                self.expect_update(&body.namespace, answer.update_ref.as_ref(), answer.stage);
            }
            _ => {}
        }
    }

    fn expect_update(&mut self, namespace: &str, update: Option<&UpdateRef>, stage: i32) {
        let Some(update) = update else { return };
        if stage >= Stage::Accepted.into() {
            let due = Due::Update(update.update_id.clone());
            self.expect(namespace, update.workflow_execution.as_ref(), due);
        }
    }

    fn expect(&mut self, namespace: &str, execution: Option<&WorkflowExecution>, due: Due) {
        let id = execution.map_or("", |e| e.workflow_id.as_str());
        let key = ExecutionKey::new(namespace, id);
        let known = self.acknowledged.entry(key).or_default();
        if !known.contains(&due) {
            known.push(due);
        }
    }

    /// A client is about to ask. A repeated question counts from its last asking.
    pub(crate) fn asked(&mut self, id: u64, key: &ExecutionKey) {
        let due = self.acknowledged.get(key).map_or(0, Vec::len);
        let question = Question {
            key: key.clone(),
            due,
            seen: Vec::new(),
        };
        self.asked.insert(id, question);
    }

    /// A worker answers from this state.
    pub(crate) fn seen(&mut self, id: u64, run: &RunKey, upto: i64) {
        if let Some(question) = self.asked.get_mut(&id) {
            question.seen.push((run.clone(), upto));
        }
    }

    /// The client has got an answer. Which of several workers' it is cannot be told: the best one counts.
    pub(crate) fn answered(&mut self, at: Time, facts: &Facts, id: u64) {
        let Some(question) = self.asked.remove(&id) else {
            return;
        };
        let known = self
            .acknowledged
            .get(&question.key)
            .map_or(&[][..], Vec::as_slice);
        let due = &known[..question.due.min(known.len())];
        let missing = |(run, upto): &(RunKey, i64)| {
            let run = facts.runs.get(run)?;
            let unseen = due.iter().find(|due| match due {
                Due::Signal(id) => match run.signals.get(id) {
                    Some(Some(event)) => event > upto,
                    Some(None) => true,
                    // Another run of the same workflow took it.
                    None => false,
                },
                // One that was refused, or that another run took, is in no history of this run.
                Due::Update(id) => {
                    let accepted = run.updates.get(id).and_then(|update| update.accepted);
                    accepted.is_some_and(|event| task_of(run, event) > *upto)
                }
            });
            unseen.cloned()
        };
        let fresh = question.seen.iter().any(|s| missing(s).is_none());
        self.tally.check(at, fresh, || {
            let unseen = question.seen.iter().find_map(missing);
            format!(
                "{}: an answer does not know of {unseen:?}",
                question.key.workflow_id
            )
        });
    }
}
