//! Those who start, signal, query, read and end workflows.

use steadfast_core::{EventId, Reply, effect::HistoryReply, parse, render};
use steadfast_proto::temporal::api::{
    enums::v1::HistoryEventFilterType,
    history::v1::History,
    workflowservice::v1::{
        DeleteWorkflowExecutionRequest, DeleteWorkflowExecutionResponse,
        DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
        GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse,
        GetWorkflowExecutionHistoryReverseRequest, GetWorkflowExecutionHistoryReverseResponse,
        QueryWorkflowRequest, QueryWorkflowResponse, RequestCancelWorkflowExecutionRequest,
        RequestCancelWorkflowExecutionResponse, ResetWorkflowExecutionRequest,
        ResetWorkflowExecutionResponse, SignalWithStartWorkflowExecutionRequest,
        SignalWithStartWorkflowExecutionResponse, SignalWorkflowExecutionRequest,
        SignalWorkflowExecutionResponse, StartWorkflowExecutionRequest,
        StartWorkflowExecutionResponse, TerminateWorkflowExecutionRequest,
        TerminateWorkflowExecutionResponse,
    },
};
use tonic::{Request, metadata::MetadataMap};

use super::{Called, Frontend, fresh, unexpected};
use crate::{deadline, engine::Answer};

/// Events in one page. temporal: `limit.historyMaxPageSize`.
const PAGE: i32 = 256;

impl Frontend {
    pub(super) async fn start_workflow_execution(
        &self,
        request: Request<StartWorkflowExecutionRequest>,
    ) -> Called<StartWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let to = self.engine.reply_to();
        let Answer {
            reply,
            events,
            more,
        } = self.ask_as(to, parse::start(body, fresh(to))).await?;
        match reply {
            Reply::Started(mut started) => {
                let eager = started.eager.take();
                let eager =
                    eager.map(|task| render::workflow_task(*task, render::events(events), more));
                Ok(render::started(&started, eager))
            }
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn signal_with_start_workflow_execution(
        &self,
        request: Request<SignalWithStartWorkflowExecutionRequest>,
    ) -> Called<SignalWithStartWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let to = self.engine.reply_to();
        let request = parse::signal_with_start(body, fresh(to));
        match self.ask_as(to, request).await?.reply {
            Reply::Started(started) => Ok(render::signal_with_started(&started)),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn signal_workflow_execution(
        &self,
        request: Request<SignalWorkflowExecutionRequest>,
    ) -> Called<SignalWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::signal(body)).await?;
        Ok(SignalWorkflowExecutionResponse::default())
    }

