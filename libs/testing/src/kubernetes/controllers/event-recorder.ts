import type { ObjectApi } from '../api-server/object-api.ts';
import { formatTime } from '../api-server/object.ts';
import type { KubernetesObject } from '../api-server/object.ts';
import { events } from '../api-server/resources/others.ts';

// A cluster forgets events after an hour; here the newest are enough for people to read.
const maxEvents = 2000;

/** Notes what controllers did, for `kubectl describe`. */
export class EventRecorder {
  readonly #api: ObjectApi;
  readonly #names: { readonly namespace: string; readonly name: string }[] = [];

  constructor(api: ObjectApi) {
    this.#api = api;
  }

  record(about: KubernetesObject, component: string, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { apiVersion, kind } = about;
    const { namespace = 'default', name, uid } = about.metadata;
    const now = formatTime(this.#api.clock.now());
    const event = {
      metadata: { generateName: `${name}.` },
      involvedObject: { apiVersion, kind, namespace, name, uid },
      type,
      reason,
      message,
      source: { component },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
    const created = this.#api.create(events, namespace, event);
    this.#names.push({ namespace, name: created.metadata.name });
    const oldest = this.#names.length > maxEvents ? this.#names.shift() : undefined;
    if (oldest !== undefined && this.#api.find(events, oldest.namespace, oldest.name) !== null) {
      this.#api.delete(events, oldest.namespace, oldest.name);
    }
  }
}
