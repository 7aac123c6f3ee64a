"""How workflows begin, go on, and end."""

import time

from temporalio.client import (
    RPCError,
    WorkflowContinuedAsNewError,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    TerminatedError,
    TimeoutError,
    WorkflowAlreadyStartedError,
)
from temporalio.service import RPCStatusCode

from harness import Context, case, check, equal, eventually, events, fails, seconds
from workflows import (
    Chain,
    CleansUp,
    Cron,
    Fails,
    FailsAtFirst,
    Leaves,
    Mailbox,
    Parent,
    Resettable,
    Timers,
)

Status = WorkflowExecutionStatus


@case("child")
async def child(c: Context) -> None:
    handle = await c.start(Parent.run, id="parent")
    equal(
        await handle.result(),
        [
            f"child of {handle.id}",
            "ChildFails: the child fails",
            "from the parent",
            "WorkflowAlreadyStartedError",
            "CancelledError",
        ],
        "result",
    )
    description = await c.client.get_workflow_handle(f"{handle.id}-child").describe()
    equal(description.parent_id, handle.id, "parent")


@case("child-parent-close")
async def child_parent_close(c: Context) -> None:
    handle = await c.start(Leaves.run, id="leaves")
    await handle.result()
    for policy, status in (("TERMINATE", Status.TERMINATED), ("REQUEST_CANCEL", Status.CANCELED)):
        left = c.client.get_workflow_handle(f"{handle.id}-{policy}")

        async def ended() -> bool:
            return (await left.describe()).status == status

        await eventually(ended, policy)
    abandoned = c.client.get_workflow_handle(f"{handle.id}-ABANDON", result_type=list[str])
    equal((await abandoned.describe()).status, Status.RUNNING, "the abandoned child")
    await abandoned.signal(Mailbox.close)
    equal(await abandoned.result(), [], "its result")


@case("continue-as-new")
async def continue_as_new(c: Context) -> None:
    handle = await c.start(Chain.run, 3, [], id="chain")
    runs = await handle.result()
    equal(len(set(runs)), 4, "runs")
    equal(runs[0], handle.first_execution_run_id, "the first")
    first = c.client.get_workflow_handle(handle.id, run_id=runs[0])
    equal((await first.describe()).status, Status.CONTINUED_AS_NEW, "status of the first")
    error = await fails(WorkflowContinuedAsNewError, first.result(follow_runs=False))
    equal(error.new_execution_run_id, runs[1], "the next run")


@case("timer")
async def timer(c: Context) -> None:
    began = time.monotonic()
    handle = await c.start(Timers.run, 500, id="timers")
    equal(await handle.result(), "fired and cancelled", "result")
    check(time.monotonic() - began >= 0.5, "not before its time")
    kinds = await events(handle)
    equal((kinds.count("TIMER_FIRED"), kinds.count("TIMER_CANCELED")), (1, 1), "events")


@case("cancel")
async def cancel(c: Context) -> None:
    handle = await c.start(CleansUp.run, id="cancel")

    async def running() -> bool:
        return len((await handle.describe()).raw_description.pending_activities) == 1

    await eventually(running, "the activity is scheduled")
    await handle.cancel()
    error = await fails(WorkflowFailureError, handle.result())
    check(isinstance(error.cause, CancelledError), repr(error.cause))
    equal((await handle.describe()).status, Status.CANCELED, "status")
    kinds = await events(handle)
    equal(kinds.count("ACTIVITY_TASK_CANCELED"), 1, "the activity ends first")
    equal(kinds.count("ACTIVITY_TASK_COMPLETED"), 1, "then the cleaning")
    equal(kinds.count("WORKFLOW_EXECUTION_CANCEL_REQUESTED"), 1, "the request")


@case("terminate")
async def terminate(c: Context) -> None:
    handle = await c.start(Mailbox.run, id="terminate")
    await handle.terminate("detail", reason="enough")
    error = await fails(WorkflowFailureError, handle.result())
    check(isinstance(error.cause, TerminatedError), repr(error.cause))
    equal((error.cause.message, list(error.cause.details)), ("enough", ["detail"]), "the reason")
    equal((await handle.describe()).status, Status.TERMINATED, "status")
    again = await fails(RPCError, handle.terminate())
    equal(again.status, RPCStatusCode.NOT_FOUND, "terminate twice")


@case("workflow-failure")
async def workflow_failure(c: Context) -> None:
    handle = await c.start(Fails.run, id="fails")
    error = await fails(WorkflowFailureError, handle.result())
    check(isinstance(error.cause, ApplicationError), repr(error.cause))
    equal((error.cause.type, error.cause.message), ("Wrong", "it went wrong"), "failure")
    equal(list(error.cause.details), [{"code": 42}, "more"], "details")


@case("workflow-retry")
async def workflow_retry(c: Context) -> None:
    policy = RetryPolicy(initial_interval=seconds(0.2), maximum_attempts=3)
    handle = await c.start(FailsAtFirst.run, 3, id="retry", retry_policy=policy)
    equal(await handle.result(), 3, "attempt")
    first = c.client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    equal((await first.describe()).status, Status.FAILED, "the first run")
    exhausted = await c.start(FailsAtFirst.run, 9, id="retry-exhausted", retry_policy=policy)
    error = await fails(WorkflowFailureError, exhausted.result())
    equal(error.cause.message, "attempt 3", "the last failure")


