import type { ScanEvents, ScanSignal } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import type { Redis } from 'ioredis';
import { connectRedis } from './redis-connection.ts';
import { SignalHub } from './signal-hub.ts';
import { SignalSender } from './signal-sender.ts';

const channel = 'cloudscan:scan-events';

/** ScanEvents by Redis's PUBLISH, on a connection of its own for listening. */
export class RedisScanEvents implements ScanEvents, AsyncDisposable {
  readonly #hub: SignalHub;
  readonly #sender: SignalSender;
  readonly #subscriber: Redis;
  #listening: Promise<void> = Promise.resolve();

  /** @param redis shared with others and closed by them; `subscriber` is this object's own */
  constructor(redis: Redis, subscriber: Redis, log: Logger) {
    this.#hub = new SignalHub(log);
    this.#sender = new SignalSender(async (payloads) => {
      await Promise.all(payloads.map((payload) => redis.publish(channel, payload)));
    }, log);
    this.#subscriber = subscriber;
    subscriber.on('message', (_channel, payload) => this.#hub.receive(payload));
    subscriber.on('ready', () => {
      this.#listening = this.#listen(log);
    });
  }

  /** Does not wait for a Redis that is down. */
  async start(): Promise<void> {
    await connectRedis(this.#subscriber);
    await this.#listening;
  }

  /** Sends what is under way, then stops listening. */
  async stop(): Promise<void> {
    await this.#sender.flush();
    this.#subscriber.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  publish(signal: ScanSignal): void {
    this.#hub.emit(signal);
    this.#sender.add(signal);
  }

  subscribe(scanId: string, onSignal: (signal: ScanSignal) => void): () => void {
    return this.#hub.subscribe(scanId, onSignal);
  }

  /** After every connection: what was published before it was there is gone. */
  async #listen(log: Logger): Promise<void> {
    try {
      await this.#subscriber.subscribe(channel);
      this.#hub.emitToAll();
    } catch (error) {
      log.warn({ error }, 'listening for scan events failed; watchers look by themselves');
    }
  }
}
