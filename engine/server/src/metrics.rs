//! What the server counts, and the page on which Prometheus reads it.
//!
//! | metric | labels | what |
//! |---|---|---|
//! | `steadfast_requests_total` | `method`, `code` | calls that were answered |
//! | `steadfast_request_seconds` | `method` | how long that took; of polls, how long they waited |
//! | `steadfast_open_executions` | – | workflows, and activities of their own, that have not ended |
//! | `steadfast_pollers` | `kind` | polls that wait for a task |
//! | `steadfast_task_wait_seconds` | `kind` | from when a task was scheduled until a worker had it |
//! | `steadfast_batches_total` | – | batches that were handed to the store |
//! | `steadfast_records_total` | – | records in them |
//! | `steadfast_syncs_total` | – | syncs of the log |
//! | `steadfast_sync_seconds` | – | how long they took |
//!
//! The names of methods are those of Temporal's API, so there are only so many: a call of a method that is not there
//! counts as `unknown`.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};
use prost_types::Timestamp;
use steadfast_proto::time::timestamp_nanos_saturating;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tonic::Code;

/// From a tenth of a millisecond to a minute, for calls and tasks that may wait.
const SECONDS: [f64; 14] = [
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0,
];

/// See the module documentation. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    open: IntGauge,
    pollers: IntGaugeVec,
    task_wait: HistogramVec,
    batches: IntCounter,
    records: IntCounter,
    syncs: IntCounter,
    sync_seconds: Histogram,
}

/// How many may read the page at the same time, and how long one may take to say that he wants to.
const READERS: usize = 16;
const HASTE: Duration = Duration::from_secs(10);

/// What a worker polls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Workflow tasks and queries.
    Workflow,
    /// Activities.
    Activity,
    /// Nexus operations.
    Nexus,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Activity => "activity",
            Self::Nexus => "nexus",
        }
    }
}

/// A poll that waits, until it is dropped.
#[derive(Debug)]
pub(crate) struct Polling(IntGauge);

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let opts = |name: &str, help: &str| Opts::new(format!("steadfast_{name}"), help);
        let times = |name: &str, help: &str| {
            HistogramOpts::from(opts(name, help)).buckets(SECONDS.to_vec())
        };
        let counters = Counters {
            requests: register(
                &registry,
                IntCounterVec::new(
                    opts("requests_total", "Calls answered."),
                    &["method", "code"],
                ),
            ),
            request_seconds: register(
                &registry,
                HistogramVec::new(
                    times("request_seconds", "How long answers took."),
                    &["method"],
                ),
            ),
            open: register(
                &registry,
                IntGauge::with_opts(opts("open_executions", "Executions that have not ended.")),
            ),
            pollers: register(
                &registry,
                IntGaugeVec::new(opts("pollers", "Polls that wait for a task."), &["kind"]),
            ),
            task_wait: register(
                &registry,
                HistogramVec::new(
                    times("task_wait_seconds", "How long tasks waited for a worker."),
                    &["kind"],
                ),
            ),
            batches: register(
                &registry,
                IntCounter::with_opts(opts("batches_total", "Batches handed to the store.")),
            ),
            records: register(
                &registry,
                IntCounter::with_opts(opts("records_total", "Records in them.")),
            ),
            syncs: register(
                &registry,
                IntCounter::with_opts(opts("syncs_total", "Syncs of the log.")),
            ),
            sync_seconds: register(
                &registry,
                Histogram::with_opts(times("sync_seconds", "How long syncs took.")),
            ),
            registry: registry.clone(),
        };
        Self(Arc::new(counters))
    }
}

fn register<C>(registry: &Registry, made: prometheus::Result<C>) -> C
where
    C: Collector + Clone + 'static,
{
    let made = made.expect("the names here are valid");
    let registered = registry.register(Box::new(made.clone()));
    registered.expect("the names here differ");
    made
}

impl Metrics {
    /// A call of this path was answered.
    pub(crate) fn answered(&self, path: &str, code: Code, took: Duration) {
        let method = match code {
            // Whoever calls what is not there makes names up.
            Code::Unimplemented => "unknown",
            _ => path.rsplit('/').next().unwrap_or_default(),
        };
        let counters = &self.0;
        let code = format!("{code:?}");
        counters.requests.with_label_values(&[method, &code]).inc();
        let seconds = counters.request_seconds.with_label_values(&[method]);
        seconds.observe(took.as_secs_f64());
    }

    /// Somebody polls, until what is returned is dropped.
    pub(crate) fn polls(&self, kind: Kind) -> Polling {
        let gauge = self.0.pollers.with_label_values(&[kind.name()]);
        gauge.inc();
        Polling(gauge)
    }

    /// A worker has a task that was scheduled then, and started then.
    pub(crate) fn has_task(
        &self,
        kind: Kind,
        scheduled: Option<&Timestamp>,
        started: Option<&Timestamp>,
    ) {
        let (Some(scheduled), Some(started)) = (scheduled, started) else {
            return;
        };
        let waited = timestamp_nanos_saturating(started)
            .saturating_sub(timestamp_nanos_saturating(scheduled));
        let waited = Duration::from_nanos(u64::try_from(waited).unwrap_or_default());
        let seconds = self.0.task_wait.with_label_values(&[kind.name()]);
        seconds.observe(waited.as_secs_f64());
    }

    /// A batch goes to the store.
    pub(crate) fn submits(&self, records: usize) {
        if records > 0 {
            self.0.batches.inc();
            self.0.records.inc_by(records as u64);
        }
    }

    /// So many executions are open now.
    pub(crate) fn open(&self, executions: u64) {
        self.0
            .open
            .set(i64::try_from(executions).unwrap_or(i64::MAX));
    }

    /// The log was synced.
    pub(crate) fn synced(&self, took: Duration) {
        self.0.syncs.inc();
        self.0.sync_seconds.observe(took.as_secs_f64());
    }

    /// The page.
    fn page(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.0.registry.gather())
    }
}

/// Serves the page at `/metrics` until `stopped` says that it is enough.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    mut stopped: watch::Receiver<bool>,
) {
    let readers = Arc::new(Semaphore::new(READERS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // The other end lives as long as the server.
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        // One too many is turned away, and so is one whose connection broke at once.
        let reader = Arc::clone(&readers).try_acquire_owned();
        let (Ok((stream, _)), Ok(reader)) = (accepted, reader) else {
            continue;
        };
        let metrics = metrics.clone();
        tokio::spawn(async move {
            answer(stream, metrics).await;
            drop(reader);
        });
    }
}

async fn answer(stream: TcpStream, metrics: Metrics) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&metrics, request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HASTE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A reader who goes away before he has read it needs no page.
    serving.await.unwrap_or_default();
}

fn respond(metrics: &Metrics, path: &str) -> Response<Full<Bytes>> {
    let (status, page) = match (path, metrics.page()) {
        ("/metrics", Ok(page)) => (StatusCode::OK, page),
        ("/metrics", Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        _ => (StatusCode::NOT_FOUND, "see /metrics\n".to_owned()),
    };
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)
        .body(Full::from(page))
        .expect("its parts are valid")
}

/// Where the page is, and the listener that it is served on.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<(SocketAddr, TcpListener)> {
    let listener = TcpListener::bind(address).await?;
    Ok((listener.local_addr()?, listener))
}
