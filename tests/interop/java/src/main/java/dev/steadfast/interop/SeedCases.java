package dev.steadfast.interop;

import static dev.steadfast.interop.Cases.equal;
import static dev.steadfast.interop.Cases.eventually;

import dev.steadfast.interop.Seeds.Item;
import dev.steadfast.interop.Seeds.Order;
import dev.steadfast.interop.Seeds.OrderStatus;
import io.temporal.api.enums.v1.EventType;
import io.temporal.client.WorkflowStub;
import java.util.List;
import java.util.Map;

/** Three business workflows: an order, a trial, and a batch of orders. */
final class SeedCases {
  private static final List<Item> TEA = List.of(new Item("tea", 2));

  static void add(Cases cases) {
    cases.add("order-fulfillment", c -> {
      WorkflowStub stub = c.start("order", "orderFulfillment", "1", TEA, 13);
      OrderStatus done = new OrderStatus("completed", "pay-1", "track-1", false);
      equal(stub.getResult(OrderStatus.class), done, "result");
      equal(stub.query("getOrderStatus", OrderStatus.class), done, "query after the end");
      equal(c.status(stub), "COMPLETED", "status");
      equal(c.count(c.id("order"), EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED), 4L, "activities");
    });
    cases.add("order-out-of-stock", c -> {
      WorkflowStub stub = c.start("no-stock", "orderFulfillment", "2", List.of(new Item("tea", 11)), 42);
      equal(stub.getResult(OrderStatus.class).step(), "out-of-stock", "step");
    });
    cases.add("order-cancelled", c -> {
      WorkflowStub stub = c.start("cancelled-order", "orderFulfillment", "3", TEA, 66);
      equal(stub.getResult(OrderStatus.class), new OrderStatus("refunding", "pay-3", null, true), "result");
    });
    cases.add("subscription-trial", c -> {
      String user = "user-" + c.run;
      WorkflowStub stub = c.start("trial", "subscriptionTrial", user, 1);
      eventually("the mail at half time", () -> c.seeds.sent(user).contains("trial-halfway"));
      stub.signal("convertToPaying", Map.of("planId", "gold"));
      equal(stub.getResult(String.class), "converted", "result");
    });
    cases.add("batch-fulfillment", c -> {
      List<Order> orders = List.of(
          new Order(c.id("batch-0"), TEA, 42), new Order(c.id("batch-1"), TEA, -1), new Order(c.id("batch-2"), TEA, 13));
      WorkflowStub stub = c.start("batch", "batchFulfillment", orders);
      equal(stub.getResult(Seeds.BatchResult.class), new Seeds.BatchResult(3, 2, 1), "result");
      equal(c.status("order-" + c.id("batch-1"), null), "FAILED", "the refused order");
    });
  }

  private SeedCases() {}
}
