"""Schedules."""

from datetime import datetime, timedelta, timezone

from temporalio.client import (
    RPCError,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleBackfill,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCStatusCode

from harness import Context, case, check, equal, eventually, fails
from workflows import Chain


def action(c: Context, name: str) -> ScheduleActionStartWorkflow:
    return ScheduleActionStartWorkflow(Chain.run, args=[0, []], id=c.id(name), task_queue=c.queue)


@case("schedule")
async def schedule(c: Context) -> None:
    every = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=1))])
    id = c.id("schedule")
    made = Schedule(action=action(c, "scheduled"), spec=every, state=ScheduleState(note="ours"))
    handle = await c.client.create_schedule(id, made, memo={"why": "interop"})
    await fails(ScheduleAlreadyRunningError, c.client.create_schedule(id, made))

    async def twice() -> bool:
        return (await handle.describe()).info.num_actions >= 2

    await eventually(twice, "two actions")
    description = await handle.describe()
    started = description.info.recent_actions[0].action
    equal(started.workflow_id.startswith(f"{c.id('scheduled')}-"), True, "the id has the time")
    result = await c.client.get_workflow_handle(started.workflow_id).result()
    equal(len(result), 1, "the action ran")

    async def listed() -> bool:
        listing = await c.client.list_schedules()
        return id in [row.id async for row in listing]

    await eventually(listed, "the schedule is listed")

    await handle.pause(note="enough")
    description = await handle.describe()
    equal((description.schedule.state.paused, description.schedule.state.note), (True, "enough"), "paused")

    async def change(old: ScheduleUpdateInput) -> ScheduleUpdate:
        changed = old.description.schedule
        changed.spec = ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(days=99))])
        return ScheduleUpdate(schedule=changed)

    await handle.update(change)
    await handle.unpause(note="go on")
    description = await handle.describe()
    equal(description.schedule.spec.intervals[0].every, timedelta(days=99), "updated")
    equal(description.schedule.state.paused, False, "unpaused")
    before = description.info.num_actions
    await handle.trigger(overlap=ScheduleOverlapPolicy.ALLOW_ALL)

    async def triggered() -> bool:
        return (await handle.describe()).info.num_actions > before

    await eventually(triggered, "the trigger's action")
    await handle.delete()
    error = await fails(RPCError, handle.describe())
    equal(error.status, RPCStatusCode.NOT_FOUND, "deleted")


@case("schedule-backfill")
async def schedule_backfill(c: Context) -> None:
    hourly = ScheduleCalendarSpec(
        minute=[ScheduleRange(0)], second=[ScheduleRange(0)], hour=[ScheduleRange(0, 23)]
    )
    paused = Schedule(
        action=action(c, "backfilled"),
        spec=ScheduleSpec(calendars=[hourly], time_zone_name="Europe/Berlin"),
        state=ScheduleState(paused=True),
    )
    handle = await c.client.create_schedule(c.id("backfill"), paused)
    description = await handle.describe()
    times = description.info.next_action_times
    check(len(times) >= 2 and times[1] - times[0] == timedelta(hours=1), f"hourly: {times}")
    begin = datetime(2026, 3, 1, 0, 30, tzinfo=timezone.utc)
    await handle.backfill(
        ScheduleBackfill(
            start_at=begin,
            end_at=begin + timedelta(hours=3),
            overlap=ScheduleOverlapPolicy.ALLOW_ALL,
        )
    )

    async def three() -> bool:
        return (await handle.describe()).info.num_actions == 3

    await eventually(three, "an action for each hour")
    ids = sorted(a.action.workflow_id for a in (await handle.describe()).info.recent_actions)
    equal(
        ids,
        [f"{c.id('backfilled')}-2026-03-01T0{hour}:00:00Z" for hour in (1, 2, 3)],
        "the ids tell the times",
    )
    await handle.delete()
