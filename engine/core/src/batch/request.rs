//! What callers ask of batch jobs, parsed and valid, and what they are told.

use steadfast_proto::temporal::api::{
    batch::v1::BatchOperationInfo,
    enums::v1::{BatchOperationState, BatchOperationType},
    workflowservice::v1::DescribeBatchOperationResponse,
};

use super::{BatchJob, BatchSpec, Operation, job_id};
use crate::{
    ids::{ExecutionKey, Namespace},
    time::Timestamp,
};

/// A request for one job.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchRequest {
    /// Where the job lives.
    pub key: ExecutionKey,
    /// What about it.
    pub action: BatchAction,
}

/// What is asked of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchAction {
    /// Begin it.
    Start(Box<BatchSpec>),
    /// End it now.
    Stop,
    /// Tell all about it.
    Describe,
    /// Tell what a list shows of it.
    ListEntry,
}

/// What a caller is told of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchReply {
    /// Taken.
    Done,
    /// All about it.
    Described(Box<DescribeBatchOperationResponse>),
    /// What a list shows of it.
    Entry(Box<BatchOperationInfo>),
    /// The ids of some jobs, in order.
    Ids(Vec<String>),
}

/// A question for the jobs of a namespace, by their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListBatches {
    /// Whose.
    pub namespace: Namespace,
    /// Only ids behind this one.
    pub after: String,
    /// At most so many.
    pub limit: usize,
}

impl BatchJob {
    pub(super) fn describe(&self, key: &ExecutionKey) -> DescribeBatchOperationResponse {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        DescribeBatchOperationResponse {
            operation_type: self.kind().into(),
            job_id: job_id(key).unwrap_or_default().to_owned(),
            state: self.state().into(),
            start_time: Some(self.started.to_proto()),
            close_time: self.close_time(),
            total_operation_count: count(self.total),
            complete_operation_count: count(self.completed),
            failure_operation_count: count(self.failed),
            identity: self.spec.identity.clone(),
            reason: self.spec.reason.clone(),
            query: self.spec.query.clone(),
            ..DescribeBatchOperationResponse::default()
        }
    }

    pub(super) fn list_entry(&self, key: &ExecutionKey) -> BatchOperationInfo {
        BatchOperationInfo {
            job_id: job_id(key).unwrap_or_default().to_owned(),
            state: self.state().into(),
            start_time: Some(self.started.to_proto()),
            close_time: self.close_time(),
            operation_type: self.kind().into(),
        }
    }

    fn close_time(&self) -> Option<prost_types::Timestamp> {
        let closed = self.closed.as_ref();
        closed.map(|closed| Timestamp::to_proto(closed.time))
    }

    fn state(&self) -> BatchOperationState {
        match &self.closed {
            None => BatchOperationState::Running,
            Some(closed) if closed.completed => BatchOperationState::Completed,
            Some(_) => BatchOperationState::Failed,
        }
    }

    #[expect(deprecated, reason = "what clients know")]
    fn kind(&self) -> BatchOperationType {
        match &self.spec.operation {
            Operation::Terminate(_) => BatchOperationType::Terminate,
            Operation::Cancel => BatchOperationType::Cancel,
            Operation::Signal { .. } => BatchOperationType::Signal,
            Operation::Delete => BatchOperationType::Delete,
            Operation::Reset(..) => BatchOperationType::Reset,
        }
    }
}
