//! `describe`.

use clap::Args;
use prost_types::Timestamp;
use serde_json::Value;
use steadfast_proto::temporal::api::common::v1::WorkflowExecution;
use steadfast_proto::temporal::api::enums::v1::WorkflowExecutionStatus;
use steadfast_proto::temporal::api::history::v1::HistoryEvent;
use steadfast_proto::temporal::api::workflow::v1::{
    PendingActivityInfo, PendingChildExecutionInfo, PendingNexusOperationInfo, ResetPointInfo,
    WorkflowExecutionExtendedInfo, WorkflowExecutionInfo,
};
use steadfast_proto::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
};
use steadfast_proto::time::timestamp_nanos_saturating;

use super::result::{friendly, print_end, result};
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::history::{Events, Order};
use crate::remote::output::{Output, shown};
use crate::remote::session::Session;
use crate::remote::target::WorkflowArgs;
use crate::remote::text::{Card, Table, short, span_text};

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Describe {
    #[command(flatten)]
    workflow: WorkflowArgs,
    /// Show the points to which it can be reset by build
    #[arg(long)]
    reset_points: bool,
    /// Taken: the answer as it is, which is --output json
    #[arg(long)]
    raw: bool,
}

impl Run for Describe {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let request = DescribeWorkflowExecutionRequest {
            namespace: session.namespace(),
            execution: self.workflow.execution(),
        };
        let described = session.ask(request, async |mut c, r| {
            c.describe_workflow_execution(r).await
        });
        let described = described.await?;
        let info = described
            .workflow_execution_info
            .clone()
            .unwrap_or_default();
        if self.reset_points {
            return reset_points(session, &info);
        }
        let close = match info.status() {
            WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Paused => None,
            _ => {
                let of = info.execution.clone().unwrap_or_default();
                Events::of(session, &of.workflow_id, &of.run_id, Order::Last)
                    .next()
                    .await?
            }
        };
        if session.out.is_json() {
            return session
                .out
                .document(&document(&session.out, &described, close.as_ref()));
        }
        print(session, &described, &info)?;
        match close {
            None => pending(&session.out, &described),
            Some(close) => {
                session.out.line("")?;
                let took = elapsed(info.start_time.as_ref(), info.close_time.as_ref());
                print_end(&session.out, &close, took)
            }
        }
    }
}

/// The answer, and with it the event that ended the workflow, and its result.
fn document(
    out: &Output<'_>,
    described: &DescribeWorkflowExecutionResponse,
    close: Option<&HistoryEvent>,
) -> Value {
    let mut document = out.value(described);
    if let (Some(close), Value::Object(fields)) = (close, &mut document) {
        fields.insert("closeEvent".to_owned(), out.value(close));
        if let Some(result) = result(close) {
            fields.insert("result".to_owned(), friendly(out, result.as_ref()));
        }
    }
    document
}

fn elapsed(from: Option<&Timestamp>, to: Option<&Timestamp>) -> Option<std::time::Duration> {
    let nanos = timestamp_nanos_saturating(to?).saturating_sub(timestamp_nanos_saturating(from?));
    u64::try_from(nanos)
        .ok()
        .map(std::time::Duration::from_nanos)
}

fn reset_points(session: &Session<'_>, info: &WorkflowExecutionInfo) -> Result<(), Problem> {
    let points = info.auto_reset_points.clone().unwrap_or_default().points;
    session
        .out
        .heading(&format!("Auto Reset Points: {}", points.len()))?;
    if session.out.is_json() {
        // Named as the real command line names them.
        let points = points.iter().map(|point| {
            serde_json::json!({
                "BinaryChecksum": checksum(point),
                "CreateTime": point.create_time.as_ref().map(steadfast_proto::json::to_value),
                "RunId": point.run_id,
                "EventId": point.first_workflow_task_completed_id,
            })
        });
        return session.out.document(&points.collect::<Vec<_>>());
    }
    for point in points {
        let card = Card::default()
            .text("BuildId", &point.build_id)
            .text(
                "CreateTime",
                &session.out.times.show(point.create_time.as_ref()),
            )
            .text("RunId", &point.run_id)
            .text(
                "EventId",
                &point.first_workflow_task_completed_id.to_string(),
            );
        session.out.card(&card)?;
    }
    Ok(())
}

