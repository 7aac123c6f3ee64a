//! The verbs about task queues.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use steadfast_proto::temporal::api::enums::v1::{
    DescribeTaskQueueMode, TaskQueueKind, TaskQueueType,
};
use steadfast_proto::temporal::api::taskqueue::v1::{
    PollerInfo, TaskQueue, TaskQueueTypeInfo, TaskQueueVersionInfo,
};
use steadfast_proto::temporal::api::workflowservice::v1::{
    DescribeTaskQueueRequest, DescribeTaskQueueResponse, ListTaskQueuePartitionsRequest,
};

use super::Run;
use super::args::choices;
use super::output::Output;
use super::session::Session;
use super::text::{Table, span_text};
use crate::problem::Problem;

const KINDS: &[(&str, TaskQueueType)] = &[
    ("workflow", TaskQueueType::Workflow),
    ("activity", TaskQueueType::Activity),
    ("nexus", TaskQueueType::Nexus),
];

/// The verbs about task queues.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say who polls a task queue, and what waits in it
    Describe(Describe),
    /// List the partitions of a task queue
    ListPartition(QueueArgs),
}

/// Which task queue.
#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// The task queue
    #[arg(long, short, value_name = "NAME")]
    task_queue: String,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct Describe {
    #[command(flatten)]
    queue: QueueArgs,
    /// Only of this type; may be repeated
    #[arg(long, value_name = "TYPE", value_parser = choices(KINDS))]
    task_queue_type: Vec<TaskQueueType>,
    /// Leave the statistics out
    #[arg(long)]
    disable_stats: bool,
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Describe(describe) => describe.run(session).await,
            Self::ListPartition(queue) => partitions(session, &queue.task_queue).await,
        }
    }
}

fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue {
        name: name.to_owned(),
        kind: TaskQueueKind::Normal.into(),
        ..TaskQueue::default()
    })
}

/// The rows of a description, and where each belongs.
#[derive(Default)]
struct Rows {
    pollers: Vec<Value>,
    stats: Vec<Value>,
}

impl Run for Describe {
    #[expect(deprecated, reason = "the only way to ask about several types at once")]
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        // Of those that are not named, servers tell of workflows and activities.
        let kinds = self.task_queue_type.iter();
        let request = DescribeTaskQueueRequest {
            namespace: session.namespace(),
            task_queue: queue(&self.queue.task_queue),
            report_stats: !self.disable_stats,
            report_pollers: true,
            task_queue_types: kinds.map(|kind| i32::from(*kind)).collect(),
            api_mode: DescribeTaskQueueMode::Enhanced.into(),
            ..DescribeTaskQueueRequest::default()
        };
        let described = session
            .ask(request, async |mut c, r| c.describe_task_queue(r).await)
            .await?;
        let rows = rows(described, !self.disable_stats);
        let out = &session.out;
        if out.is_json() {
            return out.document(&json!({
                "reachability": null,
                "pollers": listed(rows.pollers),
                "stats": listed(rows.stats),
            }));
        }
        if !self.disable_stats {
            out.heading("Task Queue Statistics:")?;
            let names = [
                "buildId",
                "taskQueueType",
                "approximateBacklogCount",
                "approximateBacklogAge",
                "backlogIncreaseRate",
                "tasksAddRate",
                "tasksDispatchRate",
            ];
            out.table(&table(out, names, &rows.stats))?;
        }
        out.heading("Pollers:")?;
        let names = [
            "buildId",
            "taskQueueType",
            "identity",
            "lastAccessTime",
            "ratePerSecond",
        ];
        out.table(&table(out, names, &rows.pollers))
    }
}

/// No rows are no list, as the real command line has it.
fn listed(rows: Vec<Value>) -> Value {
    match rows.is_empty() {
        true => Value::Null,
        false => rows.into(),
    }
}

fn rows(described: DescribeTaskQueueResponse, stats: bool) -> Rows {
    let mut rows = Rows::default();
    let versions: BTreeMap<String, TaskQueueVersionInfo> = described.versions_info;
    for (build, version) in versions {
        let build = if build.is_empty() {
            "UNVERSIONED"
        } else {
            &build
        };
        for (kind, info) in version.types_info {
            let kind = KINDS.iter().find(|(_, known)| i32::from(*known) == kind);
            let kind = kind.map_or("unspecified", |(name, _)| name);
            rows.pollers.extend(
                info.pollers
                    .iter()
                    .map(|poller| poller_row(build, kind, poller)),
            );
            if stats {
                rows.stats.push(stats_row(build, kind, &info));
            }
        }
    }
    rows
}

fn poller_row(build: &str, kind: &str, poller: &PollerInfo) -> Value {
    let last = poller
        .last_access_time
        .as_ref()
        .map(steadfast_proto::json::to_value);
    json!({
        "buildId": build,
        "taskQueueType": kind,
        "identity": poller.identity,
        "lastAccessTime": last,
        "ratePerSecond": number(poller.rate_per_second),
    })
}

/// A number, without a fraction where it has none.
fn number(value: f64) -> Value {
    let text = serde_json::to_string(&value).unwrap_or_default();
    serde_json::from_str(text.trim_end_matches(".0")).unwrap_or_default()
}

fn stats_row(build: &str, kind: &str, info: &TaskQueueTypeInfo) -> Value {
    let stats = info.stats.unwrap_or_default();
    let age = match span_text(stats.approximate_backlog_age.as_ref()) {
        none if none.is_empty() => "0s".to_owned(),
        age => age,
    };
    json!({
        "buildId": build,
        "taskQueueType": kind,
        "approximateBacklogCount": stats.approximate_backlog_count,
        "approximateBacklogAge": age,
        "backlogIncreaseRate": number((stats.tasks_add_rate - stats.tasks_dispatch_rate).into()),
        "tasksAddRate": number(stats.tasks_add_rate.into()),
        "tasksDispatchRate": number(stats.tasks_dispatch_rate.into()),
    })
}

fn table<const N: usize>(out: &Output<'_>, names: [&str; N], rows: &[Value]) -> Table {
    let mut table = Table::new(names);
    for row in rows {
        table.row(names.map(|name| {
            let value = row.get(name).unwrap_or(&Value::Null);
            let time = steadfast_proto::json::from_json(&value.to_string());
            match time {
                Ok(time) if name == "lastAccessTime" => out.times.show(Some(&time)),
                _ => super::output::shown(value),
            }
        }));
    }
    table
}

async fn partitions(session: &Session<'_>, name: &str) -> Result<(), Problem> {
    let request = ListTaskQueuePartitionsRequest {
        namespace: session.namespace(),
        task_queue: queue(name),
    };
    let listed = session
        .ask(request, async |mut c, r| {
            c.list_task_queue_partitions(r).await
        })
        .await?;
    if session.out.is_json() {
        return session.out.message(&listed);
    }
    for (heading, partitions) in [
        (
            "Workflow Task Queue Partitions",
            &listed.workflow_task_queue_partitions,
        ),
        (
            "Activity Task Queue Partitions",
            &listed.activity_task_queue_partitions,
        ),
    ] {
        session.out.heading(heading)?;
        let mut table = Table::new(["Key", "OwnerHostName"]);
        for partition in partitions {
            table.row([partition.key.clone(), partition.owner_host_name.clone()]);
        }
        session.out.table(&table)?;
    }
    Ok(())
}
