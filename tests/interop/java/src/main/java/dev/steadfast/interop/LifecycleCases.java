package dev.steadfast.interop;

import static dev.steadfast.interop.Cases.cause;
import static dev.steadfast.interop.Cases.check;
import static dev.steadfast.interop.Cases.equal;
import static dev.steadfast.interop.Cases.eventually;
import static dev.steadfast.interop.Cases.fails;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.api.enums.v1.WorkflowIdReusePolicy;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.workflowservice.v1.ResetWorkflowExecutionRequest;
import io.temporal.client.WorkflowExecutionAlreadyStarted;
import io.temporal.client.WorkflowNotFoundException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ApplicationFailure;
import io.temporal.failure.CanceledFailure;
import io.temporal.failure.TerminatedFailure;
import io.temporal.failure.TimeoutFailure;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/** How workflows begin, go on, and end. */
final class LifecycleCases {
  static void add(Cases cases) {
    cases.add("child", c -> {
      WorkflowStub stub = c.start("parent", "Parent");
      equal(Arrays.asList(stub.getResult(String[].class)), List.of(
          "child of " + c.id("parent"), "ChildFails: the child fails", "from the parent",
          "WorkflowExecutionAlreadyStarted", "CanceledFailure"), "result");
      var info = c.describe(c.id("parent") + "-child", null).getWorkflowExecutionInfo();
      equal(info.getParentExecution().getWorkflowId(), c.id("parent"), "parent");
    });
    cases.add("child-parent-close", c -> {
      c.start("leaves", "Leaves").getResult(Void.class);
      Map<String, String> ends = Map.of("TERMINATE", "TERMINATED", "REQUEST_CANCEL", "CANCELED");
      for (String policy : ends.keySet()) {
        eventually(policy, () -> c.status(c.id("leaves") + "-" + policy, null).equals(ends.get(policy)));
      }
      WorkflowStub abandoned = c.existing(c.id("leaves") + "-ABANDON", null);
      equal(c.status(abandoned), "RUNNING", "the abandoned child");
      abandoned.signal("close");
      equal(abandoned.getResult(String[].class).length, 0, "its result");
    });
    cases.add("continue-as-new", c -> {
      WorkflowStub stub = c.start("chain", "Chain", 3, List.of());
      String first = stub.getExecution().getRunId();
      List<String> runs = Arrays.asList(stub.getResult(String[].class));
      equal(new HashSet<>(runs).size(), 4, "runs");
      equal(runs.get(0), first, "the first");
      equal(c.status(c.id("chain"), first), "CONTINUED_AS_NEW", "status of the first");
      var closing = last(c, "chain", first).getWorkflowExecutionContinuedAsNewEventAttributes();
      equal(closing.getNewExecutionRunId(), runs.get(1), "the next run");
    });
    cases.add("timer", c -> {
      long began = System.nanoTime();
      WorkflowStub stub = c.start("timers", "Timers", 500);
      equal(stub.getResult(String.class), "fired and cancelled", "result");
      check(System.nanoTime() - began >= 500_000_000, "not before its time");
      equal(c.count(c.id("timers"), EventType.EVENT_TYPE_TIMER_FIRED), 1L, "fired");
      equal(c.count(c.id("timers"), EventType.EVENT_TYPE_TIMER_CANCELED), 1L, "cancelled");
    });
    cases.add("cancel", c -> {
      WorkflowStub stub = c.start("cancel", "CleansUp");
      String id = c.id("cancel");
      eventually("its activity", () -> c.describe(id, null).getPendingActivitiesCount() == 1);
      stub.cancel();
      fails(CanceledFailure.class, () -> stub.getResult(Void.class));
      equal(c.status(stub), "CANCELED", "status");
      equal(c.count(id, EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED), 1L, "the activity ends first");
      equal(c.count(id, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED), 1L, "then the cleaning");
      equal(c.count(id, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED), 1L, "the request");
    });
    cases.add("terminate", c -> {
      WorkflowStub stub = c.start("terminate", "Mailbox");
      stub.terminate("enough", "detail");
      fails(TerminatedFailure.class, () -> stub.getResult(Void.class));
      equal(c.status(stub), "TERMINATED", "status");
      var closing = last(c, "terminate", null).getWorkflowExecutionTerminatedEventAttributes();
      equal(closing.getReason(), "enough", "the reason");
      equal(Context.data(closing.getDetails()), List.of("\"detail\""), "the details");
      fails(WorkflowNotFoundException.class, () -> stub.terminate("again"));
    });
    cases.add("workflow-failure", c -> {
      WorkflowStub stub = c.start("fails", "Fails");
      ApplicationFailure why = fails(ApplicationFailure.class, () -> stub.getResult(Void.class));
      equal(List.of(why.getType(), why.getOriginalMessage()), List.of("Wrong", "it went wrong"), "failure");
      equal(why.getDetails().get(0, Map.class), Map.of("code", 42), "first detail");
      equal(why.getDetails().get(1, String.class), "more", "second detail");
    });
    cases.add("workflow-retry", c -> {
      RetryOptions retry = RetryOptions.newBuilder()
          .setInitialInterval(Duration.ofMillis(200)).setMaximumAttempts(3).build();
      WorkflowStub stub = c.start(c.options("retry").setRetryOptions(retry), "FailsAtFirst", 3);
      String first = stub.getExecution().getRunId();
      equal(stub.getResult(Integer.class), 3, "attempt");
      equal(c.status(c.id("retry"), first), "FAILED", "the first run");
      WorkflowStub exhausted = c.start(c.options("retry-exhausted").setRetryOptions(retry), "FailsAtFirst", 9);
      ApplicationFailure why = fails(ApplicationFailure.class, () -> exhausted.getResult(Void.class));
      equal(why.getOriginalMessage(), "attempt 3", "the last failure");
    });
    cases.add("workflow-timeout", c -> {
      Duration one = Duration.ofSeconds(1);
      for (WorkflowOptions.Builder options : List.of(
          c.options("execution-timeout").setWorkflowExecutionTimeout(one),
          c.options("run-timeout").setWorkflowRunTimeout(one))) {
        WorkflowStub stub = c.start(options, "Mailbox");
        fails(TimeoutFailure.class, () -> stub.getResult(Void.class));
        equal(c.status(stub), "TIMED_OUT", "status");
      }
    });
    cases.add("start-delay", c -> {
      long began = System.nanoTime();
      WorkflowStub stub = c.start(c.options("delayed").setStartDelay(Duration.ofSeconds(1)), "Chain", 0, List.of());
      stub.getResult(String[].class);
      check(System.nanoTime() - began >= 1_000_000_000, "not before the delay");
      WorkflowStub signalled = c.start(c.options("delayed-signal").setStartDelay(Duration.ofHours(1)), "Mailbox");
      c.client.newUntypedWorkflowStub("Mailbox", c.options("delayed-signal").build())
          .signalWithStart("close", new Object[0], new Object[0]);
      equal(signalled.getResult(String[].class).length, 0, "signal-with-start ends the delay");
    });
    // The result is asked for long before it is there: longer than a poll of the server lasts.
    cases.add("long-poll", c ->
        equal(c.start("long", "Timers", 23_000).getResult(String.class), "fired and cancelled", "result"));
    cases.add("id-reuse", c -> {
      again(c, "reuse", WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE);
      again(c, "reuse", WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE);
      for (WorkflowIdReusePolicy policy : List.of(
          WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
          WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE)) {
        fails(WorkflowExecutionAlreadyStarted.class, () -> again(c, "reuse", policy));
      }
      WorkflowStub failed = c.start("reuse-failed", "Fails");
      fails(ApplicationFailure.class, () -> failed.getResult(Void.class));
      again(c, "reuse-failed", WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY);
    });
    cases.add("id-conflict", c -> {
      WorkflowStub first = c.start("conflict", "Mailbox");
      String run = first.getExecution().getRunId();
      WorkflowExecutionAlreadyStarted already =
          fails(WorkflowExecutionAlreadyStarted.class, () -> c.start("conflict", "Mailbox"));
      equal(already.getExecution().getRunId(), run, "the error names the run");
      WorkflowStub same = conflicting(c, WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING);
      equal(same.getExecution().getRunId(), run, "use existing");
      WorkflowStub other = conflicting(c, WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING);
      check(!other.getExecution().getRunId().equals(run), "another run");
      equal(c.status(c.id("conflict"), run), "TERMINATED", "the existing one");
      other.signal("close");
      other.getResult(String[].class);
    });
    cases.add("cron", c -> {
      WorkflowStub stub = c.start(c.options("cron").setCronSchedule("@every 1s"), "Cron");
      String first = stub.getExecution().getRunId();
      eventually("a run that goes on from 2", () -> {
        var began = c.history(c.id("cron"), null).get(0).getWorkflowExecutionStartedEventAttributes();
        return Context.data(began.getLastCompletionResult()).equals(List.of("2"));
      });
      c.existing(c.id("cron"), null).terminate("done");
      HistoryEvent closing = last(c, "cron", first);
      check(closing.hasWorkflowExecutionCompletedEventAttributes(), "each run ends by itself");
      check(!closing.getWorkflowExecutionCompletedEventAttributes().getNewExecutionRunId().isEmpty(), "and names the next");
    });
    cases.add("reset", c -> {
      WorkflowStub stub = c.start("reset", "Resettable");
      String id = c.id("reset");
      String run = stub.getExecution().getRunId();
      stub.signal("put", "a");
      stub.signal("put", "b");
      equal(Arrays.asList(stub.query("held", String[].class)), List.of("a", "b"), "before");
      long finished = c.history(id, null).stream()
          .filter(HistoryEvent::hasWorkflowTaskCompletedEventAttributes).findFirst().orElseThrow().getEventId();
      String next = c.stubs.blockingStub().resetWorkflowExecution(ResetWorkflowExecutionRequest.newBuilder()
          .setNamespace(c.namespace)
          .setWorkflowExecution(WorkflowExecution.newBuilder().setWorkflowId(id).setRunId(run))
          .setReason("once more")
          .setWorkflowTaskFinishEventId(finished)
          .setRequestId(id)
          .build()).getRunId();
      equal(c.status(id, run), "TERMINATED", "the old run");
      c.remember(id, next);
      WorkflowStub again = c.existing(id, next);
      again.signal("close");
      equal(Arrays.asList(again.getResult(String[].class)), List.of("2", "a", "b"),
          "the activity ran again, the signals are still there");
    });
    cases.add("not-found", c -> {
      WorkflowStub nobody = c.existing(c.id("nobody"), null);
      StatusRuntimeException error =
          fails(StatusRuntimeException.class, () -> c.describe(c.id("nobody"), null));
      equal(error.getStatus().getCode(), Status.Code.NOT_FOUND, "describe");
      fails(WorkflowNotFoundException.class, () -> nobody.signal("x"));
      fails(WorkflowNotFoundException.class, nobody::cancel);
      fails(WorkflowNotFoundException.class, () -> nobody.getResult(Void.class));
      WorkflowStub stranger = c.client("no-such-namespace").newUntypedWorkflowStub("x", c.options("x").build());
      StatusRuntimeException unknown = cause(StatusRuntimeException.class, fails(Exception.class, stranger::start));
      equal(unknown.getStatus().getCode(), Status.Code.NOT_FOUND, "an unknown namespace");
    });
  }

  private static HistoryEvent last(Context c, String name, String run) {
    List<HistoryEvent> events = c.history(c.id(name), run);
    return events.get(events.size() - 1);
  }

  private static void again(Context c, String name, WorkflowIdReusePolicy policy) {
    c.start(c.options(name).setWorkflowIdReusePolicy(policy), "Chain", 0, List.of()).getResult(String[].class);
  }

  private static WorkflowStub conflicting(Context c, WorkflowIdConflictPolicy policy) {
    return c.start(c.options("conflict").setWorkflowIdConflictPolicy(policy), "Mailbox");
  }

  private LifecycleCases() {}
}
