"""The workflows of all cases but the seeds' and those that change (see versions.py)."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError
from temporalio.workflow import ActivityCancellationType, ParentClosePolicy

KEYWORD = SearchAttributeKey.for_keyword("CustomKeywordField")
INT = SearchAttributeKey.for_int("CustomIntField")

ONCE = RetryPolicy(maximum_attempts=1)
FAST = RetryPolicy(initial_interval=timedelta(milliseconds=100), backoff_coefficient=2)


def short(name: str, *args: Any, **options: Any) -> Any:
    options.setdefault("start_to_close_timeout", timedelta(seconds=30))
    return workflow.execute_activity(name, args=list(args), **options)


@workflow.defn(name="Retries")
class Retries:
    @workflow.run
    async def run(self, failures: int) -> int:
        return await short("flaky", failures, retry_policy=FAST)


@workflow.defn(name="NonRetryable")
class NonRetryable:
    """Fails as its activity does: marked by the error, or named by the policy."""

    @workflow.run
    async def run(self, by_error: bool) -> None:
        policy = RetryPolicy(
            initial_interval=timedelta(milliseconds=100), non_retryable_error_types=["Named"]
        )
        kind = "Marked" if by_error else "Named"
        await short("failing", kind, by_error, retry_policy=policy)


@workflow.defn(name="TimesOut")
class TimesOut:
    @workflow.run
    async def run(self, which: str) -> None:
        one = timedelta(seconds=1)
        long = timedelta(minutes=5)
        if which == "start-to-close":
            await short("stuck", start_to_close_timeout=one, retry_policy=ONCE)
        elif which == "schedule-to-close":
            await short("stuck", start_to_close_timeout=long, schedule_to_close_timeout=one)
        elif which == "schedule-to-start":
            await short("echo", 1, task_queue="nobody-polls", schedule_to_start_timeout=one)
        else:
            await short("stuck", heartbeat_timeout=one, retry_policy=ONCE)


@workflow.defn(name="Heartbeats")
class Heartbeats:
    @workflow.run
    async def run(self, queue: str) -> str:
        return await short(
            "heartbeats",
            "halfway",
            task_queue=queue,
            heartbeat_timeout=timedelta(seconds=1),
            retry_policy=FAST,
        )


@workflow.defn(name="CancelsActivity")
class CancelsActivity:
    """Cancels an activity on a signal, in each of the ways there are, and says what came of it."""

    def __init__(self) -> None:
        self.go = False

    @workflow.signal
    def cancel(self) -> None:
        self.go = True

    @workflow.run
    async def run(self, how: str) -> str:
        handle = workflow.start_activity(
            "untilCancelled" if how == "WAIT_COMPLETED" else "failsWhenCancelled",
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=10),
            cancellation_type=ActivityCancellationType.TRY_CANCEL
            if how == "TRY_CANCEL"
            else ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        await workflow.wait_condition(lambda: self.go)
        handle.cancel()
        try:
            return str(await handle)
        except ActivityError as error:
            return type(error.cause).__name__


@workflow.defn(name="AsyncCompletion")
class AsyncCompletion:
    @workflow.run
    async def run(self, key: str) -> list[str]:
        completed = await short("later", f"{key}-token", activity_id="by-token")
        by_id = await short("later", f"{key}-id", activity_id="by-id")
        try:
            await short("later", f"{key}-fails", activity_id="fails", retry_policy=ONCE)
        except ActivityError as error:
            assert isinstance(error.cause, ApplicationError)
            return [completed, by_id, error.cause.message]
        return []


@workflow.defn(name="LocalActivities")
class LocalActivities:
    @workflow.run
    async def run(self) -> list[Any]:
        once = await workflow.execute_local_activity(
            "echo", "local", start_to_close_timeout=timedelta(seconds=5)
        )
        retried = await workflow.execute_local_activity(
            "flaky", 2, start_to_close_timeout=timedelta(seconds=5), retry_policy=FAST
        )
        try:
            await workflow.execute_local_activity(
                "failing",
                args=["Marked", True],
                start_to_close_timeout=timedelta(seconds=5),
            )
        except (ActivityError, ApplicationError) as error:
            # Which of them it is depends on where the core of the SDK gives up.
            cause = error.cause if isinstance(error, ActivityError) else error
            assert isinstance(cause, ApplicationError)
            return [once, retried, cause.type]
        return []


@workflow.defn(name="Mailbox")
class Mailbox:
    """Keeps what it is sent until it is closed, and returns it."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.closed = False

    @workflow.signal
    def put(self, item: str) -> None:
        self.items.append(item)

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.query
    def held(self) -> list[str]:
        return self.items

    @workflow.query
    def broken(self) -> str:
        raise ValueError("this query always fails")

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self.closed)
        return self.items


