"""Workflows whose code changes while they run: the build before, the one after, and later ones."""

from datetime import timedelta

from temporalio import workflow


def echo(value: str) -> object:
    return workflow.execute_activity("echo", value, start_to_close_timeout=timedelta(seconds=30))


class Waits:
    def __init__(self) -> None:
        self.go = False

    @workflow.signal
    def proceed(self) -> None:
        self.go = True


@workflow.defn(name="Patched")
class PatchedBefore(Waits):
    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self.go)
        return str(await echo("old way"))


@workflow.defn(name="Patched")
class PatchedAfter(Waits):
    @workflow.run
    async def run(self) -> str:
        if workflow.patched("another-way"):
            await echo("extra step")
            await workflow.wait_condition(lambda: self.go)
            return str(await echo("new way"))
        await workflow.wait_condition(lambda: self.go)
        return str(await echo("old way"))


@workflow.defn(name="Patched")
class PatchedLast(Waits):
    """Supposes that no run from before the patch is left."""

    @workflow.run
    async def run(self) -> str:
        workflow.deprecate_patch("another-way")
        await echo("extra step")
        await workflow.wait_condition(lambda: self.go)
        return str(await echo("new way"))


@workflow.defn(name="Patched")
class PatchedWrongly(Waits):
    """Changed without a patch: no history of the others fits it."""

    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(timedelta(seconds=1))
        return "unpatched"


@workflow.defn(name="Repaired")
class RepairedBefore(Waits):
    @workflow.run
    async def run(self) -> str:
        raise RuntimeError("a bug, which fails the task and not the workflow")


@workflow.defn(name="Repaired")
class RepairedAfter(Waits):
    @workflow.run
    async def run(self) -> str:
        return "repaired"


BEFORE: list[type] = [PatchedBefore, RepairedBefore]
AFTER: list[type] = [PatchedAfter, RepairedAfter]
LAST: list[type] = [PatchedLast, RepairedAfter]
WRONG: list[type] = [PatchedWrongly]
