import type { Endpoint } from './endpoint.ts';
import type { EnvReader } from './env.ts';

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/**
 * Where a server that knows no authentication listens. Whoever reaches its port may do everything, so it stays on this
 * machine unless told twice: by the address and by `AUTH_DISABLED_ALLOW_NON_LOOPBACK`.
 *
 * @param names the variables of host and port
 */
export function readUnguardedAddress(
  env: EnvReader,
  names: { readonly host: string; readonly port: string },
  defaultPort: number,
): Endpoint {
  const host = env.string(names.host, '127.0.0.1');
  env.oneOf('AUTH_MODE', ['disabled'], 'disabled');
  if (!env.boolean('AUTH_DISABLED_ALLOW_NON_LOOPBACK', false) && !isLoopback(host)) {
    env.problem(
      names.host,
      `is ${JSON.stringify(host)}, which other machines reach, and AUTH_MODE is disabled`,
      '127.0.0.1, or set AUTH_DISABLED_ALLOW_NON_LOOPBACK to true where a firewall or NetworkPolicy guards the port',
    );
  }
  return { host, port: env.port(names.port, defaultPort) };
}
