package main

import (
	"context"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// How workflows begin, go on, and end.

var lifecycleCases = []testCase{
	{"child", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "parent", parent)
		equal(result[[]string](ctx, handle), []string{
			"child of " + handle.GetID(), "ChildFails: the child fails", "from the parent",
			"already started: true", "cancelled: true",
		}, "result")
		info := c.describe(ctx, handle.GetID()+"-child", "").WorkflowExecutionInfo
		equal(info.ParentExecution.WorkflowId, handle.GetID(), "parent")
	}},
	{"child-parent-close", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "leaves", leaves)
		no(handle.Get(ctx, nil), "result")
		for policy, status := range map[string]string{"TERMINATE": "Terminated", "REQUEST_CANCEL": "Canceled"} {
			eventually(ctx, policy, func() bool { return c.status(ctx, handle.GetID()+"-"+policy, "") == status })
		}
		abandoned := handle.GetID() + "-ABANDON"
		equal(c.status(ctx, abandoned, ""), "Running", "the abandoned child")
		c.signal(ctx, abandoned, "close", nil)
		no(c.client.GetWorkflow(ctx, abandoned, "").Get(ctx, nil), "its result")
	}},
	{"continue-as-new", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "chain", chain, 3, []string{})
		first := handle.GetRunID() // before Get, which follows
		runs := result[[]string](ctx, handle)
		equal(len(slices.Compact(slices.Sorted(slices.Values(runs)))), 4, "runs")
		equal(runs[0], first, "the first")
		equal(c.status(ctx, handle.GetID(), first), "ContinuedAsNew", "status of the first")
		options := client.WorkflowRunGetOptions{DisableFollowingRuns: true}
		err := c.client.GetWorkflow(ctx, handle.GetID(), first).GetWithOptions(ctx, nil, options)
		check(err != nil, "the first run has no result")
		history := c.history(ctx, handle.GetID(), first)
		closing := history.Events[len(history.Events)-1].GetWorkflowExecutionContinuedAsNewEventAttributes()
		equal(closing.GetNewExecutionRunId(), runs[1], "the next run")
	}},
	{"timer", func(ctx context.Context, c *interop) {
		began := time.Now()
		handle := c.start(ctx, "timers", timers, 500)
		equal(result[string](ctx, handle), "fired and cancelled", "result")
		check(time.Since(began) >= 500*time.Millisecond, "not before its time")
		kinds := c.events(ctx, handle.GetID(), "")
		equal(count(kinds, "TimerFired"), 1, "fired")
		equal(count(kinds, "TimerCanceled"), 1, "cancelled")
	}},
	{"cancel", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "cancel", cleansUp)
		id := handle.GetID()
		eventually(ctx, "its activity", func() bool { return len(c.describe(ctx, id, "").PendingActivities) == 1 })
		no(c.client.CancelWorkflow(ctx, id, ""), "cancel")
		as[*temporal.CanceledError](handle.Get(ctx, nil), "result")
		equal(c.status(ctx, id, ""), "Canceled", "status")
		kinds := c.events(ctx, id, "")
		equal(count(kinds, "ActivityTaskCanceled"), 1, "the activity ends first")
		equal(count(kinds, "ActivityTaskCompleted"), 1, "then the cleaning")
		equal(count(kinds, "WorkflowExecutionCancelRequested"), 1, "the request")
	}},
	{"terminate", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "terminate", mailbox)
		no(c.client.TerminateWorkflow(ctx, handle.GetID(), "", "enough", "detail"), "terminate")
		as[*temporal.TerminatedError](handle.Get(ctx, nil), "result")
		equal(c.status(ctx, handle.GetID(), ""), "Terminated", "status")
		history := c.history(ctx, handle.GetID(), "")
		closing := history.Events[len(history.Events)-1].GetWorkflowExecutionTerminatedEventAttributes()
		equal(closing.GetReason(), "enough", "the reason")
		equal(data(closing.GetDetails()), []string{`"detail"`}, "the details")
		as[*serviceerror.NotFound](c.client.TerminateWorkflow(ctx, handle.GetID(), "", "again"), "twice")
	}},
	{"workflow-failure", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "fails", fails)
		cause := as[*temporal.ApplicationError](handle.Get(ctx, nil), "result")
		equal([]string{cause.Type(), cause.Message()}, []string{"Wrong", "it went wrong"}, "failure")
		var code map[string]int
		var more string
		no(cause.Details(&code, &more), "details")
		equal(code["code"], 42, "first detail")
		equal(more, "more", "second detail")
	}},
	{"workflow-retry", func(ctx context.Context, c *interop) {
		policy := &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, MaximumAttempts: 3}
		handle := c.startWith(ctx, client.StartWorkflowOptions{ID: "retry", RetryPolicy: policy}, failsAtFirst, 3)
		first := handle.GetRunID()
		equal(result[int](ctx, handle), 3, "attempt")
		equal(c.status(ctx, handle.GetID(), first), "Failed", "the first run")
		exhausted := c.startWith(ctx, client.StartWorkflowOptions{ID: "retry-exhausted", RetryPolicy: policy}, failsAtFirst, 9)
		cause := as[*temporal.ApplicationError](exhausted.Get(ctx, nil), "exhausted")
		equal(cause.Message(), "attempt 3", "the last failure")
	}},
	{"workflow-timeout", func(ctx context.Context, c *interop) {
		for _, options := range []client.StartWorkflowOptions{
			{ID: "execution-timeout", WorkflowExecutionTimeout: time.Second},
			{ID: "run-timeout", WorkflowRunTimeout: time.Second},
		} {
			handle := c.startWith(ctx, options, mailbox)
			as[*temporal.TimeoutError](handle.Get(ctx, nil), options.ID)
			equal(c.status(ctx, handle.GetID(), ""), "TimedOut", options.ID)
		}
	}},
	{"start-delay", func(ctx context.Context, c *interop) {
		began := time.Now()
		handle := c.startWith(ctx, client.StartWorkflowOptions{ID: "delayed", StartDelay: time.Second}, chain, 0, []string{})
		no(handle.Get(ctx, nil), "result")
		check(time.Since(began) >= time.Second, "not before the delay")
		signalled := c.startWith(ctx, client.StartWorkflowOptions{ID: "delayed-signal", StartDelay: time.Hour}, mailbox)
		options := client.StartWorkflowOptions{TaskQueue: c.queue}
		_, err := c.client.SignalWithStartWorkflow(ctx, signalled.GetID(), "close", nil, options, mailbox)
		no(err, "signal with start")
		no(signalled.Get(ctx, nil), "signal-with-start ends the delay")
	}},
	// The result is asked for long before it is there: longer than a poll of the server lasts.
	{"long-poll", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "long", timers, 23_000)
		equal(result[string](ctx, handle), "fired and cancelled", "result")
	}},
	{"id-reuse", func(ctx context.Context, c *interop) {
		again := func(name string, policy enumspb.WorkflowIdReusePolicy) error {
			options := client.StartWorkflowOptions{ID: name, WorkflowIDReusePolicy: policy}
			handle, err := c.tryStart(ctx, options, chain, 0, []string{})
			if err == nil {
				no(handle.Get(ctx, nil), "result")
			}
			return err
		}
		no(again("reuse", enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE), "the first")
		no(again("reuse", enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE), "allowed")
		for _, policy := range []enumspb.WorkflowIdReusePolicy{
			enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
			enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		} {
			as[*serviceerror.WorkflowExecutionAlreadyStarted](again("reuse", policy), policy.String())
		}
		check(c.start(ctx, "reuse-failed", fails).Get(ctx, nil) != nil, "fails")
		no(again("reuse-failed", enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY), "after a failure")
	}},
	{"id-conflict", func(ctx context.Context, c *interop) {
		begin := func(policy enumspb.WorkflowIdConflictPolicy) (client.WorkflowRun, error) {
			return c.tryStart(ctx, client.StartWorkflowOptions{ID: "conflict", WorkflowIDConflictPolicy: policy}, mailbox)
		}
		first, err := begin(enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL)
		no(err, "the first")
		_, err = begin(enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL)
		already := as[*serviceerror.WorkflowExecutionAlreadyStarted](err, "conflict")
		equal(already.RunId, first.GetRunID(), "the error names the run")
		same, err := begin(enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING)
		no(err, "use existing")
		equal(same.GetRunID(), first.GetRunID(), "use existing")
		other, err := begin(enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING)
		no(err, "terminate existing")
		check(other.GetRunID() != first.GetRunID(), "another run")
		equal(c.status(ctx, first.GetID(), first.GetRunID()), "Terminated", "the existing one")
		c.signal(ctx, other.GetID(), "close", nil)
		no(other.Get(ctx, nil), "result")
	}},
	{"cron", func(ctx context.Context, c *interop) {
		handle := c.startWith(ctx, client.StartWorkflowOptions{ID: "cron", CronSchedule: "@every 1s"}, cron)
		id := handle.GetID()
		eventually(ctx, "a run that goes on from 2", func() bool {
			began := c.history(ctx, id, "").Events[0].GetWorkflowExecutionStartedEventAttributes()
			return slices.Equal(data(began.LastCompletionResult), []string{"2"})
		})
		no(c.client.TerminateWorkflow(ctx, id, "", "done"), "terminate")
		history := c.history(ctx, id, handle.GetRunID())
		closing := history.Events[len(history.Events)-1].GetWorkflowExecutionCompletedEventAttributes()
		check(closing != nil, "each run ends by itself")
		check(closing.NewExecutionRunId != "", "and names the next")
	}},
	{"reset", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "reset", resettable)
		id := handle.GetID()
		c.signal(ctx, id, "put", "a")
		c.signal(ctx, id, "put", "b")
		// Only the workflow task behind the activity sets the query's handler.
		eventually(ctx, "the activity's end", func() bool {
			return slices.Contains(c.events(ctx, id, ""), "ActivityTaskCompleted")
		})
		equal(query[[]string](ctx, c, id, "held"), []string{"a", "b"}, "before")
		var finished int64
		for _, event := range c.history(ctx, id, "").Events {
			if event.EventType == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
				finished = event.EventId
				break
			}
		}
		response, err := c.client.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
			Namespace:                 c.namespace,
			WorkflowExecution:         &commonpb.WorkflowExecution{WorkflowId: id, RunId: handle.GetRunID()},
			Reason:                    "once more",
			WorkflowTaskFinishEventId: finished,
			RequestId:                 c.id("reset"),
		})
		no(err, "reset")
		equal(c.status(ctx, id, handle.GetRunID()), "Terminated", "the old run")
		c.remember(id, response.RunId)
		c.signal(ctx, id, "close", nil)
		again := result[[]string](ctx, c.client.GetWorkflow(ctx, id, response.RunId))
		equal(again, []string{"2", "a", "b"}, "the activity ran again, the signals are still there")
	}},
	{"not-found", func(ctx context.Context, c *interop) {
		id := c.id("nobody")
		_, err := c.client.DescribeWorkflowExecution(ctx, id, "")
		as[*serviceerror.NotFound](err, "describe")
		as[*serviceerror.NotFound](c.client.SignalWorkflow(ctx, id, "", "x", nil), "signal")
		as[*serviceerror.NotFound](c.client.CancelWorkflow(ctx, id, ""), "cancel")
		as[*serviceerror.NotFound](c.client.GetWorkflow(ctx, id, "").Get(ctx, nil), "result")
		stranger, err := client.NewLazyClient(client.Options{HostPort: c.address, Namespace: "no-such-namespace", Logger: quiet{}})
		no(err, "connect")
		defer stranger.Close()
		_, err = stranger.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "x", TaskQueue: "x"}, "x")
		as[*serviceerror.NamespaceNotFound](err, "an unknown namespace")
	}},
}
