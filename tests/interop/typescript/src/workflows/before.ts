/** The build before: of workflows whose code changes while they run. */
import { condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type * as activities from '../activities';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '30s' });

export const proceedSignal = defineSignal('proceed');

export async function patchedFlow(): Promise<string> {
  let go = false;
  setHandler(proceedSignal, () => void (go = true));
  await condition(() => go);
  return await echo('old way');
}

export async function repaired(): Promise<string> {
  throw new Error('a bug, which fails the task and not the workflow');
}
