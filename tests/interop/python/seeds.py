"""Three business workflows, in Python: an order, a trial, and a batch of orders."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError


@dataclass
class OrderStatus:
    step: str
    paymentId: str | None = None
    trackingNumber: str | None = None
    cancelled: bool = False


def in_order(name: str, *args: Any) -> Any:
    return workflow.execute_activity(
        name,
        args=list(args),
        start_to_close_timeout=timedelta(seconds=30),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(milliseconds=50),
            backoff_coefficient=2,
            maximum_attempts=5,
            maximum_interval=timedelta(seconds=30),
            non_retryable_error_types=["InvalidOrderError"],
        ),
    )


@workflow.defn(name="orderFulfillment")
class OrderFulfillment:
    def __init__(self) -> None:
        self.status = OrderStatus("started")

    @workflow.signal(name="cancelOrder")
    def cancel_order(self, reason: str) -> None:
        self.status.cancelled = True
        self.status.step = f"cancelled: {reason}"

    @workflow.query(name="getOrderStatus")
    def get_order_status(self) -> OrderStatus:
        return self.status

    @workflow.run
    async def run(self, order_id: str, items: list[dict[str, Any]], amount: int) -> OrderStatus:
        status = self.status
        status.step = "reserving-inventory"
        if not await in_order("reserveInventory", items):
            status.step = "out-of-stock"
            await in_order("sendEmail", "customer@example.com", "out-of-stock", {"orderId": order_id})
            return status
        if status.cancelled:
            return status
        status.step = "charging-payment"
        status.paymentId = await in_order("chargePayment", order_id, amount)
        if status.cancelled:
            status.step = "refunding"
            await in_order("refundPayment", status.paymentId)
            return status
        status.step = "generating-shipping-label"
        status.trackingNumber = await in_order("generateShippingLabel", order_id)
        status.step = "sending-confirmation"
        mail = {"orderId": order_id, "trackingNumber": status.trackingNumber}
        await in_order("sendEmail", "customer@example.com", "order-shipped", mail)
        status.step = "completed"
        return status


def in_trial(name: str, *args: Any) -> Any:
    return workflow.execute_activity(
        name,
        args=list(args),
        start_to_close_timeout=timedelta(seconds=10),
        retry_policy=RetryPolicy(maximum_attempts=3),
    )


@workflow.defn(name="subscriptionTrial")
class SubscriptionTrial:
    def __init__(self) -> None:
        self.plan: str | None = None

    @workflow.signal(name="convertToPaying")
    def convert_to_paying(self, data: dict[str, str]) -> None:
        self.plan = data["planId"]

    async def converts_within(self, days: int) -> bool:
        try:
            await workflow.wait_condition(lambda: self.plan is not None, timeout=timedelta(days=days))
        except asyncio.TimeoutError:
            return False
        return True

    @workflow.run
    async def run(self, user_id: str, trial_days: int) -> str:
        await in_trial("sendEmail", user_id, "trial-started", {"trialDays": str(trial_days)})
        await workflow.sleep(timedelta(days=trial_days // 2))
        if self.plan is None:
            await in_trial("sendEmail", user_id, "trial-halfway", {})
        if await self.converts_within((trial_days + 1) // 2):
            await in_trial("activateSubscription", user_id, self.plan)
            await in_trial("sendEmail", user_id, "subscription-activated", {"planId": self.plan})
            return "converted"
        await in_trial("sendEmail", user_id, "trial-expired", {})
        if await self.converts_within(3):
            await in_trial("activateSubscription", user_id, self.plan)
            return "converted-grace-period"
        await in_trial("deactivateAccount", user_id)
        return "expired"


@workflow.defn(name="batchFulfillment")
class BatchFulfillment:
    @workflow.run
    async def run(self, orders: list[dict[str, Any]]) -> dict[str, int]:
        results = await asyncio.gather(
            *(
                workflow.execute_child_workflow(
                    OrderFulfillment.run,
                    args=[order["id"], order["items"], order["amount"]],
                    id=f"order-{order['id']}",
                )
                for order in orders
            ),
            return_exceptions=True,
        )
        failed = sum(isinstance(result, BaseException) for result in results)
        return {"total": len(orders), "succeeded": len(results) - failed, "failed": failed}


class SeedActivities:
    """What the workflows do to the world. `mails` holds what was sent to whom."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.mails: list[tuple[str, str]] = []
        self.charges = 0

    @activity.defn(name="reserveInventory")
    async def reserve_inventory(self, items: list[dict[str, Any]]) -> bool:
        return all(item["qty"] <= 10 for item in items)

    @activity.defn(name="chargePayment")
    async def charge_payment(self, order_id: str, amount: int) -> str:
        """Refuses negative amounts; 13 is declined once; 66 makes the customer cancel meanwhile."""
        if amount < 0:
            raise ApplicationError("a negative amount", type="InvalidOrderError")
        if amount == 13 and activity.info().attempt == 1:
            raise ApplicationError("declined", type="Declined")
        if amount == 66:
            handle = self.client.get_workflow_handle(activity.info().workflow_id)
            await handle.signal("cancelOrder", "changed my mind")
        return f"pay-{order_id}"

    @activity.defn(name="refundPayment")
    async def refund_payment(self, payment_id: str) -> None:
        pass

    @activity.defn(name="generateShippingLabel")
    async def generate_shipping_label(self, order_id: str) -> str:
        activity.heartbeat("generating-label")
        activity.heartbeat("uploading-label")
        return f"track-{order_id}"

    @activity.defn(name="sendEmail")
    async def send_email(self, to: str, template: str, values: dict[str, str]) -> None:
        self.mails.append((to, template))

    @activity.defn(name="activateSubscription")
    async def activate_subscription(self, user_id: str, plan: str) -> None:
        pass

    @activity.defn(name="deactivateAccount")
    async def deactivate_account(self, user_id: str) -> None:
        pass

    def all(self) -> list[Any]:
        return [
            self.reserve_inventory,
            self.charge_payment,
            self.refund_payment,
            self.generate_shipping_label,
            self.send_email,
            self.activate_subscription,
            self.deactivate_account,
        ]


WORKFLOWS: list[type] = [OrderFulfillment, SubscriptionTrial, BatchFulfillment]
