//! Queries see every acknowledged signal: an answer reflects whatever had been acknowledged when the question was
//! asked.

use std::collections::BTreeMap;

use steadfast_core::{ExecutionKey, RunKey};

use super::{facts::Facts, tally::Tally};
use crate::{
    cluster::wire::{Answer, Rpc},
    kernel::Time,
};

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Queries {
    /// Its count and findings.
    pub(crate) tally: Tally,
    acknowledged: BTreeMap<ExecutionKey, Vec<String>>,
    asked: BTreeMap<u64, Question>,
}

#[derive(Debug)]
struct Question {
    key: ExecutionKey,
    /// How many signals had been acknowledged.
    signals: usize,
    seen: Vec<(RunKey, i64)>,
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
        if let (Rpc::Signal(body), Answer::Signal(_)) = (rpc, answer) {
            let id = body
                .workflow_execution
                .as_ref()
                .map_or("", |e| e.workflow_id.as_str());
            let key = ExecutionKey::new(body.namespace.as_str(), id);
            self.acknowledged
                .entry(key)
                .or_default()
                .push(body.request_id.clone());
        }
    }

    /// A client is about to ask. A repeated question counts from its last asking.
    pub(crate) fn asked(&mut self, id: u64, key: &ExecutionKey) {
        let signals = self.acknowledged.get(key).map_or(0, Vec::len);
        let question = Question {
            key: key.clone(),
            signals,
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
        let due = &known[..question.signals.min(known.len())];
        let missing = |(run, upto): &(RunKey, i64)| {
            let run = facts.runs.get(run)?;
            let unseen = due.iter().find(|id| match run.signals.get(*id) {
                Some(Some(event)) => event > upto,
                Some(None) => true,
                // Another run of the same workflow took it.
                None => false,
            });
            unseen.cloned()
        };
        let fresh = question.seen.iter().any(|s| missing(s).is_none());
        self.tally.check(at, fresh, || {
            let signal = question.seen.iter().find_map(missing).unwrap_or_default();
            format!(
                "{}: an answer does not know of signal {signal}",
                question.key.workflow_id
            )
        });
    }
}
