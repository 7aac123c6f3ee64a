"""Activities: retries, failures, timeouts, heartbeats, cancellation, completion from outside."""

import time

from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, TimeoutType
from temporalio.worker import Worker

from activities import ACTIVITIES, Seen
from harness import Context, case, check, equal, eventually, events, fails
from workflows import (
    AsyncCompletion,
    CancelsActivity,
    Heartbeats,
    LocalActivities,
    NonRetryable,
    Retries,
    TimesOut,
)


@case("activity-retry")
async def activity_retry(c: Context) -> None:
    began = time.monotonic()
    handle = await c.start(Retries.run, 3, id="retries")
    equal(await handle.result(), 4, "the attempt that succeeded")
    check(time.monotonic() - began >= 0.7, "the intervals are 0.1, 0.2 and 0.4 s")
    history = await handle.fetch_history()
    started = [e for e in history.events if e.HasField("activity_task_started_event_attributes")]
    equal(len(started), 1, "only the last attempt is in the history")
    attributes = started[0].activity_task_started_event_attributes
    equal(attributes.attempt, 4, "attempt")
    equal(attributes.last_failure.message, "attempt 3", "last failure")


@case("activity-non-retryable")
async def activity_non_retryable(c: Context) -> None:
    for by_error, kind in ((True, "Marked"), (False, "Named")):
        handle = await c.start(NonRetryable.run, by_error, id=f"non-retryable-{kind}")
        error = await fails(WorkflowFailureError, handle.result())
        check(isinstance(error.cause, ActivityError), f"cause is {error.cause!r}")
        cause = error.cause.cause
        check(isinstance(cause, ApplicationError), f"its cause is {cause!r}")
        equal((cause.type, cause.message), (kind, "no"), "failure")
        equal(list(cause.details), [{"code": 7}], "details")
        equal(error.cause.activity_type, "failing", "activity type")


@case("activity-timeout")
async def activity_timeout(c: Context) -> None:
    kinds = {
        "start-to-close": TimeoutType.START_TO_CLOSE,
        "schedule-to-close": TimeoutType.SCHEDULE_TO_CLOSE,
        "schedule-to-start": TimeoutType.SCHEDULE_TO_START,
        "heartbeat": TimeoutType.HEARTBEAT,
    }
    for which, kind in kinds.items():
        handle = await c.start(TimesOut.run, which, id=f"times-out-{which}")
        error = await fails(WorkflowFailureError, handle.result())
        cause = error.cause.cause
        check(isinstance(cause, TimeoutError), f"{which}: cause is {cause!r}")
        if which == "schedule-to-close" and cause.cause is not None:
            cause = cause.cause if isinstance(cause.cause, TimeoutError) else cause
        check(cause.type == kind, f"{which}: {cause.type}")


@case("heartbeat-timeout")
async def heartbeat_timeout(c: Context) -> None:
    """The second attempt runs on another worker, and is told what the first one said last."""
    queue = c.id("heartbeat-queue")

    async def only_activities(identity: str) -> Worker:
        # A client of its own: the SDK refuses two workers of one queue on the same.
        return Worker(
            await c.connect(),
            task_queue=queue,
            activities=ACTIVITIES,
            identity=identity,
            max_concurrent_activities=1,
        )

    handle = await c.start(Heartbeats.run, queue, id="heartbeats")
    async with await only_activities("the first"):

        async def told() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return len(pending) == 1 and len(pending[0].heartbeat_details.payloads) == 2

        await eventually(told, "a heartbeat of the first attempt")
        async with await only_activities("the second"):
            equal(await handle.result(), "attempt 2 after halfway", "result")
    history = await handle.fetch_history()
    started = [
        e.activity_task_started_event_attributes
        for e in history.events
        if e.HasField("activity_task_started_event_attributes")
    ]
    equal([s.identity for s in started], ["the second"], "worker")
    check(started[0].last_failure.HasField("timeout_failure_info"), "the last failure is a timeout")


@case("activity-cancel")
async def activity_cancel(c: Context) -> None:
    outcomes = {
        "WAIT_COMPLETED": "cleaned up",
        "WAIT_CANCELLED": "CancelledError",
        "TRY_CANCEL": "CancelledError",
    }
    for how, outcome in outcomes.items():
        handle = await c.start(CancelsActivity.run, how, id=f"cancels-{how}")

        async def running() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return len(pending) == 1 and len(pending[0].heartbeat_details.payloads) == 1

        await eventually(running, "the activity's heartbeat")
        await handle.signal(CancelsActivity.cancel)
        equal(await handle.result(), outcome, how)
        check("ACTIVITY_TASK_CANCEL_REQUESTED" in await events(handle), "the request is an event")


@case("async-completion")
async def async_completion(c: Context) -> None:
    key = c.id("async")
    handle = await c.start(AsyncCompletion.run, key, id="async")

    async def token(name: str) -> bytes:
        async def known() -> bytes | None:
            return Seen.tokens.get(f"{key}-{name}")

        return bytes(await eventually(known, f"the token {name}"))

    by_token = c.client.get_async_activity_handle(task_token=await token("token"))
    await by_token.heartbeat("nearly")
    await by_token.complete("one")
    await token("id")
    by_id = c.client.get_async_activity_handle(
        workflow_id=handle.id, run_id=handle.result_run_id, activity_id="by-id"
    )
    await by_id.heartbeat("nearly")
    await by_id.complete("two")
    failing = c.client.get_async_activity_handle(task_token=await token("fails"))
    await failing.fail(ApplicationError("failed from outside"))
    equal(await handle.result(), ["one", "two", "failed from outside"], "result")
    await fails(Exception, by_token.complete("again"))


@case("local-activity")
async def local_activity(c: Context) -> None:
    handle = await c.start(LocalActivities.run, id="local")
    equal(await handle.result(), ["local", 3, "Marked"], "result")
    kinds = await events(handle)
    equal(kinds.count("MARKER_RECORDED"), 3, "markers")
    check("ACTIVITY_TASK_SCHEDULED" not in kinds, "nothing is scheduled on the server")
    equal((await handle.describe()).status, WorkflowExecutionStatus.COMPLETED, "status")
