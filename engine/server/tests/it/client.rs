//! A server under test, and a client that speaks the API as an SDK does.

use std::{net::SocketAddr, time::Duration};

use steadfast_proto::temporal::api::{
    command::v1::{
        Command, CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
        StartTimerCommandAttributes, command::Attributes,
    },
    common::v1::{ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType},
    enums::v1::{CommandType, HistoryEventFilterType},
    history::v1::HistoryEvent,
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, PollActivityTaskQueueRequest,
        PollActivityTaskQueueResponse, PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
        RespondActivityTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
        StartWorkflowExecutionRequest, workflow_service_client::WorkflowServiceClient,
    },
};
use steadfast_server::{Config, Running};
use tonic::{
    Request, Status,
    codec::CompressionEncoding,
    transport::{Channel, Endpoint},
};

pub(crate) const QUEUE: &str = "queue";

/// A server on a free port of the loopback address.
pub(crate) async fn server(config: Config) -> Running {
    let config = Config {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        ..config
    };
    steadfast_server::start(config).await.unwrap()
}

pub(crate) async fn channel(server: &Running) -> Channel {
    let uri = format!("http://{}", server.addresses()[0]);
    Endpoint::try_from(uri).unwrap().connect().await.unwrap()
}

/// See the module documentation.
#[derive(Clone, Debug)]
pub(crate) struct Client(pub(crate) WorkflowServiceClient<Channel>);

/// A call that may wait, with the deadline that every poll must have.
pub(crate) fn long<T>(body: T) -> Request<T> {
    let mut request = Request::new(body);
    request.set_timeout(Duration::from_secs(30));
    request
}

pub(crate) fn payloads(text: &str) -> Payloads {
    Payloads {
        payloads: vec![Payload {
            data: text.to_owned().into(),
            ..Payload::default()
        }],
    }
}

pub(crate) fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution {
        workflow_id: id.to_owned(),
        run_id: String::new(),
    })
}

pub(crate) fn queue() -> Option<TaskQueue> {
    Some(TaskQueue {
        name: QUEUE.to_owned(),
        ..TaskQueue::default()
    })
}

pub(crate) fn start_request(id: &str) -> StartWorkflowExecutionRequest {
    StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType {
            name: "Workflow".to_owned(),
        }),
        task_queue: queue(),
        input: Some(payloads("in")),
        identity: "test".to_owned(),
        ..StartWorkflowExecutionRequest::default()
    }
}

pub(crate) fn complete_command(result: &str) -> Command {
    Command {
        command_type: CommandType::CompleteWorkflowExecution.into(),
        attributes: Some(Attributes::CompleteWorkflowExecutionCommandAttributes(
            CompleteWorkflowExecutionCommandAttributes {
                result: Some(payloads(result)),
            },
        )),
        ..Command::default()
    }
}

pub(crate) fn timer_command(id: &str, after: Duration) -> Command {
    Command {
        command_type: CommandType::StartTimer.into(),
        attributes: Some(Attributes::StartTimerCommandAttributes(
            StartTimerCommandAttributes {
                timer_id: id.to_owned(),
                start_to_fire_timeout: Some(prost_types::Duration {
                    seconds: i64::try_from(after.as_secs()).unwrap(),
                    nanos: 0,
                }),
            },
        )),
        ..Command::default()
    }
}

pub(crate) fn activity_command(id: &str) -> Command {
    Command {
        command_type: CommandType::ScheduleActivityTask.into(),
        attributes: Some(Attributes::ScheduleActivityTaskCommandAttributes(
            ScheduleActivityTaskCommandAttributes {
                activity_id: id.to_owned(),
                activity_type: Some(ActivityType {
                    name: "Activity".to_owned(),
                }),
                task_queue: queue(),
                input: Some(payloads("do")),
                start_to_close_timeout: Some(prost_types::Duration {
                    seconds: 60,
                    nanos: 0,
                }),
                ..ScheduleActivityTaskCommandAttributes::default()
            },
        )),
        ..Command::default()
    }
}

