//! Fulfils many orders in parallel, each as a child workflow that may fail on its own.

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ChildWorkflowOptions, WorkflowContext, WorkflowResult, WorkflowTermination, workflow,
    workflow_methods, workflows::join_all,
};

use super::order_fulfillment::{Order, OrderFulfillment, OrderStatus};

/// What the workflow returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchReport {
    /// Orders in the batch.
    pub total: usize,
    /// Children that returned a result.
    pub succeeded: usize,
    /// Children that could not be started or closed without a result.
    pub failed: usize,
}

/// Has no state of its own.
#[workflow]
#[derive(Debug, Default)]
pub struct BatchFulfillment;

#[workflow_methods]
impl BatchFulfillment {
    /// Starts all children at once and waits until the last one has settled.
    #[run(name = "batchFulfillment")]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        orders: Vec<Order>,
    ) -> WorkflowResult<BatchReport> {
        let total = orders.len();
        let results = join_all(orders.into_iter().map(|order| fulfil(ctx, order))).await;
        let succeeded = results.iter().filter(|result| result.is_ok()).count();
        Ok(BatchReport {
            total,
            succeeded,
            failed: total - succeeded,
        })
    }
}

/// Runs one child. Its id is the order's, so an order is never fulfilled by two runs at a time.
async fn fulfil(
    ctx: &WorkflowContext<BatchFulfillment>,
    order: Order,
) -> Result<OrderStatus, WorkflowTermination> {
    let options = ChildWorkflowOptions::workflow_id(format!("order-{}", order.id));
    let child = ctx
        .start_child_workflow(OrderFulfillment::run, order, options)
        .await?;
    Ok(child.result().await?)
}
