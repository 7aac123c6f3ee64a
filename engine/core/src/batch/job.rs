//! A batch job as a fold of its records.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Operation;
use crate::{
    ids::{ExecutionKey, RunId, WorkflowId},
    record::OutboxPut,
    time::Timestamp,
};

/// What the workflow ids of batch jobs begin with; no workflow may have such an id.
pub const BATCH_PREFIX: &str = "temporal-sys-batcher:";

/// Where a job lives.
#[must_use]
pub fn batch_key(namespace: &str, job_id: &str) -> ExecutionKey {
    ExecutionKey::new(namespace, format!("{BATCH_PREFIX}{job_id}"))
}

/// The job that lives in an execution, by its id.
#[must_use]
pub fn job_id(key: &ExecutionKey) -> Option<&str> {
    key.workflow_id.as_str().strip_prefix(BATCH_PREFIX)
}

/// What a job is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchSpec {
    /// What is done to each workflow.
    pub operation: Operation,
    /// To whom, in this order; without a run, to the one that is current then.
    pub targets: Vec<(WorkflowId, Option<RunId>)>,
    /// The list filter that found them; empty if they were named.
    pub query: String,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub identity: String,
    /// Workflows asked in a thousand seconds; 0 for as many as go.
    pub per_thousand_seconds: u64,
}

/// All that is known of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchJob {
    /// Tells it from an earlier job of the same id, which is forgotten.
    pub id: RunId,
    /// What it is to do. A closed job keeps no targets.
    pub spec: Arc<BatchSpec>,
    /// When it began.
    pub started: Timestamp,
    /// How many workflows it is about.
    pub total: u64,
    /// Workflows that have answered well.
    pub completed: u64,
    /// Workflows to which it could not be done.
    pub failed: u64,
    /// The number of the next one to ask, from 0.
    pub next: u64,
    /// Who has not answered, by number.
    pub outbox: BTreeMap<u64, OutboxPut>,
    /// How it ended.
    pub closed: Option<Closed>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub time: Timestamp,
    /// Whether it came to its end, or was stopped.
    pub completed: bool,
    /// When it is forgotten; `None` for never.
    pub expires: Option<Timestamp>,
}

/// One change of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BatchRecord {
    /// It begins.
    Started(Arc<BatchSpec>, Timestamp),
    /// The workflow with this number is asked.
    OutboxPut(u64, Box<OutboxPut>),
    /// It has answered, and well or not.
    Answered(u64, bool),
    /// The job is over.
    Closed(Closed),
    /// The job is forgotten.
    Removed,
}

impl BatchJob {
    /// A job that begins.
    pub(crate) fn new(id: RunId, spec: Arc<BatchSpec>, started: Timestamp) -> Self {
        Self {
            id,
            total: spec.targets.len() as u64,
            spec,
            started,
            completed: 0,
            failed: 0,
            next: 0,
            outbox: BTreeMap::new(),
            closed: None,
        }
    }

    /// Takes a record that neither begins nor removes the job.
    pub(crate) fn apply(&mut self, record: &BatchRecord) {
        match record {
            BatchRecord::OutboxPut(number, put) => {
                self.outbox.insert(*number, (**put).clone());
                self.next = number + 1;
            }
            BatchRecord::Answered(number, well) => {
                self.outbox.remove(number);
                self.completed += u64::from(*well);
                self.failed += u64::from(!well);
            }
            BatchRecord::Closed(closed) => {
                self.closed = Some(closed.clone());
                self.outbox.clear();
                Arc::make_mut(&mut self.spec).targets = Vec::new();
            }
            BatchRecord::Started(..) | BatchRecord::Removed => {
                unreachable!("the execution makes and removes jobs")
            }
        }
    }

    /// When it has something to do without being asked.
    pub(crate) fn wakes_at(&self) -> Option<Timestamp> {
        match &self.closed {
            Some(closed) => closed.expires,
            None if self.next < self.total => self.due(),
            None => None,
        }
    }

    /// From when on its rate allows the next workflow to be asked; `None` if it has none.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let rate = self.spec.per_thousand_seconds;
        if rate == 0 {
            return None;
        }
        // The n-th after n / rate: a thousand seconds in nanoseconds, shared among so many.
        let nanos = u128::from(self.next) * 1_000_000_000_000 / u128::from(rate);
        let after = std::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Some(self.started.plus(after))
    }
}