    pub(super) async fn request_cancel_workflow_execution(
        &self,
        request: Request<RequestCancelWorkflowExecutionRequest>,
    ) -> Called<RequestCancelWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::cancel(body)).await?;
        Ok(RequestCancelWorkflowExecutionResponse {})
    }

    pub(super) async fn terminate_workflow_execution(
        &self,
        request: Request<TerminateWorkflowExecutionRequest>,
    ) -> Called<TerminateWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::terminate(body)).await?;
        Ok(TerminateWorkflowExecutionResponse {})
    }

    pub(super) async fn delete_workflow_execution(
        &self,
        request: Request<DeleteWorkflowExecutionRequest>,
    ) -> Called<DeleteWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        self.ask(parse::delete(&body)).await?;
        Ok(DeleteWorkflowExecutionResponse {})
    }

    pub(super) async fn reset_workflow_execution(
        &self,
        request: Request<ResetWorkflowExecutionRequest>,
    ) -> Called<ResetWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let to = self.engine.reply_to();
        match self.ask_as(to, parse::reset(body, fresh(to))).await?.reply {
            Reply::Reset(run_id) => Ok(ResetWorkflowExecutionResponse {
                run_id: run_id.into(),
            }),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn query_workflow(
        &self,
        request: Request<QueryWorkflowRequest>,
    ) -> Called<QueryWorkflowResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask(parse::query(body)).await?.reply {
            Reply::Query(answer) => Ok(render::query_answer(answer)),
            Reply::QueryRejected(state) => Ok(render::query_rejected(state)),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn describe_workflow_execution(
        &self,
        request: Request<DescribeWorkflowExecutionRequest>,
    ) -> Called<DescribeWorkflowExecutionResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        match self.ask(parse::describe(&body)).await?.reply {
            Reply::Describe(answer) => Ok(*answer),
            _ => Err(unexpected()),
        }
    }

    pub(super) async fn get_workflow_execution_history(
        &self,
        request: Request<GetWorkflowExecutionHistoryRequest>,
    ) -> Called<GetWorkflowExecutionHistoryResponse> {
        let patience = deadline::history(request.metadata());
        let is_worker = wants_suffix(request.metadata());
        let follows = follows_runs(request.metadata());
        let mut body = request.into_inner();
        self.namespace(&body.namespace)?;
        let waits = body.wait_new_event;
        let size = body.maximum_page_size;
        let asked = self.ask(parse::history(&body));
        let answer = match tokio::time::timeout(patience, asked).await {
            Ok(answer) => answer?,
            // Nothing came: how things are now, with a token to ask again.
            Err(_) => {
                body.wait_new_event = false;
                self.ask(parse::history(&body)).await?
            }
        };
        let (mut reply, mut events) = history(answer)?;
        if !is_worker {
            reply.suffix.clear();
        }
        if (1..PAGE).contains(&size) {
            events.truncate(usize::try_from(size).unwrap_or(1));
        }
        let mut events = render::events(events);
        if !follows && body.history_event_filter_type() == HistoryEventFilterType::CloseEvent {
            events = events.into_iter().map(render::as_continued).collect();
        }
        Ok(render::history(reply, events, waits))
    }

    pub(super) async fn get_workflow_execution_history_reverse(
        &self,
        request: Request<GetWorkflowExecutionHistoryReverseRequest>,
    ) -> Called<GetWorkflowExecutionHistoryReverseResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let size = match body.maximum_page_size {
            size @ 1..PAGE => size,
            _ => PAGE,
        };
        let (run, last) = self.end_of_page(&body).await?;
        let first = EventId((last.0 - i64::from(size) + 1).max(1));
        let mut events = Vec::new();
        let mut next = first;
        while next <= last {
            let mut forward = forward(&body);
            forward.next_page_token = render::page_token(next, &run.run.run_id);
            let (_, page) = history(self.ask(parse::history(&forward)).await?)?;
            let page = render::events(page);
            next = match page.last() {
                Some(event) => EventId(event.event_id).next(),
                None => break,
            };
            events.extend(page);
        }
        events.truncate(usize::try_from(last.0 - first.0 + 1).unwrap_or(0));
        events.reverse();
        let more = (first > EventId::FIRST)
            .then(|| render::page_token(EventId(first.0 - 1), &run.run.run_id));
        Ok(GetWorkflowExecutionHistoryReverseResponse {
            history: Some(History { events }),
            next_page_token: more.unwrap_or_default(),
        })
    }

    /// The newest event of a page that goes backwards: what the token says, or the end of the history.
    async fn end_of_page(
        &self,
        body: &GetWorkflowExecutionHistoryReverseRequest,
    ) -> Called<(HistoryReply, EventId)> {
        let (run, _) = history(self.ask(parse::history(&forward(body))).await?)?;
        let last = match body.next_page_token.is_empty() {
            true => run.events.last,
            false => run.events.first.min(run.events.last),
        };
        Ok((run, last))
    }
}

fn forward(body: &GetWorkflowExecutionHistoryReverseRequest) -> GetWorkflowExecutionHistoryRequest {
    GetWorkflowExecutionHistoryRequest {
        namespace: body.namespace.clone(),
        execution: body.execution.clone(),
        next_page_token: body.next_page_token.clone(),
        ..GetWorkflowExecutionHistoryRequest::default()
    }
}

fn history(answer: Answer) -> Called<(HistoryReply, Vec<bytes::Bytes>)> {
    match answer.reply {
        Reply::History(reply) => Ok((reply, answer.events)),
        _ => Err(unexpected()),
    }
}

/// Whether a client looks for the run that follows a failed or completed one by itself.
fn follows_runs(metadata: &MetadataMap) -> bool {
    let features = metadata
        .get("supported-features")
        .and_then(|v| v.to_str().ok());
    features.is_some_and(|all| all.split(',').any(|it| it.trim() == "follows-next-run-id"))
}

/// People are not shown events that are not in the history yet.
// temporal: service/history/api/getworkflowexecutionhistory/api.go, transient events are for SDKs only.
fn wants_suffix(metadata: &MetadataMap) -> bool {
    let client = metadata.get("client-name").and_then(|v| v.to_str().ok());
    !matches!(client, Some("temporal-cli" | "temporal-ui"))
}
