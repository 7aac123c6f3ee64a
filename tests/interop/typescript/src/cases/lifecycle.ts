/** How workflows begin, go on, and end. */
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import {
  Client,
  WorkflowContinuedAsNewError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { WorkflowIdReusePolicy } from '@temporalio/common';
import { check, equal, eventually, events, failure, testCase } from '../harness';
import * as flows from '../workflows/basics';

const count = (kinds: string[], kind: string) => kinds.filter((k) => k === kind).length;

testCase('child', async (c) => {
  const handle = await c.start(flows.parent, 'parent', []);
  equal(
    await handle.result(),
    [
      `child of ${handle.workflowId}`,
      'ChildFails: the child fails',
      'from the parent',
      'WorkflowExecutionAlreadyStartedError',
      'CancelledFailure',
    ],
    'result',
  );
  const { parentExecution } = await c.client.workflow.getHandle(`${handle.workflowId}-child`).describe();
  equal(parentExecution?.workflowId, handle.workflowId, 'parent');
});

testCase('child-parent-close', async (c) => {
  const handle = await c.start(flows.leaves, 'leaves', []);
  await handle.result();
  for (const [policy, status] of [['TERMINATE', 'TERMINATED'], ['REQUEST_CANCEL', 'CANCELLED']]) {
    const left = c.client.workflow.getHandle(`${handle.workflowId}-${policy}`);
    await eventually(async () => (await left.describe()).status.name === status, policy);
  }
  const abandoned = c.client.workflow.getHandle<typeof flows.mailbox>(`${handle.workflowId}-ABANDON`);
  equal((await abandoned.describe()).status.name, 'RUNNING', 'the abandoned child');
  await abandoned.signal(flows.closeSignal);
  equal(await abandoned.result(), [], 'its result');
});

testCase('continue-as-new', async (c) => {
  const handle = await c.start(flows.chain, 'chain', [3, []]);
  const runs = await handle.result();
  equal(new Set(runs).size, 4, 'runs');
  equal(runs[0], handle.firstExecutionRunId, 'the first');
  const first = c.client.workflow.getHandle(handle.workflowId, runs[0], { followRuns: false });
  equal((await first.describe()).status.name, 'CONTINUED_AS_NEW', 'status of the first');
  const error = await failure(WorkflowContinuedAsNewError, first.result());
  equal(error.newExecutionRunId, runs[1], 'the next run');
});

testCase('timer', async (c) => {
  const began = Date.now();
  const handle = await c.start(flows.timers, 'timers', [500]);
  equal(await handle.result(), 'fired and cancelled', 'result');
  check(Date.now() - began >= 500, 'not before its time');
  const kinds = await events(handle);
  equal([count(kinds, 'TIMER_FIRED'), count(kinds, 'TIMER_CANCELED')], [1, 1], 'events');
});

testCase('cancel', async (c) => {
  const handle = await c.start(flows.cleansUp, 'cancel', []);
  await eventually(async () => (await handle.describe()).raw.pendingActivities?.length === 1, 'its activity');
  await handle.cancel();
  const { cause } = await failure(WorkflowFailedError, handle.result());
  check(cause instanceof CancelledFailure, `${cause}`);
  equal((await handle.describe()).status.name, 'CANCELLED', 'status');
  const kinds = await events(handle);
  equal(count(kinds, 'ACTIVITY_TASK_CANCELED'), 1, 'the activity ends first');
  equal(count(kinds, 'ACTIVITY_TASK_COMPLETED'), 1, 'then the cleaning');
  equal(count(kinds, 'WORKFLOW_EXECUTION_CANCEL_REQUESTED'), 1, 'the request');
});

testCase('terminate', async (c) => {
  const handle = await c.start(flows.mailbox, 'terminate', []);
  await handle.terminate('enough');
  const { cause } = await failure(WorkflowFailedError, handle.result());
  check(cause instanceof TerminatedFailure, `${cause}`);
  equal(cause.message, 'enough', 'the reason');
  equal((await handle.describe()).status.name, 'TERMINATED', 'status');
  await failure(WorkflowNotFoundError, handle.terminate());
});

testCase('workflow-failure', async (c) => {
  const handle = await c.start(flows.fails, 'fails', []);
  const { cause } = await failure(WorkflowFailedError, handle.result());
  check(cause instanceof ApplicationFailure, `${cause}`);
  equal([cause.type, cause.message], ['Wrong', 'it went wrong'], 'failure');
  equal(cause.details, [{ code: 42 }, 'more'], 'details');
});

testCase('workflow-retry', async (c) => {
  const retry = { initialInterval: '200ms', maximumAttempts: 3 } as const;
  const handle = await c.start(flows.failsAtFirst, 'retry', [3], { retry });
  equal(await handle.result(), 3, 'attempt');
  const first = c.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId);
  equal((await first.describe()).status.name, 'FAILED', 'the first run');
  const exhausted = await c.start(flows.failsAtFirst, 'retry-exhausted', [9], { retry });
  const { cause } = await failure(WorkflowFailedError, exhausted.result());
  equal(cause?.message, 'attempt 3', 'the last failure');
});

testCase('workflow-timeout', async (c) => {
  for (const which of ['workflowExecutionTimeout', 'workflowRunTimeout']) {
    const handle = await c.start(flows.mailbox, which, [], { [which]: '1s' });
    const { cause } = await failure(WorkflowFailedError, handle.result());
    check(cause instanceof TimeoutFailure, `${cause}`);
    equal((await handle.describe()).status.name, 'TIMED_OUT', which);
  }
});

