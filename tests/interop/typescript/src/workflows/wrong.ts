/** A build that was changed without a patch: no history of the others fits it. */
import { sleep } from '@temporalio/workflow';

export async function patchedFlow(): Promise<string> {
  await sleep('1s');
  return 'unpatched';
}
