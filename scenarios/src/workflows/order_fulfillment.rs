//! Sells one order: reserve the stock, charge the customer, buy a label, confirm by mail.
//!
//! The customer may cancel by signal until the label is bought. Cancelling, a failing step and
//! the cancellation of the workflow itself all end the same way: what was done is undone in
//! reverse order.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ActivityExecutionError, ActivityOptions, RetryPolicy, SyncWorkflowContext, WorkflowContext,
    WorkflowContextView, WorkflowResult, workflow, workflow_methods,
};

use super::{
    activities::{
        Cents, Charge, Email, Inventory, Item, Mail, Payment, Reservation, Shipment, Shipping,
    },
    saga::{Saga, key},
};

/// Input of the workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The order's id; by convention the workflow's id is `order-<id>`.
    pub id: String,
    /// What is bought.
    pub items: Vec<Item>,
    /// What it costs.
    pub amount: Cents,
}

/// What the workflow returns, and what the query answers meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderStatus {
    /// The step at hand, or how it ended.
    pub step: String,
    /// Set once the customer was charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// Set once the label was bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking_number: Option<String>,
    /// Whether the customer asked to cancel.
    pub cancelled: bool,
}

/// Payload of `updateShipping`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAddress {
    /// Where to ship instead.
    pub address: String,
}

/// The workflow's state.
#[workflow]
#[derive(Debug)]
pub struct OrderFulfillment {
    order: Order,
    status: OrderStatus,
    address: Option<String>,
}

/// How the forward path ended.
enum Forward {
    /// Nothing is to be undone: shipped, or never reserved.
    Settled,
    /// The customer cancelled.
    Cancelled,
}

#[workflow_methods]
impl OrderFulfillment {
    /// Nothing is done yet.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, order: Order) -> Self {
        let status = OrderStatus {
            step: "started".into(),
            payment_id: None,
            tracking_number: None,
            cancelled: false,
        };
        Self {
            order,
            status,
            address: None,
        }
    }

    /// Runs the forward path, and undoes it unless it settled.
    #[run(name = "orderFulfillment")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<OrderStatus> {
        let mut saga = Saga::new(ctx);
        match fulfil(ctx, &mut saga).await {
            Ok(Forward::Settled) => Ok(ctx.state(|s| s.status.clone())),
            Ok(Forward::Cancelled) => {
                let ended_as = ctx.state(|s| s.status.step.clone());
                enter(ctx, "refunding");
                saga.compensate().await?;
                enter(ctx, &ended_as);
                Ok(ctx.state(|s| s.status.clone()))
            }
            Err(error) => {
                enter(ctx, "refunding");
                saga.compensate().await?;
                Err(error.into())
            }
        }
    }

    /// The customer does not want it any more.
    #[signal(name = "cancelOrder")]
    pub fn cancel_order(&mut self, _ctx: &mut SyncWorkflowContext<Self>, reason: String) {
        self.status.cancelled = true;
        self.status.step = format!("cancelled: {reason}");
    }

    /// The customer wants it sent elsewhere; heeded until the label is bought.
    #[signal(name = "updateShipping")]
    pub fn update_shipping(&mut self, _ctx: &mut SyncWorkflowContext<Self>, new: NewAddress) {
        self.address = Some(new.address);
    }

    /// Where the order stands.
    #[query(name = "getOrderStatus")]
    pub fn order_status(&self, _ctx: &WorkflowContextView) -> OrderStatus {
        self.status.clone()
    }
}

async fn fulfil(
    ctx: &WorkflowContext<OrderFulfillment>,
    saga: &mut Saga<OrderFulfillment>,
) -> Result<Forward, ActivityExecutionError> {
    let Order {
        id: order_id,
        items,
        amount,
    } = ctx.state(|s| s.order.clone());

    enter(ctx, "reserving-inventory");
    let key = saga.step("reserve", Inventory::release);
    let reservation = Reservation { key, items };
    if !ctx
        .execute_activity(Inventory::reserve, reservation, options())
        .await?
    {
        enter(ctx, "out-of-stock");
        send_email(ctx, "out-of-stock", [("orderId", order_id)]).await?;
        return Ok(Forward::Settled);
    }
    if is_cancelled(ctx) {
        return Ok(Forward::Cancelled);
    }

    enter(ctx, "charging-payment");
    let key = saga.step("charge", Payment::refund);
    let charge = Charge {
        key,
        order_id: order_id.clone(),
        amount,
    };
    let payment_id = ctx
        .execute_activity(Payment::charge, charge, options())
        .await?;
    ctx.state_mut(|s| s.status.payment_id = Some(payment_id));
    if is_cancelled(ctx) {
        return Ok(Forward::Cancelled);
    }

    enter(ctx, "generating-shipping-label");
    let key = saga.step("ship", Shipping::cancel_label);
    let address = ctx.state(|s| s.address.clone());
    let shipment = Shipment {
        key,
        order_id: order_id.clone(),
        address,
    };
    let tracking = ctx
        .execute_activity(Shipping::generate_label, shipment, options())
        .await?;
    ctx.state_mut(|s| s.status.tracking_number = Some(tracking.clone()));

    enter(ctx, "sending-confirmation");
    let vars = [("orderId", order_id), ("trackingNumber", tracking)];
    send_email(ctx, "order-shipped", vars).await?;
    enter(ctx, "completed");
    Ok(Forward::Settled)
}

async fn send_email<const N: usize>(
    ctx: &WorkflowContext<OrderFulfillment>,
    template: &str,
    vars: [(&str, String); N],
) -> Result<(), ActivityExecutionError> {
    let email = Email {
        key: key(ctx, template),
        to: "customer@example.com".into(),
        template: template.into(),
        vars: BTreeMap::from(vars.map(|(name, value)| (name.to_owned(), value))),
    };
    ctx.execute_activity(Mail::send, email, options()).await
}

fn enter(ctx: &WorkflowContext<OrderFulfillment>, step: &str) {
    ctx.state_mut(|s| step.clone_into(&mut s.status.step));
}

fn is_cancelled(ctx: &WorkflowContext<OrderFulfillment>) -> bool {
    ctx.state(|s| s.status.cancelled)
}

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(30))
        .retry_policy(
            RetryPolicy::builder()
                .initial_interval(Duration::from_secs(1))
                .backoff_coefficient(2.0)
                .maximum_attempts(5)
                .maximum_interval(Duration::from_secs(30))
                .non_retryable_error_types(["InvalidOrderError"])
                .build(),
        )
        .build()
}
