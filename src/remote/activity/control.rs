//! `pause`, `unpause` and `reset` of one activity.

use std::time::Duration;

use clap::Args;
use steadfast_proto::temporal::api::workflowservice::v1::{
    PauseActivityExecutionRequest, ResetActivityExecutionRequest, UnpauseActivityExecutionRequest,
};
use uuid::Uuid;

use super::ActivityArgs;
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::args::span;
use crate::remote::session::Session;
use crate::remote::workflow::proto_span;

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    activity: ActivityArgs,
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
pub(crate) struct Unpause {
    #[command(flatten)]
    activity: ActivityArgs,
    /// Why
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    reason: String,
    /// Later by chance, by at most so much
    #[arg(long, value_name = "TIME", value_parser = span)]
    jitter: Option<Duration>,
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    activity: ActivityArgs,
    /// If it is paused, it stays so
    #[arg(long)]
    keep_paused: bool,
    /// Later by chance, by at most so much
    #[arg(long, value_name = "TIME", value_parser = span)]
    jitter: Option<Duration>,
    /// Its options are again those that it was scheduled with
    #[arg(long)]
    restore_original_options: bool,
}

impl Run for Pause {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let resource_id = self.activity.resource();
        let request = PauseActivityExecutionRequest {
            namespace: session.namespace(),
            workflow_id: self.activity.workflow_id,
            activity_id: self.activity.activity_id,
            run_id: self.activity.run_id,
            identity: session.identity(),
            reason: self.reason,
            resource_id,
            request_id: Uuid::new_v4().to_string(),
        };
        session
            .ask(request, async |mut c, r| {
                c.pause_activity_execution(r).await
            })
            .await?;
        Ok(())
    }
}

impl Run for Unpause {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let resource_id = self.activity.resource();
        let request = UnpauseActivityExecutionRequest {
            namespace: session.namespace(),
            workflow_id: self.activity.workflow_id,
            activity_id: self.activity.activity_id,
            run_id: self.activity.run_id,
            identity: session.identity(),
            reason: self.reason,
            jitter: proto_span(self.jitter),
            resource_id,
            request_id: Uuid::new_v4().to_string(),
        };
        session
            .ask(request, async |mut c, r| {
                c.unpause_activity_execution(r).await
            })
            .await?;
        Ok(())
    }
}

impl Run for Reset {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let resource_id = self.activity.resource();
        let request = ResetActivityExecutionRequest {
            namespace: session.namespace(),
            workflow_id: self.activity.workflow_id,
            activity_id: self.activity.activity_id,
            run_id: self.activity.run_id,
            identity: session.identity(),
            keep_paused: self.keep_paused,
            jitter: proto_span(self.jitter),
            restore_original_options: self.restore_original_options,
            resource_id,
            request_id: Uuid::new_v4().to_string(),
            ..ResetActivityExecutionRequest::default()
        };
        session
            .ask(request, async |mut c, r| {
                c.reset_activity_execution(r).await
            })
            .await?;
        session
            .out
            .fields([("keepPaused", self.keep_paused.into())])
    }
}
