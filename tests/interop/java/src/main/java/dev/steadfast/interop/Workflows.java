package dev.steadfast.interop;

import io.temporal.activity.ActivityCancellationType;
import io.temporal.activity.ActivityOptions;
import io.temporal.activity.LocalActivityOptions;
import io.temporal.api.enums.v1.ParentClosePolicy;
import io.temporal.common.RetryOptions;
import io.temporal.common.SearchAttributeKey;
import io.temporal.failure.ActivityFailure;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.ChildWorkflowFailure;
import io.temporal.workflow.ActivityStub;
import io.temporal.workflow.CancellationScope;
import io.temporal.workflow.ChildWorkflowOptions;
import io.temporal.workflow.ChildWorkflowStub;
import io.temporal.workflow.ExternalWorkflowStub;
import io.temporal.workflow.Promise;
import io.temporal.workflow.QueryMethod;
import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.UpdateMethod;
import io.temporal.workflow.UpdateValidatorMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** The workflows of all cases but the seeds' and those that change (see Versions). */
final class Workflows {
  static final SearchAttributeKey<String> KEYWORD = SearchAttributeKey.forKeyword("CustomKeywordField");
  static final SearchAttributeKey<Long> INT = SearchAttributeKey.forLong("CustomIntField");

  static final RetryOptions FAST = RetryOptions.newBuilder()
      .setInitialInterval(Duration.ofMillis(100)).setBackoffCoefficient(2).build();
  static final RetryOptions ONCE = RetryOptions.newBuilder().setMaximumAttempts(1).build();

  static ActivityOptions.Builder options() {
    return ActivityOptions.newBuilder().setStartToCloseTimeout(Duration.ofSeconds(30));
  }

  static ActivityStub with(ActivityOptions.Builder options) {
    return Workflow.newUntypedActivityStub(options.build());
  }

  static String echo(String value) {
    return with(options()).execute("echo", String.class, value);
  }

  static String me() {
    return Workflow.getInfo().getWorkflowId();
  }

  static ChildWorkflowStub child(String type, String id) {
    return Workflow.newUntypedChildWorkflowStub(type, ChildWorkflowOptions.newBuilder().setWorkflowId(id).build());
  }

  @WorkflowInterface
  public interface Retries {
    @WorkflowMethod(name = "Retries")
    int run(int failures);
  }

  public static final class RetriesImpl implements Retries {
    @Override
    public int run(int failures) {
      return with(options().setRetryOptions(FAST)).execute("flaky", Integer.class, failures);
    }
  }

  /** Fails as its activity does: marked by the error, or named by the policy. */
  @WorkflowInterface
  public interface NonRetryable {
    @WorkflowMethod(name = "NonRetryable")
    void run(boolean byError);
  }

  public static final class NonRetryableImpl implements NonRetryable {
    @Override
    public void run(boolean byError) {
      RetryOptions retry = RetryOptions.newBuilder()
          .setInitialInterval(Duration.ofMillis(100)).setDoNotRetry("Named").build();
      with(options().setRetryOptions(retry)).execute("failing", Void.class, byError ? "Marked" : "Named", byError);
    }
  }

  @WorkflowInterface
  public interface TimesOut {
    @WorkflowMethod(name = "TimesOut")
    void run(String which);
  }

  public static final class TimesOutImpl implements TimesOut {
    @Override
    public void run(String which) {
      Duration one = Duration.ofSeconds(1);
      ActivityOptions.Builder options = switch (which) {
        case "start-to-close" -> options().setStartToCloseTimeout(one).setRetryOptions(ONCE);
        case "schedule-to-close" -> options().setStartToCloseTimeout(Duration.ofMinutes(5)).setScheduleToCloseTimeout(one);
        case "schedule-to-start" -> options().setScheduleToStartTimeout(one).setTaskQueue("nobody-polls");
        default -> options().setHeartbeatTimeout(one).setRetryOptions(ONCE);
      };
      with(options).execute("stuck", Void.class);
    }
  }

  @WorkflowInterface
  public interface Heartbeats {
    @WorkflowMethod(name = "Heartbeats")
    String run(String queue);
  }

  public static final class HeartbeatsImpl implements Heartbeats {
    @Override
    public String run(String queue) {
      return with(options().setTaskQueue(queue).setHeartbeatTimeout(Duration.ofSeconds(1)).setRetryOptions(FAST))
          .execute("heartbeats", String.class, "halfway");
    }
  }

