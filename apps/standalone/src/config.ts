import { resolve } from 'node:path';
import { readConfig } from '@cloudscan/config';
import type { Environment } from '@cloudscan/config';

/** The ports of the loopback interface that clients use; 0 takes a free one. */
export interface Ports {
  readonly grpc: number;
  readonly http: number;
  readonly storage: number;
  readonly storageHttp: number;
  readonly database: number;
}

/** The variable that sets each port, for messages. */
export const portVariables: Readonly<Record<keyof Ports, string>> = {
  grpc: 'GRPC_PORT',
  http: 'HTTP_PORT',
  storage: 'STORAGE_SERVICE_PORT',
  storageHttp: 'STORAGE_HTTP_PORT',
  database: 'DB_PORT',
};

export interface StandaloneConfig {
  /** Absolute; holds everything that the stack keeps. */
  readonly dataDir: string;
  readonly ports: Ports;
  /** Whether the stack ends when no client is left. */
  readonly onDemand: boolean;
  /** What the processes inherit. */
  readonly environment: Environment;
}

/**
 * @param defaultDataDir where `CLOUDSCAN_DATA_DIR` is not set
 * @throws ConfigError
 */
export function loadConfig(
  environment: Environment,
  options: { readonly defaultDataDir: string; readonly onDemand: boolean },
): StandaloneConfig {
  // Clients find a stack of their own by its stack file, so that it need not fight over the well-known ports.
  const wellKnown = (port: number): number => (options.onDemand ? 0 : port);
  return readConfig(environment, (env) => ({
    dataDir: resolve(env.string('CLOUDSCAN_DATA_DIR', options.defaultDataDir)),
    ports: {
      grpc: env.port('GRPC_PORT', wellKnown(9999)),
      http: env.port('HTTP_PORT', wellKnown(8081)),
      storage: env.port('STORAGE_SERVICE_PORT', wellKnown(8082)),
      storageHttp: env.port('STORAGE_HTTP_PORT', wellKnown(8083)),
      database: env.port('DB_PORT', 0),
    },
    onDemand: options.onDemand,
    environment,
  }));
}
