//! Resets, as the `temporal` command and the SDKs ask for them.

use steadfast_proto::temporal::api::{
    enums::v1::{EventType, WorkflowExecutionStatus, WorkflowTaskFailedCause},
    history::v1::history_event::Attributes,
    workflowservice::v1::{
        DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
        ResetWorkflowExecutionRequest, SignalWorkflowExecutionRequest,
    },
};
use steadfast_server::Config;
use tonic::Code;

use crate::client::{Client, activity_command, complete_command, execution, server};

fn reset(id: &str, event: i64) -> ResetWorkflowExecutionRequest {
    ResetWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution(id),
        reason: "a mistake".to_owned(),
        workflow_task_finish_event_id: event,
        request_id: "once".to_owned(),
        ..ResetWorkflowExecutionRequest::default()
    }
}

async fn describe(
    client: &mut Client,
    id: &str,
    run_id: &str,
) -> DescribeWorkflowExecutionResponse {
    let mut execution = execution(id).unwrap();
    execution.run_id = run_id.to_owned();
    let request = DescribeWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        execution: Some(execution),
    };
    let answer = client.0.describe_workflow_execution(request).await;
    answer.unwrap().into_inner()
}

#[tokio::test]
async fn a_workflow_goes_on_from_an_earlier_task() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let base = client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client.complete(&task, vec![activity_command("a")]).await;
    let activity = client.activity_task().await;
    client.complete_activity(&activity).await;
    let signal = SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution("w"),
        signal_name: "hello".to_owned(),
        request_id: "signal".to_owned(),
        ..SignalWorkflowExecutionRequest::default()
    };
    client.0.signal_workflow_execution(signal).await.unwrap();

    let answer = client.0.reset_workflow_execution(reset("w", 4)).await;
    let run_id = answer.unwrap().into_inner().run_id;
    let again = client.0.reset_workflow_execution(reset("w", 4)).await;
    assert_eq!(again.unwrap().into_inner().run_id, run_id);

    let history = client.history("w").await;
    let types: Vec<_> = history.iter().map(|event| event.event_type()).collect();
    assert_eq!(
        types,
        [
            EventType::WorkflowExecutionStarted,
            EventType::WorkflowTaskScheduled,
            EventType::WorkflowTaskStarted,
            EventType::WorkflowTaskFailed,
            EventType::WorkflowExecutionSignaled,
            EventType::WorkflowTaskScheduled,
        ]
    );
    let Some(Attributes::WorkflowTaskFailedEventAttributes(failed)) = &history[3].attributes else {
        panic!("{history:?}");
    };
    assert_eq!(failed.cause(), WorkflowTaskFailedCause::ResetWorkflow);
    assert_eq!((&failed.base_run_id, &failed.new_run_id), (&base, &run_id));

    let old = describe(&mut client, "w", &base).await;
    let info = old.workflow_execution_info.unwrap();
    assert_eq!(info.status(), WorkflowExecutionStatus::Terminated);
    assert_eq!(old.workflow_extended_info.unwrap().reset_run_id, run_id);
    let new = describe(&mut client, "w", "").await;
    let extended = new.workflow_extended_info.unwrap();
    assert!(extended.last_reset_time.is_some(), "it says when");
    assert_ne!(
        extended.original_start_time,
        new.workflow_execution_info.unwrap().start_time
    );

    let task = client.workflow_task().await;
    client.complete(&task, vec![complete_command("done")]).await;
    let end = client.close_event("w").await;
    assert_eq!(end.event_type(), EventType::WorkflowExecutionCompleted);
}

#[tokio::test]
async fn a_reset_needs_a_workflow_and_a_task() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let refused = client.0.reset_workflow_execution(reset("w", 4)).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client.complete(&task, vec![activity_command("a")]).await;
    for event in [-1, 0, 1, 2, 5, 99] {
        let refused = client.0.reset_workflow_execution(reset("w", event)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{event}: {refused}");
    }
}