  /** Cancels an activity on a signal, in each of the ways there are, and says what came of it. */
  @WorkflowInterface
  public interface CancelsActivity {
    @WorkflowMethod(name = "CancelsActivity")
    String run(String how);

    @SignalMethod
    void go();
  }

  public static final class CancelsActivityImpl implements CancelsActivity {
    private boolean go;
    private Promise<String> running;

    @Override
    public String run(String how) {
      ActivityStub activity = with(options().setHeartbeatTimeout(Duration.ofSeconds(2))
          .setCancellationType(how.equals("TRY_CANCEL")
              ? ActivityCancellationType.TRY_CANCEL : ActivityCancellationType.WAIT_CANCELLATION_COMPLETED));
      String type = how.equals("WAIT_COMPLETED") ? "untilCancelled" : "failsWhenCancelled";
      CancellationScope scope = Workflow.newCancellationScope(() -> running = activity.executeAsync(type, String.class));
      scope.run();
      Workflow.await(() -> go);
      scope.cancel();
      try {
        return running.get();
      } catch (ActivityFailure failure) {
        return failure.getCause() instanceof CanceledFailure ? "cancelled" : failure.toString();
      }
    }

    @Override
    public void go() {
      go = true;
    }
  }

  @WorkflowInterface
  public interface AsyncCompletion {
    @WorkflowMethod(name = "AsyncCompletion")
    List<String> run(String key);
  }

  public static final class AsyncCompletionImpl implements AsyncCompletion {
    @Override
    public List<String> run(String key) {
      List<String> results = new ArrayList<>();
      ActivityStub waits = with(options().setRetryOptions(ONCE));
      for (String name : List.of("token", "id")) results.add(waits.execute("later", String.class, key + "-" + name));
      try {
        waits.execute("later", String.class, key + "-fails");
      } catch (ActivityFailure failure) {
        results.add(((ApplicationFailure) failure.getCause()).getOriginalMessage());
      }
      return results;
    }
  }

  @WorkflowInterface
  public interface LocalActivities {
    @WorkflowMethod(name = "LocalActivities")
    List<String> run();
  }

  public static final class LocalActivitiesImpl implements LocalActivities {
    @Override
    public List<String> run() {
      CaseActivities local = Workflow.newLocalActivityStub(CaseActivities.class, LocalActivityOptions.newBuilder()
          .setStartToCloseTimeout(Duration.ofSeconds(5))
          .setRetryOptions(RetryOptions.newBuilder(FAST).setMaximumAttempts(5).build())
          .validateAndBuildWithDefaults());
      List<String> results = new ArrayList<>();
      results.add((String) local.echo("local"));
      results.add("" + local.flaky(2));
      try {
        local.failing("Marked", true);
      } catch (ActivityFailure failure) {
        results.add(((ApplicationFailure) failure.getCause()).getType());
      }
      return results;
    }
  }

  /** Keeps what it is sent until it is closed, and returns it. */
  @WorkflowInterface
  public interface Mailbox {
    @WorkflowMethod(name = "Mailbox")
    List<String> run();

    @SignalMethod
    void put(String item);

    @SignalMethod
    void close();

    @QueryMethod
    List<String> held();

    @QueryMethod
    String broken();
  }

  public static final class MailboxImpl implements Mailbox {
    private final List<String> items = new ArrayList<>();
    private boolean closed;

    @Override
    public List<String> run() {
      Workflow.await(() -> closed);
      return items;
    }

    @Override
    public void put(String item) {
      items.add(item);
    }

    @Override
    public void close() {
      closed = true;
    }

    @Override
    public List<String> held() {
      return items;
    }

    @Override
    public String broken() {
      throw new IllegalStateException("this query always fails");
    }
  }

  /** Is changed by updates. */
  @WorkflowInterface
  public interface Account {
    @WorkflowMethod(name = "Account")
    int run();

    @SignalMethod
    void release();

    @SignalMethod
    void close();

    @UpdateMethod
    int deposit(int amount);

    @UpdateValidatorMethod(updateName = "deposit")
    void onlyPositive(int amount);

    @UpdateMethod
    int depositWhenReleased(int amount);

    @UpdateMethod
    void overdraw();
  }

  public static final class AccountImpl implements Account {
    private int balance;
    private boolean released;
    private boolean closed;

    @Override
    public int run() {
      Workflow.await(() -> closed && Workflow.isEveryHandlerFinished());
      return balance;
    }

    @Override
    public void release() {
      released = true;
    }

