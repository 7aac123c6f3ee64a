//! What no decent client does.

use std::time::Duration;

use steadfast_proto::temporal::api::workflowservice::v1::{
    FetchWorkerConfigRequest, GetWorkflowExecutionHistoryRequest, PollWorkflowTaskQueueRequest,
    RespondActivityTaskCompletedRequest, RespondQueryTaskCompletedRequest,
    RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskFailedRequest,
};
use steadfast_server::Config;
use tonic::{Code, Request, Status};

use crate::client::{Client, execution, long, payloads, queue, server, start_request};

/// Zeros are the token of a task that nobody has; the rest is no token at all.
fn is_refused(status: &Status) -> bool {
    matches!(status.code(), Code::InvalidArgument | Code::NotFound)
}

#[tokio::test]
async fn tokens_that_are_none_are_refused() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    for token in [&b""[..], b"x", &[0xff; 64], &[0; 4096]] {
        let completed = RespondWorkflowTaskCompletedRequest {
            task_token: token.to_owned().into(),
            ..RespondWorkflowTaskCompletedRequest::default()
        };
        let refused = client.0.respond_workflow_task_completed(completed).await;
        assert!(is_refused(&refused.unwrap_err()));
        let failed = RespondWorkflowTaskFailedRequest {
            task_token: token.to_owned().into(),
            ..RespondWorkflowTaskFailedRequest::default()
        };
        let refused = client.0.respond_workflow_task_failed(failed).await;
        assert!(is_refused(&refused.unwrap_err()));
        let activity = RespondActivityTaskCompletedRequest {
            task_token: token.to_owned().into(),
            ..RespondActivityTaskCompletedRequest::default()
        };
        let refused = client.0.respond_activity_task_completed(activity).await;
        assert!(is_refused(&refused.unwrap_err()));
        let query = RespondQueryTaskCompletedRequest {
            task_token: token.to_owned().into(),
            ..RespondQueryTaskCompletedRequest::default()
        };
        let refused = client.0.respond_query_task_completed(query).await;
        assert!(is_refused(&refused.unwrap_err()));
    }
    client.start("still served").await.unwrap();
}

#[tokio::test]
async fn page_tokens_that_are_none_are_refused() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    client.start("w").await.unwrap();
    for token in [
        &b"x"[..],
        &[0xff; 8],
        &[0xff; 64],
        b"\0\0\0\0\0\0\0\x01no run",
    ] {
        let read = GetWorkflowExecutionHistoryRequest {
            namespace: "default".to_owned(),
            execution: execution("w"),
            next_page_token: token.to_owned().into(),
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        let refused = client.0.get_workflow_execution_history(read).await;
        assert!(is_refused(&refused.unwrap_err()));
    }
}

#[tokio::test]
async fn a_request_that_is_too_long_is_refused_in_known_words() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let mut request = start_request("w");
    // Noise, so that compression does not help.
    let noise: String = (0_u64..5 << 20)
        .map(|i| char::from(b'a' + u8::try_from(((i * i) ^ (i >> 7)) % 26).unwrap()))
        .collect();
    request.input = Some(payloads(&noise));
    let refused = client
        .0
        .start_workflow_execution(request)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let words = "grpc: received message larger than max (";
    assert!(
        refused.message().starts_with(words),
        "{}",
        refused.message()
    );

    let mut request = start_request("w");
    request.input = Some(payloads(&noise[..3 << 20]));
    let refused = client
        .0
        .start_workflow_execution(request)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message(), "Blob data size exceeds limit.");
}

#[tokio::test]
async fn a_call_that_nobody_answers_names_itself() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let refused = client
        .0
        .fetch_worker_config(FetchWorkerConfigRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    let words = "FetchWorkerConfig is not implemented by this server";
    assert_eq!(refused.message(), words);
}

#[tokio::test]
async fn polls_without_a_deadline_or_with_a_short_one_are_refused() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let poll = PollWorkflowTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: queue(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let refused = client.0.poll_workflow_task_queue(poll.clone()).await;
    assert_eq!(
        refused.unwrap_err().message(),
        "Context timeout is not set."
    );
    let mut short = Request::new(poll.clone());
    short.set_timeout(Duration::from_secs(1));
    let refused = client.0.poll_workflow_task_queue(short).await;
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    let mut ends = Request::new(poll);
    ends.set_timeout(Duration::from_secs(2));
    let nothing = client.0.poll_workflow_task_queue(ends).await.unwrap();
    assert!(nothing.into_inner().task_token.is_empty());
}

#[tokio::test]
async fn a_poller_that_goes_away_swallows_no_task() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    for _ in 0..20 {
        let mut poller = client.clone();
        let polling = tokio::spawn(async move { poller.workflow_task().await });
        tokio::task::yield_now().await;
        polling.abort();
    }
    // Whoever was aborted is forgotten before the next call of the same connection is answered.
    client.start("w").await.unwrap();
    let task = client.workflow_task().await;
    assert_eq!(task.attempt, 1);
}

#[tokio::test]
async fn a_stop_ends_polls_with_nothing() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let mut poller = client.clone();
    let polling = tokio::spawn(async move { poller.workflow_task().await });
    // Answered behind the poll on the same connection, so the poll has arrived.
    client.start("other").await.unwrap();
    let task = polling.await.unwrap();
    client.complete(&task, Vec::new()).await;
    let mut poller = client.clone();
    let polling = tokio::spawn(async move {
        let poll = PollWorkflowTaskQueueRequest {
            namespace: "default".to_owned(),
            task_queue: queue(),
            ..PollWorkflowTaskQueueRequest::default()
        };
        poller.0.poll_workflow_task_queue(long(poll)).await
    });
    client.history("other").await;
    server.stop().await;
    let ended = polling.await.unwrap();
    assert!(ended.is_ok_and(|nothing| nothing.into_inner().task_token.is_empty()));
}