testCase('start-delay', async (c) => {
  const began = Date.now();
  const handle = await c.start(flows.chain, 'delayed', [0, []], { startDelay: '1s' });
  await handle.result();
  check(Date.now() - began >= 1000, 'not before the delay');
  const signalled = await c.start(flows.mailbox, 'delayed-signal', [], { startDelay: '1h' });
  await c.client.workflow.signalWithStart(flows.mailbox, {
    workflowId: signalled.workflowId,
    taskQueue: c.queue,
    signal: flows.closeSignal,
  });
  equal(await signalled.result(), [], 'signal-with-start ends the delay');
});

testCase('long-poll', async (c) => {
  // The result is asked for long before it is there: longer than a poll of the server lasts.
  const handle = await c.start(flows.timers, 'long', [23_000]);
  equal(await handle.result(), 'fired and cancelled', 'result');
});

testCase('id-reuse', async (c) => {
  const again = async (name: string, workflowIdReusePolicy: WorkflowIdReusePolicy) => {
    const handle = await c.start(flows.chain, name, [0, []], { workflowIdReusePolicy });
    await handle.result();
  };
  await again('reuse', 'REJECT_DUPLICATE');
  await again('reuse', 'ALLOW_DUPLICATE');
  for (const refused of ['ALLOW_DUPLICATE_FAILED_ONLY', 'REJECT_DUPLICATE'] as const) {
    await failure(WorkflowExecutionAlreadyStartedError, again('reuse', refused));
  }
  const failed = await c.start(flows.fails, 'reuse-failed', []);
  await failure(WorkflowFailedError, failed.result());
  await again('reuse-failed', 'ALLOW_DUPLICATE_FAILED_ONLY');
});

testCase('id-conflict', async (c) => {
  const first = await c.start(flows.mailbox, 'conflict', []);
  await failure(WorkflowExecutionAlreadyStartedError, c.start(flows.mailbox, 'conflict', []));
  const same = await c.start(flows.mailbox, 'conflict', [], { workflowIdConflictPolicy: 'USE_EXISTING' });
  equal(same.firstExecutionRunId, first.firstExecutionRunId, 'use existing');
  const other = await c.start(flows.mailbox, 'conflict', [], { workflowIdConflictPolicy: 'TERMINATE_EXISTING' });
  check(other.firstExecutionRunId !== first.firstExecutionRunId, 'another run');
  const old = c.client.workflow.getHandle(first.workflowId, first.firstExecutionRunId);
  equal((await old.describe()).status.name, 'TERMINATED', 'the existing one');
  await other.signal(flows.closeSignal);
  equal(await other.result(), [], 'result');
});

testCase('cron', async (c) => {
  const handle = await c.start(flows.cron, 'cron', [], { cronSchedule: '@every 1s' });
  const current = c.client.workflow.getHandle(handle.workflowId);
  await eventually(async () => {
    const { events: all } = await current.fetchHistory();
    const carried = all![0].workflowExecutionStartedEventAttributes?.lastCompletionResult?.payloads ?? [];
    return carried.length === 1 && Buffer.from(carried[0].data!).toString() === '2';
  }, 'a run that goes on from 2');
  await current.terminate();
  const first = c.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId);
  const { events: all } = await first.fetchHistory();
  const closing = all!.at(-1)!.workflowExecutionCompletedEventAttributes;
  check(closing, 'each run ends by itself');
  check(closing.newExecutionRunId, 'and names the next');
});

testCase('reset', async (c) => {
  const handle = await c.start(flows.resettable, 'reset', []);
  await handle.signal(flows.putSignal, 'a');
  await handle.signal(flows.putSignal, 'b');
  equal(await handle.query(flows.heldQuery), ['a', 'b'], 'before');
  const { events: all } = await handle.fetchHistory();
  const finished = all!.find((e) => e.workflowTaskCompletedEventAttributes)!;
  const { runId } = await c.client.workflowService.resetWorkflowExecution({
    namespace: c.namespace,
    workflowExecution: { workflowId: handle.workflowId, runId: handle.firstExecutionRunId },
    reason: 'once more',
    workflowTaskFinishEventId: finished.eventId,
    requestId: c.id('reset'),
  });
  const old = c.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId);
  equal((await old.describe()).status.name, 'TERMINATED', 'the old run');
  const again = c.client.workflow.getHandle<typeof flows.resettable>(handle.workflowId, runId);
  c.started.push({ workflowId: handle.workflowId, runId });
  await again.signal(flows.closeSignal);
  equal(await again.result(), [2, 'a', 'b'], 'the activity ran again, the signals are still there');
});

testCase('not-found', async (c) => {
  const handle = c.client.workflow.getHandle(c.id('nobody'));
  const calls = [() => handle.describe(), () => handle.signal('x'), () => handle.cancel(), () => handle.result()];
  for (const call of calls) await failure(WorkflowNotFoundError, call());
  const stranger = new Client({ connection: c.client.connection, namespace: 'no-such-namespace' });
  const start = stranger.workflow.start('x', { workflowId: 'x', taskQueue: 'x' });
  const error = await failure(Error, start);
  equal(error.name, 'NamespaceNotFoundError', 'an unknown namespace');
});
