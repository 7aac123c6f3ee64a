package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
)

const (
	// How long a case may take on a machine that is busy with other things.
	caseLimit = 5 * time.Minute
	// How long a condition is waited for that the case itself has brought about.
	eventuallyLimit = time.Minute
	atOnce          = 8
)

type started struct{ id, run string }

// What a case works with. `queue` is polled by the worker of this program.
type interop struct {
	client                              client.Client
	address, namespace, out, testServer string
	run, queue                          string
	seeds                               *seedActivities
	activities                          *activities
	mutex                               sync.Mutex
	started                             []started
}

// The SDK's warnings are about failures that the cases bring about on purpose.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

func dial(address, namespace string) (client.Client, error) {
	return client.Dial(client.Options{HostPort: address, Namespace: namespace, Logger: quiet{}})
}

func newContext(address, namespace, out, testServer string) (*interop, error) {
	connected, err := dial(address, namespace)
	if err != nil {
		return nil, err
	}
	run := fmt.Sprintf("%08x", rand.Uint32())
	return &interop{
		client: connected, address: address, namespace: namespace, out: out, testServer: testServer,
		run: run, queue: "go-" + run,
		seeds: &seedActivities{client: connected}, activities: newActivities(),
	}, nil
}

func (c *interop) id(name string) string { return fmt.Sprintf("go-%s-%s", c.run, name) }

// Remembers a run: its whole history is replayed at the end.
func (c *interop) remember(id, run string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.started = append(c.started, started{id, run})
}

func (c *interop) tryStart(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	options.ID = c.id(options.ID)
	if options.TaskQueue == "" {
		options.TaskQueue = c.queue
	}
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	handle, err := c.client.ExecuteWorkflow(ctx, options, workflow, args...)
	if err == nil {
		c.remember(handle.GetID(), handle.GetRunID())
	}
	return handle, err
}

func (c *interop) startWith(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) client.WorkflowRun {
	handle, err := c.tryStart(ctx, options, workflow, args...)
	no(err, "start "+options.ID)
	return handle
}

func (c *interop) start(ctx context.Context, id string, workflow any, args ...any) client.WorkflowRun {
	return c.startWith(ctx, client.StartWorkflowOptions{ID: id}, workflow, args...)
}

// A worker of one build of the workflows.
func (c *interop) newWorker(queue string, register func(registry), options worker.Options) worker.Worker {
	w := worker.New(c.client, queue, options)
	c.registerAll(w, register)
	return w
}

func (c *interop) registerAll(w worker.Worker, register func(registry)) {
	register(w)
	w.RegisterActivity(c.seeds)
	w.RegisterActivity(c.activities)
}

func (c *interop) withWorker(queue string, register func(registry), options worker.Options, run func()) {
	w := c.newWorker(queue, register, options)
	no(w.Start(), "start a worker")
	defer w.Stop()
	run()
}

func (c *interop) signal(ctx context.Context, id, name string, arg any) {
	no(c.client.SignalWorkflow(ctx, id, "", name, arg), "signal "+name)
}

func (c *interop) describe(ctx context.Context, id, run string) *workflowservice.DescribeWorkflowExecutionResponse {
	description, err := c.client.DescribeWorkflowExecution(ctx, id, run)
	no(err, "describe "+id)
	return description
}

func (c *interop) status(ctx context.Context, id, run string) string {
	return c.describe(ctx, id, run).WorkflowExecutionInfo.Status.String()
}

func (c *interop) history(ctx context.Context, id, run string) *historypb.History {
	history := &historypb.History{}
	all := c.client.GetWorkflowHistory(ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		event, err := all.Next()
		no(err, "history of "+id)
		history.Events = append(history.Events, event)
	}
	return history
}

// The types of a workflow's events.
func (c *interop) events(ctx context.Context, id, run string) []string {
	var kinds []string
	for _, event := range c.history(ctx, id, run).Events {
		kinds = append(kinds, event.EventType.String())
	}
	return kinds
}

