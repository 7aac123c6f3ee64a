//! Callers who must be known, and connections that nobody reads.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use steadfast_proto::temporal::api::{
    operatorservice::v1::{DeleteNamespaceRequest, operator_service_client::OperatorServiceClient},
    workflowservice::v1::{
        DescribeNamespaceRequest, GetSystemInfoRequest, ListNamespacesRequest,
        RegisterNamespaceRequest, RespondWorkflowTaskCompletedRequest,
        workflow_service_client::WorkflowServiceClient,
    },
};
use steadfast_server::{Config, Keys, Running, Tls};
use tonic::{
    Code, Request,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use crate::client::{Client, channel, long, queue, server, start_request};

/// The secrets are `a` for the namespace `default`, and `b` for everything.
const KEYS: &str = r#"
    [[key]]
    name = "workers"
    sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    namespaces = ["default"]
    [[key]]
    name = "operators"
    sha256 = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
    everything = true
"#;

async fn guarded() -> Running {
    server(Config {
        namespaces: vec!["default".to_owned(), "bank".to_owned()],
        keys: Some(Arc::new(Keys::parse(KEYS).unwrap())),
        ..Config::default()
    })
    .await
}

fn showing<T>(secret: &str, body: T) -> Request<T> {
    let mut request = long(body);
    let header = format!("Bearer {secret}").parse().unwrap();
    request.metadata_mut().insert("authorization", header);
    request
}

#[tokio::test]
async fn whoever_is_not_known_is_refused() {
    let server = guarded().await;
    let mut client = Client::to(&server).await;
    let refused = client.0.start_workflow_execution(start_request("w")).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    let wrong = showing("wrong", start_request("w"));
    let refused = client.0.start_workflow_execution(wrong).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    let info = client.0.get_system_info(GetSystemInfoRequest {}).await;
    assert_eq!(info.unwrap_err().code(), Code::Unauthenticated);
    let known = showing("a", start_request("w"));
    client.0.start_workflow_execution(known).await.unwrap();
}

#[tokio::test]
async fn a_key_opens_its_namespaces_and_no_other() {
    let server = guarded().await;
    let mut client = Client::to(&server).await;
    let mut foreign = start_request("w");
    foreign.namespace = "bank".to_owned();
    let refused = client
        .0
        .start_workflow_execution(showing("a", foreign.clone()))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    client
        .0
        .start_workflow_execution(showing("b", foreign))
        .await
        .unwrap();
    for call in [
        client
            .0
            .list_namespaces(showing("a", ListNamespacesRequest::default()))
            .await
            .map(drop),
        client
            .0
            .describe_namespace(showing(
                "a",
                DescribeNamespaceRequest {
                    namespace: "bank".to_owned(),
                    ..DescribeNamespaceRequest::default()
                },
            ))
            .await
            .map(drop),
        client
            .0
            .register_namespace(showing(
                "a",
                RegisterNamespaceRequest {
                    namespace: "mine".to_owned(),
                    workflow_execution_retention_period: Some(prost_types::Duration {
                        seconds: 86_400,
                        nanos: 0,
                    }),
                    ..RegisterNamespaceRequest::default()
                },
            ))
            .await
            .map(drop),
        OperatorServiceClient::new(channel(&server).await)
            .delete_namespace(showing(
                "a",
                DeleteNamespaceRequest {
                    namespace: "default".to_owned(),
                    ..DeleteNamespaceRequest::default()
                },
            ))
            .await
            .map(drop),
    ] {
        assert_eq!(call.unwrap_err().code(), Code::PermissionDenied);
    }
}

/// The token of a task names its namespace, whatever else the request says.
#[tokio::test]
async fn the_token_of_a_foreign_task_opens_nothing() {
    let server = guarded().await;
    let mut client = Client::to(&server).await;
    let mut foreign = start_request("w");
    foreign.namespace = "bank".to_owned();
    client
        .0
        .start_workflow_execution(showing("b", foreign))
        .await
        .unwrap();
    let poll = steadfast_proto::temporal::api::workflowservice::v1::PollWorkflowTaskQueueRequest {
        namespace: "bank".to_owned(),
        task_queue: queue(),
        ..Default::default()
    };
    let task = client.0.poll_workflow_task_queue(showing("b", poll)).await;
    let task = task.unwrap().into_inner();
    for namespace in ["", "default"] {
        let stolen = RespondWorkflowTaskCompletedRequest {
            task_token: task.task_token.clone(),
            namespace: namespace.to_owned(),
            ..RespondWorkflowTaskCompletedRequest::default()
        };
        let refused = client
            .0
            .respond_workflow_task_completed(showing("a", stolen))
            .await;
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    }
}

struct Certificates {
    ca: String,
    server: Tls,
    client: Identity,
}

fn certificates() -> Certificates {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (certificate, key) = issue("localhost");
    let (client, client_key) = issue("client");
    Certificates {
        ca: ca.pem(),
        server: Tls {
            certificate,
            key,
            client_ca: Some(ca.pem()),
        },
        client: Identity::from_pem(client, client_key),
    }
}

async fn over_tls(
    server: &Running,
    tls: ClientTlsConfig,
) -> Result<WorkflowServiceClient<Channel>, tonic::transport::Error> {
    let uri = format!("https://{}", server.addresses()[0]);
    let endpoint = Endpoint::try_from(uri)?.tls_config(tls.domain_name("localhost"))?;
    Ok(WorkflowServiceClient::new(endpoint.connect().await?))
}

#[tokio::test]
async fn a_client_without_a_certificate_is_not_heard() {
    let certificates = certificates();
    let server = server(Config {
        tls: Some(certificates.server),
        ..Config::default()
    })
    .await;
    let trusting = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&certificates.ca));
    let known = trusting.clone().identity(certificates.client);
    let mut client = over_tls(&server, known).await.unwrap();
    client
        .get_system_info(GetSystemInfoRequest {})
        .await
        .unwrap();
    let heard = match over_tls(&server, trusting).await {
        Ok(mut client) => client
            .get_system_info(GetSystemInfoRequest {})
            .await
            .is_ok(),
        Err(_) => false,
    };
    assert!(!heard);
    let uri = format!("http://{}", server.addresses()[0]);
    let heard = match Endpoint::try_from(uri).unwrap().connect().await {
        Ok(plain) => {
            let mut client = WorkflowServiceClient::new(plain);
            client
                .get_system_info(GetSystemInfoRequest {})
                .await
                .is_ok()
        }
        Err(_) => false,
    };
    assert!(!heard);
}
