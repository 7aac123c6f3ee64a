//! Queries: answered by the workflow's own code, never recorded.
//!
//! | run | query goes |
//! |---|---|
//! | closed, or idle with a completed workflow task | directly to a worker, through matching |
//! | a workflow task pending | waits, and is sent along with that task if it starts later, else with the next |
//! | paused | refused, as rejected |
//! | the first workflow task still delayed | refused: not ready |
//!
//! So an answer knows every signal that was acknowledged before the query came: such a signal has a workflow task
//! pending until it has been seen. A query waits in memory only; its caller asks again if it is lost.
// temporal: service/history/api/queryworkflow/api.go.

use steadfast_proto::temporal::api::enums::v1::{
    QueryRejectCondition as Condition, WorkflowExecutionStatus as Status,
};

use crate::{
    effect::{Exhausted, Rejection, Reply, ReplyTo},
    ids::TaskQueueName,
    limits::MAX_BUFFERED_QUERIES,
    message::{Message, QueryOffer, QueueKey, StickyQuery, TaskKind},
    request::QueryRequest,
    tx::Tx,
    volatile::BufferedQuery,
    workflow_task::workflow_type,
};

impl Tx<'_> {
    pub(crate) fn query(&mut self, request: QueryRequest, reply_to: ReplyTo) {
        let status = self.run.history.status;
        if rejected(request.reject, status) {
            return self.reply(reply_to, Ok(Reply::QueryRejected(status)));
        }
        let history = &self.run.history;
        if self.run.is_open() && history.paused.is_some() {
            return self.reply(reply_to, Ok(Reply::QueryRejected(Status::Paused)));
        }
        if self.run.is_open() && !history.task_seen {
            return self.reply(
                reply_to,
                Err(Rejection::NotReady(
                    "no workflow task has been scheduled for the workflow yet".to_owned(),
                )),
            );
        }
        let query = BufferedQuery {
            id: format!("query-{}", reply_to.0),
            run_id: self.run.run_id.clone(),
            query: request.query,
            reply_to,
            sent_with: None,
        };
        if self.task().is_none() {
            self.offer_query(query);
        } else if self.volatile.queries.len() >= MAX_BUFFERED_QUERIES {
            self.reply(
                reply_to,
                Err(Rejection::ResourceExhausted(
                    Exhausted::Workflow,
                    "consistent query buffer is full".to_owned(),
                )),
            );
        } else {
            self.volatile.queries.push(query);
        }
    }

    /// No workflow task will answer them: the waiting queries of the run in hand go to workers directly.
    pub(crate) fn release_queries(&mut self) {
        if self.task().is_some() || self.volatile.queries.is_empty() {
            return;
        }
        let run_id = self.run.run_id.clone();
        let (released, others) = std::mem::take(&mut self.volatile.queries)
            .into_iter()
            .partition(|q: &BufferedQuery| q.run_id == run_id);
        self.volatile.queries = others;
        for query in released {
            self.offer_query(query);
        }
    }

    fn offer_query(&mut self, query: BufferedQuery) {
        let queue = |name: TaskQueueName| QueueKey {
            namespace: self.key.namespace.clone(),
            kind: TaskKind::Workflow,
            name,
            version: None,
        };
        let history = &self.run.history;
        let offer = QueryOffer {
            run: self.run_key(),
            workflow_type: workflow_type(history),
            queue: queue(self.normal_queue().into()),
            route: self.run.route(self.key),
            sticky: self.run.sticky.as_ref().map(|sticky| StickyQuery {
                queue: queue(sticky.queue.clone()),
                patience: sticky.schedule_to_start,
            }),
            last_event: history.last_event(),
            previous_started: history.previous_started,
            query: query.query,
            reply_to: query.reply_to,
        };
        self.volatile
            .new_messages
            .push(Message::Query(Box::new(offer)));
    }
}

fn rejected(condition: Condition, status: Status) -> bool {
    match condition {
        Condition::Unspecified | Condition::None => false,
        Condition::NotOpen => status != Status::Running,
        Condition::NotCompletedCleanly => !matches!(
            status,
            Status::Running | Status::Completed | Status::ContinuedAsNew
        ),
    }
}
