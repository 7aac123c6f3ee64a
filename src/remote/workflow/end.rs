//! What ends or holds workflows: `cancel`, `terminate`, `delete`, `pause`, `unpause`.

use clap::Args;
use steadfast_proto::temporal::api::batch::v1::{
    BatchOperationCancellation, BatchOperationDeletion, BatchOperationTermination,
};
use steadfast_proto::temporal::api::workflowservice::v1::start_batch_operation_request::Operation;
use steadfast_proto::temporal::api::workflowservice::v1::{
    DeleteWorkflowExecutionRequest, PauseWorkflowExecutionRequest,
    RequestCancelWorkflowExecutionRequest, TerminateWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
};
use uuid::Uuid;

use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::session::Session;
use crate::remote::target::{Target, TargetArgs, WorkflowArgs, start_batch, usual_reason};

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    target: TargetArgs,
}

impl Run for Cancel {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self.target.choose(session).await? {
            Target::One(execution) => {
                let request = RequestCancelWorkflowExecutionRequest {
                    namespace: session.namespace(),
                    workflow_execution: Some(execution),
                    identity: session.identity(),
                    request_id: Uuid::new_v4().to_string(),
                    reason: self.target.reason.unwrap_or_default(),
                    ..RequestCancelWorkflowExecutionRequest::default()
                };
                session
                    .ask(request, async |mut c, r| {
                        c.request_cancel_workflow_execution(r).await
                    })
                    .await?;
                session.out.line("Canceled workflow")
            }
            Target::Many(batch) => {
                let identity = session.identity();
                let operation =
                    Operation::CancellationOperation(BatchOperationCancellation { identity });
                start_batch(session, *batch, operation).await
            }
        }
    }
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Terminate {
    #[command(flatten)]
    target: TargetArgs,
}

impl Run for Terminate {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self.target.choose(session).await? {
            Target::One(execution) => {
                let request = TerminateWorkflowExecutionRequest {
                    namespace: session.namespace(),
                    workflow_execution: Some(execution),
                    reason: self.target.reason.unwrap_or_else(usual_reason),
                    identity: session.identity(),
                    ..TerminateWorkflowExecutionRequest::default()
                };
                session
                    .ask(request, async |mut c, r| {
                        c.terminate_workflow_execution(r).await
                    })
                    .await?;
                session.out.line("Workflow terminated")
            }
            Target::Many(batch) => {
                let operation = Operation::TerminationOperation(BatchOperationTermination {
                    identity: session.identity(),
                    ..BatchOperationTermination::default()
                });
                start_batch(session, *batch, operation).await
            }
        }
    }
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    target: TargetArgs,
}

impl Run for Delete {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self.target.choose(session).await? {
            Target::One(execution) => {
                let run = match execution.run_id.as_str() {
                    "" => String::new(),
                    run_id => format!(" with Run ID {run_id:?}"),
                };
                let question = format!("Delete Workflow {:?}{run}?", execution.workflow_id);
                session.confirm(&question, self.target.yes)?;
                let request = DeleteWorkflowExecutionRequest {
                    namespace: session.namespace(),
                    workflow_execution: Some(execution),
                };
                session
                    .ask(request, async |mut c, r| {
                        c.delete_workflow_execution(r).await
                    })
                    .await?;
                session.out.line("Delete workflow succeeded")
            }
            Target::Many(batch) => {
                let identity = session.identity();
                let operation = Operation::DeletionOperation(BatchOperationDeletion { identity });
                start_batch(session, *batch, operation).await
            }
        }
    }
}

/// Which workflow, and why.
#[derive(Debug, Args)]
struct HoldArgs {
    #[command(flatten)]
    workflow: WorkflowArgs,
    /// Why
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    reason: String,
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    hold: HoldArgs,
}

impl Run for Pause {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let request = PauseWorkflowExecutionRequest {
            namespace: session.namespace(),
            workflow_id: self.hold.workflow.workflow_id,
            run_id: self.hold.workflow.run_id,
            identity: session.identity(),
            reason: self.hold.reason,
            request_id: Uuid::new_v4().to_string(),
        };
        session
            .ask(request, async |mut c, r| {
                c.pause_workflow_execution(r).await
            })
            .await?;
        session.out.line("Workflow Execution paused")
    }
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Unpause {
    #[command(flatten)]
    hold: HoldArgs,
}

impl Run for Unpause {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let request = UnpauseWorkflowExecutionRequest {
            namespace: session.namespace(),
            workflow_id: self.hold.workflow.workflow_id,
            run_id: self.hold.workflow.run_id,
            identity: session.identity(),
            reason: self.hold.reason,
            request_id: Uuid::new_v4().to_string(),
        };
        session
            .ask(request, async |mut c, r| {
                c.unpause_workflow_execution(r).await
            })
            .await?;
        session.out.line("Workflow Execution unpaused")
    }
}
