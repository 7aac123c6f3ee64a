//! Activities that no workflow has scheduled, as clients look for them.

use std::time::Duration;

use steadfast_core::time::duration_to_proto;
use steadfast_proto::temporal::api::{
    common::v1::ActivityType,
    enums::v1::ActivityExecutionStatus,
    workflowservice::v1::{
        CountActivityExecutionsRequest, CountWorkflowExecutionsRequest,
        ListActivityExecutionsRequest, StartActivityExecutionRequest,
    },
};
use steadfast_server::Config;
use tonic::Code;

use crate::client::{Client, payloads, queue, server};

fn start_request(id: &str) -> StartActivityExecutionRequest {
    StartActivityExecutionRequest {
        namespace: "default".to_owned(),
        activity_id: id.to_owned(),
        activity_type: Some(ActivityType {
            name: "Activity".to_owned(),
        }),
        task_queue: queue(),
        input: Some(payloads("in")),
        start_to_close_timeout: Some(duration_to_proto(Duration::from_secs(60))),
        ..StartActivityExecutionRequest::default()
    }
}

#[tokio::test]
async fn activities_are_listed_and_counted_apart_from_workflows() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    client.start("a").await.unwrap();
    for id in ["a", "b"] {
        let start = client.0.start_activity_execution(start_request(id)).await;
        start.unwrap();
    }
    let task = client.activity_task().await;
    client.complete_activity(&task).await;
    let (done, other) = match task.activity_id.as_str() {
        "a" => ("a", "b"),
        _ => ("b", "a"),
    };
    let list = |query: &str| ListActivityExecutionsRequest {
        namespace: "default".to_owned(),
        query: query.to_owned(),
        ..ListActivityExecutionsRequest::default()
    };
    for (query, expected) in [
        ("", 2),
        ("TaskQueue = 'queue' AND ActivityType = 'Activity'", 2),
        ("ExecutionStatus = 'Completed'", 1),
        ("ActivityId IN ('a', 'c')", 1),
        ("WorkflowId = 'a'", 1),
        ("ActivityType = 'Workflow'", 0),
    ] {
        let page = client.0.list_activity_executions(list(query)).await;
        let found = page.unwrap().into_inner().executions.len();
        assert_eq!(found, expected, "{query}");
        let count = CountActivityExecutionsRequest {
            namespace: "default".to_owned(),
            query: query.to_owned(),
        };
        let count = client.0.count_activity_executions(count).await;
        let count = count.unwrap().into_inner().count;
        assert_eq!(usize::try_from(count), Ok(expected), "{query}");
    }
    let page = client.0.list_activity_executions(list("")).await.unwrap();
    let page = page.into_inner().executions;
    let shown = |id: &str| page.iter().find(|a| a.activity_id == id).unwrap();
    assert_eq!(shown(done).status(), ActivityExecutionStatus::Completed);
    assert!(shown(done).close_time.is_some());
    assert_eq!(shown(other).status(), ActivityExecutionStatus::Running);
    assert_eq!(shown(other).task_queue, "queue");
    let attributes = shown(other).search_attributes.clone().unwrap_or_default();
    assert!(attributes.indexed_fields.is_empty(), "{attributes:?}");

    let groups = CountActivityExecutionsRequest {
        namespace: "default".to_owned(),
        query: "GROUP BY ExecutionStatus".to_owned(),
    };
    let groups = client.0.count_activity_executions(groups).await.unwrap();
    let groups = groups.into_inner().groups;
    let values: Vec<_> = groups.iter().map(|g| &g.group_values[0].data[..]).collect();
    assert_eq!(values, [&b"\"Running\""[..], b"\"Completed\""]);

    let workflows = CountWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        ..CountWorkflowExecutionsRequest::default()
    };
    let workflows = client.0.count_workflow_executions(workflows).await.unwrap();
    assert_eq!(workflows.into_inner().count, 1);
    let wrong = client
        .0
        .list_activity_executions(list("ActivityId >"))
        .await;
    assert_eq!(wrong.unwrap_err().code(), Code::InvalidArgument);
}
