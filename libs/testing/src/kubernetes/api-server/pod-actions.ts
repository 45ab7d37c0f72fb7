import { isFinishedPod, setCondition } from './object.ts';
import type { Pod } from './object.ts';
import type { DeleteOptions, ObjectApi } from './object-api.ts';
import { keyOf } from './resource.ts';
import { pods } from './resources/pods.ts';
import { conflict, plainError } from './status.ts';

/** Why a pod has to go though nothing is wrong with it: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/ */
export interface Disruption {
  readonly reason: 'EvictionByEvictionAPI' | 'PreemptionByScheduler' | 'DeletionByTaintManager' | 'DeletionByPodGC';
  readonly message: string;
}

/** Places a pending pod on a node (pods/binding). */
export function bindPod(api: ObjectApi, namespace: string, name: string, nodeName: string | undefined): Pod {
  if (nodeName === undefined) throw plainError(422, 'target.name: Required value');
  const pod = api.get(pods, namespace, name);
  if (pod.metadata.deletionTimestamp !== undefined)
    throw conflict(pods, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec.nodeName !== undefined) throw conflict(pods, name, `pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
  pod.spec.nodeName = nodeName;
  setCondition(pod, { type: 'PodScheduled', status: 'True' }, api.clock.now());
  api.collection(pods).put(keyOf(namespace, name), pod);
  return pod;
}

/** Deletes a pod on somebody's request (pods/eviction), saying so in its conditions. No PodDisruptionBudgets here. */
export function evictPod(api: ObjectApi, namespace: string, name: string, options: DeleteOptions = {}): void {
  disruptPod(api, namespace, name, { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' }, options);
}

export function disruptPod(api: ObjectApi, namespace: string, name: string, disruption: Disruption, options: DeleteOptions = {}): void {
  const pod = api.get(pods, namespace, name);
  if (!isFinishedPod(pod)) {
    api.modify(pods, namespace, name, 'status', (current) => {
      setCondition(current, { type: 'DisruptionTarget', status: 'True', ...disruption }, api.clock.now());
    });
  }
  api.delete(pods, namespace, name, options);
}

/** Says of a pod whose node is gone that it has failed, and removes it. */
export function failLostPod(api: ObjectApi, namespace: string, name: string): void {
  api.modify(pods, namespace, name, 'status', (pod) => {
    if (isFinishedPod(pod)) return;
    const message = 'PodGC: node no longer exists';
    setCondition(pod, { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByPodGC', message }, api.clock.now());
    pod.status.phase = 'Failed';
    for (const container of pod.status.containerStatuses ?? []) container.ready = false;
  });
  api.delete(pods, namespace, name, { gracePeriodSeconds: 0 });
}

/** Notes that the scheduler finds no place. Returns whether that is news. */
export function markUnschedulable(api: ObjectApi, pod: Pod, message: string): boolean {
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message } as const;
  const before = pod.metadata.resourceVersion;
  const after = api.modify(pods, pod.metadata.namespace!, pod.metadata.name, 'status', (current) => {
    setCondition(current, condition, api.clock.now());
  });
  return before !== after.metadata.resourceVersion;
}
