import type { ObjectApi } from '../api-server/object-api.ts';
import { conditionOf, formatTime, isFinishedPod, setCondition } from '../api-server/object.ts';
import type { KubernetesNode, Pod, Taint } from '../api-server/object.ts';
import { disruptPod, failLostPod } from '../api-server/pod-actions.ts';
import { splitKey } from '../api-server/resource.ts';
import { nodes } from '../api-server/resources/nodes.ts';
import { leases } from '../api-server/resources/others.ts';
import { pods } from '../api-server/resources/pods.ts';
import { withFields } from '../api-server/selectors.ts';
import type { StoreEvent } from '../api-server/store.ts';
import { toleratedBy } from './placement.ts';
import { WorkQueue } from './work-queue.ts';
import type { WorkLoop } from './work-queue.ts';

/** Silence after which a node counts as unreachable (node-monitor-grace-period). */
const graceMs = 50_000;
/** How long the pods of a node that was removed are left alone. */
const quarantineMs = 40_000;
const leaseNamespace = 'kube-node-lease';
const lifecycleTaints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** Notices nodes that fall silent, taints them, and evicts the pods that do not tolerate it. */
export class NodeLifecycle {
  readonly #api: ObjectApi;
  readonly #nodes: WorkQueue;
  readonly #pods: WorkQueue;
  /** When each node was last heard of, in the clock's ms. */
  readonly #heard = new Map<string, number>();
  readonly #lost = new Set<string>();

  constructor(api: ObjectApi, loop: WorkLoop) {
    this.#api = api;
    this.#nodes = new WorkQueue(loop, (name) => this.#reconcileNode(name));
    this.#pods = new WorkQueue(loop, (key) => this.#reconcilePod(key));
  }

  start(): void {
    this.#api.subscribe(nodes, (event) => this.#onNode(event));
    this.#api.subscribe(leases, ({ object }) => {
      const { namespace, name } = splitKey(object.key);
      if (namespace === leaseNamespace) this.#hear(name);
    });
    this.#api.subscribe(pods, ({ type, object, previous }) => {
      const nodeName = object.fields['spec.nodeName'];
      if (type !== 'DELETED' && nodeName && previous?.fields['spec.nodeName'] !== nodeName) this.#pods.add(object.key);
    });
  }

  stop(): void {
    this.#nodes.stop();
    this.#pods.stop();
  }

  /** The node's own reports no longer count. */
  lose(name: string): void {
    this.#api.get(nodes, null, name);
    this.#lost.add(name);
    this.#heard.set(name, -Infinity);
    this.#nodes.add(name);
  }

  #onNode({ type, object: { key: name } }: StoreEvent): void {
    if (type === 'DELETED') {
      this.#heard.delete(name);
      this.#lost.delete(name);
      const end = new Date(this.#api.clock.now().getTime() + quarantineMs);
      for (const pod of this.#podsOf(name)) this.#pods.addAt(keyOfPod(pod), end);
    } else {
      this.#hear(name);
      this.#nodes.add(name);
    }
  }

  #hear(name: string): void {
    if (this.#lost.has(name)) return;
    const now = this.#api.clock.now().getTime();
    this.#heard.set(name, now);
    this.#nodes.addAt(name, new Date(now + graceMs));
  }

  #reconcileNode(name: string): void {
    const node = this.#api.find(nodes, null, name);
    const heard = this.#heard.get(name);
    if (node === null || heard === undefined) return;
    const silence = this.#api.clock.now().getTime() - heard;
    if (silence >= graceMs) this.#markUnknown(name);
    else this.#nodes.addAt(name, new Date(heard + graceMs));
    this.#taint(name);
    for (const pod of this.#podsOf(name)) this.#pods.add(keyOfPod(pod));
  }

  #markUnknown(name: string): void {
    const message = 'Kubelet stopped posting node status.';
    this.#api.modify(nodes, null, name, 'status', (node) => {
      setCondition(node, { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message }, this.#api.clock.now());
    });
  }

  #taint(name: string): void {
    const timeAdded = formatTime(this.#api.clock.now());
    this.#api.modify(nodes, null, name, 'main', (node) => {
      const before = node.spec.taints ?? [];
      const wanted = taintsFor(node).map((taint) => before.find((old) => isSame(old, taint)) ?? { ...taint, timeAdded });
      const taints = [...before.filter(({ key }) => !lifecycleTaints.includes(key)), ...wanted];
      node.spec.taints = taints.length > 0 ? taints : undefined;
    });
  }

  #reconcilePod(key: string): void {
    const { namespace, name } = splitKey(key);
    const pod = this.#api.find(pods, namespace, name);
    if (pod?.spec.nodeName === undefined) return;
    const node = this.#api.find(nodes, null, pod.spec.nodeName);
    if (node === null) return failLostPod(this.#api, namespace!, name);
    if (isFinishedPod(pod) || pod.metadata.deletionTimestamp !== undefined) return;
    const end = evictionTime(pod, node);
    if (end === null) return;
    if (end > this.#api.clock.now()) return this.#pods.addAt(key, end);
    disruptPod(this.#api, namespace!, name, {
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
    });
  }

  #podsOf(nodeName: string): readonly Pod[] {
    return this.#api.list(pods, null, withFields({ 'spec.nodeName': nodeName }));
  }
}

/** When the taints of its node drive a pod away; null for never. */
function evictionTime(pod: Pod, node: KubernetesNode): Date | null {
  const times = (node.spec.taints ?? [])
    .filter(({ effect }) => effect === 'NoExecute')
    .map((taint) => {
      const seconds = toleratedBy(pod.spec.tolerations ?? [], taint).map(({ tolerationSeconds = Infinity }) => tolerationSeconds);
      return (taint.timeAdded === undefined ? 0 : Date.parse(taint.timeAdded)) + (seconds.length === 0 ? 0 : Math.min(...seconds) * 1000);
    });
  const first = Math.min(...times);
  return Number.isFinite(first) ? new Date(first) : null;
}

function taintsFor(node: KubernetesNode): readonly Taint[] {
  const [notReady, unreachable] = lifecycleTaints as [string, string];
  switch (conditionOf(node, 'Ready')?.status) {
    case 'True':
      return [];
    case 'Unknown':
      return ['NoSchedule', 'NoExecute'].map((effect) => ({ key: unreachable, effect }));
    case 'False':
      return ['NoSchedule', 'NoExecute'].map((effect) => ({ key: notReady, effect }));
    case undefined:
      return [{ key: notReady, effect: 'NoSchedule' }];
  }
}

function isSame(one: Taint, other: Taint): boolean {
  return one.key === other.key && one.effect === other.effect;
}

function keyOfPod({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}
