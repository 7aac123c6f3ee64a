"""Runs the cases of tests/interop with Temporal's official Python SDK against a server.

    main.py --address HOST:PORT --namespace NAME --out DIR [--test-server PATH] [--only CASE,…]

Prints `ok NAME`, `FAIL NAME: why` or `skip NAME: why` for each, and a last line with the counts.
Exit code 1 if one failed.
"""

import argparse
import asyncio
import logging
import os
import sys
import uuid

from cases import (  # noqa: F401  (they register themselves)
    activities,
    lifecycle,
    messages,
    replays,
    restarts,
    schedules,
    seeds,
    time_skipping,
    visibility,
)
from harness import Context, connect, run_all, seconds
from seeds import SeedActivities
from workflows import Survives


async def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--test-server")
    parser.add_argument("--only", default="")
    parser.add_argument("--worker", help="only a worker of this task queue, until killed")
    options = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)

    client = await connect(options.address, options.namespace)
    context = Context(
        client=client,
        namespace=options.namespace,
        address=options.address,
        queue=f"python-{uuid.uuid4().hex[:8]}",
        out=options.out,
        seeds=SeedActivities(client),
        test_server=options.test_server,
    )
    if options.worker:
        await context.worker(
            options.worker, [Survives], sticky_queue_schedule_to_start_timeout=seconds(1)
        ).run()
        return 0
    async with context.worker(context.queue):
        only = [name for name in options.only.split(",") if name]
        tally = await run_all(context, only)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 0 if tally.failed == 0 and tally.passed > 0 else 1


if __name__ == "__main__":
    code = asyncio.run(main())
    sys.stdout.flush()
    # Not `sys.exit`: the SDK's threads may call into an interpreter that shuts down, which aborts the process.
    os._exit(code)
