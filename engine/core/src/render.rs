//! Core's replies as the wire has them. The owner fetches the history that a reply names and hands it in.

mod update;

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use steadfast_proto::temporal::api::{
    common::v1::{ActivityType, WorkflowType},
    history::v1::{History, HistoryEvent},
    query::v1::QueryRejected,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryResponse, PollActivityTaskQueueResponse,
        PollNexusTaskQueueResponse, PollWorkflowTaskQueueResponse, QueryWorkflowResponse,
        RespondWorkflowTaskCompletedResponse, SignalWithStartWorkflowExecutionResponse,
        StartWorkflowExecutionResponse,
    },
};

pub use update::{multi_operation_failure, update, update_poll, update_with_start};

use crate::{
    chain::{execution, normal},
    effect::{ActivityTaskReply, HistoryReply, QueryTaskReply, Started, WorkflowTaskReply},
    ids::{EventId, RunId},
    nexus::NexusTaskReply,
    parse::retry_policy_to_proto,
    time::duration_to_proto,
};

/// Decodes stored events.
///
/// # Panics
/// If the bytes are no events: a store that verifies its checksums never hands out such bytes.
#[must_use]
pub fn events(encoded: impl IntoIterator<Item = Bytes>) -> Vec<HistoryEvent> {
    encoded
        .into_iter()
        .map(|bytes| HistoryEvent::decode(bytes).expect("a shard writes valid events"))
        .collect()
}

/// A page token: the next event and the run it belongs to.
#[must_use]
pub fn page_token(next: EventId, run: &RunId) -> Bytes {
    let mut token = next.0.to_be_bytes().to_vec();
    token.extend_from_slice(run.as_str().as_bytes());
    token.into()
}

/// Takes a page token apart.
#[must_use]
pub fn split_page_token(token: &[u8]) -> Option<(EventId, RunId)> {
    let (next, run) = token.split_first_chunk::<8>()?;
    let next = i64::from_be_bytes(*next);
    let run = std::str::from_utf8(run).ok()?;
    (next > 0 && !run.is_empty()).then(|| (EventId(next), RunId::new(run)))
}

/// A workflow task. `history` are the stored events that `task.history` names, `more` a token if they are not all.
#[must_use]
pub fn workflow_task(
    task: WorkflowTaskReply,
    mut history: Vec<HistoryEvent>,
    more: Bytes,
) -> PollWorkflowTaskQueueResponse {
    if more.is_empty() {
        history.extend(events(task.suffix));
    }
    PollWorkflowTaskQueueResponse {
        task_token: task.token.encode().into(),
        workflow_execution: Some(execution(&task.token.run)),
        workflow_type: Some(WorkflowType {
            name: task.workflow_type,
        }),
        previous_started_event_id: task.previous_started.0,
        started_event_id: task.started.0,
        attempt: i32::try_from(task.attempt).unwrap_or(i32::MAX),
        history: Some(History { events: history }),
        next_page_token: more,
        workflow_execution_task_queue: Some(normal(task.task_queue.into())),
        scheduled_time: Some(task.scheduled_time.to_proto()),
        started_time: Some(task.started_time.to_proto()),
        queries: task.queries,
        messages: task.messages,
        ..PollWorkflowTaskQueueResponse::default()
    }
}

/// A query for an idle run.
#[must_use]
pub fn query_task(
    task: QueryTaskReply,
    history: Vec<HistoryEvent>,
    more: Bytes,
) -> PollWorkflowTaskQueueResponse {
    PollWorkflowTaskQueueResponse {
        task_token: task.token,
        workflow_execution: Some(execution(&task.run)),
        workflow_type: Some(WorkflowType {
            name: task.workflow_type,
        }),
        previous_started_event_id: task.previous_started.0,
        attempt: 1,
        history: Some(History { events: history }),
        next_page_token: more,
        query: Some(task.query),
        workflow_execution_task_queue: Some(normal(task.task_queue.into())),
        queries: BTreeMap::new(),
        ..PollWorkflowTaskQueueResponse::default()
    }
}

