//! What the recipe's client sends: the official client's requests, field by field.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use steadfast_core::{ids::RequestId, parse, time::duration_to_proto};
use steadfast_proto::temporal::api::{
    common::v1::{
        Memo, Payload, Payloads, Priority, RetryPolicy, SearchAttributes, WorkflowExecution,
        WorkflowType,
    },
    query::v1::WorkflowQuery,
    taskqueue::v1::TaskQueue,
    workflowservice::v1 as service,
};

use crate::recipe::Start;

pub(crate) const NAMESPACE: &str = "default";
const IDENTITY: &str = "recipe";

pub(crate) type Parsed = Result<steadfast_core::Request, steadfast_core::Rejection>;

pub(crate) fn payload(value: &Value) -> Payload {
    Payload::json(value).expect("JSON is JSON")
}

fn payloads(values: &[Value]) -> Option<Payloads> {
    Some(Payloads {
        payloads: values.iter().map(payload).collect(),
    })
}

fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution {
        workflow_id: id.to_owned(),
        run_id: String::new(),
    })
}

fn millis(ms: Option<u64>) -> Option<prost_types::Duration> {
    ms.map(|ms| duration_to_proto(Duration::from_millis(ms)))
}

/// A search attribute as typed keys encode it.
fn attribute(value: &Value, kind: &str) -> Payload {
    let mut payload = payload(value);
    payload
        .metadata
        .insert("type".to_owned(), kind.to_owned().into());
    payload
}

fn start_request(
    id: &str,
    queue: &str,
    start: &Start,
    request_id: String,
) -> service::StartWorkflowExecutionRequest {
    let given = &start.options;
    let keyword = given.keyword.as_ref().map(|value| {
        (
            "CustomKeywordField".to_owned(),
            attribute(&value.as_str().into(), "Keyword"),
        )
    });
    let int = given
        .int
        .map(|value| ("CustomIntField".to_owned(), attribute(&value.into(), "Int")));
    let indexed_fields: BTreeMap<_, _> = keyword.into_iter().chain(int).collect();
    let memo = given
        .memo
        .iter()
        .map(|(k, v)| (k.clone(), payload(&v.as_str().into())))
        .collect();
    service::StartWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        input: payloads(&start.input),
        workflow_id: id.to_owned(),
        workflow_type: Some(WorkflowType {
            name: start.workflow.clone(),
        }),
        task_queue: Some(TaskQueue {
            name: queue.to_owned(),
            ..TaskQueue::default()
        }),
        identity: IDENTITY.to_owned(),
        request_id,
        workflow_execution_timeout: millis(given.execution_timeout_ms),
        workflow_run_timeout: millis(given.run_timeout_ms),
        workflow_task_timeout: millis(given.task_timeout_ms),
        search_attributes: (!indexed_fields.is_empty())
            .then_some(SearchAttributes { indexed_fields }),
        cron_schedule: given.cron.clone().unwrap_or_default(),
        retry_policy: given.retry.as_ref().map(|retry| RetryPolicy {
            initial_interval: millis(Some(retry.initial_interval_ms)),
            backoff_coefficient: retry.backoff,
            maximum_attempts: i32::try_from(retry.maximum_attempts).expect("small"),
            ..RetryPolicy::default()
        }),
        priority: Some(Priority::default()),
        memo: (!given.memo.is_empty()).then_some(Memo { fields: memo }),
        ..service::StartWorkflowExecutionRequest::default()
    }
}

pub(crate) fn start(id: &str, queue: &str, start: &Start, request_id: String) -> Parsed {
    parse::start(
        start_request(id, queue, start, request_id),
        RequestId::new("unused"),
    )
}

pub(crate) fn signal_with_start(
    id: &str,
    queue: &str,
    start: &Start,
    (name, input): (&str, &[Value]),
    request_id: String,
) -> Parsed {
    let start = start_request(id, queue, start, request_id);
    let request = service::SignalWithStartWorkflowExecutionRequest {
        namespace: start.namespace,
        workflow_id: start.workflow_id,
        workflow_type: start.workflow_type,
        task_queue: start.task_queue,
        input: start.input,
        workflow_execution_timeout: start.workflow_execution_timeout,
        workflow_run_timeout: start.workflow_run_timeout,
        workflow_task_timeout: start.workflow_task_timeout,
        identity: start.identity,
        request_id: start.request_id,
        signal_name: name.to_owned(),
        signal_input: payloads(input),
        retry_policy: start.retry_policy,
        cron_schedule: start.cron_schedule,
        memo: start.memo,
        search_attributes: start.search_attributes,
        priority: start.priority,
        ..service::SignalWithStartWorkflowExecutionRequest::default()
    };
    parse::signal_with_start(request, RequestId::new("unused"))
}

pub(crate) fn signal(id: &str, name: &str, input: &[Value], request_id: String) -> Parsed {
    parse::signal(service::SignalWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(id),
        signal_name: name.to_owned(),
        input: payloads(input),
        identity: IDENTITY.to_owned(),
        request_id,
        ..service::SignalWorkflowExecutionRequest::default()
    })
}

pub(crate) fn query(id: &str, name: &str) -> Parsed {
    parse::query(service::QueryWorkflowRequest {
        namespace: NAMESPACE.to_owned(),
        execution: execution(id),
        query: Some(WorkflowQuery {
            query_type: name.to_owned(),
            query_args: payloads(&[]),
            ..WorkflowQuery::default()
        }),
        ..service::QueryWorkflowRequest::default()
    })
}

pub(crate) fn cancel(id: &str, reason: &str, request_id: String) -> Parsed {
    parse::cancel(service::RequestCancelWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(id),
        identity: IDENTITY.to_owned(),
        request_id,
        reason: reason.to_owned(),
        ..service::RequestCancelWorkflowExecutionRequest::default()
    })
}

pub(crate) fn terminate(id: &str, reason: &str) -> Parsed {
    parse::terminate(service::TerminateWorkflowExecutionRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_execution: execution(id),
        reason: reason.to_owned(),
        identity: IDENTITY.to_owned(),
        ..service::TerminateWorkflowExecutionRequest::default()
    })
}

pub(crate) fn complete_activity(id: &str, activity_id: &str, result: &Value) -> Parsed {
    parse::activity_completed_by_id(service::RespondActivityTaskCompletedByIdRequest {
        namespace: NAMESPACE.to_owned(),
        workflow_id: id.to_owned(),
        activity_id: activity_id.to_owned(),
        result: Some(Payloads {
            payloads: vec![payload(result)],
        }),
        identity: IDENTITY.to_owned(),
        ..service::RespondActivityTaskCompletedByIdRequest::default()
    })
}
