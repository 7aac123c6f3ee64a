//! `cancel`, `terminate` and `delete` of an activity of its own.

use clap::Args;
use steadfast_proto::temporal::api::workflowservice::v1::{
    DeleteActivityExecutionRequest, RequestCancelActivityExecutionRequest,
    TerminateActivityExecutionRequest,
};
use uuid::Uuid;

use super::OwnArgs;
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::session::Session;
use crate::remote::target::usual_reason;

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    activity: OwnArgs,
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
pub(crate) struct Terminate {
    #[command(flatten)]
    activity: OwnArgs,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    activity: OwnArgs,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

impl Run for Cancel {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let request = RequestCancelActivityExecutionRequest {
            namespace: session.namespace(),
            activity_id: self.activity.activity_id,
            run_id: self.activity.run_id,
            identity: session.identity(),
            request_id: Uuid::new_v4().to_string(),
            reason: self.reason,
        };
        session
            .ask(request, async |mut c, r| {
                c.request_cancel_activity_execution(r).await
            })
            .await?;
        session.out.line("Cancellation requested")
    }
}

impl Run for Terminate {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let request = TerminateActivityExecutionRequest {
            namespace: session.namespace(),
            activity_id: self.activity.activity_id,
            run_id: self.activity.run_id,
            identity: session.identity(),
            request_id: Uuid::new_v4().to_string(),
            reason: self.reason.unwrap_or_else(usual_reason),
        };
        session
            .ask(request, async |mut c, r| {
                c.terminate_activity_execution(r).await
            })
            .await?;
        session.out.line("Activity terminated")
    }
}

impl Run for Delete {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let question = format!(
            "Delete Standalone Activity {:?}?",
            self.activity.activity_id
        );
        session.confirm(&question, self.yes)?;
        let request = DeleteActivityExecutionRequest {
            namespace: session.namespace(),
            activity_id: self.activity.activity_id,
            run_id: self.activity.run_id,
        };
        session
            .ask(request, async |mut c, r| {
                c.delete_activity_execution(r).await
            })
            .await?;
        session.out.line("Delete activity succeeded")
    }
}
