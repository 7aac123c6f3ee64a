//! A transfer that takes its steps back by local activities: before it is on record that it has failed.

use std::time::Duration;

use temporalio_workflow::{
    ActivityExecutionError, LocalActivityOptions, WorkflowCancellationToken, WorkflowContext,
    WorkflowContextView, WorkflowResult, common::ActivityDefinition, workflow, workflow_methods,
};

use crate::workflows::{
    activities::{Bank, Undo},
    instant_transfer::{confirm, transfer},
    money_transfer::{Receipt, Transfer},
    saga::{Saga, key},
};

/// The workflow's state.
#[workflow]
#[derive(Debug)]
pub struct HastyTransfer {
    transfer: Transfer,
}

#[workflow_methods]
impl HastyTransfer {
    /// Nothing has moved yet.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, transfer: Transfer) -> Self {
        Self { transfer }
    }

    /// As the right one, but for the compensations.
    #[run(name = "instantTransfer")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Receipt> {
        let mut unused = Saga::new(ctx);
        let order = ctx.state(|s| s.transfer.clone());
        match transfer(ctx, &mut unused, order.clone()).await {
            Ok(receipt) => {
                confirm(ctx, order.from, &receipt).await?;
                Ok(receipt)
            }
            Err(error) => {
                undo(ctx, "deposit", Bank::reverse_deposit).await?;
                undo(ctx, "withdraw", Bank::refund_withdrawal).await?;
                Err(error.into())
            }
        }
    }
}

async fn undo<A>(
    ctx: &WorkflowContext<HastyTransfer>,
    step: &str,
    compensation: A,
) -> Result<(), ActivityExecutionError>
where
    A: ActivityDefinition<Input = Undo, Output = ()>,
{
    let undoes = key(ctx, step);
    let input = Undo {
        key: format!("{undoes}/undo"),
        undoes,
    };
    let options = LocalActivityOptions::builder()
        .start_to_close_timeout(Duration::from_secs(5))
        .cancellation_token(WorkflowCancellationToken::new())
        .build();
    ctx.execute_local_activity(compensation, input, options)
        .await
}
