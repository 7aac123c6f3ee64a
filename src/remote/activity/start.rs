//! `start` and `execute` of an activity of its own.

use std::time::Duration;

use clap::Args;
use steadfast_proto::temporal::api::common::v1::{ActivityType, Priority, RetryPolicy};
use steadfast_proto::temporal::api::enums::v1::{
    ActivityIdConflictPolicy, ActivityIdReusePolicy, TaskQueueKind,
};
use steadfast_proto::temporal::api::sdk::v1::UserMetadata;
use steadfast_proto::temporal::api::taskqueue::v1::TaskQueue;
use steadfast_proto::temporal::api::workflowservice::v1::StartActivityExecutionRequest;
use uuid::Uuid;

use super::result;
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::args::{choices, pair, span};
use crate::remote::input::{InputArgs, header, search_attributes, text_payload};
use crate::remote::session::Session;
use crate::remote::workflow::{or_zero, proto_span};

const REUSE: &[(&str, ActivityIdReusePolicy)] = &[
    ("AllowDuplicate", ActivityIdReusePolicy::AllowDuplicate),
    (
        "AllowDuplicateFailedOnly",
        ActivityIdReusePolicy::AllowDuplicateFailedOnly,
    ),
    ("RejectDuplicate", ActivityIdReusePolicy::RejectDuplicate),
];
const CONFLICT: &[(&str, ActivityIdConflictPolicy)] = &[
    ("Fail", ActivityIdConflictPolicy::Fail),
    ("UseExisting", ActivityIdConflictPolicy::UseExisting),
];

/// Retries, as far as they are given.
#[derive(Clone, Debug, Args)]
pub(super) struct RetryArgs {
    /// How long to wait before the first retry
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(super) retry_initial_interval: Option<Duration>,
    /// How long to wait at most
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(super) retry_maximum_interval: Option<Duration>,
    /// How much longer to wait each time
    #[arg(long, value_name = "N")]
    pub(super) retry_backoff_coefficient: Option<f64>,
    /// How many attempts at most
    #[arg(long, value_name = "N")]
    pub(super) retry_maximum_attempts: Option<i32>,
}

impl RetryArgs {
    /// The policy that was given, if any of it was.
    pub(super) fn policy(&self) -> Option<RetryPolicy> {
        let policy = RetryPolicy {
            initial_interval: proto_span(self.retry_initial_interval),
            maximum_interval: proto_span(self.retry_maximum_interval),
            backoff_coefficient: self.retry_backoff_coefficient.unwrap_or_default(),
            maximum_attempts: self.retry_maximum_attempts.unwrap_or_default(),
            ..RetryPolicy::default()
        };
        (policy != RetryPolicy::default()).then_some(policy)
    }
}

/// How long things may take, as far as it is given.
#[derive(Clone, Debug, Args)]
pub(super) struct TimeoutArgs {
    /// How long it may take in all, with its retries
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(super) schedule_to_close_timeout: Option<Duration>,
    /// How long it may wait for a worker
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(super) schedule_to_start_timeout: Option<Duration>,
    /// How long an attempt may take
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(super) start_to_close_timeout: Option<Duration>,
    /// How long it may be silent
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(super) heartbeat_timeout: Option<Duration>,
    /// Start it only after so long
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(super) start_delay: Option<Duration>,
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The activity's id
    #[arg(long, short, value_name = "ID")]
    activity_id: String,
    /// The activity's type
    #[arg(long = "type", value_name = "NAME")]
    kind: String,
    /// Whose workers run it
    #[arg(long, short, value_name = "NAME")]
    task_queue: String,
    #[command(flatten)]
    timeouts: TimeoutArgs,
    #[command(flatten)]
    retry: RetryArgs,
    #[command(flatten)]
    input: InputArgs,
    /// What if an activity of this id has ended
    #[arg(long, value_name = "POLICY", value_parser = choices(REUSE), ignore_case = true)]
    id_reuse_policy: Option<ActivityIdReusePolicy>,
    /// What if an activity of this id runs
    #[arg(long, value_name = "POLICY", value_parser = choices(CONFLICT), ignore_case = true)]
    id_conflict_policy: Option<ActivityIdConflictPolicy>,
    /// A search attribute; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    search_attribute: Vec<(String, String)>,
    /// A header; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    headers: Vec<(String, String)>,
    /// What it is about, in a line
    #[arg(long, value_name = "TEXT")]
    static_summary: Option<String>,
    /// What it is about
    #[arg(long, value_name = "TEXT")]
    static_details: Option<String>,
    /// How urgent it is: 1 is most
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    priority_key: i32,
    /// With whom it shares fairly
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    fairness_key: String,
    /// How large its share is
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0.0,
        hide_default_value = true
    )]
    fairness_weight: f32,
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Execute {
    #[command(flatten)]
    start: Start,
}

