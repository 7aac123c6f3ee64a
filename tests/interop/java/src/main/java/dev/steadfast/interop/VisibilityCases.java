package dev.steadfast.interop;

import static dev.steadfast.interop.Cases.check;
import static dev.steadfast.interop.Cases.equal;
import static dev.steadfast.interop.Cases.eventually;

import com.google.protobuf.ByteString;
import io.temporal.api.enums.v1.PendingActivityState;
import io.temporal.api.workflow.v1.PendingActivityInfo;
import io.temporal.api.workflow.v1.WorkflowExecutionInfo;
import io.temporal.api.workflowservice.v1.CountWorkflowExecutionsRequest;
import io.temporal.api.workflowservice.v1.CountWorkflowExecutionsResponse;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse;
import io.temporal.api.workflowservice.v1.ListWorkflowExecutionsRequest;
import io.temporal.api.workflowservice.v1.ListWorkflowExecutionsResponse;
import io.temporal.client.WorkflowStub;
import io.temporal.common.SearchAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Memos, search attributes, lists and descriptions. */
final class VisibilityCases {
  static void add(Cases cases) {
    cases.add("memo", c -> {
      Map<String, Object> memo = Map.of("who", "me", "deep", Map.of("n", List.of(1, 2)));
      WorkflowStub stub = c.start(c.options("memo").setMemo(memo), "Mailbox");
      equal(memo(c, "memo"), Set.of("who", "deep"), "described");
      WorkflowExecutionInfo row = found(c, "WorkflowId = '" + c.id("memo") + "'", 1).get(0);
      equal(row.getMemo().getFieldsOrThrow("who").getData().toStringUtf8(), "\"me\"", "listed");
      equal(row.getMemo().getFieldsOrThrow("deep").getData().toStringUtf8(), "{\"n\":[1,2]}", "listed");
      stub.signal("close");
      stub.getResult(String[].class);
    });
    cases.add("search-attributes", c -> {
      String value = c.id("attribute");
      SearchAttributes attributes = SearchAttributes.newBuilder().set(Workflows.KEYWORD, value).build();
      WorkflowStub stub = c.start(c.options("attributes")
          .setTypedSearchAttributes(attributes).setMemo(Map.of("kept", 1)), "Attributes", false);
      String query = "CustomKeywordField = '" + value + "' AND CustomIntField BETWEEN 6 AND 8";
      found(c, query + " AND ExecutionStatus = 'ContinuedAsNew'", 1);
      found(c, query + " AND ExecutionStatus = 'Running'", 1);
      eventually("the memo is changed", () -> memo(c, "attributes").contains("added"));
      var shown = c.describe(c.id("attributes"), null).getWorkflowExecutionInfo().getSearchAttributes();
      equal(shown.getIndexedFieldsOrThrow("CustomIntField").getData().toStringUtf8(), "7", "described");
      c.existing(c.id("attributes"), null).signal("close");
      equal(Arrays.asList(stub.getResult(String[].class)), List.of(value, "7", "later"), "as the workflow saw them");
      equal(count(c, query).getCount(), 2L, "count");
    });
    cases.add("list", c -> {
      String mine = "WorkflowId STARTS_WITH '" + c.id("list") + "'";
      for (int n = 0; n < 3; n++) c.start("list-" + n, "Mailbox");
      for (int n = 0; n < 2; n++) c.start("list-done-" + n, "Chain", 0, List.of()).getResult(String[].class);
      equal(ids(found(c, mine, 5)).size(), 5, "each once, over pages of two");
      Set<String> running = Set.of(c.id("list-0"), c.id("list-1"), c.id("list-2"));
      equal(ids(found(c, mine + " AND ExecutionStatus = 'Running'", 3)), running, "running");
      found(c, mine + " AND WorkflowType IN ('Chain', 'Other')", 2);
      found(c, mine + " AND CloseTime IS NOT NULL AND HistoryLength > 2", 2);
      found(c, "WorkflowId = '" + c.id("list-0") + "' OR WorkflowId = '" + c.id("list-done-0") + "'", 2);
      Map<String, Long> groups = new TreeMap<>();
      for (var group : count(c, mine + " GROUP BY ExecutionStatus").getGroupsList()) {
        groups.put(group.getGroupValues(0).getData().toStringUtf8(), group.getCount());
      }
      equal(groups, Map.of("\"Running\"", 3L, "\"Completed\"", 2L), "groups");
      for (String id : running) c.existing(id, null).terminate("done");
      found(c, mine + " AND ExecutionStatus = 'Terminated'", 3);
    });
    cases.add("describe", c -> {
      WorkflowStub stub = c.start(
          c.options("pending").setStaticSummary("what it is").setStaticDetails("and *more*"), "Pending");
      String id = c.id("pending");
      eventually("the activity's first failure", () -> {
        DescribeWorkflowExecutionResponse shown = c.describe(id, null);
        return shown.getPendingActivitiesCount() == 1 && shown.getPendingActivities(0).getAttempt() == 2;
      });
      DescribeWorkflowExecutionResponse shown = c.describe(id, null);
      equal(c.status(stub), "RUNNING", "status");
      equal(shown.getWorkflowExecutionInfo().getTaskQueue(), c.queue, "task queue");
      var metadata = shown.getExecutionConfig().getUserMetadata();
      equal(metadata.getSummary().getData().toStringUtf8(), "\"what it is\"", "summary");
      equal(metadata.getDetails().getData().toStringUtf8(), "\"and *more*\"", "details");
      PendingActivityInfo activity = shown.getPendingActivities(0);
      equal(activity.getActivityType().getName(), "never", "activity type");
      equal(activity.getState(), PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED, "state");
      equal(activity.getLastFailure().getMessage(), "not yet", "last failure");
      equal(activity.getMaximumAttempts(), 9, "maximum attempts");
      equal(Context.data(activity.getHeartbeatDetails()), List.of("\"so far\""), "heartbeat");
      check(activity.hasNextAttemptScheduleTime(), "when it is tried again");
      equal(shown.getPendingChildrenCount(), 1, "children");
      equal(shown.getPendingChildren(0).getWorkflowId(), id + "-child", "child");
      stub.terminate("done");
    });
  }

  /** What a list query finds, as soon as it finds so many. */
  private static List<WorkflowExecutionInfo> found(Context c, String query, int count) throws Exception {
    List<WorkflowExecutionInfo> rows = new ArrayList<>();
    eventually(count + " of " + query, () -> {
      rows.clear();
      ByteString token = ByteString.EMPTY;
      do {
        ListWorkflowExecutionsResponse page = c.stubs.blockingStub().listWorkflowExecutions(
            ListWorkflowExecutionsRequest.newBuilder()
                .setNamespace(c.namespace).setQuery(query).setPageSize(2).setNextPageToken(token).build());
        rows.addAll(page.getExecutionsList());
        token = page.getNextPageToken();
      } while (!token.isEmpty());
      return rows.size() == count;
    });
    return rows;
  }

  private static Set<String> ids(List<WorkflowExecutionInfo> rows) {
    return rows.stream().map(row -> row.getExecution().getWorkflowId()).collect(Collectors.toSet());
  }

  private static CountWorkflowExecutionsResponse count(Context c, String query) {
    return c.stubs.blockingStub().countWorkflowExecutions(
        CountWorkflowExecutionsRequest.newBuilder().setNamespace(c.namespace).setQuery(query).build());
  }

  private static Set<String> memo(Context c, String name) {
    return new HashSet<>(c.describe(c.id(name), null).getWorkflowExecutionInfo().getMemo().getFieldsMap().keySet());
  }

  private VisibilityCases() {}
}
