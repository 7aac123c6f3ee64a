package dev.steadfast.interop;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.activity.ActivityInfo;
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityMethod;
import io.temporal.activity.ActivityOptions;
import io.temporal.client.WorkflowClient;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.ChildWorkflowFailure;
import io.temporal.workflow.Async;
import io.temporal.workflow.ChildWorkflowOptions;
import io.temporal.workflow.Promise;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/** Three business workflows, in Java: an order, a trial, and a batch of orders. */
final class Seeds {
  record Item(String sku, int qty) {}

  record Order(String id, List<Item> items, int amount) {}

  record BatchResult(int total, int succeeded, int failed) {}

  record Mail(String to, String template) {}

  @JsonInclude(JsonInclude.Include.NON_NULL)
  record OrderStatus(String step, String paymentId, String trackingNumber, boolean cancelled) {}

  @WorkflowInterface
  public interface OrderFulfillment {
    @WorkflowMethod(name = "orderFulfillment")
    OrderStatus run(String orderId, List<Item> items, int amount);

    @SignalMethod
    void cancelOrder(String reason);

    @QueryMethod
    OrderStatus getOrderStatus();
  }

  public static final class OrderFulfillmentImpl implements OrderFulfillment {
    private final WorldActivities world = Workflow.newActivityStub(WorldActivities.class, ActivityOptions.newBuilder()
        .setStartToCloseTimeout(Duration.ofSeconds(30))
        .setRetryOptions(RetryOptions.newBuilder()
            .setInitialInterval(Duration.ofMillis(50))
            .setBackoffCoefficient(2)
            .setMaximumAttempts(5)
            .setMaximumInterval(Duration.ofSeconds(30))
            .setDoNotRetry("InvalidOrderError")
            .build())
        .build());
    private String step = "started";
    private String paymentId;
    private String trackingNumber;
    private boolean cancelled;

    @Override
    public OrderStatus run(String orderId, List<Item> items, int amount) {
      step = "reserving-inventory";
      if (!world.reserveInventory(items)) {
        step = "out-of-stock";
        world.sendEmail("customer@example.com", "out-of-stock", Map.of("orderId", orderId));
        return getOrderStatus();
      }
      if (cancelled) return getOrderStatus();
      step = "charging-payment";
      paymentId = world.chargePayment(orderId, amount);
      if (cancelled) {
        step = "refunding";
        world.refundPayment(paymentId);
        return getOrderStatus();
      }
      step = "generating-shipping-label";
      trackingNumber = world.generateShippingLabel(orderId);
      step = "sending-confirmation";
      Map<String, String> values = Map.of("orderId", orderId, "trackingNumber", trackingNumber);
      world.sendEmail("customer@example.com", "order-shipped", values);
      step = "completed";
      return getOrderStatus();
    }

    @Override
    public void cancelOrder(String reason) {
      cancelled = true;
      step = "cancelled: " + reason;
    }

    @Override
    public OrderStatus getOrderStatus() {
      return new OrderStatus(step, paymentId, trackingNumber, cancelled);
    }
  }

  @WorkflowInterface
  public interface SubscriptionTrial {
    @WorkflowMethod(name = "subscriptionTrial")
    String run(String userId, int trialDays);

    @SignalMethod
    void convertToPaying(Map<String, String> data);
  }

  public static final class SubscriptionTrialImpl implements SubscriptionTrial {
    private final WorldActivities world = Workflow.newActivityStub(WorldActivities.class, ActivityOptions.newBuilder()
        .setStartToCloseTimeout(Duration.ofSeconds(10))
        .setRetryOptions(RetryOptions.newBuilder().setMaximumAttempts(3).build())
        .build());
    private String plan;

