//! What a verb is about: one workflow, or all that a query chooses, which is a batch job.

use clap::Args;
use serde_json::json;
use steadfast_proto::temporal::api::common::v1::WorkflowExecution;
use steadfast_proto::temporal::api::workflowservice::v1::start_batch_operation_request::Operation;
use steadfast_proto::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, StartBatchOperationRequest,
};
use uuid::Uuid;

use super::args::pair;
use super::session::Session;
use crate::problem::Problem;

/// One workflow.
#[derive(Clone, Debug, Args)]
pub(super) struct WorkflowArgs {
    /// The workflow
    #[arg(long, short, value_name = "ID")]
    pub(super) workflow_id: String,
    /// The run [default: the latest]
    #[arg(
        long,
        short,
        value_name = "ID",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) run_id: String,
}

impl WorkflowArgs {
    pub(super) fn execution(&self) -> Option<WorkflowExecution> {
        Some(execution(&self.workflow_id, &self.run_id))
    }
}

pub(super) fn execution(workflow_id: &str, run_id: &str) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: workflow_id.to_owned(),
        run_id: run_id.to_owned(),
    }
}

/// One workflow, or all that a query chooses.
#[derive(Clone, Debug, Args)]
pub(super) struct TargetArgs {
    /// The workflow
    #[arg(long, short, value_name = "ID", conflicts_with_all = ["query", "rps"], required_unless_present = "query")]
    pub(super) workflow_id: Option<String>,
    /// All workflows that this list filter chooses, in a batch job
    #[arg(long, short, value_name = "FILTER")]
    pub(super) query: Option<String>,
    /// The run [default: the latest]
    #[arg(long, short, value_name = "ID", conflicts_with = "query")]
    pub(super) run_id: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Do not ask before the batch job starts
    #[arg(long, short)]
    pub(super) yes: bool,
    /// At most so many workflows a second
    #[arg(long, value_name = "N")]
    pub(super) rps: Option<f32>,
    /// A header; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    pub(super) headers: Vec<(String, String)>,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) enum Target {
    One(WorkflowExecution),
    Many(Box<StartBatchOperationRequest>),
}

impl TargetArgs {
    /// What was chosen; a batch job is confirmed here.
    pub(super) async fn choose(&self, session: &Session<'_>) -> Result<Target, Problem> {
        if let Some(id) = &self.workflow_id {
            let run_id = self.run_id.as_deref().unwrap_or_default();
            return Ok(Target::One(execution(id, run_id)));
        }
        let query = self.query.clone().unwrap_or_default();
        confirm_batch(session, &query, self.yes).await?;
        Ok(Target::Many(Box::new(StartBatchOperationRequest {
            namespace: session.namespace(),
            job_id: Uuid::new_v4().to_string(),
            visibility_query: query,
            reason: self.reason.clone().unwrap_or_else(usual_reason),
            max_operations_per_second: self.rps.unwrap_or_default(),
            ..StartBatchOperationRequest::default()
        })))
    }
}

/// Asks whether a batch job should start, with how many workflows it is about.
pub(super) async fn confirm_batch(
    session: &Session<'_>,
    query: &str,
    yes: bool,
) -> Result<(), Problem> {
    if yes {
        let question = format!("Start batch against workflows matching query {query:?}?");
        return session.confirm(&question, true);
    }
    let request = CountWorkflowExecutionsRequest {
        namespace: session.namespace(),
        query: query.to_owned(),
    };
    let counted = session.ask(request, async |mut c, r| {
        c.count_workflow_executions(r).await
    });
    let count = counted.await?.count;
    session.confirm(
        &format!("Start batch against approximately {count} workflow(s)?"),
        false,
    )
}

/// Starts a batch job and says its name.
pub(super) async fn start_batch(
    session: &Session<'_>,
    request: StartBatchOperationRequest,
    operation: Operation,
) -> Result<(), Problem> {
    let job = request.job_id.clone();
    let request = StartBatchOperationRequest {
        operation: Some(operation),
        ..request
    };
    session
        .ask(request, async |mut c, r| c.start_batch_operation(r).await)
        .await?;
    if session.out.is_json() {
        return session.out.document(&json!({ "batchJobId": job }));
    }
    session
        .out
        .line(&format!("Started batch for job ID: {job}"))
}

/// The reason when none was given.
pub(super) fn usual_reason() -> String {
    format!("Requested from CLI by {}", user())
}

/// Who sits at this machine.
pub(super) fn user() -> String {
    let names = ["USER", "LOGNAME", "USERNAME"].iter();
    let user = names.filter_map(|name| std::env::var(name).ok()).next();
    user.unwrap_or_else(|| "<unknown-user>".to_owned())
}
