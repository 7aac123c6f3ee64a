"""The activities of all cases but the seeds'. What a case has to learn of one, it finds in `Seen`."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError


class Seen:
    """What the activities of this process have met, for the cases to look at."""

    tokens: dict[str, bytes] = {}
    calls: Counter[str] = Counter()


@activity.defn(name="echo")
async def echo(value: Any) -> Any:
    return value


@activity.defn(name="countCalls")
async def count_calls() -> int:
    """How often this workflow id has called it, in whichever run."""
    me = activity.info().workflow_id or ""
    Seen.calls[me] += 1
    return Seen.calls[me]


@activity.defn(name="flaky")
async def flaky(failures: int) -> int:
    """Fails that often, and then returns the attempt that succeeded."""
    attempt = activity.info().attempt
    if attempt <= failures:
        raise ApplicationError(f"attempt {attempt}", f"detail {attempt}", type="Flaky")
    return attempt


@activity.defn(name="failing")
async def failing(kind: str, non_retryable: bool) -> None:
    raise ApplicationError("no", {"code": 7}, type=kind, non_retryable=non_retryable)


@activity.defn(name="stuck")
async def stuck() -> None:
    """Never heeds anything: only a timeout of the server's ends it."""
    await asyncio.Event().wait()


@activity.defn(name="heartbeats")
async def heartbeats(progress: str) -> str:
    """The first attempt tells its progress and hangs; the next says what it was told, and by whom."""
    info = activity.info()
    if info.attempt == 1:
        activity.heartbeat(progress, activity.info().task_queue)
        await asyncio.Event().wait()
    return f"attempt {info.attempt} after {list(info.heartbeat_details)[0]}"


@activity.defn(name="untilCancelled")
async def until_cancelled() -> str:
    try:
        while True:
            activity.heartbeat("working")
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        return "cleaned up"


@activity.defn(name="failsWhenCancelled")
async def fails_when_cancelled() -> None:
    while True:
        activity.heartbeat("working")
        await asyncio.sleep(0.1)


@activity.defn(name="later")
async def later(key: str) -> str:
    """Is completed by somebody else, by token."""
    Seen.tokens[key] = activity.info().task_token
    activity.raise_complete_async()


@activity.defn(name="never")
async def never() -> None:
    """Fails for ever, slowly: for what is said about a pending activity."""
    activity.heartbeat("so far")
    raise ApplicationError("not yet", type="NotYet", next_retry_delay=timedelta(hours=1))


ACTIVITIES: list[Any] = [
    echo,
    count_calls,
    flaky,
    failing,
    stuck,
    heartbeats,
    until_cancelled,
    fails_when_cancelled,
    later,
    never,
]