/// How builds were told apart once.
#[expect(deprecated, reason = "it is what the real command line shows")]
fn checksum(point: &ResetPointInfo) -> &str {
    &point.binary_checksum
}

fn print(
    session: &Session<'_>,
    described: &DescribeWorkflowExecutionResponse,
    info: &WorkflowExecutionInfo,
) -> Result<(), Problem> {
    let out = &session.out;
    out.heading("Execution Info:")?;
    out.card(&info_card(session, info))?;
    if let Some(extended) = &described.workflow_extended_info {
        out.heading("Extended Execution Info:")?;
        out.card(&extended_card(out, extended))?;
        if let Some(pause) = &extended.pause_info {
            out.heading("Pause Info:")?;
            let card = Card::default()
                .some("Identity", &pause.identity)
                .some("Reason", &pause.reason)
                .some("PausedTime", &out.times.show(pause.paused_time.as_ref()));
            out.card(&card)?;
        }
    }
    let config = described.execution_config.clone().unwrap_or_default();
    if let Some(metadata) = &config.user_metadata {
        let text = |payload: Option<&_>| {
            payload
                .map(|payload| shown(&out.value(payload)))
                .unwrap_or_default()
        };
        out.line("")?;
        out.heading("Metadata:")?;
        let card = Card::default()
            .some("StaticSummary", &text(metadata.summary.as_ref()))
            .some("StaticDetails", &text(metadata.details.as_ref()));
        out.card(&card)?;
    }
    if let Some(versioning) = &info.versioning_info {
        let version = versioning.deployment_version.clone().unwrap_or_default();
        out.line("")?;
        out.heading("Versioning Info:")?;
        let card = Card::default()
            .text(
                "Behavior",
                &short(versioning.behavior().as_str_name(), "VERSIONING_BEHAVIOR_"),
            )
            .text("DeploymentName", &version.deployment_name)
            .text("BuildId", &version.build_id);
        out.card(&card)?;
    }
    Ok(())
}

