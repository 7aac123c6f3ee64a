//! Moves money within one bank by local activities: the worker that runs the workflow runs them, too, and the engine
//! hears of them only when the workflow task is done.
//!
//! They are quick, and they are lost as a whole: a worker that dies before it has completed the task leaves nothing
//! behind but what the bank has done. The worker that runs the task next asks the bank again under the same keys, and
//! may end otherwise: cancelled, for one, before it comes to a step that the other has done. So whoever takes the transfer
//! back takes back every step, also those that he has not begun; and only ordinary activities do, which begin when it is
//! on record that the transfer has failed. A local one could undo what another worker has completed meanwhile.

use std::{collections::BTreeMap, time::Duration};

use temporalio_workflow::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, LocalActivityOptions,
    RetryPolicy, WorkflowCancellationToken, WorkflowContext, WorkflowContextView, WorkflowResult,
    workflow, workflow_methods,
};

use super::{
    activities::{Bank, Email, Mail, Posting},
    money_transfer::{Receipt, Transfer},
    saga::{Saga, key},
};

/// The workflow's state.
#[workflow]
#[derive(Debug)]
pub struct InstantTransfer {
    transfer: Transfer,
}

#[workflow_methods]
impl InstantTransfer {
    /// Nothing has moved yet.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, transfer: Transfer) -> Self {
        Self { transfer }
    }

    /// Moves the money and confirms it by mail, or puts it back and fails.
    #[run(name = "instantTransfer")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Receipt> {
        let mut saga = Saga::new(ctx);
        let order = ctx.state(|s| s.transfer.clone());
        match transfer(ctx, &mut saga, order.clone()).await {
            Ok(receipt) => {
                confirm(ctx, order.from, &receipt).await?;
                Ok(receipt)
            }
            Err(error) => {
                saga.compensate().await?;
                Err(error.into())
            }
        }
    }
}

/// Withdraws here and deposits there.
pub(crate) async fn transfer<W: 'static>(
    ctx: &WorkflowContext<W>,
    saga: &mut Saga<W>,
    order: Transfer,
) -> Result<Receipt, ActivityExecutionError> {
    let Transfer { from, to, amount } = order;
    let posting = |key, account| Posting {
        key,
        account,
        amount,
    };
    let withdraw = posting(saga.step("withdraw", Bank::refund_withdrawal), from);
    let deposit = posting(saga.step("deposit", Bank::reverse_deposit), to);
    let withdrawal = ctx
        .execute_local_activity(Bank::withdraw, withdraw, options())
        .await?;
    let deposit = ctx
        .execute_local_activity(Bank::deposit, deposit, options())
        .await?;
    Ok(Receipt {
        withdrawal,
        deposit,
    })
}

/// The money has moved: nothing takes that back any more.
pub(crate) async fn confirm<W>(
    ctx: &WorkflowContext<W>,
    customer: String,
    receipt: &Receipt,
) -> Result<(), ActivityExecutionError> {
    let vars = [
        ("withdrawal", &receipt.withdrawal),
        ("deposit", &receipt.deposit),
    ];
    let email = Email {
        key: key(ctx, "confirm"),
        to: customer,
        template: "money-moved".into(),
        vars: BTreeMap::from(vars.map(|(name, value)| (name.to_owned(), value.clone()))),
    };
    let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10))
        .cancellation_token(WorkflowCancellationToken::new())
        .build();
    ctx.execute_activity(Mail::send, email, options).await
}

/// A few quick attempts, then slower ones, between which a timer of the workflow waits. Who cancels waits until the
/// bank has answered.
fn options() -> LocalActivityOptions {
    LocalActivityOptions::builder()
        .start_to_close_timeout(Duration::from_secs(5))
        .schedule_to_close_timeout(Duration::from_secs(60))
        .timer_backoff_threshold(Duration::from_secs(3))
        .cancel_type(ActivityCancellationType::WaitCancellationCompleted)
        .retry_policy(
            RetryPolicy::builder()
                .initial_interval(Duration::from_millis(500))
                .maximum_attempts(6)
                .non_retryable_error_types(["InsufficientFunds", "AccountClosed"])
                .build(),
        )
        .build()
}
