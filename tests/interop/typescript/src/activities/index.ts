/** The activities of all cases. What a case has to learn of one, it finds in `seen`. */
import { CompleteAsyncError, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';

/** What the activities of this process have met, for the cases to look at. */
export const seen = {
  client: undefined as Client | undefined,
  mails: [] as Array<[to: string, template: string]>,
  tokens: new Map<string, Uint8Array>(),
  calls: new Map<string, number>(),
};

// Of the seeds.

export async function reserveInventory(items: Array<{ sku: string; qty: number }>): Promise<boolean> {
  return items.every((item) => item.qty <= 10);
}

/** Refuses negative amounts; 13 is declined once; 66 makes the customer cancel meanwhile. */
export async function chargePayment(orderId: string, amount: number): Promise<string> {
  const { attempt, workflowExecution } = Context.current().info;
  if (amount < 0) throw ApplicationFailure.create({ message: 'a negative amount', type: 'InvalidOrderError' });
  if (amount === 13 && attempt === 1) throw ApplicationFailure.create({ message: 'declined', type: 'Declined' });
  if (amount === 66) {
    await seen.client!.workflow.getHandle(workflowExecution!.workflowId).signal('cancelOrder', 'changed my mind');
  }
  return `pay-${orderId}`;
}

export async function refundPayment(_paymentId: string): Promise<void> {}

export async function generateShippingLabel(orderId: string): Promise<string> {
  const ctx = Context.current();
  ctx.heartbeat('generating-label');
  ctx.heartbeat('uploading-label');
  return `track-${orderId}`;
}

export async function sendEmail(to: string, template: string, _vars: Record<string, string>): Promise<void> {
  seen.mails.push([to, template]);
}

export async function activateSubscription(_userId: string, _planId: string): Promise<void> {}

export async function deactivateAccount(_userId: string): Promise<void> {}

// Of the other cases.

export async function echo<T>(value: T): Promise<T> {
  return value;
}

/** How often this workflow id has called it, in whichever run. */
export async function countCalls(): Promise<number> {
  const me = Context.current().info.workflowExecution!.workflowId;
  seen.calls.set(me, (seen.calls.get(me) ?? 0) + 1);
  return seen.calls.get(me)!;
}

/** Fails that often, and then returns the attempt that succeeded. */
export async function flaky(failures: number): Promise<number> {
  const { attempt } = Context.current().info;
  if (attempt <= failures) {
    throw ApplicationFailure.create({ message: `attempt ${attempt}`, type: 'Flaky', details: [`detail ${attempt}`] });
  }
  return attempt;
}

export async function failing(kind: string, nonRetryable: boolean): Promise<void> {
  throw ApplicationFailure.create({ message: 'no', type: kind, nonRetryable, details: [{ code: 7 }] });
}

/** Never heeds anything: only a timeout of the server's ends it, or the end of its worker. */
export async function stuck(): Promise<void> {
  await Context.current().cancelled;
}

/** The first attempt tells its progress and hangs; the next says what it was told. */
export async function heartbeats(progress: string): Promise<string> {
  const { attempt, heartbeatDetails } = Context.current().info;
  if (attempt === 1) {
    Context.current().heartbeat(progress);
    await Context.current().cancelled;
  }
  return `attempt ${attempt} after ${heartbeatDetails}`;
}

async function untilCancellation(): Promise<void> {
  const ctx = Context.current();
  for (;;) {
    ctx.heartbeat('working');
    await ctx.sleep(100);
  }
}

export async function untilCancelled(): Promise<string> {
  try {
    await untilCancellation();
  } catch (error) {
    if (error instanceof CancelledFailure) return 'cleaned up';
    throw error;
  }
  return 'not cancelled';
}

export async function failsWhenCancelled(): Promise<void> {
  await untilCancellation();
}

/** Is completed by somebody else, by token. */
export async function later(key: string): Promise<string> {
  seen.tokens.set(key, Context.current().info.taskToken);
  throw new CompleteAsyncError();
}

/** Fails for ever, slowly: for what is said about a pending activity. */
export async function never(): Promise<void> {
  Context.current().heartbeat('so far');
  throw ApplicationFailure.create({ message: 'not yet', type: 'NotYet', nextRetryDelay: '1h' });
}
