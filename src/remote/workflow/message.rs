//! `signal`, and what asks the code of a workflow: `query`, `stack`, `metadata`.

use clap::Args;
use serde_json::Value;
use steadfast_proto::json::{Options, from_json_with};
use steadfast_proto::temporal::api::batch::v1::BatchOperationSignal;
use steadfast_proto::temporal::api::enums::v1::QueryRejectCondition;
use steadfast_proto::temporal::api::query::v1::WorkflowQuery;
use steadfast_proto::temporal::api::sdk::v1::{WorkflowInteractionDefinition, WorkflowMetadata};
use steadfast_proto::temporal::api::workflowservice::v1::start_batch_operation_request::Operation;
use steadfast_proto::temporal::api::workflowservice::v1::{
    QueryWorkflowRequest, QueryWorkflowResponse, SignalWorkflowExecutionRequest,
};
use uuid::Uuid;

use super::result::friendly;
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::args::{choices, pair};
use crate::remote::input::{InputArgs, header};
use crate::remote::output::{Output, shown};
use crate::remote::session::Session;
use crate::remote::target::{Target, TargetArgs, WorkflowArgs, start_batch};
use crate::remote::text::{Card, Table, short};

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Signal {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    input: InputArgs,
    /// The signal's name
    #[arg(long, alias = "type", value_name = "NAME")]
    name: String,
}

impl Run for Signal {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let (input, header) = (self.input.payloads()?, header(&self.target.headers)?);
        match self.target.choose(session).await? {
            Target::One(execution) => {
                let request = SignalWorkflowExecutionRequest {
                    namespace: session.namespace(),
                    workflow_execution: Some(execution),
                    signal_name: self.name,
                    input,
                    identity: session.identity(),
                    request_id: Uuid::new_v4().to_string(),
                    header,
                    ..SignalWorkflowExecutionRequest::default()
                };
                session
                    .ask(request, async |mut c, r| {
                        c.signal_workflow_execution(r).await
                    })
                    .await?;
                session.out.line("Signal workflow succeeded")
            }
            Target::Many(batch) => {
                let operation = Operation::SignalOperation(BatchOperationSignal {
                    signal: self.name,
                    input,
                    header,
                    identity: session.identity(),
                });
                start_batch(session, *batch, operation).await
            }
        }
    }
}

const REJECT: &[(&str, QueryRejectCondition)] = &[
    ("not_open", QueryRejectCondition::NotOpen),
    (
        "not_completed_cleanly",
        QueryRejectCondition::NotCompletedCleanly,
    ),
];

/// What every query takes.
#[derive(Clone, Debug, Args)]
struct AskArgs {
    #[command(flatten)]
    workflow: WorkflowArgs,
    /// Do not ask workflows that have ended (cleanly)
    #[arg(long, value_name = "CONDITION", value_parser = choices(REJECT))]
    reject_condition: Option<QueryRejectCondition>,
    /// A header; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    headers: Vec<(String, String)>,
}

impl AskArgs {
    async fn ask(
        &self,
        session: &Session<'_>,
        name: &str,
        input: &InputArgs,
    ) -> Result<QueryWorkflowResponse, Problem> {
        let request = QueryWorkflowRequest {
            namespace: session.namespace(),
            execution: self.workflow.execution(),
            query: Some(WorkflowQuery {
                query_type: name.to_owned(),
                query_args: input.payloads()?,
                header: header(&self.headers)?,
            }),
            query_reject_condition: self.reject_condition.map_or(0, i32::from),
        };
        let answer = session
            .ask(request, async |mut c, r| c.query_workflow(r).await)
            .await?;
        match &answer.query_rejected {
            None => Ok(answer),
            Some(rejected) => {
                let status = short(
                    rejected.status().as_str_name(),
                    "WORKFLOW_EXECUTION_STATUS_",
                );
                Err(Problem::refused(format!(
                    "query was rejected, workflow has status: {status}"
                )))
            }
        }
    }
}

fn print_answer(out: &Output<'_>, answer: &QueryWorkflowResponse) -> Result<(), Problem> {
    if out.is_json() {
        return out.message(answer);
    }
    out.heading("Query result:")?;
    let result = shown(&friendly(out, answer.query_result.as_ref()));
    out.card(&Card::default().text("QueryResult", &result))
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    ask: AskArgs,
    #[command(flatten)]
    input: InputArgs,
    /// The query's name
    #[arg(long, alias = "type", value_name = "NAME")]
    name: String,
}

impl Run for Query {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let answer = self.ask.ask(session, &self.name, &self.input).await?;
        print_answer(&session.out, &answer)
    }
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Stack {
    #[command(flatten)]
    ask: AskArgs,
}

impl Run for Stack {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let answer = self
            .ask
            .ask(session, "__stack_trace", &InputArgs::default())
            .await?;
        print_answer(&session.out, &answer)
    }
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Metadata {
    #[command(flatten)]
    ask: AskArgs,
}

impl Run for Metadata {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let name = "__temporal_workflow_metadata";
        let answer = self.ask.ask(session, name, &InputArgs::default()).await?;
        if session.out.is_json() {
            return session.out.message(&answer);
        }
        let payload = answer
            .query_result
            .unwrap_or_default()
            .payloads
            .into_iter()
            .next();
        let told = payload.and_then(|payload| payload.to_json::<Value>().ok());
        let told = told.and_then(|told| from_json_with(&told.to_string(), &Options::TOLERANT).ok());
        let metadata: WorkflowMetadata =
            told.ok_or_else(|| Problem::refused("the worker's answer is no metadata"))?;
        let definition = metadata.definition.unwrap_or_default();
        session.out.heading("Metadata:")?;
        for (heading, definitions) in [
            ("Query Definitions:", &definition.query_definitions),
            ("Signal Definitions:", &definition.signal_definitions),
            ("Update Definitions:", &definition.update_definitions),
        ] {
            definitions_of(&session.out, heading, definitions)?;
        }
        if metadata.current_details.is_empty() {
            return Ok(());
        }
        session.out.heading("Current Details:")?;
        session
            .out
            .line(&crate::remote::text::printable(&metadata.current_details))
    }
}

fn definitions_of(
    out: &Output<'_>,
    heading: &str,
    definitions: &[WorkflowInteractionDefinition],
) -> Result<(), Problem> {
    if definitions.is_empty() {
        return Ok(());
    }
    out.heading(heading)?;
    let mut table = Table::new(["Name", "Description"]);
    for definition in definitions {
        table.row([definition.name.clone(), definition.description.clone()]);
    }
    out.table(&table)
}
