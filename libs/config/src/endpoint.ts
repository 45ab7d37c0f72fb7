import type { EnvReader } from './env.ts';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with IPv6 hosts in brackets. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Null when the text is neither `host:port` nor, with a default port, `host`. */
export function parseEndpoint(text: string, defaultPort?: number): Endpoint | null {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s/]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return null;
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  return port === undefined || port > 65_535 ? null : { host: (match[1] ?? match[2])!, port };
}

/** The storage service: `STORAGE_SERVICE_ENDPOINT`, or `STORAGE_SERVICE_HOST` (also `host:port`) and `STORAGE_SERVICE_PORT`. */
export function readStorageEndpoint(env: EnvReader): Endpoint {
  const port = env.port('STORAGE_SERVICE_PORT', 8082);
  const name = env.optional('STORAGE_SERVICE_ENDPOINT') === undefined ? 'STORAGE_SERVICE_HOST' : 'STORAGE_SERVICE_ENDPOINT';
  const text = env.string(name, '127.0.0.1');
  const endpoint = parseEndpoint(text, port);
  if (endpoint === null) env.problem(name, `is ${JSON.stringify(text)}`, 'host:port');
  return endpoint ?? { host: '127.0.0.1', port };
}
