//! `list`, `count` and `describe` of activities of their own.

use clap::Args;
use prost_types::Timestamp;
use steadfast_proto::temporal::api::activity::v1::ActivityExecutionInfo;
use steadfast_proto::temporal::api::workflowservice::v1::{
    CountActivityExecutionsRequest, DescribeActivityExecutionRequest, ListActivityExecutionsRequest,
};

use super::OwnArgs;
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::count::{self, CountArgs};
use crate::remote::output::Output;
use crate::remote::session::Session;
use crate::remote::text::{Card, Table, short, span_text};
use crate::remote::workflow::failure_text;

const STATUS: &str = "ACTIVITY_EXECUTION_STATUS_";

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those that this list filter chooses
    #[arg(
        long,
        short,
        value_name = "FILTER",
        default_value = "",
        hide_default_value = true
    )]
    query: String,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Ask for so many at a time
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    page_size: i32,
}

impl Run for List {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        session.out.begin_list();
        let mut left = self.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let mut next_page_token = bytes::Bytes::new();
        let mut headed = false;
        loop {
            let request = ListActivityExecutionsRequest {
                namespace: session.namespace(),
                page_size: self.page_size,
                next_page_token,
                query: self.query.clone(),
            };
            let page = session
                .ask(request, async |mut c, r| {
                    c.list_activity_executions(r).await
                })
                .await?;
            let mut executions = page.executions;
            executions.truncate(left);
            left -= executions.len();
            let mut table =
                Table::new(["Status", "ActivityId", "Type", "StartTime"]).headed(headed);
            for execution in &executions {
                if session.out.is_json() {
                    session.out.message(execution)?;
                }
                table.row([
                    short(execution.status().as_str_name(), STATUS),
                    execution.activity_id.clone(),
                    execution.activity_type.clone().unwrap_or_default().name,
                    session.out.times.show(execution.schedule_time.as_ref()),
                ]);
            }
            if !table.is_empty() {
                session.out.table(&table)?;
                headed = true;
            }
            next_page_token = page.next_page_token;
            if next_page_token.is_empty() || left == 0 {
                return session.out.end_list();
            }
        }
    }
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Count {
    #[command(flatten)]
    what: CountArgs,
}

impl Run for Count {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let request = CountActivityExecutionsRequest {
            namespace: session.namespace(),
            query: self.what.query,
        };
        let counted = session.ask(request, async |mut c, r| {
            c.count_activity_executions(r).await
        });
        let mut counted = counted.await?;
        count::forget_types(
            counted
                .groups
                .iter_mut()
                .flat_map(|it| &mut it.group_values),
        );
        if session.out.is_json() {
            return session.out.message(&counted);
        }
        let groups = counted.groups.iter();
        let groups = groups.map(|group| (group.count, group.group_values.as_slice()));
        count::tell(&session.out, counted.count, groups)
    }
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Describe {
    #[command(flatten)]
    activity: OwnArgs,
    /// Taken: the answer as it is, which is --output json
    #[arg(long)]
    raw: bool,
}

impl Run for Describe {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let request = DescribeActivityExecutionRequest {
            namespace: session.namespace(),
            activity_id: self.activity.activity_id,
            run_id: self.activity.run_id,
            include_input: true,
            include_outcome: true,
            include_last_failure: true,
            ..DescribeActivityExecutionRequest::default()
        };
        let described = session.ask(request, async |mut c, r| {
            c.describe_activity_execution(r).await
        });
        let described = described.await?;
        if session.out.is_json() {
            return session.out.message(&described);
        }
        session.out.heading("Activity Execution Info:")?;
        session
            .out
            .card(&card(&session.out, &described.info.unwrap_or_default()))
    }
}

fn card(out: &Output<'_>, info: &ActivityExecutionInfo) -> Card {
    let time = |time: &Option<Timestamp>| out.times.show(time.as_ref());
    let span = |span: &Option<prost_types::Duration>| span_text(span.as_ref());
    let state = short(info.run_state().as_str_name(), "PENDING_ACTIVITY_STATE_");
    let state = if state == "Unspecified" { "" } else { &state };
    Card::default()
        .text("ActivityId", &info.activity_id)
        .text("RunId", &info.run_id)
        .text("Type", &info.activity_type.clone().unwrap_or_default().name)
        .text("Status", &short(info.status().as_str_name(), STATUS))
        .some("RunState", state)
        .text("TaskQueue", &info.task_queue)
        .some(
            "ScheduleToCloseTimeout",
            &span(&info.schedule_to_close_timeout),
        )
        .some(
            "ScheduleToStartTimeout",
            &span(&info.schedule_to_start_timeout),
        )
        .some("StartToCloseTimeout", &span(&info.start_to_close_timeout))
        .some("HeartbeatTimeout", &span(&info.heartbeat_timeout))
        .some("StartDelay", &span(&info.start_delay))
        .some("LastStartedTime", &time(&info.last_started_time))
        .text("Attempt", &info.attempt.to_string())
        .some("ExecutionDuration", &span(&info.execution_duration))
        .some("ScheduleTime", &time(&info.schedule_time))
        .some("CloseTime", &time(&info.close_time))
        .some("LastFailure", &failure_text(info.last_failure.as_ref()))
        .some("LastWorkerIdentity", &info.last_worker_identity)
        .some(
            "LastAttemptCompleteTime",
            &time(&info.last_attempt_complete_time),
        )
        .text(
            "StateTransitionCount",
            &info.state_transition_count.to_string(),
        )
}
