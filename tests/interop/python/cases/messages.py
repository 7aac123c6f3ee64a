"""Queries, signals and updates."""

from temporalio.client import (
    RPCError,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import QueryRejectCondition, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCStatusCode

from harness import Context, case, check, equal, eventually, events, fails
from workflows import Account, Mailbox, SignalsOther


@case("query")
async def query(c: Context) -> None:
    handle = await c.start(Mailbox.run, id="query")
    equal(await handle.query(Mailbox.held), [], "before any signal")
    await handle.signal(Mailbox.put, "a")
    equal(await handle.query(Mailbox.held), ["a"], "a query sees the signal before it")
    await fails(WorkflowQueryFailedError, handle.query("unknown"))
    error = await fails(WorkflowQueryFailedError, handle.query(Mailbox.broken))
    check("always fails" in str(error), str(error))
    await handle.signal(Mailbox.close)
    equal(await handle.result(), ["a"], "result")
    equal(await handle.query(Mailbox.held), ["a"], "a closed workflow answers")
    await fails(
        WorkflowQueryRejectedError,
        handle.query(Mailbox.held, reject_condition=QueryRejectCondition.NOT_OPEN),
    )
    check("WORKFLOW_TASK_FAILED" not in await events(handle), "queries leave no trace")


@case("signal")
async def signal(c: Context) -> None:
    handle = await c.start(Mailbox.run, id="signal")
    sent = [str(n) for n in range(20)]
    for item in sent:
        await handle.signal(Mailbox.put, item)
    await handle.signal("nobody-handles-this", 1)
    await handle.signal(Mailbox.close)
    equal(await handle.result(), sent, "all, in order")
    equal((await events(handle)).count("WORKFLOW_EXECUTION_SIGNALED"), 22, "events")
    error = await fails(RPCError, handle.signal(Mailbox.put, "late"))
    equal(error.status, RPCStatusCode.NOT_FOUND, "signal after the end")


@case("signal-with-start")
async def signal_with_start(c: Context) -> None:
    options = {"id": "signal-start", "start_signal": "put"}
    first = await c.start(Mailbox.run, start_signal_args=["a"], **options)
    second = await c.client.start_workflow(
        Mailbox.run,
        id=first.id,
        task_queue=c.queue,
        start_signal="put",
        start_signal_args=["b"],
    )
    equal(second.first_execution_run_id, first.first_execution_run_id, "the same run")
    await first.signal(Mailbox.close)
    equal(await first.result(), ["a", "b"], "result")


@case("signal-external")
async def signal_external(c: Context) -> None:
    other = await c.start(Mailbox.run, id="other")
    handle = await c.start(SignalsOther.run, other.id, id="signals-other")
    answer = await handle.result()
    check("not found" in answer, answer)
    equal(await other.query(Mailbox.held), ["from outside"], "the other has it")

    async def cancelled() -> bool:
        return (await other.describe()).status == WorkflowExecutionStatus.CANCELED

    await eventually(cancelled, "the other is cancelled")


@case("update")
async def update(c: Context) -> None:
    handle = await c.start(Account.run, id="account")
    equal(await handle.execute_update(Account.deposit, 5), 5, "first")
    error = await fails(WorkflowUpdateFailedError, handle.execute_update(Account.deposit, -1))
    check(isinstance(error.cause, ApplicationError), repr(error.cause))
    equal(error.cause.type, "Refused", "the validator's error")
    equal(await handle.execute_update(Account.deposit, 2, id="second"), 7, "second")
    equal(await handle.execute_update(Account.deposit, 2, id="second"), 7, "the same id, once more")
    error = await fails(WorkflowUpdateFailedError, handle.execute_update(Account.overdraw))
    equal(error.cause.type, "Overdrawn", "the handler's error")
    await fails(WorkflowUpdateFailedError, handle.execute_update("unknown"))
    await handle.signal(Account.close)
    equal(await handle.result(), 7, "result")
    kinds = await events(handle)
    equal(kinds.count("WORKFLOW_EXECUTION_UPDATE_ACCEPTED"), 3, "a refused update leaves no event")
    equal(kinds.count("WORKFLOW_EXECUTION_UPDATE_COMPLETED"), 3, "completions")
    await fails(RPCError, handle.execute_update(Account.deposit, 1))


@case("update-wait-stages")
async def update_wait_stages(c: Context) -> None:
    handle = await c.start(Account.run, id="stages")
    accepted = await handle.start_update(
        Account.deposit_when_released, 3, wait_for_stage=WorkflowUpdateStage.ACCEPTED, id="waits"
    )
    check("WORKFLOW_EXECUTION_UPDATE_ACCEPTED" in await events(handle), "accepted means durable")
    await handle.signal(Account.release)
    equal(await accepted.result(), 3, "the result is waited for")
    again = handle.get_update_handle("waits", result_type=int)
    equal(await again.result(), 3, "and polled for by anybody")
    completed = await handle.start_update(
        Account.deposit, 4, wait_for_stage=WorkflowUpdateStage.COMPLETED
    )
    equal(await completed.result(), 7, "completed")
    await handle.signal(Account.close)
    equal(await handle.result(), 7, "result")


@case("update-with-start")
async def update_with_start(c: Context) -> None:
    async def deposit(amount: int) -> tuple[int, str]:
        operation = WithStartWorkflowOperation(
            Account.run,
            id=c.id("update-start"),
            task_queue=c.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        balance = await c.client.execute_update_with_start_workflow(
            Account.deposit, amount, start_workflow_operation=operation
        )
        handle = await operation.workflow_handle()
        return balance, str(handle.first_execution_run_id)

    first, run = await deposit(1)
    second, same = await deposit(2)
    equal((first, second), (1, 3), "balances")
    equal(same, run, "the same run")
    handle = c.client.get_workflow_handle(c.id("update-start"), run_id=run)
    c.started.append(handle)
    await handle.signal(Account.close)
    equal(await handle.result(), 3, "result")
