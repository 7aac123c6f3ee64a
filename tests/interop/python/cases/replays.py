"""Histories: fetched, written down, read again, and replayed by the SDK's own replayer."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

import seeds
import versions
import workflows
from harness import Context, case, check, equal


@case("replay", afterwards=True)
async def replay(c: Context) -> None:
    """Everything that the cases have started replays, from JSON, with the newest code."""
    out = Path(c.out)
    out.mkdir(parents=True, exist_ok=True)
    replayer = Replayer(workflows=seeds.WORKFLOWS + workflows.WORKFLOWS + versions.AFTER)
    histories: list[WorkflowHistory] = []
    for handle in c.started:
        run = handle.run_id or handle.first_execution_run_id
        history = await c.client.get_workflow_handle(handle.id, run_id=run).fetch_history()
        text = history.to_json()
        (out / f"{handle.id}-{run}.json").write_text(text)
        again = WorkflowHistory.from_json(handle.id, text)
        equal(len(again.events), len(json.loads(text)["events"]), "events")
        equal(again.events, history.events, "JSON keeps everything")
        histories.append(again)
    check(histories, "nothing to replay")

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    results = await replayer.replay_workflows(each(), raise_on_replay_failure=False)
    equal(list(results.replay_failures.items()), [], "what did not replay")


@case("replay-changed-code", afterwards=True)
async def replay_changed_code(c: Context) -> None:
    """The replayer refuses a history that the code does not fit."""
    patched = [handle for handle in c.started if handle.id.endswith("patch-old")]
    check(patched, "the case `patch` left no history")
    history = await patched[0].fetch_history()
    replayer = Replayer(workflows=versions.WRONG)
    outcome = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    check(outcome.replay_failure is not None, "it was accepted")
    check("ondeterminism" in repr(outcome.replay_failure), repr(outcome.replay_failure))
