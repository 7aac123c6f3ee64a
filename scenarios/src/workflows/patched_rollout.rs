//! One workflow type in three builds: before, during and after a change.
//!
//! Customers get a notice and, some time later, a second one. The change asks the fraud
//! department first. Runs that were started by [`before`] must go on as they began, so [`during`]
//! asks `patched()`; once no such run is left, [`after`] deprecates the patch. A worker registers
//! exactly one of the three.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ActivityExecutionError, ActivityOptions, TimerResult, WorkflowContext, WorkflowTermination,
};

use super::{
    activities::{Email, Mail, Risk, RiskQuestion},
    saga::key,
};

const PATCH: &str = "ask-risk-first";

/// Input of the workflow, the same in all builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Whom to write to.
    pub customer: String,
    /// How long after the first notice the second one follows.
    pub follow_up_seconds: u64,
}

/// What ran before the change.
pub mod before {
    use temporalio_workflow::{WorkflowContext, WorkflowResult, workflow, workflow_methods};

    use super::{Notice, notify};

    /// Has no state of its own.
    #[workflow]
    #[derive(Debug, Default)]
    pub struct CustomerNotice;

    #[workflow_methods]
    impl CustomerNotice {
        /// Two notices.
        #[run(name = "customerNotice")]
        pub async fn run(
            ctx: &mut WorkflowContext<Self>,
            notice: Notice,
        ) -> WorkflowResult<String> {
            notify(ctx, &notice).await
        }
    }
}

/// What runs while there are runs of both kinds.
pub mod during {
    use temporalio_workflow::{WorkflowContext, WorkflowResult, workflow, workflow_methods};

    use super::{Notice, PATCH, may_serve, notify};

    /// Has no state of its own.
    #[workflow]
    #[derive(Debug, Default)]
    pub struct CustomerNotice;

    #[workflow_methods]
    impl CustomerNotice {
        /// Two notices; for runs that began with this build, only if the risk allows.
        #[run(name = "customerNotice")]
        pub async fn run(
            ctx: &mut WorkflowContext<Self>,
            notice: Notice,
        ) -> WorkflowResult<String> {
            if ctx.patched(PATCH) && !may_serve(ctx, &notice).await? {
                return Ok("refused".into());
            }
            notify(ctx, &notice).await
        }
    }
}

/// What runs once the last run of the old kind has ended.
pub mod after {
    use temporalio_workflow::{WorkflowContext, WorkflowResult, workflow, workflow_methods};

    use super::{Notice, PATCH, may_serve, notify};

    /// Has no state of its own.
    #[workflow]
    #[derive(Debug, Default)]
    pub struct CustomerNotice;

    #[workflow_methods]
    impl CustomerNotice {
        /// Two notices, if the risk allows.
        #[run(name = "customerNotice")]
        pub async fn run(
            ctx: &mut WorkflowContext<Self>,
            notice: Notice,
        ) -> WorkflowResult<String> {
            ctx.deprecate_patch(PATCH);
            if !may_serve(ctx, &notice).await? {
                return Ok("refused".into());
            }
            notify(ctx, &notice).await
        }
    }
}

async fn may_serve<W>(
    ctx: &WorkflowContext<W>,
    notice: &Notice,
) -> Result<bool, ActivityExecutionError> {
    let question = RiskQuestion {
        customer: notice.customer.clone(),
    };
    ctx.execute_activity(Risk::assess, question, options())
        .await
}

async fn notify<W>(
    ctx: &WorkflowContext<W>,
    notice: &Notice,
) -> Result<String, WorkflowTermination> {
    send_email(ctx, notice, "notice").await?;
    if ctx
        .timer(Duration::from_secs(notice.follow_up_seconds))
        .await
        == TimerResult::Cancelled
    {
        return Err(WorkflowTermination::cancelled());
    }
    send_email(ctx, notice, "follow-up").await?;
    Ok("notified".into())
}

async fn send_email<W>(
    ctx: &WorkflowContext<W>,
    notice: &Notice,
    template: &str,
) -> Result<(), ActivityExecutionError> {
    let email = Email {
        key: key(ctx, template),
        to: notice.customer.clone(),
        template: template.into(),
        vars: BTreeMap::new(),
    };
    ctx.execute_activity(Mail::send, email, options()).await
}

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(10))
}
