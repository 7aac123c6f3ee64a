//! Those who run workflow and activity code.

use steadfast_core::{
    Rejection, Reply, Request as Asked,
    nexus::{resolve_endpoints, target_of},
    parse, render,
};
use steadfast_proto::temporal::api::workflowservice::v1::{
    PollActivityTaskQueueRequest, PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest,
    PollWorkflowTaskQueueResponse, RecordActivityTaskHeartbeatByIdRequest,
    RecordActivityTaskHeartbeatByIdResponse, RecordActivityTaskHeartbeatRequest,
    RecordActivityTaskHeartbeatResponse, ResetStickyTaskQueueRequest, ResetStickyTaskQueueResponse,
    RespondActivityTaskCanceledByIdRequest, RespondActivityTaskCanceledByIdResponse,
    RespondActivityTaskCanceledRequest, RespondActivityTaskCanceledResponse,
    RespondActivityTaskCompletedByIdRequest, RespondActivityTaskCompletedByIdResponse,
    RespondActivityTaskCompletedRequest, RespondActivityTaskCompletedResponse,
    RespondActivityTaskFailedByIdRequest, RespondActivityTaskFailedByIdResponse,
    RespondActivityTaskFailedRequest, RespondActivityTaskFailedResponse,
    RespondQueryTaskCompletedRequest, RespondQueryTaskCompletedResponse,
    RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskCompletedResponse,
    RespondWorkflowTaskFailedRequest, RespondWorkflowTaskFailedResponse, ShutdownWorkerRequest,
    ShutdownWorkerResponse,
};
use tonic::Request;

use super::{Called, Frontend, unexpected};
use crate::{deadline, engine::Answer, metrics::Kind, status::status};

impl Frontend {
    pub(super) async fn poll_workflow_task_queue(
        &self,
        request: Request<PollWorkflowTaskQueueRequest>,
    ) -> Called<PollWorkflowTaskQueueResponse> {
        let patience = deadline::poll(request.metadata(), self.long_poll).map_err(status)?;
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let queue = body.task_queue.clone();
        let _polling = self.metrics.polls(Kind::Workflow);
        let answer = self
            .poll(queue.as_ref(), |to| {
                parse::poll_workflow(body, to, patience)
            })
            .await?;
        let Answer {
            reply,
            events,
            more,
        } = answer;
        match reply {
            Reply::NoTask => Ok(PollWorkflowTaskQueueResponse::default()),
            Reply::WorkflowTask(task) => {
                let task = render::workflow_task(*task, render::events(events), more);
                let (scheduled, started) =
                    (task.scheduled_time.as_ref(), task.started_time.as_ref());
                self.metrics.has_task(Kind::Workflow, scheduled, started);
                Ok(task)
            }
            Reply::QueryTask(task) => Ok(render::query_task(*task, render::events(events), more)),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn respond_workflow_task_completed(
        &self,
        request: Request<RespondWorkflowTaskCompletedRequest>,
    ) -> Called<RespondWorkflowTaskCompletedResponse> {
        let body = request.into_inner();
        self.namespace_if_given(&body.namespace)?;
        let mut asked = parse::workflow_task_completed(body);
        if let Ok(Asked::CompleteWorkflowTask(completion)) = &mut asked {
            let endpoints = self.engine.endpoints();
            resolve_endpoints(completion, |name| target_of(&endpoints, name));
        }
        let answer = self.ask(asked).await?;
        let Answer {
            reply,
            events,
            more,
        } = answer;
        match reply {
            Reply::WorkflowTaskCompleted {
                next,
                activities,
                reset_to,
            } => {
                let next =
                    next.map(|task| render::workflow_task(*task, render::events(events), more));
                Ok(render::workflow_task_completed(next, activities, reset_to))
            }
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn respond_workflow_task_failed(
        &self,
        request: Request<RespondWorkflowTaskFailedRequest>,
    ) -> Called<RespondWorkflowTaskFailedResponse> {
        let body = request.into_inner();
        self.namespace_if_given(&body.namespace)?;
        self.ask(parse::workflow_task_failed(body)).await?;
        Ok(RespondWorkflowTaskFailedResponse {})
    }

    pub(super) async fn respond_query_task_completed(
        &self,
        request: Request<RespondQueryTaskCompletedRequest>,
    ) -> Called<RespondQueryTaskCompletedResponse> {
        let body = request.into_inner();
        self.namespace_if_given(&body.namespace)?;
        self.ask_matching(|to| parse::query_completed(body, to))
            .await?;
        Ok(RespondQueryTaskCompletedResponse {})
    }

    pub(super) async fn poll_activity_task_queue(
        &self,
        request: Request<PollActivityTaskQueueRequest>,
    ) -> Called<PollActivityTaskQueueResponse> {
        let patience = deadline::poll(request.metadata(), self.long_poll).map_err(status)?;
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let queue = body.task_queue.clone();
        let _polling = self.metrics.polls(Kind::Activity);
        let answer = self
            .poll(queue.as_ref(), |to| {
                parse::poll_activity(body, to, patience)
            })
            .await?;
        match answer.reply {
            Reply::NoTask => Ok(PollActivityTaskQueueResponse::default()),
            Reply::ActivityTask(task) => {
                let task = render::activity_task(*task);
                let scheduled = task.current_attempt_scheduled_time.as_ref();
                self.metrics
                    .has_task(Kind::Activity, scheduled, task.started_time.as_ref());
                Ok(task)
            }
            _ => Err(unexpected()),
        }
    }

    /// What is said about an activity, and that the one who says it may speak for its namespace.
    async fn tell_activity(
        &self,
        namespace: &str,
        said: Result<Asked, Rejection>,
    ) -> Called<Answer> {
        self.namespace_if_given(namespace)?;
        self.ask(said).await
    }

    pub(super) async fn respond_activity_task_completed(
        &self,
        request: Request<RespondActivityTaskCompletedRequest>,
    ) -> Called<RespondActivityTaskCompletedResponse> {
        let body = request.into_inner();
        let namespace = body.namespace.clone();
        self.tell_activity(&namespace, parse::activity_completed(body))
            .await?;
        Ok(RespondActivityTaskCompletedResponse {})
    }

    pub(super) async fn respond_activity_task_completed_by_id(
        &self,
        request: Request<RespondActivityTaskCompletedByIdRequest>,
    ) -> Called<RespondActivityTaskCompletedByIdResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::activity_completed_by_id(body)).await?;
        Ok(RespondActivityTaskCompletedByIdResponse {})
    }

    pub(super) async fn respond_activity_task_failed(
        &self,
        request: Request<RespondActivityTaskFailedRequest>,
    ) -> Called<RespondActivityTaskFailedResponse> {
        let body = request.into_inner();
        let namespace = body.namespace.clone();
        self.tell_activity(&namespace, parse::activity_failed(body))
            .await?;
        Ok(RespondActivityTaskFailedResponse::default())
    }

    pub(super) async fn respond_activity_task_failed_by_id(
        &self,
        request: Request<RespondActivityTaskFailedByIdRequest>,
    ) -> Called<RespondActivityTaskFailedByIdResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::activity_failed_by_id(body)).await?;
        Ok(RespondActivityTaskFailedByIdResponse::default())
    }

