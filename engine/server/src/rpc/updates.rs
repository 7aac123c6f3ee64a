//! Those who update workflows.

use std::{pin::pin, time::Duration};

use steadfast_core::{
    Rejection, Reply, Request as CoreRequest, UpdateId, effect::UpdateReply, parse, render,
};
use steadfast_proto::temporal::api::{
    history::v1::HistoryEvent,
    workflowservice::v1::{
        ExecuteMultiOperationRequest, ExecuteMultiOperationResponse,
        PollWorkflowExecutionUpdateRequest, PollWorkflowExecutionUpdateResponse,
        UpdateWorkflowExecutionRequest, UpdateWorkflowExecutionResponse,
    },
};
use tonic::{Request, Status};

use super::{Called, Frontend, fresh, unexpected};
use crate::{
    deadline,
    engine::{Ask, Post},
    status::status,
};

impl Frontend {
    pub(super) async fn update_workflow_execution(
        &self,
        request: Request<UpdateWorkflowExecutionRequest>,
    ) -> Called<UpdateWorkflowExecutionResponse> {
        let patience = deadline::history(request.metadata());
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let request = parse::update(body, fresh_update()?);
        let (reply, event) = self.await_update(request, patience).await?;
        Ok(render::update(reply, event))
    }

    pub(super) async fn poll_workflow_execution_update(
        &self,
        request: Request<PollWorkflowExecutionUpdateRequest>,
    ) -> Called<PollWorkflowExecutionUpdateResponse> {
        let patience = deadline::history(request.metadata());
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let (reply, event) = self
            .await_update(parse::poll_update(body), patience)
            .await?;
        Ok(render::update_poll(reply, event))
    }

    pub(super) async fn execute_multi_operation(
        &self,
        request: Request<ExecuteMultiOperationRequest>,
    ) -> Called<ExecuteMultiOperationResponse> {
        let patience = deadline::history(request.metadata());
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let start = fresh(self.engine.reply_to());
        let request = parse::multi_operation(body, start, fresh_update()?);
        let (reply, event) = self.await_update(request, patience).await?;
        Ok(render::update_with_start(reply, event))
    }

    /// Asks, and waits so long for the stage that is asked for; then for as far as the update is.
    async fn await_update(
        &self,
        request: Result<CoreRequest, Rejection>,
        patience: Duration,
    ) -> Called<(UpdateReply, Option<HistoryEvent>)> {
        let request = request.map_err(status)?;
        let key = request.key().clone();
        let to = self.engine.reply_to();
        let mut asked = pin!(self.engine.ask(to, Ask::Shard(request)));
        let answer = match tokio::time::timeout(patience, asked.as_mut()).await {
            Ok(answer) => answer,
            Err(_) => {
                self.engine.post(Post::WaitEnded(to, key));
                asked.await
            }
        };
        let answer = answer.map_err(status)?;
        match answer.reply {
            Reply::Update(reply) => Ok((*reply, render::events(answer.events).pop())),
            _ => Err(unexpected()),
        }
    }
}

/// An id for an update whose caller brings none. It must differ from all others of the run, also of those before a
/// restart of the server.
fn fresh_update() -> Called<UpdateId> {
    let high = getrandom::u64().map_err(no_chance)?;
    let low = getrandom::u64().map_err(no_chance)?;
    Ok(UpdateId::new(format!("{high:016x}{low:016x}")))
}

fn no_chance(error: getrandom::Error) -> Status {
    Status::unavailable(format!("no randomness: {error}"))
}
