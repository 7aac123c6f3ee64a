/** The workflows of all cases but the seeds' and those that change (see before.ts and after.ts). */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  ParentClosePolicy,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  startChild,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type * as activities from '../activities';

export const KEYWORD = defineSearchAttributeKey('CustomKeywordField', 'KEYWORD');
export const INT = defineSearchAttributeKey('CustomIntField', 'INT');

const FAST = { initialInterval: '100ms', backoffCoefficient: 2 } as const;
const ONCE = { maximumAttempts: 1 } as const;

const { echo, countCalls } = proxyActivities<typeof activities>({ startToCloseTimeout: '30s' });

export async function retries(failures: number): Promise<number> {
  const { flaky } = proxyActivities<typeof activities>({ startToCloseTimeout: '30s', retry: FAST });
  return await flaky(failures);
}

/** Fails as its activity does: marked by the error, or named by the policy. */
export async function nonRetryable(byError: boolean): Promise<void> {
  const { failing } = proxyActivities<typeof activities>({
    startToCloseTimeout: '30s',
    retry: { initialInterval: '100ms', nonRetryableErrorTypes: ['Named'] },
  });
  await failing(byError ? 'Marked' : 'Named', byError);
}

export async function timesOut(which: string): Promise<void> {
  const options = {
    'start-to-close': { startToCloseTimeout: '1s', retry: ONCE },
    'schedule-to-close': { startToCloseTimeout: '5m', scheduleToCloseTimeout: '1s' },
    'schedule-to-start': { startToCloseTimeout: '30s', scheduleToStartTimeout: '1s', taskQueue: 'nobody-polls' },
    heartbeat: { startToCloseTimeout: '30s', heartbeatTimeout: '1s', retry: ONCE },
  } as const;
  await proxyActivities<typeof activities>(options[which as keyof typeof options]).stuck();
}

export async function heartbeating(queue: string): Promise<string> {
  return await proxyActivities<typeof activities>({
    taskQueue: queue,
    startToCloseTimeout: '30s',
    heartbeatTimeout: '1s',
    retry: FAST,
  }).heartbeats('halfway');
}

export const goSignal = defineSignal('go');