    @Override
    public String run(String userId, int trialDays) {
      world.sendEmail(userId, "trial-started", Map.of("trialDays", "" + trialDays));
      Workflow.sleep(Duration.ofDays(trialDays / 2));
      if (plan == null) world.sendEmail(userId, "trial-halfway", Map.of());
      if (Workflow.await(Duration.ofDays((trialDays + 1) / 2), () -> plan != null)) {
        world.activateSubscription(userId, plan);
        world.sendEmail(userId, "subscription-activated", Map.of("planId", plan));
        return "converted";
      }
      world.sendEmail(userId, "trial-expired", Map.of());
      if (Workflow.await(Duration.ofDays(3), () -> plan != null)) {
        world.activateSubscription(userId, plan);
        return "converted-grace-period";
      }
      world.deactivateAccount(userId);
      return "expired";
    }

    @Override
    public void convertToPaying(Map<String, String> data) {
      plan = data.get("planId");
    }
  }

  @WorkflowInterface
  public interface BatchFulfillment {
    @WorkflowMethod(name = "batchFulfillment")
    BatchResult run(List<Order> orders);
  }

  public static final class BatchFulfillmentImpl implements BatchFulfillment {
    @Override
    public BatchResult run(List<Order> orders) {
      List<Promise<OrderStatus>> children = new ArrayList<>();
      for (Order order : orders) {
        OrderFulfillment child = Workflow.newChildWorkflowStub(OrderFulfillment.class,
            ChildWorkflowOptions.newBuilder().setWorkflowId("order-" + order.id()).build());
        children.add(Async.function(child::run, order.id(), order.items(), order.amount()));
      }
      int failed = 0;
      for (Promise<OrderStatus> child : children) {
        try {
          child.get();
        } catch (ChildWorkflowFailure failure) {
          failed++;
        }
      }
      return new BatchResult(orders.size(), orders.size() - failed, failed);
    }
  }

  @ActivityInterface
  public interface WorldActivities {
    @ActivityMethod(name = "reserveInventory")
    boolean reserveInventory(List<Item> items);

    @ActivityMethod(name = "chargePayment")
    String chargePayment(String orderId, int amount);

    @ActivityMethod(name = "refundPayment")
    void refundPayment(String paymentId);

    @ActivityMethod(name = "generateShippingLabel")
    String generateShippingLabel(String orderId);

    @ActivityMethod(name = "sendEmail")
    void sendEmail(String to, String template, Map<String, String> values);

    @ActivityMethod(name = "activateSubscription")
    void activateSubscription(String userId, String planId);

    @ActivityMethod(name = "deactivateAccount")
    void deactivateAccount(String userId);
  }

  /** What the workflows do to the world. */
  static final class ActivitiesImpl implements WorldActivities {
    private final WorkflowClient client;
    private final List<Mail> mails = new CopyOnWriteArrayList<>();

    ActivitiesImpl(WorkflowClient client) {
      this.client = client;
    }

    List<String> sent(String to) {
      return mails.stream().filter(mail -> mail.to().equals(to)).map(Mail::template).toList();
    }

    @Override
    public boolean reserveInventory(List<Item> items) {
      return items.stream().allMatch(item -> item.qty() <= 10);
    }

    /** Refuses negative amounts; 13 is declined once; 66 makes the customer cancel meanwhile. */
    @Override
    public String chargePayment(String orderId, int amount) {
      ActivityInfo info = Activity.getExecutionContext().getInfo();
      if (amount < 0) throw ApplicationFailure.newFailure("a negative amount", "InvalidOrderError");
      if (amount == 13 && info.getAttempt() == 1) throw ApplicationFailure.newFailure("declined", "Declined");
      if (amount == 66) client.newUntypedWorkflowStub(info.getWorkflowId()).signal("cancelOrder", "changed my mind");
      return "pay-" + orderId;
    }

    @Override
    public void refundPayment(String paymentId) {}

    @Override
    public String generateShippingLabel(String orderId) {
      ActivityExecutionContext context = Activity.getExecutionContext();
      context.heartbeat("generating-label");
      context.heartbeat("uploading-label");
      return "track-" + orderId;
    }

    @Override
    public void sendEmail(String to, String template, Map<String, String> values) {
      mails.add(new Mail(to, template));
    }

    @Override
    public void activateSubscription(String userId, String planId) {}

    @Override
    public void deactivateAccount(String userId) {}
  }

  private Seeds() {}
}
