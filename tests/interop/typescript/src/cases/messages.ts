/** Queries, signals and updates. */
import { ApplicationFailure } from '@temporalio/common';
import {
  Client,
  QueryNotRegisteredError,
  QueryRejectedError,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateStage,
} from '@temporalio/client';
import { check, equal, eventually, events, failure, testCase } from '../harness';
import * as flows from '../workflows/basics';

const count = (kinds: string[], kind: string) => kinds.filter((k) => k === kind).length;

testCase('query', async (c) => {
  const handle = await c.start(flows.mailbox, 'query', []);
  equal(await handle.query(flows.heldQuery), [], 'before any signal');
  await handle.signal(flows.putSignal, 'a');
  equal(await handle.query(flows.heldQuery), ['a'], 'a query sees the signal before it');
  await failure(QueryNotRegisteredError, handle.query('unknown'));
  const error = await failure(Error, handle.query(flows.brokenQuery));
  check(error.message.includes('always fails'), error.message);
  await handle.signal(flows.closeSignal);
  equal(await handle.result(), ['a'], 'result');
  equal(await handle.query(flows.heldQuery), ['a'], 'a closed workflow answers');
  const client = new Client({
    connection: c.client.connection,
    namespace: c.namespace,
    workflow: { queryRejectCondition: 'NOT_OPEN' },
  });
  const picky = client.workflow.getHandle(handle.workflowId).query(flows.heldQuery);
  await failure(QueryRejectedError, picky);
  check(!(await events(handle)).includes('WORKFLOW_TASK_FAILED'), 'queries leave no trace');
});

testCase('signal', async (c) => {
  const handle = await c.start(flows.mailbox, 'signal', []);
  const sent = Array.from({ length: 20 }, (_, n) => `${n}`);
  for (const item of sent) await handle.signal(flows.putSignal, item);
  await handle.signal('nobody-handles-this', 1);
  await handle.signal(flows.closeSignal);
  equal(await handle.result(), sent, 'all, in order');
  equal(count(await events(handle), 'WORKFLOW_EXECUTION_SIGNALED'), 22, 'events');
  await failure(WorkflowNotFoundError, handle.signal(flows.putSignal, 'late'));
});

testCase('signal-with-start', async (c) => {
  const send = async (item: string) =>
    await c.client.workflow.signalWithStart(flows.mailbox, {
      workflowId: c.id('signal-start'),
      taskQueue: c.queue,
      signal: flows.putSignal,
      signalArgs: [item],
    });
  const first = await send('a');
  const second = await send('b');
  equal(second.signaledRunId, first.signaledRunId, 'the same run');
  c.started.push({ workflowId: first.workflowId, runId: first.signaledRunId });
  await first.signal(flows.closeSignal);
  equal(await first.result(), ['a', 'b'], 'result');
});

testCase('signal-external', async (c) => {
  const other = await c.start(flows.mailbox, 'other', []);
  const handle = await c.start(flows.signalsOther, 'signals-other', [other.workflowId]);
  const answer = await handle.result();
  check(answer.includes('not found'), answer);
  equal(await other.query(flows.heldQuery), ['from outside'], 'the other has it');
  const cancelled = async () => (await other.describe()).status.name === 'CANCELLED';
  await eventually(cancelled, 'the other is cancelled');
});

testCase('update', async (c) => {
  const handle = await c.start(flows.account, 'account', []);
  const deposit = (amount: number, updateId?: string) =>
    handle.executeUpdate(flows.depositUpdate, { args: [amount], updateId });
  equal(await deposit(5), 5, 'first');
  const refused = await failure(WorkflowUpdateFailedError, deposit(-1));
  equal((refused.cause as ApplicationFailure).type, 'Refused', "the validator's error");
  equal(await deposit(2, 'second'), 7, 'second');
  equal(await deposit(2, 'second'), 7, 'the same id, once more');
  const failed = await failure(WorkflowUpdateFailedError, handle.executeUpdate(flows.overdrawUpdate));
  equal((failed.cause as ApplicationFailure).type, 'Overdrawn', "the handler's error");
  await failure(WorkflowUpdateFailedError, handle.executeUpdate('unknown'));
  await handle.signal(flows.closeSignal);
  equal(await handle.result(), 7, 'result');
  const kinds = await events(handle);
  equal(count(kinds, 'WORKFLOW_EXECUTION_UPDATE_ACCEPTED'), 3, 'a refused update leaves no event');
  equal(count(kinds, 'WORKFLOW_EXECUTION_UPDATE_COMPLETED'), 3, 'completions');
  await failure(WorkflowNotFoundError, deposit(1));
});

testCase('update-wait-stages', async (c) => {
  const handle = await c.start(flows.account, 'stages', []);
  const accepted = await handle.startUpdate(flows.depositWhenReleasedUpdate, {
    args: [3],
    updateId: 'waits',
    waitForStage: WorkflowUpdateStage.ACCEPTED,
  });
  check((await events(handle)).includes('WORKFLOW_EXECUTION_UPDATE_ACCEPTED'), 'accepted means durable');
  await handle.signal(flows.releaseSignal);
  equal(await accepted.result(), 3, 'the result is waited for');
  equal(await handle.getUpdateHandle<number>('waits').result(), 3, 'and polled for by anybody');
  equal(await handle.executeUpdate(flows.depositUpdate, { args: [4] }), 7, 'completed');
  await handle.signal(flows.closeSignal);
  equal(await handle.result(), 7, 'result');
});

testCase('update-with-start', async (c) => {
  const deposit = async (amount: number) => {
    const operation = new WithStartWorkflowOperation(flows.account, {
      workflowId: c.id('update-start'),
      taskQueue: c.queue,
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    const balance = await c.client.workflow.executeUpdateWithStart(flows.depositUpdate, {
      startWorkflowOperation: operation,
      args: [amount],
    });
    return [balance, await operation.workflowHandle()] as const;
  };
  const [first, handle] = await deposit(1);
  const [second] = await deposit(2);
  equal([first, second], [1, 3], 'balances');
  const { runId } = await handle.describe();
  c.started.push({ workflowId: handle.workflowId, runId });
  await handle.signal(flows.closeSignal);
  equal(await handle.result(), 3, 'result');
  equal(count(await events(handle), 'WORKFLOW_EXECUTION_UPDATE_COMPLETED'), 2, 'both are in one run');
});
