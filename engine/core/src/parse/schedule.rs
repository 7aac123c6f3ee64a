//! What clients ask of schedules.
// temporal: service/frontend/workflow_handler.go, the handlers of schedules for the V1 scheduler.

use std::time::Duration;

use prost::Message as _;
use steadfast_proto::temporal::api::{
    enums::v1::{ScheduleOverlapPolicy, WorkflowIdReusePolicy},
    schedule::v1::{Schedule, SchedulePatch, SchedulePolicies, ScheduleState, schedule_action},
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::{
        CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleRequest,
        ListScheduleMatchingTimesRequest, PatchScheduleRequest, StartWorkflowExecutionRequest,
        UpdateScheduleRequest,
    },
};

use super::{blob, bounded, invalid, name, start};
use crate::{
    effect::Rejection,
    ids::{ExecutionKey, Namespace, RequestId},
    limits::{
        DEFAULT_CATCHUP_WINDOW, MAX_BLOB_BYTES, MAX_DURATION, MAX_SCHEDULE_NOTES,
        MIN_CATCHUP_WINDOW,
    },
    policy::IdConflictPolicy,
    record::Proto,
    request::{Request, StartRequest},
    schedule::{
        Attributes, BackfillRange, CreateSchedule, Definition, Overlap, Patch, Policies,
        SCHEDULE_PREFIX, ScheduleAction, ScheduleRequest, Switch, Trigger, UpdateSchedule, spec,
    },
    time::{Timestamp, duration_from_proto},
};

/// A creation.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn create_schedule(request: CreateScheduleRequest) -> Result<Request, Rejection> {
    let key = key(&request.namespace, &request.schedule_id)?;
    let request_id = name(
        &request.request_id,
        "RequestId is not set on request.",
        "RequestId",
    )?;
    let (definition, switch) = schedule(&key, request.schedule)?;
    let create = CreateSchedule {
        request_id: RequestId::new(request_id),
        definition,
        switch,
        attributes: Attributes {
            memo: blob(request.memo)?.map(Proto),
            search_attributes: blob(request.search_attributes)?.map(Proto),
        },
        initial_patch: request.initial_patch.map(patch).transpose()?,
    };
    ask(key, ScheduleAction::Create(Box::new(create)))
}

/// A look at all about a schedule.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn describe_schedule(request: &DescribeScheduleRequest) -> Result<Request, Rejection> {
    let key = key(&request.namespace, &request.schedule_id)?;
    ask(key, ScheduleAction::Describe)
}

/// A look at what a list shows of a schedule.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn schedule_entry(namespace: &str, schedule_id: &str) -> Result<Request, Rejection> {
    ask(key(namespace, schedule_id)?, ScheduleAction::ListEntry)
}

/// A replacement of a schedule's definition.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn update_schedule(request: UpdateScheduleRequest) -> Result<Request, Rejection> {
    let key = key(&request.namespace, &request.schedule_id)?;
    let (definition, switch) = schedule(&key, request.schedule)?;
    if request.memo.is_some() {
        return Err(Rejection::FailedPrecondition(
            "memo updates are not supported on workflow-backed schedules".to_owned(),
        ));
    }
    let token = request.conflict_token.first_chunk::<8>();
    let update = UpdateSchedule {
        request_id: RequestId::new(bounded(&request.request_id, "RequestId")?),
        definition,
        switch,
        conflict_token: token.map_or(0, |token| u64::from_be_bytes(*token)),
        search_attributes: blob(request.search_attributes)?.map(Proto),
    };
    ask(key, ScheduleAction::Update(Box::new(update)))
}

/// A change at once.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn patch_schedule(request: PatchScheduleRequest) -> Result<Request, Rejection> {
    let key = key(&request.namespace, &request.schedule_id)?;
    let Some(wanted) = request.patch else {
        return invalid("Patch is not set on request.");
    };
    let request_id = RequestId::new(bounded(&request.request_id, "RequestId")?);
    ask(key, ScheduleAction::Patch(request_id, patch(wanted)?))
}

