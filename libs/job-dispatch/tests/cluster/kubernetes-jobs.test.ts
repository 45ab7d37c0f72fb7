import test from 'ava';
import { RunnerTokens } from '@cloudscan/auth';
import { jobNameOf } from '@cloudscan/domain';
import { eventually } from '@cloudscan/testing';
import type { WireJob, WirePod, WireSecret } from '../../src/kubernetes/resources.ts';
import { aJobSpec, listed, reaches, statusOf } from '../jobs.ts';
import { ClusterJobs } from './cluster-jobs.ts';

const tokenKey = 'k'.repeat(32);

test('a Job and its pod carry the labels by which scans, organizations and projects are found', async (t) => {
  const jobs = await ClusterJobs.open(t);
  const spec = aJobSpec();
  const { jobName } = await jobs.dispatcher('exit 0').create(spec);
  const selector = [
    `cloudscan.io/scan-id=${spec.scanId}`,
    `cloudscan.io/organization-id=${spec.organizationId}`,
    `cloudscan.io/project-id=${spec.projectId}`,
    'cloudscan.io/attempt=1',
    'app.kubernetes.io/managed-by=cloudscan',
  ].join(',');
  const [job] = await jobs.list<WireJob>('jobs', selector);
  t.is(job?.metadata?.name, jobName);
  await eventually(async () => (await jobs.list<WirePod>('pods', selector)).length === 1, { what: 'its pod' });
});

test('the runner’s token is in a Secret that its Job owns, and goes with it', async (t) => {
  const jobs = await ClusterJobs.open(t);
  const dispatcher = jobs.dispatcher('test "${#RUNNER_TOKEN}" -gt 100', { RUNNER_TOKEN_KEY: tokenKey });
  const spec = aJobSpec({ attempt: 4 });
  const { jobName } = await dispatcher.create(spec);
  const job = (await jobs.read<WireJob>('jobs', jobName))!;
  const secret = (await jobs.read<WireSecret>('secrets', jobName))!;
  t.deepEqual(secret.metadata?.ownerReferences, [{ apiVersion: 'batch/v1', kind: 'Job', name: jobName, uid: job.metadata!.uid! }]);
  const token = Buffer.from(secret.data!['RUNNER_TOKEN']!, 'base64').toString();
  const { scanId, organizationId } = spec;
  t.deepEqual(await new RunnerTokens([tokenKey]).verify(token, new Date()), { scanId, organizationId, attempt: 4 });
  t.false(JSON.stringify(job).includes(token));
  t.is((await reaches(dispatcher, jobName, 'succeeded', 'failed')).phase, 'succeeded');
  await dispatcher.delete(jobName);
  await eventually(async () => (await jobs.read('secrets', jobName)) === null, { what: 'the removal of the Secret' });
});

test('a name that a Job of something else has is refused for good', async (t) => {
  const jobs = await ClusterJobs.open(t);
  const dispatcher = jobs.dispatcher('sleep 600');
  const spec = aJobSpec();
  await dispatcher.create(spec);
  const error = await t.throwsAsync(dispatcher.create({ ...spec, organizationId: aJobSpec().organizationId }), { code: 'already_exists' });
  t.regex(error.message, /was not made for this attempt: its label cloudscan\.io\/organization-id is another/);
});

test('a Job is made anew only once the one of its name is gone, and that only once its pod is', async (t) => {
  const jobs = await ClusterJobs.open(t);
  const dispatcher = jobs.dispatcher('trap "" TERM; while true; do sleep 0.1; done', { RUNNER_TERMINATION_GRACE_SECONDS: '4' });
  const spec = aJobSpec();
  const { jobName } = await dispatcher.create(spec);
  await reaches(dispatcher, jobName, 'running');
  const { uid } = (await jobs.read<WireJob>('jobs', jobName))!.metadata!;
  await dispatcher.delete(jobName);
  await t.throwsAsync(dispatcher.create(spec), { code: 'unavailable', message: /which a Job that ends still has/ });
  await eventually(async () => (await jobs.read('jobs', jobName)) === null, { what: 'the removal of the Job', timeoutMs: 60_000 });
  t.deepEqual(await jobs.list('pods', `batch.kubernetes.io/job-name=${jobName}`), []);
  await dispatcher.create(spec);
  t.not((await jobs.read<WireJob>('jobs', jobName))!.metadata!.uid, uid);
});

test('a Job whose end is recorded stays for its time, unlisted, and is then removed', async (t) => {
  const jobs = await ClusterJobs.open(t);
  const dispatcher = jobs.dispatcher('exit 0', { JOB_TTL_SECONDS: '3' });
  const { jobName } = await dispatcher.create(aJobSpec());
  await reaches(dispatcher, jobName, 'succeeded');
  t.is((await jobs.read<WireJob>('jobs', jobName))!.spec?.ttlSecondsAfterFinished, undefined);
  await dispatcher.retire(jobName);
  t.deepEqual(await listed(dispatcher), []);
  t.like((await jobs.read<WireJob>('jobs', jobName)) ?? { spec: { ttlSecondsAfterFinished: 3 } }, { spec: { ttlSecondsAfterFinished: 3 } });
  await eventually(async () => (await jobs.read('jobs', jobName)) === null, { what: 'its removal', timeoutMs: 60_000 });
});

