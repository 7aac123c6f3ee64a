//! Worker deployments, as workers of several builds and their operators see them.

use std::time::Duration;

use steadfast_proto::temporal::api::{
    deployment::v1::WorkerDeploymentOptions,
    enums::v1::{
        TaskQueueKind, VersioningBehavior, WorkerDeploymentVersionStatus, WorkerVersioningMode,
    },
    taskqueue::v1::TaskQueue,
    workflowservice::v1::{
        DescribeWorkerDeploymentRequest, DescribeWorkerDeploymentResponse,
        DescribeWorkflowExecutionRequest, PollWorkflowTaskQueueRequest,
        PollWorkflowTaskQueueResponse, RespondWorkflowTaskCompletedRequest,
        SetWorkerDeploymentCurrentVersionRequest, SetWorkerDeploymentRampingVersionRequest,
        ShutdownWorkerRequest,
    },
};
use steadfast_server::Config;
use tonic::{Code, Request, Status};

use crate::client::{Client, QUEUE, execution, long, queue, server, timer_command};

fn build(build: &str) -> WorkerDeploymentOptions {
    WorkerDeploymentOptions {
        deployment_name: "shop".to_owned(),
        build_id: build.to_owned(),
        worker_versioning_mode: WorkerVersioningMode::Versioned.into(),
    }
}

fn poll(of: &str) -> PollWorkflowTaskQueueRequest {
    PollWorkflowTaskQueueRequest {
        namespace: "default".to_owned(),
        task_queue: queue(),
        identity: "worker".to_owned(),
        worker_instance_key: format!("worker of {of}"),
        deployment_options: Some(build(of)),
        ..PollWorkflowTaskQueueRequest::default()
    }
}

/// Whatever a poll brings within the time that a server waits.
async fn polled(client: &Client, of: &str) -> PollWorkflowTaskQueueResponse {
    let mut client = client.clone();
    let polled = client.0.poll_workflow_task_queue(long(poll(of))).await;
    polled.unwrap().into_inner()
}

async fn task_of(client: &Client, of: &str) -> PollWorkflowTaskQueueResponse {
    loop {
        let task = polled(client, of).await;
        if !task.task_token.is_empty() {
            return task;
        }
    }
}

/// A server that lets nobody wait for long.
fn hasty() -> Config {
    Config {
        long_poll: Duration::from_millis(10),
        ..Config::default()
    }
}

async fn describe(client: &Client) -> Result<DescribeWorkerDeploymentResponse, Status> {
    let describe = DescribeWorkerDeploymentRequest {
        namespace: "default".to_owned(),
        deployment_name: "shop".to_owned(),
    };
    let described = client.clone().0.describe_worker_deployment(describe).await;
    described.map(tonic::Response::into_inner)
}

async fn set_current(client: &Client, of: &str, token: &[u8]) -> Result<Vec<u8>, Status> {
    let current = SetWorkerDeploymentCurrentVersionRequest {
        namespace: "default".to_owned(),
        deployment_name: "shop".to_owned(),
        build_id: of.to_owned(),
        conflict_token: token.to_vec().into(),
        identity: "operator".to_owned(),
        ..SetWorkerDeploymentCurrentVersionRequest::default()
    };
    let mut client = client.clone();
    let set = client.0.set_worker_deployment_current_version(current);
    Ok(set.await?.into_inner().conflict_token.to_vec())
}

