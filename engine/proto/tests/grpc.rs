//! Servers and clients of feature `grpc`, wired to each other without a transport.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use steadfast_proto::{
    grpc::health::v1::{
        HealthCheckRequest,
        health_client::HealthClient,
        health_server::{self, Health, HealthServer},
    },
    temporal::api::{
        operatorservice::v1::{
            DeleteNamespaceRequest,
            operator_service_client::OperatorServiceClient,
            operator_service_server::{self, OperatorService, OperatorServiceServer},
        },
        testservice::v1::{
            test_service_client::TestServiceClient,
            test_service_server::{self, TestService, TestServiceServer},
        },
        workflowservice::v1::{
            GetSystemInfoRequest, GetSystemInfoResponse, ListNamespacesRequest,
            workflow_service_client::WorkflowServiceClient,
            workflow_service_server::{self, WorkflowService, WorkflowServiceServer},
        },
    },
};
use tonic::{Code, Request, Response, Status};

/// A server that can one thing.
struct Minimal;

#[tonic::async_trait]
impl WorkflowService for Minimal {
    async fn get_system_info(
        &self,
        _: Request<GetSystemInfoRequest>,
    ) -> Result<Response<GetSystemInfoResponse>, Status> {
        let server_version = "1.2.3".to_owned();
        let response = GetSystemInfoResponse {
            server_version,
            ..Default::default()
        };
        Ok(Response::new(response))
    }
}

/// Runs a future that waits for nothing outside.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("without a transport nothing waits"),
    }
}

#[test]
fn names_of_the_services_are_those_on_the_wire() {
    let names = [
        workflow_service_server::SERVICE_NAME,
        operator_service_server::SERVICE_NAME,
        test_service_server::SERVICE_NAME,
        health_server::SERVICE_NAME,
    ];
    let expected = [
        "temporal.api.workflowservice.v1.WorkflowService",
        "temporal.api.operatorservice.v1.OperatorService",
        "temporal.api.testservice.v1.TestService",
        "grpc.health.v1.Health",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_client_reaches_what_is_implemented_and_nothing_else() {
    let mut client = WorkflowServiceClient::new(WorkflowServiceServer::new(Minimal));
    let response = now(client.get_system_info(GetSystemInfoRequest {})).expect("implemented");
    assert_eq!(response.into_inner().server_version, "1.2.3");
    let status = now(client.list_namespaces(ListNamespacesRequest::default()));
    assert_eq!(
        status.map(|_| ()).map_err(|s| s.code()),
        Err(Code::Unimplemented)
    );
}

#[tonic::async_trait]
impl OperatorService for Minimal {}

#[tonic::async_trait]
impl TestService for Minimal {}

#[tonic::async_trait]
impl Health for Minimal {}

#[test]
fn every_service_has_a_server_and_a_client() {
    let mut operator = OperatorServiceClient::new(OperatorServiceServer::new(Minimal));
    let mut test = TestServiceClient::new(TestServiceServer::new(Minimal));
    let mut health = HealthClient::new(HealthServer::new(Minimal));
    let answers = [
        now(operator.delete_namespace(DeleteNamespaceRequest::default())).map(|_| ()),
        now(test.get_current_time(())).map(|_| ()),
        now(health.check(HealthCheckRequest::default())).map(|_| ()),
    ];
    for answer in answers {
        assert_eq!(
            answer.map_err(|status| status.code()),
            Err(Code::Unimplemented)
        );
    }
}
