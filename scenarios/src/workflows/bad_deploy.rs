//! One workflow type in two builds: the first has a bug, the second is the fix.
//!
//! A panic fails the workflow *task*, not the workflow: the run waits, retried by the server,
//! until a build is deployed that gets past the place. Nothing is lost and nobody is billed twice.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_workflow::{ActivityExecutionError, ActivityOptions, WorkflowContext};

use super::{
    activities::{Cents, Charge, Payment},
    saga::key,
};

/// Input of the workflow, the same in both builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// The order that is billed.
    pub order_id: String,
    /// What the positions add up to.
    pub total: Cents,
    /// Over how many instalments it is spread. The broken build cannot handle none.
    pub instalments: u64,
    /// What is charged at once, before anything is divided.
    pub deposit: Option<Cents>,
}

/// The build with the bug.
pub mod broken {
    use temporalio_workflow::{WorkflowContext, WorkflowResult, workflow, workflow_methods};

    use super::{Invoice, charge};

    /// Has no state of its own.
    #[workflow]
    #[derive(Debug, Default)]
    pub struct Billing;

    #[workflow_methods]
    impl Billing {
        /// Charges the deposit and the first instalment.
        #[run(name = "invoice")]
        pub async fn run(ctx: &mut WorkflowContext<Self>, invoice: Invoice) -> WorkflowResult<u64> {
            if let Some(deposit) = invoice.deposit {
                charge(ctx, &invoice, "deposit", deposit.0).await?;
            }
            // The bug: divides by zero when nothing is spread.
            let instalment = invoice.total.0 / invoice.instalments;
            charge(ctx, &invoice, "instalment", instalment).await?;
            Ok(instalment)
        }
    }
}

/// The build with the fix.
pub mod fixed {
    use temporalio_workflow::{WorkflowContext, WorkflowResult, workflow, workflow_methods};

    use super::{Invoice, charge};

    /// Has no state of its own.
    #[workflow]
    #[derive(Debug, Default)]
    pub struct Billing;

    #[workflow_methods]
    impl Billing {
        /// Charges the deposit and the first instalment.
        #[run(name = "invoice")]
        pub async fn run(ctx: &mut WorkflowContext<Self>, invoice: Invoice) -> WorkflowResult<u64> {
            if let Some(deposit) = invoice.deposit {
                charge(ctx, &invoice, "deposit", deposit.0).await?;
            }
            let instalment = invoice.total.0 / invoice.instalments.max(1);
            charge(ctx, &invoice, "instalment", instalment).await?;
            Ok(instalment)
        }
    }
}

async fn charge<W>(
    ctx: &WorkflowContext<W>,
    invoice: &Invoice,
    step: &str,
    cents: u64,
) -> Result<String, ActivityExecutionError> {
    let charge = Charge {
        key: key(ctx, step),
        order_id: invoice.order_id.clone(),
        amount: Cents(cents),
    };
    let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
    ctx.execute_activity(Payment::charge, charge, options).await
}
