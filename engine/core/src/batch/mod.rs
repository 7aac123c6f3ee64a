//! Batch operations: one thing done to many workflows, one after another.
//!
//! | job | event | next |
//! |---|---|---|
//! | absent | start | running; the first workflows are asked |
//! | running, closed | start under the same id | refused |
//! | running | a workflow answers | counted; the next ones are asked |
//! | running | its rate allows more | the next ones are asked |
//! | running | every workflow has answered | completed |
//! | running | stop | failed; who has not been asked is not asked any more |
//! | completed, failed | its retention is over | absent |
//!
//! A job lives in an execution of its own, under the workflow id `temporal-sys-batcher:<job id>`, and asks workflows
//! through its outbox: durable first, then sent until it is answered. So it goes on after a restart where it was, and
//! asks nobody twice with effect: the question has an id ([`BatchWork::request_id`]).
// temporal: service/worker/batcher/{workflow,activities}.go, service/frontend/workflow_handler.go StartBatchOperation.

mod job;
mod machine;
mod operation;
mod request;

pub use job::{BATCH_PREFIX, BatchJob, BatchRecord, BatchSpec, Closed, batch_key, job_id};
pub use operation::{BatchWork, Operation};
pub use request::{BatchAction, BatchReply, BatchRequest, ListBatches};
