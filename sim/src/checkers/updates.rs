//! Updates take effect at most once and are not forgotten: what a caller was told of one is in the history and stays
//! so, a completed one's outcome never changes, and a rejected one left no trace.
//!
//! An update may be refused and, asked for again under the same id, be accepted: then the refusal came first. A run
//! that closes before an update that it accepted is done gives it a failure of its own, which no event has.

use std::collections::BTreeMap;

use steadfast_core::{
    Execution, ExecutionKey, Rejection, Reply, RunId, RunKey, ShardId,
    effect::{UpdateOutcome, UpdateReply},
    ids::UpdateId,
    request::UpdateStage,
};
use steadfast_proto::temporal::api::{
    enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage,
    failure::v1::{Failure, failure::FailureInfo},
    update::v1::{Outcome, UpdateRef, outcome},
    workflowservice::v1::{
        UpdateWorkflowExecutionResponse, execute_multi_operation_response::response,
    },
};

use super::{
    facts::Facts,
    tally::{Tally, named},
};
use crate::{
    cluster::wire::{Answer, Rpc},
    kernel::Time,
};

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Updates {
    /// Its count and findings.
    pub(crate) tally: Tally,
    shard_count: u32,
    told: BTreeMap<(RunKey, String), Told>,
}

/// What callers were told of an update of one run.
#[derive(Debug, Default)]
struct Told {
    accepted: bool,
    outcome: Option<Outcome>,
}

impl Updates {
    /// For a cluster with so many shards.
    #[must_use]
    pub(crate) fn new(shard_count: u32) -> Self {
        Self {
            tally: Tally::new("updates"),
            shard_count,
            told: BTreeMap::new(),
        }
    }

    /// A caller has got a positive answer.
    pub(crate) fn acknowledged(&mut self, at: Time, facts: &Facts, rpc: &Rpc, answer: &Answer) {
        match (rpc, answer) {
            (Rpc::Update(body), Answer::Update(answer)) => {
                self.learn(at, facts, &body.namespace, answer);
            }
            (Rpc::PollUpdate(body), Answer::PollUpdate(answer)) => {
                let answer = UpdateWorkflowExecutionResponse {
                    update_ref: answer.update_ref.clone(),
                    outcome: answer.outcome.clone(),
                    stage: answer.stage,
                    ..UpdateWorkflowExecutionResponse::default()
                };
                self.learn(at, facts, &body.namespace, &answer);
            }
            (Rpc::UpdateWithStart(body), Answer::UpdateWithStart(answer)) => {
                for answer in &answer.responses {
                    if let Some(response::Response::UpdateWorkflow(answer)) = &answer.response {
                        self.learn(at, facts, &body.namespace, answer);
                    }
                }
            }
            _ => {}
        }
    }

    fn learn(
        &mut self,
        at: Time,
        facts: &Facts,
        namespace: &str,
        answer: &UpdateWorkflowExecutionResponse,
    ) {
        let Some((run, id)) = answer.update_ref.as_ref().and_then(|r| of(namespace, r)) else {
            return;
        };
        let name = named(&run);
        let known = facts.runs.get(&run).and_then(|run| run.updates.get(&id));
        let in_history = known.and_then(|update| update.outcome.as_ref());
        let told = self.told.entry((run, id.clone())).or_default();
        match (answer.stage(), &answer.outcome) {
            (Stage::Accepted, _) => told.accepted = true,
            // What is not in the history is a refusal, or the end of the run.
            (Stage::Completed, Some(outcome)) if in_history.is_some() => {
                told.accepted = true;
                let same = told.outcome.as_ref().is_none_or(|first| first == outcome);
                told.outcome.get_or_insert_with(|| outcome.clone());
                self.tally.check(at, same && in_history == Some(outcome), || {
                    format!("{name}: the outcome of update {id} is not what it was, or is not in the history")
                });
            }
            (Stage::Completed, outcome) => {
                let failed = matches!(
                    outcome.as_ref().and_then(|o| o.value.as_ref()),
                    Some(outcome::Value::Failure(_))
                );
                self.tally.check(at, failed, || {
                    format!("{name}: update {id} is said to have succeeded, and the history does not say so")
                });
            }
            (Stage::Unspecified | Stage::Admitted, _) => {}
        }
    }

