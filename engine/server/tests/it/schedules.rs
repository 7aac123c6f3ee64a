//! Schedules, as the `temporal` command and the SDKs use them.

use std::time::Duration;

use steadfast_core::time::duration_to_proto;
use steadfast_proto::temporal::api::{
    common::v1::WorkflowType,
    enums::v1::{ScheduleOverlapPolicy, WorkflowExecutionStatus},
    schedule::v1::{
        IntervalSpec, Schedule, ScheduleAction, SchedulePatch, SchedulePolicies, ScheduleSpec,
        TriggerImmediatelyRequest, schedule_action,
    },
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::{
        CountSchedulesRequest, CreateScheduleRequest, DeleteScheduleRequest,
        DescribeScheduleRequest, DescribeScheduleResponse, ListScheduleMatchingTimesRequest,
        ListSchedulesRequest, PatchScheduleRequest,
    },
};
use steadfast_server::Config;
use tonic::Code;

use crate::client::{Client, complete_command, queue, server};

fn creation(id: &str) -> CreateScheduleRequest {
    let workflow = NewWorkflowExecutionInfo {
        workflow_id: "job".to_owned(),
        workflow_type: Some(WorkflowType {
            name: "Workflow".to_owned(),
        }),
        task_queue: queue(),
        ..NewWorkflowExecutionInfo::default()
    };
    CreateScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: id.to_owned(),
        request_id: format!("create {id}"),
        schedule: Some(Schedule {
            spec: Some(ScheduleSpec {
                interval: vec![IntervalSpec {
                    interval: Some(duration_to_proto(Duration::from_secs(86_400))),
                    phase: None,
                }],
                ..ScheduleSpec::default()
            }),
            action: Some(ScheduleAction {
                action: Some(schedule_action::Action::StartWorkflow(workflow)),
            }),
            policies: Some(SchedulePolicies {
                overlap_policy: ScheduleOverlapPolicy::BufferAll.into(),
                ..SchedulePolicies::default()
            }),
            state: None,
        }),
        ..CreateScheduleRequest::default()
    }
}

fn patch(id: &str, patch: SchedulePatch) -> PatchScheduleRequest {
    PatchScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: id.to_owned(),
        patch: Some(patch),
        ..PatchScheduleRequest::default()
    }
}

async fn describe(client: &mut Client, id: &str) -> DescribeScheduleResponse {
    let request = DescribeScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: id.to_owned(),
    };
    let answer = client.0.describe_schedule(request).await;
    answer.unwrap().into_inner()
}