test('a runner that does not listen is cancelled within its grace', async (t) => {
  const jobs = await ClusterJobs.open(t);
  const dispatcher = jobs.dispatcher('trap "" TERM; while true; do sleep 0.1; done');
  const { jobName } = await dispatcher.create(aJobSpec());
  await reaches(dispatcher, jobName, 'running');
  await dispatcher.cancel(jobName);
  t.like(await statusOf(dispatcher, jobName), { phase: 'failed', reason: 'cancelled' });
  const pods = await jobs.list<WirePod>('pods', `batch.kubernetes.io/job-name=${jobName}`);
  t.true(pods.every(({ status }) => status?.phase === 'Failed' || status?.phase === 'Succeeded'));
});

const blocked = [
  {
    what: 'an image that nobody has',
    env: { RUNNER_IMAGE: 'registry.invalid/none:1' },
    reason: 'image_pull',
    condition: /^(ErrImagePull|ImagePullBackOff)$/,
  },
  { what: 'no node that fits', env: { RUNNER_NODE_SELECTOR: 'pool=none' }, reason: 'unschedulable', condition: /^Unschedulable$/ },
  {
    what: 'a Secret that is not there',
    env: { RUNNER_SECRET_NAME: 'absent' },
    reason: 'internal',
    condition: /^CreateContainerConfigError$/,
  },
] as const;
for (const { what, env, reason, condition } of blocked) {
  test(`a runner that cannot start for ${what} says so while it waits`, async (t) => {
    const jobs = await ClusterJobs.open(t);
    const dispatcher = jobs.dispatcher('exit 0', env);
    const { jobName } = await dispatcher.create(aJobSpec());
    const blockage = await eventually(async () => (await statusOf(dispatcher, jobName))?.blockage, { what, timeoutMs: 60_000 });
    t.is(blockage.reason, reason);
    t.regex(blockage.condition, condition);
    t.is((await statusOf(dispatcher, jobName))?.phase, 'pending');
    await dispatcher.cancel(jobName);
    t.like(await statusOf(dispatcher, jobName), { phase: 'failed', reason: 'cancelled' });
  });
}

test('a namespace that admits restricted pods alone takes runners', async (t) => {
  const jobs = await ClusterJobs.open(t);
  await jobs.enforceRestrictedPods();
  const dispatcher = jobs.dispatcher('exit 0');
  const { jobName } = await dispatcher.create(aJobSpec());
  t.is((await reaches(dispatcher, jobName, 'succeeded', 'failed')).phase, 'succeeded');
});

test('a deployment that cannot work says so before it starts', async (t) => {
  const jobs = await ClusterJobs.open(t);
  await t.notThrowsAsync(jobs.platform().prepare());
  const elsewhere = jobs.platform({ KUBE_NAMESPACE: 'cloudscan-absent' });
  await t.throwsAsync(elsewhere.prepare(), {
    name: 'StartUpError',
    message: /^the namespace cloudscan-absent does not exist; create it or/,
  });
  t.deepEqual(await jobs.list('jobs'), []);
});

test('Secrets without a Job are removed once they are old, and no others', async (t) => {
  const jobs = await ClusterJobs.open(t);
  const env = { RUNNER_TOKEN_KEY: tokenKey };
  const { jobs: dispatcher } = jobs.platform({ ...env, RUNNER_COMMAND: '["sleep","600"]' });
  const { jobName } = await dispatcher.create(aJobSpec());
  const orphan = { ...aJobSpec(), attempt: 1 };
  const name = jobNameOf(orphan.scanId, 1);
  const made = (await jobs.read<WireSecret>('secrets', jobName))!;
  const labels = { ...made.metadata!.labels, 'cloudscan.io/owned': null };
  const add = (secretName: string, issuedAt: Date) =>
    jobs.send('POST', 'secrets', undefined, {
      metadata: {
        name: secretName,
        labels: Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== null)),
        annotations: { 'cloudscan.io/issued-at': issuedAt.toISOString() },
      },
    });
  const longAgo = new Date(Date.now() - 3_600_000);
  t.is((await add(name, longAgo)).status, 201);
  t.is((await add(`${name}0`, new Date())).status, 201);
  t.is((await jobs.send('POST', 'secrets', undefined, { metadata: { name: 'foreign' } })).status, 201);
  t.is(await dispatcher.removeOrphans(), 1);
  t.is(await jobs.read('secrets', name), null);
  for (const kept of [jobName, `${name}0`, 'foreign']) t.not(await jobs.read('secrets', kept), null, kept);
});