@workflow.defn(name="Account")
class Account:
    """Is changed by updates."""

    def __init__(self) -> None:
        self.balance = 0
        self.released = False
        self.closed = False

    @workflow.signal
    def release(self) -> None:
        self.released = True

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.update
    async def deposit(self, amount: int) -> int:
        self.balance = await short("echo", self.balance + amount)
        return self.balance

    @deposit.validator
    def only_positive(self, amount: int) -> None:
        if amount <= 0:
            raise ApplicationError("must be positive", type="Refused")

    @workflow.update
    async def deposit_when_released(self, amount: int) -> int:
        await workflow.wait_condition(lambda: self.released)
        self.balance += amount
        return self.balance

    @workflow.update
    async def overdraw(self) -> None:
        raise ApplicationError("overdrawn", type="Overdrawn")

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.closed and workflow.all_handlers_finished())
        return self.balance


@workflow.defn(name="SignalsOther")
class SignalsOther:
    """Signals and cancels another workflow, and says how signalling nobody ends."""

    @workflow.run
    async def run(self, other: str) -> str:
        handle = workflow.get_external_workflow_handle(other)
        await handle.signal("put", "from outside")
        await handle.cancel()
        try:
            await workflow.get_external_workflow_handle(f"{other}-nobody").signal("put", "x")
        except ApplicationError as error:
            return error.message
        return "signalled nobody"


@workflow.defn(name="Child")
class Child:
    @workflow.run
    async def run(self, fails: bool) -> str:
        if fails:
            raise ApplicationError("the child fails", "detail", type="ChildFails")
        info = workflow.info()
        assert info.parent is not None
        return f"child of {info.parent.workflow_id}"


@workflow.defn(name="Parent")
class Parent:
    @workflow.run
    async def run(self) -> list[str]:
        me = workflow.info().workflow_id
        result = await workflow.execute_child_workflow(Child.run, False, id=f"{me}-child")
        answers = [result]
        try:
            await workflow.execute_child_workflow(Child.run, True, id=f"{me}-fails")
        except ChildWorkflowError as error:
            assert isinstance(error.cause, ApplicationError)
            answers.append(f"{error.cause.type}: {error.cause.message}")
        handle = await workflow.start_child_workflow(Mailbox.run, id=f"{me}-mailbox")
        await handle.signal(Mailbox.put, "from the parent")
        await handle.signal(Mailbox.close)
        answers += await handle
        try:
            await workflow.start_child_workflow(Child.run, False, id=me)
        except Exception as error:
            answers.append(type(error).__name__)
        handle = await workflow.start_child_workflow(Mailbox.run, id=f"{me}-cancelled")
        handle.cancel()
        try:
            await handle
        except ChildWorkflowError as error:
            answers.append(type(error.cause).__name__)
        return answers


@workflow.defn(name="Leaves")
class Leaves:
    """Starts a child under each policy, and is closed before them."""

    @workflow.run
    async def run(self) -> None:
        me = workflow.info().workflow_id
        for policy in (
            ParentClosePolicy.TERMINATE,
            ParentClosePolicy.ABANDON,
            ParentClosePolicy.REQUEST_CANCEL,
        ):
            await workflow.start_child_workflow(
                Mailbox.run, id=f"{me}-{policy.name}", parent_close_policy=policy
            )


@workflow.defn(name="Chain")
class Chain:
    @workflow.run
    async def run(self, left: int, runs: list[str]) -> list[str]:
        runs.append(workflow.info().run_id)
        if left > 0:
            workflow.continue_as_new(args=[left - 1, runs])
        return runs


@workflow.defn(name="Timers")
class Timers:
    """Lets one timer fire and cancels a longer one."""

    @workflow.run
    async def run(self, milliseconds: int) -> str:
        long = asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(milliseconds / 1000)
        long.cancel()
        try:
            await long
        except asyncio.CancelledError:
            return "fired and cancelled"
        return "fired twice"


