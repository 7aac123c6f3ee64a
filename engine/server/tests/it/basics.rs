//! What every SDK does.

use prost::Message as _;
use steadfast_proto::{
    google::rpc,
    temporal::api::{
        enums::v1::{EventType, QueryResultType, WorkflowExecutionStatus},
        errordetails::v1::{
            NamespaceNotFoundFailure, QueryFailedFailure, WorkflowExecutionAlreadyStartedFailure,
        },
        operatorservice::v1::{
            AddSearchAttributesRequest, ListSearchAttributesRequest,
            operator_service_client::OperatorServiceClient,
        },
        query::v1::WorkflowQuery,
        workflowservice::v1::{
            DescribeNamespaceRequest, DescribeWorkflowExecutionRequest, GetSystemInfoRequest,
            GetWorkflowExecutionHistoryReverseRequest, ListNamespacesRequest, QueryWorkflowRequest,
            RegisterNamespaceRequest, RespondQueryTaskCompletedRequest, ShutdownWorkerRequest,
            SignalWorkflowExecutionRequest, UpdateNamespaceRequest,
        },
    },
};
use steadfast_server::Config;
use tonic::{Code, Status, codec::CompressionEncoding};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::client::{
    Client, activity_command, channel, complete_command, execution, long, payloads, server,
    start_request,
};

fn types(events: &[steadfast_proto::temporal::api::history::v1::HistoryEvent]) -> Vec<EventType> {
    events.iter().map(|e| e.event_type()).collect()
}

/// The detail that comes with a refusal.
fn detail<M: prost::Message + Default + prost::Name>(refused: &Status) -> M {
    let status = rpc::Status::decode(refused.details()).unwrap();
    let any = &status.details[0];
    assert_eq!(
        any.type_url,
        format!("type.googleapis.com/{}", M::full_name())
    );
    M::decode(&*any.value).unwrap()
}

#[tokio::test]
async fn a_workflow_with_an_activity_runs_to_its_end() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    client.start("w").await.unwrap();

    let mut waiting = client.clone();
    let result = tokio::spawn(async move { waiting.close_event("w").await });
    let task = client.workflow_task().await;
    client.complete(&task, vec![activity_command("a")]).await;
    let activity = client.activity_task().await;
    assert_eq!(activity.input, Some(payloads("do")));
    client.complete_activity(&activity).await;
    let task = client.workflow_task().await;
    client.complete(&task, vec![complete_command("out")]).await;

    let closed = result.await.unwrap();
    assert_eq!(closed.event_type(), EventType::WorkflowExecutionCompleted);
    let events = client.history("w").await;
    assert_eq!(
        types(&events),
        [
            EventType::WorkflowExecutionStarted,
            EventType::WorkflowTaskScheduled,
            EventType::WorkflowTaskStarted,
            EventType::WorkflowTaskCompleted,
            EventType::ActivityTaskScheduled,
            EventType::ActivityTaskStarted,
            EventType::ActivityTaskCompleted,
            EventType::WorkflowTaskScheduled,
            EventType::WorkflowTaskStarted,
            EventType::WorkflowTaskCompleted,
            EventType::WorkflowExecutionCompleted,
        ]
    );
    let describe = DescribeWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        execution: execution("w"),
    };
    let described = client.0.describe_workflow_execution(describe).await;
    let info = described.unwrap().into_inner().workflow_execution_info;
    let info = info.unwrap();
    assert_eq!(info.status(), WorkflowExecutionStatus::Completed);
    assert_eq!(info.history_length, 11);
    server.stop().await;
}

