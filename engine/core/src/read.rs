//! Reading a run: its state, and its history with long polls for what is not there yet.

use std::collections::BTreeMap;

use steadfast_proto::temporal::api::{
    common::v1::{Memo, WorkflowType},
    enums::v1::{PendingActivityState, PendingWorkflowTaskState, WorkflowExecutionStatus},
    workflow::v1::{
        PendingActivityInfo, PendingChildExecutionInfo, PendingWorkflowTaskInfo,
        WorkflowExecutionConfig, WorkflowExecutionExtendedInfo, WorkflowExecutionInfo,
        WorkflowExecutionPauseInfo,
        pending_activity_info::{
            PauseInfo,
            pause_info::{Manual, PausedBy},
        },
    },
    workflowservice::v1::DescribeWorkflowExecutionResponse,
};

use crate::{
    activity::{Paused, options_of},
    chain::execution,
    effect::{EventRange, HistoryReply, Reply, ReplyTo},
    execution::Run,
    history::HistoryState,
    ids::{EventId, ExecutionKey, RunKey},
    limits::MAX_HISTORY_WAITERS,
    nexus::{callback_infos, pending_nexus_operations},
    request::HistoryRequest,
    time::{Timestamp, duration_to_proto},
    tx::Tx,
    volatile::HistoryWaiter,
    workflow_task::WorkflowTask,
};

impl Tx<'_> {
    /// A piece of history, now or when it is there.
    // temporal: service/history/api/getworkflowexecutionhistory/api.go.
    pub(crate) fn read_history(&mut self, request: &HistoryRequest, reply_to: ReplyTo) {
        let waiter = HistoryWaiter {
            run_id: self.run.run_id.clone(),
            from: request.from,
            close_event_only: request.close_event_only,
            activity: false,
            reply_to,
        };
        let ready = self.history_ready(&waiter);
        if ready || !request.wait || self.volatile.waiters.len() >= MAX_HISTORY_WAITERS {
            let reply = self.history_reply(&waiter, ready);
            self.reply(reply_to, Ok(reply));
        } else {
            self.volatile.waiters.push(waiter);
        }
    }

    fn history_ready(&self, waiter: &HistoryWaiter) -> bool {
        let history = &self.run.history;
        !history.is_open() || !waiter.close_event_only && waiter.from < history.next_event
    }

    fn history_reply(&self, waiter: &HistoryWaiter, ready: bool) -> Reply {
        let last = self.run.history.last_event();
        let first = match (waiter.close_event_only, ready) {
            (true, true) => last,
            (true, false) => last.next(),
            (false, _) => waiter.from,
        };
        let suffix = if waiter.close_event_only {
            Vec::new()
        } else {
            self.unwritten_events()
        };
        Reply::History(HistoryReply {
            run: self.run_key(),
            events: EventRange { first, last },
            suffix,
            open: self.run.is_open(),
        })
    }

    /// Answers those who waited for what is there now.
    pub(crate) fn answer_waiters(&mut self) {
        if self.volatile.waiters.is_empty() {
            return;
        }
        let waiters = std::mem::take(&mut self.volatile.waiters);
        let run_id = self.run.run_id.clone();
        let (ready, waiting) = waiters
            .into_iter()
            .partition(|w: &HistoryWaiter| w.run_id == run_id && self.history_ready(w));
        self.volatile.waiters = waiting;
        for waiter in ready {
            let reply = if waiter.activity {
                self.standalone_outcome()
            } else {
                self.history_reply(&waiter, true)
            };
            self.reply(waiter.reply_to, Ok(reply));
        }
    }
}

/// A run's state as the wire has it. `task` is its pending workflow task, which the log need not know of.
// temporal: service/history/api/describeworkflow/api.go.
#[must_use]
pub fn describe(
    key: &ExecutionKey,
    run: &Run,
    task: Option<&WorkflowTask>,
) -> DescribeWorkflowExecutionResponse {
    let history = &run.history;
    let start = &history.start;
    DescribeWorkflowExecutionResponse {
        execution_config: Some(WorkflowExecutionConfig {
            task_queue: start.task_queue.clone(),
            workflow_execution_timeout: start.workflow_execution_timeout,
            workflow_run_timeout: start.workflow_run_timeout,
            default_workflow_task_timeout: start.workflow_task_timeout,
            user_metadata: history.user_metadata.as_deref().cloned(),
        }),
        workflow_execution_info: Some(info(key, run)),
        pending_activities: pending_activities(run),
        pending_children: pending_children(run),
        pending_workflow_task: task.map(pending_task),
        callbacks: callback_infos(run),
        pending_nexus_operations: pending_nexus_operations(run),
        workflow_extended_info: Some(WorkflowExecutionExtendedInfo {
            execution_expiration_time: history.chain_expires().map(Timestamp::to_proto),
            run_expiration_time: history.run_expires().map(Timestamp::to_proto),
            cancel_requested: history.cancel_requested,
            original_start_time: Some(history.start_time.to_proto()),
            last_reset_time: history.reset_time.map(Timestamp::to_proto),
            pause_info: history
                .paused
                .as_deref()
                .map(|paused| WorkflowExecutionPauseInfo {
                    identity: paused.identity.clone(),
                    paused_time: Some(paused.time.to_proto()),
                    reason: paused.reason.clone(),
                }),
            reset_run_id: run
                .reset_to
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            request_id_infos: BTreeMap::new(),
            ..WorkflowExecutionExtendedInfo::default()
        }),
    }
}

