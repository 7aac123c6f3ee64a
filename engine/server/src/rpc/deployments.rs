//! Worker deployments: those who decide which version of the workers new work goes to.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use steadfast_core::{MatchingInput, Rejection, Reply, ReplyTo, message::QueueKey, parse};
use steadfast_proto::temporal::api::{
    enums::v1::TaskQueueKind,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        DescribeWorkerDeploymentRequest, DescribeWorkerDeploymentResponse,
        SetWorkerDeploymentCurrentVersionRequest, SetWorkerDeploymentCurrentVersionResponse,
        SetWorkerDeploymentRampingVersionRequest, SetWorkerDeploymentRampingVersionResponse,
    },
};
use tonic::Request;

use super::{Called, Frontend, unexpected};
use crate::{engine::Answer, status::status};

/// Queues of versions that their deployments know of already; beyond so many they are told again.
const MOST_KNOWN: usize = 100_000;

/// Which queues of which versions have been seen to be polled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Polled(Arc<Mutex<BTreeSet<QueueKey>>>);

impl Polled {
    fn with<T>(&self, read: impl FnOnce(&mut BTreeSet<QueueKey>) -> T) -> T {
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Frontend {
    /// Waits for a task. The deployment of a worker that has a version hears of a queue first that it polls, unless the
    /// queue is the worker's own.
    pub(super) async fn poll(
        &self,
        queue: Option<&TaskQueue>,
        input: impl FnOnce(ReplyTo) -> Result<MatchingInput, Rejection>,
    ) -> Called<Answer> {
        let sticky = queue.is_some_and(|queue| queue.kind() == TaskQueueKind::Sticky);
        let to = self.engine.reply_to();
        let input = input(to).map_err(status)?;
        if let (false, MatchingInput::Poll { queue, .. }) = (sticky, &input) {
            self.version_polls(queue).await?;
        }
        self.tell_matching(to, input).await
    }

    async fn version_polls(&self, queue: &QueueKey) -> Called<()> {
        if queue.version.is_none() || self.polled.with(|known| known.contains(queue)) {
            return Ok(());
        }
        if let Some(request) = parse::version_polled(queue).map_err(status)? {
            self.ask(Ok(request)).await?;
        }
        self.polled.with(|known| {
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(queue.clone());
        });
        Ok(())
    }

    pub(super) async fn describe_worker_deployment(
        &self,
        request: Request<DescribeWorkerDeploymentRequest>,
    ) -> Called<DescribeWorkerDeploymentResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask(parse::describe_deployment(&body)).await?.reply {
            Reply::Deployment(deployment, _) => Ok(DescribeWorkerDeploymentResponse {
                conflict_token: deployment.token().into(),
                worker_deployment_info: Some(deployment.to_proto()),
            }),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn set_worker_deployment_current_version(
        &self,
        request: Request<SetWorkerDeploymentCurrentVersionRequest>,
    ) -> Called<SetWorkerDeploymentCurrentVersionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let Reply::Deployment(now, before) =
            self.ask(parse::set_current_version(body)).await?.reply
        else {
            return Err(unexpected());
        };
        let before = before
            .and_then(|b| b.to_proto().routing_config)
            .unwrap_or_default();
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        Ok(SetWorkerDeploymentCurrentVersionResponse {
            conflict_token: now.token().into(),
            previous_deployment_version: before.current_deployment_version,
            ..SetWorkerDeploymentCurrentVersionResponse::default()
        })
    }

    pub(super) async fn set_worker_deployment_ramping_version(
        &self,
        request: Request<SetWorkerDeploymentRampingVersionRequest>,
    ) -> Called<SetWorkerDeploymentRampingVersionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let Reply::Deployment(now, before) =
            self.ask(parse::set_ramping_version(body)).await?.reply
        else {
            return Err(unexpected());
        };
        let before = before
            .and_then(|b| b.to_proto().routing_config)
            .unwrap_or_default();
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        Ok(SetWorkerDeploymentRampingVersionResponse {
            conflict_token: now.token().into(),
            previous_deployment_version: before.ramping_deployment_version,
            previous_percentage: before.ramping_version_percentage,
            ..SetWorkerDeploymentRampingVersionResponse::default()
        })
    }
}
