//! `start`, `execute` and `signal-with-start`.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;
use steadfast_proto::temporal::api::common::v1::{Payloads, Priority, WorkflowType};
use steadfast_proto::temporal::api::enums::v1::{
    TaskQueueKind, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
};
use steadfast_proto::temporal::api::errordetails::v1::WorkflowExecutionAlreadyStartedFailure;
use steadfast_proto::temporal::api::sdk::v1::UserMetadata;
use steadfast_proto::temporal::api::taskqueue::v1::TaskQueue;
use steadfast_proto::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use steadfast_proto::temporal::api::workflowservice::v1::{
    SignalWithStartWorkflowExecutionRequest, StartWorkflowExecutionRequest,
};
use uuid::Uuid;

use super::result::Told;
use super::show::print_table;
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::args::{choices, pair, span};
use crate::remote::history::{Events, Order, close_event};
use crate::remote::input::{InputArgs, header, memo, search_attributes, text_payload};
use crate::remote::session::Session;

/// What workflow to start: also what a schedule starts.
#[derive(Clone, Debug, Args)]
pub(in crate::remote) struct StartArgs {
    /// The workflow's id [default: a random one]
    #[arg(long, short, value_name = "ID")]
    pub(in crate::remote) workflow_id: Option<String>,
    /// The workflow's type
    #[arg(long = "type", alias = "name", value_name = "NAME")]
    pub(in crate::remote) kind: String,
    /// Whose workers run it
    #[arg(long, short, value_name = "NAME")]
    pub(in crate::remote) task_queue: String,
    /// How long one run may take
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(in crate::remote) run_timeout: Option<Duration>,
    /// How long all runs may take
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(in crate::remote) execution_timeout: Option<Duration>,
    /// How long a workflow task may take
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "10s")]
    pub(in crate::remote) task_timeout: Duration,
    /// A search attribute; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    pub(in crate::remote) search_attribute: Vec<(String, String)>,
    /// A header; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    pub(in crate::remote) headers: Vec<(String, String)>,
    /// An entry of the memo; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    pub(in crate::remote) memo: Vec<(String, String)>,
    /// What it is about, in a line
    #[arg(long, value_name = "TEXT")]
    pub(in crate::remote) static_summary: Option<String>,
    /// What it is about
    #[arg(long, value_name = "TEXT")]
    pub(in crate::remote) static_details: Option<String>,
    /// How urgent it is: 1 is most
    #[arg(long, value_name = "N")]
    pub(in crate::remote) priority_key: Option<i32>,
    /// With whom it shares fairly
    #[arg(long, value_name = "TEXT")]
    pub(in crate::remote) fairness_key: Option<String>,
    /// How large its share is
    #[arg(long, value_name = "N")]
    pub(in crate::remote) fairness_weight: Option<f32>,
}

#[expect(deprecated, reason = "as the real command line takes it")]
const REUSE: &[(&str, WorkflowIdReusePolicy)] = &[
    ("AllowDuplicate", WorkflowIdReusePolicy::AllowDuplicate),
    (
        "AllowDuplicateFailedOnly",
        WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
    ),
    ("RejectDuplicate", WorkflowIdReusePolicy::RejectDuplicate),
    (
        "TerminateIfRunning",
        WorkflowIdReusePolicy::TerminateIfRunning,
    ),
];
const CONFLICT: &[(&str, WorkflowIdConflictPolicy)] = &[
    ("Fail", WorkflowIdConflictPolicy::Fail),
    ("UseExisting", WorkflowIdConflictPolicy::UseExisting),
    (
        "TerminateExisting",
        WorkflowIdConflictPolicy::TerminateExisting,
    ),
];

