//! `update start|execute|result|describe`, and updates that start the workflow if it does not run.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use steadfast_proto::temporal::api::common::v1::Payloads;
use steadfast_proto::temporal::api::enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage;
use steadfast_proto::temporal::api::failure::v1::Failure;
use steadfast_proto::temporal::api::update::v1::{
    Input, Meta, Outcome, Request, UpdateRef, WaitPolicy, outcome,
};
use steadfast_proto::temporal::api::workflowservice::v1::execute_multi_operation_request::{
    Operation, operation,
};
use steadfast_proto::temporal::api::workflowservice::v1::execute_multi_operation_response::response;
use steadfast_proto::temporal::api::workflowservice::v1::{
    ExecuteMultiOperationRequest, PollWorkflowExecutionUpdateRequest,
    PollWorkflowExecutionUpdateResponse, UpdateWorkflowExecutionRequest,
    UpdateWorkflowExecutionResponse,
};
use uuid::Uuid;

use super::result::friendly;
use super::start::{HowArgs, StartArgs, request, workflow_fields};
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::args::{choices, pair};
use crate::remote::input::{InputArgs, header};
use crate::remote::output::Output;
use crate::remote::session::Session;
use crate::remote::target::{WorkflowArgs, execution};
use crate::remote::text::short;

/// See the module documentation.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Update a workflow and wait until that is accepted or rejected
    Start(StartUpdate),
    /// Update a workflow and wait for the update's result
    Execute(ExecuteUpdate),
    /// Wait for the result of an update
    Result(ResultOfUpdate),
    /// Say how far an update is
    Describe(DescribeUpdate),
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Start(it) => it.run(session).await,
            Self::Execute(it) => it.run(session).await,
            Self::Result(it) => it.run(session).await,
            Self::Describe(it) => it.run(session).await,
        }
    }
}

const STAGES: &[(&str, Stage)] = &[("accepted", Stage::Accepted)];

