import { readStorageEndpoint } from '@cloudscan/config';
import type { Endpoint, EnvReader } from '@cloudscan/config';

export interface StorageClientConfig {
  readonly endpoint: Endpoint;
  /** Milliseconds that one call may take, its retries included. */
  readonly timeoutMs: number;
  readonly tls: boolean;
}

/** Reads `STORAGE_SERVICE_*`; the time limit is in seconds. */
export function readStorageClientConfig(env: EnvReader): StorageClientConfig {
  return {
    endpoint: readStorageEndpoint(env),
    timeoutMs: env.integer('STORAGE_SERVICE_TIMEOUT', 10, { min: 1, max: 600 }) * 1000,
    tls: env.boolean('STORAGE_SERVICE_TLS', false),
  };
}