/// How to start it.
#[derive(Clone, Debug, Args)]
pub(super) struct HowArgs {
    /// Start it again and again, at these times
    #[arg(long, value_name = "CRON")]
    cron: Option<String>,
    /// Fail if it runs already, instead of showing the one that runs
    #[arg(long)]
    fail_existing: bool,
    /// Start it only after so long
    #[arg(long, value_name = "TIME", value_parser = span)]
    start_delay: Option<Duration>,
    /// What if a workflow of this id has ended
    #[arg(long, value_name = "POLICY", value_parser = choices(REUSE), ignore_case = true)]
    id_reuse_policy: Option<WorkflowIdReusePolicy>,
    /// What if a workflow of this id runs
    #[arg(long, value_name = "POLICY", value_parser = choices(CONFLICT), ignore_case = true)]
    pub(super) id_conflict_policy: Option<WorkflowIdConflictPolicy>,
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    what: StartArgs,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    input: InputArgs,
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Execute {
    #[command(flatten)]
    start: Start,
    /// Show everything that is known of each event; in JSON, the history
    #[arg(long)]
    detailed: bool,
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct SignalWithStart {
    #[command(flatten)]
    start: Start,
    /// The signal's name
    #[arg(long, alias = "signal-type", value_name = "NAME")]
    signal_name: String,
    /// An argument of the signal; may be repeated
    #[arg(long, value_name = "JSON")]
    signal_input: Vec<String>,
    /// The same from a file; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "signal_input")]
    signal_input_file: Vec<std::path::PathBuf>,
    /// Metadata of the signal's arguments; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    signal_input_meta: Vec<(String, String)>,
    /// The signal's arguments are base64
    #[arg(long)]
    signal_input_base64: bool,
}

impl StartArgs {
    fn workflow_id(&self) -> String {
        self.workflow_id
            .clone()
            .unwrap_or_else(|| Uuid::new_v4().to_string())
    }

    /// What a schedule starts.
    pub(in crate::remote) fn scheduled(
        &self,
        input: &InputArgs,
    ) -> Result<NewWorkflowExecutionInfo, Problem> {
        Ok(NewWorkflowExecutionInfo {
            workflow_id: self.workflow_id(),
            workflow_type: Some(WorkflowType {
                name: self.kind.clone(),
            }),
            task_queue: queue(&self.task_queue),
            input: input.payloads()?,
            workflow_execution_timeout: or_zero(self.execution_timeout),
            workflow_run_timeout: or_zero(self.run_timeout),
            workflow_task_timeout: proto_span(Some(self.task_timeout)),
            memo: memo("--memo", &self.memo)?,
            search_attributes: search_attributes("--search-attribute", &self.search_attribute)?,
            header: header(&self.headers)?,
            user_metadata: self.metadata(),
            priority: self.priority(),
            ..NewWorkflowExecutionInfo::default()
        })
    }

    fn metadata(&self) -> Option<UserMetadata> {
        let metadata = UserMetadata {
            summary: text_payload(self.static_summary.as_ref()),
            details: text_payload(self.static_details.as_ref()),
        };
        (metadata != UserMetadata::default()).then_some(metadata)
    }

    fn priority(&self) -> Option<Priority> {
        let priority = Priority {
            priority_key: self.priority_key.unwrap_or_default(),
            fairness_key: self.fairness_key.clone().unwrap_or_default(),
            fairness_weight: self.fairness_weight.unwrap_or_default(),
        };
        (priority != Priority::default()).then_some(priority)
    }
}

pub(in crate::remote) fn proto_span(span: Option<Duration>) -> Option<prost_types::Duration> {
    let nanos = i64::try_from(span?.as_nanos()).unwrap_or(i64::MAX);
    Some(steadfast_proto::time::duration(nanos))
}

/// A span of time, said also when it is none: so the real command line does, and histories show it.
pub(in crate::remote) fn or_zero(span: Option<Duration>) -> Option<prost_types::Duration> {
    proto_span(Some(span.unwrap_or_default()))
}

fn queue(name: &str) -> Option<TaskQueue> {
    Some(TaskQueue {
        name: name.to_owned(),
        kind: TaskQueueKind::Normal.into(),
        ..TaskQueue::default()
    })
}

/// The request that starts a workflow.
pub(super) fn request(
    session: &Session<'_>,
    what: &StartArgs,
    how: &HowArgs,
    input: Option<Payloads>,
) -> Result<StartWorkflowExecutionRequest, Problem> {
    Ok(StartWorkflowExecutionRequest {
        namespace: session.namespace(),
        workflow_id: what.workflow_id(),
        workflow_type: Some(WorkflowType {
            name: what.kind.clone(),
        }),
        task_queue: queue(&what.task_queue),
        input,
        workflow_execution_timeout: or_zero(what.execution_timeout),
        workflow_run_timeout: or_zero(what.run_timeout),
        workflow_task_timeout: proto_span(Some(what.task_timeout)),
        identity: session.identity(),
        request_id: Uuid::new_v4().to_string(),
        workflow_id_reuse_policy: how.id_reuse_policy.map_or(0, i32::from),
        workflow_id_conflict_policy: how.id_conflict_policy.map_or(0, i32::from),
        cron_schedule: how.cron.clone().unwrap_or_default(),
        memo: memo("--memo", &what.memo)?,
        search_attributes: search_attributes("--search-attribute", &what.search_attribute)?,
        header: header(&what.headers)?,
        workflow_start_delay: proto_span(how.start_delay),
        user_metadata: what.metadata(),
        priority: what.priority(),
        ..StartWorkflowExecutionRequest::default()
    })
}

impl Start {
    /// Starts it; the ids of the workflow and its run.
    async fn start(&self, session: &Session<'_>) -> Result<(String, String), Problem> {
        let request = request(session, &self.what, &self.how, self.input.payloads()?)?;
        let workflow_id = request.workflow_id.clone();
        let started = session.ask(request, async |mut c, r| {
            c.start_workflow_execution(r).await
        });
        let failed = match started.await {
            Ok(started) => return Ok((workflow_id, started.run_id)),
            Err(failed) => failed,
        };
        // temporal: sdk-go, a workflow that runs already is what was asked for, unless that is to fail.
        match failed.detail::<WorkflowExecutionAlreadyStartedFailure>() {
            Some(existing) if !self.how.fail_existing => Ok((workflow_id, existing.run_id)),
            _ => Err(failed.into()),
        }
    }

    fn print(&self, session: &Session<'_>, workflow_id: &str, run_id: &str) -> Result<(), Problem> {
        session.out.heading("Running execution:")?;
        let [id, run, kind, namespace] =
            workflow_fields(session, workflow_id, run_id, &self.what.kind);
        let queue = ("taskQueue", self.what.task_queue.as_str().into());
        session.out.fields([id, run, kind, namespace, queue])
    }
}

/// What is said of a workflow that has been started.
pub(in crate::remote) fn workflow_fields(
    session: &Session<'_>,
    workflow_id: &str,
    run_id: &str,
    kind: &str,
) -> [(&'static str, Value); 4] {
    [
        ("workflowId", workflow_id.into()),
        ("runId", run_id.into()),
        ("type", kind.into()),
        ("namespace", session.namespace().into()),
    ]
}

impl Run for Start {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let (workflow_id, run_id) = self.start(session).await?;
        self.print(session, &workflow_id, &run_id)
    }
}

impl Run for Execute {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let began = Instant::now();
        let (workflow_id, run_id) = self.start.start(session).await?;
        if !session.out.is_json() {
            self.start.print(session, &workflow_id, &run_id)?;
            session.out.line("")?;
            session.out.heading("Progress:")?;
            let events = Events::of(session, &workflow_id, &run_id, Order::Follow);
            print_table(session, events, self.detailed).await?;
            session.out.line("")?;
        }
        let close = close_event(session, &workflow_id, &run_id).await?;
        let mut told = Told::of(session, &workflow_id, &run_id, &close);
        told.took = Some(began.elapsed());
        if self.detailed && session.out.is_json() {
            told.history = Some(
                Events::of(session, &workflow_id, &run_id, Order::Forward)
                    .all()
                    .await?,
            );
        }
        told.started = Some((
            self.start.what.kind.clone(),
            self.start.what.task_queue.clone(),
        ));
        told.print(session)
    }
}

impl Run for SignalWithStart {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let what = &self.start.what;
        if what.workflow_id.is_none() {
            return Err(Problem::user("--workflow-id says which workflow to signal"));
        }
        let signal = InputArgs {
            input: self.signal_input,
            input_file: self.signal_input_file,
            input_meta: self.signal_input_meta,
            input_base64: self.signal_input_base64,
        };
        let start = request(session, what, &self.start.how, self.start.input.payloads()?)?;
        let workflow_id = start.workflow_id.clone();
        let request = SignalWithStartWorkflowExecutionRequest {
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
            workflow_id_reuse_policy: start.workflow_id_reuse_policy,
            workflow_id_conflict_policy: start.workflow_id_conflict_policy,
            signal_name: self.signal_name,
            signal_input: signal.payloads()?,
            cron_schedule: start.cron_schedule,
            memo: start.memo,
            search_attributes: start.search_attributes,
            header: start.header,
            workflow_start_delay: start.workflow_start_delay,
            user_metadata: start.user_metadata,
            priority: start.priority,
            ..SignalWithStartWorkflowExecutionRequest::default()
        };
        let started = session.ask(request, async |mut c, r| {
            c.signal_with_start_workflow_execution(r).await
        });
        let run_id = started.await?.run_id;
        session.out.heading("Running execution:")?;
        session
            .out
            .fields(workflow_fields(session, &workflow_id, &run_id, &what.kind))
    }
}
