import { ConfigError } from '@cloudscan/config';
import test from 'ava';
import { loadConfig } from './config.ts';

const cluster = {
  JOB_DISPATCHER: 'kubernetes',
  RUNNER_IMAGE: 'runner:1',
  KUBE_CONFIG: '/etc/kubeconfig',
  ORCHESTRATOR_ENDPOINT: 'api:9999',
};

test('a pass comes seldom where changes are heard of at once, and often on one machine', (t) => {
  t.is(loadConfig(cluster).sweepIntervalMs, 30_000);
  t.is(loadConfig({}).sweepIntervalMs, 2000);
  t.is(loadConfig({ ...cluster, SWEEP_INTERVAL_SECONDS: '5' }).sweepIntervalMs, 5000);
});

test('each reason for which a Job cannot start has its grace', (t) => {
  const graces = ({ policy }: ReturnType<typeof loadConfig>) =>
    (['image_pull', 'unschedulable', 'quota', 'internal'] as const).map((reason) => policy.blockageGraceMs(reason) / 1000);
  t.deepEqual(graces(loadConfig(cluster)), [120, 300, 300, 60]);
  const given = { IMAGE_PULL_GRACE_SECONDS: '1', UNSCHEDULABLE_GRACE_SECONDS: '2', START_ERROR_GRACE_SECONDS: '3' };
  t.deepEqual(graces(loadConfig({ ...cluster, ...given })), [1, 2, 2, 3]);
});

test('a Job may run as long as its deadline, and a minute more for the platform to end it; in a queue it may wait for a day', (t) => {
  t.like(loadConfig({ JOB_DEADLINE_SECONDS: '600' }).policy, { deadlineMs: 660_000, waitLimitMs: 660_000 });
  t.like(loadConfig({ ...cluster, RUNNER_QUEUE: 'scans' }).policy, { deadlineMs: 3_660_000, waitLimitMs: 86_400_000 });
});

test('what is wrong is named, all at once', (t) => {
  const error = t.throws(() => loadConfig({ IMAGE_PULL_GRACE_SECONDS: 'soon', SWEEP_END_GRACE_SECONDS: '0' }), { instanceOf: ConfigError });
  t.regex(error.message, /IMAGE_PULL_GRACE_SECONDS is "soon"/);
  t.regex(error.message, /SWEEP_END_GRACE_SECONDS is "0"/);
});
