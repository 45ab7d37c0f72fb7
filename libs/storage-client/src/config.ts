import { readStorageEndpoint } from '@cloudscan/config';
import type { Endpoint, EnvReader } from '@cloudscan/config';
import { readClientTls } from '@cloudscan/grpc';
import type { ClientTls } from '@cloudscan/grpc';

export interface StorageClientConfig {
  readonly endpoint: Endpoint;
  /** Milliseconds that one call may take, its retries included. */
  readonly timeoutMs: number;
  /** Null: without TLS. */
  readonly tls: ClientTls | null;
  /** Life of the URLs that are asked for; whoever is slower asks again. */
  readonly urlSeconds: number;
}

/** Reads `STORAGE_SERVICE_*`, the time limit in seconds, and `STORAGE_URL_SECONDS`. */
export function readStorageClientConfig(env: EnvReader): StorageClientConfig {
  return {
    endpoint: readStorageEndpoint(env),
    timeoutMs: env.integer('STORAGE_SERVICE_TIMEOUT', 10, { min: 1, max: 600 }) * 1000,
    tls: readClientTls(env, 'STORAGE_SERVICE'),
    urlSeconds: env.integer('STORAGE_URL_SECONDS', 900, { min: 1, max: 604_800 }),
  };
}
