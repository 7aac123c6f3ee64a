//! A server from its start to its end.

use std::{io, net::SocketAddr, time::Duration};

use steadfast_core::{
    Namespace, Rejection, Request, Timestamp,
    namespace::{NamespaceAction, NamespaceInfo, NamespaceRequest, wire},
};
use steadfast_proto::{
    FILE_DESCRIPTOR_SET,
    temporal::api::{
        operatorservice::v1::operator_service_server::OperatorServiceServer,
        testservice::v1::test_service_server::TestServiceServer,
        workflowservice::v1::workflow_service_server::WorkflowServiceServer,
    },
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    codec::CompressionEncoding,
    service::Routes,
    transport::{self, Certificate, Identity, ServerTlsConfig},
};
use tonic_health::server::HealthReporter;

use crate::{
    config::{Config, TimeMode},
    engine::{self, Ask, Ended, Engine},
    layer::Around,
    metrics::{self, Metrics},
    rpc::{Frontend, Heartbeats, MAX_MESSAGE_BYTES, Polled, read_endpoints},
};

/// How long calls may take to end once the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// Connections that say nothing are asked so often whether they live.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Calls at the same time on one connection: SDKs poll with dozens.
const STREAMS: u32 = 4_096;

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The machines cannot run.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// A namespace cannot be registered.
    #[error("namespace {namespace} cannot be registered: {why}")]
    Namespace {
        /// Which.
        namespace: String,
        /// Why.
        why: Rejection,
    },
    /// The certificates cannot be used.
    #[error("the certificates cannot be used: {0}")]
    Tls(#[source] transport::Error),
    /// What reflection serves does not decode: our bug.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    metrics: Option<SocketAddr>,
    engine: Engine,
    ended: Ended,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<(), transport::Error>>,
    health: HealthReporter,
}

/// Starts a server; it answers calls when this returns.
///
/// # Errors
/// If it cannot listen, or the store cannot be used.
pub async fn start(config: Config) -> Result<Running, ServeError> {
    let mut listeners = Vec::new();
    for address in &config.listen {
        listeners.push(listen(*address).await?);
    }
    let addresses = listeners.iter().filter_map(|l| l.local_addr().ok());
    let addresses = addresses.collect();
    let counted = Metrics::default();
    let page = match config.metrics {
        None => None,
        Some(address) => {
            let listening = metrics::listen(address).await;
            Some(listening.map_err(|source| ServeError::Listen { address, source })?)
        }
    };
    let skips = matches!(config.time, TimeMode::Skipping { .. });
    let (engine, inbox) = Engine::new(skips).map_err(engine::EngineError::from)?;
    let ended = engine::spawn(&config, engine.clone(), inbox, counted.clone())?;
    let cluster_id = prepare(&config, &engine).await?;
    let frontend = Frontend {
        engine: engine.clone(),
        cluster_id,
        shards: config.shards,
        long_poll: config.long_poll,
        workers: Heartbeats::new(),
        polled: Polled::default(),
        metrics: counted.clone(),
    };
    let (health, routes) = routes(&frontend, skips).await?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for listener in listeners {
        let mut stopped = stopped.clone();
        let ends = async move {
            // The other end lives as long as the server.
            stopped
                .wait_for(|stop| *stop)
                .await
                .map(drop)
                .unwrap_or_default();
        };
        let serving = builder(&config)?
            .tcp_nodelay(true)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .max_concurrent_streams(STREAMS)
            .layer(Around {
                keys: config.keys.clone(),
                metrics: counted.clone(),
            })
            .add_routes(routes.clone())
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), ends);
        tasks.spawn(serving);
    }
    let metrics = page.map(|(address, listener)| {
        let serving = metrics::serve(listener, counted, stopped);
        tasks.spawn(async move {
            serving.await;
            Ok(())
        });
        address
    });
    Ok(Running {
        addresses,
        metrics,
        engine,
        ended,
        stop,
        tasks,
        health,
    })
}

