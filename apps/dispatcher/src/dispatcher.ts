import { dispatchScan, stopJob } from '@cloudscan/orchestration';
import type { Delivery, DispatchMessage, ScanQueue, StopJobMessage, SystemPorts } from '@cloudscan/orchestration';
import type { Service } from '@cloudscan/process';
import type { Logger } from '@cloudscan/telemetry';
import type { DispatcherMetrics } from './metrics.ts';

export interface DispatcherOptions {
  readonly concurrency: number;
  readonly log: Logger;
  readonly metrics: DispatcherMetrics;
}

/** Turns dispatch messages into Jobs and stop messages into their end, and admits what the caps leave room for. */
export class Dispatcher implements Service {
  readonly #ports: SystemPorts;
  readonly #queue: ScanQueue;
  readonly #options: DispatcherOptions;
  #stopConsuming: readonly (() => Promise<void>)[] = [];

  constructor(ports: SystemPorts, queue: ScanQueue, options: DispatcherOptions) {
    this.#ports = ports;
    this.#queue = queue;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { concurrency } = this.#options;
    this.#stopConsuming = [
      await this.#queue.consume('dispatch', { concurrency }, (message, _signal, delivery) => this.#dispatch(message, delivery)),
      await this.#queue.consume('stop-job', { concurrency }, (message) => this.#stopJob(message)),
    ];
  }

  /** Takes no more messages and waits for those at work. */
  async stop(): Promise<void> {
    const stops = this.#stopConsuming;
    this.#stopConsuming = [];
    await Promise.all(stops.map((stop) => stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** One pass of admission. */
  async admitOnce(): Promise<void> {
    const { scope, system, policy, clock } = this.#ports;
    const admitted = await system.admit(scope, { limits: policy.limits, at: clock.now() });
    if (admitted > 0) this.#options.log.info({ admitted }, 'scans admitted');
  }

  /** Tells the metrics how the queue stands; called when they are asked for, since it reads every active scan. */
  async observeQueue(): Promise<void> {
    const { scope, system } = this.#ports;
    const { log, metrics } = this.#options;
    try {
      metrics.show(await system.queueStatistics(scope));
    } catch (error) {
      log.warn({ error }, 'the queue could not be observed; its metrics are as of the last time');
    }
  }

  async #dispatch(message: DispatchMessage, delivery: Delivery): Promise<void> {
    const { log, metrics } = this.#options;
    const { scanId, attempt } = message;
    try {
      const outcome = await dispatchScan(this.#ports, message, delivery);
      metrics.observe(outcome);
      log.info({ scanId, attempt, ...outcome }, 'dispatch message handled');
    } catch (error) {
      metrics.failed();
      log.warn({ scanId, attempt, isLast: delivery.isLast, error }, 'a Job could not be made');
      throw error;
    }
  }

  async #stopJob(message: StopJobMessage): Promise<void> {
    const stopped = await stopJob(this.#ports, message);
    this.#options.log.info({ scanId: message.scanId, jobName: message.jobName, stopped }, 'stop message handled');
  }
}