    @Override
    public void close() {
      closed = true;
    }

    @Override
    public int deposit(int amount) {
      balance = with(options()).execute("echo", Integer.class, balance + amount);
      return balance;
    }

    @Override
    public void onlyPositive(int amount) {
      if (amount <= 0) throw ApplicationFailure.newFailure("must be positive", "Refused");
    }

    @Override
    public int depositWhenReleased(int amount) {
      Workflow.await(() -> released);
      balance += amount;
      return balance;
    }

    @Override
    public void overdraw() {
      throw ApplicationFailure.newFailure("overdrawn", "Overdrawn");
    }
  }

  /** Signals and cancels another workflow, and says how signalling nobody ends. */
  @WorkflowInterface
  public interface SignalsOther {
    @WorkflowMethod(name = "SignalsOther")
    String run(String other);
  }

  public static final class SignalsOtherImpl implements SignalsOther {
    @Override
    public String run(String other) {
      ExternalWorkflowStub stub = Workflow.newUntypedExternalWorkflowStub(other);
      stub.signal("put", "from outside");
      stub.cancel();
      try {
        Workflow.newUntypedExternalWorkflowStub(other + "-nobody").signal("put", "x");
      } catch (ApplicationFailure failure) {
        return failure.getType();
      }
      return "signalled nobody";
    }
  }

  @WorkflowInterface
  public interface Child {
    @WorkflowMethod(name = "Child")
    String run(boolean fails);
  }

  public static final class ChildImpl implements Child {
    @Override
    public String run(boolean fails) {
      if (fails) throw ApplicationFailure.newFailure("the child fails", "ChildFails");
      return "child of " + Workflow.getInfo().getParentWorkflowId().orElseThrow();
    }
  }

  @WorkflowInterface
  public interface Parent {
    @WorkflowMethod(name = "Parent")
    List<String> run();
  }

  public static final class ParentImpl implements Parent {
    private Promise<Object> cancelled;

    @Override
    public List<String> run() {
      List<String> answers = new ArrayList<>();
      answers.add(child("Child", me() + "-child").execute(String.class, false));
      try {
        child("Child", me() + "-fails").execute(String.class, true);
      } catch (ChildWorkflowFailure failure) {
        ApplicationFailure cause = (ApplicationFailure) failure.getCause();
        answers.add(cause.getType() + ": " + cause.getOriginalMessage());
      }
      ChildWorkflowStub box = child("Mailbox", me() + "-mailbox");
      Promise<String[]> items = box.executeAsync(String[].class);
      box.getExecution().get();
      box.signal("put", "from the parent");
      box.signal("close");
      answers.addAll(Arrays.asList(items.get()));
      try {
        child("Child", me()).execute(String.class, false);
      } catch (ChildWorkflowFailure failure) {
        answers.add(failure.getCause().getClass().getSimpleName());
      }
      ChildWorkflowStub victim = child("Mailbox", me() + "-cancelled");
      CancellationScope scope = Workflow.newCancellationScope(() -> cancelled = victim.executeAsync(Object.class));
      scope.run();
      victim.getExecution().get();
      scope.cancel();
      try {
        cancelled.get();
      } catch (ChildWorkflowFailure failure) {
        answers.add(failure.getCause().getClass().getSimpleName());
      }
      return answers;
    }
  }

  /** Starts a child under each policy, and is closed before them. */
  @WorkflowInterface
  public interface Leaves {
    @WorkflowMethod(name = "Leaves")
    void run();
  }

  public static final class LeavesImpl implements Leaves {
    @Override
    public void run() {
      Map<String, ParentClosePolicy> policies = Map.of(
          "TERMINATE", ParentClosePolicy.PARENT_CLOSE_POLICY_TERMINATE,
          "ABANDON", ParentClosePolicy.PARENT_CLOSE_POLICY_ABANDON,
          "REQUEST_CANCEL", ParentClosePolicy.PARENT_CLOSE_POLICY_REQUEST_CANCEL);
      for (String name : List.of("TERMINATE", "ABANDON", "REQUEST_CANCEL")) {
        ChildWorkflowStub left = Workflow.newUntypedChildWorkflowStub("Mailbox", ChildWorkflowOptions.newBuilder()
            .setWorkflowId(me() + "-" + name).setParentClosePolicy(policies.get(name)).build());
        left.executeAsync(Object.class);
        left.getExecution().get();
      }
    }
  }

