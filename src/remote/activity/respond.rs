//! `complete` and `fail`: an answer in the place of the worker.

use clap::Args;
use steadfast_proto::temporal::api::failure::v1::failure::FailureInfo;
use steadfast_proto::temporal::api::failure::v1::{ApplicationFailureInfo, Failure};
use steadfast_proto::temporal::api::workflowservice::v1::{
    RespondActivityTaskCompletedByIdRequest, RespondActivityTaskFailedByIdRequest,
};

use super::ActivityArgs;
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::input::InputArgs;
use crate::remote::session::Session;

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Complete {
    #[command(flatten)]
    activity: ActivityArgs,
    /// The result
    #[arg(long, value_name = "JSON")]
    result: String,
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Fail {
    #[command(flatten)]
    activity: ActivityArgs,
    /// What to know of the failure
    #[arg(long, value_name = "JSON")]
    detail: Option<String>,
    /// Why
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    reason: String,
}

fn json(text: String) -> InputArgs {
    InputArgs {
        input: vec![text],
        ..InputArgs::default()
    }
}

impl Run for Complete {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let resource_id = self.activity.resource();
        let request = RespondActivityTaskCompletedByIdRequest {
            namespace: session.namespace(),
            workflow_id: self.activity.workflow_id,
            run_id: self.activity.run_id,
            activity_id: self.activity.activity_id,
            result: json(self.result).payloads()?,
            identity: session.identity(),
            resource_id,
        };
        session
            .ask(request, async |mut c, r| {
                c.respond_activity_task_completed_by_id(r).await
            })
            .await?;
        Ok(())
    }
}

impl Run for Fail {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let details = self
            .detail
            .map(|detail| json(detail).payloads())
            .transpose()?;
        let failure = Failure {
            message: self.reason,
            source: "CLI".to_owned(),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(
                ApplicationFailureInfo {
                    non_retryable: true,
                    details: details.flatten(),
                    ..ApplicationFailureInfo::default()
                },
            )),
            ..Failure::default()
        };
        let resource_id = self.activity.resource();
        let request = RespondActivityTaskFailedByIdRequest {
            namespace: session.namespace(),
            workflow_id: self.activity.workflow_id,
            run_id: self.activity.run_id,
            activity_id: self.activity.activity_id,
            failure: Some(failure),
            identity: session.identity(),
            resource_id,
            ..RespondActivityTaskFailedByIdRequest::default()
        };
        session
            .ask(request, async |mut c, r| {
                c.respond_activity_task_failed_by_id(r).await
            })
            .await?;
        Ok(())
    }
}
