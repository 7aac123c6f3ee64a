/** Memos, search attributes, lists and descriptions. */
import { TypedSearchAttributes } from '@temporalio/common';
import * as proto from '@temporalio/proto';
import { type Context, check, equal, eventually, testCase } from '../harness';
import * as flows from '../workflows/basics';

/** The ids of what a list query finds, as soon as it finds so many. */
async function found(c: Context, query: string, count: number): Promise<string[]> {
  return await eventually(async () => {
    const ids: string[] = [];
    for await (const row of c.client.workflow.list({ query, pageSize: 2 })) ids.push(row.workflowId);
    return ids.length === count ? ids : undefined;
  }, `${count} of ${query}`) as string[];
}

testCase('memo', async (c) => {
  const memo = { who: 'me', deep: { n: [1, 2] } };
  const handle = await c.start(flows.mailbox, 'memo', [], { memo });
  equal((await handle.describe()).memo, memo, 'described');
  const query = `WorkflowId = '${handle.workflowId}'`;
  await found(c, query, 1);
  for await (const row of c.client.workflow.list({ query })) equal(row.memo, memo, 'listed');
  await handle.signal(flows.closeSignal);
  await handle.result();
});

testCase('search-attributes', async (c) => {
  const value = c.id('attribute');
  const typedSearchAttributes = new TypedSearchAttributes([{ key: flows.KEYWORD, value }]);
  const handle = await c.start(flows.attributes, 'attributes', [false], {
    typedSearchAttributes,
    memo: { kept: 1, removed: 2 },
  });
  const query = `CustomKeywordField = '${value}' AND CustomIntField BETWEEN 6 AND 8`;
  await found(c, `${query} AND ExecutionStatus = 'ContinuedAsNew'`, 1);
  await found(c, `${query} AND ExecutionStatus = 'Running'`, 1);
  const current = c.client.workflow.getHandle(handle.workflowId);
  const kept = async () => Object.keys((await current.describe()).memo ?? {}).sort().join() === 'added,kept';
  await eventually(kept, 'the memo is changed');
  const { typedSearchAttributes: shown } = await current.describe();
  equal([shown.get(flows.KEYWORD), shown.get(flows.INT)], [value, 7], 'described');
  await current.signal(flows.closeSignal);
  equal(await handle.result(), [value, 7, ['added', 'kept']], 'as the workflow saw them');
  equal((await c.client.workflow.count(query)).count, 2, 'count');
});

testCase('list', async (c) => {
  const mine = `WorkflowId STARTS_WITH '${c.id('list')}'`;
  const running = await Promise.all([0, 1, 2].map((n) => c.start(flows.mailbox, `list-${n}`, [])));
  const done = await Promise.all([0, 1].map((n) => c.start(flows.chain, `list-done-${n}`, [0, []])));
  for (const handle of done) await handle.result();
  equal(new Set(await found(c, mine, 5)).size, 5, 'each once, over pages of two');
  const ids = await found(c, `${mine} AND ExecutionStatus = 'Running'`, 3);
  equal(ids.sort(), running.map((handle) => handle.workflowId), 'running');
  await found(c, `${mine} AND WorkflowType IN ('chain', 'other')`, 2);
  await found(c, `${mine} AND CloseTime IS NOT NULL AND HistoryLength > 2`, 2);
  await found(c, `WorkflowId = '${running[0].workflowId}' OR WorkflowId = '${done[0].workflowId}'`, 2);
  const { groups } = await c.client.workflow.count(`${mine} GROUP BY ExecutionStatus`);
  const counts = Object.fromEntries(groups.map((group) => [group.groupValues[0], group.count]));
  equal(counts, { Running: 3, Completed: 2 }, 'groups');
  for (const handle of running) await handle.terminate();
  await found(c, `${mine} AND ExecutionStatus = 'Terminated'`, 3);
});

testCase('describe', async (c) => {
  const handle = await c.start(flows.pending, 'pending', [], {
    staticSummary: 'what it is',
    staticDetails: 'and *more*',
  });
  await eventually(async () => {
    const { pendingActivities } = (await handle.describe()).raw;
    return pendingActivities?.length === 1 && pendingActivities[0].attempt === 2;
  }, "the activity's first failure");
  const shown = await handle.describe();
  equal([shown.status.name, shown.taskQueue], ['RUNNING', c.queue], 'status and task queue');
  equal([await shown.staticSummary(), await shown.staticDetails()], ['what it is', 'and *more*'], 'user metadata');
  const activity = shown.raw.pendingActivities![0];
  const { PENDING_ACTIVITY_STATE_SCHEDULED } = proto.temporal.api.enums.v1.PendingActivityState;
  equal([activity.activityType?.name, activity.state], ['never', PENDING_ACTIVITY_STATE_SCHEDULED], 'activity');
  equal([activity.lastFailure?.message, activity.maximumAttempts], ['not yet', 9], 'last failure');
  equal(Buffer.from(activity.heartbeatDetails!.payloads![0].data!).toString(), '"so far"', 'heartbeat');
  check(activity.nextAttemptScheduleTime, 'when it is tried again');
  equal(shown.raw.pendingChildren!.map((child) => child.workflowId), [`${handle.workflowId}-child`], 'children');
  await handle.terminate();
});
