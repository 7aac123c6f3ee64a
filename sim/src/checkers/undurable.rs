//! Nothing undurable is shown: whatever an answer of the engine says is already on the disk when it leaves.

use steadfast_core::{
    EventId, Rejection, Reply, RunId, RunKey,
    effect::{EventRange, UpdateOutcome, UpdateReply, WorkflowTaskReply},
    message::TaskKind,
    request::UpdateStage,
    token::TaskToken,
};

use super::{
    facts::{Facts, RunFacts},
    tally::{Tally, named},
};
use crate::{cluster::wire::Rpc, kernel::Time};

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Undurable {
    /// Its count and findings.
    pub(crate) tally: Tally,
}

impl Default for Undurable {
    fn default() -> Self {
        Self {
            tally: Tally::new("nothing-undurable-shown"),
        }
    }
}

impl Undurable {
    /// The engine lets an answer go.
    pub(crate) fn replied(
        &mut self,
        at: Time,
        facts: &Facts,
        rpc: &Rpc,
        reply: &Result<Reply, Rejection>,
    ) {
        let Ok(reply) = reply else { return };
        let supported = match reply {
            Reply::Started(started) => facts.run_by_id(&started.run_id),
            Reply::Reset(run_id) => facts.run_by_id(run_id),
            Reply::WorkflowTask(task) => task_is_started(facts, task),
            Reply::WorkflowTaskCompleted { next, reset_to, .. } => {
                let next = next
                    .as_ref()
                    .map_or(Ok(()), |task| task_is_started(facts, task));
                match reset_to {
                    // It left no trace, and says so.
                    Some(_) => next,
                    None => next.and_then(|()| completion_is_there(facts, rpc)),
                }
            }
            Reply::Update(update) => update_is_there(facts, update),
            Reply::ActivityTask(task) => activity_is_started(facts, &task.token),
            Reply::QueryTask(task) => has_events(facts, &task.run, task.history),
            Reply::History(history) => has_events(facts, &history.run, history.events),
            Reply::Done => is_done(facts, rpc),
            Reply::NoTask
            | Reply::Heartbeat { .. }
            | Reply::Query(_)
            | Reply::QueryRejected(_)
            | Reply::Namespaces(_)
            | Reply::Time(_)
            | Reply::Describe(_)
            | Reply::NexusTask(_)
            | Reply::Endpoints(..)
            | Reply::Deployment(..)
            | Reply::ActivityOutcome(..)
            | Reply::DescribeActivity(_)
            | Reply::Schedule(_)
            | Reply::ActivityOptions(_)
            | Reply::Batch(_) => return,
        };
        self.tally.check(at, supported.is_ok(), || {
            format!(
                "the answer to {} says {}",
                rpc.name(),
                supported.err().unwrap_or_default()
            )
        });
    }
}

impl Facts {
    fn run_by_id(&self, run_id: &RunId) -> Result<(), String> {
        let known = self.runs.keys().any(|run| run.run_id == *run_id);
        require(known, || format!("that run {run_id} exists"))
    }

    fn known(&self, run: &RunKey) -> Result<&RunFacts, String> {
        self.runs
            .get(run)
            .ok_or_else(|| format!("that {} exists", named(run)))
    }
}

fn task_is_started(facts: &Facts, task: &WorkflowTaskReply) -> Result<(), String> {
    let run = facts.known(&task.token.run)?;
    has_events(facts, &task.token.run, task.history)?;
    if task.token.stamp > 0 && !task.suffix.is_empty() {
        // A speculative task is in memory only.
        return Ok(());
    }
    let started = run.task.as_ref().and_then(|task| task.started.as_ref());
    // A task that has ended by now left its started event behind.
    let there = started.is_some_and(|start| start.event == task.started)
        || run.last_event() >= task.started.0
        || !run.is_open();
    require(there, || {
        format!(
            "that workflow task {} of {} is started",
            task.started,
            named(&task.token.run)
        )
    })
}

fn activity_is_started(facts: &Facts, token: &TaskToken) -> Result<(), String> {
    let run = facts.known(&token.run)?;
    let activity = run
        .activities
        .get(&token.scheduled.0)
        .copied()
        .unwrap_or_default();
    let there = activity.attempt > token.attempt
        || activity.attempt == token.attempt && (activity.started || activity.ended)
        || !run.is_open();
    require(there, || {
        format!(
            "that attempt {} of activity {} of {} is started",
            token.attempt,
            token.scheduled,
            named(&token.run)
        )
    })
}

fn completion_is_there(facts: &Facts, rpc: &Rpc) -> Result<(), String> {
    let Rpc::CompleteWorkflowTask(body) = rpc else {
        return Ok(());
    };
    let Ok(token) = TaskToken::decode(&body.task_token, TaskKind::Workflow) else {
        return Ok(());
    };
    let run = facts.known(&token.run)?;
    require(run.completed_tasks.contains(&token.started.0), || {
        format!(
            "that workflow task {} of {} is completed",
            token.started,
            named(&token.run)
        )
    })
}

fn update_is_there(facts: &Facts, update: &UpdateReply) -> Result<(), String> {
    let run = facts.known(&update.run)?;
    let known = run.updates.get(update.update_id.as_str());
    let there = match (&update.outcome, update.stage) {
        (UpdateOutcome::InHistory(event), _) => {
            known.is_some_and(|known| known.completed == Some(event.0))
        }
        (UpdateOutcome::None, UpdateStage::Accepted | UpdateStage::Completed) => {
            known.is_some_and(|known| known.accepted.is_some())
        }
        (UpdateOutcome::Failed(_), _) | (UpdateOutcome::None, UpdateStage::Admitted) => true,
    };
    require(there, || {
        format!(
            "that update {} of {} is {:?}",
            update.update_id,
            named(&update.run),
            update.stage
        )
    })
}

fn has_events(facts: &Facts, run: &RunKey, range: EventRange) -> Result<(), String> {
    let known = facts.known(run)?;
    require(EventId(known.last_event()) >= range.last, || {
        format!(
            "that {} has event {}, it has {}",
            named(run),
            range.last,
            known.last_event()
        )
    })
}

/// Judges a plain "done" by what was asked.
fn is_done(facts: &Facts, rpc: &Rpc) -> Result<(), String> {
    match rpc {
        Rpc::Signal(body) => {
            let id = body
                .workflow_execution
                .as_ref()
                .map_or("", |e| &e.workflow_id);
            let mut runs = facts.runs.iter().filter(|(run, _)| {
                run.execution.workflow_id.as_str() == id
                    && run.execution.namespace.as_str() == body.namespace
            });
            let taken = runs.any(|(_, facts)| facts.signals.contains_key(&body.request_id));
            require(taken, || {
                format!("that {id} has taken signal {}", body.request_id)
            })
        }
        Rpc::CompleteActivity(body) => activity_is_over(facts, &body.task_token),
        Rpc::CancelActivity(body) => activity_is_over(facts, &body.task_token),
        _ => Ok(()),
    }
}

fn activity_is_over(facts: &Facts, token: &[u8]) -> Result<(), String> {
    let Ok(token) = TaskToken::decode(token, TaskKind::Activity) else {
        return Ok(());
    };
    let run = facts.known(&token.run)?;
    let over = run
        .activities
        .get(&token.scheduled.0)
        .is_some_and(|activity| activity.ended);
    require(over || !run.is_open(), || {
        format!(
            "that activity {} of {} is over",
            token.scheduled,
            named(&token.run)
        )
    })
}

fn require(holds: bool, say: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(say()) }
}
