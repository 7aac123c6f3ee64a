package dev.steadfast.interop;

import static dev.steadfast.interop.Cases.check;
import static dev.steadfast.interop.Cases.equal;
import static dev.steadfast.interop.Cases.eventually;

import io.temporal.api.enums.v1.EventType;
import io.temporal.client.WorkflowStub;
import java.util.Arrays;
import java.util.List;

/** Workers that come and go, with the same code and with other. */
final class RestartCases {
  static void add(Cases cases) {
    // A worker stops in the middle, a signal comes while there is none, and another goes on.
    cases.add("worker-restart", c -> {
      String queue = c.id("restart-queue");
      WorkflowStub stub;
      try (var before = c.worker(queue, Versions.AFTER, w -> w.setIdentity("before"))) {
        stub = c.start(c.options("restart").setTaskQueue(queue), "Steps");
        eventually("the first step", () -> stub.query("progress", String[].class).length == 1);
      }
      stub.signal("put", "meanwhile");
      try (var after = c.worker(queue, Versions.AFTER, w -> w.setIdentity("after"))) {
        List<String> log = List.of("first", "meanwhile", "last");
        equal(Arrays.asList(stub.getResult(String[].class)), log, "result");
        equal(Arrays.asList(stub.query("progress", String[].class)), log, "query");
      }
      check(!c.events(c.id("restart")).contains(EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED), "no task failed");
    });
    // A worker is killed in the middle of an activity, holding a sticky workflow.
    cases.add("worker-killed", c -> {
      String queue = c.id("killed-queue");
      Process doomed = new ProcessBuilder(
          System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1",
          "-cp", System.getProperty("java.class.path"), Main.class.getName(),
          "--address", c.address, "--namespace", c.namespace, "--out", c.out, "--worker", queue).start();
      WorkflowStub stub = c.start(c.options("killed").setTaskQueue(queue), "Survives");
      try {
        ActivityCases.awaitHeartbeat(c, c.id("killed"));
      } finally {
        doomed.destroyForcibly().waitFor();
      }
      try (var worker = c.worker(queue, Versions.AFTER, w -> w)) {
        equal(stub.query("progress", String[].class)[0], "first", "replayed for a query");
        List<String> log = List.of("first", "attempt 2 after before death");
        equal(Arrays.asList(stub.getResult(String[].class)), log, "result");
      }
    });
    // Old histories go the old way on new code, new ones the new way, also when it is the only.
    cases.add("patch", c -> {
      String queue = c.id("patch-queue");
      WorkflowStub old;
      WorkflowStub fresh;
      try (var before = c.worker(queue, Versions.BEFORE, w -> w)) {
        old = begin(c, "patch-old", queue);
      }
      try (var after = c.worker(queue, Versions.AFTER, w -> w)) {
        fresh = begin(c, "patch-new", queue);
        old.signal("proceed");
        equal(old.getResult(String.class), "old way", "the old history");
      }
      try (var last = c.worker(queue, Versions.LAST, w -> w)) {
        fresh.signal("proceed");
        equal(fresh.getResult(String.class), "new way", "the new history");
      }
      equal(c.count(c.id("patch-old"), EventType.EVENT_TYPE_MARKER_RECORDED), 0L, "no marker in the old");
      equal(c.count(c.id("patch-new"), EventType.EVENT_TYPE_MARKER_RECORDED), 1L, "one in the new");
    });
    // A bug in the code fails the task; with the code mended the workflow goes on.
    cases.add("workflow-task-failure", c -> {
      String queue = c.id("repair-queue");
      WorkflowStub stub;
      try (var before = c.worker(queue, Versions.BEFORE, w -> w)) {
        stub = c.start(c.options("repair").setTaskQueue(queue), "Repaired");
        eventually("the task's failure", () -> c.describe(c.id("repair"), null).getPendingWorkflowTask().getAttempt() >= 2);
      }
      try (var after = c.worker(queue, Versions.AFTER, w -> w)) {
        equal(stub.getResult(String.class), "repaired", "result");
      }
      // A worker that is slow to start may time out instead.
      long failures = c.count(c.id("repair"), EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
          + c.count(c.id("repair"), EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT);
      equal(failures, 1L, "only the first failure is kept");
    });
  }

  private static WorkflowStub begin(Context c, String name, String queue) throws Exception {
    WorkflowStub stub = c.start(c.options(name).setTaskQueue(queue), "Patched");
    eventually("its first workflow task",
        () -> c.events(c.id(name)).contains(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED));
    return stub;
  }

  private RestartCases() {}
}
