//! What clients ask about schedules.

use steadfast_core::{Timestamp, time::duration_to_proto};
use steadfast_proto::temporal::api::{
    enums::v1::ScheduleOverlapPolicy,
    schedule::v1::{
        BackfillRequest, IntervalSpec, Schedule, ScheduleAction, SchedulePatch, SchedulePolicies,
        ScheduleSpec, ScheduleState, TriggerImmediatelyRequest, schedule_action,
    },
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::{
        CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleResponse,
        PatchScheduleRequest, StartWorkflowExecutionRequest, UpdateScheduleRequest,
    },
};

use super::wire::Rpc;
use crate::scenario::{Overlap, SchedulePlan, ScheduleStep, Times};

/// What a request about a schedule is made of.
pub(super) struct Asking {
    pub(super) namespace: String,
    pub(super) schedule_id: String,
    pub(super) identity: String,
    pub(super) request_id: String,
    /// The start of the workflow, for those who plan one.
    pub(super) start: Option<StartWorkflowExecutionRequest>,
    /// The client's clock.
    pub(super) now: Timestamp,
}

/// A request about a schedule.
pub(super) fn request(step: &ScheduleStep, asking: Asking) -> Rpc {
    let Asking {
        namespace,
        schedule_id,
        identity,
        request_id,
        start,
        now,
    } = asking;
    match step {
        ScheduleStep::Create(plan) => Rpc::CreateSchedule(CreateScheduleRequest {
            namespace,
            schedule_id,
            identity,
            request_id,
            schedule: Some(schedule(plan, start.unwrap_or_default())),
            ..CreateScheduleRequest::default()
        }),
        ScheduleStep::Update(plan) => Rpc::UpdateSchedule(UpdateScheduleRequest {
            namespace,
            schedule_id,
            identity,
            request_id,
            schedule: Some(schedule(plan, start.unwrap_or_default())),
            ..UpdateScheduleRequest::default()
        }),
        ScheduleStep::Delete => Rpc::DeleteSchedule(DeleteScheduleRequest {
            namespace,
            schedule_id,
            identity,
        }),
        ScheduleStep::Pause
        | ScheduleStep::Unpause
        | ScheduleStep::Trigger(_)
        | ScheduleStep::Backfill { .. } => Rpc::PatchSchedule(PatchScheduleRequest {
            namespace,
            schedule_id,
            identity,
            request_id,
            patch: Some(patch(step, now)),
        }),
    }
}

fn patch(step: &ScheduleStep, now: Timestamp) -> SchedulePatch {
    let mut patch = SchedulePatch::default();
    match step {
        ScheduleStep::Pause => "paused by the scenario".clone_into(&mut patch.pause),
        ScheduleStep::Unpause => "goes on by the scenario".clone_into(&mut patch.unpause),
        ScheduleStep::Trigger(overlap) => {
            patch.trigger_immediately = Some(TriggerImmediatelyRequest {
                overlap_policy: policy(*overlap).into(),
                ..TriggerImmediatelyRequest::default()
            });
        }
        ScheduleStep::Backfill {
            from,
            until,
            overlap,
        } => patch.backfill_request.push(BackfillRequest {
            start_time: Some(now.minus(*from).to_proto()),
            end_time: Some(now.minus(*until).to_proto()),
            overlap_policy: policy(*overlap).into(),
        }),
        ScheduleStep::Create(_) | ScheduleStep::Update(_) | ScheduleStep::Delete => {
            unreachable!("these are no patches")
        }
    }
    patch
}

fn policy(overlap: Overlap) -> ScheduleOverlapPolicy {
    match overlap {
        Overlap::Unspecified => ScheduleOverlapPolicy::Unspecified,
        Overlap::Skip => ScheduleOverlapPolicy::Skip,
        Overlap::BufferOne => ScheduleOverlapPolicy::BufferOne,
        Overlap::BufferAll => ScheduleOverlapPolicy::BufferAll,
        Overlap::CancelOther => ScheduleOverlapPolicy::CancelOther,
        Overlap::TerminateOther => ScheduleOverlapPolicy::TerminateOther,
        Overlap::AllowAll => ScheduleOverlapPolicy::AllowAll,
    }
}

fn schedule(plan: &SchedulePlan, start: StartWorkflowExecutionRequest) -> Schedule {
    let mut spec = ScheduleSpec {
        jitter: Some(duration_to_proto(plan.jitter)),
        ..ScheduleSpec::default()
    };
    match &plan.times {
        Times::Cron(cron) => spec.cron_string.push(cron.clone()),
        Times::Every(every) => spec.interval.push(IntervalSpec {
            interval: Some(duration_to_proto(*every)),
            phase: None,
        }),
    }
    let workflow = NewWorkflowExecutionInfo {
        workflow_id: start.workflow_id,
        workflow_type: start.workflow_type,
        task_queue: start.task_queue,
        input: start.input,
        workflow_execution_timeout: start.workflow_execution_timeout,
        workflow_run_timeout: start.workflow_run_timeout,
        workflow_task_timeout: start.workflow_task_timeout,
        retry_policy: start.retry_policy,
        ..NewWorkflowExecutionInfo::default()
    };
    Schedule {
        spec: Some(spec),
        action: Some(ScheduleAction {
            action: Some(schedule_action::Action::StartWorkflow(workflow)),
        }),
        policies: Some(SchedulePolicies {
            overlap_policy: policy(plan.overlap).into(),
            catchup_window: plan.catchup.map(duration_to_proto),
            pause_on_failure: plan.pause_on_failure,
            ..SchedulePolicies::default()
        }),
        state: Some(ScheduleState {
            limited_actions: true,
            remaining_actions: plan.limit.into(),
            ..ScheduleState::default()
        }),
    }
}

/// Whether a schedule has nothing more to do.
pub(super) fn is_done(described: &DescribeScheduleResponse) -> bool {
    described.info.as_ref().is_some_and(|info| {
        info.future_action_times.is_empty()
            && info.running_workflows.is_empty()
            && info.buffer_size == 0
    })
}
