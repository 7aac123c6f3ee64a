// src/workflows/batch-processing.ts
import { executeChild } from "@temporalio/workflow";
import { orderFulfillment } from "./order-fulfillment";

export async function batchFulfillment(orders: Array<{ id: string; items: any[]; amount: number }>) {
  // Run child workflows in parallel
  const results = await Promise.allSettled(
    orders.map((order) =>
      executeChild(orderFulfillment, {
        workflowId: `order-${order.id}`,
        args: [order.id, order.items, order.amount],
        taskQueue: "main-queue",
      })
    )
  );

  const succeeded = results.filter((r) => r.status === "fulfilled").length;
  const failed = results.filter((r) => r.status === "rejected").length;

  return { total: orders.length, succeeded, failed };
}
