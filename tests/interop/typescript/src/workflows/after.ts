/** The build after: old histories go the old way, new ones the new. */
import { condition, defineSignal, patched, proxyActivities, setHandler } from '@temporalio/workflow';
import type * as activities from '../activities';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '30s' });

export const proceedSignal = defineSignal('proceed');

export async function patchedFlow(): Promise<string> {
  let go = false;
  setHandler(proceedSignal, () => void (go = true));
  if (patched('another-way')) {
    await echo('extra step');
    await condition(() => go);
    return await echo('new way');
  }
  await condition(() => go);
  return await echo('old way');
}

export async function repaired(): Promise<string> {
  return 'repaired';
}
