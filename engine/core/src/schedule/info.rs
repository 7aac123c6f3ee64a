//! What is shown of a schedule.

use steadfast_proto::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::ScheduleOverlapPolicy,
    schedule::v1::{
        Schedule as WireSchedule, ScheduleActionResult, ScheduleInfo, ScheduleListEntry,
        ScheduleListInfo, SchedulePolicies, ScheduleSpec, ScheduleState,
    },
    workflowservice::v1::DescribeScheduleResponse,
};

use super::{
    action,
    machine::jitter_seed,
    spec::{Effort, clean},
    state::{Action, Overlap, Schedule, schedule_id},
};
use crate::{
    ids::ExecutionKey,
    limits::{FUTURE_SCHEDULE_ACTIONS, LISTED_SCHEDULE_ACTIONS, LISTED_SPEC_PARTS},
    time::{Timestamp, duration_to_proto},
};

/// All about a schedule.
// temporal: service/worker/scheduler/workflow.go handleDescribeQuery.
pub(super) fn describe(
    key: &ExecutionKey,
    schedule: &Schedule,
    now: Timestamp,
) -> DescribeScheduleResponse {
    let progress = &schedule.progress;
    let info = ScheduleInfo {
        action_count: count(progress.actions),
        missed_catchup_window: count(progress.missed_catchup_window),
        overlap_skipped: count(progress.overlap_skipped),
        buffer_dropped: count(progress.buffer_dropped),
        buffer_size: count(schedule.buffer.len() as u64),
        running_workflows: schedule
            .running
            .iter()
            .map(|r| execution(r.workflow_id.as_str(), r.first_run.as_str()))
            .collect(),
        recent_actions: schedule.recent.iter().map(result).collect(),
        future_action_times: future(key, schedule, now, FUTURE_SCHEDULE_ACTIONS),
        create_time: Some(progress.created.to_proto()),
        update_time: progress.updated.map(Timestamp::to_proto),
        ..ScheduleInfo::default()
    };
    let attributes = schedule.attributes.clone();
    DescribeScheduleResponse {
        schedule: Some(as_wire(schedule)),
        info: Some(info),
        memo: attributes
            .memo
            .map(|m| m.0)
            .filter(|m| !m.fields.is_empty()),
        search_attributes: attributes
            .search_attributes
            .map(|s| s.0)
            .filter(|s| !s.indexed_fields.is_empty()),
        conflict_token: conflict_token(progress.conflict_token),
    }
}

/// A conflict token as callers have it.
#[must_use]
pub fn conflict_token(token: u64) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(&token.to_be_bytes())
}

/// What a list shows of a schedule that is there.
// temporal: service/worker/scheduler/workflow.go getListInfo.
pub(super) fn list_entry(
    key: &ExecutionKey,
    schedule: &Schedule,
    now: Timestamp,
) -> ScheduleListEntry {
    let mut spec = shown_spec(schedule);
    spec.timezone_data.clear();
    spec.structured_calendar.truncate(LISTED_SPEC_PARTS);
    spec.exclude_structured_calendar.truncate(LISTED_SPEC_PARTS);
    spec.interval.truncate(LISTED_SPEC_PARTS);
    let hidden = schedule
        .recent
        .len()
        .saturating_sub(LISTED_SCHEDULE_ACTIONS);
    let workflow = action::of(&schedule.definition);
    ScheduleListEntry {
        schedule_id: schedule_id(key).unwrap_or_default().to_owned(),
        memo: schedule.attributes.memo.clone().map(|m| m.0),
        search_attributes: schedule.attributes.search_attributes.clone().map(|s| s.0),
        info: Some(ScheduleListInfo {
            spec: Some(spec),
            workflow_type: workflow.and_then(|w| w.workflow_type.clone()),
            notes: schedule.switch.notes.clone(),
            paused: schedule.switch.paused,
            recent_actions: schedule.recent.iter().skip(hidden).map(result).collect(),
            future_action_times: future(key, schedule, now, LISTED_SCHEDULE_ACTIONS),
            ..ScheduleListInfo::default()
        }),
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn execution(workflow_id: &str, run_id: &str) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: workflow_id.to_owned(),
        run_id: run_id.to_owned(),
    }
}

fn result(action: &Action) -> ScheduleActionResult {
    ScheduleActionResult {
        schedule_time: Some(action.due.to_proto()),
        actual_time: Some(action.taken.to_proto()),
        start_workflow_result: Some(execution(
            action.workflow_id.as_str(),
            action.first_run.as_str(),
        )),
        start_workflow_status: action.status,
    }
}

fn shown_spec(schedule: &Schedule) -> ScheduleSpec {
    let mut spec = schedule.definition.spec.0.clone();
    clean(&mut spec);
    spec
}

fn as_wire(schedule: &Schedule) -> WireSchedule {
    let policies = &schedule.definition.policies;
    let switch = &schedule.switch;
    WireSchedule {
        spec: Some(shown_spec(schedule)),
        action: Some(schedule.definition.action.0.clone()),
        policies: Some(SchedulePolicies {
            overlap_policy: wire_overlap(policies.overlap).into(),
            catchup_window: Some(duration_to_proto(policies.catchup_window)),
            pause_on_failure: policies.pause_on_failure,
            keep_original_workflow_id: policies.keep_original_workflow_id,
        }),
        state: Some(ScheduleState {
            notes: switch.notes.clone(),
            paused: switch.paused,
            limited_actions: switch.limited,
            remaining_actions: count(switch.remaining),
        }),
    }
}

fn wire_overlap(overlap: Overlap) -> ScheduleOverlapPolicy {
    match overlap {
        Overlap::Skip => ScheduleOverlapPolicy::Skip,
        Overlap::BufferOne => ScheduleOverlapPolicy::BufferOne,
        Overlap::BufferAll => ScheduleOverlapPolicy::BufferAll,
        Overlap::CancelOther => ScheduleOverlapPolicy::CancelOther,
        Overlap::TerminateOther => ScheduleOverlapPolicy::TerminateOther,
        Overlap::AllowAll => ScheduleOverlapPolicy::AllowAll,
    }
}

/// The times to come, no more than the schedule may still act.
// temporal: service/worker/scheduler/workflow.go getFutureActionTimes. A paused schedule shows there the times that
// followed its last wake-up, even those that are past; here it shows those after now.
fn future(
    key: &ExecutionKey,
    schedule: &Schedule,
    now: Timestamp,
    limit: usize,
) -> Vec<prost_types::Timestamp> {
    let limit = match usize::try_from(schedule.switch.remaining) {
        Ok(remaining) if schedule.switch.limited => limit.min(remaining),
        Ok(_) | Err(_) => limit,
    };
    let (seed, mut effort) = (jitter_seed(key), Effort::STEP);
    let mut times = Vec::new();
    let mut from = schedule.progress.processed;
    if schedule.switch.paused {
        from = from.max(now);
    }
    while times.len() < limit && !schedule.progress.exhausted {
        let Ok(Some(next)) = schedule.spec.next(&seed, from, &mut effort) else {
            break;
        };
        from = next.actual;
        if schedule.progress.updated.is_none_or(|at| at <= from) {
            times.push(from.to_proto());
        }
    }
    times
}
