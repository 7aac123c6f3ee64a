/**
 * Runs the cases of tests/interop with Temporal's official TypeScript SDK against a server.
 *
 *     main.js --address HOST:PORT --namespace NAME --out DIR [--test-server PATH] [--only CASE,…]
 *
 * Prints `ok NAME`, `FAIL NAME: why` or `skip NAME: why` for each, and a last line with the counts.
 * Exit code 1 if one failed.
 */
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { seen } from './activities';
import './cases/seeds';
import './cases/activities';
import './cases/messages';
import './cases/lifecycle';
import './cases/visibility';
import './cases/schedules';
import './cases/restarts';
import './cases/time-skipping';
import './cases/replays';
import { Context, runAll } from './harness';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      address: { type: 'string' },
      namespace: { type: 'string' },
      out: { type: 'string' },
      'test-server': { type: 'string' },
      only: { type: 'string', default: '' },
      worker: { type: 'string' },
    },
  });
  const { address, namespace, out } = values;
  if (!address || !namespace || !out) throw new Error('--address, --namespace and --out are needed');
  // What the SDK warns of are failures that the cases bring about on purpose.
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: 'OFF' } },
  });
  const client = new Client({ connection: await Connection.connect({ address }), namespace });
  seen.client = client;
  const native = await NativeConnection.connect({ address });
  const context = new Context(client, native, address, namespace, out, values['test-server']);
  if (values.worker) {
    const doomed = await context.worker(values.worker, 'index', { stickyQueueScheduleToStartTimeout: '1s' });
    await doomed.run();
    return 0;
  }
  const worker = await context.worker(context.queue);
  const only = (values.only ?? '').split(',').filter((name) => name);
  const tally = await worker.runUntil(runAll(context, only));
  console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
  return tally.failed === 0 && tally.passed > 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    console.error(error);
    process.exit(2);
  },
);
