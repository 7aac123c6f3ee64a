package dev.steadfast.interop;

import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.activity.ActivityInfo;
import io.temporal.client.ActivityCompletionException;
import io.temporal.failure.ApplicationFailure;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;

/** The activities of all cases but the seeds'. What a case has to learn of one, it finds here. */
final class Activities implements CaseActivities {
  /** An activity that waits to be completed by somebody else. */
  record Waiting(byte[] token, String activityId) {}

  final Map<String, Waiting> waiting = new ConcurrentHashMap<>();
  private final Map<String, Integer> calls = new ConcurrentHashMap<>();

  @Override
  public Object echo(Object value) {
    return value;
  }

  /** How often this workflow id has called it, in whichever run. */
  @Override
  public int countCalls() {
    return calls.merge(Activity.getExecutionContext().getInfo().getWorkflowId(), 1, Integer::sum);
  }

  /** Fails that often, and then returns the attempt that succeeded. */
  @Override
  public int flaky(int failures) {
    int attempt = Activity.getExecutionContext().getInfo().getAttempt();
    if (attempt <= failures) throw ApplicationFailure.newFailure("attempt " + attempt, "Flaky", "detail " + attempt);
    return attempt;
  }

  @Override
  public void failing(String kind, boolean nonRetryable) {
    throw ApplicationFailure.newBuilder().setMessage("no").setType(kind).setNonRetryable(nonRetryable)
        .setDetails(Map.of("code", 7)).build();
  }

  /** Never heeds anything: only a timeout of the server's ends it, or the end of its worker. */
  @Override
  public void stuck() throws InterruptedException {
    new CountDownLatch(1).await();
  }

  /** The first attempt tells its progress and hangs; the next says what it was told. */
  @Override
  public String heartbeats(String progress) throws InterruptedException {
    ActivityExecutionContext context = Activity.getExecutionContext();
    ActivityInfo info = context.getInfo();
    String told = context.getHeartbeatDetails(String.class).orElse("nothing");
    if (info.getAttempt() == 1) {
      context.heartbeat(progress);
      new CountDownLatch(1).await();
    }
    return "attempt " + info.getAttempt() + " after " + told;
  }

  @Override
  public String untilCancelled() throws InterruptedException {
    try {
      failsWhenCancelled();
    } catch (ActivityCompletionException cancelled) {
      return "cleaned up";
    }
    return "not cancelled";
  }

  @Override
  public void failsWhenCancelled() throws InterruptedException {
    for (;;) {
      Activity.getExecutionContext().heartbeat("working");
      Thread.sleep(100);
    }
  }

  /** Is completed by somebody else. */
  @Override
  public String later(String key) {
    ActivityExecutionContext context = Activity.getExecutionContext();
    waiting.put(key, new Waiting(context.getTaskToken(), context.getInfo().getActivityId()));
    context.doNotCompleteOnReturn();
    return null;
  }

  /** Fails for ever, slowly: for what is said about a pending activity. */
  @Override
  public void never() {
    Activity.getExecutionContext().heartbeat("so far");
    throw ApplicationFailure.newBuilder().setMessage("not yet").setType("NotYet")
        .setNextRetryDelay(Duration.ofHours(1)).build();
  }
}
