package main

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// Workflows whose code changes while they run: the build before, the one after, and later ones.

// What workflows are registered with: a worker, or a replayer.
type registry interface {
	RegisterWorkflow(any)
	RegisterWorkflowWithOptions(any, workflow.RegisterOptions)
}

func registerBefore(r registry) {
	r.RegisterWorkflowWithOptions(patchedBefore, workflow.RegisterOptions{Name: "patched"})
	r.RegisterWorkflowWithOptions(repairedBefore, workflow.RegisterOptions{Name: "repaired"})
}

// All workflows, with the newest code.
func registerAfter(r registry) {
	for _, each := range []any{
		orderFulfillment, subscriptionTrial, batchFulfillment, retries, nonRetryable, timesOut,
		heartbeating, cancelsActivity, asyncCompletion, localActivities, mailbox, account,
		signalsOther, child, parent, leaves, chain, timers, cleansUp, failsAtFirst, fails, steps,
		survives, attributes, cron, resettable, pending, patient,
	} {
		r.RegisterWorkflow(each)
	}
	r.RegisterWorkflowWithOptions(patchedAfter, workflow.RegisterOptions{Name: "patched"})
	r.RegisterWorkflowWithOptions(repairedAfter, workflow.RegisterOptions{Name: "repaired"})
}

func registerLast(r registry) {
	r.RegisterWorkflowWithOptions(patchedLast, workflow.RegisterOptions{Name: "patched"})
}

func registerWrong(r registry) {
	r.RegisterWorkflowWithOptions(patchedWrongly, workflow.RegisterOptions{Name: "patched"})
}

func proceeds(ctx workflow.Context) { workflow.GetSignalChannel(ctx, "proceed").Receive(ctx, nil) }

func says(ctx workflow.Context, what string) (said string, err error) {
	err = does(ctx, &said, workflow.ActivityOptions{}, "Echo", what)
	return
}

func patchedBefore(ctx workflow.Context) (string, error) {
	proceeds(ctx)
	return says(ctx, "old way")
}

func patchedAfter(ctx workflow.Context) (string, error) {
	if workflow.GetVersion(ctx, "another-way", workflow.DefaultVersion, 1) == 1 {
		if _, err := says(ctx, "extra step"); err != nil {
			return "", err
		}
		proceeds(ctx)
		return says(ctx, "new way")
	}
	proceeds(ctx)
	return says(ctx, "old way")
}

// Supposes that no run from before the patch is left.
func patchedLast(ctx workflow.Context) (string, error) {
	workflow.GetVersion(ctx, "another-way", 1, 1)
	if _, err := says(ctx, "extra step"); err != nil {
		return "", err
	}
	proceeds(ctx)
	return says(ctx, "new way")
}

// Changed without a patch: no history of the others fits it.
func patchedWrongly(ctx workflow.Context) (string, error) {
	return "unpatched", workflow.Sleep(ctx, time.Second)
}

func repairedBefore(workflow.Context) (string, error) {
	panic("a bug, which fails the task and not the workflow")
}

func repairedAfter(workflow.Context) (string, error) { return "repaired", nil }
