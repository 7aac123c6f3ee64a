//! Stale tokens never take effect: of all answers to one start of a task at most one is accepted, and only while that
//! start is the current one.

use std::collections::BTreeSet;

use steadfast_core::{EventId, Rejection, Reply, RunKey, message::TaskKind, token::TaskToken};

use super::{
    facts::Facts,
    tally::{Tally, named},
};
use crate::{cluster::wire::Rpc, kernel::Time};

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct StaleTokens {
    /// Its count and findings.
    pub(crate) tally: Tally,
    accepted: BTreeSet<(TaskKind, RunKey, EventId, u32, u32)>,
}

impl Default for StaleTokens {
    fn default() -> Self {
        Self {
            tally: Tally::new("stale-tokens"),
            accepted: BTreeSet::new(),
        }
    }
}

/// How an answer ends the attempt that its token names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// There is no further attempt.
    Final,
    /// There may be one.
    Failure,
    /// The attempt goes on.
    Heartbeat,
}

impl StaleTokens {
    /// The engine lets an answer go.
    pub(crate) fn replied(
        &mut self,
        at: Time,
        facts: &Facts,
        rpc: &Rpc,
        reply: &Result<Reply, Rejection>,
    ) {
        let Ok(answer) = reply else { return };
        let dropped = matches!(
            answer,
            Reply::WorkflowTaskCompleted {
                reset_to: Some(_),
                ..
            }
        );
        let activity = |bytes: &[u8]| TaskToken::decode(bytes, TaskKind::Activity).ok();
        match rpc {
            Rpc::CompleteWorkflowTask(body) => {
                if let Ok(token) = TaskToken::decode(&body.task_token, TaskKind::Workflow) {
                    self.workflow_task(at, facts, token, dropped);
                }
            }
            Rpc::CompleteActivity(body) => {
                self.activity(at, facts, activity(&body.task_token), Ending::Final);
            }
            Rpc::CancelActivity(body) => {
                self.activity(at, facts, activity(&body.task_token), Ending::Final);
            }
            Rpc::FailActivity(body) => {
                self.activity(at, facts, activity(&body.task_token), Ending::Failure);
            }
            Rpc::Heartbeat(body) => {
                self.activity(at, facts, activity(&body.task_token), Ending::Heartbeat);
            }
            _ => {}
        }
    }

    /// A task that only rejected updates is dropped: its completion is accepted and leaves no trace.
    fn workflow_task(&mut self, at: Time, facts: &Facts, token: TaskToken, dropped: bool) {
        let known = facts.runs.get(&token.run);
        let completed =
            known.is_some_and(|run| dropped || run.completed_tasks.contains(&token.started.0));
        self.tally.check(at, completed, || {
            format!(
                "{}: a completion of the workflow task started by {} is accepted, and the history has none",
                named(&token.run),
                token.started
            )
        });
        self.once(at, token);
    }

    fn activity(&mut self, at: Time, facts: &Facts, token: Option<TaskToken>, ending: Ending) {
        let Some(token) = token else { return };
        let Some(run) = facts.runs.get(&token.run) else {
            return;
        };
        let activity = run
            .activities
            .get(&token.scheduled.0)
            .copied()
            .unwrap_or_default();
        let current = match ending {
            Ending::Final => activity.ended && activity.attempt == token.attempt,
            Ending::Failure if activity.ended => activity.attempt == token.attempt,
            Ending::Failure => activity.attempt == token.attempt + 1,
            Ending::Heartbeat => !activity.ended && activity.attempt == token.attempt,
        };
        // A run that closes takes its activities with it, and leaves no record of their end.
        self.tally.check(at, current || !run.is_open(), || {
            format!(
                "{} activity {}: an answer of attempt {} is accepted, the newest is {}",
                named(&token.run),
                token.scheduled,
                token.attempt,
                activity.attempt
            )
        });
        if ending != Ending::Heartbeat {
            self.once(at, token);
        }
    }

    fn once(&mut self, at: Time, token: TaskToken) {
        let TaskToken {
            kind,
            run,
            scheduled,
            attempt,
            started,
            stamp,
            ..
        } = token;
        let name = named(&run);
        let task = if kind == TaskKind::Workflow {
            started
        } else {
            scheduled
        };
        let first = self.accepted.insert((kind, run, task, attempt, stamp));
        self.tally.check(at, first, || {
            format!("{name}: attempt {attempt} of the task of event {task} is answered twice")
        });
    }
}
