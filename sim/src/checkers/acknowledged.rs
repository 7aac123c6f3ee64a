//! Everything acknowledged survives: what a caller was told is still true after every restart, and at the end.

use std::collections::BTreeMap;

use steadfast_core::{Execution, ExecutionKey, RunId, ShardId, ids::RequestId};

use super::{facts::Facts, tally::Tally};
use crate::{
    cluster::wire::{Answer, Rpc},
    kernel::Time,
};

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    /// Its count and findings.
    pub(crate) tally: Tally,
    shard_count: u32,
    promises: BTreeMap<ExecutionKey, Vec<Promise>>,
}

/// What a caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Promise {
    Started(RunId),
    Signaled(RequestId),
    Canceled,
    Terminated,
}

impl Acknowledged {
    /// For a cluster with so many shards.
    #[must_use]
    pub(crate) fn new(shard_count: u32) -> Self {
        Self {
            tally: Tally::new("acknowledged-survives"),
            shard_count,
            promises: BTreeMap::new(),
        }
    }

    /// A caller has got a positive answer.
    pub(crate) fn acknowledged(&mut self, rpc: &Rpc, answer: &Answer) {
        let (key, promise) = match (rpc, answer) {
            (Rpc::Start(body), Answer::Start(answer)) => (
                ExecutionKey::new(body.namespace.as_str(), body.workflow_id.as_str()),
                Promise::Started(RunId::new(answer.run_id.as_str())),
            ),
            (Rpc::SignalWithStart(body), Answer::SignalWithStart(_)) => (
                ExecutionKey::new(body.namespace.as_str(), body.workflow_id.as_str()),
                Promise::Signaled(RequestId::new(body.request_id.as_str())),
            ),
            (Rpc::Signal(body), Answer::Signal(_)) => (
                named(&body.namespace, body.workflow_execution.as_ref()),
                Promise::Signaled(RequestId::new(body.request_id.as_str())),
            ),
            (Rpc::Cancel(body), Answer::Cancel(_)) => (
                named(&body.namespace, body.workflow_execution.as_ref()),
                Promise::Canceled,
            ),
            (Rpc::Reset(body), Answer::Reset(answer)) => (
                named(&body.namespace, body.workflow_execution.as_ref()),
                Promise::Started(RunId::new(answer.run_id.as_str())),
            ),
            (Rpc::Terminate(body), Answer::Terminate(_)) => (
                named(&body.namespace, body.workflow_execution.as_ref()),
                Promise::Terminated,
            ),
            _ => return,
        };
        let promises = self.promises.entry(key).or_default();
        if !promises.contains(&promise) {
            promises.push(promise);
        }
    }

    /// A new owner of the shard has loaded what the store has.
    pub(crate) fn recovered(
        &mut self,
        at: Time,
        shard: ShardId,
        found: &BTreeMap<ExecutionKey, Execution>,
    ) {
        for (key, promises) in &self.promises {
            if key.shard(self.shard_count) != shard {
                continue;
            }
            for promise in promises {
                let kept = found
                    .get(key)
                    .is_some_and(|execution| kept_by(execution, promise));
                self.tally.check(at, kept, || {
                    format!(
                        "{}: {promise:?} was acknowledged, and is lost",
                        key.workflow_id
                    )
                });
            }
        }
    }

    /// The run is over: every promise is in a history.
    pub(crate) fn finish(&mut self, at: Time, facts: &Facts) {
        for (key, promises) in &self.promises {
            for promise in promises {
                let kept = kept_in_history(facts, key, promise);
                self.tally.check(at, kept, || {
                    format!(
                        "{}: {promise:?} was acknowledged, and no history has it",
                        key.workflow_id
                    )
                });
            }
        }
    }
}

fn named(
    namespace: &str,
    execution: Option<&steadfast_proto::temporal::api::common::v1::WorkflowExecution>,
) -> ExecutionKey {
    ExecutionKey::new(namespace, execution.map_or("", |e| e.workflow_id.as_str()))
}

fn kept_by(execution: &Execution, promise: &Promise) -> bool {
    let mut runs = execution.runs.values();
    match promise {
        Promise::Started(run_id) => execution.runs.contains_key(run_id),
        Promise::Signaled(id) => runs.any(|run| run.signal_requests.contains(id)),
        Promise::Canceled => runs
            .any(|run| run.history.cancel_requested || !run.is_open() || !run.buffered.is_empty()),
        Promise::Terminated => runs.any(|run| !run.is_open()),
    }
}

fn kept_in_history(facts: &Facts, key: &ExecutionKey, promise: &Promise) -> bool {
    let mut runs = facts.runs_of(key);
    match promise {
        Promise::Started(run_id) => {
            let known = facts.executions.get(key);
            known.is_some_and(|runs| runs.contains(run_id))
        }
        Promise::Signaled(id) => {
            runs.any(|run| matches!(run.signals.get(id.as_str()), Some(Some(_))))
        }
        Promise::Canceled => runs.any(|run| run.cancel_requested || !run.is_open()),
        Promise::Terminated => runs.any(|run| !run.is_open()),
    }
}
