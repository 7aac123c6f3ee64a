package main

import (
	"context"
	"fmt"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
)

// Memos, search attributes, lists and descriptions.

// What a list query finds, as soon as it finds so many.
func (c *interop) found(ctx context.Context, query string, count int) (rows []*workflowpb.WorkflowExecutionInfo) {
	eventually(ctx, fmt.Sprintf("%d of %s", count, query), func() bool {
		rows = nil
		var token []byte
		for {
			page, err := c.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
				Namespace: c.namespace, Query: query, PageSize: 2, NextPageToken: token,
			})
			no(err, query)
			rows = append(rows, page.Executions...)
			if token = page.NextPageToken; len(token) == 0 {
				return len(rows) == count
			}
		}
	})
	return
}

func (c *interop) memo(ctx context.Context, id string) (names []string) {
	for name := range c.describe(ctx, id, "").WorkflowExecutionInfo.Memo.GetFields() {
		names = append(names, name)
	}
	slices.Sort(names)
	return
}

var visibilityCases = []testCase{
	{"memo", func(ctx context.Context, c *interop) {
		memo := map[string]any{"who": "me", "deep": map[string][]int{"n": {1, 2}}}
		handle := c.startWith(ctx, client.StartWorkflowOptions{ID: "memo", Memo: memo}, mailbox)
		equal(c.memo(ctx, handle.GetID()), []string{"deep", "who"}, "described")
		row := c.found(ctx, fmt.Sprintf("WorkflowId = '%s'", handle.GetID()), 1)[0]
		equal(string(row.Memo.Fields["who"].Data), `"me"`, "listed")
		equal(string(row.Memo.Fields["deep"].Data), `{"n":[1,2]}`, "listed")
		c.signal(ctx, handle.GetID(), "close", nil)
		no(handle.Get(ctx, nil), "result")
	}},
	{"search-attributes", func(ctx context.Context, c *interop) {
		value := c.id("attribute")
		handle := c.startWith(ctx, client.StartWorkflowOptions{
			ID:                    "attributes",
			TypedSearchAttributes: temporal.NewSearchAttributes(keyword.ValueSet(value)),
			Memo:                  map[string]any{"kept": 1, "removed": 2},
		}, attributes, false)
		query := fmt.Sprintf("CustomKeywordField = '%s' AND CustomIntField BETWEEN 6 AND 8", value)
		c.found(ctx, query+" AND ExecutionStatus = 'ContinuedAsNew'", 1)
		c.found(ctx, query+" AND ExecutionStatus = 'Running'", 1)
		eventually(ctx, "the memo is changed", func() bool {
			return slices.Equal(c.memo(ctx, handle.GetID()), []string{"added", "kept"})
		})
		shown := c.describe(ctx, handle.GetID(), "").WorkflowExecutionInfo.SearchAttributes.IndexedFields
		var number int64
		no(converter.GetDefaultDataConverter().FromPayload(shown["CustomIntField"], &number), "described")
		equal(number, int64(7), "described")
		c.signal(ctx, handle.GetID(), "close", nil)
		expected := attributesResult{value, 7, []string{"added", "kept"}}
		equal(result[attributesResult](ctx, handle), expected, "as the workflow saw them")
		counted, err := c.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: c.namespace, Query: query,
		})
		no(err, "count")
		equal(counted.Count, int64(2), "count")
	}},
	{"list", func(ctx context.Context, c *interop) {
		mine := fmt.Sprintf("WorkflowId STARTS_WITH '%s'", c.id("list"))
		var running, done []string
		for n := range 3 {
			running = append(running, c.start(ctx, fmt.Sprintf("list-%d", n), mailbox).GetID())
		}
		for n := range 2 {
			handle := c.start(ctx, fmt.Sprintf("list-done-%d", n), chain, 0, []string{})
			no(handle.Get(ctx, nil), "result")
			done = append(done, handle.GetID())
		}
		ids := func(rows []*workflowpb.WorkflowExecutionInfo) (ids []string) {
			for _, row := range rows {
				ids = append(ids, row.Execution.WorkflowId)
			}
			slices.Sort(ids)
			return
		}
		equal(len(slices.Compact(ids(c.found(ctx, mine, 5)))), 5, "each once, over pages of two")
		equal(ids(c.found(ctx, mine+" AND ExecutionStatus = 'Running'", 3)), running, "running")
		c.found(ctx, mine+" AND WorkflowType IN ('chain', 'other')", 2)
		c.found(ctx, mine+" AND CloseTime IS NOT NULL AND HistoryLength > 2", 2)
		c.found(ctx, fmt.Sprintf("WorkflowId = '%s' OR WorkflowId = '%s'", running[0], done[0]), 2)
		counted, err := c.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: c.namespace, Query: mine + " GROUP BY ExecutionStatus",
		})
		no(err, "count")
		groups := map[string]int64{}
		for _, group := range counted.Groups {
			groups[string(group.GroupValues[0].Data)] = group.Count
		}
		equal(groups, map[string]int64{`"Running"`: 3, `"Completed"`: 2}, "groups")
		for _, id := range running {
			no(c.client.TerminateWorkflow(ctx, id, "", "done"), "terminate")
		}
		c.found(ctx, mine+" AND ExecutionStatus = 'Terminated'", 3)
	}},
	{"describe", func(ctx context.Context, c *interop) {
		handle := c.startWith(ctx, client.StartWorkflowOptions{
			ID: "pending", StaticSummary: "what it is", StaticDetails: "and *more*",
		}, pending)
		id := handle.GetID()
		eventually(ctx, "the activity's first failure", func() bool {
			pending := c.describe(ctx, id, "").PendingActivities
			return len(pending) == 1 && pending[0].Attempt == 2
		})
		shown := c.describe(ctx, id, "")
		equal(shown.WorkflowExecutionInfo.Status.String(), "Running", "status")
		equal(shown.WorkflowExecutionInfo.TaskQueue, c.queue, "task queue")
		equal(string(shown.GetExecutionConfig().GetUserMetadata().GetSummary().GetData()), `"what it is"`, "summary")
		equal(string(shown.GetExecutionConfig().GetUserMetadata().GetDetails().GetData()), `"and *more*"`, "details")
		activity := shown.PendingActivities[0]
		equal(activity.ActivityType.Name, "Never", "activity type")
		equal(activity.State, enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, "state")
		equal(activity.LastFailure.Message, "not yet", "last failure")
		equal(activity.MaximumAttempts, int32(9), "maximum attempts")
		equal(data(activity.HeartbeatDetails), []string{`"so far"`}, "heartbeat")
		check(activity.NextAttemptScheduleTime != nil, "when it is tried again")
		equal(len(shown.PendingChildren), 1, "children")
		equal(shown.PendingChildren[0].WorkflowId, id+"-child", "child")
		no(c.client.TerminateWorkflow(ctx, id, "", "done"), "terminate")
	}},
}
