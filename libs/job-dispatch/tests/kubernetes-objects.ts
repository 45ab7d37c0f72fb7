import type { WireJob, WirePod } from '../src/kubernetes/resources.ts';

/** Objects as the API server of Kubernetes 1.31 and newer gives them, less what nobody reads. */
export const scanId = '01890000-0000-7000-8000-000000000001';
export const organizationId = '0190b2c4-7d3e-4c7b-9c55-3f1f8a4f2d11';
export const createdAt = '2026-01-15T12:00:00Z';

type Part<T> = { readonly [K in keyof T]?: T[K] extends string | number | boolean | undefined ? T[K] : Part<T[K]> };
export type JobStatusJson = Part<NonNullable<WireJob['status']>>;
export type PodStatusJson = Part<NonNullable<WirePod['status']>>;

interface ObjectOptions<Status> {
  readonly name?: string;
  readonly version?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly createdAt?: string;
  readonly deletedAt?: string;
  readonly status?: Status;
}

export function aJob(options: ObjectOptions<JobStatusJson> & { readonly suspend?: boolean } = {}): WireJob {
  const { name = `scan-${scanId}-1`, suspend = false, status = { active: 1, ready: 1, terminating: 0, startTime: createdAt } } = options;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: metadataOf(name, { 'cloudscan.io/attempt': name.split('-').at(-1)! }, options),
    spec: { backoffLimit: 0, parallelism: 1, completions: 1, suspend, template: { spec: { containers: [] } } },
    status,
  } as unknown as WireJob;
}

export function aPod(options: ObjectOptions<PodStatusJson> & { readonly jobName?: string } = {}): WirePod {
  const { jobName = `scan-${scanId}-1`, name = `${jobName}-x2x4z`, status = running } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadataOf(name, { 'batch.kubernetes.io/job-name': jobName, 'job-name': jobName }, options),
    spec: { restartPolicy: 'Never', containers: [] },
    status,
  } as unknown as WirePod;
}

function metadataOf(name: string, labels: Readonly<Record<string, string>>, options: ObjectOptions<unknown>): object {
  const { deletedAt, version = '1000' } = options;
  return {
    name,
    namespace: 'cloudscan',
    uid: '5f3c1c1e-6e8b-4a53-9d53-4a1f8f0c0a11',
    resourceVersion: version,
    creationTimestamp: options.createdAt ?? createdAt,
    ...(deletedAt === undefined ? {} : { deletionTimestamp: deletedAt, deletionGracePeriodSeconds: 30 }),
    labels: {
      'app.kubernetes.io/managed-by': 'cloudscan',
      'cloudscan.io/scan-id': scanId,
      'cloudscan.io/organization-id': organizationId,
      ...labels,
      ...options.labels,
    },
  };
}

export function aCondition(type: string, reason?: string, message?: string, status = 'True') {
  return { type, status, lastTransitionTime: '2026-01-15T12:10:00Z', ...(reason && { reason }), ...(message && { message }) };
}

export const running: PodStatusJson = {
  phase: 'Running',
  conditions: [aCondition('PodReadyToStartContainers'), aCondition('PodScheduled')],
  containerStatuses: [{ name: 'runner', ready: true, state: { running: { startedAt: '2026-01-15T12:00:05Z' } } }],
};

/** A pod that its kubelet has ended, with its runner's exit code. */
export function ended(exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error', rest: PodStatusJson = {}): PodStatusJson {
  const terminated = { exitCode, reason, startedAt: '2026-01-15T12:00:05Z', finishedAt: '2026-01-15T12:09:59Z' };
  return { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses: [{ name: 'runner', state: { terminated } }], ...rest };
}

/** A pod that waits for its container to start. */
export function waitingFor(reason: string, message?: string): PodStatusJson {
  return {
    phase: 'Pending',
    conditions: [aCondition('PodReadyToStartContainers'), aCondition('PodScheduled')],
    containerStatuses: [{ name: 'runner', ready: false, state: { waiting: { reason, ...(message && { message }) } } }],
  };
}

export const failedJob: JobStatusJson = {
  failed: 1,
  startTime: createdAt,
  conditions: [
    aCondition('FailureTarget', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit'),
    aCondition('Failed', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit'),
  ],
};
