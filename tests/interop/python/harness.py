"""Runs cases beside each other, and says of each in one line how it went."""

import asyncio
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.worker import Worker

from activities import ACTIVITIES
from seeds import WORKFLOWS as SEEDS
from seeds import SeedActivities
from workflows import WORKFLOWS

#: How long a case may take on a machine that is busy with other things.
CASE_LIMIT_SECONDS = 300
#: How long a condition is waited for that the case itself has brought about.
EVENTUALLY_SECONDS = 60
AT_ONCE = 8


async def connect(address: str, namespace: str) -> Client:
    # The SDK's warnings are about failures that the cases bring about on purpose.
    level = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    runtime = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=level)))
    return await Client.connect(address, namespace=namespace, runtime=runtime)


class Skip(Exception):
    """The case cannot be run here; says why."""


@dataclass
class Context:
    """What a case works with. `queue` is polled by the worker of this program."""

    client: Client
    namespace: str
    address: str
    queue: str
    out: str
    seeds: SeedActivities
    test_server: str | None
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    started: list[WorkflowHandle[Any, Any]] = field(default_factory=list)

    async def connect(self, namespace: str | None = None) -> Client:
        """A connection of its own."""
        return await connect(self.address, namespace or self.namespace)

    def id(self, name: str) -> str:
        return f"python-{self.run}-{name}"

    async def start(self, workflow: Any, *args: Any, id: str, **options: Any) -> Any:
        """Starts a workflow whose whole history is replayed at the end."""
        options.setdefault("task_queue", self.queue)
        handle = await self.client.start_workflow(workflow, args=list(args), id=self.id(id), **options)
        self.started.append(handle)
        return handle

    def worker(self, queue: str, workflows: list[type] | None = None, **options: Any) -> Worker:
        return Worker(
            self.client,
            task_queue=queue,
            workflows=SEEDS + WORKFLOWS if workflows is None else workflows,
            activities=[*ACTIVITIES, *self.seeds.all()],
            **options,
        )


type_of_case = Callable[[Context], Awaitable[None]]
CASES: dict[str, type_of_case] = {}
#: Cases that look at what the others have left behind.
AFTERWARDS: dict[str, type_of_case] = {}


def case(name: str, afterwards: bool = False) -> Callable[[type_of_case], type_of_case]:
    def register(run: type_of_case) -> type_of_case:
        assert name not in CASES and name not in AFTERWARDS, name
        (AFTERWARDS if afterwards else CASES)[name] = run
        return run

    return register


def equal(actual: Any, expected: Any, what: str) -> None:
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def check(holds: Any, what: str) -> None:
    if not holds:
        raise AssertionError(what)


async def fails(with_type: type[Exception], awaitable: Awaitable[Any]) -> Any:
    """The exception that it must end with."""
    try:
        result = await awaitable
    except with_type as error:
        return error
    raise AssertionError(f"expected {with_type.__name__}, got the result {result!r}")


async def eventually(probe: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What the probe returns, as soon as it is true."""
    limit = time.monotonic() + EVENTUALLY_SECONDS
    while time.monotonic() < limit:
        value = await probe()
        if value:
            return value
        await asyncio.sleep(0.1)
    raise AssertionError(f"never came to pass: {what}")


async def events(handle: WorkflowHandle[Any, Any]) -> list[str]:
    """The types of a workflow's events, without the common prefix."""
    from temporalio.api.enums.v1 import EventType

    history = await handle.fetch_history()
    prefix = len("EVENT_TYPE_")
    return [EventType.Name(event.event_type)[prefix:] for event in history.events]


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def chain(error: BaseException | None) -> str:
    """An error, and what it says of its causes."""
    told = []
    while error is not None and len(told) < 5:
        told.append(str(error))
        error = getattr(error, "cause", None)
    return " / ".join(told)


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0


async def run_one(name: str, run: type_of_case, context: Context, tally: Tally) -> None:
    try:
        await asyncio.wait_for(run(context), CASE_LIMIT_SECONDS)
    except Skip as why:
        tally.skipped += 1
        print(f"skip {name}: {why}", flush=True)
    except Exception as error:
        tally.failed += 1
        why = " ".join(chain(error).split()) or "took too long"
        print(f"FAIL {name}: {type(error).__name__}: {why[:600]}", flush=True)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        print(f"     {frame.filename}:{frame.lineno}", flush=True)
    else:
        tally.passed += 1
        print(f"ok {name}", flush=True)


async def run_all(context: Context, only: list[str]) -> Tally:
    tally = Tally()
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(name: str, run: type_of_case) -> None:
        async with gate:
            await run_one(name, run, context, tally)

    chosen = {name: run for name, run in CASES.items() if not only or name in only}
    await asyncio.gather(*(gated(name, run) for name, run in chosen.items()))
    for name, run in AFTERWARDS.items():
        if not only or name in only:
            await run_one(name, run, context, tally)
    return tally
