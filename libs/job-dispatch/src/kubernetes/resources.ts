import type { CoreV1Event, V1Job, V1Pod, V1Secret } from '@kubernetes/client-node';

/** A resource as JSON has it. The generated types have `Date` where only their own deserializer makes one. */
export type Wire<T> = T extends Date ? string : T extends object ? { [K in keyof T]: Wire<T[K]> } : T;

export type WireJob = Wire<V1Job>;
export type WirePod = Wire<V1Pod>;
export type WireSecret = Wire<V1Secret>;
export type WireEvent = Wire<CoreV1Event>;

/** One page of a listing. */
export interface WireList<T> {
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly items: readonly T[];
}

const groups = { jobs: 'apis/batch/v1', pods: 'api/v1', secrets: 'api/v1', events: 'api/v1' } as const;
export type Resource = keyof typeof groups;

/** The path of a namespace's resources of one kind, or of one of them. */
export function resourcePath(resource: Resource, namespace: string, name?: string): string {
  const parts = ['', groups[resource], 'namespaces', namespace, resource, ...(name === undefined ? [] : [name])];
  return parts.join('/');
}
