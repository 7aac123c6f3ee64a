package main

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The workflows of all cases but the seeds' and those that change (see versions.go).

var (
	keyword = temporal.NewSearchAttributeKeyKeyword("CustomKeywordField")
	integer = temporal.NewSearchAttributeKeyInt64("CustomIntField")
	fast    = &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 2}
	once    = &temporal.RetryPolicy{MaximumAttempts: 1}
)

// Runs an activity with the options of most.
func does(ctx workflow.Context, result any, options workflow.ActivityOptions, name string, args ...any) error {
	if options.StartToCloseTimeout == 0 {
		options.StartToCloseTimeout = 30 * time.Second
	}
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), name, args...).Get(ctx, result)
}

func me(ctx workflow.Context) string { return workflow.GetInfo(ctx).WorkflowExecution.ID }

func retries(ctx workflow.Context, failures int) (attempt int, err error) {
	err = does(ctx, &attempt, workflow.ActivityOptions{RetryPolicy: fast}, "Flaky", failures)
	return
}

// Fails as its activity does: marked by the error, or named by the policy.
func nonRetryable(ctx workflow.Context, byError bool) error {
	policy := &temporal.RetryPolicy{
		InitialInterval:        100 * time.Millisecond,
		NonRetryableErrorTypes: []string{"Named"},
	}
	kind := "Named"
	if byError {
		kind = "Marked"
	}
	return does(ctx, nil, workflow.ActivityOptions{RetryPolicy: policy}, "Failing", kind, byError)
}

func timesOut(ctx workflow.Context, which string) error {
	options := map[string]workflow.ActivityOptions{
		"start-to-close":    {StartToCloseTimeout: time.Second, RetryPolicy: once},
		"schedule-to-close": {StartToCloseTimeout: 5 * time.Minute, ScheduleToCloseTimeout: time.Second},
		"schedule-to-start": {ScheduleToStartTimeout: time.Second, TaskQueue: "nobody-polls"},
		"heartbeat":         {HeartbeatTimeout: time.Second, RetryPolicy: once},
	}
	return does(ctx, nil, options[which], "Stuck")
}

func heartbeating(ctx workflow.Context, queue string) (answer string, err error) {
	options := workflow.ActivityOptions{TaskQueue: queue, HeartbeatTimeout: time.Second, RetryPolicy: fast}
	err = does(ctx, &answer, options, "Heartbeats", "halfway")
	return
}

// Cancels an activity on a signal, and says what came of it.
func cancelsActivity(ctx workflow.Context, how string) (string, error) {
	activity := "FailsWhenCancelled"
	if how == "WAIT_COMPLETED" {
		activity = "UntilCancelled"
	}
	cancellable, cancel := workflow.WithCancel(ctx)
	future := workflow.ExecuteActivity(workflow.WithActivityOptions(cancellable, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		HeartbeatTimeout:    10 * time.Second,
		WaitForCancellation: how != "TRY_CANCEL",
	}), activity)
	workflow.GetSignalChannel(ctx, "go").Receive(ctx, nil)
	cancel()
	var answer string
	err := future.Get(ctx, &answer)
	if temporal.IsCanceledError(err) {
		return "cancelled", nil
	}
	return answer, err
}

func asyncCompletion(ctx workflow.Context, key string) (results []string, err error) {
	var result string
	for _, id := range []string{"token", "id"} {
		options := workflow.ActivityOptions{ActivityID: "by-" + id}
		if err = does(ctx, &result, options, "Later", key+"-"+id); err != nil {
			return
		}
		results = append(results, result)
	}
	err = does(ctx, nil, workflow.ActivityOptions{RetryPolicy: once}, "Later", key+"-fails")
	var cause *temporal.ApplicationError
	if errors.As(err, &cause) {
		return append(results, cause.Message()), nil
	}
	return
}

func localActivities(ctx workflow.Context) ([]string, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 5 * time.Second, RetryPolicy: fast,
	})
	var a *activities
	var echoed string
	var attempt int
	if err := workflow.ExecuteLocalActivity(ctx, a.Echo, "local").Get(ctx, &echoed); err != nil {
		return nil, err
	}
	if err := workflow.ExecuteLocalActivity(ctx, a.Flaky, 2).Get(ctx, &attempt); err != nil {
		return nil, err
	}
	var cause *temporal.ApplicationError
	err := workflow.ExecuteLocalActivity(ctx, a.Failing, "Marked", true).Get(ctx, nil)
	if !errors.As(err, &cause) {
		return nil, err
	}
	return []string{echoed, fmt.Sprint(attempt), cause.Type()}, nil
}

