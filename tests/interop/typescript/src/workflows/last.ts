/** The last build: supposes that no run from before the patch is left. */
import { condition, defineSignal, deprecatePatch, proxyActivities, setHandler } from '@temporalio/workflow';
import type * as activities from '../activities';

const { echo } = proxyActivities<typeof activities>({ startToCloseTimeout: '30s' });

export const proceedSignal = defineSignal('proceed');

export async function patchedFlow(): Promise<string> {
  let go = false;
  setHandler(proceedSignal, () => void (go = true));
  deprecatePatch('another-way');
  await echo('extra step');
  await condition(() => go);
  return await echo('new way');
}
