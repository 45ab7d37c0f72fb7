import type { ObjectApi } from '../api-server/object-api.ts';
import { resources } from '../api-server/registry.ts';
import { EventRecorder } from './event-recorder.ts';
import { GarbageCollector } from './garbage-collector.ts';
import { JobController } from './job-controller.ts';
import { NodeLifecycle } from './node-lifecycle.ts';
import { Scheduler } from './scheduler.ts';
import { TtlController } from './ttl-controller.ts';
import { WorkLoop } from './work-queue.ts';

/** What Kubernetes does by itself. */
export class Controllers {
  readonly #loop: WorkLoop;
  readonly #nodeLifecycle: NodeLifecycle;
  readonly #all: readonly { start(): void; stop(): void }[];

  constructor(api: ObjectApi) {
    this.#loop = new WorkLoop(api.clock);
    const events = new EventRecorder(api);
    this.#nodeLifecycle = new NodeLifecycle(api, this.#loop);
    this.#all = [
      new JobController(api, this.#loop, events),
      new TtlController(api, this.#loop),
      new GarbageCollector(api, this.#loop, resources),
      new Scheduler(api, this.#loop, events),
      this.#nodeLifecycle,
    ];
  }

  start(): void {
    for (const controller of this.#all) controller.start();
  }

  /** Resolves when none has anything to do until the clock moves or somebody writes. */
  settled(): Promise<void> {
    return this.#loop.settled();
  }

  loseNode(name: string): void {
    this.#nodeLifecycle.lose(name);
  }

  stop(): void {
    this.#loop.stop();
    for (const controller of this.#all) controller.stop();
  }
}
