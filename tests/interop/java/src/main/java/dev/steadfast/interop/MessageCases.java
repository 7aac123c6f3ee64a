package dev.steadfast.interop;

import static dev.steadfast.interop.Cases.cause;
import static dev.steadfast.interop.Cases.check;
import static dev.steadfast.interop.Cases.equal;
import static dev.steadfast.interop.Cases.eventually;
import static dev.steadfast.interop.Cases.fails;

import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.enums.v1.QueryRejectCondition;
import io.temporal.api.enums.v1.WorkflowIdConflictPolicy;
import io.temporal.client.UpdateOptions;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.WorkflowNotFoundException;
import io.temporal.client.WorkflowQueryException;
import io.temporal.client.WorkflowQueryConditionallyRejectedException;
import io.temporal.client.WorkflowStub;
import io.temporal.client.WorkflowUpdateException;
import io.temporal.client.WorkflowUpdateHandle;
import io.temporal.client.WorkflowUpdateStage;
import io.temporal.failure.ApplicationFailure;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Queries, signals and updates. */
final class MessageCases {
  static void add(Cases cases) {
    cases.add("query", c -> {
      WorkflowStub stub = c.start("query", "Mailbox");
      equal(held(stub), List.of(), "before any signal");
      stub.signal("put", "a");
      equal(held(stub), List.of("a"), "a query sees the signal before it");
      fails(WorkflowQueryException.class, () -> stub.query("unknown", String.class));
      WorkflowQueryException broken = fails(WorkflowQueryException.class, () -> stub.query("broken", String.class));
      check(broken.getCause().getMessage().contains("always fails"), broken.toString());
      stub.signal("close");
      equal(Arrays.asList(stub.getResult(String[].class)), List.of("a"), "result");
      equal(held(stub), List.of("a"), "a closed workflow answers");
      WorkflowClient picky = WorkflowClient.newInstance(c.stubs, WorkflowClientOptions.newBuilder()
          .setNamespace(c.namespace)
          .setQueryRejectCondition(QueryRejectCondition.QUERY_REJECT_CONDITION_NOT_OPEN)
          .build());
      fails(WorkflowQueryConditionallyRejectedException.class, () -> held(picky.newUntypedWorkflowStub(c.id("query"))));
      check(!c.events(c.id("query")).contains(EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED), "queries leave no trace");
    });
    cases.add("signal", c -> {
      WorkflowStub stub = c.start("signal", "Mailbox");
      List<String> sent = new ArrayList<>();
      for (int n = 0; n < 20; n++) {
        sent.add("" + n);
        stub.signal("put", "" + n);
      }
      stub.signal("nobodyHandlesThis", 1);
      stub.signal("close");
      equal(Arrays.asList(stub.getResult(String[].class)), sent, "all, in order");
      equal(c.count(c.id("signal"), EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED), 22L, "events");
      fails(WorkflowNotFoundException.class, () -> stub.signal("put", "late"));
    });
    cases.add("signal-with-start", c -> {
      WorkflowExecution first = signalWithStart(c, "a");
      WorkflowExecution second = signalWithStart(c, "b");
      equal(second.getRunId(), first.getRunId(), "the same run");
      c.remember(first.getWorkflowId(), first.getRunId());
      WorkflowStub stub = c.existing(first.getWorkflowId(), null);
      stub.signal("close");
      equal(Arrays.asList(stub.getResult(String[].class)), List.of("a", "b"), "result");
    });
    cases.add("signal-external", c -> {
      WorkflowStub other = c.start("other", "Mailbox");
      WorkflowStub stub = c.start("signals-other", "SignalsOther", c.id("other"));
      String answer = stub.getResult(String.class);
      check(answer.endsWith("EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND"), answer);
      equal(held(other), List.of("from outside"), "the other has it");
      eventually("the other is cancelled", () -> c.status(other).equals("CANCELED"));
    });
    cases.add("update", c -> {
      WorkflowStub stub = c.start("account", "Account");
      equal(stub.update("deposit", Integer.class, 5), 5, "first");
      // Which type the validator's error has here is this SDK's own business: it wraps it.
      fails(WorkflowUpdateException.class, () -> stub.update("deposit", Integer.class, -1));
      equal(deposit(stub, 2, "second"), 7, "second");
      equal(deposit(stub, 2, "second"), 7, "the same id, once more");
      WorkflowUpdateException failed =
          fails(WorkflowUpdateException.class, () -> stub.update("overdraw", Void.class));
      equal(cause(ApplicationFailure.class, failed).getType(), "Overdrawn", "the handler's error");
      fails(WorkflowUpdateException.class, () -> stub.update("unknown", Void.class));
      stub.signal("close");
      equal(stub.getResult(Integer.class), 7, "result");
      String id = c.id("account");
      equal(c.count(id, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED), 3L, "a refused update leaves no event");
      equal(c.count(id, EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED), 3L, "completions");
      fails(WorkflowNotFoundException.class, () -> stub.update("deposit", Integer.class, 1));
    });
    cases.add("update-wait-stages", c -> {
      WorkflowStub stub = c.start("stages", "Account");
      WorkflowUpdateHandle<Integer> accepted = stub.startUpdate(UpdateOptions.<Integer>newBuilder()
          .setResultClass(Integer.class)
          .setUpdateName("depositWhenReleased")
          .setUpdateId("waits")
          .setWaitForStage(WorkflowUpdateStage.ACCEPTED)
          .build(), 3);
      List<EventType> kinds = c.events(c.id("stages"));
      check(kinds.contains(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED), "accepted means durable");
      stub.signal("release");
      equal(accepted.getResult(), 3, "the result is waited for");
      equal(stub.getUpdateHandle("waits", Integer.class).getResult(), 3, "and polled for by anybody");
      equal(deposit(stub, 4, "completed"), 7, "completed");
      stub.signal("close");
      equal(stub.getResult(Integer.class), 7, "result");
    });
    cases.add("update-with-start", c -> {
      WorkflowStub first = c.client.newUntypedWorkflowStub("Account", updateWithStart(c));
      equal(first.executeUpdateWithStart(completed("deposit", "one"), new Object[] {1}, new Object[0]), 1, "first");
      WorkflowStub second = c.client.newUntypedWorkflowStub("Account", updateWithStart(c));
      equal(second.executeUpdateWithStart(completed("deposit", "two"), new Object[] {2}, new Object[0]), 3, "second");
      equal(second.getExecution(), first.getExecution(), "the same run");
      c.remember(first.getExecution().getWorkflowId(), first.getExecution().getRunId());
      first.signal("close");
      equal(first.getResult(Integer.class), 3, "result");
    });
  }

  private static io.temporal.client.WorkflowOptions updateWithStart(Context c) {
    return c.options("update-start")
        .setWorkflowIdConflictPolicy(WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
        .build();
  }

  private static UpdateOptions<Integer> completed(String name, String id) {
    return UpdateOptions.<Integer>newBuilder()
        .setResultClass(Integer.class)
        .setUpdateName(name)
        .setUpdateId(id)
        .setWaitForStage(WorkflowUpdateStage.COMPLETED)
        .build();
  }

  private static Integer deposit(WorkflowStub stub, int amount, String id) {
    return stub.startUpdate(completed("deposit", id), amount).getResult();
  }

  private static List<String> held(WorkflowStub stub) {
    return Arrays.asList(stub.query("held", String[].class));
  }

  private static WorkflowExecution signalWithStart(Context c, String item) {
    return c.client.newUntypedWorkflowStub("Mailbox", c.options("signal-start").build())
        .signalWithStart("put", new Object[] {item}, new Object[0]);
  }

  private MessageCases() {}
}
