import { ConfigError, readConfig } from '@cloudscan/config';
import test from 'ava';
import { readStorageClientConfig } from './config.ts';

test('has defaults for everything', (t) => {
  t.deepEqual(readConfig({}, readStorageClientConfig), {
    endpoint: { host: '127.0.0.1', port: 8082 },
    ...{ timeoutMs: 10_000, tls: null, urlSeconds: 900 },
  });
});

test('reads the endpoint, the time limit in seconds, and TLS', (t) => {
  const env = {
    STORAGE_SERVICE_ENDPOINT: 'storage:1',
    STORAGE_SERVICE_TIMEOUT: '3',
    STORAGE_SERVICE_TLS: 'true',
    STORAGE_URL_SECONDS: '60',
  };
  t.deepEqual(readConfig(env, readStorageClientConfig), {
    endpoint: { host: 'storage', port: 1 },
    ...{ timeoutMs: 3000, tls: { caFile: null, identity: null }, urlSeconds: 60 },
  });
  const files = { STORAGE_SERVICE_CA_FILE: '/ca', STORAGE_SERVICE_CERT_FILE: '/cert', STORAGE_SERVICE_KEY_FILE: '/key' };
  const { tls } = readConfig({ ...env, ...files }, readStorageClientConfig);
  t.deepEqual(tls, { caFile: '/ca', identity: { certFile: '/cert', keyFile: '/key' } });
});

test('names what is wrong', (t) => {
  for (const [name, value, others] of [
    ['STORAGE_SERVICE_TIMEOUT', '0'],
    ['STORAGE_SERVICE_TIMEOUT', '5s'],
    ['STORAGE_SERVICE_TLS', 'maybe'],
    ['STORAGE_SERVICE_TLS', 'false', { STORAGE_SERVICE_CA_FILE: '/ca' }],
    ['STORAGE_SERVICE_KEY_FILE', '', { STORAGE_SERVICE_TLS: 'true', STORAGE_SERVICE_CERT_FILE: '/cert' }],
    ['STORAGE_URL_SECONDS', '0'],
    ['STORAGE_SERVICE_ENDPOINT', 'a b'],
  ] as const) {
    t.regex(
      t.throws(() => readConfig({ ...others, [name]: value }, readStorageClientConfig), { instanceOf: ConfigError }).message,
      new RegExp(`^${name} `),
    );
  }
});