#[tokio::test]
async fn work_goes_to_the_current_version_and_pinned_runs_stay() {
    let server = server(hasty()).await;
    let mut client = Client::to(&server).await;
    let unknown = describe(&client).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    for of in ["1.0", "2.0"] {
        assert!(polled(&client, of).await.task_token.is_empty());
    }
    let known = describe(&client).await.unwrap();
    let info = known.worker_deployment_info.unwrap();
    assert_eq!(info.version_summaries.len(), 2);

    let token = set_current(&client, "1.0", &known.conflict_token)
        .await
        .unwrap();
    let stale = set_current(&client, "2.0", &known.conflict_token).await;
    assert_eq!(stale.unwrap_err().code(), Code::FailedPrecondition);
    client.start("stays").await.unwrap();
    let task = task_of(&client, "1.0").await;
    let completed = RespondWorkflowTaskCompletedRequest {
        task_token: task.task_token,
        namespace: "default".to_owned(),
        identity: "worker".to_owned(),
        commands: vec![timer_command("t", Duration::from_millis(100))],
        deployment_options: Some(build("1.0")),
        versioning_behavior: VersioningBehavior::Pinned.into(),
        ..RespondWorkflowTaskCompletedRequest::default()
    };
    let completed = client.0.respond_workflow_task_completed(completed).await;
    completed.unwrap();
    set_current(&client, "2.0", &token).await.unwrap();
    client.start("goes").await.unwrap();
    let goes = task_of(&client, "2.0").await;
    assert_eq!(goes.workflow_execution.unwrap().workflow_id, "goes");
    let stays = task_of(&client, "1.0").await;
    assert_eq!(stays.workflow_execution.unwrap().workflow_id, "stays");

    let describe_run = DescribeWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        execution: execution("stays"),
    };
    let run = client.0.describe_workflow_execution(describe_run).await;
    let run = run.unwrap().into_inner().workflow_execution_info.unwrap();
    let versioning = run.versioning_info.unwrap();
    assert_eq!(versioning.behavior(), VersioningBehavior::Pinned);
    assert_eq!(versioning.deployment_version.unwrap().build_id, "1.0");

    let info = describe(&client).await.unwrap().worker_deployment_info;
    let info = info.unwrap();
    let status = |of: &str| {
        let mut all = info.version_summaries.iter();
        let found = all.find(|v| v.deployment_version.as_ref().unwrap().build_id == of);
        found.unwrap().status()
    };
    assert_eq!(status("1.0"), WorkerDeploymentVersionStatus::Draining);
    assert_eq!(status("2.0"), WorkerDeploymentVersionStatus::Current);
    assert_eq!(info.last_modifier_identity, "operator");
}

#[tokio::test]
async fn a_share_of_the_work_is_a_percentage() {
    let server = server(hasty()).await;
    let client = Client::to(&server).await;
    assert!(polled(&client, "1.0").await.task_token.is_empty());
    let ramping = |build: &str, percentage| SetWorkerDeploymentRampingVersionRequest {
        namespace: "default".to_owned(),
        deployment_name: "shop".to_owned(),
        build_id: build.to_owned(),
        percentage,
        ..SetWorkerDeploymentRampingVersionRequest::default()
    };
    for (request, expected) in [
        (ramping("1.0", 100.1), Code::InvalidArgument),
        (ramping("1.0", f32::NAN), Code::InvalidArgument),
        (ramping("3.0", 10.0), Code::NotFound),
        (ramping("1.0", 12.5), Code::Ok),
    ] {
        let mut client = client.clone();
        let set = client.0.set_worker_deployment_ramping_version(request);
        let code = set.await.map_or_else(|status| status.code(), |_| Code::Ok);
        assert_eq!(code, expected);
    }
    let info = describe(&client).await.unwrap().worker_deployment_info;
    let routing = info.unwrap().routing_config.unwrap();
    assert_eq!(
        routing.ramping_version_percentage.to_bits(),
        12.5_f32.to_bits()
    );
}

#[tokio::test]
async fn the_polls_of_a_worker_that_ends_are_answered() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let sticky = PollWorkflowTaskQueueRequest {
        task_queue: Some(TaskQueue {
            name: "own".to_owned(),
            normal_name: QUEUE.to_owned(),
            kind: TaskQueueKind::Sticky.into(),
        }),
        ..poll("1.0")
    };
    let mut polls = tokio::task::JoinSet::new();
    for request in [poll("1.0"), sticky, poll("2.0")] {
        let mut client = client.clone();
        let of = request.worker_instance_key.clone();
        polls.spawn(async move {
            let mut call = Request::new(request);
            call.set_timeout(Duration::from_secs(40));
            let polled = client.0.poll_workflow_task_queue(call).await;
            (of, polled.unwrap().into_inner())
        });
    }
    // The polls are there once their deployment knows of both versions.
    loop {
        let known = describe(&client).await;
        let known = known.map(|known| known.worker_deployment_info.unwrap());
        if known.is_ok_and(|info| info.version_summaries.len() == 2) {
            break;
        }
        tokio::task::yield_now().await;
    }
    // A poll that comes behind the end is not answered by it: end the worker until both are.
    let mut ended = 0;
    while ended < 2 {
        let shutdown = ShutdownWorkerRequest {
            namespace: "default".to_owned(),
            worker_instance_key: "worker of 1.0".to_owned(),
            ..ShutdownWorkerRequest::default()
        };
        client.0.shutdown_worker(shutdown).await.unwrap();
        while let Some(poll) = polls.try_join_next() {
            let (of, answer) = poll.unwrap();
            assert_eq!(of, "worker of 1.0");
            assert!(answer.task_token.is_empty());
            ended += 1;
        }
    }
    assert_eq!(polls.len(), 1, "the other worker's poll waits on");
}