@case("workflow-timeout")
async def workflow_timeout(c: Context) -> None:
    for which in ("execution_timeout", "run_timeout"):
        handle = await c.start(Mailbox.run, id=which, **{which: seconds(1)})
        error = await fails(WorkflowFailureError, handle.result())
        check(isinstance(error.cause, TimeoutError), repr(error.cause))
        equal((await handle.describe()).status, Status.TIMED_OUT, which)


@case("start-delay")
async def start_delay(c: Context) -> None:
    began = time.monotonic()
    handle = await c.start(Chain.run, 0, [], id="delayed", start_delay=seconds(1))
    await handle.result()
    check(time.monotonic() - began >= 1, "not before the delay")
    signalled = await c.start(Mailbox.run, id="delayed-signal", start_delay=seconds(3600))
    await c.client.start_workflow(
        Mailbox.run, id=signalled.id, task_queue=c.queue, start_signal="close"
    )
    equal(await signalled.result(), [], "signal-with-start ends the delay")


@case("long-poll")
async def long_poll(c: Context) -> None:
    """The result is asked for long before it is there: longer than a poll of the server lasts."""
    handle = await c.start(Timers.run, 23_000, id="long")
    equal(await handle.result(), "fired and cancelled", "result")


@case("id-reuse")
async def id_reuse(c: Context) -> None:
    policies = WorkflowIDReusePolicy

    async def again(name: str, policy: WorkflowIDReusePolicy) -> None:
        handle = await c.start(Chain.run, 0, [], id=name, id_reuse_policy=policy)
        await handle.result()

    await again("reuse", policies.REJECT_DUPLICATE)
    await again("reuse", policies.ALLOW_DUPLICATE)
    for refused in (policies.ALLOW_DUPLICATE_FAILED_ONLY, policies.REJECT_DUPLICATE):
        await fails(WorkflowAlreadyStartedError, again("reuse", refused))
    failed = await c.start(Fails.run, id="reuse-failed")
    await fails(WorkflowFailureError, failed.result())
    await again("reuse-failed", policies.ALLOW_DUPLICATE_FAILED_ONLY)


@case("id-conflict")
async def id_conflict(c: Context) -> None:
    policies = WorkflowIDConflictPolicy
    first = await c.start(Mailbox.run, id="conflict")
    error = await fails(WorkflowAlreadyStartedError, c.start(Mailbox.run, id="conflict"))
    equal(error.run_id, first.first_execution_run_id, "the error names the run")
    same = await c.start(Mailbox.run, id="conflict", id_conflict_policy=policies.USE_EXISTING)
    equal(same.first_execution_run_id, first.first_execution_run_id, "use existing")
    other = await c.start(Mailbox.run, id="conflict", id_conflict_policy=policies.TERMINATE_EXISTING)
    check(other.first_execution_run_id != first.first_execution_run_id, "another run")
    old = c.client.get_workflow_handle(first.id, run_id=first.first_execution_run_id)
    equal((await old.describe()).status, Status.TERMINATED, "the existing one")
    await other.signal(Mailbox.close)
    equal(await other.result(), [], "result")


@case("cron")
async def cron(c: Context) -> None:
    handle = await c.start(Cron.run, id="cron", cron_schedule="@every 1s")

    async def fourth() -> bool:
        current = c.client.get_workflow_handle(handle.id)
        history = await current.fetch_history()
        started = history.events[0].workflow_execution_started_event_attributes
        carried = started.last_completion_result.payloads
        return len(carried) == 1 and carried[0].data == b"2"

    await eventually(fourth, "a run that goes on from 2")
    await c.client.get_workflow_handle(handle.id).terminate()
    first = c.client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    kinds = await events(first)
    equal(kinds[-1], "WORKFLOW_EXECUTION_COMPLETED", "each run ends by itself")
    closing = (await first.fetch_history()).events[-1]
    completed = closing.workflow_execution_completed_event_attributes
    check(completed.new_execution_run_id != "", "and names the next")


@case("reset")
async def reset(c: Context) -> None:
    from temporalio.api.common.v1 import WorkflowExecution
    from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

    handle = await c.start(Resettable.run, id="reset")
    await handle.signal(Resettable.put, "a")
    await handle.signal(Resettable.put, "b")
    equal(await handle.query(Resettable.held), ["a", "b"], "before")
    history = await handle.fetch_history()
    finished = [e.event_id for e in history.events if e.HasField("workflow_task_completed_event_attributes")]
    response = await c.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=c.namespace,
            workflow_execution=WorkflowExecution(
                workflow_id=handle.id, run_id=handle.first_execution_run_id
            ),
            reason="once more",
            workflow_task_finish_event_id=finished[0],
            request_id=c.id("reset"),
        )
    )
    old = c.client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    equal((await old.describe()).status, Status.TERMINATED, "the old run")
    again = c.client.get_workflow_handle(handle.id, run_id=response.run_id, result_type=list[str | int])
    c.started.append(again)
    await again.signal(Resettable.close)
    equal(await again.result(), [2, "a", "b"], "the activity ran again, the signals are still there")


@case("not-found")
async def not_found(c: Context) -> None:
    handle = c.client.get_workflow_handle(c.id("nobody"))
    for awaitable in (handle.describe(), handle.signal("x"), handle.cancel(), handle.result()):
        error = await fails(RPCError, awaitable)
        equal(error.status, RPCStatusCode.NOT_FOUND, "status")
    stranger = await c.connect(namespace="no-such-namespace")
    error = await fails(RPCError, stranger.start_workflow("X", id="x", task_queue="x"))
    equal(error.status, RPCStatusCode.NOT_FOUND, "an unknown namespace")
