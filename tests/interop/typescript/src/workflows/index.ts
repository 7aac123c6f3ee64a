/** All workflows, with the newest code: what the worker of this program runs, and the replayer. */
export * from './order-fulfillment';
export * from './subscription-trial';
export * from './batch-processing';
export * from './basics';
export * from './after';
