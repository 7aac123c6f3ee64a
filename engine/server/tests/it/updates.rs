//! Updates over the wire: their outcome, their refusal, waits that end, and update-with-start with its errors.

use std::time::Duration;

use prost::{Message as _, Name};
use prost_types::Any;
use steadfast_proto::{
    google::rpc,
    temporal::api::{
        command::v1::{Command, ProtocolMessageCommandAttributes, command::Attributes},
        enums::v1::{
            CommandType, EventType, UpdateWorkflowExecutionLifecycleStage as Stage,
            WorkflowIdConflictPolicy,
        },
        errordetails::v1::{MultiOperationExecutionFailure, WorkflowExecutionAlreadyStartedFailure},
        failure::v1::{Failure, MultiOperationExecutionAborted},
        protocol::v1::Message,
        update::v1::{
            Acceptance, Input, Meta, Outcome, Rejection, Request as UpdateBody, Response, UpdateRef,
            WaitPolicy, outcome,
        },
        workflowservice::v1::{
            ExecuteMultiOperationRequest, PollWorkflowExecutionUpdateRequest,
            PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest,
            RespondWorkflowTaskCompletedResponse, UpdateWorkflowExecutionRequest,
            UpdateWorkflowExecutionResponse,
            execute_multi_operation_request::{Operation, operation},
            execute_multi_operation_response::response,
        },
    },
};
use steadfast_server::Config;
use tonic::{Code, Request, Status};

use crate::client::{Client, execution, payloads, server, start_request};

fn update_request(id: &str, update_id: &str, stage: Stage) -> UpdateWorkflowExecutionRequest {
    UpdateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution(id),
        wait_policy: Some(WaitPolicy {
            lifecycle_stage: stage.into(),
        }),
        request: Some(UpdateBody {
            meta: Some(Meta {
                update_id: update_id.to_owned(),
                identity: "test".to_owned(),
            }),
            input: Some(Input {
                name: "change".to_owned(),
                args: Some(payloads("in")),
                ..Input::default()
            }),
            ..UpdateBody::default()
        }),
        ..UpdateWorkflowExecutionRequest::default()
    }
}

async fn update(
    client: &Client,
    id: &str,
    update_id: &str,
    stage: Stage,
    patience: Duration,
) -> Result<UpdateWorkflowExecutionResponse, Status> {
    let mut call = Request::new(update_request(id, update_id, stage));
    call.set_timeout(patience);
    let mut client = client.clone();
    let updated = client.0.update_workflow_execution(call).await?;
    Ok(updated.into_inner())
}

fn message<M: prost::Message + Name>(id: &str, verb: &str, body: &M) -> Message {
    Message {
        id: format!("{id}/{verb}"),
        protocol_instance_id: id.to_owned(),
        body: Some(Any {
            type_url: format!("type.googleapis.com/{}", M::full_name()),
            value: body.encode_to_vec(),
        }),
        ..Message::default()
    }
}

fn acceptance(id: &str) -> Message {
    let body = Acceptance {
        accepted_request_message_id: format!("{id}/request"),
        accepted_request_sequencing_event_id: 1,
        ..Acceptance::default()
    };
    message(id, "accept", &body)
}

fn response(id: &str) -> Message {
    let body = Response {
        meta: Some(Meta {
            update_id: id.to_owned(),
            ..Meta::default()
        }),
        outcome: Some(Outcome {
            value: Some(outcome::Value::Success(payloads("out"))),
        }),
    };
    message(id, "respond", &body)
}

fn rejection(id: &str) -> Message {
    let body = Rejection {
        rejected_request_message_id: format!("{id}/request"),
        failure: Some(Failure::application("no, thanks", "Rude")),
        ..Rejection::default()
    };
    message(id, "reject", &body)
}

/// Completes a task with messages, each at its own command unless it is a rejection.
async fn answer(
    client: &mut Client,
    task: &PollWorkflowTaskQueueResponse,
    messages: Vec<Message>,
) -> RespondWorkflowTaskCompletedResponse {
    let placed = messages.iter().filter(|m| !m.id.ends_with("/reject"));
    let commands = placed.map(|message| Command {
        command_type: CommandType::ProtocolMessage.into(),
        attributes: Some(Attributes::ProtocolMessageCommandAttributes(
            ProtocolMessageCommandAttributes {
                message_id: message.id.clone(),
            },
        )),
        ..Command::default()
    });
    let completed = RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token.clone(),
        namespace: "default".to_owned(),
        identity: "worker".to_owned(),
        commands: commands.collect(),
        messages,
        ..RespondWorkflowTaskCompletedRequest::default()
    };
    let answered = client.0.respond_workflow_task_completed(completed).await;
    answered.unwrap().into_inner()
}

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_update_is_answered_with_its_outcome_and_is_found_again() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let run = client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client.complete(&task, Vec::new()).await;

    let waiting = client.clone();
    let asked =
        tokio::spawn(
            async move { update(&waiting, "w", "u", Stage::Completed, PATIENCE).await },
        );
    let task = client.workflow_task().await;
    assert_eq!(task.messages.len(), 1);
    assert_eq!(task.messages[0].id, "u/request");
    // The events of the task are shown to its worker, and are in no history yet.
    let shown = task.history.clone().unwrap().events;
    assert_eq!(shown.last().unwrap().event_id, task.started_event_id);
    answer(&mut client, &task, vec![acceptance("u"), response("u")]).await;

    let updated = asked.await.unwrap().unwrap();
    assert_eq!(updated.stage(), Stage::Completed);
    let expected = Some(outcome::Value::Success(payloads("out")));
    assert_eq!(updated.outcome.unwrap().value, expected);
    assert!(updated.link.is_some());
    let reference = updated.update_ref.unwrap();
    assert_eq!(reference.workflow_execution.clone().unwrap().run_id, run);

    let poll = PollWorkflowExecutionUpdateRequest {
        namespace: "default".to_owned(),
        update_ref: Some(reference.clone()),
        ..PollWorkflowExecutionUpdateRequest::default()
    };
    let polled = client.0.poll_workflow_execution_update(poll.clone()).await;
    assert_eq!(polled.unwrap().into_inner().outcome.unwrap().value, expected);
    let unknown = PollWorkflowExecutionUpdateRequest {
        update_ref: Some(UpdateRef {
            update_id: "nobody".to_owned(),
            ..reference
        }),
        ..poll
    };
    let refused = client.0.poll_workflow_execution_update(unknown).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(refused.message(), "update \"nobody\" not found");
    server.stop().await;
}