@workflow.defn(name="CleansUp")
class CleansUp:
    """Waits to be cancelled, and cleans up in what cannot be."""

    @workflow.run
    async def run(self) -> str:
        try:
            await short(
                "failsWhenCancelled",
                heartbeat_timeout=timedelta(seconds=10),
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
        except (asyncio.CancelledError, ActivityError):
            await asyncio.shield(short("echo", "cleaning"))
            raise
        return "not cancelled"


@workflow.defn(name="FailsAtFirst")
class FailsAtFirst:
    """Fails until the attempt that it is told."""

    @workflow.run
    async def run(self, attempts: int) -> int:
        attempt = workflow.info().attempt
        if attempt < attempts:
            raise ApplicationError(f"attempt {attempt}", type="AtFirst")
        return attempt


@workflow.defn(name="Fails")
class Fails:
    @workflow.run
    async def run(self) -> None:
        raise ApplicationError("it went wrong", {"code": 42}, "more", type="Wrong")


@workflow.defn(name="Steps")
class Steps:
    """One step, then what it is sent, then another step: for restarts in the middle."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.sent: list[str] = []

    @workflow.signal
    def put(self, item: str) -> None:
        self.sent.append(item)

    @workflow.query
    def progress(self) -> list[Any]:
        return self.log

    @workflow.run
    async def run(self) -> list[Any]:
        self.log.append(await short("echo", "first"))
        await workflow.wait_condition(lambda: len(self.sent) > 0)
        self.log += self.sent
        await workflow.sleep(timedelta(milliseconds=100))
        self.log.append(await short("echo", "last"))
        return self.log


@workflow.defn(name="Survives")
class Survives:
    """Survives the death of its worker in the middle of its second activity."""

    def __init__(self) -> None:
        self.log: list[Any] = []

    @workflow.query
    def progress(self) -> list[Any]:
        return self.log

    @workflow.run
    async def run(self) -> list[Any]:
        self.log.append(await short("echo", "first"))
        self.log.append(
            await short(
                "heartbeats",
                "before death",
                heartbeat_timeout=timedelta(seconds=2),
                retry_policy=FAST,
            )
        )
        return self.log


@workflow.defn(name="Attributes")
class Attributes:
    """Changes its search attributes, continues as new with them, and changes its memo."""

    def __init__(self) -> None:
        self.closed = False

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.run
    async def run(self, changed: bool) -> list[Any]:
        if not changed:
            workflow.upsert_search_attributes([INT.value_set(7)])
            workflow.continue_as_new(True)
        workflow.upsert_memo({"added": "later", "removed": None})
        await workflow.wait_condition(lambda: self.closed)
        attributes = workflow.info().typed_search_attributes
        return [attributes.get(KEYWORD), attributes.get(INT), sorted(workflow.memo())]


@workflow.defn(name="Cron")
class Cron:
    """Counts on from what its last run has returned; the second run fails, and loses nothing."""

    @workflow.run
    async def run(self) -> int:
        last = workflow.get_last_completion_result(int) or 0
        failure = workflow.get_last_failure()
        if last == 1 and failure is None:
            raise ApplicationError("the second run fails")
        return last + 1


@workflow.defn(name="Resettable")
class Resettable:
    """Calls an activity that counts its calls, keeps what it is sent, and ends with both."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.closed = False

    @workflow.signal
    def put(self, item: str) -> None:
        self.items.append(item)

    @workflow.signal
    def close(self) -> None:
        self.closed = True

    @workflow.query
    def held(self) -> list[str]:
        return self.items

    @workflow.run
    async def run(self) -> list[Any]:
        calls = await short("countCalls")
        await workflow.wait_condition(lambda: self.closed)
        return [calls, *self.items]


@workflow.defn(name="Pending")
class Pending:
    """Has an activity that fails for ever, a child and a timer."""

    @workflow.run
    async def run(self) -> None:
        me = workflow.info().workflow_id
        child = await workflow.start_child_workflow(Mailbox.run, id=f"{me}-child")
        await asyncio.gather(
            child,
            workflow.execute_activity(
                "never",
                start_to_close_timeout=timedelta(seconds=30),
                heartbeat_timeout=timedelta(seconds=20),
                retry_policy=RetryPolicy(maximum_attempts=9),
                summary="an activity that is pending",
            ),
            asyncio.sleep(3600),
        )


@workflow.defn(name="Patient")
class Patient:
    """Takes days: an activity that is retried after a day, a child that sleeps, and an update."""

    def __init__(self) -> None:
        self.days = 0.0

    @workflow.query
    def slept(self) -> float:
        return self.days

    @workflow.run
    async def run(self) -> list[Any]:
        began = workflow.now()
        daily = RetryPolicy(initial_interval=timedelta(days=1), backoff_coefficient=1)
        attempt = await short("flaky", 2, retry_policy=daily)
        child = await workflow.execute_child_workflow(
            Timers.run, 86_400_000 // 48, id=f"{workflow.info().workflow_id}-child"
        )
        await workflow.sleep(timedelta(days=30))
        self.days = (workflow.now() - began) / timedelta(days=1)
        return [attempt, child, int(self.days)]


WORKFLOWS: list[type] = [
    Retries,
    NonRetryable,
    TimesOut,
    Heartbeats,
    CancelsActivity,
    AsyncCompletion,
    LocalActivities,
    Mailbox,
    Account,
    SignalsOther,
    Child,
    Parent,
    Leaves,
    Chain,
    Timers,
    CleansUp,
    FailsAtFirst,
    Fails,
    Steps,
    Survives,
    Attributes,
    Cron,
    Resettable,
    Pending,
    Patient,
]

