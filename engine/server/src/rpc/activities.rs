//! Activities that no workflow has scheduled: those who start them and wait for their end.

use steadfast_core::{
    Reply, parse,
    visibility::{answer, request as asked},
};
use steadfast_proto::temporal::api::workflowservice::v1::{
    CountActivityExecutionsRequest, CountActivityExecutionsResponse,
    DescribeActivityExecutionRequest, DescribeActivityExecutionResponse,
    ListActivityExecutionsRequest, ListActivityExecutionsResponse, PollActivityExecutionRequest,
    PollActivityExecutionResponse, RequestCancelActivityExecutionRequest,
    RequestCancelActivityExecutionResponse, StartActivityExecutionRequest,
    StartActivityExecutionResponse, TerminateActivityExecutionRequest,
    TerminateActivityExecutionResponse,
};
use tonic::Request;

use super::{Called, Frontend, fresh, unexpected};
use crate::{deadline, status::status};

impl Frontend {
    pub(super) async fn start_activity_execution(
        &self,
        request: Request<StartActivityExecutionRequest>,
    ) -> Called<StartActivityExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let to = self.engine.reply_to();
        let request = parse::start_activity(body, fresh(to));
        match self.ask_as(to, request).await?.reply {
            Reply::Started(started) => Ok(StartActivityExecutionResponse {
                run_id: started.run_id.into(),
                started: started.started,
                ..StartActivityExecutionResponse::default()
            }),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn describe_activity_execution(
        &self,
        request: Request<DescribeActivityExecutionRequest>,
    ) -> Called<DescribeActivityExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask(parse::describe_activity(&body)).await?.reply {
            Reply::DescribeActivity(description) => Ok(*description),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn list_activity_executions(
        &self,
        request: Request<ListActivityExecutionsRequest>,
    ) -> Called<ListActivityExecutionsResponse> {
        let body = request.into_inner();
        let types = self.types(&body.namespace)?;
        let list = asked::list_activities(&body, &types).map_err(status)?;
        let (rows, next) = self.rows(list).await?;
        Ok(answer::activities(rows, next.as_ref(), &types))
    }

    pub(super) async fn count_activity_executions(
        &self,
        request: Request<CountActivityExecutionsRequest>,
    ) -> Called<CountActivityExecutionsResponse> {
        let body = request.into_inner();
        let types = self.types(&body.namespace)?;
        let count = asked::count_activities(&body, &types).map_err(status)?;
        let (counts, by) = self.counts(count).await?;
        Ok(answer::activities_counted(&counts, by))
    }

    /// A wait that ends for nothing is answered with nothing; the caller asks again.
    pub(super) async fn poll_activity_execution(
        &self,
        request: Request<PollActivityExecutionRequest>,
    ) -> Called<PollActivityExecutionResponse> {
        let patience = deadline::history(request.metadata());
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let asked = self.ask(parse::poll_activity_end(&body));
        let Ok(answer) = tokio::time::timeout(patience, asked).await else {
            return Ok(PollActivityExecutionResponse::default());
        };
        match answer?.reply {
            Reply::ActivityOutcome(run_id, outcome) => Ok(PollActivityExecutionResponse {
                run_id: run_id.into(),
                outcome: outcome.map(|outcome| *outcome),
            }),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn request_cancel_activity_execution(
        &self,
        request: Request<RequestCancelActivityExecutionRequest>,
    ) -> Called<RequestCancelActivityExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::cancel_activity(body)).await?;
        Ok(RequestCancelActivityExecutionResponse {})
    }

    pub(super) async fn terminate_activity_execution(
        &self,
        request: Request<TerminateActivityExecutionRequest>,
    ) -> Called<TerminateActivityExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::terminate_activity(body)).await?;
        Ok(TerminateActivityExecutionResponse {})
    }
}
