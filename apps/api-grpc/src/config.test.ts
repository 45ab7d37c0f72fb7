import { generateKeyPairSync } from 'node:crypto';
import { ConfigError } from '@cloudscan/config';
import test from 'ava';
import { loadConfig } from './config.ts';

test('imports within the limits of code scanning unless told otherwise', (t) => {
  const { imports, policy } = loadConfig({});
  t.like(imports.spool, { maxGzipBytes: 10 * 1024 ** 2, maxConcurrent: 2 });
  t.like(imports.limits, { maxRuns: 20, maxResultsPerRun: 25_000 });
  t.is(policy.importedResultsPerRun, 5000);
  const raised = loadConfig({ IMPORT_MAX_RESULTS_PER_RUN: '1000000', IMPORT_KEPT_RESULTS_PER_RUN: '1000000', IMPORT_MAX_RUNS: '200' });
  t.like(raised.imports.limits, { maxRuns: 200, maxResultsPerRun: 1_000_000 });
  t.is(raised.policy.importedResultsPerRun, 1_000_000);
  t.throws(() => loadConfig({ IMPORT_MAX_CONCURRENT: '0' }), { instanceOf: ConfigError, message: /IMPORT_MAX_CONCURRENT/ });
});

test('has a default for everything, all of it on this machine', (t) => {
  const config = loadConfig({});
  t.deepEqual(config.grpc, { host: '127.0.0.1', port: 9999 });
  t.deepEqual(config.ops, { host: '127.0.0.1', port: 9090 });
  t.is(config.redis, null);
  t.is(config.maxMessageBytes, 16 * 1024 * 1024);
  t.is(config.policy.maxAttempts, 2);
  t.deepEqual(config.policy.gitProtocols, ['https', 'ssh']);
});

for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) {
  test(`listens on ${host} without authentication`, (t) => {
    t.is(loadConfig({ GRPC_HOST: host }).grpc.host, host);
  });
}

for (const host of ['0.0.0.0', '::', '10.0.0.7', '127.0.0.1.example.com', 'api.example.com']) {
  test(`refuses ${host} without authentication unless told twice`, (t) => {
    t.throws(() => loadConfig({ GRPC_HOST: host }), { instanceOf: ConfigError, message: /GRPC_HOST.*AUTH_DISABLED_ALLOW_NON_LOOPBACK/ });
    t.is(loadConfig({ GRPC_HOST: host, AUTH_DISABLED_ALLOW_NON_LOOPBACK: 'true' }).grpc.host, host);
  });
}

test('knows no other way of authentication yet, and says so', (t) => {
  t.throws(() => loadConfig({ AUTH_MODE: 'jwt' }), { instanceOf: ConfigError, message: /AUTH_MODE is "jwt"; set it to one of disabled/ });
});

test('names every variable that is wrong at once', (t) => {
  const env = {
    GRPC_PORT: 'x',
    GIT_ALLOWED_PROTOCOLS: 'https,ftp',
    SCAN_PARTIAL_RESULTS: 'maybe',
    JOB_BACKOFF_LIMIT: '-1',
    REDIS_PORT: '0',
  };
  const error = t.throws(() => loadConfig(env), { instanceOf: ConfigError });
  for (const name of Object.keys(env)) t.true(error.message.includes(name), name);
});

test('the keys that verify attestations are public ones, one after the other', (t) => {
  t.deepEqual(loadConfig({}).policy.attestationKeys, []);
  const pems = [1, 2].map(() => generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string);
  t.deepEqual(loadConfig({ ATTESTATION_PUBLIC_KEYS: pems.join('') }).policy.attestationKeys, pems);
  const secret = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  t.throws(() => loadConfig({ ATTESTATION_PUBLIC_KEYS: secret }), {
    instanceOf: ConfigError,
    message: /^ATTESTATION_PUBLIC_KEYS holds no public key in PEM; set it to/,
  });
});
