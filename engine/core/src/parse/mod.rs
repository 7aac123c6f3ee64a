//! Wire messages, parsed once into core's own types: the server and the simulator parse alike.
//!
//! What does not parse is a [`Rejection::InvalidArgument`] (requests) or a
//! [`crate::request::CommandError`] (commands of a workflow task) with Temporal's own words.
// temporal: service/frontend/workflow_handler.go, the validate* and prepare* functions.

mod batch;
mod caller;
mod command;
mod control;
mod deployment;
mod endpoint;
mod policy;
mod reset;
mod schedule;
mod standalone;
mod start;
mod update;
mod worker;

use std::time::Duration;

use prost::Message;
use steadfast_proto::temporal::api::common::v1::WorkflowExecution;

pub use batch::{
    batch_entry, batch_filter, batch_page_token, describe_batch, give_targets, start_batch,
    stop_batch,
};
pub use caller::{cancel, delete, describe, history, query, reset_stickiness, signal, terminate};
pub use control::{
    pause_activity, pause_workflow, reset_activity, unpause_activity, unpause_workflow,
    update_activity_options,
};
pub use deployment::{
    describe_deployment, set_current_version, set_ramping_version, version_polled,
};
pub use endpoint::{create_endpoint, delete_endpoint, endpoint_id, update_endpoint};
pub use policy::{retry_policy, retry_policy_to_proto};
pub use reset::reset;
pub(crate) use schedule::scheduled_start;
pub use schedule::{
    create_schedule, delete_schedule, describe_schedule, matching_times, patch_schedule,
    schedule_entry, update_schedule,
};
pub use standalone::{
    cancel_activity, describe_activity, poll_activity_end, start_activity, terminate_activity,
};
pub use start::{signal_with_start, start};
pub use update::{multi_operation, poll_update, update};
pub use worker::{
    activity_canceled, activity_canceled_by_id, activity_completed, activity_completed_by_id,
    activity_failed, activity_failed_by_id, activity_heartbeat, activity_heartbeat_by_id,
    nexus_completed, nexus_failed, poll_activity, poll_nexus, poll_workflow, query_completed,
    shutdown_worker, workflow_task_completed, workflow_task_failed,
};

use crate::{
    effect::Rejection,
    ids::{ExecutionKey, RunId},
    limits::{MAX_BLOB_BYTES, MAX_DURATION, MAX_ID_LENGTH},
    request::Target,
    time::duration_from_proto,
};

fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection::InvalidArgument(why.into()))
}

/// A name that must be there and not be too long.
fn name(value: &str, missing: &str, field: &str) -> Result<String, Rejection> {
    if value.is_empty() {
        return invalid(missing);
    }
    bounded(value, field)
}

fn bounded(value: &str, field: &str) -> Result<String, Rejection> {
    if value.len() > MAX_ID_LENGTH {
        return invalid(format!("{field} length exceeds limit."));
    }
    Ok(value.to_owned())
}

fn duration(value: Option<&prost_types::Duration>, field: &str) -> Result<Duration, Rejection> {
    match duration_from_proto(value) {
        Some(duration) => Ok(duration.min(MAX_DURATION)),
        None => invalid(format!("{field} cannot be negative.")),
    }
}

/// A message that must not be too big.
fn blob<M: Message>(value: Option<M>) -> Result<Option<M>, Rejection> {
    if value
        .as_ref()
        .is_some_and(|m| m.encoded_len() > MAX_BLOB_BYTES)
    {
        return invalid("Blob data size exceeds limit.");
    }
    Ok(value)
}

fn key(namespace: &str, workflow_id: &str) -> Result<ExecutionKey, Rejection> {
    let namespace = name(namespace, "Namespace not set on request.", "Namespace")?;
    let workflow_id = name(
        workflow_id,
        "WorkflowId is not set on request.",
        "WorkflowId",
    )?;
    Ok(ExecutionKey::new(namespace, workflow_id))
}

fn target(namespace: &str, execution: Option<&WorkflowExecution>) -> Result<Target, Rejection> {
    let Some(execution) = execution else {
        return invalid("Execution is not set on request.");
    };
    Ok(Target {
        key: key(namespace, &execution.workflow_id)?,
        run_id: run_id(&execution.run_id)?,
    })
}

/// A run id is a UUID, or absent.
fn run_id(value: &str) -> Result<Option<RunId>, Rejection> {
    match value {
        "" => Ok(None),
        _ if is_uuid(value) => Ok(Some(RunId::new(value))),
        _ => invalid("Invalid RunId."),
    }
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}