func count(kinds []string, kind string) int {
	n := 0
	for _, k := range kinds {
		if k == kind {
			n++
		}
	}
	return n
}

// What a workflow returns.
func result[T any](ctx context.Context, handle client.WorkflowRun) T {
	var value T
	no(handle.Get(ctx, &value), "result of "+handle.GetID())
	return value
}

func query[T any](ctx context.Context, c *interop, id, name string) T {
	var value T
	answer, err := c.client.QueryWorkflow(ctx, id, "", name)
	no(err, "query "+name)
	no(answer.Get(&value), "answer of "+name)
	return value
}

func data(payloads *commonpb.Payloads) []string {
	var all []string
	for _, payload := range payloads.GetPayloads() {
		all = append(all, string(payload.Data))
	}
	return all
}

// What a case ends with when something is not as it should be.
type failed struct{ why string }

// What a case ends with when it cannot be run here.
type skipped struct{ why string }

func fail(format string, args ...any) { panic(failed{fmt.Sprintf(format, args...)}) }

func no(err error, what string) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func check(holds bool, format string, args ...any) {
	if !holds {
		fail(format, args...)
	}
}

func equal(actual, expected any, what string) {
	if !reflect.DeepEqual(actual, expected) {
		fail("%s: expected %v, got %v", what, expected, actual)
	}
}

// The error of this kind that an error is or wraps.
func as[E error](err error, what string) E {
	var target E
	if !errors.As(err, &target) {
		fail("%s: expected %T, got %T: %v", what, target, err, err)
	}
	return target
}

func eventually(ctx context.Context, what string, probe func() bool) {
	limit := time.Now().Add(eventuallyLimit)
	for time.Now().Before(limit) {
		if probe() {
			return
		}
		select {
		case <-ctx.Done():
			fail("took too long: %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
	fail("never came to pass: %s", what)
}

type testCase struct {
	name string
	run  func(ctx context.Context, c *interop)
}

type tally struct{ passed, failed, skipped int }

func runOne(c *interop, test testCase) (outcome string) {
	ctx, cancel := context.WithTimeout(context.Background(), caseLimit)
	defer cancel()
	defer func() {
		switch why := recover().(type) {
		case nil:
			outcome = "ok"
			fmt.Printf("ok %s\n", test.name)
		case skipped:
			outcome = "skip"
			fmt.Printf("skip %s: %s\n", test.name, why.why)
		case failed:
			outcome = "FAIL"
			fmt.Printf("FAIL %s: %.600s\n", test.name, strings.Join(strings.Fields(why.why), " "))
		default:
			outcome = "FAIL"
			fmt.Printf("FAIL %s: panic: %v\n", test.name, why)
		}
	}()
	test.run(ctx, c)
	return
}

// Runs the cases beside each other, and then those that look at what they have left behind.
func runAll(c *interop, only []string) tally {
	var t tally
	count := func(outcome string) {
		switch outcome {
		case "ok":
			t.passed++
		case "skip":
			t.skipped++
		default:
			t.failed++
		}
	}
	chosen := func(test testCase) bool { return len(only) == 0 || slices.Contains(only, test.name) }
	var mutex sync.Mutex
	var group sync.WaitGroup
	gate := make(chan struct{}, atOnce)
	for _, test := range slices.Concat(seedCases, activityCases, messageCases, lifecycleCases, visibilityCases, scheduleCases, restartCases) {
		if !chosen(test) {
			continue
		}
		gate <- struct{}{}
		group.Go(func() {
			defer func() { <-gate }()
			outcome := runOne(c, test)
			mutex.Lock()
			defer mutex.Unlock()
			count(outcome)
		})
	}
	group.Wait()
	for _, test := range slices.Concat(replayCases, timeSkippingCases) {
		if chosen(test) {
			count(runOne(c, test))
		}
	}
	return t
}