/// Which update to send, and to whom.
#[derive(Debug, Args)]
struct SendArgs {
    #[command(flatten)]
    workflow: WorkflowArgs,
    #[command(flatten)]
    input: InputArgs,
    /// The update's name
    #[arg(long, alias = "type", value_name = "NAME")]
    name: String,
    /// The update's id: it takes place once [default: a random one]
    #[arg(long, value_name = "ID")]
    update_id: Option<String>,
    /// Only if the workflow's first run is this
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    first_execution_run_id: String,
    /// A header; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    headers: Vec<(String, String)>,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct StartUpdate {
    #[command(flatten)]
    send: SendArgs,
    /// How far it must be
    #[arg(long, value_name = "STAGE", value_parser = choices(STAGES))]
    wait_for_stage: Stage,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct ExecuteUpdate {
    #[command(flatten)]
    send: SendArgs,
}

/// An update that was sent.
#[derive(Debug, Args)]
struct UpdateArgs {
    #[command(flatten)]
    workflow: WorkflowArgs,
    /// The update
    #[arg(long, value_name = "ID")]
    update_id: String,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct ResultOfUpdate {
    #[command(flatten)]
    update: UpdateArgs,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct DescribeUpdate {
    #[command(flatten)]
    update: UpdateArgs,
}

/// What came of an update.
enum End {
    Result(Payloads),
    Failure(Box<Failure>),
}

fn end(outcome: Option<Outcome>) -> Option<End> {
    match outcome?.value? {
        outcome::Value::Success(payloads) => Some(End::Result(payloads)),
        outcome::Value::Failure(failure) => Some(End::Failure(Box::new(failure))),
    }
}

/// A rejected or failed update is a failure of the command.
fn failed(failure: &Failure) -> Problem {
    Problem::refused(format!("unable to update workflow: {}", failure.message))
}

/// The request that sends an update.
fn update_request(
    session: &Session<'_>,
    to: &WorkflowArgs,
    first_run: &str,
    stage: Stage,
    update: Request,
) -> UpdateWorkflowExecutionRequest {
    UpdateWorkflowExecutionRequest {
        namespace: session.namespace(),
        workflow_execution: to.execution(),
        first_execution_run_id: first_run.to_owned(),
        wait_policy: Some(WaitPolicy {
            lifecycle_stage: stage.into(),
        }),
        request: Some(update),
    }
}

fn update(session: &Session<'_>, id: &str, name: &str, input: Input) -> Request {
    Request {
        meta: Some(Meta {
            update_id: id.to_owned(),
            identity: session.identity(),
        }),
        input: Some(Input {
            name: name.to_owned(),
            ..input
        }),
        ..Request::default()
    }
}

impl SendArgs {
    /// Sends the update and waits until it is as far as that; its id, and what came of it if that is known.
    async fn send(
        &self,
        session: &Session<'_>,
        stage: Stage,
    ) -> Result<(String, Option<End>), Problem> {
        let id = self
            .update_id
            .clone()
            .unwrap_or_else(|| Uuid::new_v4().to_string());
        let input = Input {
            header: header(&self.headers)?,
            args: self.input.payloads()?,
            ..Input::default()
        };
        let update = update(session, &id, &self.name, input);
        let first = &self.first_execution_run_id;
        let request = update_request(session, &self.workflow, first, stage, update);
        loop {
            // The same update is sent again until it is far enough: it takes place once.
            let asked = session.wait(request.clone(), async |mut c, r| {
                c.update_workflow_execution(r).await
            });
            let answer: Option<UpdateWorkflowExecutionResponse> = asked.await?;
            if let Some(answer) = answer.filter(|answer| answer.stage >= i32::from(Stage::Accepted))
            {
                let run_id = answer
                    .update_ref
                    .unwrap_or_default()
                    .workflow_execution
                    .unwrap_or_default()
                    .run_id;
                let end = match end(answer.outcome) {
                    None if stage == Stage::Completed => {
                        Some(wait_for_end(session, &self.workflow.workflow_id, &run_id, &id).await?)
                    }
                    end => end,
                };
                return Ok((id, end));
            }
        }
    }
}

fn poll(
    session: &Session<'_>,
    workflow_id: &str,
    run_id: &str,
    update_id: &str,
) -> PollWorkflowExecutionUpdateRequest {
    PollWorkflowExecutionUpdateRequest {
        namespace: session.namespace(),
        update_ref: Some(UpdateRef {
            workflow_execution: Some(execution(workflow_id, run_id)),
            update_id: update_id.to_owned(),
        }),
        identity: session.identity(),
        wait_policy: None,
    }
}

async fn wait_for_end(
    session: &Session<'_>,
    workflow_id: &str,
    run_id: &str,
    update_id: &str,
) -> Result<End, Problem> {
    let request = PollWorkflowExecutionUpdateRequest {
        wait_policy: Some(WaitPolicy {
            lifecycle_stage: Stage::Completed.into(),
        }),
        ..poll(session, workflow_id, run_id, update_id)
    };
    loop {
        let asked = session.wait(request.clone(), async |mut c, r| {
            c.poll_workflow_execution_update(r).await
        });
        let answer: Option<PollWorkflowExecutionUpdateResponse> = asked.await?;
        if let Some(end) = answer.and_then(|answer| end(answer.outcome)) {
            return Ok(end);
        }
    }
}

impl Run for StartUpdate {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let (id, end) = self.send.send(session, self.wait_for_stage).await?;
        if let Some(End::Failure(failure)) = end {
            return Err(failed(&failure));
        }
        session
            .out
            .fields([("name", self.send.name.into()), ("updateId", id.into())])
    }
}

impl Run for ExecuteUpdate {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self.send.send(session, Stage::Completed).await? {
            (_, Some(End::Failure(failure))) => Err(failed(&failure)),
            (id, end) => session.out.fields([
                ("name", self.send.name.into()),
                ("updateId", id.into()),
                ("result", result_value(&session.out, end.as_ref())),
            ]),
        }
    }
}

/// The result of an update as a value, as programs want it: the first payload, decoded.
fn result_value(out: &Output<'_>, end: Option<&End>) -> Value {
    match end {
        Some(End::Result(payloads)) => match payloads.payloads.first() {
            Some(first) => first
                .to_json()
                .unwrap_or_else(|_| friendly(out, Some(payloads))),
            None => Value::Null,
        },
        _ => Value::Null,
    }
}

/// What is said of an update: without what is not there.
fn print_update(out: &Output<'_>, fields: Vec<(&'static str, Value)>) -> Result<(), Problem> {
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    let fields: Map<_, _> = fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    if out.is_json() {
        return out.document(&fields);
    }
    let text = |name: &str| {
        fields
            .get(name)
            .map(crate::remote::output::shown)
            .unwrap_or_default()
    };
    let card = crate::remote::text::Card::default()
        .text("UpdateID", &text("updateId"))
        .some("Result", &text("result"))
        .some("Failure", &text("failure"))
        .some("Stage", &text("stage"));
    out.card(&card)
}

