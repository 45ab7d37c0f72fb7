import { organization, scan } from '@cloudscan/contracts';
import { parseEndpoint, Secret } from '@cloudscan/config';
import type { Endpoint } from '@cloudscan/config';
import { RpcClient } from '@cloudscan/grpc';
import { readStackFile } from '@cloudscan/process';
import { UsageError } from './exit-codes.ts';

/** The three services of one server. */
export interface ServerClients {
  readonly scans: RpcClient<typeof scan.ScanServiceService>;
  readonly organizations: RpcClient<typeof organization.OrganizationServiceService>;
  readonly projects: RpcClient<typeof organization.ProjectServiceService>;
  close(): void;
}

export interface ServerOptions {
  readonly server?: string;
  readonly token?: string;
  readonly tls?: boolean;
}

/** A call that finds the server restarting is tried again for as long as its deadline allows. */
export const patient = { deadlineMs: 30_000, retries: 20 } as const;

const defaultPort = 9999;

export function connect(endpoint: Endpoint, { token, tls }: Pick<ServerOptions, 'token' | 'tls'>): ServerClients {
  const options = { token: new Secret(token ?? ''), tls };
  const scans = new RpcClient(scan.ScanServiceService, endpoint, options);
  const organizations = new RpcClient(organization.OrganizationServiceService, endpoint, options);
  const projects = new RpcClient(organization.ProjectServiceService, endpoint, options);
  return {
    scans,
    organizations,
    projects,
    close: () => [scans, organizations, projects].forEach((client) => client.close()),
  };
}

/** @throws UsageError unless the text is `host` or `host:port` */
export function parseServer(text: string): Endpoint {
  const endpoint = parseEndpoint(text, defaultPort);
  if (endpoint === null) throw new UsageError(`--server is ${JSON.stringify(text)}; give host:port, for example 127.0.0.1:${defaultPort}`);
  return endpoint;
}

/** The server that was named, else the stack of the data folder, else the default port of this machine. */
export function resolveServer(named: string | undefined, dataDir: string): Endpoint {
  if (named !== undefined) return parseServer(named);
  const stack = readStackFile(dataDir);
  return stack === null ? { host: '127.0.0.1', port: defaultPort } : parseServer(stack.grpc);
}
