package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// Schedules.

func (c *interop) action(name string) *client.ScheduleWorkflowAction {
	return &client.ScheduleWorkflowAction{
		ID: c.id(name), Workflow: chain, Args: []any{0, []string{}}, TaskQueue: c.queue,
	}
}

func shown(ctx context.Context, handle client.ScheduleHandle) *client.ScheduleDescription {
	description, err := handle.Describe(ctx)
	no(err, "describe "+handle.GetID())
	return description
}

func every(interval time.Duration) client.ScheduleSpec {
	return client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: interval}}}
}

var scheduleCases = []testCase{
	{"schedule", func(ctx context.Context, c *interop) {
		made := client.ScheduleOptions{
			ID: c.id("schedule"), Spec: every(time.Second), Action: c.action("scheduled"), Note: "ours",
			Memo: map[string]any{"why": "interop"},
		}
		handle, err := c.client.ScheduleClient().Create(ctx, made)
		no(err, "create")
		_, err = c.client.ScheduleClient().Create(ctx, made)
		check(errors.Is(err, temporal.ErrScheduleAlreadyRunning), "created twice: %v", err)
		eventually(ctx, "two actions", func() bool { return shown(ctx, handle).Info.NumActions >= 2 })
		action := shown(ctx, handle).Info.RecentActions[0].StartWorkflowResult
		check(strings.HasPrefix(action.WorkflowID, c.id("scheduled")+"-"), "the id has the time")
		runs := result[[]string](ctx, c.client.GetWorkflow(ctx, action.WorkflowID, ""))
		equal(len(runs), 1, "the action ran")
		eventually(ctx, "the schedule is listed", func() bool {
			listed, err := c.client.ScheduleClient().List(ctx, client.ScheduleListOptions{})
			no(err, "list")
			for listed.HasNext() {
				row, err := listed.Next()
				no(err, "list")
				if row.ID == handle.GetID() {
					return true
				}
			}
			return false
		})

		no(handle.Pause(ctx, client.SchedulePauseOptions{Note: "enough"}), "pause")
		state := shown(ctx, handle).Schedule.State
		check(state.Paused && state.Note == "enough", "paused: %v", state)
		no(handle.Update(ctx, client.ScheduleUpdateOptions{
			DoUpdate: func(old client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
				changed := old.Description.Schedule
				spec := every(99 * 24 * time.Hour)
				changed.Spec = &spec
				return &client.ScheduleUpdate{Schedule: &changed}, nil
			},
		}), "update")
		no(handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: "go on"}), "unpause")
		changed := shown(ctx, handle)
		equal(changed.Schedule.Spec.Intervals[0].Every, 99*24*time.Hour, "updated")
		check(!changed.Schedule.State.Paused, "unpaused")
		all := enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL
		no(handle.Trigger(ctx, client.ScheduleTriggerOptions{Overlap: all}), "trigger")
		eventually(ctx, "the trigger's action", func() bool {
			return shown(ctx, handle).Info.NumActions > changed.Info.NumActions
		})
		no(handle.Delete(ctx), "delete")
		_, err = handle.Describe(ctx)
		as[*serviceerror.NotFound](err, "deleted")
	}},
	{"schedule-backfill", func(ctx context.Context, c *interop) {
		hourly := client.ScheduleCalendarSpec{Hour: []client.ScheduleRange{{Start: 0, End: 23}}}
		handle, err := c.client.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID: c.id("backfill"), Action: c.action("backfilled"), Paused: true,
			Spec: client.ScheduleSpec{Calendars: []client.ScheduleCalendarSpec{hourly}, TimeZoneName: "Europe/Berlin"},
		})
		no(err, "create")
		times := shown(ctx, handle).Info.NextActionTimes
		check(len(times) >= 2 && times[1].Sub(times[0]) == time.Hour, "hourly: %v", times)
		begin := time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)
		no(handle.Backfill(ctx, client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{{
			Start: begin, End: begin.Add(3 * time.Hour), Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
		}}}), "backfill")
		eventually(ctx, "an action for each hour", func() bool { return shown(ctx, handle).Info.NumActions == 3 })
		var ids, expected []string
		for n, action := range shown(ctx, handle).Info.RecentActions {
			ids = append(ids, action.StartWorkflowResult.WorkflowID)
			expected = append(expected, fmt.Sprintf("%s-2026-03-01T0%d:00:00Z", c.id("backfilled"), n+1))
		}
		slices.Sort(ids)
		equal(ids, expected, "the ids tell the times")
		no(handle.Delete(ctx), "delete")
	}},
}