impl Start {
    fn request(&self, session: &Session<'_>) -> Result<StartActivityExecutionRequest, Problem> {
        let metadata = UserMetadata {
            summary: text_payload(self.static_summary.as_ref()),
            details: text_payload(self.static_details.as_ref()),
        };
        Ok(StartActivityExecutionRequest {
            namespace: session.namespace(),
            identity: session.identity(),
            request_id: Uuid::new_v4().to_string(),
            activity_id: self.activity_id.clone(),
            activity_type: Some(ActivityType {
                name: self.kind.clone(),
            }),
            task_queue: Some(TaskQueue {
                name: self.task_queue.clone(),
                kind: TaskQueueKind::Normal.into(),
                ..TaskQueue::default()
            }),
            schedule_to_close_timeout: proto_span(self.timeouts.schedule_to_close_timeout),
            schedule_to_start_timeout: proto_span(self.timeouts.schedule_to_start_timeout),
            start_to_close_timeout: proto_span(self.timeouts.start_to_close_timeout),
            heartbeat_timeout: proto_span(self.timeouts.heartbeat_timeout),
            retry_policy: self.retry.policy(),
            input: self.input.payloads()?,
            id_reuse_policy: self.id_reuse_policy.map_or(0, i32::from),
            id_conflict_policy: self.id_conflict_policy.map_or(0, i32::from),
            search_attributes: search_attributes("--search-attribute", &self.search_attribute)?,
            header: header(&self.headers)?,
            user_metadata: (metadata != UserMetadata::default()).then_some(metadata),
            priority: self.priority(),
            start_delay: or_zero(self.timeouts.start_delay),
            ..StartActivityExecutionRequest::default()
        })
    }

    fn priority(&self) -> Option<Priority> {
        let priority = Priority {
            priority_key: self.priority_key,
            fairness_key: self.fairness_key.clone(),
            fairness_weight: self.fairness_weight,
        };
        (priority != Priority::default()).then_some(priority)
    }

    /// Starts it; the id of its run.
    async fn start(&self, session: &Session<'_>) -> Result<String, Problem> {
        let request = self.request(session)?;
        let started = session.ask(request, async |mut c, r| {
            c.start_activity_execution(r).await
        });
        Ok(started.await?.run_id)
    }

    fn print(&self, session: &Session<'_>, run_id: &str) -> Result<(), Problem> {
        session.out.heading("Running execution:")?;
        session.out.fields([
            ("activityId", self.activity_id.as_str().into()),
            ("runId", run_id.into()),
            ("namespace", session.namespace().into()),
        ])
    }
}

impl Run for Start {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let run_id = self.start(session).await?;
        self.print(session, &run_id)
    }
}

impl Run for Execute {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let run_id = self.start.start(session).await?;
        if !session.out.is_json() {
            self.start.print(session, &run_id)?;
        }
        result::wait_and_print(session, &self.start.activity_id, &run_id).await
    }
}
