package main

import (
	"context"
	"errors"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
)

// Activities: retries, failures, timeouts, heartbeats, cancellation, completion from outside.

func activityStarts(history *historypb.History) (starts []*historypb.ActivityTaskStartedEventAttributes) {
	for _, event := range history.Events {
		if start := event.GetActivityTaskStartedEventAttributes(); start != nil {
			starts = append(starts, start)
		}
	}
	return
}

// Waits for the heartbeat of a workflow's only activity.
func (c *interop) awaitHeartbeat(ctx context.Context, id string) {
	eventually(ctx, "a heartbeat", func() bool {
		pending := c.describe(ctx, id, "").PendingActivities
		return len(pending) == 1 && len(pending[0].HeartbeatDetails.GetPayloads()) == 1
	})
}

var activityCases = []testCase{
	{"activity-retry", func(ctx context.Context, c *interop) {
		began := time.Now()
		handle := c.start(ctx, "retries", retries, 3)
		equal(result[int](ctx, handle), 4, "the attempt that succeeded")
		check(time.Since(began) >= 700*time.Millisecond, "the intervals are 0.1, 0.2 and 0.4 s")
		starts := activityStarts(c.history(ctx, handle.GetID(), ""))
		equal(len(starts), 1, "only the last attempt is in the history")
		equal(starts[0].Attempt, int32(4), "attempt")
		equal(starts[0].LastFailure.Message, "attempt 3", "last failure")
	}},
	{"activity-non-retryable", func(ctx context.Context, c *interop) {
		for kind, byError := range map[string]bool{"Marked": true, "Named": false} {
			handle := c.start(ctx, "non-retryable-"+kind, nonRetryable, byError)
			err := handle.Get(ctx, nil)
			equal(as[*temporal.ActivityError](err, kind).ActivityType().Name, "Failing", "activity type")
			cause := as[*temporal.ApplicationError](err, kind)
			equal([]string{cause.Type(), cause.Message()}, []string{kind, "no"}, "failure")
			var details map[string]int
			no(cause.Details(&details), "details")
			equal(details, map[string]int{"code": 7}, "details")
		}
	}},
	{"activity-timeout", func(ctx context.Context, c *interop) {
		for which, kind := range map[string]enumspb.TimeoutType{
			"start-to-close":    enumspb.TIMEOUT_TYPE_START_TO_CLOSE,
			"schedule-to-close": enumspb.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE,
			"schedule-to-start": enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START,
			"heartbeat":         enumspb.TIMEOUT_TYPE_HEARTBEAT,
		} {
			handle := c.start(ctx, "times-out-"+which, timesOut, which)
			equal(as[*temporal.TimeoutError](handle.Get(ctx, nil), which).TimeoutType(), kind, which)
		}
	}},
	// The second attempt runs on another worker, and is told what the first one said last.
	{"heartbeat-timeout", func(ctx context.Context, c *interop) {
		queue := c.id("heartbeat-queue")
		only := func(identity string) worker.Options {
			return worker.Options{
				Identity: identity, MaxConcurrentActivityExecutionSize: 1, DisableWorkflowWorker: true,
			}
		}
		none := func(registry) {}
		handle := c.start(ctx, "heartbeats", heartbeating, queue)
		c.withWorker(queue, none, only("the first"), func() {
			c.awaitHeartbeat(ctx, handle.GetID())
			c.withWorker(queue, none, only("the second"), func() {
				equal(result[string](ctx, handle), "attempt 2 after halfway", "result")
			})
		})
		starts := activityStarts(c.history(ctx, handle.GetID(), ""))
		equal(len(starts), 1, "started events")
		equal(starts[0].Identity, "the second", "worker")
		check(starts[0].LastFailure.GetTimeoutFailureInfo() != nil, "the last failure is a timeout")
	}},
	{"activity-cancel", func(ctx context.Context, c *interop) {
		for how, outcome := range map[string]string{
			"WAIT_COMPLETED": "cleaned up", "WAIT_CANCELLED": "cancelled", "TRY_CANCEL": "cancelled",
		} {
			handle := c.start(ctx, "cancels-"+how, cancelsActivity, how)
			c.awaitHeartbeat(ctx, handle.GetID())
			c.signal(ctx, handle.GetID(), "go", nil)
			equal(result[string](ctx, handle), outcome, how)
			kinds := c.events(ctx, handle.GetID(), "")
			check(slices.Contains(kinds, "ActivityTaskCancelRequested"), "the request is an event")
		}
	}},
	{"async-completion", func(ctx context.Context, c *interop) {
		key := c.id("async")
		handle := c.start(ctx, "async", asyncCompletion, key)
		token := func(name string) (token []byte) {
			eventually(ctx, "the token "+name, func() bool {
				token = c.activities.token(key + "-" + name)
				return token != nil
			})
			return
		}
		byToken := token("token")
		no(c.client.RecordActivityHeartbeat(ctx, byToken, "nearly"), "heartbeat by token")
		no(c.client.CompleteActivity(ctx, byToken, "one", nil), "complete by token")
		token("id")
		id, run := handle.GetID(), handle.GetRunID()
		no(c.client.RecordActivityHeartbeatByID(ctx, c.namespace, id, run, "by-id", "nearly"), "heartbeat by id")
		no(c.client.CompleteActivityByID(ctx, c.namespace, id, run, "by-id", "two", nil), "complete by id")
		failure := errors.New("failed from outside")
		no(c.client.CompleteActivity(ctx, token("fails"), nil, failure), "fail")
		equal(result[[]string](ctx, handle), []string{"one", "two", "failed from outside"}, "result")
		check(c.client.CompleteActivity(ctx, byToken, "again", nil) != nil, "completed twice")
	}},
	{"local-activity", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "local", localActivities)
		equal(result[[]string](ctx, handle), []string{"local", "3", "Marked"}, "result")
		kinds := c.events(ctx, handle.GetID(), "")
		equal(count(kinds, "MarkerRecorded"), 3, "markers")
		check(!slices.Contains(kinds, "ActivityTaskScheduled"), "nothing is scheduled on the server")
	}},
}
