/** Activities: retries, failures, timeouts, heartbeats, cancellation, completion from outside. */
import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import * as activities from '../activities';
import { seen } from '../activities';
import { type Context, check, equal, eventually, events, failure, testCase } from '../harness';
import * as flows from '../workflows/basics';
import { Worker } from '@temporalio/worker';

testCase('activity-retry', async (c) => {
  const began = Date.now();
  const handle = await c.start(flows.retries, 'retries', [3]);
  equal(await handle.result(), 4, 'the attempt that succeeded');
  check(Date.now() - began >= 700, 'the intervals are 0.1, 0.2 and 0.4 s');
  const { events: all } = await handle.fetchHistory();
  const started = all!.flatMap((e) => e.activityTaskStartedEventAttributes ?? []);
  equal(started.length, 1, 'only the last attempt is in the history');
  equal([started[0].attempt, started[0].lastFailure?.message], [4, 'attempt 3'], 'attempt and last failure');
});

testCase('activity-non-retryable', async (c) => {
  for (const byError of [true, false]) {
    const kind = byError ? 'Marked' : 'Named';
    const handle = await c.start(flows.nonRetryable, `non-retryable-${kind}`, [byError]);
    const { cause } = await failure(WorkflowFailedError, handle.result());
    check(cause instanceof ActivityFailure, `cause is ${cause}`);
    check(cause.cause instanceof ApplicationFailure, `its cause is ${cause.cause}`);
    equal([cause.cause.type, cause.cause.message], [kind, 'no'], 'failure');
    equal(cause.cause.details, [{ code: 7 }], 'details');
    equal(cause.activityType, 'failing', 'activity type');
  }
});

testCase('activity-timeout', async (c) => {
  const kinds = {
    'start-to-close': 'START_TO_CLOSE',
    'schedule-to-close': 'SCHEDULE_TO_CLOSE',
    'schedule-to-start': 'SCHEDULE_TO_START',
    heartbeat: 'HEARTBEAT',
  };
  for (const [which, kind] of Object.entries(kinds)) {
    const handle = await c.start(flows.timesOut, `times-out-${which}`, [which]);
    const { cause } = await failure(WorkflowFailedError, handle.result());
    const timeout = cause?.cause;
    check(timeout instanceof TimeoutFailure, `${which}: cause is ${timeout}`);
    equal(timeout.timeoutType, kind, which);
  }
});

/** The heartbeat details that the server shows of a workflow's only pending activity. */
async function heartbeatOf(c: Context, workflowId: string): Promise<boolean> {
  const { raw } = await c.client.workflow.getHandle(workflowId).describe();
  return raw.pendingActivities?.length === 1 && raw.pendingActivities[0].heartbeatDetails?.payloads?.length === 1;
}

testCase('heartbeat-timeout', async (c) => {
  // The second attempt runs on another worker, and is told what the first one said last.
  const queue = c.id('heartbeat-queue');
  const onlyActivities = async (identity: string) =>
    await Worker.create({
      connection: await c.connect(),
      namespace: c.namespace,
      taskQueue: queue,
      identity,
      activities,
      maxConcurrentActivityTaskExecutions: 1,
      shutdownGraceTime: 0,
    });
  const handle = await c.start(flows.heartbeating, 'heartbeats', [queue]);
  const first = await onlyActivities('the first');
  await first.runUntil(async () => {
    await eventually(() => heartbeatOf(c, handle.workflowId), 'a heartbeat of the first attempt');
    const second = await onlyActivities('the second');
    await second.runUntil(async () => equal(await handle.result(), 'attempt 2 after halfway', 'result'));
  });
  const { events: all } = await handle.fetchHistory();
  const started = all!.flatMap((e) => e.activityTaskStartedEventAttributes ?? []);
  equal(started.map((s) => s.identity), ['the second'], 'worker');
  check(started[0].lastFailure?.timeoutFailureInfo, 'the last failure is a timeout');
});

testCase('activity-cancel', async (c) => {
  const outcomes = { WAIT_COMPLETED: 'cleaned up', WAIT_CANCELLED: 'cancelled', TRY_CANCEL: 'cancelled' };
  for (const [how, outcome] of Object.entries(outcomes)) {
    const handle = await c.start(flows.cancelsActivity, `cancels-${how}`, [how]);
    await eventually(() => heartbeatOf(c, handle.workflowId), "the activity's heartbeat");
    await handle.signal(flows.goSignal);
    equal(await handle.result(), outcome, how);
    check((await events(handle)).includes('ACTIVITY_TASK_CANCEL_REQUESTED'), 'the request is an event');
  }
});

testCase('async-completion', async (c) => {
  const key = c.id('async');
  const handle = await c.start(flows.asyncCompletion, 'async', [key]);
  const token = async (name: string) => (await eventually(async () => seen.tokens.get(`${key}-${name}`), name))!;
  const byToken = await token('token');
  await c.client.activity.heartbeat(byToken, 'nearly');
  await c.client.activity.complete(byToken, 'one');
  await token('id');
  const byId = { workflowId: handle.workflowId, runId: handle.firstExecutionRunId, activityId: 'by-id' };
  await c.client.activity.heartbeat(byId, 'nearly');
  await c.client.activity.complete(byId, 'two');
  await c.client.activity.fail(await token('fails'), new Error('failed from outside'));
  equal(await handle.result(), ['one', 'two', 'failed from outside'], 'result');
  await failure(Error, c.client.activity.complete(byToken, 'again'));
});

testCase('local-activity', async (c) => {
  const handle = await c.start(flows.localActivities, 'local', []);
  equal(await handle.result(), ['local', 3, 'Marked'], 'result');
  const kinds = await events(handle);
  equal(kinds.filter((kind) => kind === 'MARKER_RECORDED').length, 3, 'markers');
  check(!kinds.includes('ACTIVITY_TASK_SCHEDULED'), 'nothing is scheduled on the server');
});
