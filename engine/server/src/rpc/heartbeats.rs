//! Who works: what workers say about themselves, for people and for tools.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use steadfast_core::{
    Monotonic, Namespace,
    workers::{self, Workers},
};
use steadfast_proto::temporal::api::{
    worker::v1::{WorkerHeartbeat, WorkerInfo},
    workflowservice::v1::{
        CountWorkersRequest, CountWorkersResponse, DescribeWorkerRequest, DescribeWorkerResponse,
        ListWorkersRequest, ListWorkersResponse, RecordWorkerHeartbeatRequest,
        RecordWorkerHeartbeatResponse,
    },
};
use tonic::Request;

use super::{Called, Frontend};
use crate::status::status;

/// Workers in one page.
const PAGE: usize = 1_000;

/// What workers last said about themselves. Volatile, and shared by all calls.
#[derive(Clone, Debug)]
pub(crate) struct Heartbeats {
    began: Instant,
    workers: Arc<Mutex<Workers>>,
}

impl Heartbeats {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            workers: Arc::default(),
        }
    }

    /// Takes what workers say about themselves.
    pub(super) fn record(
        &self,
        namespace: &str,
        heartbeats: impl IntoIterator<Item = WorkerHeartbeat>,
    ) {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let namespace = Namespace::from(namespace);
        self.read(|workers| workers.record(Monotonic(now), &namespace, heartbeats));
    }

    fn read<T>(&self, read: impl FnOnce(&mut Workers) -> T) -> T {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        read(&mut workers)
    }
}

impl Frontend {
    pub(super) async fn record_worker_heartbeat(
        &self,
        request: Request<RecordWorkerHeartbeatRequest>,
    ) -> Called<RecordWorkerHeartbeatResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.workers.record(&body.namespace, body.worker_heartbeat);
        Ok(RecordWorkerHeartbeatResponse {})
    }

    pub(super) async fn list_workers(
        &self,
        request: Request<ListWorkersRequest>,
    ) -> Called<ListWorkersResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let filter = workers::Filter::parse(&body.query).map_err(status)?;
        let size = match usize::try_from(body.page_size) {
            Ok(0) | Err(_) => PAGE,
            Ok(size) => size.min(PAGE),
        };
        let after = String::from_utf8_lossy(&body.next_page_token).into_owned();
        let namespace = Namespace::from(body.namespace);
        let (page, more) = self.workers.read(|workers| {
            let mut wanted = workers
                .list(&namespace, &after)
                .filter(|worker| filter.accepts(worker));
            let page: Vec<_> = wanted.by_ref().take(size).cloned().collect();
            let more = wanted.next().is_some();
            (page, more)
        });
        let token = page.last().filter(|_| more);
        let token = token.map(|last| last.worker_instance_key.clone());
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        Ok(ListWorkersResponse {
            workers: page.iter().map(workers::list_info).collect(),
            next_page_token: token.unwrap_or_default().into_bytes().into(),
            workers_info: page.into_iter().map(info).collect(),
        })
    }

    pub(super) async fn count_workers(
        &self,
        request: Request<CountWorkersRequest>,
    ) -> Called<CountWorkersResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let filter = workers::Filter::parse(&body.query).map_err(status)?;
        let namespace = Namespace::from(body.namespace);
        let count = self.workers.read(|workers| {
            let all = workers.list(&namespace, "");
            all.filter(|worker| filter.accepts(worker)).count()
        });
        Ok(CountWorkersResponse {
            count: i64::try_from(count).unwrap_or(i64::MAX),
        })
    }

    pub(super) async fn describe_worker(
        &self,
        request: Request<DescribeWorkerRequest>,
    ) -> Called<DescribeWorkerResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let namespace = Namespace::from(body.namespace);
        let key = body.worker_instance_key;
        let found = self
            .workers
            .read(|workers| workers.describe(&namespace, &key).cloned());
        Ok(DescribeWorkerResponse {
            worker_info: Some(info(found.map_err(status)?)),
        })
    }
}

fn info(heartbeat: WorkerHeartbeat) -> WorkerInfo {
    WorkerInfo {
        worker_heartbeat: Some(heartbeat),
    }
}
