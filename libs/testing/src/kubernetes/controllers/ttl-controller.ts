import type { ObjectApi } from '../api-server/object-api.ts';
import { conditionOf } from '../api-server/object.ts';
import { splitKey } from '../api-server/resource.ts';
import { isFinishedJob, jobs } from '../api-server/resources/jobs.ts';
import { WorkQueue } from './work-queue.ts';
import type { WorkLoop } from './work-queue.ts';

/** Deletes finished Jobs, with their pods, `ttlSecondsAfterFinished` after their end. */
export class TtlController {
  readonly #api: ObjectApi;
  readonly #queue: WorkQueue;

  constructor(api: ObjectApi, loop: WorkLoop) {
    this.#api = api;
    this.#queue = new WorkQueue(loop, (key) => this.#reconcile(key));
  }

  start(): void {
    this.#api.subscribe(jobs, ({ type, object }) => {
      if (type !== 'DELETED' && object.json.includes('"ttlSecondsAfterFinished":')) this.#queue.add(object.key);
    });
  }

  stop(): void {
    this.#queue.stop();
  }

  #reconcile(key: string): void {
    const { namespace, name } = splitKey(key);
    const job = this.#api.find(jobs, namespace, name);
    const ttlSeconds = job?.spec.ttlSecondsAfterFinished;
    if (job === null || ttlSeconds === undefined || job.metadata.deletionTimestamp !== undefined || !isFinishedJob(job)) return;
    const { lastTransitionTime } = conditionOf(job, 'Complete') ?? conditionOf(job, 'Failed')!;
    const expiry = new Date(Date.parse(lastTransitionTime!) + ttlSeconds * 1000);
    if (expiry > this.#api.clock.now()) return this.#queue.addAt(key, expiry);
    this.#api.delete(jobs, namespace, name, { propagationPolicy: 'Foreground', preconditions: { uid: job.metadata.uid } });
  }
}
