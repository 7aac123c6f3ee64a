package main

import (
	"context"
	"fmt"
	"slices"
)

// Three business workflows: an order, a trial, and a batch of orders.

var tea = []item{{"tea", 2}}

var seedCases = []testCase{
	{"order-fulfillment", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "order", orderFulfillment, "1", tea, 13)
		done := orderStatus{"completed", "pay-1", "track-1", false}
		equal(result[orderStatus](ctx, handle), done, "result")
		equal(query[orderStatus](ctx, c, handle.GetID(), "getOrderStatus"), done, "query after the end")
		equal(c.status(ctx, handle.GetID(), ""), "Completed", "status")
		equal(count(c.events(ctx, handle.GetID(), ""), "ActivityTaskScheduled"), 4, "activities")
	}},
	{"order-out-of-stock", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "no-stock", orderFulfillment, "2", []item{{"tea", 11}}, 42)
		equal(result[orderStatus](ctx, handle).Step, "out-of-stock", "step")
	}},
	{"order-cancelled", func(ctx context.Context, c *interop) {
		handle := c.start(ctx, "cancelled-order", orderFulfillment, "3", tea, 66)
		equal(result[orderStatus](ctx, handle), orderStatus{"refunding", "pay-3", "", true}, "result")
	}},
	{"subscription-trial", func(ctx context.Context, c *interop) {
		user := "user-" + c.run
		handle := c.start(ctx, "trial", subscriptionTrial, user, 1)
		eventually(ctx, "the mail at half time", func() bool {
			return slices.Contains(c.seeds.sent(user), "trial-halfway")
		})
		c.signal(ctx, handle.GetID(), "convertToPaying", map[string]string{"planId": "gold"})
		equal(result[string](ctx, handle), "converted", "result")
	}},
	{"batch-fulfillment", func(ctx context.Context, c *interop) {
		var orders []order
		for n, amount := range []int{42, -1, 13} {
			orders = append(orders, order{fmt.Sprintf("%s-%d", c.id("batch"), n), tea, amount})
		}
		handle := c.start(ctx, "batch", batchFulfillment, orders)
		equal(result[batchResult](ctx, handle), batchResult{3, 2, 1}, "result")
		equal(c.status(ctx, "order-"+orders[1].ID, ""), "Failed", "the refused order")
	}},
}
