import type { EnvReader } from '@cloudscan/config';

/** What installed tools may see of the runner's environment. */
export interface ToolEnvironment {
  /** PATH: where tools find the programs that they call in turn. */
  readonly path: string;
  /** Proxies and certificates, by name. */
  readonly network: Readonly<Record<string, string>>;
}

const networkNames = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];

/** `PATH`, and the usual proxy and certificate variables. */
export function readToolEnvironment(env: EnvReader): ToolEnvironment {
  const network = networkNames.flatMap((name) => {
    const value = env.optional(name);
    return value === undefined ? [] : [[name, value]];
  });
  return { path: env.string('PATH', '/usr/local/bin:/usr/bin:/bin'), network: Object.fromEntries(network) };
}

/** Mebibytes of memory for one tool's processes together. */
export function readMemoryLimit(env: EnvReader, name: string, fallback: number): number {
  return env.integer(name, fallback, { min: 64, max: 1024 * 1024 });
}
