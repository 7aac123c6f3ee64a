// src/workflows/order-fulfillment.ts
import { proxyActivities, defineSignal, defineQuery, setHandler } from "@temporalio/workflow";
import type * as activities from "../activities";

// Proxy activities with retry configuration
const { chargePayment, refundPayment, reserveInventory, sendEmail, generateShippingLabel } = proxyActivities<typeof activities>({
  startToCloseTimeout: "30s",
  retry: {
    initialInterval: "1s",
    backoffCoefficient: 2,
    maximumAttempts: 5,
    maximumInterval: "30s",
    nonRetryableErrorTypes: ["InvalidOrderError"],
  },
});

// Signals allow external systems to send data into a running workflow
export const cancelOrderSignal = defineSignal<[string]>("cancelOrder");
export const updateShippingSignal = defineSignal<[{ address: string }]>("updateShipping");

// Queries allow reading workflow state without affecting execution
export const getOrderStatusQuery = defineQuery<OrderStatus>("getOrderStatus");

interface OrderStatus {
  step: string;
  paymentId?: string;
  trackingNumber?: string;
  cancelled: boolean;
}

export async function orderFulfillment(orderId: string, items: Array<{ sku: string; qty: number }>, amount: number): Promise<OrderStatus> {
  const status: OrderStatus = { step: "started", cancelled: false };

  // Handle signals
  setHandler(cancelOrderSignal, (reason: string) => {
    status.cancelled = true;
    status.step = `cancelled: ${reason}`;
  });

  setHandler(getOrderStatusQuery, () => status);

  // Step 1: Reserve inventory
  status.step = "reserving-inventory";
  const reserved = await reserveInventory(items);
  if (!reserved) {
    status.step = "out-of-stock";
    await sendEmail("customer@example.com", "out-of-stock", { orderId });
    return status;
  }

  // Check for cancellation between steps
  if (status.cancelled) return status;

  // Step 2: Charge payment
  status.step = "charging-payment";
  status.paymentId = await chargePayment(orderId, amount);

  if (status.cancelled) {
    // Compensating action: refund if cancelled after payment
    status.step = "refunding";
    await refundPayment(status.paymentId);
    return status;
  }

  // Step 3: Generate shipping label
  status.step = "generating-shipping-label";
  status.trackingNumber = await generateShippingLabel(orderId);

  // Step 4: Send confirmation
  status.step = "sending-confirmation";
  await sendEmail("customer@example.com", "order-shipped", {
    orderId,
    trackingNumber: status.trackingNumber,
  });

  status.step = "completed";
  return status;
}