fn info(key: &ExecutionKey, run: &Run) -> WorkflowExecutionInfo {
    let history = &run.history;
    let start = &history.start;
    let own = RunKey {
        execution: key.clone(),
        run_id: run.run_id.clone(),
    };
    let duration = history
        .close_time
        .map(|end| end.since(history.execution_time()));
    WorkflowExecutionInfo {
        execution: Some(execution(&own)),
        r#type: Some(WorkflowType {
            name: crate::workflow_task::workflow_type(history),
        }),
        start_time: Some(history.begun_at().to_proto()),
        close_time: history.close_time.map(Timestamp::to_proto),
        status: status(history).into(),
        history_length: history.last_event().0,
        parent_namespace_id: start.parent_workflow_namespace_id.clone(),
        parent_execution: start.parent_workflow_execution.clone(),
        execution_time: Some(history.execution_time().to_proto()),
        memo: Some(Memo {
            fields: history.memo.clone(),
        }),
        search_attributes: history.search_attributes_proto(),
        task_queue: start.task_queue.clone().unwrap_or_default().name,
        history_size_bytes: history.bytes,
        state_transition_count: history.transitions,
        execution_duration: duration.map(duration_to_proto),
        root_execution: start
            .root_workflow_execution
            .clone()
            .or_else(|| Some(execution(&own))),
        first_run_id: start.first_execution_run_id.clone(),
        versioning_info: run.versioning_info(),
        worker_deployment_name: history
            .versioning
            .version
            .as_ref()
            .map(|v| v.deployment.to_string())
            .unwrap_or_default(),
        priority: start.priority.clone(),
        ..WorkflowExecutionInfo::default()
    }
}

fn pending_activities(run: &Run) -> Vec<PendingActivityInfo> {
    let pending = run.activities.iter().filter_map(|(id, state)| {
        let scheduled = run.find_activity(*id)?;
        let a = &scheduled.attributes;
        let cancel_requested = run.history.activities.get(id)?.cancel_requested;
        let paused = run.paused(*id);
        let status = match (&state.started, cancel_requested.is_some()) {
            (Some(_), true) => PendingActivityState::CancelRequested,
            (Some(_), false) if paused.is_some() => PendingActivityState::PauseRequested,
            (Some(_), false) => PendingActivityState::Started,
            (None, _) if paused.is_some() => PendingActivityState::Paused,
            (None, _) => PendingActivityState::Scheduled,
        };
        let total = scheduled.timeouts.schedule_to_close;
        Some(PendingActivityInfo {
            activity_id: a.activity_id.clone(),
            activity_type: a.activity_type.clone(),
            state: status.into(),
            heartbeat_details: state.heartbeat_details.as_ref().map(|d| d.0.clone()),
            last_heartbeat_time: state.last_heartbeat.map(Timestamp::to_proto),
            last_started_time: state.started.as_ref().map(|s| s.time.to_proto()),
            attempt: i32::try_from(state.attempt).unwrap_or(i32::MAX),
            maximum_attempts: i32::try_from(scheduled.retry.maximum_attempts).unwrap_or(i32::MAX),
            scheduled_time: Some(state.scheduled.to_proto()),
            expiration_time: (!total.is_zero())
                .then(|| state.first_scheduled.plus(total).to_proto()),
            last_failure: state.last_failure.as_ref().map(|f| f.0.clone()),
            last_worker_identity: state.last_identity.clone(),
            current_retry_interval: (state.attempt > 1)
                .then(|| duration_to_proto(state.retry_interval)),
            // The attempt that has been waited for, until somebody starts it.
            next_attempt_schedule_time: (state.attempt > 1 && state.started.is_none())
                .then(|| state.scheduled.to_proto()),
            priority: a.priority.clone(),
            paused: paused.is_some(),
            pause_info: paused.map(pause_info),
            activity_options: Some(options_of(scheduled)),
            ..PendingActivityInfo::default()
        })
    });
    pending.collect()
}

fn pause_info(paused: &Paused) -> PauseInfo {
    PauseInfo {
        pause_time: Some(paused.time.to_proto()),
        paused_by: Some(PausedBy::Manual(Manual {
            identity: paused.identity.clone(),
            reason: paused.reason.clone(),
        })),
    }
}

/// Open, paused, or how it closed.
fn status(history: &HistoryState) -> WorkflowExecutionStatus {
    if history.is_open() && history.paused.is_some() {
        WorkflowExecutionStatus::Paused
    } else {
        history.status
    }
}

fn pending_children(run: &Run) -> Vec<PendingChildExecutionInfo> {
    let children = run.history.children.iter().map(|(initiated, child)| {
        let a = &child.attributes;
        PendingChildExecutionInfo {
            workflow_id: a.workflow_id.clone(),
            run_id: child
                .started
                .as_ref()
                .map(|(_, run)| run.to_string())
                .unwrap_or_default(),
            workflow_type_name: a.workflow_type.clone().unwrap_or_default().name,
            initiated_id: initiated.0,
            parent_close_policy: a.parent_close_policy,
        }
    });
    children.collect()
}

fn pending_task(task: &WorkflowTask) -> PendingWorkflowTaskInfo {
    let state = match task.started {
        Some(_) => PendingWorkflowTaskState::Started,
        None => PendingWorkflowTaskState::Scheduled,
    };
    PendingWorkflowTaskInfo {
        state: state.into(),
        scheduled_time: Some(task.scheduled_time.to_proto()),
        original_scheduled_time: Some(task.original_scheduled_time.to_proto()),
        started_time: task.started.as_ref().map(|s| s.time.to_proto()),
        attempt: i32::try_from(task.attempt).unwrap_or(i32::MAX),
    }
}

/// The last event of a closed run.
#[must_use]
pub fn close_event(run: &Run) -> Option<EventId> {
    (!run.is_open()).then(|| run.history.last_event())
}
