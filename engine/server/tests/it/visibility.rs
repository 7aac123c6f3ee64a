//! Lists and counts over the wire, and the search attributes that they are about.

use std::collections::BTreeSet;

use steadfast_proto::temporal::api::{
    command::v1::{Command, UpsertWorkflowSearchAttributesCommandAttributes, command::Attributes},
    common::v1::{Memo, Payload, SearchAttributes},
    enums::v1::{CommandType, EventType, IndexedValueType, WorkflowExecutionStatus},
    operatorservice::v1::{
        AddSearchAttributesRequest, ListSearchAttributesRequest,
        operator_service_client::OperatorServiceClient,
    },
    workflowservice::v1::{
        CountWorkflowExecutionsRequest, ListArchivedWorkflowExecutionsRequest,
        ListClosedWorkflowExecutionsRequest, ListOpenWorkflowExecutionsRequest,
        ListWorkflowExecutionsRequest, StartWorkflowExecutionRequest,
    },
};
use steadfast_server::{Config, Persistence};
use tonic::Code;

use crate::client::{Client, channel, complete_command, server, start_request};

fn json(text: &str) -> Payload {
    Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec().into())].into(),
        data: text.to_owned().into(),
        ..Payload::default()
    }
}

fn attributes<const N: usize>(all: [(&str, &str); N]) -> Option<SearchAttributes> {
    Some(SearchAttributes {
        indexed_fields: all
            .map(|(name, value)| (name.to_owned(), json(value)))
            .into(),
    })
}

fn config() -> Config {
    Config {
        search_attributes: [
            ("Customer".to_owned(), IndexedValueType::Keyword.into()),
            ("Amount".to_owned(), IndexedValueType::Int.into()),
        ]
        .into(),
        ..Config::default()
    }
}

fn list(query: &str) -> ListWorkflowExecutionsRequest {
    ListWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        query: query.to_owned(),
        ..ListWorkflowExecutionsRequest::default()
    }
}

/// The workflow ids that a query finds.
async fn found(client: &mut Client, query: &str) -> Vec<String> {
    let page = client
        .0
        .list_workflow_executions(list(query))
        .await
        .unwrap();
    let executions = page.into_inner().executions.into_iter();
    let mut ids: Vec<_> = executions
        .map(|info| info.execution.unwrap().workflow_id)
        .collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn what_was_started_is_listed_and_stays_listed() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        persistence: Persistence::Directory(directory.path().to_owned()),
        ..config()
    };
    let first = server(config.clone()).await;
    let mut client = Client::to(&first).await;
    for (id, customer, amount) in [
        ("a", "\"x\"", "1"),
        ("b", "\"y\"", "20"),
        ("c", "\"x\"", "300"),
    ] {
        let start = StartWorkflowExecutionRequest {
            search_attributes: attributes([("Customer", customer), ("Amount", amount)]),
            memo: Some(Memo {
                fields: [("note".to_owned(), json("\"of it\""))].into(),
            }),
            ..start_request(id)
        };
        client.0.start_workflow_execution(start).await.unwrap();
    }
    assert_eq!(found(&mut client, "").await, ["a", "b", "c"]);
    assert_eq!(
        found(&mut client, "Customer = 'x' AND Amount > 1").await,
        ["c"]
    );
    let task = client.workflow_task().await;
    let closed = task.workflow_execution.clone().unwrap().workflow_id;
    client.complete(&task, vec![complete_command("out")]).await;
    first.stop().await;

    let second = server(config).await;
    let mut client = Client::to(&second).await;
    assert_eq!(
        found(&mut client, "ExecutionStatus = 'Completed'").await,
        std::slice::from_ref(&closed)
    );
    assert_eq!(
        found(&mut client, "ExecutionStatus = 'Running'")
            .await
            .len(),
        2
    );
    let page = client
        .0
        .list_workflow_executions(list("CloseTime IS NOT NULL"))
        .await;
    let info = page.unwrap().into_inner().executions.pop().unwrap();
    assert_eq!(info.status(), WorkflowExecutionStatus::Completed);
    assert_eq!(info.history_length, 5);
    assert_eq!(info.state_transition_count, 3);
    assert_eq!(info.memo.unwrap().fields["note"], json("\"of it\""));
    let customer = &info.search_attributes.unwrap().indexed_fields["Customer"];
    assert_eq!(&customer.metadata["type"][..], b"Keyword");

    let count = CountWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        query: "GROUP BY ExecutionStatus".to_owned(),
    };
    let count = client
        .0
        .count_workflow_executions(count)
        .await
        .unwrap()
        .into_inner();
    let groups: Vec<_> = count
        .groups
        .iter()
        .map(|group| (group.group_values[0].data.clone(), group.count))
        .collect();
    assert_eq!(count.count, 3);
    assert_eq!(
        groups,
        [("\"Running\"".into(), 2), ("\"Completed\"".into(), 1)]
    );
    let open = ListOpenWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        ..ListOpenWorkflowExecutionsRequest::default()
    };
    let open = client.0.list_open_workflow_executions(open).await.unwrap();
    assert_eq!(open.into_inner().executions.len(), 2);
    let ended = ListClosedWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        ..ListClosedWorkflowExecutionsRequest::default()
    };
    let ended = client
        .0
        .list_closed_workflow_executions(ended)
        .await
        .unwrap();
    assert_eq!(ended.into_inner().executions.len(), 1);
    second.stop().await;
}

