import test from 'ava';
import { silentLogger } from '@cloudscan/telemetry';
import { aJob, createdAt } from '../../tests/kubernetes-objects.ts';
import { statusOf } from '../../tests/jobs.ts';
import { ApiError } from './api-error.ts';
import type { ApiRequest } from './client.ts';
import { KubernetesJobDispatcher } from './kubernetes-job-dispatcher.ts';
import type { RunnerPodSettings } from './manifest.ts';

const jobName = aJob().metadata!.name!;
const minuteLater = new Date(new Date(createdAt).getTime() + 60_000);
/** Only what is asked of it here. */
const settings = { namespace: 'cloudscan', terminationGraceSeconds: 1 } as RunnerPodSettings;

/** @param answer what the API says; undefined is an empty list */
function dispatcherOf(answer: (request: ApiRequest) => object | undefined, queue: string | null = null): KubernetesJobDispatcher {
  const client = {
    json: async <T>(request: ApiRequest): Promise<T> => (answer(request) ?? { metadata: {}, items: [] }) as T,
    text: async () => '',
    stream: () => Promise.reject(new Error('nothing is watched')),
  };
  const runner = {
    orchestrator: { host: 'api', port: 1 },
    storage: { host: 'storage', port: 1 },
    deadlineSeconds: 60,
    downloadTimeoutSeconds: 60,
    logLevel: 'info',
  };
  const clock = { now: () => minuteLater };
  const pod = { ...settings, queue };
  return new KubernetesJobDispatcher(client, { runner, pod, retirementSeconds: 60, confidential: null, clock, log: silentLogger });
}

test('a Job that Kubernetes makes no pod for says what its last event says', async (t) => {
  let asked: ApiRequest['query'];
  const dispatcher = dispatcherOf(({ path, query }) => {
    if (path.endsWith(`/jobs/${jobName}`)) return aJob();
    if (!path.endsWith('/events')) return undefined;
    asked = query;
    return { metadata: {}, items: [{ message: 'old' }, { message: 'pods "x" is forbidden: exceeded quota: pods, used: 5, limited: 5' }] };
  });
  const status = await statusOf(dispatcher, jobName);
  t.like(status, { phase: 'pending', blockage: { reason: 'quota', condition: 'FailedCreate' } });
  t.true(status!.blockage!.message.endsWith('used: 5, limited: 5'));
  t.is(asked?.['fieldSelector'], `involvedObject.kind=Job,involvedObject.name=${jobName},reason=FailedCreate`);
});

test('a Job is blocked without a reason of its own where events may not be read', async (t) => {
  const dispatcher = dispatcherOf(({ path }) => {
    if (path.endsWith('/events')) throw new ApiError(403, { reason: 'Forbidden' });
    return path.endsWith(`/jobs/${jobName}`) ? aJob() : undefined;
  });
  t.like(await statusOf(dispatcher, jobName), { phase: 'pending', blockage: { reason: 'unschedulable', condition: 'NoPod' } });
});

test('a Job is cancelled only once its controller says so, when it has no pod yet', async (t) => {
  let looks = 0;
  const suspended = { conditions: [{ type: 'Suspended', status: 'True' }] };
  const dispatcher = dispatcherOf(({ method, path }) => {
    if (!path.endsWith(`/jobs/${jobName}`)) return undefined;
    if (method === 'GET') looks += 1;
    return aJob({ suspend: true, ...(looks < 3 ? {} : { status: suspended }) });
  });
  await dispatcher.cancel(jobName);
  t.is(looks, 3);
});

test('a Job that a queue would resume is cancelled for good', async (t) => {
  const patches: unknown[] = [];
  const failed = { conditions: [{ type: 'Failed', status: 'True', reason: 'DeadlineExceeded' }] };
  const dispatcher = dispatcherOf(({ method, path, body }) => {
    if (method === 'PATCH') patches.push(body);
    return path.endsWith(`/jobs/${jobName}`) ? aJob({ status: failed }) : undefined;
  }, 'scans');
  await dispatcher.cancel(jobName);
  t.deepEqual(patches, [{ spec: { activeDeadlineSeconds: 1 } }]);
});

test('what runs beyond its grace is not cancelled, and its caller is told to come again', async (t) => {
  t.timeout(60_000);
  const running = { metadata: { name: 'p', labels: { 'batch.kubernetes.io/job-name': jobName } }, status: { phase: 'Running' } };
  const dispatcher = dispatcherOf(({ path }) => {
    if (path.endsWith('/pods')) return { metadata: {}, items: [running] };
    return aJob({ suspend: true });
  });
  await t.throwsAsync(dispatcher.cancel(jobName), { code: 'unavailable', message: `the end of ${jobName} is not available; try again` });
});
