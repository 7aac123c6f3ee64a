//! Moves money between two accounts of different banks: withdraw here, deposit there.
//!
//! If the deposit fails, or the workflow is cancelled on the way, the money goes back. A transfer
//! that has been deposited is done and cannot be cancelled any more.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ActivityExecutionError, ActivityOptions, RetryPolicy, WorkflowContext, WorkflowContextView,
    WorkflowResult, workflow, workflow_methods,
};

use super::{
    activities::{Bank, Cents, Posting},
    saga::Saga,
};

/// Input of the workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The account that pays.
    pub from: String,
    /// The account that receives.
    pub to: String,
    /// How much.
    pub amount: Cents,
}

/// What the workflow returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The bank's reference of the withdrawal.
    pub withdrawal: String,
    /// The bank's reference of the deposit.
    pub deposit: String,
}

/// The workflow's state.
#[workflow]
#[derive(Debug)]
pub struct MoneyTransfer {
    transfer: Transfer,
}

#[workflow_methods]
impl MoneyTransfer {
    /// Nothing has moved yet.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, transfer: Transfer) -> Self {
        Self { transfer }
    }

    /// Moves the money, or puts it back and fails.
    #[run(name = "moneyTransfer")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Receipt> {
        let mut saga = Saga::new(ctx);
        match transfer(ctx, &mut saga).await {
            Ok(receipt) => Ok(receipt),
            Err(error) => {
                saga.compensate().await?;
                Err(error.into())
            }
        }
    }
}

async fn transfer(
    ctx: &WorkflowContext<MoneyTransfer>,
    saga: &mut Saga<MoneyTransfer>,
) -> Result<Receipt, ActivityExecutionError> {
    let Transfer { from, to, amount } = ctx.state(|s| s.transfer.clone());
    let key = saga.step("withdraw", Bank::refund_withdrawal);
    let posting = Posting {
        key,
        account: from,
        amount,
    };
    let withdrawal = ctx
        .execute_activity(Bank::withdraw, posting, options())
        .await?;

    let key = saga.step("deposit", Bank::reverse_deposit);
    let posting = Posting {
        key,
        account: to,
        amount,
    };
    let deposit = ctx
        .execute_activity(Bank::deposit, posting, options())
        .await?;
    Ok(Receipt {
        withdrawal,
        deposit,
    })
}

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10))
        .retry_policy(
            RetryPolicy::builder()
                .initial_interval(Duration::from_secs(1))
                .maximum_attempts(4)
                .non_retryable_error_types(["InsufficientFunds", "AccountClosed"])
                .build(),
        )
        .build()
}
