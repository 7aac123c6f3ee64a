//! A cart that lives by updates: put things in, take them out, check out.
//!
//! Whoever changes the cart hears at once whether it was taken and what the cart comes to now; what makes no sense is
//! refused before anything is written. Checking out charges the customer, and nobody changes the cart meanwhile. A
//! cart that nobody touches for long enough is given up.

use std::{collections::BTreeMap, error::Error, time::Duration};

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ActivityOptions, CancellableFuture, RetryPolicy, SyncWorkflowContext, WorkflowContext,
    WorkflowContextView, WorkflowResult, workflow, workflow_methods, workflows::select,
};

use super::{
    activities::{Cents, Charge, Payment},
    saga::key,
};

/// How long a cart waits for its customer.
const PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);
/// What one cart holds at most.
const MOST: u32 = 20;

/// Why an update is refused, or fails.
type Trouble = Box<dyn Error + Send + Sync>;

/// Input of `addItem`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// What.
    pub sku: String,
    /// How many.
    pub qty: u32,
    /// What one of them costs.
    pub price: Cents,
}

/// What the workflow returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// What was in the cart.
    pub items: BTreeMap<String, u32>,
    /// What it came to.
    pub total: Cents,
    /// Absent if the customer went away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
}

/// The workflow's state.
#[workflow]
#[derive(Debug, Default)]
pub struct ShoppingCart {
    items: BTreeMap<String, u32>,
    total: u64,
    checking_out: bool,
    payment_id: Option<String>,
}

#[workflow_methods]
impl ShoppingCart {
    /// Waits until the customer has paid, or is gone.
    #[run(name = "shoppingCart")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Receipt> {
        let mut patience = ctx.timer(PATIENCE);
        select! {
            begun = ctx.wait_condition(|s| s.checking_out) => {
                begun?;
                patience.cancel();
            }
            _ = patience => {}
        }
        if ctx.state(|s| s.checking_out) {
            ctx.wait_condition(|s| s.payment_id.is_some()).await?;
        }
        Ok(ctx.state(|s| Receipt {
            items: s.items.clone(),
            total: Cents(s.total),
            payment_id: s.payment_id.clone(),
        }))
    }

    /// Only something, and only while the cart is open and has room.
    #[update_validator(add_item)]
    fn check_add_item(&self, _ctx: &WorkflowContextView, line: &Line) -> Result<(), Trouble> {
        if line.qty == 0 {
            return Err("nothing to add".into());
        }
        if self.items.values().sum::<u32>() + line.qty > MOST {
            return Err("the cart is full".into());
        }
        self.check_open()
    }

    /// Puts something in. Returns what the cart comes to.
    #[update(name = "addItem")]
    pub fn add_item(&mut self, _ctx: &mut SyncWorkflowContext<Self>, line: Line) -> Cents {
        *self.items.entry(line.sku).or_default() += line.qty;
        self.total += u64::from(line.qty) * line.price.0;
        Cents(self.total)
    }

    /// Only a cart with something in it.
    #[update_validator(check_out)]
    fn check_check_out(&self, _ctx: &WorkflowContextView, _: &()) -> Result<(), Trouble> {
        if self.items.is_empty() {
            return Err("the cart is empty".into());
        }
        self.check_open()
    }

    /// Charges the customer. Returns the payment's id.
    #[update(name = "checkOut")]
    pub async fn check_out(ctx: &mut WorkflowContext<Self>, _: ()) -> Result<String, Trouble> {
        ctx.state_mut(|s| s.checking_out = true);
        let charge = Charge {
            key: key(ctx, "charge"),
            order_id: ctx.workflow_id().to_owned(),
            amount: Cents(ctx.state(|s| s.total)),
        };
        let payment_id = ctx
            .execute_activity(Payment::charge, charge, until_it_works())
            .await?;
        ctx.state_mut(|s| s.payment_id = Some(payment_id.clone()));
        Ok(payment_id)
    }

    /// What the cart comes to.
    #[query(name = "total")]
    pub fn total(&self, _ctx: &WorkflowContextView) -> Cents {
        Cents(self.total)
    }
}

impl ShoppingCart {
    fn check_open(&self) -> Result<(), Trouble> {
        if self.checking_out {
            return Err("the cart is being checked out".into());
        }
        Ok(())
    }
}

fn until_it_works() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10))
        .retry_policy(
            RetryPolicy::builder()
                .initial_interval(Duration::from_secs(1))
                .maximum_interval(Duration::from_secs(30))
                .build(),
        )
        .build()
}