#[tokio::test]
async fn a_history_is_read_backwards_in_pages() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client.complete(&task, vec![complete_command("out")]).await;
    let mut request = GetWorkflowExecutionHistoryReverseRequest {
        namespace: "default".to_owned(),
        execution: execution("w"),
        maximum_page_size: 2,
        ..GetWorkflowExecutionHistoryReverseRequest::default()
    };
    let mut ids = Vec::new();
    loop {
        let page = client
            .0
            .get_workflow_execution_history_reverse(request.clone())
            .await
            .unwrap()
            .into_inner();
        let events = page.history.unwrap().events;
        assert!(events.len() <= 2);
        ids.extend(events.iter().map(|e| e.event_id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.next_page_token = page.next_page_token;
    }
    assert_eq!(ids, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn an_id_that_is_taken_is_refused_with_the_run_that_has_it() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let run = client.start("w").await.unwrap();
    let refused = client.start("w").await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    let detail: WorkflowExecutionAlreadyStartedFailure = detail(&refused);
    assert_eq!(detail.run_id, run);
}

#[tokio::test]
async fn a_start_asked_twice_starts_once() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let mut request = start_request("w");
    request.request_id = "same".to_owned();
    let first = client.0.start_workflow_execution(request.clone()).await;
    let again = client.0.start_workflow_execution(request).await;
    let (first, again) = (first.unwrap().into_inner(), again.unwrap().into_inner());
    assert_eq!(first.run_id, again.run_id);
    assert!(again.started);
}

#[tokio::test]
async fn a_query_reaches_an_idle_worker_and_its_failure_the_caller() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client.complete(&task, Vec::new()).await;

    for (kind, expected) in [
        (QueryResultType::Answered, Ok(Some(payloads("answer")))),
        (QueryResultType::Failed, Err(Code::InvalidArgument)),
    ] {
        let mut asking = client.clone();
        let asked = tokio::spawn(async move {
            let query = QueryWorkflowRequest {
                namespace: "default".to_owned(),
                execution: execution("w"),
                query: Some(WorkflowQuery {
                    query_type: "state".to_owned(),
                    ..WorkflowQuery::default()
                }),
                ..QueryWorkflowRequest::default()
            };
            asking.0.query_workflow(long(query)).await
        });
        let task = client.workflow_task().await;
        assert_eq!(task.query.as_ref().unwrap().query_type, "state");
        assert_eq!(task.started_event_id, 0);
        assert_eq!(task.history.as_ref().unwrap().events.len(), 4);
        let answer = RespondQueryTaskCompletedRequest {
            task_token: task.task_token,
            completed_type: kind.into(),
            query_result: Some(payloads("answer")),
            error_message: "no such query".to_owned(),
            namespace: "default".to_owned(),
            ..RespondQueryTaskCompletedRequest::default()
        };
        client.0.respond_query_task_completed(answer).await.unwrap();
        match (asked.await.unwrap(), expected) {
            (Ok(answer), Ok(expected)) => {
                assert_eq!(answer.into_inner().query_result, expected);
            }
            (Err(refused), Err(code)) => {
                assert_eq!(refused.code(), code);
                assert_eq!(refused.message(), "no such query");
                detail::<QueryFailedFailure>(&refused);
            }
            (answer, expected) => panic!("{answer:?} is not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let signal = |namespace: &str| SignalWorkflowExecutionRequest {
        namespace: namespace.to_owned(),
        workflow_execution: execution("nobody"),
        signal_name: "s".to_owned(),
        ..SignalWorkflowExecutionRequest::default()
    };
    let refused = client.0.signal_workflow_execution(signal("default")).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(refused.message(), "workflow not found for ID: nobody");
    let refused = client
        .0
        .signal_workflow_execution(signal("elsewhere"))
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.message(), "Namespace elsewhere is not found.");
    let detail: NamespaceNotFoundFailure = detail(&refused);
    assert_eq!(detail.namespace, "elsewhere");
    let refused = client
        .0
        .signal_workflow_execution(signal("temporal-system"))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn namespaces_are_made_changed_and_listed() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let mut register = RegisterNamespaceRequest {
        namespace: "mine".to_owned(),
        description: "first".to_owned(),
        ..RegisterNamespaceRequest::default()
    };
    let refused = client.0.register_namespace(register.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    register.workflow_execution_retention_period = Some(prost_types::Duration {
        seconds: 86_400,
        nanos: 0,
    });
    client.0.register_namespace(register.clone()).await.unwrap();
    let refused = client.0.register_namespace(register).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);

    let update = UpdateNamespaceRequest {
        namespace: "mine".to_owned(),
        update_info: Some(
            steadfast_proto::temporal::api::namespace::v1::UpdateNamespaceInfo {
                description: "second".to_owned(),
                ..Default::default()
            },
        ),
        ..UpdateNamespaceRequest::default()
    };
    client.0.update_namespace(update).await.unwrap();
    let describe = DescribeNamespaceRequest {
        namespace: "mine".to_owned(),
        ..DescribeNamespaceRequest::default()
    };
    let described = client.0.describe_namespace(describe).await.unwrap();
    let info = described.into_inner().namespace_info.unwrap();
    assert_eq!(info.description, "second");
    let by_id = DescribeNamespaceRequest {
        id: info.id,
        ..DescribeNamespaceRequest::default()
    };
    client.0.describe_namespace(by_id).await.unwrap();
    let listed = client.0.list_namespaces(ListNamespacesRequest::default());
    let listed = listed.await.unwrap().into_inner().namespaces;
    let names: Vec<_> = listed
        .into_iter()
        .map(|n| n.namespace_info.unwrap().name)
        .collect();
    assert_eq!(names, ["default", "mine"]);

    let mut operator = OperatorServiceClient::new(channel(&server).await);
    let add = AddSearchAttributesRequest {
        namespace: "mine".to_owned(),
        search_attributes: [("Customer".to_owned(), 2)].into(),
    };
    operator.add_search_attributes(add).await.unwrap();
    let list = ListSearchAttributesRequest {
        namespace: "mine".to_owned(),
    };
    let listed = operator.list_search_attributes(list).await.unwrap();
    let custom = listed.into_inner().custom_attributes;
    assert_eq!(custom, [("Customer".to_owned(), 2)].into());
}

#[tokio::test]
async fn a_worker_without_a_sticky_queue_shuts_down() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let info = client.0.get_system_info(GetSystemInfoRequest {}).await;
    assert!(info.unwrap().into_inner().capabilities.is_some());
    let shutdown = ShutdownWorkerRequest {
        namespace: "default".to_owned(),
        ..ShutdownWorkerRequest::default()
    };
    client.0.shutdown_worker(shutdown).await.unwrap();
}

/// Temporal's Java SDK compresses all it sends, and asks for the health before anything else.
#[tokio::test]
async fn every_service_takes_compressed_requests() {
    let server = server(Config::default()).await;
    let channel = channel(&server).await;
    let mut health = HealthClient::new(channel.clone()).send_compressed(CompressionEncoding::Gzip);
    let asked = HealthCheckRequest {
        service: "temporal.api.workflowservice.v1.WorkflowService".to_owned(),
    };
    let answer = health.check(asked).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving);
    let mut operator =
        OperatorServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
    let asked = ListSearchAttributesRequest {
        namespace: "default".to_owned(),
    };
    operator.list_search_attributes(asked).await.unwrap();
}
