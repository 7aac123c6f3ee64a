package main

import (
	"context"
	"os"
	"os/exec"
	"slices"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

// Workers that come and go, with the same code and with other.

var restartCases = []testCase{
	// A worker stops in the middle, a signal comes while there is none, and another goes on.
	{"worker-restart", func(ctx context.Context, c *interop) {
		queue := c.id("restart-queue")
		var handle client.WorkflowRun
		c.withWorker(queue, registerAfter, worker.Options{Identity: "before"}, func() {
			handle = c.startWith(ctx, client.StartWorkflowOptions{ID: "restart", TaskQueue: queue}, steps)
			eventually(ctx, "the first step", func() bool {
				return len(query[[]string](ctx, c, handle.GetID(), "progress")) == 1
			})
		})
		c.signal(ctx, handle.GetID(), "put", "meanwhile")
		c.withWorker(queue, registerAfter, worker.Options{Identity: "after"}, func() {
			log := []string{"first", "meanwhile", "last"}
			equal(result[[]string](ctx, handle), log, "result")
			equal(query[[]string](ctx, c, handle.GetID(), "progress"), log, "query")
		})
		check(!slices.Contains(c.events(ctx, handle.GetID(), ""), "WorkflowTaskFailed"), "no task failed")
	}},
	// A worker is killed in the middle of an activity, holding a sticky workflow.
	{"worker-killed", func(ctx context.Context, c *interop) {
		queue := c.id("killed-queue")
		executable, err := os.Executable()
		no(err, "this program")
		doomed := exec.Command(executable, "--address", c.address, "--namespace", c.namespace, "--out", c.out, "--worker", queue)
		no(doomed.Start(), "start a worker")
		handle := c.startWith(ctx, client.StartWorkflowOptions{ID: "killed", TaskQueue: queue}, survives)
		func() {
			defer func() {
				_ = doomed.Process.Kill()
				_ = doomed.Wait()
			}()
			c.awaitHeartbeat(ctx, handle.GetID())
		}()
		c.withWorker(queue, registerAfter, worker.Options{}, func() {
			equal(query[[]string](ctx, c, handle.GetID(), "progress")[0], "first", "replayed for a query")
			equal(result[[]string](ctx, handle), []string{"first", "attempt 2 after before death"}, "result")
		})
	}},
	// Old histories go the old way on new code, new ones the new way, also when it is the only.
	{"patch", func(ctx context.Context, c *interop) {
		queue := c.id("patch-queue")
		begin := func(id string) client.WorkflowRun {
			handle := c.startWith(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue}, "patched")
			eventually(ctx, "its first workflow task", func() bool {
				return slices.Contains(c.events(ctx, handle.GetID(), ""), "WorkflowTaskCompleted")
			})
			return handle
		}
		var old, fresh client.WorkflowRun
		c.withWorker(queue, registerBefore, worker.Options{}, func() { old = begin("patch-old") })
		c.withWorker(queue, registerAfter, worker.Options{}, func() {
			fresh = begin("patch-new")
			c.signal(ctx, old.GetID(), "proceed", nil)
			equal(result[string](ctx, old), "old way", "the old history")
		})
		c.withWorker(queue, registerLast, worker.Options{}, func() {
			c.signal(ctx, fresh.GetID(), "proceed", nil)
			equal(result[string](ctx, fresh), "new way", "the new history")
		})
		equal(count(c.events(ctx, old.GetID(), ""), "MarkerRecorded"), 0, "no marker in the old")
		equal(count(c.events(ctx, fresh.GetID(), ""), "MarkerRecorded"), 1, "one in the new")
	}},
	// A bug in the code fails the task; with the code mended the workflow goes on.
	{"workflow-task-failure", func(ctx context.Context, c *interop) {
		queue := c.id("repair-queue")
		var handle client.WorkflowRun
		c.withWorker(queue, registerBefore, worker.Options{}, func() {
			handle = c.startWith(ctx, client.StartWorkflowOptions{ID: "repair", TaskQueue: queue}, "repaired")
			eventually(ctx, "the task's failure", func() bool {
				return c.describe(ctx, handle.GetID(), "").PendingWorkflowTask.GetAttempt() >= 2
			})
		})
		c.withWorker(queue, registerAfter, worker.Options{}, func() {
			equal(result[string](ctx, handle), "repaired", "result")
		})
		kinds := c.events(ctx, handle.GetID(), "")
		// A worker that is slow to start may time out instead.
		failures := count(kinds, "WorkflowTaskFailed") + count(kinds, "WorkflowTaskTimedOut")
		equal(failures, 1, "only the first failure is kept")
	}},
}