// Puts what is sent into `items` until the workflow is closed.
func collect(ctx workflow.Context, items *[]string) error {
	*items = []string{}
	if err := workflow.SetQueryHandler(ctx, "held", func() ([]string, error) { return *items, nil }); err != nil {
		return err
	}
	puts := workflow.GetSignalChannel(ctx, "put")
	closes := workflow.GetSignalChannel(ctx, "close")
	closed := false
	receive := func(channel workflow.ReceiveChannel, _ bool) {
		var item string
		channel.Receive(ctx, &item)
		*items = append(*items, item)
	}
	selector := workflow.NewSelector(ctx).AddReceive(puts, receive)
	selector.AddReceive(closes, func(channel workflow.ReceiveChannel, _ bool) {
		channel.Receive(ctx, nil)
		closed = true
	})
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { closed = true })
	for !closed {
		selector.Select(ctx)
	}
	for puts.Len() > 0 {
		receive(puts, true)
	}
	return ctx.Err()
}

// Keeps what it is sent until it is closed, and returns it.
func mailbox(ctx workflow.Context) (items []string, err error) {
	err = workflow.SetQueryHandler(ctx, "broken", func() (string, error) {
		return "", errors.New("this query always fails")
	})
	if err != nil {
		return
	}
	err = collect(ctx, &items)
	return
}

// Is changed by updates.
func account(ctx workflow.Context) (balance int, err error) {
	released := false
	positive := workflow.UpdateHandlerOptions{Validator: func(amount int) error {
		if amount <= 0 {
			return temporal.NewApplicationError("must be positive", "Refused")
		}
		return nil
	}}
	deposit := func(ctx workflow.Context, amount int) (int, error) {
		err := does(ctx, &balance, workflow.ActivityOptions{}, "Echo", balance+amount)
		return balance, err
	}
	depositWhenReleased := func(ctx workflow.Context, amount int) (int, error) {
		err := workflow.Await(ctx, func() bool { return released })
		balance += amount
		return balance, err
	}
	overdraw := func(workflow.Context) error { return temporal.NewApplicationError("overdrawn", "Overdrawn") }
	err = errors.Join(
		workflow.SetUpdateHandlerWithOptions(ctx, "deposit", deposit, positive),
		workflow.SetUpdateHandler(ctx, "depositWhenReleased", depositWhenReleased),
		workflow.SetUpdateHandler(ctx, "overdraw", overdraw),
	)
	if err != nil {
		return
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		workflow.GetSignalChannel(ctx, "release").Receive(ctx, nil)
		released = true
	})
	workflow.GetSignalChannel(ctx, "close").Receive(ctx, nil)
	err = workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	return
}

// Signals and cancels another workflow, and says how signalling nobody ends.
func signalsOther(ctx workflow.Context, other string) (string, error) {
	if err := workflow.SignalExternalWorkflow(ctx, other, "", "put", "from outside").Get(ctx, nil); err != nil {
		return "", err
	}
	if err := workflow.RequestCancelExternalWorkflow(ctx, other, "").Get(ctx, nil); err != nil {
		return "", err
	}
	err := workflow.SignalExternalWorkflow(ctx, other+"-nobody", "", "put", "x").Get(ctx, nil)
	if err == nil {
		return "signalled nobody", nil
	}
	return fmt.Sprintf("%T", err), nil
}

func child(ctx workflow.Context, fails bool) (string, error) {
	if fails {
		return "", temporal.NewApplicationError("the child fails", "ChildFails")
	}
	return "child of " + workflow.GetInfo(ctx).ParentWorkflowExecution.ID, nil
}

func asChild(ctx workflow.Context, id string) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id})
}

