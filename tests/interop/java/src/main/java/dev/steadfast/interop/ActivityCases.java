package dev.steadfast.interop;

import static dev.steadfast.interop.Cases.cause;
import static dev.steadfast.interop.Cases.check;
import static dev.steadfast.interop.Cases.equal;
import static dev.steadfast.interop.Cases.eventually;
import static dev.steadfast.interop.Cases.fails;

import io.temporal.api.enums.v1.EventType;
import io.temporal.api.enums.v1.TimeoutType;
import io.temporal.api.history.v1.ActivityTaskStartedEventAttributes;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.client.ActivityCompletionClient;
import io.temporal.client.ActivityCompletionException;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowStub;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.TimeoutFailure;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Activities: retries, failures, timeouts, heartbeats, cancellation, completion from outside. */
final class ActivityCases {
  static void add(Cases cases) {
    cases.add("activity-retry", c -> {
      long began = System.nanoTime();
      WorkflowStub stub = c.start("retries", "Retries", 3);
      equal(stub.getResult(Integer.class), 4, "the attempt that succeeded");
      check(System.nanoTime() - began >= 700_000_000, "the intervals are 0.1, 0.2 and 0.4 s");
      List<ActivityTaskStartedEventAttributes> starts = starts(c, "retries");
      equal(starts.size(), 1, "only the last attempt is in the history");
      equal(starts.get(0).getAttempt(), 4, "attempt");
      equal(starts.get(0).getLastFailure().getMessage(), "attempt 3", "last failure");
    });
    cases.add("activity-non-retryable", c -> {
      for (String kind : List.of("Marked", "Named")) {
        WorkflowStub stub = c.start("non-retryable-" + kind, "NonRetryable", kind.equals("Marked"));
        WorkflowFailedException failure = fails(WorkflowFailedException.class, () -> stub.getResult(Void.class));
        equal(cause(ActivityFailure.class, failure).getActivityType(), "failing", "activity type");
        ApplicationFailure why = cause(ApplicationFailure.class, failure);
        equal(List.of(why.getType(), why.getOriginalMessage()), List.of(kind, "no"), "failure");
        equal(why.getDetails().get(0, Map.class), Map.of("code", 7), "details");
      }
    });
    cases.add("activity-timeout", c -> {
      Map<String, TimeoutType> kinds = Map.of(
          "start-to-close", TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE,
          "schedule-to-close", TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE,
          "schedule-to-start", TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START,
          "heartbeat", TimeoutType.TIMEOUT_TYPE_HEARTBEAT);
      for (String which : kinds.keySet()) {
        WorkflowStub stub = c.start("times-out-" + which, "TimesOut", which);
        TimeoutFailure timeout = fails(TimeoutFailure.class, () -> stub.getResult(Void.class));
        equal(timeout.getTimeoutType(), kinds.get(which), which);
      }
    });
    // The second attempt runs on another worker, and is told what the first one said last.
    cases.add("heartbeat-timeout", c -> {
      String queue = c.id("heartbeat-queue");
      WorkflowStub stub = c.start("heartbeats", "Heartbeats", queue);
      try (var first = activityWorker(c, queue, "the first")) {
        awaitHeartbeat(c, c.id("heartbeats"));
        try (var second = activityWorker(c, queue, "the second")) {
          equal(stub.getResult(String.class), "attempt 2 after halfway", "result");
        }
      }
      List<ActivityTaskStartedEventAttributes> starts = starts(c, "heartbeats");
      equal(starts.size(), 1, "started events");
      equal(starts.get(0).getIdentity(), "the second", "worker");
      check(starts.get(0).getLastFailure().hasTimeoutFailureInfo(), "the last failure is a timeout");
    });
    cases.add("activity-cancel", c -> {
      Map<String, String> outcomes = Map.of(
          "WAIT_COMPLETED", "cleaned up", "WAIT_CANCELLED", "cancelled", "TRY_CANCEL", "cancelled");
      for (String how : outcomes.keySet()) {
        WorkflowStub stub = c.start("cancels-" + how, "CancelsActivity", how);
        awaitHeartbeat(c, c.id("cancels-" + how));
        stub.signal("go");
        equal(stub.getResult(String.class), outcomes.get(how), how);
        List<EventType> kinds = c.events(c.id("cancels-" + how));
        check(kinds.contains(EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED), "the request is an event");
      }
    });
    cases.add("async-completion", c -> {
      String key = c.id("async");
      WorkflowStub stub = c.start("async", "AsyncCompletion", key);
      ActivityCompletionClient completion = c.client.newActivityCompletionClient();
      byte[] byToken = waiting(c, key + "-token").token();
      completion.heartbeat(byToken, "nearly");
      completion.complete(byToken, "one");
      String activity = waiting(c, key + "-id").activityId();
      Optional<String> run = Optional.of(stub.getExecution().getRunId());
      completion.heartbeat(key, run, activity, "nearly");
      completion.complete(key, run, activity, "two");
      byte[] failing = waiting(c, key + "-fails").token();
      completion.completeExceptionally(failing, ApplicationFailure.newFailure("failed from outside", "Outside"));
      List<String> expected = List.of("one", "two", "failed from outside");
      equal(List.of(stub.getResult(String[].class)), expected, "result");
      fails(ActivityCompletionException.class, () -> completion.complete(byToken, "again"));
    });
    cases.add("local-activity", c -> {
      WorkflowStub stub = c.start("local", "LocalActivities");
      equal(List.of(stub.getResult(String[].class)), List.of("local", "3", "Marked"), "result");
      List<EventType> kinds = c.events(c.id("local"));
      equal(c.count(c.id("local"), EventType.EVENT_TYPE_MARKER_RECORDED), 3L, "markers");
      check(!kinds.contains(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED), "nothing is scheduled on the server");
    });
  }

  private static Context.Running activityWorker(Context c, String queue, String identity) {
    return c.worker(queue, new Class<?>[0], w -> w.setIdentity(identity).setMaxConcurrentActivityExecutionSize(1));
  }

  /** Waits for the heartbeat of a workflow's only activity. */
  static void awaitHeartbeat(Context c, String id) throws Exception {
    eventually("a heartbeat", () -> {
      var pending = c.describe(id, null).getPendingActivitiesList();
      return pending.size() == 1 && pending.get(0).getHeartbeatDetails().getPayloadsCount() == 1;
    });
  }

  private static Activities.Waiting waiting(Context c, String key) throws Exception {
    eventually(key, () -> c.activities.waiting.containsKey(key));
    return c.activities.waiting.get(key);
  }

  private static List<ActivityTaskStartedEventAttributes> starts(Context c, String name) {
    return c.history(c.id(name), null).stream()
        .filter(HistoryEvent::hasActivityTaskStartedEventAttributes)
        .map(HistoryEvent::getActivityTaskStartedEventAttributes)
        .toList();
  }

  private ActivityCases() {}
}
