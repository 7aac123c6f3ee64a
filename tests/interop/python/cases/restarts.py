"""Workers that come and go, with the same code and with other."""

import asyncio
import sys

import versions
from harness import Context, case, check, equal, eventually, events
from workflows import Steps, Survives


@case("worker-restart")
async def worker_restart(c: Context) -> None:
    """A worker stops in the middle, a signal comes while there is none, and another goes on."""
    queue = c.id("restart-queue")
    async with c.worker(queue, [Steps], identity="before"):
        handle = await c.start(Steps.run, id="restart", task_queue=queue)

        async def stepped() -> bool:
            return await handle.query(Steps.progress) == ["first"]

        await eventually(stepped, "the first step")
    await handle.signal(Steps.put, "meanwhile")
    async with c.worker(queue, [Steps], identity="after"):
        equal(await handle.result(), ["first", "meanwhile", "last"], "result")
        equal(await handle.query(Steps.progress), ["first", "meanwhile", "last"], "query")
    check("WORKFLOW_TASK_FAILED" not in await events(handle), "no task failed")


@case("worker-killed")
async def worker_killed(c: Context) -> None:
    """A worker is killed in the middle of an activity, holding a sticky workflow."""
    queue = c.id("killed-queue")
    doomed = await asyncio.create_subprocess_exec(
        sys.executable,
        sys.argv[0],
        "--address",
        c.address,
        "--namespace",
        c.namespace,
        "--out",
        c.out,
        "--worker",
        queue,
    )
    try:
        handle = await c.start(Survives.run, id="killed", task_queue=queue)

        async def told() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return len(pending) == 1 and len(pending[0].heartbeat_details.payloads) == 2

        await eventually(told, "the doomed worker's heartbeat")
    finally:
        doomed.kill()
        await doomed.wait()
    async with c.worker(queue, [Survives]):
        log = await handle.query(Survives.progress)
        equal(log[0], "first", "replayed for a query")
        equal(await handle.result(), ["first", "attempt 2 after before death"], "result")


@case("patch")
async def patch(c: Context) -> None:
    """Old histories go the old way on new code, new ones the new way, also when it is the only."""
    queue = c.id("patch-queue")

    async def task_done(handle: object) -> None:
        async def done() -> bool:
            return "WORKFLOW_TASK_COMPLETED" in await events(handle)  # type: ignore[arg-type]

        await eventually(done, "its first workflow task")

    async with c.worker(queue, versions.BEFORE):
        old = await c.start(versions.PatchedBefore.run, id="patch-old", task_queue=queue)
        await task_done(old)
    async with c.worker(queue, versions.AFTER):
        new = await c.start(versions.PatchedAfter.run, id="patch-new", task_queue=queue)
        await task_done(new)
        await old.signal(versions.Waits.proceed)
        equal(await old.result(), "old way", "the old history")
    async with c.worker(queue, versions.LAST):
        await new.signal(versions.Waits.proceed)
        equal(await new.result(), "new way", "the new history")
    equal((await events(old)).count("MARKER_RECORDED"), 0, "no marker in the old")
    equal((await events(new)).count("MARKER_RECORDED"), 1, "one in the new")


@case("workflow-task-failure")
async def workflow_task_failure(c: Context) -> None:
    """A bug in the code fails the task; with the code mended the workflow goes on."""
    queue = c.id("repair-queue")
    async with c.worker(queue, versions.BEFORE):
        handle = await c.start(
            versions.RepairedBefore.run, id="repair", task_queue=queue
        )

        async def failed() -> bool:
            pending = (await handle.describe()).raw_description.pending_workflow_task
            return pending.attempt >= 2

        await eventually(failed, "the task's failure")
    async with c.worker(queue, versions.AFTER):
        equal(await handle.result(), "repaired", "result")
    kinds = await events(handle)
    # A worker that is slow to start may time out instead.
    failures = kinds.count("WORKFLOW_TASK_FAILED") + kinds.count("WORKFLOW_TASK_TIMED_OUT")
    equal(failures, 1, "only the first failure is kept")
