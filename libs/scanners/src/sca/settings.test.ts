import { ConfigError, readConfig } from '@cloudscan/config';
import test from 'ava';
import { readScaSettings } from './settings.ts';

test('asks api.osv.dev and keeps answers for six hours under the cache folder of the user by default', (t) => {
  const { options, env } = readConfig({ HOME: '/home/u' }, readScaSettings);
  t.like(options, {
    source: 'https://api.osv.dev',
    cacheDir: '/home/u/.cache/cloudscan/advisories',
    cacheTtlMs: 21_600_000,
    timeoutMs: 30_000,
  });
  t.deepEqual(env, { NODE_USE_ENV_PROXY: '1' });
});

test('hands on the proxy and nothing else of the environment', (t) => {
  const { env } = readConfig({ HTTPS_PROXY: 'http://proxy:3128', RUNNER_TOKEN: 'secret' }, readScaSettings);
  t.deepEqual(env, { HTTPS_PROXY: 'http://proxy:3128', NODE_USE_ENV_PROXY: '1' });
});

test('takes a server, a file URL and an absolute path as the source', (t) => {
  for (const source of ['http://osv.internal:8080/osv', 'file:///srv/osv', '/srv/osv/all.zip']) {
    t.like(readConfig({ ADVISORY_SOURCE: source }, readScaSettings).options, { source });
  }
});

for (const [name, value, want] of [
  ['ADVISORY_SOURCE', 'ftp://osv', /^ADVISORY_SOURCE is "ftp:\/\/osv"; set it to an http/],
  ['ADVISORY_SOURCE', 'osv/data', /^ADVISORY_SOURCE is "osv\/data"; set it to an http/],
  ['ADVISORY_CACHE_DIR', 'cache', /^ADVISORY_CACHE_DIR is "cache"; set it to an absolute path/],
  ['ADVISORY_CACHE_TTL', '-1', /^ADVISORY_CACHE_TTL is "-1"; set it to a whole number/],
] as const) {
  test(`refuses ${name}=${value} with the remedy`, (t) => {
    t.throws(() => readConfig({ [name]: value }, readScaSettings), { instanceOf: ConfigError, message: want });
  });
}
