/** Schedules. */
import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { type Context, check, equal, eventually, failure, testCase } from '../harness';
import * as flows from '../workflows/basics';

function action(c: Context, name: string) {
  return {
    type: 'startWorkflow' as const,
    workflowType: flows.chain,
    args: [0, []] as [number, string[]],
    workflowId: c.id(name),
    taskQueue: c.queue,
  };
}

testCase('schedule', async (c) => {
  const scheduleId = c.id('schedule');
  const made = {
    scheduleId,
    action: action(c, 'scheduled'),
    spec: { intervals: [{ every: '1s' as const }] },
    state: { note: 'ours' },
    memo: { why: 'interop' },
  };
  const handle = await c.client.schedule.create(made);
  await failure(ScheduleAlreadyRunning, c.client.schedule.create(made));
  await eventually(async () => (await handle.describe()).info.numActionsTaken >= 2, 'two actions');
  const { action: started } = (await handle.describe()).info.recentActions[0];
  check(started.workflow.workflowId.startsWith(`${c.id('scheduled')}-`), 'the id has the time');
  const result = await c.client.workflow.getHandle<typeof flows.chain>(started.workflow.workflowId).result();
  equal(result.length, 1, 'the action ran');
  await eventually(async () => {
    for await (const row of c.client.schedule.list()) if (row.scheduleId === scheduleId) return true;
    return false;
  }, 'the schedule is listed');

  await handle.pause('enough');
  const { state } = await handle.describe();
  equal([state.paused, state.note], [true, 'enough'], 'paused');
  await handle.update(({ action, policies, state }) => ({
    action: { ...action, workflowType: action.workflowType },
    policies,
    state,
    spec: { intervals: [{ every: '99d' }] },
  }));
  await handle.unpause('go on');
  const changed = await handle.describe();
  equal(changed.spec.intervals?.[0].every, 99 * 86_400_000, 'updated');
  equal(changed.state.paused, false, 'unpaused');
  await handle.trigger(ScheduleOverlapPolicy.ALLOW_ALL);
  const more = async () => (await handle.describe()).info.numActionsTaken > changed.info.numActionsTaken;
  await eventually(more, "the trigger's action");
  await handle.delete();
  await failure(ScheduleNotFoundError, handle.describe());
});

testCase('schedule-backfill', async (c) => {
  const handle = await c.client.schedule.create({
    scheduleId: c.id('backfill'),
    action: action(c, 'backfilled'),
    spec: { calendars: [{ hour: '*', minute: 0, second: 0 }], timezone: 'Europe/Berlin' },
    state: { paused: true },
  });
  const { nextActionTimes } = (await handle.describe()).info;
  equal(nextActionTimes[1].getTime() - nextActionTimes[0].getTime(), 3_600_000, 'hourly');
  await handle.backfill({
    start: new Date('2026-03-01T00:30:00Z'),
    end: new Date('2026-03-01T03:30:00Z'),
    overlap: ScheduleOverlapPolicy.ALLOW_ALL,
  });
  await eventually(async () => (await handle.describe()).info.numActionsTaken === 3, 'an action for each hour');
  const ids = (await handle.describe()).info.recentActions.map(({ action }) => action.workflow.workflowId).sort();
  const expected = [1, 2, 3].map((hour) => `${c.id('backfilled')}-2026-03-01T0${hour}:00:00Z`);
  equal(ids, expected, 'the ids tell the times');
  await handle.delete();
});
