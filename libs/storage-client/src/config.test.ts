import { ConfigError, readConfig } from '@cloudscan/config';
import test from 'ava';
import { readStorageClientConfig } from './config.ts';

test('has defaults for everything', (t) => {
  t.deepEqual(readConfig({}, readStorageClientConfig), { endpoint: { host: '127.0.0.1', port: 8082 }, timeoutMs: 10_000, tls: false });
});

test('reads the endpoint, the time limit in seconds, and TLS', (t) => {
  const env = { STORAGE_SERVICE_ENDPOINT: 'storage:1', STORAGE_SERVICE_TIMEOUT: '3', STORAGE_SERVICE_TLS: 'true' };
  t.deepEqual(readConfig(env, readStorageClientConfig), { endpoint: { host: 'storage', port: 1 }, timeoutMs: 3000, tls: true });
});

test('names what is wrong', (t) => {
  for (const [name, value] of [
    ['STORAGE_SERVICE_TIMEOUT', '0'],
    ['STORAGE_SERVICE_TIMEOUT', '5s'],
    ['STORAGE_SERVICE_TLS', 'maybe'],
    ['STORAGE_SERVICE_ENDPOINT', 'a b'],
  ] as const) {
    t.regex(
      t.throws(() => readConfig({ [name]: value }, readStorageClientConfig), { instanceOf: ConfigError }).message,
      new RegExp(`^${name} `),
    );
  }
});