/// A failure as programs get it, and its message for people.
fn failure_value(out: &Output<'_>, failure: &Failure) -> Value {
    match out.is_json() {
        true => out.value(failure),
        false => failure.message.as_str().into(),
    }
}

impl Run for ResultOfUpdate {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let (workflow, id) = (&self.update.workflow, &self.update.update_id);
        let end = wait_for_end(session, &workflow.workflow_id, &workflow.run_id, id).await?;
        let out = &session.out;
        let id = ("updateId", id.as_str().into());
        match &end {
            End::Result(_) => {
                print_update(out, vec![id, ("result", result_value(out, Some(&end)))])
            }
            End::Failure(failure) => {
                print_update(out, vec![id, ("failure", failure_value(out, failure))])?;
                Err(Problem::refused("update is failed"))
            }
        }
    }
}

impl Run for DescribeUpdate {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let (workflow, id) = (&self.update.workflow, &self.update.update_id);
        let request = poll(session, &workflow.workflow_id, &workflow.run_id, id);
        let answer = session
            .ask(request, async |mut c, r| {
                c.poll_workflow_execution_update(r).await
            })
            .await?;
        let stage = short(
            answer.stage().as_str_name(),
            "UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_",
        );
        let out = &session.out;
        let (result, failure) = match end(answer.outcome) {
            Some(End::Failure(failure)) => (Value::Null, failure_value(out, &failure)),
            end => (result_value(out, end.as_ref()), Value::Null),
        };
        let fields = vec![
            ("updateId", id.as_str().into()),
            ("result", result),
            ("failure", failure),
            ("stage", stage.into()),
        ];
        print_update(out, fields)
    }
}

/// An update that starts the workflow if it does not run.
#[derive(Debug, Args)]
struct WithStartArgs {
    #[command(flatten)]
    what: StartArgs,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    input: InputArgs,
    /// The update's name
    #[arg(long, alias = "update-type", value_name = "NAME")]
    update_name: String,
    /// The update's id: it takes place once [default: a random one]
    #[arg(long, value_name = "ID")]
    update_id: Option<String>,
    /// Only if the workflow's first run is this
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    update_first_execution_run_id: String,
    /// The run to update [default: the latest]
    #[arg(
        long,
        short,
        value_name = "ID",
        default_value = "",
        hide_default_value = true
    )]
    run_id: String,
    /// An argument of the update; may be repeated
    #[arg(long, value_name = "JSON")]
    update_input: Vec<String>,
    /// The same from a file; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "update_input")]
    update_input_file: Vec<PathBuf>,
    /// Metadata of the update's arguments; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    update_input_meta: Vec<(String, String)>,
    /// The update's arguments are base64
    #[arg(long)]
    update_input_base64: bool,
}

/// See [`super::Verb`].
#[derive(Debug, Args)]
pub(crate) struct StartUpdateWithStart {
    #[command(flatten)]
    with_start: WithStartArgs,
    /// How far the update must be
    #[arg(long, value_name = "STAGE", value_parser = choices(STAGES))]
    update_wait_for_stage: Stage,
}

