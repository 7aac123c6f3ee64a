/** Three business workflows: an order, a trial, and a batch of orders. */
import { seen } from '../activities';
import { equal, eventually, events, testCase } from '../harness';
import * as seeds from '../workflows/order-fulfillment';
import { batchFulfillment } from '../workflows/batch-processing';
import { convertToPayingSignal, subscriptionTrial } from '../workflows/subscription-trial';

const TEA = [{ sku: 'tea', qty: 2 }];

testCase('order-fulfillment', async (c) => {
  const handle = await c.start(seeds.orderFulfillment, 'order', ['1', TEA, 13]);
  const done = { step: 'completed', paymentId: 'pay-1', trackingNumber: 'track-1', cancelled: false };
  equal(await handle.result(), { ...done }, 'result');
  equal(await handle.query('getOrderStatus'), done, 'query after the end');
  equal((await handle.describe()).status.name, 'COMPLETED', 'status');
  const kinds = await events(handle);
  equal(kinds.filter((kind) => kind === 'ACTIVITY_TASK_SCHEDULED').length, 4, 'activities');
});

testCase('order-out-of-stock', async (c) => {
  const handle = await c.start(seeds.orderFulfillment, 'no-stock', ['2', [{ sku: 'tea', qty: 11 }], 42]);
  equal((await handle.result()).step, 'out-of-stock', 'step');
});

testCase('order-cancelled', async (c) => {
  const handle = await c.start(seeds.orderFulfillment, 'cancelled-order', ['3', TEA, 66]);
  equal(await handle.result(), { step: 'refunding', paymentId: 'pay-3', cancelled: true }, 'result');
});

testCase('subscription-trial', async (c) => {
  const user = `user-${c.run}`;
  const handle = await c.start(subscriptionTrial, 'trial', [user, 1]);
  const halfway = async () => seen.mails.some(([to, template]) => to === user && template === 'trial-halfway');
  await eventually(halfway, 'the mail at half time');
  await handle.signal(convertToPayingSignal, { planId: 'gold' });
  equal(await handle.result(), 'converted', 'result');
});

testCase('batch-fulfillment', async (c) => {
  const orders = [42, -1, 13].map((amount, n) => ({ id: `${c.id('batch')}-${n}`, items: TEA, amount }));
  // Its children run on this queue, whatever the parent's is.
  const worker = await c.worker('main-queue');
  await worker.runUntil(async () => {
    const handle = await c.start(batchFulfillment, 'batch', [orders]);
    equal(await handle.result(), { total: 3, succeeded: 2, failed: 1 }, 'result');
  });
  const child = c.client.workflow.getHandle(`order-${orders[1].id}`);
  equal((await child.describe()).status.name, 'FAILED', 'the refused order');
});
