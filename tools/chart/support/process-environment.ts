import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readConfig, recordingEnvironment } from '@cloudscan/config';
import type { Environment } from '@cloudscan/config';
import { readDatabaseConfig } from '@cloudscan/database';
import { root } from './helm.ts';

type LoadConfig = (env: Environment) => unknown;

/** Names that Node.js itself and its C library read. */
const runtimeNames = ['MALLOC_ARENA_MAX', 'NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS'];

/** What a process makes of an environment. */
export interface Reading {
  readonly config: unknown;
  /** Names that are set and that nothing reads. */
  readonly unread: readonly string[];
}

/**
 * Has the configuration of a process read an environment, as its main does. Throws ConfigError for what the process would
 * refuse.
 *
 * @param component an app, or `migrate`
 */
export async function readEnvironment(component: string, environment: Readonly<Record<string, string>>): Promise<Reading> {
  const { env, names } = recordingEnvironment(environment);
  const loadConfig = await configurationOf(component);
  const config = loadConfig(env);
  return { config, unread: Object.keys(environment).filter((name) => !names.has(name) && !runtimeNames.includes(name)) };
}

/** Apps are nobody's libraries; this is the only place that looks into them, by path. */
async function configurationOf(component: string): Promise<LoadConfig> {
  if (component === 'migrate') return (env) => readConfig(env, readDatabaseConfig);
  const { loadConfig } = (await import(pathToFileURL(join(root, 'apps', component, 'src', 'config.ts')).href)) as {
    loadConfig: LoadConfig;
  };
  return loadConfig;
}

/** All objects in a configuration that say where something is. */
export function addressesIn(config: unknown): { host: string; port: number }[] {
  if (typeof config !== 'object' || config === null) return [];
  const { host, port } = config as { host?: unknown; port?: unknown };
  const own = typeof host === 'string' && typeof port === 'number' ? [{ host, port }] : [];
  return [...own, ...Object.values(config).flatMap(addressesIn)];
}