/// An activity task.
#[must_use]
pub fn activity_task(task: ActivityTaskReply) -> PollActivityTaskQueueResponse {
    PollActivityTaskQueueResponse {
        task_token: task.token.encode().into(),
        workflow_namespace: task.token.run.execution.namespace.to_string(),
        workflow_type: Some(WorkflowType {
            name: task.workflow_type,
        }),
        workflow_execution: (!task.standalone).then(|| execution(&task.token.run)),
        activity_run_id: if task.standalone {
            task.token.run.run_id.to_string()
        } else {
            String::new()
        },
        activity_type: Some(ActivityType {
            name: task.activity_type,
        }),
        activity_id: task.activity_id.into(),
        header: task.header,
        input: task.input,
        heartbeat_details: task.heartbeat_details,
        scheduled_time: Some(task.scheduled_time.to_proto()),
        current_attempt_scheduled_time: Some(task.attempt_scheduled_time.to_proto()),
        started_time: Some(task.started_time.to_proto()),
        attempt: i32::try_from(task.attempt).unwrap_or(i32::MAX),
        schedule_to_close_timeout: Some(duration_to_proto(task.schedule_to_close)),
        start_to_close_timeout: Some(duration_to_proto(task.start_to_close)),
        heartbeat_timeout: Some(duration_to_proto(task.heartbeat)),
        retry_policy: Some(retry_policy_to_proto(&task.retry)),
        priority: task.priority,
        ..PollActivityTaskQueueResponse::default()
    }
}

/// A Nexus task.
#[must_use]
pub fn nexus_task(task: NexusTaskReply) -> PollNexusTaskQueueResponse {
    PollNexusTaskQueueResponse {
        task_token: task.token.encode().into(),
        request: Some(task.request),
        ..PollNexusTaskQueueResponse::default()
    }
}

/// The answer to a completed workflow task.
#[must_use]
pub fn workflow_task_completed(
    next: Option<PollWorkflowTaskQueueResponse>,
    activities: Vec<ActivityTaskReply>,
    reset_to: Option<EventId>,
) -> RespondWorkflowTaskCompletedResponse {
    RespondWorkflowTaskCompletedResponse {
        workflow_task: next,
        activity_tasks: activities.into_iter().map(activity_task).collect(),
        reset_history_event_id: reset_to.map_or(0, |event| event.0),
    }
}

/// The answer to a start. `eager` is the first workflow task, if the caller runs it itself.
#[must_use]
pub fn started(
    started: &Started,
    eager: Option<PollWorkflowTaskQueueResponse>,
) -> StartWorkflowExecutionResponse {
    StartWorkflowExecutionResponse {
        run_id: started.run_id.to_string(),
        first_execution_run_id: started.first_run.to_string(),
        started: started.started,
        status: started.status.into(),
        eager_workflow_task: eager,
        ..StartWorkflowExecutionResponse::default()
    }
}

/// The answer to a signal-with-start.
#[must_use]
pub fn signal_with_started(started: &Started) -> SignalWithStartWorkflowExecutionResponse {
    SignalWithStartWorkflowExecutionResponse {
        run_id: started.run_id.to_string(),
        first_execution_run_id: started.first_run.to_string(),
        started: started.started,
        ..SignalWithStartWorkflowExecutionResponse::default()
    }
}

/// The answer to a query.
#[must_use]
pub fn query_answer(
    answer: Option<steadfast_proto::temporal::api::common::v1::Payloads>,
) -> QueryWorkflowResponse {
    QueryWorkflowResponse {
        query_result: answer,
        ..QueryWorkflowResponse::default()
    }
}

/// The answer to a query that the run's state forbids.
#[must_use]
pub fn query_rejected(
    status: steadfast_proto::temporal::api::enums::v1::WorkflowExecutionStatus,
) -> QueryWorkflowResponse {
    QueryWorkflowResponse {
        query_rejected: Some(QueryRejected {
            status: status.into(),
        }),
        ..QueryWorkflowResponse::default()
    }
}

/// A piece of history. `fetched` are the stored events from `reply.events.first` on, perhaps not all; `waits` is
/// whether the caller asked to wait for more, so that an open run always gets a token.
#[must_use]
pub fn history(
    reply: HistoryReply,
    mut fetched: Vec<HistoryEvent>,
    waits: bool,
) -> GetWorkflowExecutionHistoryResponse {
    let next = EventId(reply.events.first.0 + i64::try_from(fetched.len()).unwrap_or(0));
    let complete = next > reply.events.last;
    let token = if !complete || waits && reply.open {
        page_token(next, &reply.run.run_id)
    } else {
        Bytes::new()
    };
    if complete && !waits {
        fetched.extend(events(reply.suffix));
    }
    GetWorkflowExecutionHistoryResponse {
        history: Some(History { events: fetched }),
        next_page_token: token,
        ..GetWorkflowExecutionHistoryResponse::default()
    }
}
