import type { KubernetesNode, Labels, Pod, Taint, Toleration } from '../api-server/object.ts';
import { parseQuantity } from '../api-server/quantity.ts';

/** What a pod asks of a node. */
export interface Needs {
  readonly cpu: number;
  readonly memory: number;
  readonly nodeSelector: Labels;
  readonly tolerations: readonly Toleration[];
}

/** A node as the scheduler sees it, with what its pods use. */
export interface NodeRoom {
  readonly node: KubernetesNode;
  cpu: number;
  memory: number;
  pods: number;
}

const defaultMaxPods = 110;

export function needsOf({ spec }: Pod): Needs {
  const sum = (resource: string): number =>
    spec.containers.reduce((total, { resources }) => total + (parseQuantity(resources?.requests?.[resource] ?? '0') ?? 0), 0);
  return { cpu: sum('cpu'), memory: sum('memory'), nodeSelector: spec.nodeSelector ?? {}, tolerations: spec.tolerations ?? [] };
}

/** Why the pod cannot run there, in the scheduler's words; null when it can. */
export function obstacle(needs: Needs, room: NodeRoom): string | null {
  const { spec, metadata, status } = room.node;
  if (spec.unschedulable === true) return 'node(s) were unschedulable';
  const taint = spec.taints?.find(
    ({ key, value, effect }) => effect !== 'PreferNoSchedule' && !tolerates(needs.tolerations, { key, value, effect }),
  );
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  const labels = metadata.labels ?? {};
  if (Object.entries(needs.nodeSelector).some(([key, value]) => labels[key] !== value))
    return "node(s) didn't match Pod's node affinity/selector";
  const allocatable = status.allocatable ?? {};
  const capacity = (resource: string, otherwise: number): number => parseQuantity(allocatable[resource] ?? '') ?? otherwise;
  if (room.pods + 1 > capacity('pods', defaultMaxPods)) return 'Too many pods';
  // Sums of decimal fractions are a little off.
  const slack = 1e-9;
  if (needs.cpu > 0 && room.cpu + needs.cpu > capacity('cpu', 0) + slack) return 'Insufficient cpu';
  if (needs.memory > 0 && room.memory + needs.memory > capacity('memory', 0)) return 'Insufficient memory';
  return null;
}

export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return toleratedBy(tolerations, taint).length > 0;
}

/** The tolerations that match a taint: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
export function toleratedBy(tolerations: readonly Toleration[], taint: Taint): readonly Toleration[] {
  return tolerations.filter(({ key, operator = 'Equal', value = '', effect }) => {
    if (effect && effect !== taint.effect) return false;
    if (!key) return operator === 'Exists';
    return key === taint.key && (operator === 'Exists' || value === (taint.value ?? ''));
  });
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: …` */
export function explain(obstacles: readonly string[]): string {
  if (obstacles.length === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const text of obstacles) counts.set(text, (counts.get(text) ?? 0) + 1);
  const list = [...counts].map(([text, times]) => `${times} ${text}`).toSorted();
  const total = obstacles.length;
  const preemption = `0/${total} nodes are available: ${total} Preemption is not helpful for scheduling.`;
  return `0/${total} nodes are available: ${list.join(', ')}. preemption: ${preemption}`;
}
