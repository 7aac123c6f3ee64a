package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Three business workflows, in Go: an order, a trial, and a batch of orders.

type item struct {
	Sku string `json:"sku"`
	Qty int    `json:"qty"`
}

type orderStatus struct {
	Step           string `json:"step"`
	PaymentID      string `json:"paymentId,omitempty"`
	TrackingNumber string `json:"trackingNumber,omitempty"`
	Cancelled      bool   `json:"cancelled"`
}

func orderFulfillment(ctx workflow.Context, orderID string, items []item, amount int) (status orderStatus, err error) {
	status.Step = "started"
	err = workflow.SetQueryHandler(ctx, "getOrderStatus", func() (orderStatus, error) { return status, nil })
	if err != nil {
		return
	}
	cancelled := workflow.GetSignalChannel(ctx, "cancelOrder")
	heed := func() bool {
		var reason string
		for cancelled.ReceiveAsync(&reason) {
			status.Cancelled = true
			status.Step = "cancelled: " + reason
		}
		return status.Cancelled
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:        50 * time.Millisecond,
			BackoffCoefficient:     2,
			MaximumAttempts:        5,
			MaximumInterval:        30 * time.Second,
			NonRetryableErrorTypes: []string{"InvalidOrderError"},
		},
	})
	does := func(result any, name string, args ...any) error {
		return workflow.ExecuteActivity(ctx, name, args...).Get(ctx, result)
	}

	status.Step = "reserving-inventory"
	var reserved bool
	if err = does(&reserved, "ReserveInventory", items); err != nil {
		return
	}
	if !reserved {
		status.Step = "out-of-stock"
		return status, does(nil, "SendEmail", "customer@example.com", "out-of-stock")
	}
	if heed() {
		return
	}
	status.Step = "charging-payment"
	if err = does(&status.PaymentID, "ChargePayment", orderID, amount); err != nil {
		return
	}
	if heed() {
		status.Step = "refunding"
		return status, does(nil, "RefundPayment", status.PaymentID)
	}
	status.Step = "generating-shipping-label"
	if err = does(&status.TrackingNumber, "GenerateShippingLabel", orderID); err != nil {
		return
	}
	status.Step = "sending-confirmation"
	if err = does(nil, "SendEmail", "customer@example.com", "order-shipped"); err != nil {
		return
	}
	status.Step = "completed"
	return
}

func subscriptionTrial(ctx workflow.Context, userID string, trialDays int) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 3},
	})
	const day = 24 * time.Hour
	does := func(name string, args ...any) error {
		return workflow.ExecuteActivity(ctx, name, args...).Get(ctx, nil)
	}
	plan := ""
	workflow.Go(ctx, func(ctx workflow.Context) {
		var data map[string]string
		workflow.GetSignalChannel(ctx, "convertToPaying").Receive(ctx, &data)
		plan = data["planId"]
	})
	converts := func(days int) (bool, error) {
		return workflow.AwaitWithTimeout(ctx, time.Duration(days)*day, func() bool { return plan != "" })
	}

	if err := does("SendEmail", userID, "trial-started"); err != nil {
		return "", err
	}
	if err := workflow.Sleep(ctx, time.Duration(trialDays/2)*day); err != nil {
		return "", err
	}
	if plan == "" {
		if err := does("SendEmail", userID, "trial-halfway"); err != nil {
			return "", err
		}
	}
	if converted, err := converts((trialDays + 1) / 2); converted || err != nil {
		if err == nil {
			err = does("ActivateSubscription", userID, plan)
		}
		if err == nil {
			err = does("SendEmail", userID, "subscription-activated")
		}
		return "converted", err
	}
	if err := does("SendEmail", userID, "trial-expired"); err != nil {
		return "", err
	}
	if converted, err := converts(3); converted || err != nil {
		if err == nil {
			err = does("ActivateSubscription", userID, plan)
		}
		return "converted-grace-period", err
	}
	return "expired", does("DeactivateAccount", userID)
}

type order struct {
	ID     string `json:"id"`
	Items  []item `json:"items"`
	Amount int    `json:"amount"`
}

type batchResult struct{ Total, Succeeded, Failed int }

func batchFulfillment(ctx workflow.Context, orders []order) (batchResult, error) {
	var children []workflow.ChildWorkflowFuture
	for _, order := range orders {
		ctx := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: "order-" + order.ID})
		children = append(children, workflow.ExecuteChildWorkflow(ctx, orderFulfillment, order.ID, order.Items, order.Amount))
	}
	result := batchResult{Total: len(orders)}
	for _, child := range children {
		if child.Get(ctx, nil) == nil {
			result.Succeeded++
		} else {
			result.Failed++
		}
	}
	return result, nil
}

type mail struct{ to, template string }

// What the workflows do to the world.
type seedActivities struct {
	client client.Client
	mutex  sync.Mutex
	mails  []mail
}

func (s *seedActivities) sent(to string) (templates []string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, mail := range s.mails {
		if mail.to == to {
			templates = append(templates, mail.template)
		}
	}
	return
}

func (*seedActivities) ReserveInventory(_ context.Context, items []item) (bool, error) {
	for _, item := range items {
		if item.Qty > 10 {
			return false, nil
		}
	}
	return true, nil
}

// Refuses negative amounts; 13 is declined once; 66 makes the customer cancel meanwhile.
func (s *seedActivities) ChargePayment(ctx context.Context, orderID string, amount int) (string, error) {
	info := activity.GetInfo(ctx)
	switch {
	case amount < 0:
		return "", temporal.NewApplicationError("a negative amount", "InvalidOrderError")
	case amount == 13 && info.Attempt == 1:
		return "", temporal.NewApplicationError("declined", "Declined")
	case amount == 66:
		err := s.client.SignalWorkflow(ctx, info.WorkflowExecution.ID, "", "cancelOrder", "changed my mind")
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("pay-%s", orderID), nil
}

func (*seedActivities) RefundPayment(context.Context, string) error { return nil }

func (*seedActivities) GenerateShippingLabel(ctx context.Context, orderID string) (string, error) {
	activity.RecordHeartbeat(ctx, "generating-label")
	activity.RecordHeartbeat(ctx, "uploading-label")
	return "track-" + orderID, nil
}

func (s *seedActivities) SendEmail(_ context.Context, to, template string) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.mails = append(s.mails, mail{to, template})
	return nil
}

func (*seedActivities) ActivateSubscription(context.Context, string, string) error { return nil }

func (*seedActivities) DeactivateAccount(context.Context, string) error { return nil }
