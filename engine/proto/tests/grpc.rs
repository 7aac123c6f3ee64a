//! Servers and clients of feature `grpc`, wired to each other without a transport.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use steadfast_proto::{
    grpc::health::v1::{health_client, health_server},
    temporal::api::{
        operatorservice::v1::{operator_service_client, operator_service_server},
        testservice::v1::{test_service_client, test_service_server},
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

/// Other services answer through the same generated code; that their clients exist is enough.
#[test]
fn every_service_has_a_client() {
    let _ = operator_service_client::OperatorServiceClient::<()>::new;
    let _ = test_service_client::TestServiceClient::<()>::new;
    let _ = health_client::HealthClient::<()>::new;
}