fn info_card(session: &Session<'_>, info: &WorkflowExecutionInfo) -> Card {
    let out = &session.out;
    let ids = |of: &Option<WorkflowExecution>| of.clone().unwrap_or_default();
    let (of, parent, root) = (
        ids(&info.execution),
        ids(&info.parent_execution),
        ids(&info.root_execution),
    );
    let fields =
        |document: Option<Value>| document.map(|value| value.to_string()).unwrap_or_default();
    let memo = info
        .memo
        .as_ref()
        .filter(|memo| !memo.fields.is_empty())
        .map(|memo| out.value(memo));
    let attributes = info
        .search_attributes
        .as_ref()
        .map(|attributes| out.value(attributes));
    Card::default()
        .text("WorkflowId", &of.workflow_id)
        .text("RunId", &of.run_id)
        .text("Type", &info.r#type.clone().unwrap_or_default().name)
        .text("Namespace", session.connection.namespace())
        .text("Status", &super::list::status(info))
        .text("TaskQueue", &info.task_queue)
        .text("StartTime", &out.times.show(info.start_time.as_ref()))
        .some("CloseTime", &out.times.show(info.close_time.as_ref()))
        .some(
            "ExecutionTime",
            &out.times.show(info.execution_time.as_ref()),
        )
        .some(
            "Memo",
            &fields(memo.and_then(|memo| memo.get("fields").cloned())),
        )
        .some(
            "SearchAttributes",
            &fields(attributes.and_then(|attributes| attributes.get("indexedFields").cloned())),
        )
        .text(
            "StateTransitionCount",
            &info.state_transition_count.to_string(),
        )
        .text("HistoryLength", &info.history_length.to_string())
        .text("HistorySize", &info.history_size_bytes.to_string())
        .some("ParentWorkflowId", &parent.workflow_id)
        .some("ParentRunId", &parent.run_id)
        .some("RootWorkflowId", &root.workflow_id)
        .some("RootRunId", &root.run_id)
}

fn extended_card(out: &Output<'_>, extended: &WorkflowExecutionExtendedInfo) -> Card {
    let time = |time: &Option<Timestamp>| out.times.show(time.as_ref());
    Card::default()
        .text("CancelRequested", &extended.cancel_requested.to_string())
        .some(
            "ExecutionExpirationTime",
            &time(&extended.execution_expiration_time),
        )
        .some("RunExpirationTime", &time(&extended.run_expiration_time))
        .some("LastResetTime", &time(&extended.last_reset_time))
        .some("OriginalStartTime", &time(&extended.original_start_time))
}

/// What a workflow that runs waits for.
fn pending(out: &Output<'_>, described: &DescribeWorkflowExecutionResponse) -> Result<(), Problem> {
    out.line("")?;
    out.heading(&format!(
        "Pending Activities: {}",
        described.pending_activities.len()
    ))?;
    for activity in &described.pending_activities {
        out.line("")?;
        out.card(&activity_card(out, activity))?;
    }
    out.heading(&format!(
        "Pending Child Workflows: {}",
        described.pending_children.len()
    ))?;
    if !described.pending_children.is_empty() {
        out.table(&children(&described.pending_children))?;
    }
    out.heading(&format!(
        "Pending Nexus Operations: {}",
        described.pending_nexus_operations.len()
    ))?;
    for operation in &described.pending_nexus_operations {
        out.line("")?;
        out.card(&nexus_card(out, operation))?;
    }
    Ok(())
}

fn activity_card(out: &Output<'_>, activity: &PendingActivityInfo) -> Card {
    let time = |time: &Option<Timestamp>| out.times.show(time.as_ref());
    let failure = activity
        .last_failure
        .as_ref()
        .map(|failure| failure.message.clone());
    let heartbeat = activity
        .heartbeat_details
        .as_ref()
        .map(|details| shown(&out.value(details)));
    Card::default()
        .text("ActivityId", &activity.activity_id)
        .text(
            "Type",
            &activity.activity_type.clone().unwrap_or_default().name,
        )
        .text(
            "State",
            &short(activity.state().as_str_name(), "PENDING_ACTIVITY_STATE_"),
        )
        .text("Attempt", &activity.attempt.to_string())
        .text("MaximumAttempts", &activity.maximum_attempts.to_string())
        .text("ScheduledTime", &time(&activity.scheduled_time))
        .some("LastStartedTime", &time(&activity.last_started_time))
        .some("LastHeartbeatTime", &time(&activity.last_heartbeat_time))
        .some("ExpirationTime", &time(&activity.expiration_time))
        .some("LastFailure", &failure.unwrap_or_default())
        .some("LastWorkerIdentity", &activity.last_worker_identity)
        .some("LastHeartbeatDetails", &heartbeat.unwrap_or_default())
}

fn children(children: &[PendingChildExecutionInfo]) -> Table {
    let mut table = Table::new([
        "WorkflowId",
        "RunId",
        "Type",
        "InitiatedId",
        "ParentClosePolicy",
    ]);
    for child in children {
        let policy = short(
            child.parent_close_policy().as_str_name(),
            "PARENT_CLOSE_POLICY_",
        );
        table.row([
            child.workflow_id.clone(),
            child.run_id.clone(),
            child.workflow_type_name.clone(),
            child.initiated_id.to_string(),
            policy,
        ]);
    }
    table
}

fn nexus_card(out: &Output<'_>, operation: &PendingNexusOperationInfo) -> Card {
    let next = out
        .times
        .show(operation.next_attempt_schedule_time.as_ref());
    let failure = operation
        .last_attempt_failure
        .as_ref()
        .map(|failure| failure.message.clone());
    Card::default()
        .text("Endpoint", &operation.endpoint)
        .text("Service", &operation.service)
        .text("Operation", &operation.operation)
        .text("OperationToken", &operation.operation_token)
        .text(
            "State",
            &short(
                operation.state().as_str_name(),
                "PENDING_NEXUS_OPERATION_STATE_",
            ),
        )
        .text("Attempt", &operation.attempt.to_string())
        .some(
            "ScheduleToCloseTimeout",
            &span_text(operation.schedule_to_close_timeout.as_ref()),
        )
        .some("NextAttemptScheduleTime", &next)
        .some("LastAttemptFailure", &failure.unwrap_or_default())
        .some("BlockedReason", &operation.blocked_reason)
}