/** Cancels an activity on a signal, in each of the ways there are, and says what came of it. */
export async function cancelsActivity(how: string): Promise<string> {
  let go = false;
  setHandler(goSignal, () => void (go = true));
  const { untilCancelled, failsWhenCancelled } = proxyActivities<typeof activities>({
    startToCloseTimeout: '60s',
    heartbeatTimeout: '10s',
    cancellationType:
      how === 'TRY_CANCEL'
        ? ActivityCancellationType.TRY_CANCEL
        : ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  const scope = new CancellationScope();
  const running = scope.run<string | void>(() => (how === 'WAIT_COMPLETED' ? untilCancelled() : failsWhenCancelled()));
  running.catch(() => undefined);
  await condition(() => go);
  scope.cancel();
  try {
    return `${await running}`;
  } catch (error) {
    return isCancellation(error) ? 'cancelled' : `${error}`;
  }
}

export async function asyncCompletion(key: string): Promise<string[]> {
  const waits = (activityId: string) =>
    proxyActivities<typeof activities>({ startToCloseTimeout: '30s', activityId, retry: ONCE });
  const results = [await waits('by-token').later(`${key}-token`), await waits('by-id').later(`${key}-id`)];
  try {
    await waits('fails').later(`${key}-fails`);
  } catch (error) {
    results.push((error as ActivityFailure).cause!.message);
  }
  return results;
}

export async function localActivities(): Promise<unknown[]> {
  const local = proxyLocalActivities<typeof activities>({ startToCloseTimeout: '5s', retry: FAST });
  const results: unknown[] = [await local.echo('local'), await local.flaky(2)];
  try {
    await local.failing('Marked', true);
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : error;
    results.push((cause as ApplicationFailure).type);
  }
  return results;
}

export const putSignal = defineSignal<[string]>('put');
export const closeSignal = defineSignal('close');
export const heldQuery = defineQuery<string[]>('held');
export const brokenQuery = defineQuery<string>('broken');

/** Keeps what it is sent until it is closed, and returns it. */
export async function mailbox(): Promise<string[]> {
  const items: string[] = [];
  let closed = false;
  setHandler(putSignal, (item) => void items.push(item));
  setHandler(closeSignal, () => void (closed = true));
  setHandler(heldQuery, () => items);
  setHandler(brokenQuery, () => {
    throw new Error('this query always fails');
  });
  await condition(() => closed);
  return items;
}

export const releaseSignal = defineSignal('release');
export const depositUpdate = defineUpdate<number, [number]>('deposit');
export const depositWhenReleasedUpdate = defineUpdate<number, [number]>('depositWhenReleased');
export const overdrawUpdate = defineUpdate<void>('overdraw');

/** Is changed by updates. */
export async function account(): Promise<number> {
  let balance = 0;
  let released = false;
  let closed = false;
  setHandler(releaseSignal, () => void (released = true));
  setHandler(closeSignal, () => void (closed = true));
  setHandler(
    depositUpdate,
    async (amount) => {
      balance = await echo(balance + amount);
      return balance;
    },
    {
      validator(amount) {
        if (amount <= 0) throw ApplicationFailure.create({ message: 'must be positive', type: 'Refused' });
      },
    },
  );
  setHandler(depositWhenReleasedUpdate, async (amount) => {
    await condition(() => released);
    balance += amount;
    return balance;
  });
  setHandler(overdrawUpdate, () => {
    throw ApplicationFailure.create({ message: 'overdrawn', type: 'Overdrawn' });
  });
  await condition(() => closed && allHandlersFinished());
  return balance;
}

/** Signals and cancels another workflow, and says how signalling nobody ends. */
export async function signalsOther(other: string): Promise<string> {
  const handle = getExternalWorkflowHandle(other);
  await handle.signal(putSignal, 'from outside');
  await handle.cancel();
  try {
    await getExternalWorkflowHandle(`${other}-nobody`).signal(putSignal, 'x');
  } catch (error) {
    return (error as Error).message;
  }
  return 'signalled nobody';
}

export async function child(fails: boolean): Promise<string> {
  if (fails) throw ApplicationFailure.create({ message: 'the child fails', type: 'ChildFails' });
  return `child of ${workflowInfo().parent!.workflowId}`;
}

export async function parent(): Promise<string[]> {
  const me = workflowInfo().workflowId;
  const answers = [await executeChild(child, { args: [false], workflowId: `${me}-child` })];
  try {
    await executeChild(child, { args: [true], workflowId: `${me}-fails` });
  } catch (error) {
    const cause = (error as ChildWorkflowFailure).cause as ApplicationFailure;
    answers.push(`${cause.type}: ${cause.message}`);
  }
  const box = await startChild(mailbox, { workflowId: `${me}-mailbox` });
  await box.signal(putSignal, 'from the parent');
  await box.signal(closeSignal);
  answers.push(...(await box.result()));
  try {
    await startChild(child, { args: [false], workflowId: me });
  } catch (error) {
    answers.push((error as Error).name);
  }
  const scope = new CancellationScope();
  try {
    await scope.run(async () => {
      const cancelled = await startChild(mailbox, { workflowId: `${me}-cancelled` });
      scope.cancel();
      await cancelled.result();
    });
  } catch (error) {
    const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
    answers.push((cause as Error).name);
  }
  return answers;
}

/** Starts a child under each policy, and is closed before them. */
export async function leaves(): Promise<void> {
  for (const parentClosePolicy of [
    ParentClosePolicy.TERMINATE,
    ParentClosePolicy.ABANDON,
    ParentClosePolicy.REQUEST_CANCEL,
  ]) {
    await startChild(mailbox, { workflowId: `${workflowInfo().workflowId}-${parentClosePolicy}`, parentClosePolicy });
  }
}

export async function chain(left: number, runs: string[]): Promise<string[]> {
  runs.push(workflowInfo().runId);
  if (left > 0) await continueAsNew<typeof chain>(left - 1, runs);
  return runs;
}

/** Lets one timer fire and cancels a longer one. */
export async function timers(milliseconds: number): Promise<string> {
  const scope = new CancellationScope();
  const long = scope.run(() => sleep('1h'));
  long.catch(() => undefined);
  await sleep(milliseconds);
  scope.cancel();
  try {
    await long;
  } catch (error) {
    if (isCancellation(error)) return 'fired and cancelled';
    throw error;
  }
  return 'fired twice';
}

/** Waits to be cancelled, and cleans up in what cannot be. */
export async function cleansUp(): Promise<string> {
  try {
    await proxyActivities<typeof activities>({
      startToCloseTimeout: '60s',
      heartbeatTimeout: '10s',
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    }).failsWhenCancelled();
  } catch (error) {
    await CancellationScope.nonCancellable(() => echo('cleaning'));
    throw error;
  }
  return 'not cancelled';
}

/** Fails until the attempt that it is told. */
export async function failsAtFirst(attempts: number): Promise<number> {
  const { attempt } = workflowInfo();
  if (attempt < attempts) throw ApplicationFailure.create({ message: `attempt ${attempt}`, type: 'AtFirst' });
  return attempt;
}

export async function fails(): Promise<void> {
  throw ApplicationFailure.create({ message: 'it went wrong', type: 'Wrong', details: [{ code: 42 }, 'more'] });
}

export const progressQuery = defineQuery<string[]>('progress');

/** One step, then what it is sent, then another step: for restarts in the middle. */
export async function steps(): Promise<string[]> {
  const log: string[] = [];
  const sent: string[] = [];
  setHandler(putSignal, (item) => void sent.push(item));
  setHandler(progressQuery, () => log);
  log.push(await echo('first'));
  await condition(() => sent.length > 0);
  log.push(...sent);
  await sleep(100);
  log.push(await echo('last'));
  return log;
}

/** Survives the death of its worker in the middle of its second activity. */
export async function survives(): Promise<string[]> {
  const log: string[] = [];
  setHandler(progressQuery, () => log);
  log.push(await echo('first'));
  const { heartbeats } = proxyActivities<typeof activities>({
    startToCloseTimeout: '30s',
    heartbeatTimeout: '2s',
    retry: FAST,
  });
  log.push(await heartbeats('before death'));
  return log;
}

/** Changes its search attributes, continues as new with them, and changes its memo. */
export async function attributes(changed: boolean): Promise<unknown[]> {
  let closed = false;
  setHandler(closeSignal, () => void (closed = true));
  if (!changed) {
    upsertSearchAttributes([{ key: INT, value: 7 }]);
    await continueAsNew<typeof attributes>(true);
  }
  upsertMemo({ added: 'later', removed: null });
  await condition(() => closed);
  const { typedSearchAttributes, memo } = workflowInfo();
  return [typedSearchAttributes.get(KEYWORD), typedSearchAttributes.get(INT), Object.keys(memo ?? {}).sort()];
}

/** Counts on from what its last run has returned; the second run fails, and loses nothing. */
export async function cron(): Promise<number> {
  const { lastResult, lastFailure } = workflowInfo();
  const last = (lastResult as number | undefined) ?? 0;
  if (last === 1 && lastFailure === undefined) throw ApplicationFailure.create({ message: 'the second run fails' });
  return last + 1;
}

/** Calls an activity that counts its calls, keeps what it is sent, and ends with both. */
export async function resettable(): Promise<unknown[]> {
  const items: string[] = [];
  let closed = false;
  setHandler(putSignal, (item) => void items.push(item));
  setHandler(closeSignal, () => void (closed = true));
  setHandler(heldQuery, () => items);
  const calls = await countCalls();
  await condition(() => closed);
  return [calls, ...items];
}

/** Has an activity that fails for ever, a child and a timer. */
export async function pending(): Promise<void> {
  const box = await startChild(mailbox, { workflowId: `${workflowInfo().workflowId}-child` });
  const { never } = proxyActivities<typeof activities>({
    startToCloseTimeout: '30s',
    heartbeatTimeout: '20s',
    retry: { maximumAttempts: 9 },
  });
  await Promise.all([box.result(), never(), sleep('1h')]);
}

/** Takes days: an activity that is retried after a day, a child that sleeps, and a month. */
export async function patient(): Promise<unknown[]> {
  const began = Date.now();
  const { flaky } = proxyActivities<typeof activities>({
    startToCloseTimeout: '30s',
    retry: { initialInterval: '1d', backoffCoefficient: 1 },
  });
  const attempt = await flaky(2);
  const answer = await executeChild(timers, {
    args: [30 * 60 * 1000],
    workflowId: `${workflowInfo().workflowId}-child`,
  });
  await sleep('30d');
  return [attempt, answer, Math.floor((Date.now() - began) / 86_400_000)];
}

