//! Nexus: those who look after endpoints, and the workers that handle what is asked of them.

use steadfast_core::{
    Rejection, Reply,
    nexus::{Endpoints, registry_key},
    parse, render,
};
use steadfast_proto::temporal::api::{
    nexus::v1::Endpoint,
    operatorservice::v1::{
        CreateNexusEndpointRequest, CreateNexusEndpointResponse, DeleteNexusEndpointRequest,
        DeleteNexusEndpointResponse, GetNexusEndpointRequest, GetNexusEndpointResponse,
        ListNexusEndpointsRequest, ListNexusEndpointsResponse, UpdateNexusEndpointRequest,
        UpdateNexusEndpointResponse,
    },
    workflowservice::v1::{
        PollNexusTaskQueueRequest, PollNexusTaskQueueResponse, RespondNexusTaskCompletedRequest,
        RespondNexusTaskCompletedResponse, RespondNexusTaskFailedRequest,
        RespondNexusTaskFailedResponse,
    },
};
use tonic::Request;

use super::{Called, Frontend, unexpected};
use crate::{deadline, metrics::Kind, status::status};

/// Endpoints in one page. temporal: `limit.listNexusEndpointsMaxPageSize` and its default.
const PAGE: usize = 100;

impl Frontend {
    pub(super) async fn create_nexus_endpoint(
        &self,
        request: Request<CreateNexusEndpointRequest>,
    ) -> Called<CreateNexusEndpointResponse> {
        let asked = parse::create_endpoint(request.into_inner());
        let endpoint = self.change_endpoint(asked).await?;
        Ok(CreateNexusEndpointResponse { endpoint })
    }

    pub(super) async fn update_nexus_endpoint(
        &self,
        request: Request<UpdateNexusEndpointRequest>,
    ) -> Called<UpdateNexusEndpointResponse> {
        let asked = parse::update_endpoint(request.into_inner());
        let endpoint = self.change_endpoint(asked).await?;
        Ok(UpdateNexusEndpointResponse { endpoint })
    }

    pub(super) async fn delete_nexus_endpoint(
        &self,
        request: Request<DeleteNexusEndpointRequest>,
    ) -> Called<DeleteNexusEndpointResponse> {
        self.change_endpoint(parse::delete_endpoint(&request.into_inner()))
            .await?;
        Ok(DeleteNexusEndpointResponse {})
    }

    /// Carries out a change and returns the endpoint as it is then, if it is still there.
    async fn change_endpoint(
        &self,
        asked: Result<steadfast_core::Request, Rejection>,
    ) -> Called<Option<Endpoint>> {
        if let Ok(steadfast_core::Request::Endpoint(request)) = &asked
            && let Some(namespace) = request.namespace()
            && self.namespace(namespace.as_str()).is_err()
        {
            // temporal: service/frontend/nexus_endpoint_client.go, the target must be there.
            let missing = format!(
                "could not verify namespace referenced by target exists: Namespace {namespace} is not found."
            );
            return Err(status(Rejection::FailedPrecondition(missing)));
        }
        match self.ask(asked).await?.reply {
            Reply::Endpoints(all, id) => Ok(all.get(&id).map(|endpoint| endpoint.to_proto(&id))),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn get_nexus_endpoint(
        &self,
        request: Request<GetNexusEndpointRequest>,
    ) -> Called<GetNexusEndpointResponse> {
        let id = parse::endpoint_id(&request.into_inner().id).map_err(status)?;
        let endpoints = self.engine.endpoints();
        let Some(endpoint) = endpoints.get(&id) else {
            let missing = format!("could not find Nexus endpoint with ID: {id}");
            return Err(status(Rejection::NotFound(missing)));
        };
        Ok(GetNexusEndpointResponse {
            endpoint: Some(endpoint.to_proto(&id)),
        })
    }

    pub(super) async fn list_nexus_endpoints(
        &self,
        request: Request<ListNexusEndpointsRequest>,
    ) -> Called<ListNexusEndpointsResponse> {
        let body = request.into_inner();
        let after = String::from_utf8_lossy(&body.next_page_token).into_owned();
        let size = match usize::try_from(body.page_size) {
            Ok(0) | Err(_) => PAGE,
            Ok(size) => size.min(PAGE),
        };
        let endpoints = self.engine.endpoints();
        let (page, more) = page(&endpoints, &body.name, &after, size);
        Ok(ListNexusEndpointsResponse {
            endpoints: page,
            next_page_token: more.into_bytes().into(),
        })
    }

    pub(super) async fn poll_nexus_task_queue(
        &self,
        request: Request<PollNexusTaskQueueRequest>,
    ) -> Called<PollNexusTaskQueueResponse> {
        let patience = deadline::poll(request.metadata(), self.long_poll).map_err(status)?;
        let mut body = request.into_inner();
        self.namespace(&body.namespace)?;
        let heartbeats = std::mem::take(&mut body.worker_heartbeat);
        self.workers.record(&body.namespace, heartbeats);
        let _polling = self.metrics.polls(Kind::Nexus);
        let answer = self
            .ask_matching(|to| parse::poll_nexus(body, to, patience))
            .await?;
        match answer.reply {
            Reply::NoTask => Ok(PollNexusTaskQueueResponse::default()),
            Reply::NexusTask(task) => Ok(render::nexus_task(*task)),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn respond_nexus_task_completed(
        &self,
        request: Request<RespondNexusTaskCompletedRequest>,
    ) -> Called<RespondNexusTaskCompletedResponse> {
        let body = request.into_inner();
        self.namespace_if_given(&body.namespace)?;
        self.ask(parse::nexus_completed(body)).await?;
        Ok(RespondNexusTaskCompletedResponse {})
    }

    pub(super) async fn respond_nexus_task_failed(
        &self,
        request: Request<RespondNexusTaskFailedRequest>,
    ) -> Called<RespondNexusTaskFailedResponse> {
        let body = request.into_inner();
        self.namespace_if_given(&body.namespace)?;
        self.ask(parse::nexus_failed(body)).await?;
        Ok(RespondNexusTaskFailedResponse {})
    }
}

/// Endpoints by id after `after`, all or those of that name, and the id of the last if there are more.
fn page(endpoints: &Endpoints, name: &str, after: &str, size: usize) -> (Vec<Endpoint>, String) {
    let mut wanted = endpoints.iter().filter(|(id, endpoint)| {
        id.as_str() > after && (name.is_empty() || endpoint.spec.name == name)
    });
    let page: Vec<_> = wanted
        .by_ref()
        .take(size)
        .map(|(id, endpoint)| endpoint.to_proto(id))
        .collect();
    let more = wanted
        .next()
        .and_then(|_| page.last())
        .map(|last| last.id.clone())
        .unwrap_or_default();
    (page, more)
}

/// Tells the snapshot of endpoints at the start.
pub(crate) fn read_endpoints() -> steadfast_core::Request {
    debug_assert_eq!(
        registry_key().namespace.as_str(),
        steadfast_core::namespace::SYSTEM_NAMESPACE
    );
    steadfast_core::Request::Endpoint(steadfast_core::nexus::EndpointRequest::Read)
}