  @WorkflowInterface
  public interface Chain {
    @WorkflowMethod(name = "Chain")
    List<String> run(int left, List<String> runs);
  }

  public static final class ChainImpl implements Chain {
    @Override
    public List<String> run(int left, List<String> runs) {
      List<String> all = new ArrayList<>(runs);
      all.add(Workflow.getInfo().getRunId());
      if (left > 0) Workflow.continueAsNew(left - 1, all);
      return all;
    }
  }

  /** Lets one timer fire and cancels a longer one. */
  @WorkflowInterface
  public interface Timers {
    @WorkflowMethod(name = "Timers")
    String run(int milliseconds);
  }

  public static final class TimersImpl implements Timers {
    private Promise<Void> timer;

    @Override
    public String run(int milliseconds) {
      CancellationScope scope = Workflow.newCancellationScope(() -> timer = Workflow.newTimer(Duration.ofHours(1)));
      scope.run();
      Workflow.sleep(milliseconds);
      scope.cancel();
      try {
        timer.get();
      } catch (CanceledFailure cancelled) {
        return "fired and cancelled";
      }
      return "fired twice";
    }
  }

  /** Waits to be cancelled, and cleans up in what cannot be. */
  @WorkflowInterface
  public interface CleansUp {
    @WorkflowMethod(name = "CleansUp")
    void run();
  }

  public static final class CleansUpImpl implements CleansUp {
    @Override
    public void run() {
      try {
        with(options().setHeartbeatTimeout(Duration.ofSeconds(2))
            .setCancellationType(ActivityCancellationType.WAIT_CANCELLATION_COMPLETED))
            .execute("failsWhenCancelled", Void.class);
      } catch (ActivityFailure failure) {
        Workflow.newDetachedCancellationScope(() -> echo("cleaning")).run();
        throw failure;
      }
    }
  }

  /** Fails until the attempt that it is told. */
  @WorkflowInterface
  public interface FailsAtFirst {
    @WorkflowMethod(name = "FailsAtFirst")
    int run(int attempts);
  }

  public static final class FailsAtFirstImpl implements FailsAtFirst {
    @Override
    public int run(int attempts) {
      int attempt = Workflow.getInfo().getAttempt();
      if (attempt < attempts) throw ApplicationFailure.newFailure("attempt " + attempt, "AtFirst");
      return attempt;
    }
  }

  @WorkflowInterface
  public interface Fails {
    @WorkflowMethod(name = "Fails")
    void run();
  }

  public static final class FailsImpl implements Fails {
    @Override
    public void run() {
      throw ApplicationFailure.newFailure("it went wrong", "Wrong", Map.of("code", 42), "more");
    }
  }

  /** One step, then what it is sent, then another step: for restarts in the middle. */
  @WorkflowInterface
  public interface Steps {
    @WorkflowMethod(name = "Steps")
    List<String> run();

    @SignalMethod
    void put(String item);

    @QueryMethod
    List<String> progress();
  }

  public static final class StepsImpl implements Steps {
    private final List<String> log = new ArrayList<>();
    private final List<String> sent = new ArrayList<>();

    @Override
    public List<String> run() {
      log.add(echo("first"));
      Workflow.await(() -> !sent.isEmpty());
      log.addAll(sent);
      Workflow.sleep(100);
      log.add(echo("last"));
      return log;
    }

    @Override
    public void put(String item) {
      sent.add(item);
    }

    @Override
    public List<String> progress() {
      return log;
    }
  }

  /** Survives the death of its worker in the middle of its second activity. */
  @WorkflowInterface
  public interface Survives {
    @WorkflowMethod(name = "Survives")
    List<String> run();

    @QueryMethod
    List<String> progress();
  }

  public static final class SurvivesImpl implements Survives {
    private final List<String> log = new ArrayList<>();

    @Override
    public List<String> run() {
      log.add(echo("first"));
      log.add(with(options().setHeartbeatTimeout(Duration.ofSeconds(2)).setRetryOptions(FAST))
          .execute("heartbeats", String.class, "before death"));
      return log;
    }

    @Override
    public List<String> progress() {
      return log;
    }
  }

  /** Changes its search attributes, continues as new with them, and changes its memo. */
  @WorkflowInterface
  public interface Attributes {
    @WorkflowMethod(name = "Attributes")
    List<String> run(boolean changed);

    @SignalMethod
    void close();
  }

  public static final class AttributesImpl implements Attributes {
    private boolean closed;

