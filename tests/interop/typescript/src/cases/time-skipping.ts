/** Time skipping: the SDK's own test environment, with the server under test as its executable. */
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import * as activities from '../activities';
import { seen } from '../activities';
import { type Context, Skip, check, equal, testCase } from '../harness';
import * as flows from '../workflows/basics';
import { convertToPayingSignal, subscriptionTrial } from '../workflows/subscription-trial';

const DAY = 86_400_000;

/** The SDK gives its executable five seconds to start, on however busy a machine: so, tried again. */
async function environment(path: string, attempts = 4): Promise<TestWorkflowEnvironment> {
  const server = { executable: { type: 'existing-path' as const, path } };
  try {
    return await TestWorkflowEnvironment.createTimeSkipping({ server });
  } catch (error) {
    if (attempts === 1) throw error;
    return await environment(path, attempts - 1);
  }
}

/** Runs something in an environment of its own, with a worker. */
async function skipping(c: Context, run: (env: TestWorkflowEnvironment) => Promise<void>): Promise<void> {
  if (c.testServer === undefined) throw new Skip('no test server was given');
  const env = await environment(c.testServer);
  try {
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue: 'skips',
      workflowBundle: await c.bundle('index'),
      activities,
      shutdownGraceTime: 0,
    });
    await worker.runUntil(run(env));
  } finally {
    await env.teardown();
  }
}

testCase('time-skipping', async (c) => {
  await skipping(c, async (env) => {
    const user = `late-${c.run}`;
    const options = { workflowId: 'late', taskQueue: 'skips', args: [user, 14] as [string, number] };
    equal(await env.client.workflow.execute(subscriptionTrial, options), 'expired', 'nobody converts in 17 days');
    const mails = seen.mails.filter(([to]) => to === user).map(([, template]) => template);
    equal(mails, ['trial-started', 'trial-halfway', 'trial-expired'], 'mails');
    const began = await env.currentTimeMs();
    const patient = { workflowId: 'patient', taskQueue: 'skips' };
    const result = await env.client.workflow.execute(flows.patient, patient);
    equal(result, [3, 'fired and cancelled', 32], 'two retries, a child, and a month');
    check((await env.currentTimeMs()) - began >= 32 * DAY, 'the clock of the server');
  });
}, 'afterwards');

testCase('time-skipping-manual', async (c) => {
  // Time goes on only as far as it is told to, while a workflow is being signalled.
  await skipping(c, async (env) => {
    const user = `grace-${c.run}`;
    const handle = await env.client.workflow.start(subscriptionTrial, {
      workflowId: 'grace',
      taskQueue: 'skips',
      args: [user, 2],
    });
    await env.sleep('3d');
    while (!seen.mails.some(([to, template]) => to === user && template === 'trial-expired')) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await handle.signal(convertToPayingSignal, { planId: 'late' });
    equal(await handle.result(), 'converted-grace-period', 'result');
  });
}, 'afterwards');