func parent(ctx workflow.Context) (answers []string, err error) {
	id := me(ctx)
	var answer string
	if err = workflow.ExecuteChildWorkflow(asChild(ctx, id+"-child"), child, false).Get(ctx, &answer); err != nil {
		return
	}
	answers = append(answers, answer)
	err = workflow.ExecuteChildWorkflow(asChild(ctx, id+"-fails"), child, true).Get(ctx, nil)
	var cause *temporal.ApplicationError
	if errors.As(err, &cause) {
		answers = append(answers, cause.Type()+": "+cause.Message())
	}
	box := workflow.ExecuteChildWorkflow(asChild(ctx, id+"-mailbox"), mailbox)
	if err = box.SignalChildWorkflow(ctx, "put", "from the parent").Get(ctx, nil); err != nil {
		return
	}
	if err = box.SignalChildWorkflow(ctx, "close", nil).Get(ctx, nil); err != nil {
		return
	}
	var items []string
	if err = box.Get(ctx, &items); err != nil {
		return
	}
	answers = append(answers, items...)
	err = workflow.ExecuteChildWorkflow(asChild(ctx, id), child, false).Get(ctx, nil)
	var already *temporal.ChildWorkflowExecutionAlreadyStartedError
	answers = append(answers, fmt.Sprintf("already started: %t", errors.As(err, &already)))
	cancellable, cancel := workflow.WithCancel(ctx)
	cancelled := workflow.ExecuteChildWorkflow(asChild(cancellable, id+"-cancelled"), mailbox)
	if err = cancelled.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return
	}
	cancel()
	answers = append(answers, fmt.Sprintf("cancelled: %t", temporal.IsCanceledError(cancelled.Get(ctx, nil))))
	return answers, nil
}

var parentClosePolicies = map[string]enumspb.ParentClosePolicy{
	"TERMINATE":      enumspb.PARENT_CLOSE_POLICY_TERMINATE,
	"ABANDON":        enumspb.PARENT_CLOSE_POLICY_ABANDON,
	"REQUEST_CANCEL": enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
}

// Starts a child under each policy, and is closed before them.
func leaves(ctx workflow.Context) error {
	for _, name := range []string{"TERMINATE", "ABANDON", "REQUEST_CANCEL"} {
		child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID:        me(ctx) + "-" + name,
			ParentClosePolicy: parentClosePolicies[name],
		}), mailbox)
		if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func chain(ctx workflow.Context, left int, runs []string) ([]string, error) {
	runs = append(runs, workflow.GetInfo(ctx).WorkflowExecution.RunID)
	if left > 0 {
		return nil, workflow.NewContinueAsNewError(ctx, chain, left-1, runs)
	}
	return runs, nil
}

// Lets one timer fire and cancels a longer one.
func timers(ctx workflow.Context, milliseconds int) (string, error) {
	cancellable, cancel := workflow.WithCancel(ctx)
	long := workflow.NewTimer(cancellable, time.Hour)
	if err := workflow.Sleep(ctx, time.Duration(milliseconds)*time.Millisecond); err != nil {
		return "", err
	}
	cancel()
	if temporal.IsCanceledError(long.Get(ctx, nil)) {
		return "fired and cancelled", nil
	}
	return "fired twice", nil
}

// Waits to be cancelled, and cleans up in what cannot be.
func cleansUp(ctx workflow.Context) error {
	options := workflow.ActivityOptions{HeartbeatTimeout: 10 * time.Second, WaitForCancellation: true}
	err := does(ctx, nil, options, "FailsWhenCancelled")
	detached, _ := workflow.NewDisconnectedContext(ctx)
	if failure := does(detached, nil, workflow.ActivityOptions{}, "Echo", "cleaning"); failure != nil {
		return failure
	}
	return err
}

// Fails until the attempt that it is told.
func failsAtFirst(ctx workflow.Context, attempts int) (int, error) {
	attempt := int(workflow.GetInfo(ctx).Attempt)
	if attempt < attempts {
		return 0, temporal.NewApplicationError(fmt.Sprintf("attempt %d", attempt), "AtFirst")
	}
	return attempt, nil
}

func fails(workflow.Context) error {
	return temporal.NewApplicationError("it went wrong", "Wrong", map[string]int{"code": 42}, "more")
}

// One step, then what it is sent, then another step: for restarts in the middle.
func steps(ctx workflow.Context) (log []string, err error) {
	err = workflow.SetQueryHandler(ctx, "progress", func() ([]string, error) { return log, nil })
	if err != nil {
		return
	}
	var said string
	if err = does(ctx, &said, workflow.ActivityOptions{}, "Echo", "first"); err != nil {
		return
	}
	log = append(log, said)
	workflow.GetSignalChannel(ctx, "put").Receive(ctx, &said)
	log = append(log, said)
	if err = workflow.Sleep(ctx, 100*time.Millisecond); err != nil {
		return
	}
	err = does(ctx, &said, workflow.ActivityOptions{}, "Echo", "last")
	log = append(log, said)
	return
}

