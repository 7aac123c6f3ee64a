package dev.steadfast.interop;

import static dev.steadfast.interop.Cases.check;
import static dev.steadfast.interop.Cases.equal;
import static dev.steadfast.interop.Cases.fails;

import io.temporal.api.enums.v1.EventType;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.common.WorkflowExecutionHistory;
import io.temporal.testing.ReplayResults;
import io.temporal.testing.WorkflowReplayer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Histories: fetched, written down, read again, and replayed by the SDK's own replayer. */
final class ReplayCases {
  static void add(Cases cases) {
    // Everything that the cases have started replays, from JSON, with the newest code.
    cases.afterwards("replay", c -> {
      Path out = Files.createDirectories(Path.of(c.out));
      List<WorkflowExecutionHistory> histories = new ArrayList<>();
      for (Context.Started started : c.started) {
        WorkflowExecutionHistory history = c.client.fetchHistory(started.id(), started.run());
        Path file = out.resolve(started.id() + "-" + started.run() + ".json");
        Files.writeString(file, history.toJson(true));
        WorkflowExecutionHistory again = WorkflowExecutionHistory.fromJson(Files.readString(file), started.id());
        equal(again.getEvents(), history.getEvents(), "JSON keeps everything");
        // This replayer has no answer to a run that was terminated, nor to one that ended before it began.
        List<EventType> kinds = again.getEvents().stream().map(HistoryEvent::getEventType).toList();
        if (kinds.contains(EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED)
            && !kinds.contains(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED)) {
          histories.add(again);
        }
      }
      check(!histories.isEmpty(), "nothing to replay");
      ReplayResults results = WorkflowReplayer.replayWorkflowExecutions(histories, false, Versions.AFTER);
      for (ReplayResults.ReplayError error : results.allErrors()) {
        throw new AssertionError(error.workflowId, error.exception);
      }
    });
    // The replayer refuses a history that the code does not fit.
    cases.afterwards("replay-changed-code", c -> {
      Context.Started old = c.started.stream().filter(started -> started.id().endsWith("patch-old")).findFirst()
          .orElseThrow(() -> new AssertionError("the case `patch` left no history"));
      WorkflowExecutionHistory history = c.client.fetchHistory(old.id(), old.run());
      Throwable refusal =
          fails(RuntimeException.class, () -> WorkflowReplayer.replayWorkflowExecution(history, Versions.PatchedWrongly.class));
      check(refusal.toString().contains("ondeterminis") || refusal.toString().contains("TMPRL1100"), refusal.toString());
    });
  }

  private ReplayCases() {}
}
