import { parse } from '../api-server/object-api.ts';
import type { ObjectApi } from '../api-server/object-api.ts';
import type { KubernetesNode, Pod } from '../api-server/object.ts';
import { bindPod, markUnschedulable } from '../api-server/pod-actions.ts';
import { splitKey } from '../api-server/resource.ts';
import { nodes } from '../api-server/resources/nodes.ts';
import { pods } from '../api-server/resources/pods.ts';
import type { StoreEvent } from '../api-server/store.ts';
import type { EventRecorder } from './event-recorder.ts';
import { explain, needsOf, obstacle } from './placement.ts';
import type { Needs, NodeRoom } from './placement.ts';
import { WorkQueue } from './work-queue.ts';
import type { WorkLoop } from './work-queue.ts';

const component = 'default-scheduler';

/** Gives pending pods to nodes that have room for them, the emptiest first. */
export class Scheduler {
  readonly #api: ObjectApi;
  readonly #queue: WorkQueue;
  readonly #events: EventRecorder;
  readonly #rooms = new Map<string, NodeRoom>();
  /** Pods without a node, in the order in which they came. */
  readonly #pending = new Map<string, Needs>();
  /** Pods that use something of a node. */
  readonly #placed = new Map<string, { readonly nodeName: string; readonly needs: Needs }>();

  constructor(api: ObjectApi, loop: WorkLoop, events: EventRecorder) {
    this.#api = api;
    this.#events = events;
    this.#queue = new WorkQueue(loop, () => this.#schedule());
  }

  start(): void {
    this.#api.subscribe(nodes, (event) => this.#onNode(event));
    this.#api.subscribe(pods, (event) => this.#onPod(event));
  }

  stop(): void {
    this.#queue.stop();
  }

  #onNode({ type, object }: StoreEvent): void {
    if (type === 'DELETED') {
      this.#rooms.delete(object.key);
    } else {
      const room = this.#rooms.get(object.key) ?? this.#usedRoom(object.key);
      this.#rooms.set(object.key, { ...room, node: parse<KubernetesNode>(object) });
    }
    this.#queue.add('');
  }

  #usedRoom(nodeName: string): Omit<NodeRoom, 'node'> {
    const used = [...this.#placed.values()].filter((place) => place.nodeName === nodeName);
    return used.reduce((sum, { needs }) => ({ cpu: sum.cpu + needs.cpu, memory: sum.memory + needs.memory, pods: sum.pods + 1 }), {
      cpu: 0,
      memory: 0,
      pods: 0,
    });
  }

  #onPod({ type, object }: StoreEvent): void {
    const nodeName = object.fields['spec.nodeName'];
    const phase = object.fields['status.phase'];
    const isOver = type === 'DELETED' || phase === 'Succeeded' || phase === 'Failed';
    if (isOver) {
      this.#pending.delete(object.key);
      this.#free(object.key);
    } else if (nodeName) {
      if (!this.#placed.has(object.key)) this.#place(object.key, nodeName, needsOf(parse<Pod>(object)));
    } else if (!this.#pending.has(object.key)) {
      const pod = parse<Pod>(object);
      if (pod.spec.schedulerName !== component || (pod.spec.schedulingGates ?? []).length > 0) return;
      this.#pending.set(object.key, needsOf(pod));
      this.#queue.add('');
    }
  }

  #place(key: string, nodeName: string, needs: Needs): void {
    this.#pending.delete(key);
    this.#placed.set(key, { nodeName, needs });
    this.#use(nodeName, needs, 1);
  }

  #free(key: string): void {
    const place = this.#placed.get(key);
    if (place === undefined) return;
    this.#placed.delete(key);
    this.#use(place.nodeName, place.needs, -1);
    if (this.#pending.size > 0) this.#queue.add('');
  }

  #use(nodeName: string, { cpu, memory }: Needs, sign: 1 | -1): void {
    const room = this.#rooms.get(nodeName);
    if (room === undefined) return;
    room.cpu += sign * cpu;
    room.memory += sign * memory;
    room.pods += sign;
  }

  #schedule(): void {
    // Thousands of pods that wait for the same thing are told the same without being tried one by one.
    const refused = new Map<string, string>();
    for (const [key, needs] of this.#pending) {
      const signature = JSON.stringify(needs);
      const known = refused.get(signature);
      const nodeName = known === undefined ? this.#choose(needs) : null;
      if (nodeName !== null) {
        this.#bind(key, nodeName);
      } else {
        const message = known ?? explain([...this.#rooms.values()].map((room) => obstacle(needs, room)!));
        refused.set(signature, message);
        this.#refuse(key, message);
      }
    }
  }

  #choose(needs: Needs): string | null {
    const fitting = [...this.#rooms.values()].filter((room) => obstacle(needs, room) === null);
    if (fitting.length === 0) return null;
    return fitting.reduce((best, room) => (room.pods < best.pods ? room : best)).node.metadata.name;
  }

  #bind(key: string, nodeName: string): void {
    const { namespace, name } = splitKey(key);
    // The pod's own event places it.
    const pod = bindPod(this.#api, namespace!, name, nodeName);
    this.#events.record(pod, component, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${nodeName}`);
  }

  #refuse(key: string, message: string): void {
    const { namespace, name } = splitKey(key);
    const pod = this.#api.get(pods, namespace, name);
    if (markUnschedulable(this.#api, pod, message)) this.#events.record(pod, component, 'Warning', 'FailedScheduling', message);
  }
}