fn builder(config: &Config) -> Result<transport::Server, ServeError> {
    let Some(tls) = &config.tls else {
        return Ok(transport::Server::builder());
    };
    let mut with = ServerTlsConfig::new().identity(Identity::from_pem(&tls.certificate, &tls.key));
    if let Some(client_ca) = &tls.client_ca {
        with = with.client_ca_root(Certificate::from_pem(client_ca));
    }
    transport::Server::builder()
        .tls_config(with)
        .map_err(ServeError::Tls)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
}

/// Registers what the configuration names, and learns what there is. Returns the id of the first namespace, by which
/// the server is known.
async fn prepare(config: &Config, engine: &Engine) -> Result<String, ServeError> {
    for name in &config.namespaces {
        let info = NamespaceInfo {
            id: String::new(),
            description: String::new(),
            owner_email: String::new(),
            data: std::collections::BTreeMap::new(),
            retention: config.retention,
            deprecated: false,
            search_attributes: config.search_attributes.clone(),
            created: Timestamp::EPOCH,
        };
        let failed = |why| ServeError::Namespace {
            namespace: name.clone(),
            why,
        };
        let register = NamespaceAction::Register(Box::new(info));
        match registry_request(engine, name, register).await {
            Ok(()) => {}
            Err(Rejection::NamespaceExists(_)) => {
                let add = NamespaceAction::AddSearchAttributes(config.search_attributes.clone());
                registry_request(engine, name, add).await.map_err(failed)?;
            }
            Err(why) => return Err(failed(why)),
        }
    }
    let unread = |why: Rejection| ServeError::Namespace {
        namespace: String::new(),
        why,
    };
    let read = Ask::Shard(wire::read());
    engine.ask(engine.reply_to(), read).await.map_err(unread)?;
    let read = Ask::Shard(read_endpoints());
    engine.ask(engine.reply_to(), read).await.map_err(unread)?;
    let registry = engine.registry();
    let first = registry.values().next();
    Ok(first.map_or_else(String::new, |info| info.id.clone()))
}

async fn registry_request(
    engine: &Engine,
    name: &str,
    action: NamespaceAction,
) -> Result<(), Rejection> {
    let request = Request::Namespace(NamespaceRequest {
        name: Namespace::new(name),
        action,
    });
    let asked = engine.ask(engine.reply_to(), Ask::Shard(request));
    asked.await.map(drop)
}

async fn routes(frontend: &Frontend, skips: bool) -> Result<(HealthReporter, Routes), ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_serving::<WorkflowServiceServer<Frontend>>()
        .await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let workflow = WorkflowServiceServer::new(frontend.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(usize::MAX);
    let operator = OperatorServiceServer::new(frontend.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    // Temporal's Java SDK compresses whatever it sends, and this is the first that it sends.
    let health = health
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    let mut routes = Routes::new(workflow)
        .add_service(operator)
        .add_service(health)
        .add_service(
            reflection()
                .build_v1()?
                .accept_compressed(CompressionEncoding::Gzip),
        )
        .add_service(
            reflection()
                .build_v1alpha()?
                .accept_compressed(CompressionEncoding::Gzip),
        );
    if skips {
        let clock = TestServiceServer::new(frontend.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Gzip);
        routes = routes.add_service(clock);
    }
    Ok((reporter, routes.prepare()))
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where Prometheus may read what it counts, if anywhere.
    #[must_use]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Waits until the machines die, which they do only of a bug or when no shard can be had; never returns otherwise.
    pub async fn died(&mut self) {
        (&mut self.ended).await.unwrap_or_default();
    }

    /// Ends in good order: no new calls, long polls end with nothing, what was taken becomes durable.
    pub async fn stop(mut self) {
        self.health
            .set_not_serving::<WorkflowServiceServer<Frontend>>()
            .await;
        self.engine.post(engine::Post::Drain);
        self.stop.send(true).unwrap_or_default();
        let calls = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, calls).await.is_err() {
            tracing::warn!("some calls did not end in time");
            self.tasks.abort_all();
        }
        self.engine.post(engine::Post::Stop);
        self.ended.await.unwrap_or_default();
    }
}