/// A look at the times in a range.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn matching_times(request: &ListScheduleMatchingTimesRequest) -> Result<Request, Rejection> {
    let key = key(&request.namespace, &request.schedule_id)?;
    let (Some(after), Some(until)) = (&request.start_time, &request.end_time) else {
        return invalid("missing or invalid query");
    };
    let times = ScheduleAction::MatchingTimes {
        after: Timestamp::from_proto(after),
        until: Timestamp::from_proto(until),
    };
    ask(key, times)
}

/// A removal.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn delete_schedule(request: &DeleteScheduleRequest) -> Result<Request, Rejection> {
    let key = key(&request.namespace, &request.schedule_id)?;
    ask(key, ScheduleAction::Delete)
}

/// The start that a schedule makes, as if a client had asked for it.
pub(crate) fn scheduled_start(
    namespace: &Namespace,
    workflow_id: &str,
    workflow: &NewWorkflowExecutionInfo,
) -> Result<StartRequest, Rejection> {
    let workflow = workflow.clone();
    let request = StartWorkflowExecutionRequest {
        namespace: namespace.to_string(),
        workflow_id: workflow_id.to_owned(),
        workflow_type: workflow.workflow_type,
        task_queue: workflow.task_queue,
        input: workflow.input,
        workflow_execution_timeout: workflow.workflow_execution_timeout,
        workflow_run_timeout: workflow.workflow_run_timeout,
        workflow_task_timeout: workflow.workflow_task_timeout,
        retry_policy: workflow.retry_policy,
        memo: workflow.memo,
        search_attributes: workflow.search_attributes,
        header: workflow.header,
        user_metadata: workflow.user_metadata,
        priority: workflow.priority,
        ..StartWorkflowExecutionRequest::default()
    };
    start::parse(request, RequestId::new(""), IdConflictPolicy::Fail)
}

fn ask(key: ExecutionKey, action: ScheduleAction) -> Result<Request, Rejection> {
    Ok(Request::Schedule(Box::new(ScheduleRequest { key, action })))
}

/// Where the schedule lives. An empty id is one as well, as with the real server.
fn key(namespace: &str, schedule_id: &str) -> Result<ExecutionKey, Rejection> {
    super::key(namespace, &format!("{SCHEDULE_PREFIX}{schedule_id}"))
}

fn schedule(
    key: &ExecutionKey,
    schedule: Option<Schedule>,
) -> Result<(Definition, Switch), Rejection> {
    let schedule = schedule.unwrap_or_default();
    if schedule.encoded_len() > MAX_BLOB_BYTES {
        return invalid("Blob data size exceeds limit.");
    }
    let spec = schedule.spec.unwrap_or_default();
    let spec = spec::canonical(&spec)
        .map_err(|why| Rejection::InvalidArgument(format!("Invalid schedule spec: {why}")))?;
    let action = schedule.action.unwrap_or_default();
    if let Some(schedule_action::Action::StartWorkflow(workflow)) = &action.action {
        check_workflow(key, workflow)?;
    }
    let definition = Definition {
        spec: Proto(spec),
        action: Proto(action),
        policies: policies(&schedule.policies.unwrap_or_default())?,
    };
    Ok((definition, switch(schedule.state.unwrap_or_default())?))
}

