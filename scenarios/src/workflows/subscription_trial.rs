//! A free trial: remind half-way, convert on signal, grant three days of grace, then expire.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ActivityExecutionError, ActivityOptions, CancellableFuture, RetryPolicy, SyncWorkflowContext,
    TimerResult, WorkflowCancellationError, WorkflowContext, WorkflowContextView, WorkflowResult,
    WorkflowTermination, workflow, workflow_methods, workflows::select,
};

use super::{
    activities::{Accounts, Activation, Deactivation, Email, Mail},
    saga::key,
};

const GRACE_DAYS: u32 = 3;

/// Input of the workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// Who tries.
    pub user_id: String,
    /// For how long.
    pub trial_days: u32,
}

/// Payload of `convertToPaying`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversion {
    /// The plan that was bought.
    pub plan_id: String,
}

/// The workflow's state.
#[workflow]
#[derive(Debug)]
pub struct SubscriptionTrial {
    trial: Trial,
    plan_id: Option<String>,
}

#[workflow_methods]
impl SubscriptionTrial {
    /// Nobody has paid yet.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, trial: Trial) -> Self {
        Self {
            trial,
            plan_id: None,
        }
    }

    /// Returns `converted`, `converted-grace-period` or `expired`.
    #[run(name = "subscriptionTrial")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let Trial {
            user_id,
            trial_days,
        } = ctx.state(|s| s.trial.clone());
        send_email(
            ctx,
            "trial-started",
            [("trialDays", trial_days.to_string())],
        )
        .await?;

        // Half the trial, then a reminder; then the other half or until they convert.
        sleep(ctx, days(trial_days / 2)).await?;
        if ctx.state(|s| s.plan_id.is_none()) {
            send_email(ctx, "trial-halfway", []).await?;
        }
        if let Some(plan_id) = conversion_within(ctx, days(trial_days.div_ceil(2))).await? {
            activate(ctx, &plan_id).await?;
            send_email(ctx, "subscription-activated", [("planId", plan_id)]).await?;
            return Ok("converted".into());
        }

        send_email(ctx, "trial-expired", []).await?;
        if let Some(plan_id) = conversion_within(ctx, days(GRACE_DAYS)).await? {
            activate(ctx, &plan_id).await?;
            return Ok("converted-grace-period".into());
        }

        let deactivation = Deactivation {
            key: key(ctx, "deactivate"),
            user_id,
        };
        ctx.execute_activity(Accounts::deactivate, deactivation, options())
            .await?;
        Ok("expired".into())
    }

    /// The user has decided to pay.
    #[signal(name = "convertToPaying")]
    pub fn convert_to_paying(&mut self, _ctx: &mut SyncWorkflowContext<Self>, to: Conversion) {
        self.plan_id = Some(to.plan_id);
    }
}

/// Waits for the conversion, at most for `limit`.
async fn conversion_within(
    ctx: &WorkflowContext<SubscriptionTrial>,
    limit: Duration,
) -> Result<Option<String>, WorkflowCancellationError> {
    let mut timer = ctx.timer(limit);
    select! {
        converted = ctx.wait_condition(|s| s.plan_id.is_some()) => {
            converted?;
            timer.cancel();
        }
        _ = timer => {}
    }
    Ok(ctx.state(|s| s.plan_id.clone()))
}

/// Sleeps, and ends the workflow when it is cancelled meanwhile.
async fn sleep(
    ctx: &WorkflowContext<SubscriptionTrial>,
    time: Duration,
) -> Result<(), WorkflowTermination> {
    match ctx.timer(time).await {
        TimerResult::Fired => Ok(()),
        TimerResult::Cancelled => Err(WorkflowTermination::cancelled()),
    }
}

async fn activate(
    ctx: &WorkflowContext<SubscriptionTrial>,
    plan_id: &str,
) -> Result<(), ActivityExecutionError> {
    let activation = Activation {
        key: key(ctx, "activate"),
        user_id: ctx.state(|s| s.trial.user_id.clone()),
        plan_id: plan_id.to_owned(),
    };
    ctx.execute_activity(Accounts::activate, activation, options())
        .await
}

async fn send_email<const N: usize>(
    ctx: &WorkflowContext<SubscriptionTrial>,
    template: &str,
    vars: [(&str, String); N],
) -> Result<(), ActivityExecutionError> {
    let email = Email {
        key: key(ctx, template),
        to: ctx.state(|s| s.trial.user_id.clone()),
        template: template.into(),
        vars: BTreeMap::from(vars.map(|(name, value)| (name.to_owned(), value))),
    };
    ctx.execute_activity(Mail::send, email, options()).await
}

fn days(n: u32) -> Duration {
    Duration::from_secs(u64::from(n) * 24 * 60 * 60)
}

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10))
        .retry_policy(RetryPolicy::builder().maximum_attempts(3).build())
        .build()
}
