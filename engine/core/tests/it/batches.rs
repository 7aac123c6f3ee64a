//! The part of the scripts' language that is about batch operations.

use steadfast_core::{Rejection, Request, batch::BatchReply, parse};
use steadfast_proto::temporal::api::{
    batch::v1::{
        BatchOperationCancellation, BatchOperationDeletion, BatchOperationReset,
        BatchOperationSignal, BatchOperationTermination,
    },
    common::v1::{ResetOptions, WorkflowExecution, reset_options::Target},
    workflowservice::v1::{
        DescribeBatchOperationRequest, StartBatchOperationRequest, StopBatchOperationRequest,
        start_batch_operation_request::Operation,
    },
};

use crate::script::Words;

/// What a line asks.
pub(crate) fn request(words: &Words<'_>) -> Result<Request, Rejection> {
    let (namespace, job_id) = ("default".to_owned(), words.at(1).to_owned());
    match words.at(0) {
        "start" => start(words, namespace, job_id),
        "stop" => parse::stop_batch(&StopBatchOperationRequest {
            namespace,
            job_id,
            ..Default::default()
        }),
        "describe" => parse::describe_batch(&DescribeBatchOperationRequest { namespace, job_id }),
        other => panic!("no such word of a batch: {other}"),
    }
}

fn start(words: &Words<'_>, namespace: String, job_id: String) -> Result<Request, Rejection> {
    let reset = |target| {
        Operation::ResetOperation(BatchOperationReset {
            options: Some(ResetOptions {
                target: Some(target),
                ..Default::default()
            }),
            ..Default::default()
        })
    };
    let operation = match words.at(2) {
        "cancel" => Operation::CancellationOperation(BatchOperationCancellation::default()),
        "terminate" => Operation::TerminationOperation(BatchOperationTermination::default()),
        "delete" => Operation::DeletionOperation(BatchOperationDeletion::default()),
        "signal" => Operation::SignalOperation(BatchOperationSignal {
            signal: "to-all".into(),
            ..Default::default()
        }),
        "reset-first" => reset(Target::FirstWorkflowTask(())),
        "reset-last" => reset(Target::LastWorkflowTask(())),
        other => panic!("no such operation: {other}"),
    };
    let executions = words.plain[3..].iter().map(|id| WorkflowExecution {
        workflow_id: (*id).to_owned(),
        run_id: String::new(),
    });
    #[expect(deprecated, reason = "what clients send")]
    let request = StartBatchOperationRequest {
        namespace,
        job_id,
        reason: "all of them".into(),
        executions: executions.collect(),
        max_operations_per_second: words
            .options
            .get("rate")
            .map_or(0.0, |rate| rate.parse().expect("a number")),
        operation: Some(operation),
        ..Default::default()
    };
    parse::start_batch(request)
}

/// What a caller is told.
pub(crate) fn describe(reply: &BatchReply) -> String {
    match reply {
        BatchReply::Done => "ok".to_owned(),
        BatchReply::Described(job) => format!(
            "{:?} {:?}: {} of {}, {} failed",
            job.operation_type(),
            job.state(),
            job.complete_operation_count,
            job.total_operation_count,
            job.failure_operation_count
        ),
        BatchReply::Entry(job) => format!("{} {:?}", job.job_id, job.state()),
        BatchReply::Ids(ids) => ids.join(" "),
    }
}
