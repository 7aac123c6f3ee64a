"""Time skipping: the SDK's own test environment, with the server under test as its executable."""

import asyncio
from datetime import timedelta

from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities import ACTIVITIES
from harness import Context, Skip, case, check, equal
from seeds import SeedActivities, SubscriptionTrial
from workflows import Mailbox, Patient, Timers


async def environment(c: Context) -> WorkflowEnvironment:
    if c.test_server is None:
        raise Skip("no test server was given")
    return await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=c.test_server,
        test_server_startup_timeout=timedelta(seconds=120),
    )


def worker(env: WorkflowEnvironment, seeds: SeedActivities) -> Worker:
    return Worker(
        env.client,
        task_queue="skips",
        workflows=[SubscriptionTrial, Mailbox, Patient, Timers],
        activities=[*ACTIVITIES, *seeds.all()],
    )


@case("time-skipping", afterwards=True)
async def time_skipping(c: Context) -> None:
    async with await environment(c) as env:
        seeds = SeedActivities(env.client)
        async with worker(env, seeds):
            result = await env.client.execute_workflow(
                SubscriptionTrial.run, args=["late", 14], id="late", task_queue="skips"
            )
            equal(result, "expired", "nobody converts in 17 days")
            equal([mail for _, mail in seeds.mails], ["trial-started", "trial-halfway", "trial-expired"], "mails")
            began = await env.get_current_time()
            result = await env.client.execute_workflow(Patient.run, id="patient", task_queue="skips")
            equal(result, [3, "fired and cancelled", 32], "two retries, a child, and a month")
            took = await env.get_current_time() - began
            check(took >= timedelta(days=32), f"the clock of the server: {took}")


@case("time-skipping-manual", afterwards=True)
async def time_skipping_manual(c: Context) -> None:
    """Time goes on only as far as it is told to, while a workflow is being signalled."""
    async with await environment(c) as env:
        seeds = SeedActivities(env.client)
        async with worker(env, seeds):
            handle = await env.client.start_workflow(
                SubscriptionTrial.run, args=["grace", 2], id="grace", task_queue="skips"
            )
            await env.sleep(timedelta(days=3))

            async def expired() -> None:
                while ("grace", "trial-expired") not in seeds.mails:
                    await asyncio.sleep(0.05)

            await asyncio.wait_for(expired(), 60)
            await handle.signal(SubscriptionTrial.convert_to_paying, {"planId": "late"})
            equal(await handle.result(), "converted-grace-period", "result")
            mailbox = await env.client.start_workflow(Mailbox.run, id="box", task_queue="skips")
            with env.auto_time_skipping_disabled():
                await mailbox.signal(Mailbox.put, "x")
                await mailbox.signal(Mailbox.close)
                equal(await mailbox.result(), ["x"], "no skipping needed")
