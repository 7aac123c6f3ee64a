//! Batch operations, as the `temporal` command asks for them.

use steadfast_proto::temporal::api::{
    batch::v1::BatchOperationTermination,
    enums::v1::BatchOperationState,
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, DescribeBatchOperationRequest,
        DescribeBatchOperationResponse, ListBatchOperationsRequest, StartBatchOperationRequest,
        StopBatchOperationRequest, start_batch_operation_request::Operation,
    },
};
use steadfast_server::Config;
use tonic::Code;

use crate::client::{Client, server};

fn termination(job_id: &str, query: &str) -> StartBatchOperationRequest {
    StartBatchOperationRequest {
        namespace: "default".to_owned(),
        job_id: job_id.to_owned(),
        reason: "all of them".to_owned(),
        visibility_query: query.to_owned(),
        operation: Some(Operation::TerminationOperation(
            BatchOperationTermination::default(),
        )),
        ..StartBatchOperationRequest::default()
    }
}

/// How a job stands once it is over.
async fn ended(client: &mut Client, job_id: &str) -> DescribeBatchOperationResponse {
    loop {
        let request = DescribeBatchOperationRequest {
            namespace: "default".to_owned(),
            job_id: job_id.to_owned(),
        };
        let answer = client.0.describe_batch_operation(request).await;
        let answer = answer.unwrap().into_inner();
        if answer.state() != BatchOperationState::Running {
            return answer;
        }
    }
}

async fn count(client: &mut Client, query: &str) -> i64 {
    let request = CountWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        query: query.to_owned(),
    };
    let answer = client.0.count_workflow_executions(request).await;
    answer.unwrap().into_inner().count
}

#[tokio::test]
async fn all_that_a_filter_finds_are_terminated() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    for number in 0..30 {
        client.start(&format!("batch-{number}")).await.unwrap();
    }
    client.start("other").await.unwrap();
    let start = termination("job", "WorkflowId STARTS_WITH 'batch-'");
    client.0.start_batch_operation(start.clone()).await.unwrap();
    let again = client.0.start_batch_operation(start).await;
    assert_eq!(again.unwrap_err().code(), Code::AlreadyExists);

    let job = ended(&mut client, "job").await;
    assert_eq!(job.state(), BatchOperationState::Completed);
    assert_eq!(
        (job.total_operation_count, job.complete_operation_count),
        (30, 30)
    );
    assert_eq!(
        count(&mut client, "ExecutionStatus = 'Terminated'").await,
        30
    );
    assert_eq!(count(&mut client, "ExecutionStatus = 'Running'").await, 1);

    let list = ListBatchOperationsRequest {
        namespace: "default".to_owned(),
        ..ListBatchOperationsRequest::default()
    };
    let listed = client.0.list_batch_operations(list).await.unwrap();
    let listed = listed.into_inner().operation_info;
    let ids: Vec<_> = listed.iter().map(|info| info.job_id.as_str()).collect();
    assert_eq!(ids, ["job"]);
}

#[tokio::test]
async fn a_job_can_be_stopped() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    for number in 0..3 {
        client.start(&format!("batch-{number}")).await.unwrap();
    }
    let slow = StartBatchOperationRequest {
        max_operations_per_second: 0.001,
        ..termination("job", "WorkflowId STARTS_WITH 'batch-'")
    };
    client.0.start_batch_operation(slow).await.unwrap();
    let stop = StopBatchOperationRequest {
        namespace: "default".to_owned(),
        job_id: "job".to_owned(),
        reason: "enough".to_owned(),
        ..StopBatchOperationRequest::default()
    };
    client.0.stop_batch_operation(stop.clone()).await.unwrap();
    assert_eq!(
        ended(&mut client, "job").await.state(),
        BatchOperationState::Failed
    );
    let again = client.0.stop_batch_operation(stop).await;
    assert_eq!(again.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let good = termination("job", "WorkflowId = 'a'");
    let bad = [
        StartBatchOperationRequest {
            job_id: String::new(),
            ..good.clone()
        },
        StartBatchOperationRequest {
            reason: String::new(),
            ..good.clone()
        },
        StartBatchOperationRequest {
            visibility_query: String::new(),
            ..good.clone()
        },
        StartBatchOperationRequest {
            visibility_query: "nonsense ==".to_owned(),
            ..good.clone()
        },
        StartBatchOperationRequest {
            operation: None,
            ..good.clone()
        },
        StartBatchOperationRequest {
            max_operations_per_second: f32::NAN,
            ..good
        },
    ];
    for request in bad {
        let refused = client.0.start_batch_operation(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
}
