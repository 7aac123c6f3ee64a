"""Memos, search attributes, lists and descriptions."""

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from harness import Context, case, check, equal, eventually
from workflows import INT, KEYWORD, Attributes, Chain, Mailbox, Pending


async def found(client: Client, query: str, count: int) -> list[str]:
    """The ids of what a list query finds, as soon as it finds so many."""

    async def enough() -> list[str] | None:
        ids = [row.id async for row in client.list_workflows(query, page_size=2)]
        return ids if len(ids) == count else None

    return list(await eventually(enough, f"{count} of {query}")) if count else []


@case("memo")
async def memo(c: Context) -> None:
    handle = await c.start(Mailbox.run, id="memo", memo={"who": "me", "deep": {"n": [1, 2]}})
    kept = await (await handle.describe()).memo()
    equal(kept, {"who": "me", "deep": {"n": [1, 2]}}, "described")
    await found(c.client, f"WorkflowId = '{handle.id}'", 1)
    async for row in c.client.list_workflows(f"WorkflowId = '{handle.id}'"):
        equal(await row.memo_value("who"), "me", "listed")
    await handle.signal(Mailbox.close)
    await handle.result()


@case("search-attributes")
async def search_attributes(c: Context) -> None:
    value = c.id("attribute")
    pair = TypedSearchAttributes([SearchAttributePair(KEYWORD, value)])
    handle = await c.start(
        Attributes.run, False, id="attributes", search_attributes=pair, memo={"kept": 1, "removed": 2}
    )
    query = f"CustomKeywordField = '{value}' AND CustomIntField BETWEEN 6 AND 8"
    await found(c.client, f"{query} AND ExecutionStatus = 'Running'", 1)
    description = await handle.describe()
    attributes = description.typed_search_attributes
    equal((attributes.get(KEYWORD), attributes.get(INT)), (value, 7), "described")

    async def changed() -> bool:
        return sorted(await (await handle.describe()).memo()) == ["added", "kept"]

    await eventually(changed, "the memo is changed")
    await handle.signal(Attributes.close)
    equal(await handle.result(), [value, 7, ["added", "kept"]], "as the workflow saw them")
    await found(c.client, f"{query} AND ExecutionStatus = 'ContinuedAsNew'", 1)
    equal((await c.client.count_workflows(query)).count, 2, "count")


@case("list")
async def listing(c: Context) -> None:
    prefix = c.id("list")
    running = [await c.start(Mailbox.run, id=f"list-{n}") for n in range(3)]
    done = [await c.start(Chain.run, 0, [], id=f"list-done-{n}") for n in range(2)]
    for handle in done:
        await handle.result()
    mine = f"WorkflowId STARTS_WITH '{prefix}'"
    everything = await found(c.client, mine, 5)
    equal(len(set(everything)), 5, "each once, over pages of two")
    ids = await found(c.client, f"{mine} AND ExecutionStatus = 'Running'", 3)
    equal(set(ids), {handle.id for handle in running}, "running")
    await found(c.client, f"{mine} AND WorkflowType IN ('Chain', 'Other')", 2)
    await found(c.client, f"{mine} AND CloseTime IS NOT NULL AND HistoryLength > 2", 2)
    await found(c.client, f"WorkflowId = '{running[0].id}' OR WorkflowId = '{done[0].id}'", 2)
    groups = await c.client.count_workflows(f"{mine} GROUP BY ExecutionStatus")
    counts = {str(group.group_values[0]): group.count for group in groups.groups}
    equal(counts, {"Running": 3, "Completed": 2}, "groups")
    for handle in running:
        await handle.terminate()
    await found(c.client, f"{mine} AND ExecutionStatus = 'Terminated'", 3)


@case("describe")
async def describe(c: Context) -> None:
    handle = await c.start(
        Pending.run, id="pending", static_summary="what it is", static_details="and *more*"
    )

    async def failed_once() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return len(pending) == 1 and pending[0].attempt == 2

    await eventually(failed_once, "the activity's first failure")
    description = await handle.describe()
    equal(description.status, WorkflowExecutionStatus.RUNNING, "status")
    equal(description.task_queue, c.queue, "task queue")
    equal(await description.static_summary(), "what it is", "summary")
    equal(await description.static_details(), "and *more*", "details")
    raw = description.raw_description
    activity = raw.pending_activities[0]
    equal(activity.activity_type.name, "never", "activity type")
    equal(activity.state, PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED, "state")
    equal(activity.last_failure.message, "not yet", "last failure")
    equal(activity.maximum_attempts, 9, "maximum attempts")
    equal(activity.heartbeat_details.payloads[0].data, b'"so far"', "heartbeat")
    check(activity.HasField("next_attempt_schedule_time"), "when it is tried again")
    equal([child.workflow_id for child in raw.pending_children], [f"{handle.id}-child"], "children")
    await handle.terminate()