// temporal: workflow_handler.go validateStartWorkflowArgsForSchedule.
fn check_workflow(
    key: &ExecutionKey,
    workflow: &NewWorkflowExecutionInfo,
) -> Result<(), Rejection> {
    /// As long as the times that are appended.
    const APPENDED: &str = "-2009-11-10T23:00:00Z";
    let id = format!("{}{APPENDED}", workflow.workflow_id);
    scheduled_start(&key.namespace, &id, workflow)?;
    if !workflow.cron_schedule.is_empty() {
        return invalid("Scheduled workflow must not contain CronSchedule");
    }
    match workflow.workflow_id_reuse_policy() {
        WorkflowIdReusePolicy::Unspecified | WorkflowIdReusePolicy::AllowDuplicate => Ok(()),
        #[expect(deprecated, reason = "old clients still send it")]
        WorkflowIdReusePolicy::AllowDuplicateFailedOnly
        | WorkflowIdReusePolicy::RejectDuplicate
        | WorkflowIdReusePolicy::TerminateIfRunning => {
            invalid("Scheduled workflow must not contain WorkflowIDReusePolicy")
        }
    }
}

// temporal: service/worker/scheduler/workflow.go getCatchupWindow; a window that is too short is made longer.
fn policies(wire: &SchedulePolicies) -> Result<Policies, Rejection> {
    let window = match &wire.catchup_window {
        None => DEFAULT_CATCHUP_WINDOW,
        // A negative one is too short as well.
        given => duration_from_proto(given.as_ref()).unwrap_or(Duration::ZERO),
    };
    Ok(Policies {
        overlap: overlap(wire.overlap_policy)?.unwrap_or(Overlap::Skip),
        catchup_window: window.clamp(MIN_CATCHUP_WINDOW, MAX_DURATION),
        pause_on_failure: wire.pause_on_failure,
        keep_original_workflow_id: wire.keep_original_workflow_id,
    })
}

fn overlap(wire: i32) -> Result<Option<Overlap>, Rejection> {
    use ScheduleOverlapPolicy as Wire;
    Ok(match Wire::try_from(wire) {
        Ok(Wire::Unspecified) => None,
        Ok(Wire::Skip) => Some(Overlap::Skip),
        Ok(Wire::BufferOne) => Some(Overlap::BufferOne),
        Ok(Wire::BufferAll) => Some(Overlap::BufferAll),
        Ok(Wire::CancelOther) => Some(Overlap::CancelOther),
        Ok(Wire::TerminateOther) => Some(Overlap::TerminateOther),
        Ok(Wire::AllowAll) => Some(Overlap::AllowAll),
        Err(_) => return invalid("unknown schedule overlap policy"),
    })
}

fn switch(state: ScheduleState) -> Result<Switch, Rejection> {
    Ok(Switch {
        notes: notes(state.notes)?,
        paused: state.paused,
        limited: state.limited_actions,
        // Fewer than none are none.
        remaining: u64::try_from(state.remaining_actions).unwrap_or(0),
    })
}

fn notes(notes: String) -> Result<String, Rejection> {
    if notes.len() > MAX_SCHEDULE_NOTES {
        return invalid("Schedule notes exceeds limit.");
    }
    Ok(notes)
}

fn patch(wire: SchedulePatch) -> Result<Patch, Rejection> {
    if wire.encoded_len() > MAX_BLOB_BYTES {
        return invalid("Blob data size exceeds limit.");
    }
    let trigger = wire.trigger_immediately.map(|trigger| {
        let overlap = overlap(trigger.overlap_policy)?;
        let time = trigger.scheduled_time.as_ref().map(Timestamp::from_proto);
        Ok(Trigger { overlap, time })
    });
    let backfills = wire.backfill_request.into_iter().map(|backfill| {
        let time = |time: Option<prost_types::Timestamp>| {
            time.map_or(Timestamp::EPOCH, |time| Timestamp::from_proto(&time))
        };
        Ok(BackfillRange {
            from: time(backfill.start_time),
            until: time(backfill.end_time),
            overlap: overlap(backfill.overlap_policy)?,
        })
    });
    Ok(Patch {
        trigger: trigger.transpose()?,
        backfills: backfills.collect::<Result<_, Rejection>>()?,
        pause: notes(wire.pause)?,
        unpause: notes(wire.unpause)?,
    })
}
