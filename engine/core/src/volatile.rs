//! What a shard keeps of an execution only in memory: losing it loses nothing.

use std::collections::BTreeMap;

use steadfast_proto::temporal::api::query::v1::WorkflowQuery;

use crate::{
    effect::ReplyTo,
    execution::Run,
    ids::{EventId, RunId},
    message::{Message, Offer, TaskRef},
    time::Timestamp,
    update::{Again, Registry},
    workflow_task::{Pages, WorkflowTask},
};

/// See the module documentation.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Volatile {
    /// Tasks that matching has been offered, and whether it said that it took them.
    pub(crate) offers: BTreeMap<TaskRef, Offered>,
    /// Queries that wait for the run's next workflow task.
    pub(crate) queries: Vec<BufferedQuery>,
    /// Callers that wait for more history.
    pub(crate) waiters: Vec<HistoryWaiter>,
    /// The open run's workflow task, while it is one that may leave no trace.
    pub(crate) speculative: Option<Speculative>,
    /// Updates that no worker has accepted, and callers that wait for updates.
    pub(crate) updates: Registry,
    /// What is to be asked for once more, now that the run it was asked of has closed.
    pub(crate) again: Vec<Again>,
    /// Whether `offers` has been filled since the execution was loaded.
    pub(crate) synced: bool,
    /// When the next activity attempt that is not due yet will be.
    pub(crate) next_attempt: Option<Timestamp>,
    /// The next deadline of the current run.
    pub(crate) deadline: Option<Timestamp>,
    /// Messages of this step for matching.
    pub(crate) new_messages: Vec<Message>,
    /// Parts of a completion whose last part has not come.
    pub(crate) pages: Option<Pages>,
    /// Of a worker deployment: the revision of its routing that matching has not said that it took.
    pub(crate) routing: Option<u64>,
    /// Outbox work of this step that is to be sent.
    pub(crate) new_work: Vec<(RunId, u64)>,
}

/// A speculative workflow task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Speculative {
    pub(crate) run_id: RunId,
    pub(crate) task: Box<WorkflowTask>,
}

/// A task that matching has been offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    pub(crate) offer: Offer,
    pub(crate) taken: bool,
}

/// A query that waits for the run's next workflow task, or is out with one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BufferedQuery {
    /// Its name in the poll response.
    pub(crate) id: String,
    pub(crate) run_id: RunId,
    pub(crate) query: WorkflowQuery,
    pub(crate) reply_to: ReplyTo,
    /// The started event of the workflow task that it is out with; a task that started before the query came does
    /// not answer it.
    pub(crate) sent_with: Option<EventId>,
}

/// A caller that waits for more history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HistoryWaiter {
    pub(crate) run_id: RunId,
    pub(crate) from: EventId,
    pub(crate) close_event_only: bool,
    /// Whether it is an activity's end that is wanted.
    pub(crate) activity: bool,
    pub(crate) reply_to: ReplyTo,
}

impl Volatile {
    /// The pending workflow task of a run, whether the log knows of it or not.
    pub(crate) fn task_of<'a>(&'a self, run: &'a Run) -> Option<&'a WorkflowTask> {
        let speculative = self.speculative.as_ref();
        let speculative = speculative.filter(|s| s.run_id == run.run_id);
        run.task
            .as_deref()
            .or_else(|| speculative.map(|s| &*s.task))
    }

    /// Whether somebody waits for an answer of this execution.
    pub(crate) fn is_idle(&self) -> bool {
        self.queries.is_empty()
            && self.waiters.is_empty()
            && self.offers.is_empty()
            && self.speculative.is_none()
            && self.updates.is_empty()
    }
}
