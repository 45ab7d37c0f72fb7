import { uniqueName } from '../../src/factories.ts';
import type { ClusterRequest, ClusterResponse, WatchEvent } from '../../src/kubernetes/cluster-client.ts';
import type { TestCluster } from '../../src/kubernetes/test-cluster.ts';

/** An object of the API as tests read it. */
export interface Thing {
  readonly kind: string;
  readonly apiVersion?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly phase?: string;
    readonly active?: number;
    readonly succeeded?: number;
    readonly failed?: number;
    readonly ready?: number;
    readonly startTime?: string;
    readonly completionTime?: string;
    readonly uncountedTerminatedPods?: object;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
  };
}

export interface ThingList {
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly items: readonly Thing[];
}

export interface Status {
  readonly kind: string;
  readonly status: string;
  readonly reason: string;
  readonly code: number;
  readonly message: string;
  readonly metadata: { readonly continue?: string };
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly causes?: readonly { readonly reason: string; readonly field?: string }[];
    readonly retryAfterSeconds?: number;
  };
}

export type Answer<Body> = ClusterResponse & { readonly body: Body };

const groups: Readonly<Record<string, string>> = { jobs: 'apis/batch/v1', leases: 'apis/coordination.k8s.io/v1' };

/** The objects of the tests' namespace. Answers come as they are; what they should be the tests say. */
export class Objects {
  readonly #cluster: TestCluster;

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  path(plural: string, ...rest: readonly string[]): string {
    return ['', groups[plural] ?? 'api/v1', 'namespaces', this.#cluster.namespace, plural, ...rest].join('/');
  }

  async send<Body = Thing>(path: string, request: ClusterRequest = {}): Promise<Answer<Body>> {
    return (await this.#cluster.client.send(path, request)) as Answer<Body>;
  }

  create<Body = Thing>(plural: string, object: object): Promise<Answer<Body>> {
    return this.send<Body>(this.path(plural), { method: 'POST', body: object });
  }

  /** Creates and answers the object. @throws when it was not created */
  async made(plural: string, object: object): Promise<Thing> {
    const { status, body } = await this.create(plural, object);
    if (status !== 201) throw new Error(`not created: ${JSON.stringify(body)}`);
    return body;
  }

  get<Body = Thing>(plural: string, name: string): Promise<Answer<Body>> {
    return this.send<Body>(this.path(plural, name));
  }

  list<Body = ThingList>(plural: string, query: ClusterRequest['query'] = {}): Promise<Answer<Body>> {
    return this.send<Body>(this.path(plural), { query });
  }

  update<Body = Thing>(plural: string, name: string, object: object): Promise<Answer<Body>> {
    return this.send<Body>(this.path(plural, name), { method: 'PUT', body: object });
  }

  patch<Body = Thing>(plural: string, name: string, patch: object, format = 'merge-patch'): Promise<Answer<Body>> {
    return this.send<Body>(this.path(plural, name), { method: 'PATCH', body: patch, contentType: `application/${format}+json` });
  }

  delete<Body = Thing>(plural: string, name: string, options: object = {}): Promise<Answer<Body>> {
    return this.send<Body>(this.path(plural, name), { method: 'DELETE', body: options });
  }

  watch(plural: string, query: ClusterRequest['query'], signal?: AbortSignal): AsyncGenerator<WatchEvent<Thing>> {
    return this.#cluster.client.watch<Thing>(this.path(plural), { query, signal });
  }

  /** The first so many events of a watch, as `TYPE name`. */
  async events(plural: string, query: ClusterRequest['query'], count: number): Promise<readonly string[]> {
    const seen: string[] = [];
    const stop = new AbortController();
    for await (const { type, object } of this.watch(plural, query, stop.signal)) {
      seen.push(`${type} ${object.metadata.name}`);
      if (seen.length === count) stop.abort();
    }
    return seen;
  }
}

export function aConfigMap(
  labels: Readonly<Record<string, string>> = {},
  data: Readonly<Record<string, string>> = {},
): { metadata: { name: string; labels: object }; data: object } {
  return { metadata: { name: uniqueName('map'), labels }, data };
}

/** A Job of one pod that runs a shell command. */
export function aJob(command: string, spec: object = {}, metadata: object = {}) {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: uniqueName('job'), ...metadata },
    spec: {
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'runner', image: 'busybox', command: ['sh', '-c', command] }],
        },
      },
      ...spec,
    },
  };
}

/** Statuses of the conditions that are True, with their reasons: `Failed BackoffLimitExceeded`. */
export function conditionsOf({ status }: Thing): readonly string[] {
  return (status?.conditions ?? []).filter((condition) => condition.status === 'True').map(({ type, reason }) => `${type} ${reason}`);
}
