import path from 'node:path';
import type { EnvReader } from '@cloudscan/config';
import type { BuiltinSettings } from '../registry.ts';

/** What the SCA scanner is told; passes through JSON. */
export interface ScaOptions {
  /** The URL of an OSV server, a `file:` URL, or the absolute path of a set on disk. */
  readonly source: string;
  /** Empty: keep nothing from scan to scan. */
  readonly cacheDir: string;
  readonly cacheTtlMs: number;
  readonly timeoutMs: number;
  readonly retryDelayMs: number;
}

const networkVariables = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
];

/**
 * The SCA scanner's settings from the environment:
 * `ADVISORY_SOURCE` (https://api.osv.dev), `ADVISORY_CACHE_DIR` (under the user's cache folder), `ADVISORY_CACHE_TTL`
 * (seconds, 21600), `ADVISORY_TIMEOUT` (seconds for one request, 30), and the usual proxy and certificate variables.
 */
export function readScaSettings(env: EnvReader): BuiltinSettings {
  const options: ScaOptions = {
    source: readSource(env),
    cacheDir: readCacheDir(env),
    cacheTtlMs: env.integer('ADVISORY_CACHE_TTL', 6 * 60 * 60, { min: 0, max: 365 * 24 * 60 * 60 }) * 1000,
    timeoutMs: env.integer('ADVISORY_TIMEOUT', 30, { min: 1, max: 600 }) * 1000,
    retryDelayMs: 500,
  };
  const network = networkVariables.map((name) => [name, env.optional(name)] as const).filter(([, value]) => value !== undefined);
  return { options, env: { ...Object.fromEntries(network), NODE_USE_ENV_PROXY: '1' } };
}

function readSource(env: EnvReader): string {
  const source = env.string('ADVISORY_SOURCE', 'https://api.osv.dev');
  const isServer = URL.canParse(source) && ['http:', 'https:', 'file:'].includes(new URL(source).protocol);
  if (!isServer && !path.isAbsolute(source)) {
    env.problem(
      'ADVISORY_SOURCE',
      `is ${JSON.stringify(source.slice(0, 60))}`,
      'an http:// or https:// URL of an OSV server, or an absolute path of OSV files',
    );
  }
  return source;
}

function readCacheDir(env: EnvReader): string {
  const configured = env.optional('ADVISORY_CACHE_DIR');
  if (configured !== undefined) {
    if (!path.isAbsolute(configured))
      env.problem('ADVISORY_CACHE_DIR', `is ${JSON.stringify(configured.slice(0, 60))}`, 'an absolute path');
    return configured;
  }
  const home = env.optional('HOME');
  const userCache = env.optional('XDG_CACHE_HOME') ?? (home === undefined ? undefined : path.join(home, '.cache'));
  return userCache === undefined ? '' : path.join(userCache, 'cloudscan', 'advisories');
}
