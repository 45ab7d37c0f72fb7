import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
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

test('the key of attestations is one of Ed25519, given itself or by a file, and shown to nobody', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-key-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'key.pem');
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  writeFileSync(file, pem);
  t.is(loadConfig({}).attestationKey, null);
  const given = loadConfig({ ATTESTATION_KEY: pem });
  t.is(given.attestationKey!.id, loadConfig({ ATTESTATION_KEY: '', ATTESTATION_KEY_FILE: file }).attestationKey!.id);
  const secret = pem.split('\n')[1]!;
  t.false(JSON.stringify(given).includes(secret) || inspect(given, { depth: 9 }).includes(secret));
  const refused = (env: Record<string, string>, message: RegExp): void => {
    const error = t.throws(() => loadConfig(env), { instanceOf: ConfigError, message });
    t.false(error.message.includes(secret));
  };
  refused({ ATTESTATION_KEY: pem, ATTESTATION_KEY_FILE: file }, /^ATTESTATION_KEY_FILE is set beside ATTESTATION_KEY/);
  refused({ ATTESTATION_KEY_FILE: join(folder, 'none') }, /^ATTESTATION_KEY_FILE names a file that cannot be read \(ENOENT\)/);
  refused({ ATTESTATION_KEY: pem.slice(0, 60) }, /^ATTESTATION_KEY is no private key in PEM; set it to an Ed25519 private key/);
});
