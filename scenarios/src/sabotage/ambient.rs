//! A workflow that reads something which is not in its history.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use temporalio_workflow::{
    ActivityOptions, WorkflowContext, WorkflowResult, workflow, workflow_methods,
};

use crate::workflows::{
    activities::{Email, Mail},
    order_fulfillment::{Order, OrderStatus},
};

/// How often this process has run this code.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// Has no state of its own, and that is its mistake.
#[workflow]
#[derive(Debug, Default)]
pub struct AmbientOrder;

#[workflow_methods]
impl AmbientOrder {
    /// Sends a mail that says how busy the process is.
    #[run(name = "orderFulfillment")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, order: Order) -> WorkflowResult<OrderStatus> {
        let busy = RUNS.fetch_add(1, Ordering::Relaxed);
        let email = Email {
            key: format!("order-{}/mail", order.id),
            to: "customer@example.com".into(),
            template: "order-received".into(),
            vars: BTreeMap::from([("ordersBefore".to_owned(), busy.to_string())]),
        };
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        ctx.execute_activity(Mail::send, email, options).await?;
        Ok(OrderStatus {
            step: "completed".into(),
            payment_id: None,
            tracking_number: None,
            cancelled: false,
        })
    }
}