/// See [`super::Verb`].
#[derive(Debug, Args)]
pub(crate) struct ExecuteUpdateWithStart {
    #[command(flatten)]
    with_start: WithStartArgs,
}

/// What a started update says of itself.
struct Sent {
    run_id: String,
    update_id: String,
    end: Option<End>,
}

impl WithStartArgs {
    async fn send(&self, session: &Session<'_>, stage: Stage) -> Result<Sent, Problem> {
        let missing =
            |flag: &str| Problem::user(format!("{flag} must be given for an update with start"));
        let workflow_id = self
            .what
            .workflow_id
            .clone()
            .ok_or_else(|| missing("--workflow-id"))?;
        if self.how.id_conflict_policy.is_none() {
            return Err(missing("--id-conflict-policy"));
        }
        let update_id = self
            .update_id
            .clone()
            .unwrap_or_else(|| Uuid::new_v4().to_string());
        let workflow = WorkflowArgs {
            workflow_id: workflow_id.clone(),
            run_id: self.run_id.clone(),
        };
        let input = InputArgs {
            input: self.update_input.clone(),
            input_file: self.update_input_file.clone(),
            input_meta: self.update_input_meta.clone(),
            input_base64: self.update_input_base64,
        };
        let input = Input {
            header: header(&self.what.headers)?,
            args: input.payloads()?,
            ..Input::default()
        };
        let update = update(session, &update_id, &self.update_name, input);
        let first = &self.update_first_execution_run_id;
        let update = update_request(session, &workflow, first, stage, update);
        let start = request(session, &self.what, &self.how, self.input.payloads()?)?;
        let operations = [
            operation::Operation::StartWorkflow(start),
            operation::Operation::UpdateWorkflow(update),
        ];
        let request = ExecuteMultiOperationRequest {
            namespace: session.namespace(),
            operations: operations
                .map(|it| Operation {
                    operation: Some(it),
                })
                .to_vec(),
            ..ExecuteMultiOperationRequest::default()
        };
        loop {
            let asked = session.wait(request.clone(), async |mut c, r| {
                c.execute_multi_operation(r).await
            });
            let Some(answer) = asked.await? else { continue };
            let responses = answer.responses.into_iter().filter_map(|it| it.response);
            let (mut run_id, mut updated) = (String::new(), None);
            for response in responses {
                match response {
                    response::Response::StartWorkflow(it) => run_id = it.run_id,
                    response::Response::UpdateWorkflow(it) => updated = Some(it),
                }
            }
            let Some(updated) = updated.filter(|it| it.stage >= i32::from(Stage::Accepted)) else {
                continue;
            };
            let end = match end(updated.outcome) {
                None if stage == Stage::Completed => {
                    Some(wait_for_end(session, &workflow_id, &run_id, &update_id).await?)
                }
                end => end,
            };
            return Ok(Sent {
                run_id,
                update_id,
                end,
            });
        }
    }

    /// Sends it and says what came of it.
    async fn print(&self, session: &Session<'_>, stage: Stage) -> Result<(), Problem> {
        let sent = self.send(session, stage).await?;
        if let Some(End::Failure(failure)) = &sent.end {
            return Err(failed(failure));
        }
        let workflow_id = self.what.workflow_id.as_deref().unwrap_or_default();
        session.out.heading("Running execution:")?;
        let [id, run, kind, namespace] =
            workflow_fields(session, workflow_id, &sent.run_id, &self.what.kind);
        let name = ("updateName", self.update_name.as_str().into());
        let update = ("updateId", sent.update_id.into());
        if stage == Stage::Accepted {
            return session.out.fields([id, run, kind, namespace, name, update]);
        }
        let result = (
            "updateResult",
            result_value(&session.out, sent.end.as_ref()),
        );
        session
            .out
            .fields([id, run, kind, namespace, name, update, result])
    }
}

impl Run for StartUpdateWithStart {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        self.with_start
            .print(session, self.update_wait_for_stage)
            .await
    }
}

impl Run for ExecuteUpdateWithStart {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        self.with_start.print(session, Stage::Completed).await
    }
}