#[tokio::test]
async fn a_schedule_is_triggered_and_hears_of_the_end() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    let created = client.0.create_schedule(creation("nightly")).await.unwrap();
    assert_eq!(created.into_inner().conflict_token, 1_u64.to_be_bytes()[..]);
    let trigger = SchedulePatch {
        trigger_immediately: Some(TriggerImmediatelyRequest::default()),
        ..SchedulePatch::default()
    };
    client
        .0
        .patch_schedule(patch("nightly", trigger))
        .await
        .unwrap();
    let task = client.workflow_task().await;
    let id = task.workflow_execution.clone().unwrap().workflow_id;
    assert!(id.starts_with("job-20"), "{id}");
    let info = describe(&mut client, "nightly").await.info.unwrap();
    assert_eq!(info.running_workflows[0].workflow_id, id);
    client.complete(&task, vec![complete_command("done")]).await;
    client.close_event(&id).await;
    // The run tells the schedule; how soon is up to the machines.
    let status = loop {
        let info = describe(&mut client, "nightly").await.info.unwrap();
        let status = info.recent_actions[0].start_workflow_status();
        if status != WorkflowExecutionStatus::Running {
            assert!(info.running_workflows.is_empty());
            break status;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(status, WorkflowExecutionStatus::Completed);
}

#[tokio::test]
async fn schedules_are_listed_counted_and_deleted() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    for id in ["c", "a", "b"] {
        client.0.create_schedule(creation(id)).await.unwrap();
    }
    let taken = client.0.create_schedule(CreateScheduleRequest {
        request_id: "another".to_owned(),
        ..creation("a")
    });
    let taken = taken.await.unwrap_err();
    assert_eq!(taken.code(), Code::AlreadyExists);
    assert_eq!(taken.message(), "schedule \"a\" is already registered");
    let pause = SchedulePatch {
        pause: "a holiday".to_owned(),
        ..SchedulePatch::default()
    };
    client.0.patch_schedule(patch("b", pause)).await.unwrap();
    let mut list = ListSchedulesRequest {
        namespace: "default".to_owned(),
        maximum_page_size: 2,
        ..ListSchedulesRequest::default()
    };
    let page = client
        .0
        .list_schedules(list.clone())
        .await
        .unwrap()
        .into_inner();
    let ids: Vec<_> = page
        .schedules
        .iter()
        .map(|s| s.schedule_id.as_str())
        .collect();
    assert_eq!(ids, ["a", "b"]);
    let info = page.schedules[1].info.as_ref().unwrap();
    assert!(info.paused);
    assert_eq!(info.notes, "a holiday");
    assert_eq!(info.workflow_type.as_ref().unwrap().name, "Workflow");
    assert_eq!(info.future_action_times.len(), 5);
    list.next_page_token = page.next_page_token;
    let page = client.0.list_schedules(list).await.unwrap().into_inner();
    assert_eq!(page.schedules[0].schedule_id, "c");
    let delete = DeleteScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: "c".to_owned(),
        ..DeleteScheduleRequest::default()
    };
    client.0.delete_schedule(delete).await.unwrap();
    let count = CountSchedulesRequest {
        namespace: "default".to_owned(),
        ..CountSchedulesRequest::default()
    };
    let count = client.0.count_schedules(count).await.unwrap().into_inner();
    assert_eq!(count.count, 2);
    let filtered = |query: &str| ListSchedulesRequest {
        namespace: "default".to_owned(),
        query: query.to_owned(),
        ..ListSchedulesRequest::default()
    };
    for (query, expected) in [
        ("TemporalSchedulePaused = true", vec!["b"]),
        ("TemporalSchedulePaused = false", vec!["a"]),
        ("ScheduleId = 'a'", vec!["a"]),
        ("ScheduleId STARTS_WITH 'b' OR ScheduleId = 'c'", vec!["b"]),
        (
            "ExecutionStatus = 'Running' AND WorkflowType = 'other'",
            vec![],
        ),
    ] {
        let page = client.0.list_schedules(filtered(query)).await;
        let page = page.unwrap().into_inner();
        let ids: Vec<_> = page.schedules.iter().map(|s| &s.schedule_id).collect();
        assert_eq!(ids, expected, "{query}");
        let count = CountSchedulesRequest {
            namespace: "default".to_owned(),
            query: query.to_owned(),
        };
        let count = client.0.count_schedules(count).await.unwrap().into_inner();
        assert_eq!(
            count.count,
            i64::try_from(expected.len()).unwrap(),
            "{query}"
        );
    }
    let wrong = client.0.list_schedules(filtered("Nonsense = 1")).await;
    assert_eq!(wrong.unwrap_err().code(), Code::InvalidArgument);
    let gone = DescribeScheduleRequest {
        namespace: "default".to_owned(),
        schedule_id: "c".to_owned(),
    };
    let gone = client.0.describe_schedule(gone).await.unwrap_err();
    assert_eq!(
        (gone.code(), gone.message()),
        (Code::NotFound, "schedule not found")
    );
}

#[tokio::test]
async fn times_of_a_schedule_are_listed() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    client.0.create_schedule(creation("daily")).await.unwrap();
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let request = ListScheduleMatchingTimesRequest {
        namespace: "default".to_owned(),
        schedule_id: "daily".to_owned(),
        start_time: time(0),
        end_time: time(3 * 86_400),
    };
    let times = client
        .0
        .list_schedule_matching_times(request)
        .await
        .unwrap();
    let times: Vec<_> = times
        .into_inner()
        .start_time
        .iter()
        .map(|t| t.seconds)
        .collect();
    assert_eq!(times, [86_400, 2 * 86_400, 3 * 86_400]);
}
