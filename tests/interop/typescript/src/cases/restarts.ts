/** Workers that come and go, with the same code and with other. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { WorkflowHandle } from '@temporalio/client';
import { check, equal, eventually, events, testCase } from '../harness';
import { patchedFlow, proceedSignal, repaired } from '../workflows/after';
import * as flows from '../workflows/basics';

testCase('worker-restart', async (c) => {
  // A worker stops in the middle, a signal comes while there is none, and another goes on.
  const queue = c.id('restart-queue');
  const before = await c.worker(queue, 'index', { identity: 'before' });
  const handle = await before.runUntil(async () => {
    const handle = await c.start(flows.steps, 'restart', [], { taskQueue: queue });
    const stepped = async () => (await handle.query(flows.progressQuery)).length === 1;
    await eventually(stepped, 'the first step');
    return handle;
  });
  await handle.signal(flows.putSignal, 'meanwhile');
  const after = await c.worker(queue, 'index', { identity: 'after' });
  await after.runUntil(async () => {
    const log = ['first', 'meanwhile', 'last'];
    equal(await handle.result(), log, 'result');
    equal(await handle.query(flows.progressQuery), log, 'query');
  });
  check(!(await events(handle)).includes('WORKFLOW_TASK_FAILED'), 'no task failed');
});

testCase('worker-killed', async (c) => {
  // A worker is killed in the middle of an activity, holding a sticky workflow.
  const queue = c.id('killed-queue');
  const options = ['--address', c.address, '--namespace', c.namespace, '--out', c.out, '--worker', queue];
  const doomed = spawn(process.execPath, [process.argv[1], ...options], { stdio: 'ignore' });
  const handle = await c.start(flows.survives, 'killed', [], { taskQueue: queue });
  try {
    await eventually(async () => {
      const { pendingActivities } = (await handle.describe()).raw;
      return pendingActivities?.length === 1 && pendingActivities[0].heartbeatDetails?.payloads?.length === 1;
    }, "the doomed worker's heartbeat");
  } finally {
    const gone = once(doomed, 'exit');
    doomed.kill('SIGKILL');
    await gone;
  }
  const worker = await c.worker(queue);
  await worker.runUntil(async () => {
    equal((await handle.query(flows.progressQuery))[0], 'first', 'replayed for a query');
    equal(await handle.result(), ['first', 'attempt 2 after before death'], 'result');
  });
});

testCase('patch', async (c) => {
  // Old histories go the old way on new code, new ones the new way, also when it is the only.
  const queue = c.id('patch-queue');
  const begun = (handle: WorkflowHandle<typeof patchedFlow>) =>
    eventually(async () => (await events(handle)).includes('WORKFLOW_TASK_COMPLETED'), 'its first workflow task');
  const before = await c.worker(queue, 'before');
  const old = await before.runUntil(async () => {
    const old = await c.start(patchedFlow, 'patch-old', [], { taskQueue: queue });
    await begun(old);
    return old;
  });
  const after = await c.worker(queue, 'after');
  const fresh = await after.runUntil(async () => {
    const fresh = await c.start(patchedFlow, 'patch-new', [], { taskQueue: queue });
    await begun(fresh);
    await old.signal(proceedSignal);
    equal(await old.result(), 'old way', 'the old history');
    return fresh;
  });
  const last = await c.worker(queue, 'last');
  await last.runUntil(async () => {
    await fresh.signal(proceedSignal);
    equal(await fresh.result(), 'new way', 'the new history');
  });
  check(!(await events(old)).includes('MARKER_RECORDED'), 'no marker in the old');
  check((await events(fresh)).includes('MARKER_RECORDED'), 'one in the new');
});

testCase('workflow-task-failure', async (c) => {
  // A bug in the code fails the task; with the code mended the workflow goes on.
  const queue = c.id('repair-queue');
  const before = await c.worker(queue, 'before');
  const handle = await before.runUntil(async () => {
    const handle = await c.start(repaired, 'repair', [], { taskQueue: queue });
    const failed = async () => ((await handle.describe()).raw.pendingWorkflowTask?.attempt ?? 0) >= 2;
    await eventually(failed, "the task's failure");
    return handle;
  });
  const after = await c.worker(queue, 'after');
  await after.runUntil(async () => equal(await handle.result(), 'repaired', 'result'));
  // A worker that is slow to start may time out instead.
  const failures = (await events(handle)).filter((kind) => /^WORKFLOW_TASK_(FAILED|TIMED_OUT)$/.test(kind));
  equal(failures.length, 1, 'only the first failure is kept');
});
