//! What was acknowledged is there after a stop.

use std::time::Duration;

use steadfast_proto::temporal::api::{
    enums::v1::EventType,
    workflowservice::v1::{DescribeNamespaceRequest, SignalWorkflowExecutionRequest},
};
use steadfast_server::{Config, Persistence};

use crate::client::{Client, complete_command, execution, server, timer_command};

#[tokio::test]
async fn a_run_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        persistence: Persistence::Directory(directory.path().to_owned()),
        ..Config::default()
    };
    let first = server(config.clone()).await;
    let mut client = Client::to(&first).await;
    let describe = DescribeNamespaceRequest {
        namespace: "default".to_owned(),
        ..DescribeNamespaceRequest::default()
    };
    let described = client.0.describe_namespace(describe.clone()).await.unwrap();
    let namespace = described.into_inner().namespace_info.unwrap();
    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client
        .complete(&task, vec![timer_command("t", Duration::from_secs(1))])
        .await;
    let signal = SignalWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution("w"),
        signal_name: "s".to_owned(),
        ..SignalWorkflowExecutionRequest::default()
    };
    client.0.signal_workflow_execution(signal).await.unwrap();
    let before = client.history("w").await;
    first.stop().await;

    let second = server(config).await;
    let mut client = Client::to(&second).await;
    let described = client.0.describe_namespace(describe).await.unwrap();
    assert_eq!(described.into_inner().namespace_info, Some(namespace));
    let after = client.history("w").await;
    assert_eq!(after[..before.len()], before);
    // The signal's task was never taken; with the timer's event it is given out now.
    let task = client.workflow_task().await;
    client.complete(&task, Vec::new()).await;
    let task = client.workflow_task().await;
    client.complete(&task, vec![complete_command("out")]).await;
    let closed = client.close_event("w").await;
    assert_eq!(closed.event_type(), EventType::WorkflowExecutionCompleted);
    let fired = client.history("w").await;
    let fired = fired
        .iter()
        .filter(|e| e.event_type() == EventType::TimerFired);
    assert_eq!(fired.count(), 1);
    second.stop().await;
}

#[tokio::test]
async fn a_directory_is_used_by_one_server_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        listen: vec![([127, 0, 0, 1], 0).into()],
        persistence: Persistence::Directory(directory.path().to_owned()),
        ..Config::default()
    };
    let first = steadfast_server::start(config.clone()).await.unwrap();
    let refused = steadfast_server::start(config.clone()).await.unwrap_err();
    assert!(
        refused.to_string().contains("in use by another process"),
        "{refused}"
    );
    first.stop().await;
    steadfast_server::start(config).await.unwrap().stop().await;
}
