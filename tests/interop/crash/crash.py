"""Kills a durable server with SIGKILL, again and again, under the load of a real SDK, and holds what the clients were
told against the histories.

    python crash.py --server target/release/steadfast --kills 100

What is checked, by the clients' own log:

* every start, signal, update and completion that was acknowledged is in the histories;
* nothing is there twice, and nothing that nobody asked for;
* every history is whole: dense ids, one start, one close at its end;
* every workflow finishes, with all that it was told.
"""

import argparse
import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "crash"
AT_ONCE = 12
SIGNALS = 4
UPDATES = 2
#: How long all workflows may take to finish once the killing is over.
CALM_SECONDS = 180


@activity.defn
async def note(word: str) -> str:
    return word


@workflow.defn
class Collect:
    """Notes every word it is told, until the last one."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.last = False

    @workflow.run
    async def run(self) -> list[str]:
        noted: list[str] = []
        while True:
            await workflow.wait_condition(lambda: self.last or len(self.words) > len(noted))
            if len(noted) == len(self.words):
                return noted
            noted.append(
                await workflow.execute_activity(
                    note, self.words[len(noted)], start_to_close_timeout=timedelta(seconds=5)
                )
            )

    @workflow.signal
    def tell(self, word: str) -> None:
        self.words.append(word)

    @workflow.update
    def ask(self, word: str) -> str:
        self.words.append(word)
        return f"noted {word}"

    @workflow.signal
    def finish(self) -> None:
        self.last = True


@dataclass
class Told:
    """What one workflow's client was told."""

    id: str
    run_id: str | None = None
    acknowledged: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    result: list[str] | None = None


class Server:
    """The server under test, in a directory that outlives it."""

    def __init__(self, program: str, data: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        self.command = [program, "serve", "--data", data, "--listen", self.address, "--log-level", "error"]
        self.process: subprocess.Popen[bytes] | None = None
        self.slowest = 0.0

    async def start(self) -> None:
        began = time.monotonic()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        if not line.startswith(b"serving on"):
            raise SystemExit(f"the server did not come back: {line!r}, exit code {self.process.wait()}")
        self.slowest = max(self.slowest, time.monotonic() - began)

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.poll() is not None:
            raise SystemExit(f"the server died by itself, exit code {self.process.returncode}")
        self.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self.process.wait)