    /// The engine lets an answer go: it agrees with what is durable.
    pub(crate) fn replied(
        &mut self,
        at: Time,
        facts: &Facts,
        rpc: &Rpc,
        reply: &Result<Reply, Rejection>,
    ) {
        match (rpc, reply) {
            (_, Ok(Reply::Update(update))) => self.told_now(at, facts, update),
            (Rpc::PollUpdate(body), Err(Rejection::NotFound(_))) => {
                let asked = body.update_ref.as_ref();
                let Some((run, id)) = asked.and_then(|r| of(&body.namespace, r)) else {
                    return;
                };
                let run_facts = facts.runs.get(&run);
                let known = run_facts.is_some_and(|facts| facts.updates.contains_key(&id));
                self.tally.check(at, !known, || {
                    format!(
                        "{}: update {id} is in the history, and is said to be unknown",
                        named(&run)
                    )
                });
            }
            _ => {}
        }
    }

    fn told_now(&mut self, at: Time, facts: &Facts, update: &UpdateReply) {
        let Some(run) = facts.runs.get(&update.run) else {
            return;
        };
        let known = run.updates.get(update.update_id.as_str());
        let holds = match &update.outcome {
            UpdateOutcome::InHistory(event) => {
                known.is_some_and(|known| known.completed == Some(event.0))
            }
            UpdateOutcome::Failed(failure) if outlived(failure) => {
                !run.is_open() && known.is_some_and(|known| known.completed.is_none())
            }
            UpdateOutcome::Failed(_) => known.is_none(),
            UpdateOutcome::None if update.stage == UpdateStage::Admitted => known.is_none(),
            UpdateOutcome::None => known.is_some_and(|known| known.accepted.is_some()),
        };
        self.tally.check(at, holds, || {
            format!(
                "{}: update {} is said to be {:?} with {:?}, and the history says {known:?}",
                named(&update.run),
                update.update_id,
                update.stage,
                update.outcome
            )
        });
    }

    /// A new owner of the shard has loaded what the store has.
    pub(crate) fn recovered(
        &mut self,
        at: Time,
        shard: ShardId,
        found: &BTreeMap<ExecutionKey, Execution>,
    ) {
        for ((run, id), told) in &self.told {
            if run.execution.shard(self.shard_count) != shard || !told.accepted {
                continue;
            }
            let kept = found
                .get(&run.execution)
                .and_then(|execution| execution.runs.get(&run.run_id))
                .is_some_and(|run| {
                    let known = run.history.updates.get(&UpdateId::new(id.as_str()));
                    known.is_some()
                });
            self.tally.check(at, kept, || {
                format!("{}: update {id} was accepted, and is lost", named(run))
            });
        }
    }

    /// The run is over.
    pub(crate) fn finish(&mut self, at: Time, facts: &Facts) {
        for (run, known) in &facts.runs {
            for (id, update) in &known.updates {
                let once = update.times.0 == 1 && update.times.1 <= 1;
                self.tally.check(at, once, || {
                    let (accepted, completed) = update.times;
                    format!(
                        "{}: update {id} was accepted {accepted} times and completed {completed} times",
                        named(run)
                    )
                });
            }
        }
        for ((run, id), told) in self.told.iter().filter(|(_, told)| told.accepted) {
            let known = facts.runs.get(run).and_then(|run| run.updates.get(id));
            let kept = known.is_some_and(|known| {
                let outcome = told.outcome.as_ref();
                known.accepted.is_some()
                    && outcome.is_none_or(|o| known.outcome.as_ref() == Some(o))
            });
            self.tally.check(at, kept, || {
                format!(
                    "{}: a caller was told of update {id} what the history does not say",
                    named(run)
                )
            });
        }
    }
}

fn of(namespace: &str, reference: &UpdateRef) -> Option<(RunKey, String)> {
    let execution = reference.workflow_execution.as_ref()?;
    let run = RunKey {
        execution: ExecutionKey::new(namespace, execution.workflow_id.as_str()),
        run_id: RunId::new(execution.run_id.as_str()),
    };
    Some((run, reference.update_id.clone()))
}

/// Whether this is what an update comes to that its run did not live to complete.
fn outlived(failure: &Failure) -> bool {
    matches!(
        &failure.failure_info,
        Some(FailureInfo::ApplicationFailureInfo(info))
            if info.r#type == "AcceptedUpdateCompletedWorkflow"
    )
}
