package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// The activities of all cases but the seeds'. What a case has to learn of one, it finds here.
type activities struct {
	mutex  sync.Mutex
	tokens map[string][]byte
	calls  map[string]int
}

func newActivities() *activities {
	return &activities{tokens: map[string][]byte{}, calls: map[string]int{}}
}

func (a *activities) token(key string) []byte {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.tokens[key]
}

func (*activities) Echo(_ context.Context, value any) (any, error) { return value, nil }

// How often this workflow id has called it, in whichever run.
func (a *activities) CountCalls(ctx context.Context) (int, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	me := activity.GetInfo(ctx).WorkflowExecution.ID
	a.calls[me]++
	return a.calls[me], nil
}

// Fails that often, and then returns the attempt that succeeded.
func (*activities) Flaky(ctx context.Context, failures int) (int, error) {
	attempt := int(activity.GetInfo(ctx).Attempt)
	if attempt <= failures {
		return 0, temporal.NewApplicationError(fmt.Sprintf("attempt %d", attempt), "Flaky", attempt)
	}
	return attempt, nil
}

func (*activities) Failing(_ context.Context, kind string, nonRetryable bool) error {
	details := map[string]int{"code": 7}
	return temporal.NewApplicationErrorWithOptions("no", kind, temporal.ApplicationErrorOptions{
		NonRetryable: nonRetryable, Details: []any{details},
	})
}

// Never heeds anything: only a timeout of the server's ends it, or the end of its worker.
func (*activities) Stuck(ctx context.Context) error {
	<-activity.GetWorkerStopChannel(ctx)
	return ctx.Err()
}

// The first attempt tells its progress and hangs; the next says what it was told.
func (*activities) Heartbeats(ctx context.Context, progress string) (string, error) {
	info := activity.GetInfo(ctx)
	if info.Attempt == 1 {
		activity.RecordHeartbeat(ctx, progress)
		<-activity.GetWorkerStopChannel(ctx)
		return "", ctx.Err()
	}
	var told string
	if err := activity.GetHeartbeatDetails(ctx, &told); err != nil {
		return "", err
	}
	return fmt.Sprintf("attempt %d after %s", info.Attempt, told), nil
}

func untilCancellation(ctx context.Context) error {
	for {
		activity.RecordHeartbeat(ctx, "working")
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (*activities) UntilCancelled(ctx context.Context) (string, error) {
	_ = untilCancellation(ctx)
	return "cleaned up", nil
}

func (*activities) FailsWhenCancelled(ctx context.Context) error { return untilCancellation(ctx) }

// Is completed by somebody else, by token.
func (a *activities) Later(ctx context.Context, key string) (string, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.tokens[key] = activity.GetInfo(ctx).TaskToken
	return "", activity.ErrResultPending
}

// Fails for ever, slowly: for what is said about a pending activity.
func (*activities) Never(ctx context.Context) error {
	activity.RecordHeartbeat(ctx, "so far")
	return temporal.NewApplicationErrorWithOptions("not yet", "NotYet", temporal.ApplicationErrorOptions{
		NextRetryDelay: time.Hour,
	})
}
