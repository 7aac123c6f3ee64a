//! Those who look after workflows and activities that are at work: pause them, begin them anew, change their bounds.

use steadfast_core::{Reply, parse};
use steadfast_proto::temporal::api::workflowservice::v1::{
    PauseActivityRequest, PauseActivityResponse, PauseWorkflowExecutionRequest,
    PauseWorkflowExecutionResponse, ResetActivityRequest, ResetActivityResponse,
    UnpauseActivityRequest, UnpauseActivityResponse, UnpauseWorkflowExecutionRequest,
    UnpauseWorkflowExecutionResponse, UpdateActivityOptionsRequest, UpdateActivityOptionsResponse,
};
use tonic::Request;

use super::{Called, Frontend, unexpected};

impl Frontend {
    pub(super) async fn pause_activity(
        &self,
        request: Request<PauseActivityRequest>,
    ) -> Called<PauseActivityResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::pause_activity(body)).await?;
        Ok(PauseActivityResponse {})
    }

    pub(super) async fn unpause_activity(
        &self,
        request: Request<UnpauseActivityRequest>,
    ) -> Called<UnpauseActivityResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::unpause_activity(body)).await?;
        Ok(UnpauseActivityResponse {})
    }

    pub(super) async fn reset_activity(
        &self,
        request: Request<ResetActivityRequest>,
    ) -> Called<ResetActivityResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::reset_activity(body)).await?;
        Ok(ResetActivityResponse {})
    }

    pub(super) async fn update_activity_options(
        &self,
        request: Request<UpdateActivityOptionsRequest>,
    ) -> Called<UpdateActivityOptionsResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask(parse::update_activity_options(body)).await?.reply {
            Reply::ActivityOptions(options) => Ok(UpdateActivityOptionsResponse {
                activity_options: Some(*options),
            }),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn pause_workflow_execution(
        &self,
        request: Request<PauseWorkflowExecutionRequest>,
    ) -> Called<PauseWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::pause_workflow(body)).await?;
        Ok(PauseWorkflowExecutionResponse {})
    }

    pub(super) async fn unpause_workflow_execution(
        &self,
        request: Request<UnpauseWorkflowExecutionRequest>,
    ) -> Called<UnpauseWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::unpause_workflow(body)).await?;
        Ok(UnpauseWorkflowExecutionResponse {})
    }
}
