import { inspect } from 'node:util';
import test from 'ava';
import { readAdmissionLimits } from './admission-limits.ts';
import { parseEndpoint, readStorageEndpoint } from './endpoint.ts';
import { ConfigError, readConfig } from './env.ts';
import { recordingEnvironment } from './recording-environment.ts';
import { Secret } from './secret.ts';

test('reads typed values and falls back where a variable is absent or empty', (t) => {
  const config = readConfig({ PORT: '8080', FLAG: 'off', MODE: 'b', TYPES: 'c, a', EMPTY: ' ' }, (env) => ({
    port: env.port('PORT', 1),
    flag: env.boolean('FLAG', true),
    mode: env.oneOf('MODE', ['a', 'b'], 'a'),
    types: env.list('TYPES', ['a', 'b', 'c'], []),
    empty: env.string('EMPTY', 'fallback'),
    url: env.url('URL', 'https://x.example', ['https:']),
  }));
  t.deepEqual(config, { port: 8080, flag: false, mode: 'b', types: ['a', 'c'], empty: 'fallback', url: 'https://x.example' });
});

test('names every variable that is wrong, what it was and what is wanted', (t) => {
  const error = t.throws(
    () =>
      readConfig({ PORT: '99999', FLAG: 'perhaps', MODE: 'z', TYPES: 'a,x', URL: 'ftp://x' }, (env) => [
        env.port('PORT', 1),
        env.boolean('FLAG', true),
        env.oneOf('MODE', ['a', 'b'], 'a'),
        env.list('TYPES', ['a'], []),
        env.url('URL', '', ['https:']),
        env.required('NAME', 'the name'),
      ]),
    { instanceOf: ConfigError },
  );
  t.deepEqual(error.message.split('\n'), [
    'PORT is "99999"; set it to a whole number from 0 to 65535',
    'FLAG is "perhaps"; set it to true or false',
    'MODE is "z"; set it to one of a, b',
    'TYPES holds "x"; set it to a comma-separated list of a',
    'URL is "ftp://x"; set it to a URL that begins with https://',
    'NAME is not set; set it to the name',
  ]);
});

test('a secret shows itself to nobody who does not ask', (t) => {
  const secret = new Secret('hunter2');
  for (const shown of [String(secret), JSON.stringify({ secret }), inspect({ secret }), `${secret}`])
    t.false(shown.includes('hunter2'), shown);
  t.is(secret.reveal(), 'hunter2');
});

test('notes which variables a reader asks for, set or not', (t) => {
  const { env, names } = recordingEnvironment({ STORAGE_SERVICE_HOST: 'storage', OTHER: 'x' });
  t.deepEqual(readConfig(env, readStorageEndpoint), { host: 'storage', port: 8082 });
  t.deepEqual([...names].toSorted(), ['STORAGE_SERVICE_ENDPOINT', 'STORAGE_SERVICE_HOST', 'STORAGE_SERVICE_PORT']);
});

test('reads the storage endpoint from each of its names', (t) => {
  const read = (env: Record<string, string>) => readConfig(env, readStorageEndpoint);
  t.deepEqual(read({}), { host: '127.0.0.1', port: 8082 });
  t.deepEqual(read({ STORAGE_SERVICE_HOST: 'storage' }), { host: 'storage', port: 8082 });
  t.deepEqual(read({ STORAGE_SERVICE_HOST: 'storage:1' }), { host: 'storage', port: 1 });
  t.deepEqual(read({ STORAGE_SERVICE_HOST: 'storage', STORAGE_SERVICE_PORT: '2' }), { host: 'storage', port: 2 });
  t.deepEqual(read({ STORAGE_SERVICE_ENDPOINT: 'other:3', STORAGE_SERVICE_HOST: 'storage' }), { host: 'other', port: 3 });
  t.throws(() => read({ STORAGE_SERVICE_ENDPOINT: 'http://x' }), {
    message: /STORAGE_SERVICE_ENDPOINT is "http:\/\/x"; set it to host:port/,
  });
});

test('parses endpoints with IPv6 hosts', (t) => {
  t.deepEqual(parseEndpoint('[::1]:9'), { host: '::1', port: 9 });
  t.is(parseEndpoint('a:99999'), null);
  t.is(parseEndpoint('a'), null);
});

test('what bounds admission is what one machine bears, unless it is said otherwise', (t) => {
  t.deepEqual(readConfig({}, readAdmissionLimits), {
    maxRunning: 2,
    maxRunningPerOrganization: 2,
    maxQueuedPerOrganization: 1000,
    usageHalfLifeMs: 3_600_000,
  });
  const env = { MAX_RUNNING_SCANS: '500', MAX_QUEUED_SCANS_PER_ORGANIZATION: '50', FAIR_SHARE_HALF_LIFE_SECONDS: '60' };
  t.like(readConfig(env, readAdmissionLimits), { maxRunning: 500, maxRunningPerOrganization: 500, usageHalfLifeMs: 60_000 });
  t.throws(() => readConfig({ FAIR_SHARE_HALF_LIFE_SECONDS: '0' }, readAdmissionLimits), {
    message: /^FAIR_SHARE_HALF_LIFE_SECONDS is "0"/m,
  });
});