    pub(super) async fn respond_activity_task_canceled(
        &self,
        request: Request<RespondActivityTaskCanceledRequest>,
    ) -> Called<RespondActivityTaskCanceledResponse> {
        let body = request.into_inner();
        let namespace = body.namespace.clone();
        self.tell_activity(&namespace, parse::activity_canceled(body))
            .await?;
        Ok(RespondActivityTaskCanceledResponse {})
    }

    pub(super) async fn respond_activity_task_canceled_by_id(
        &self,
        request: Request<RespondActivityTaskCanceledByIdRequest>,
    ) -> Called<RespondActivityTaskCanceledByIdResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::activity_canceled_by_id(body)).await?;
        Ok(RespondActivityTaskCanceledByIdResponse {})
    }

    pub(super) async fn record_activity_task_heartbeat(
        &self,
        request: Request<RecordActivityTaskHeartbeatRequest>,
    ) -> Called<RecordActivityTaskHeartbeatResponse> {
        let body = request.into_inner();
        let namespace = body.namespace.clone();
        let said = parse::activity_heartbeat(body);
        match self.tell_activity(&namespace, said).await?.reply {
            Reply::Heartbeat {
                cancel_requested,
                paused,
                reset,
            } => Ok(RecordActivityTaskHeartbeatResponse {
                cancel_requested,
                activity_paused: paused,
                activity_reset: reset,
            }),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn record_activity_task_heartbeat_by_id(
        &self,
        request: Request<RecordActivityTaskHeartbeatByIdRequest>,
    ) -> Called<RecordActivityTaskHeartbeatByIdResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask(parse::activity_heartbeat_by_id(body)).await?.reply {
            Reply::Heartbeat {
                cancel_requested,
                paused,
                reset,
            } => Ok(RecordActivityTaskHeartbeatByIdResponse {
                cancel_requested,
                activity_paused: paused,
                activity_reset: reset,
            }),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn reset_sticky_task_queue(
        &self,
        request: Request<ResetStickyTaskQueueRequest>,
    ) -> Called<ResetStickyTaskQueueResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::reset_stickiness(&body)).await?;
        Ok(ResetStickyTaskQueueResponse {})
    }

    pub(super) async fn shutdown_worker(
        &self,
        request: Request<ShutdownWorkerRequest>,
    ) -> Called<ShutdownWorkerResponse> {
        let mut body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.workers
            .record(&body.namespace, body.worker_heartbeat.take());
        self.ask_matching(|to| parse::shutdown_worker(&body, to))
            .await?;
        Ok(ShutdownWorkerResponse {})
    }
}
