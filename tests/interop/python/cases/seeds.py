"""Three business workflows: an order, a trial, and a batch of orders."""

from temporalio.client import WorkflowExecutionStatus

from harness import Context, case, equal, eventually, events
from seeds import BatchFulfillment, OrderFulfillment, OrderStatus, SubscriptionTrial

TEA = [{"sku": "tea", "qty": 2}]


@case("order-fulfillment")
async def order_fulfillment(c: Context) -> None:
    handle = await c.start(OrderFulfillment.run, "1", TEA, 13, id="order")
    done = OrderStatus("completed", "pay-1", "track-1", False)
    equal(await handle.result(), done, "result")
    equal(await handle.query(OrderFulfillment.get_order_status), done, "query after the end")
    equal((await handle.describe()).status, WorkflowExecutionStatus.COMPLETED, "status")
    equal((await events(handle)).count("ACTIVITY_TASK_SCHEDULED"), 4, "activities")


@case("order-out-of-stock")
async def order_out_of_stock(c: Context) -> None:
    handle = await c.start(OrderFulfillment.run, "2", [{"sku": "tea", "qty": 11}], 42, id="no-stock")
    equal((await handle.result()).step, "out-of-stock", "step")


@case("order-cancelled")
async def order_cancelled(c: Context) -> None:
    handle = await c.start(OrderFulfillment.run, "3", TEA, 66, id="cancelled-order")
    equal(await handle.result(), OrderStatus("refunding", "pay-3", None, True), "result")


@case("subscription-trial")
async def subscription_trial(c: Context) -> None:
    handle = await c.start(SubscriptionTrial.run, f"user-{c.run}", 1, id="trial")

    async def halfway() -> bool:
        return (f"user-{c.run}", "trial-halfway") in c.seeds.mails

    await eventually(halfway, "the mail at half time")
    await handle.signal(SubscriptionTrial.convert_to_paying, {"planId": "gold"})
    equal(await handle.result(), "converted", "result")


@case("batch-fulfillment")
async def batch_fulfillment(c: Context) -> None:
    orders = [
        {"id": f"{c.id('batch')}-{n}", "items": TEA, "amount": amount}
        for n, amount in enumerate([42, -1, 13])
    ]
    handle = await c.start(BatchFulfillment.run, orders, id="batch")
    equal(await handle.result(), {"total": 3, "succeeded": 2, "failed": 1}, "result")
    child = c.client.get_workflow_handle(f"order-{orders[1]['id']}")
    equal((await child.describe()).status, WorkflowExecutionStatus.FAILED, "the refused order")