async def one(client: Client, told: Told) -> None:
    """Starts a workflow, tells it words, and waits for its result; takes note of what is acknowledged."""
    while told.run_id is None:
        try:
            handle = await client.start_workflow(
                Collect.run,
                id=told.id,
                task_queue=QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
            told.run_id = handle.first_execution_run_id or handle.result_run_id
        except RPCError:
            await asyncio.sleep(0.1)
    handle = client.get_workflow_handle_for(Collect.run, told.id)
    for number in range(SIGNALS):
        word = f"{told.id}/{number}"
        try:
            await handle.signal(Collect.tell, word)
            told.acknowledged.append(word)
        except RPCError:
            # It may have arrived, and is not sent again: then twice would be right.
            told.unsure.append(word)
    for number in range(UPDATES):
        word = f"{told.id}/update-{number}"
        while word not in told.updated:
            try:
                # The same id is the same update, however often it is sent.
                answer = await handle.execute_update(Collect.ask, word, id=word)
            except RPCError:
                await asyncio.sleep(0.1)
                continue
            if answer != f"noted {word}":
                raise SystemExit(f"{word} was answered {answer!r}")
            told.updated.append(word)
    while True:
        try:
            await handle.signal(Collect.finish)
            break
        except RPCError as error:
            if "already completed" in str(error):
                break
            await asyncio.sleep(0.1)
    while told.result is None:
        try:
            told.result = await handle.result()
        except WorkflowFailureError as error:
            raise SystemExit(f"{told.id} failed: {error.cause!r}") from error
        except RPCError:
            await asyncio.sleep(0.1)


async def judge(client: Client, told: Told) -> list[str]:
    """What is wrong with the history of a workflow, in the light of what its client was told."""
    wrong: list[str] = []
    handle = client.get_workflow_handle(told.id)
    described = await handle.describe()
    if described.status != WorkflowExecutionStatus.COMPLETED:
        wrong.append(f"it is {described.status}")
    if described.run_id != told.run_id:
        wrong.append(f"run {told.run_id} was acknowledged, {described.run_id} is there")
    events = [event async for event in handle.fetch_history_events()]
    if [event.event_id for event in events] != list(range(1, len(events) + 1)):
        wrong.append("its event ids are not dense")
    kinds = [event.event_type for event in events]
    if kinds.count(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED) != 1 or (
        kinds[-1] != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED
    ):
        wrong.append("it does not have one start and one close")
    signalled = [
        event.workflow_execution_signaled_event_attributes.input.payloads[0].data.decode().strip('"')
        for event in events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        and event.workflow_execution_signaled_event_attributes.signal_name == "tell"
    ]
    for word in told.acknowledged:
        if signalled.count(word) != 1:
            wrong.append(f"{word} was acknowledged and is there {signalled.count(word)} times")
    for word in signalled:
        if signalled.count(word) > 1 or word not in told.acknowledged + told.unsure:
            wrong.append(f"{word} is there {signalled.count(word)} times")
    result = told.result or []
    accepted = [
        event.workflow_execution_update_accepted_event_attributes.accepted_request.meta.update_id
        for event in events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    ]
    if sorted(accepted) != sorted(told.updated):
        wrong.append(f"updates {told.updated} were acknowledged, {accepted} are there")
    for word in told.updated:
        if result.count(word) != 1:
            wrong.append(f"{word} was acknowledged and had effect {result.count(word)} times")
    by_signal = [word for word in result if word not in told.updated]
    if by_signal != signalled[: len(by_signal)]:
        wrong.append(f"its result {result} is not what it was told: {signalled}")
    if not set(told.acknowledged) <= set(told.result or []):
        wrong.append(f"its result lacks {set(told.acknowledged) - set(told.result or [])}")
    return [f"{told.id}: {what}" for what in wrong]


async def storm(server: Server, client: Client, kills: int, chance: random.Random) -> list[Told]:
    """Keeps so many workflows going while the server is killed; then lets them all finish."""
    everything: list[Told] = []
    running: set[asyncio.Task[None]] = set()
    over = asyncio.Event()

    async def killer() -> None:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.05, 0.8))
            await server.kill()
            await server.start()
        over.set()

    killing = asyncio.create_task(killer())
    while not over.is_set():
        if killing.done():
            killing.result()
        while len(running) < AT_ONCE:
            told = Told(f"crash-{len(everything)}")
            everything.append(told)
            running.add(asyncio.create_task(one(client, told)))
        done, running = await asyncio.wait(running, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    await killing
    await asyncio.wait_for(asyncio.gather(*running), CALM_SECONDS)
    return everything


async def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True, help="the program under test")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    data = tempfile.mkdtemp(prefix="steadfast-crash-")
    server = Server(asked.server, data)
    await server.start()
    level = TelemetryFilter(core_level="OFF", other_level="OFF")
    runtime = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=level)))
    client = await Client.connect(server.address, runtime=runtime)
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[Collect],
        activities=[note],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    began = time.monotonic()
    async with worker:
        everything = await storm(server, client, asked.kills, random.Random(asked.seed))
    lasted = time.monotonic() - began
    wrong = [what for told in everything for what in await judge(client, told)]
    for what in wrong[:20]:
        print(f"FAIL {what}")
    signals = sum(len(told.acknowledged) for told in everything)
    updates = sum(len(told.updated) for told in everything)
    unsure = sum(len(told.unsure) for told in everything)
    print(
        f"crash: {asked.kills} kills in {lasted:.0f} s, {len(everything)} workflows, {signals} signals"
        f" and {updates} updates acknowledged, {unsure} unsure; slowest start {server.slowest * 1000:.0f} ms; {len(wrong)} wrong"
    )
    await server.kill()
    if wrong:
        print(f"crash: the data is kept in {data}")
        return 1
    shutil.rmtree(data)
    return 0


if __name__ == "__main__":
    code = asyncio.run(main())
    sys.stdout.flush()
    # Not `sys.exit`: the SDK's threads may call into an interpreter that shuts down, which aborts the process.
    os._exit(code)