#[tokio::test]
async fn pages_hold_every_run_once() {
    let server = server(config()).await;
    let mut client = Client::to(&server).await;
    for n in 0..25 {
        client.start(&format!("w-{n}")).await.unwrap();
    }
    let mut request = ListWorkflowExecutionsRequest {
        page_size: 10,
        ..list("WorkflowId STARTS_WITH 'w-'")
    };
    let mut seen = BTreeSet::new();
    let mut pages = 0;
    loop {
        let page = client.0.list_workflow_executions(request.clone()).await;
        let page = page.unwrap().into_inner();
        assert!(page.executions.len() <= 10);
        for info in page.executions {
            assert!(seen.insert(info.execution.unwrap().workflow_id), "twice");
        }
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        request.next_page_token = page.next_page_token;
    }
    assert_eq!((seen.len(), pages), (25, 3));
    request.next_page_token = b"not a token".to_vec().into();
    let refused = client
        .0
        .list_workflow_executions(request)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    server.stop().await;
}

#[tokio::test]
async fn bad_search_attributes_and_filters_are_refused() {
    let server = server(config()).await;
    let mut client = Client::to(&server).await;
    for (bad, message) in [
        (
            ("Nope", "1"),
            "Namespace default has no mapping defined for search attribute Nope",
        ),
        (
            ("Amount", "\"x\""),
            "invalid value for search attribute Amount of type Int: x",
        ),
        (
            ("WorkflowId", "\"x\""),
            "WorkflowId attribute can't be set in SearchAttributes",
        ),
    ] {
        let start = StartWorkflowExecutionRequest {
            search_attributes: attributes([bad]),
            ..start_request("w")
        };
        let refused = client.0.start_workflow_execution(start).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::InvalidArgument, message)
        );
    }
    let refused = client
        .0
        .list_workflow_executions(list("Nope = 1"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(
        refused.message(),
        "invalid query: invalid search attribute: Nope"
    );
    let archived = ListArchivedWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        ..ListArchivedWorkflowExecutionsRequest::default()
    };
    let refused = client
        .0
        .list_archived_workflow_executions(archived)
        .await
        .unwrap_err();
    assert_eq!(
        refused.message(),
        "Cluster is not configured for visibility archival."
    );

    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    let upsert = UpsertWorkflowSearchAttributesCommandAttributes {
        search_attributes: attributes([("Amount", "true")]),
    };
    let command = Command {
        command_type: CommandType::UpsertWorkflowSearchAttributes.into(),
        attributes: Some(Attributes::UpsertWorkflowSearchAttributesCommandAttributes(
            upsert,
        )),
        ..Command::default()
    };
    let refused = client.try_complete(&task, vec![command]).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "BadSearchAttributes: invalid value for search attribute Amount of type Int: true"
    );
    let history = client.history("w").await;
    assert!(
        history
            .iter()
            .any(|it| it.event_type() == EventType::WorkflowTaskFailed)
    );
    server.stop().await;
}

#[tokio::test]
async fn a_namespace_gets_search_attributes() {
    let server = server(config()).await;
    let mut operator = OperatorServiceClient::new(channel(&server).await);
    let add = |name: &str| AddSearchAttributesRequest {
        namespace: "default".to_owned(),
        search_attributes: [(name.to_owned(), IndexedValueType::Double.into())].into(),
    };
    operator.add_search_attributes(add("Ratio")).await.unwrap();
    operator.add_search_attributes(add("Ratio")).await.unwrap();
    let refused = operator
        .add_search_attributes(add("WorkflowId"))
        .await
        .unwrap_err();
    assert_eq!(
        refused.message(),
        "Search attribute WorkflowId is reserved by system."
    );
    let listed = ListSearchAttributesRequest {
        namespace: "default".to_owned(),
    };
    let listed = operator
        .list_search_attributes(listed)
        .await
        .unwrap()
        .into_inner();
    let names: Vec<_> = listed
        .custom_attributes
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(names, ["Amount", "Customer", "Ratio"]);
    assert!(listed.system_attributes.contains_key("ExecutionStatus"));
    let mut client = Client::to(&server).await;
    let start = StartWorkflowExecutionRequest {
        search_attributes: attributes([("Ratio", "0.5")]),
        ..start_request("w")
    };
    client.0.start_workflow_execution(start).await.unwrap();
    assert_eq!(found(&mut client, "Ratio BETWEEN 0 AND 1").await, ["w"]);
    server.stop().await;
}
