/** Runs cases beside each other, and says of each in one line how it went. */
import assert from 'node:assert';
import { randomBytes } from 'node:crypto';
import type { Client, Workflow, WorkflowHandle, WorkflowStartOptions } from '@temporalio/client';
import { NativeConnection, Worker, type WorkerOptions, type WorkflowBundleWithSourceMap, bundleWorkflowCode } from '@temporalio/worker';
import * as proto from '@temporalio/proto';
import * as activities from './activities';

/** How long a case may take on a machine that is busy with other things. */
const CASE_LIMIT_MS = 300_000;
/** How long a condition is waited for that the case itself has brought about. */
const EVENTUALLY_MS = 60_000;
const AT_ONCE = 8;

/** The case cannot be run here; says why. */
export class Skip extends Error {}

/** A workflow that was started, with the run that it was started as. */
export type Started = { workflowId: string; runId: string };

/** What a case works with. `queue` is polled by the worker of this program. */
export class Context {
  readonly run = randomBytes(4).toString('hex');
  readonly queue = `typescript-${this.run}`;
  readonly started: Started[] = [];
  private readonly bundles = new Map<string, Promise<WorkflowBundleWithSourceMap>>();

  constructor(
    readonly client: Client,
    readonly connection: NativeConnection,
    readonly address: string,
    readonly namespace: string,
    readonly out: string,
    readonly testServer: string | undefined,
  ) {}

  id(name: string): string {
    return `typescript-${this.run}-${name}`;
  }

  /** Starts a workflow whose whole history is replayed at the end. */
  async start<T extends Workflow>(
    workflow: T | string,
    id: string,
    args: Parameters<T>,
    options: Partial<WorkflowStartOptions> = {},
  ): Promise<WorkflowHandle<T> & { firstExecutionRunId: string }> {
    const all = { taskQueue: this.queue, ...options, workflowId: this.id(id), args };
    const handle = await this.client.workflow.start<T>(workflow as T, all as unknown as WorkflowStartOptions<T>);
    this.started.push({ workflowId: handle.workflowId, runId: handle.firstExecutionRunId });
    return handle as WorkflowHandle<T> & { firstExecutionRunId: string };
  }

  /** The workflows of one build, each file of which stands for a deployment. */
  bundle(build: string): Promise<WorkflowBundleWithSourceMap> {
    let bundle = this.bundles.get(build);
    if (!bundle) {
      const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} };
      bundle = bundleWorkflowCode({ workflowsPath: require.resolve(`./workflows/${build}`), logger: quiet });
      this.bundles.set(build, bundle);
    }
    return bundle;
  }

  async worker(taskQueue: string, build = 'index', options: Partial<WorkerOptions> = {}): Promise<Worker> {
    return await Worker.create({
      connection: this.connection,
      namespace: this.namespace,
      taskQueue,
      workflowBundle: await this.bundle(build),
      activities,
      workflowThreadPoolSize: 1,
      maxCachedWorkflows: 100,
      shutdownGraceTime: 0,
      ...options,
    });
  }

  /** Connects a worker of its own to the server: the SDK refuses two of one queue on the same connection. */
  async connect(): Promise<NativeConnection> {
    return await NativeConnection.connect({ address: this.address });
  }
}

type Case = (c: Context) => Promise<void>;
const cases = new Map<string, Case>();
/** Cases that look at what the others have left behind. */
const afterwards = new Map<string, Case>();

export function testCase(name: string, run: Case, when: 'beside' | 'afterwards' = 'beside'): void {
  assert(!cases.has(name) && !afterwards.has(name), name);
  (when === 'beside' ? cases : afterwards).set(name, run);
}

export function equal(actual: unknown, expected: unknown, what: string): void {
  assert.deepStrictEqual(actual, expected, `${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

export function check(holds: unknown, what: string): asserts holds {
  assert(holds, what);
}

/** The error that a promise must end with. */
export async function failure<E extends Error>(
  kind: abstract new (...args: never[]) => E,
  promise: Promise<unknown>,
): Promise<E> {
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  throw new Error(`expected ${kind.name}, got the result ${JSON.stringify(result)}`);
}

/** What the probe returns, as soon as it is true. */
export async function eventually<T>(probe: () => Promise<T>, what: string): Promise<T> {
  const limit = Date.now() + EVENTUALLY_MS;
  while (Date.now() < limit) {
    const value = await probe();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never came to pass: ${what}`);
}

/** The types of a workflow's events, without the common prefix. */
export async function events(handle: WorkflowHandle<Workflow>): Promise<string[]> {
  const history = await handle.fetchHistory();
  const { EventType } = proto.temporal.api.enums.v1;
  return (history.events ?? []).map((event) => EventType[event.eventType!].slice('EVENT_TYPE_'.length));
}

function says(error: unknown): string {
  const told: string[] = [];
  for (let e = error; e instanceof Error && told.length < 5; e = e.cause) told.push(`${e.name}: ${e.message}`);
  return told.join(' / ').replace(/\s+/g, ' ').slice(0, 600);
}

async function within<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('took too long')), CASE_LIMIT_MS);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

export type Tally = { passed: number; failed: number; skipped: number };

async function runOne(name: string, run: Case, c: Context, tally: Tally): Promise<void> {
  try {
    await within(run(c));
    tally.passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    if (error instanceof Skip) {
      tally.skipped += 1;
      console.log(`skip ${name}: ${error.message}`);
    } else {
      tally.failed += 1;
      console.log(`FAIL ${name}: ${says(error)}`);
      const frame = (error as Error).stack?.split('\n').find((line) => line.includes('/build/cases/'));
      console.log(`    ${frame ?? ''}`);
    }
  }
}

export async function runAll(c: Context, only: string[]): Promise<Tally> {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  const chosen = ([name]: [string, Case]) => only.length === 0 || only.includes(name);
  const left = [...cases].filter(chosen);
  const lane = async () => {
    for (let next = left.shift(); next; next = left.shift()) await runOne(...next, c, tally);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  for (const next of [...afterwards].filter(chosen)) await runOne(...next, c, tally);
  return tally;
}
