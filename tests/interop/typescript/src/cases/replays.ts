/** Histories: fetched, written down, read again, and replayed by the SDK's own replayer. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker } from '@temporalio/worker';
import { check, equal, failure, testCase } from '../harness';

testCase(
  'replay',
  async (c) => {
    // Everything that the cases have started replays, from JSON, with the newest code.
    await mkdir(c.out, { recursive: true });
    const histories: Array<{ workflowId: string; history: unknown }> = [];
    for (const { workflowId, runId } of c.started) {
      const history = await c.client.workflow.getHandle(workflowId, runId).fetchHistory();
      const file = path.join(c.out, `${workflowId}-${runId}.json`);
      await writeFile(file, historyToJSON(history));
      const again = JSON.parse(await readFile(file, 'utf8'));
      equal(again.events.length, history.events?.length, 'events');
      histories.push({ workflowId, history: again });
    }
    check(histories.length > 0, 'nothing to replay');
    const results = Worker.runReplayHistories({ workflowBundle: await c.bundle('index') }, histories);
    let replayed = 0;
    for await (const { workflowId, error } of results) {
      check(!error, `${workflowId}: ${error?.message}`);
      replayed += 1;
    }
    equal(replayed, histories.length, 'replayed');
  },
  'afterwards',
);

testCase(
  'replay-changed-code',
  async (c) => {
    // The replayer refuses a history that the code does not fit.
    const old = c.started.find(({ workflowId }) => workflowId.endsWith('patch-old'));
    check(old, 'the case `patch` left no history');
    const history = await c.client.workflow.getHandle(old.workflowId, old.runId).fetchHistory();
    const replay = Worker.runReplayHistory({ workflowBundle: await c.bundle('wrong') }, history);
    await failure(DeterminismViolationError, replay);
  },
  'afterwards',
);
