//! A server that answers little and remembers what it was told, and certificates for it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use steadfast_client::{Pem, Secret, Settings};
use steadfast_proto::temporal::api::workflowservice::v1::{
    GetSystemInfoRequest, GetSystemInfoResponse,
    workflow_service_server::{WorkflowService, WorkflowServiceServer},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    metadata::MetadataMap,
    transport::{Certificate, Identity, Server, ServerTlsConfig},
};

/// Remembers the headers of the last call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fake {
    pub(crate) seen: Arc<Mutex<MetadataMap>>,
    pub(crate) refuses: Option<Status>,
}

#[tonic::async_trait]
impl WorkflowService for Fake {
    async fn get_system_info(
        &self,
        request: Request<GetSystemInfoRequest>,
    ) -> Result<Response<GetSystemInfoResponse>, Status> {
        *self.seen.lock().unwrap() = request.metadata().clone();
        if let Some(status) = &self.refuses {
            return Err(status.clone());
        }
        Ok(Response::new(GetSystemInfoResponse {
            server_version: "fake".to_owned(),
            ..GetSystemInfoResponse::default()
        }))
    }
}

impl Fake {
    pub(crate) async fn serve(&self, tls: Option<ServerTlsConfig>) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut builder = Server::builder();
        if let Some(tls) = tls {
            builder = builder.tls_config(tls).unwrap();
        }
        let service = WorkflowServiceServer::new(self.clone());
        let serving = builder
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(serving);
        address
    }

    pub(crate) fn saw(&self, name: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        seen.get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    }
}

/// Someone who vouches for servers and clients.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate of that name and its key.
    pub(crate) fn vouch(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server of that name, which asks for certificates of this authority if it is `strict`.
    pub(crate) fn server(&self, name: &str, strict: bool) -> ServerTlsConfig {
        let (certificate, key) = self.vouch(name);
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
        if strict {
            return tls.client_ca_root(Certificate::from_pem(self.pem()));
        }
        tls
    }
}

pub(crate) fn text(pem: String) -> Option<Pem> {
    Some(Pem::Text(Secret::new(pem)))
}

pub(crate) fn at(address: SocketAddr) -> Settings {
    Settings {
        address: address.to_string(),
        ..Settings::default()
    }
}