#[tokio::test]
async fn a_refused_update_leaves_no_event_and_its_task_is_taken_back() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client.complete(&task, Vec::new()).await;
    let waiting = client.clone();
    let asked =
        tokio::spawn(
            async move { update(&waiting, "w", "u", Stage::Accepted, PATIENCE).await },
        );
    let task = client.workflow_task().await;
    let completed = answer(&mut client, &task, vec![rejection("u")]).await;
    assert_eq!(completed.reset_history_event_id, 3);
    let updated = asked.await.unwrap().unwrap();
    assert_eq!(updated.stage(), Stage::Completed);
    let Some(outcome::Value::Failure(failure)) = updated.outcome.unwrap().value else {
        panic!("a refusal is a failure");
    };
    assert_eq!(failure.message, "no, thanks");
    let events = client.history("w").await;
    assert_eq!(events.len(), 4);
    assert_eq!(events[3].event_type(), EventType::WorkflowTaskCompleted);
    server.stop().await;
}

#[tokio::test]
async fn a_wait_ends_with_the_stage_that_was_reached() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    client.complete(&task, Vec::new()).await;
    let patience = Duration::from_millis(1_300);
    let updated = update(&client, "w", "u", Stage::Completed, patience).await;
    let updated = updated.unwrap();
    assert_eq!(updated.stage(), Stage::Admitted);
    assert!(updated.outcome.is_none());
    let refused = update(&client, "w", "u", Stage::Admitted, PATIENCE).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    server.stop().await;
}

fn with_start(id: &str, update_id: &str, policy: WorkflowIdConflictPolicy) -> ExecuteMultiOperationRequest {
    let mut start = start_request(id);
    start.workflow_id_conflict_policy = policy.into();
    let operations = [
        operation::Operation::StartWorkflow(start),
        operation::Operation::UpdateWorkflow(update_request(id, update_id, Stage::Completed)),
    ];
    ExecuteMultiOperationRequest {
        namespace: "default".to_owned(),
        operations: operations
            .map(|operation| Operation {
                operation: Some(operation),
            })
            .into(),
        ..ExecuteMultiOperationRequest::default()
    }
}

#[tokio::test]
async fn an_update_starts_its_workflow_or_says_for_both_why_not() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let mut waiting = client.clone();
    let asked = tokio::spawn(async move {
        let request = with_start("w", "u", WorkflowIdConflictPolicy::Fail);
        waiting.0.execute_multi_operation(request).await
    });
    let task = client.workflow_task().await;
    answer(&mut client, &task, vec![acceptance("u"), response("u")]).await;
    let done = asked.await.unwrap().unwrap().into_inner();
    let [start, updated] = &done.responses[..] else {
        panic!("two operations have two answers");
    };
    let Some(response::Response::StartWorkflow(start)) = &start.response else {
        panic!("the first is the start's");
    };
    assert!(start.started);
    let Some(response::Response::UpdateWorkflow(updated)) = &updated.response else {
        panic!("the second is the update's");
    };
    assert_eq!(updated.stage(), Stage::Completed);

    let request = with_start("w", "other", WorkflowIdConflictPolicy::Fail);
    let refused = client.0.execute_multi_operation(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    let details = rpc::Status::decode(refused.details()).unwrap().details;
    let both = MultiOperationExecutionFailure::decode(&*details[0].value).unwrap();
    assert_eq!(both.statuses[0].code, i32::from(Code::AlreadyExists));
    let taken = &both.statuses[0].details[0];
    let taken = WorkflowExecutionAlreadyStartedFailure::decode(&*taken.value).unwrap();
    assert_eq!(taken.run_id, start.run_id);
    assert_eq!(both.statuses[1].code, i32::from(Code::Aborted));
    assert_eq!(
        both.statuses[1].details[0].type_url,
        format!(
            "type.googleapis.com/{}",
            MultiOperationExecutionAborted::full_name()
        )
    );
    server.stop().await;
}