// Survives the death of its worker in the middle of its second activity.
func survives(ctx workflow.Context) (log []string, err error) {
	err = workflow.SetQueryHandler(ctx, "progress", func() ([]string, error) { return log, nil })
	if err != nil {
		return
	}
	var said string
	if err = does(ctx, &said, workflow.ActivityOptions{}, "Echo", "first"); err != nil {
		return
	}
	log = append(log, said)
	options := workflow.ActivityOptions{HeartbeatTimeout: 2 * time.Second, RetryPolicy: fast}
	err = does(ctx, &said, options, "Heartbeats", "before death")
	log = append(log, said)
	return
}

type attributesResult struct {
	Keyword string
	Int     int64
	Memo    []string
}

// Changes its search attributes, continues as new with them, and changes its memo.
func attributes(ctx workflow.Context, changed bool) (result attributesResult, err error) {
	if !changed {
		if err = workflow.UpsertTypedSearchAttributes(ctx, integer.ValueSet(7)); err != nil {
			return
		}
		return result, workflow.NewContinueAsNewError(ctx, attributes, true)
	}
	if err = workflow.UpsertMemo(ctx, map[string]any{"added": "later", "removed": nil}); err != nil {
		return
	}
	workflow.GetSignalChannel(ctx, "close").Receive(ctx, nil)
	all := workflow.GetTypedSearchAttributes(ctx)
	result.Keyword, _ = all.GetKeyword(keyword)
	result.Int, _ = all.GetInt64(integer)
	for _, name := range workflow.DeterministicKeys(workflow.GetInfo(ctx).Memo.Fields) {
		result.Memo = append(result.Memo, name)
	}
	return
}

// Counts on from what its last run has returned; the second run fails, and loses nothing.
func cron(ctx workflow.Context) (int, error) {
	last := 0
	if workflow.HasLastCompletionResult(ctx) {
		if err := workflow.GetLastCompletionResult(ctx, &last); err != nil {
			return 0, err
		}
	}
	if last == 1 && workflow.GetLastError(ctx) == nil {
		return 0, temporal.NewApplicationError("the second run fails", "Second")
	}
	return last + 1, nil
}

// Calls an activity that counts its calls, keeps what it is sent, and ends with both.
func resettable(ctx workflow.Context) ([]string, error) {
	var calls int
	if err := does(ctx, &calls, workflow.ActivityOptions{}, "CountCalls"); err != nil {
		return nil, err
	}
	var items []string
	err := collect(ctx, &items)
	return append([]string{fmt.Sprint(calls)}, items...), err
}

// Has an activity that fails for ever, a child and a timer.
func pending(ctx workflow.Context) error {
	box := workflow.ExecuteChildWorkflow(asChild(ctx, me(ctx)+"-child"), mailbox)
	options := workflow.ActivityOptions{
		HeartbeatTimeout: 20 * time.Second,
		RetryPolicy:      &temporal.RetryPolicy{MaximumAttempts: 9},
	}
	if err := box.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return err
	}
	workflow.NewTimer(ctx, time.Hour)
	return does(ctx, nil, options, "Never")
}

type patientResult struct {
	Attempt int
	Child   string
	Days    int
}

// Takes days: an activity that is retried after a day, a child that sleeps, and a month.
func patient(ctx workflow.Context) (result patientResult, err error) {
	began := workflow.Now(ctx)
	daily := &temporal.RetryPolicy{InitialInterval: 24 * time.Hour, BackoffCoefficient: 1}
	if err = does(ctx, &result.Attempt, workflow.ActivityOptions{RetryPolicy: daily}, "Flaky", 2); err != nil {
		return
	}
	half := int((30 * time.Minute).Milliseconds())
	if err = workflow.ExecuteChildWorkflow(asChild(ctx, me(ctx)+"-child"), timers, half).Get(ctx, &result.Child); err != nil {
		return
	}
	err = workflow.Sleep(ctx, 30*24*time.Hour)
	result.Days = int(workflow.Now(ctx).Sub(began) / (24 * time.Hour))
	return
}