    @Override
    public List<String> run(boolean changed) {
      if (!changed) {
        Workflow.upsertTypedSearchAttributes(INT.valueSet(7L));
        Workflow.continueAsNew(true);
      }
      Workflow.upsertMemo(Map.of("added", "later"));
      Workflow.await(() -> closed);
      return List.of(
          Workflow.getTypedSearchAttributes().get(KEYWORD),
          "" + Workflow.getTypedSearchAttributes().get(INT),
          "" + Workflow.getMemo("added", String.class));
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  /** Counts on from what its last run has returned; the second run fails, and loses nothing. */
  @WorkflowInterface
  public interface Cron {
    @WorkflowMethod(name = "Cron")
    int run();
  }

  public static final class CronImpl implements Cron {
    @Override
    public int run() {
      Integer last = Workflow.getLastCompletionResult(Integer.class);
      if (last != null && last == 1 && Workflow.getPreviousRunFailure().isEmpty()) {
        throw ApplicationFailure.newFailure("the second run fails", "Second");
      }
      return last == null ? 1 : last + 1;
    }
  }

  /** Calls an activity that counts its calls, keeps what it is sent, and ends with both. */
  @WorkflowInterface
  public interface Resettable {
    @WorkflowMethod(name = "Resettable")
    List<String> run();

    @SignalMethod
    void put(String item);

    @SignalMethod
    void close();

    @QueryMethod
    List<String> held();
  }

  public static final class ResettableImpl implements Resettable {
    private final List<String> items = new ArrayList<>();
    private boolean closed;

    @Override
    public List<String> run() {
      int calls = with(options()).execute("countCalls", Integer.class);
      Workflow.await(() -> closed);
      List<String> all = new ArrayList<>(List.of("" + calls));
      all.addAll(items);
      return all;
    }

    @Override
    public void put(String item) {
      items.add(item);
    }

    @Override
    public void close() {
      closed = true;
    }

    @Override
    public List<String> held() {
      return items;
    }
  }

  /** Has an activity that fails for ever, a child and a timer. */
  @WorkflowInterface
  public interface Pending {
    @WorkflowMethod(name = "Pending")
    void run();
  }

  public static final class PendingImpl implements Pending {
    @Override
    public void run() {
      ChildWorkflowStub box = child("Mailbox", me() + "-child");
      box.executeAsync(Object.class);
      box.getExecution().get();
      Workflow.newTimer(Duration.ofHours(1));
      with(options().setHeartbeatTimeout(Duration.ofSeconds(20))
          .setRetryOptions(RetryOptions.newBuilder().setMaximumAttempts(9).build()))
          .execute("never", Void.class);
    }
  }

  /** Takes days: an activity that is retried after a day, a child that sleeps, and a month. */
  @WorkflowInterface
  public interface Patient {
    @WorkflowMethod(name = "Patient")
    List<String> run();
  }

  public static final class PatientImpl implements Patient {
    @Override
    public List<String> run() {
      long began = Workflow.currentTimeMillis();
      RetryOptions daily = RetryOptions.newBuilder()
          .setInitialInterval(Duration.ofDays(1)).setBackoffCoefficient(1).build();
      int attempt = with(options().setRetryOptions(daily)).execute("flaky", Integer.class, 2);
      int half = (int) Duration.ofMinutes(30).toMillis();
      String answer = child("Timers", me() + "-child").execute(String.class, half);
      Workflow.sleep(Duration.ofDays(30));
      long days = Duration.ofMillis(Workflow.currentTimeMillis() - began).toDays();
      return List.of("" + attempt, answer, "" + days);
    }
  }

  static final Class<?>[] ALL = {
    Seeds.OrderFulfillmentImpl.class, Seeds.SubscriptionTrialImpl.class, Seeds.BatchFulfillmentImpl.class,
    RetriesImpl.class, NonRetryableImpl.class, TimesOutImpl.class, HeartbeatsImpl.class,
    CancelsActivityImpl.class, AsyncCompletionImpl.class, LocalActivitiesImpl.class, MailboxImpl.class,
    AccountImpl.class, SignalsOtherImpl.class, ChildImpl.class, ParentImpl.class, LeavesImpl.class,
    ChainImpl.class, TimersImpl.class, CleansUpImpl.class, FailsAtFirstImpl.class, FailsImpl.class,
    StepsImpl.class, SurvivesImpl.class, AttributesImpl.class, CronImpl.class, ResettableImpl.class,
    PendingImpl.class, PatientImpl.class,
  };

  private Workflows() {}
}