impl Client {
    pub(crate) async fn to(server: &Running) -> Self {
        let client = WorkflowServiceClient::new(channel(server).await)
            .send_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Gzip);
        Self(client)
    }

    pub(crate) async fn start(&mut self, id: &str) -> Result<String, Status> {
        let started = self.0.start_workflow_execution(start_request(id)).await?;
        Ok(started.into_inner().run_id)
    }

    pub(crate) async fn workflow_task(&mut self) -> PollWorkflowTaskQueueResponse {
        let poll = PollWorkflowTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: queue(),
            identity: "worker".to_owned(),
            ..PollWorkflowTaskQueueRequest::default()
        };
        let polled = self.0.poll_workflow_task_queue(long(poll)).await.unwrap();
        polled.into_inner()
    }

    pub(crate) async fn activity_task(&mut self) -> PollActivityTaskQueueResponse {
        let poll = PollActivityTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: queue(),
            identity: "worker".to_owned(),
            ..PollActivityTaskQueueRequest::default()
        };
        let polled = self.0.poll_activity_task_queue(long(poll)).await.unwrap();
        polled.into_inner()
    }

    pub(crate) async fn complete(
        &mut self,
        task: &PollWorkflowTaskQueueResponse,
        commands: Vec<Command>,
    ) {
        self.try_complete(task, commands).await.unwrap();
    }

    pub(crate) async fn try_complete(
        &mut self,
        task: &PollWorkflowTaskQueueResponse,
        commands: Vec<Command>,
    ) -> Result<(), Status> {
        let completed = RespondWorkflowTaskCompletedRequest {
            task_token: task.task_token.clone(),
            namespace: "default".to_owned(),
            identity: "worker".to_owned(),
            commands,
            ..RespondWorkflowTaskCompletedRequest::default()
        };
        let completed = self.0.respond_workflow_task_completed(completed).await;
        completed.map(drop)
    }

    pub(crate) async fn complete_activity(&mut self, task: &PollActivityTaskQueueResponse) {
        let completed = RespondActivityTaskCompletedRequest {
            task_token: task.task_token.clone(),
            namespace: "default".to_owned(),
            result: Some(payloads("done")),
            ..RespondActivityTaskCompletedRequest::default()
        };
        self.0
            .respond_activity_task_completed(completed)
            .await
            .unwrap();
    }

    pub(crate) async fn history(&mut self, id: &str) -> Vec<HistoryEvent> {
        let mut events = Vec::new();
        let mut request = GetWorkflowExecutionHistoryRequest {
            namespace: "default".to_owned(),
            execution: execution(id),
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        loop {
            let page = self.0.get_workflow_execution_history(request.clone()).await;
            let page = page.unwrap().into_inner();
            events.extend(page.history.unwrap_or_default().events);
            if page.next_page_token.is_empty() {
                return events;
            }
            request.next_page_token = page.next_page_token;
        }
    }

    /// Waits for the close event, as a client that wants the result does.
    pub(crate) async fn close_event(&mut self, id: &str) -> HistoryEvent {
        let mut request = GetWorkflowExecutionHistoryRequest {
            namespace: "default".to_owned(),
            execution: execution(id),
            wait_new_event: true,
            history_event_filter_type: HistoryEventFilterType::CloseEvent.into(),
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        loop {
            let mut call = Request::new(request.clone());
            call.set_timeout(Duration::from_secs(3));
            let page = self.0.get_workflow_execution_history(call).await;
            let page = page.unwrap().into_inner();
            let mut events = page.history.unwrap_or_default().events;
            if let Some(event) = events.pop() {
                assert!(events.is_empty(), "only the close event");
                return event;
            }
            assert!(
                !page.next_page_token.is_empty(),
                "a wait that ends for nothing gives a token"
            );
            request.next_page_token = page.next_page_token;
        }
    }
}
