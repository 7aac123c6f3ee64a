package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// Queries, signals and updates.

// Sends an update, waits for it, and gives its result or its error.
func (c *interop) update(ctx context.Context, handle client.WorkflowRun, name, updateID string, args ...any) (balance int, err error) {
	update, err := c.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: handle.GetID(), RunID: handle.GetRunID(), UpdateName: name, UpdateID: updateID,
		Args: args, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = update.Get(ctx, &balance)
	}
	return
}

func (c *interop) deposit(ctx context.Context, handle client.WorkflowRun, amount int, updateID string) int {
	balance, err := c.update(ctx, handle, "deposit", updateID, amount)
	no(err, "deposit")
	return balance
}

var messageCases = []testCase{
	{"query", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "query", mailbox)
		id := handle.GetID()
		equal(query[[]string](ctx, c, id, "held"), []string{}, "before any signal")
		c.signal(ctx, id, "put", "a")
		equal(query[[]string](ctx, c, id, "held"), []string{"a"}, "a query sees the signal before it")
		_, err := c.client.QueryWorkflow(ctx, id, "", "unknown")
		as[*serviceerror.QueryFailed](err, "an unknown query")
		_, err = c.client.QueryWorkflow(ctx, id, "", "broken")
		check(strings.Contains(fmt.Sprint(err), "always fails"), "%v", err)
		c.signal(ctx, id, "close", nil)
		equal(result[[]string](ctx, handle), []string{"a"}, "result")
		equal(query[[]string](ctx, c, id, "held"), []string{"a"}, "a closed workflow answers")
		answer, err := c.client.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
			WorkflowID: id, QueryType: "held", QueryRejectCondition: enumspb.QUERY_REJECT_CONDITION_NOT_OPEN,
		})
		no(err, "a query of only open workflows")
		check(answer.QueryRejected != nil, "it was not rejected")
		check(!slices.Contains(c.events(ctx, id, ""), "WorkflowTaskFailed"), "queries leave no trace")
	}},
	{"signal", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "signal", mailbox)
		var sent []string
		for n := range 20 {
			sent = append(sent, fmt.Sprint(n))
			c.signal(ctx, handle.GetID(), "put", sent[n])
		}
		c.signal(ctx, handle.GetID(), "nobody-handles-this", 1)
		c.signal(ctx, handle.GetID(), "close", nil)
		equal(result[[]string](ctx, handle), sent, "all, in order")
		equal(count(c.events(ctx, handle.GetID(), ""), "WorkflowExecutionSignaled"), 22, "events")
		err := c.client.SignalWorkflow(ctx, handle.GetID(), "", "put", "late")
		as[*serviceerror.NotFound](err, "signal after the end")
	}},
	{"signal-with-start", func(ctx context.Context, c *interop) {
		send := func(item string) client.WorkflowRun {
			options := client.StartWorkflowOptions{TaskQueue: c.queue}
			handle, err := c.client.SignalWithStartWorkflow(ctx, c.id("signal-start"), "put", item, options, mailbox)
			no(err, "signal with start")
			return handle
		}
		first, second := send("a"), send("b")
		equal(second.GetRunID(), first.GetRunID(), "the same run")
		c.remember(first.GetID(), first.GetRunID())
		c.signal(ctx, first.GetID(), "close", nil)
		equal(result[[]string](ctx, first), []string{"a", "b"}, "result")
	}},
	{"signal-external", func(ctx context.Context, c *interop) {
		other := c.start(ctx, "other", mailbox)
		handle := c.start(ctx, "signals-other", signalsOther, other.GetID())
		answer := result[string](ctx, handle)
		check(strings.Contains(answer, "UnknownExternalWorkflowExecutionError"), "%s", answer)
		equal(query[[]string](ctx, c, other.GetID(), "held"), []string{"from outside"}, "the other has it")
		eventually(ctx, "the other is cancelled", func() bool {
			return c.status(ctx, other.GetID(), "") == "Canceled"
		})
	}},
	{"update", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "account", account)
		equal(c.deposit(ctx, handle, 5, ""), 5, "first")
		_, err := c.update(ctx, handle, "deposit", "", -1)
		equal(as[*temporal.ApplicationError](err, "refused").Type(), "Refused", "the validator's error")
		equal(c.deposit(ctx, handle, 2, "second"), 7, "second")
		equal(c.deposit(ctx, handle, 2, "second"), 7, "the same id, once more")
		_, err = c.update(ctx, handle, "overdraw", "")
		equal(as[*temporal.ApplicationError](err, "overdraw").Type(), "Overdrawn", "the handler's error")
		_, err = c.update(ctx, handle, "unknown", "")
		check(err != nil, "an unknown update")
		c.signal(ctx, handle.GetID(), "close", nil)
		equal(result[int](ctx, handle), 7, "result")
		kinds := c.events(ctx, handle.GetID(), "")
		equal(count(kinds, "WorkflowExecutionUpdateAccepted"), 3, "a refused update leaves no event")
		equal(count(kinds, "WorkflowExecutionUpdateCompleted"), 3, "completions")
		_, err = c.update(ctx, handle, "deposit", "", 1)
		as[*serviceerror.NotFound](err, "an update after the end")
	}},
	{"update-wait-stages", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "stages", account)
		accepted, err := c.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: handle.GetID(), UpdateName: "depositWhenReleased", UpdateID: "waits",
			Args: []any{3}, WaitForStage: client.WorkflowUpdateStageAccepted,
		})
		no(err, "accepted")
		kinds := c.events(ctx, handle.GetID(), "")
		check(slices.Contains(kinds, "WorkflowExecutionUpdateAccepted"), "accepted means durable")
		c.signal(ctx, handle.GetID(), "release", nil)
		var balance int
		no(accepted.Get(ctx, &balance), "the result of what was accepted")
		equal(balance, 3, "the result is waited for")
		again := c.client.GetWorkflowUpdateHandle(client.GetWorkflowUpdateHandleOptions{
			WorkflowID: handle.GetID(), RunID: handle.GetRunID(), UpdateID: "waits",
		})
		no(again.Get(ctx, &balance), "the result by the id")
		equal(balance, 3, "and polled for by anybody")
		equal(c.deposit(ctx, handle, 4, ""), 7, "completed")
		c.signal(ctx, handle.GetID(), "close", nil)
		equal(result[int](ctx, handle), 7, "result")
	}},
	{"update-with-start", func(ctx context.Context, c *interop) {
		deposit := func(amount int) (balance int, run string) {
			operation := c.client.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
				ID: c.id("update-start"), TaskQueue: c.queue,
				WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			}, account)
			update, err := c.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
				StartWorkflowOperation: operation,
				UpdateOptions: client.UpdateWorkflowOptions{
					UpdateName: "deposit", Args: []any{amount}, WaitForStage: client.WorkflowUpdateStageCompleted,
				},
			})
			no(err, "update with start")
			no(update.Get(ctx, &balance), "balance")
			handle, err := operation.Get(ctx)
			no(err, "the workflow")
			return balance, handle.GetRunID()
		}
		first, run := deposit(1)
		second, same := deposit(2)
		equal([]int{first, second}, []int{1, 3}, "balances")
		equal(same, run, "the same run")
		id := c.id("update-start")
		c.remember(id, run)
		c.signal(ctx, id, "close", nil)
		equal(result[int](ctx, c.client.GetWorkflow(ctx, id, run)), 3, "result")
	}},
}
