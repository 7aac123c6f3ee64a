//! What requests, answers and time do to a batch job: see the parent module's table.

use std::sync::Arc;

use super::{BatchAction, BatchJob, BatchRecord, BatchReply, BatchSpec, BatchWork, Closed, job_id};
use crate::{
    effect::{Rejection, Reply, ReplyTo},
    ids::{ExecutionKey, RequestId, RunId},
    limits::BATCH_AT_ONCE,
    message::{OutboxResult, OutboxWork},
    record::{Entry, OutboxPut, Record},
    shard::{Loaded, Step},
};

impl Step<'_> {
    /// A request for a job.
    pub(crate) fn batch_request(
        &mut self,
        loaded: &mut Loaded,
        reply_to: ReplyTo,
        action: BatchAction,
    ) {
        let answer = match action {
            BatchAction::Start(spec) => self.start_batch(loaded, *spec),
            BatchAction::Stop => self.stop_batch(loaded),
            BatchAction::Describe => self
                .job(loaded)
                .map(|job| BatchReply::Described(Box::new(job.describe(self.key)))),
            BatchAction::ListEntry => self
                .job(loaded)
                .map(|job| BatchReply::Entry(Box::new(job.list_entry(self.key)))),
        };
        self.reply(reply_to, answer.map(|reply| Reply::Batch(Box::new(reply))));
    }

    fn job<'l>(&self, loaded: &'l Loaded) -> Result<&'l BatchJob, Rejection> {
        loaded.execution.batch.as_deref().ok_or_else(|| {
            Rejection::NotFound(format!(
                "batch operation {:?} not found",
                job_id(self.key).unwrap_or_default()
            ))
        })
    }

    fn start_batch(
        &mut self,
        loaded: &mut Loaded,
        spec: BatchSpec,
    ) -> Result<BatchReply, Rejection> {
        if loaded.execution.batch.is_some() || loaded.execution.current.is_some() {
            return Err(Rejection::Exists(format!(
                "batch operation {:?} is already there",
                job_id(self.key).unwrap_or_default()
            )));
        }
        let id = RunId::new(self.ids.uuid());
        let started = BatchRecord::Started(Arc::new(spec), self.now);
        self.record_batch(loaded, &id, started);
        self.advance_batch(loaded);
        Ok(BatchReply::Done)
    }

    // temporal: frontend StopBatchOperation terminates the workflow that does it, which counts as a failure.
    fn stop_batch(&mut self, loaded: &mut Loaded) -> Result<BatchReply, Rejection> {
        let job = self.job(loaded)?;
        if job.closed.is_some() {
            return Err(Rejection::NotFound(
                "workflow execution already completed".to_owned(),
            ));
        }
        self.close_batch(loaded, false);
        Ok(BatchReply::Done)
    }

    /// Time may have done something, or the job has just been loaded.
    pub(crate) fn batch_tick(&mut self, loaded: &mut Loaded) {
        let Some(job) = loaded.execution.batch.as_deref() else {
            return;
        };
        match &job.closed {
            Some(closed) if closed.expires.is_some_and(|at| at <= self.now) => {
                let id = job.id.clone();
                self.record_batch(loaded, &id, BatchRecord::Removed);
                loaded.volatile.deadline = None;
            }
            Some(_) => loaded.volatile.deadline = job.wakes_at(),
            None => self.advance_batch(loaded),
        }
    }

    /// The job has just been loaded: its deadline, and nothing else.
    pub(crate) fn adopt_batch(&mut self, loaded: &mut Loaded) {
        if let Some(job) = loaded.execution.batch.as_deref() {
            loaded.volatile.deadline = job.wakes_at();
        }
    }

    /// A workflow has answered.
    pub(crate) fn batch_answered(
        &mut self,
        loaded: &mut Loaded,
        number: u64,
        result: &OutboxResult,
    ) {
        let known = loaded.execution.batch.as_deref();
        let Some(job) = known.filter(|job| job.outbox.contains_key(&number)) else {
            return;
        };
        let id = job.id.clone();
        let well = matches!(result, OutboxResult::Done | OutboxResult::NotFound);
        self.record_batch(loaded, &id, BatchRecord::Answered(number, well));
        self.advance_batch(loaded);
    }

    /// Asks the next workflows, as many as may be asked now; the job is over when all have answered.
    fn advance_batch(&mut self, loaded: &mut Loaded) {
        loop {
            let job = loaded
                .execution
                .batch
                .as_deref()
                .expect("the caller saw it");
            let allowed = job.due().is_none_or(|due| due <= self.now);
            if job.next == job.total || job.outbox.len() >= BATCH_AT_ONCE || !allowed {
                break;
            }
            let (id, number) = (job.id.clone(), job.next);
            let put = Box::new(question(self.key, job, number));
            self.record_batch(loaded, &id, BatchRecord::OutboxPut(number, put));
            loaded.volatile.new_work.push((id, number));
        }
        let job = loaded
            .execution
            .batch
            .as_deref()
            .expect("the caller saw it");
        if job.next == job.total && job.outbox.is_empty() {
            return self.close_batch(loaded, true);
        }
        let waits = job.outbox.len() >= BATCH_AT_ONCE;
        loaded.volatile.deadline = if waits { None } else { job.wakes_at() };
    }

    fn close_batch(&mut self, loaded: &mut Loaded, completed: bool) {
        let id = self.job(loaded).expect("the caller saw it").id.clone();
        let closed = Closed {
            time: self.now,
            completed,
            expires: self.retention.map(|retention| self.now.plus(retention)),
        };
        loaded.volatile.deadline = closed.expires;
        self.record_batch(loaded, &id, BatchRecord::Closed(closed));
    }

    fn record_batch(&mut self, loaded: &mut Loaded, id: &RunId, record: BatchRecord) {
        let entry = Entry {
            key: self.key.clone(),
            run_id: id.clone(),
            record: Record::Batch(Box::new(record)),
        };
        loaded.execution.apply(&entry);
        self.effects.batch.entries.push(entry);
    }
}

/// What the workflow with this number is asked.
fn question(key: &ExecutionKey, job: &BatchJob, number: u64) -> OutboxPut {
    let place = usize::try_from(number).expect("it numbers a target");
    let (workflow_id, run_id) = job.spec.targets[place].clone();
    OutboxPut {
        to: ExecutionKey {
            namespace: key.namespace.clone(),
            workflow_id,
        },
        work: OutboxWork::Batch(Box::new(BatchWork {
            operation: job.spec.operation.clone(),
            run_id,
            reason: job.spec.reason.clone(),
            identity: job.spec.identity.clone(),
            request_id: RequestId::new(format!("{}:{number}", job.id)),
        })),
    }
}
