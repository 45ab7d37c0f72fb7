import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, stringify } from 'yaml';

/** How to reach a cluster and who one is there. PEM throughout; a client has a token, or a certificate with its key. */
export interface ClusterAccess {
  readonly url: string;
  readonly certificateAuthority: string;
  readonly token: string | null;
  readonly clientCertificate: string | null;
  readonly clientKey: string | null;
}

/** A kubeconfig (YAML) with one context, of one namespace. */
export function formatKubeconfig(access: ClusterAccess, namespace: string): string {
  const name = 'cloudscan';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server: access.url, 'certificate-authority-data': toBase64(access.certificateAuthority) } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    users: [
      {
        name,
        user: {
          ...(access.token !== null && { token: access.token }),
          ...(access.clientCertificate !== null && { 'client-certificate-data': toBase64(access.clientCertificate) }),
          ...(access.clientKey !== null && { 'client-key-data': toBase64(access.clientKey) }),
        },
      },
    ],
  });
}

type Entry = Readonly<Record<string, string | undefined>>;

interface Kubeconfig {
  readonly 'current-context': string;
  readonly contexts: readonly { readonly name: string; readonly context: Entry }[];
  readonly clusters: readonly { readonly name: string; readonly cluster: Entry }[];
  readonly users: readonly { readonly name: string; readonly user: Entry }[];
}

/** Reads the current context of a kubeconfig. @throws when it names what is not in it */
export function readKubeconfig(path: string): ClusterAccess {
  const config = parse(readFileSync(path, 'utf8')) as Kubeconfig;
  const { context } = named(config.contexts, config['current-context'], 'context', path);
  const { cluster } = named(config.clusters, context['cluster'], 'cluster', path);
  const { user } = named(config.users, context['user'], 'user', path);
  const pem = (entry: Entry, field: string): string | null => {
    const data = entry[`${field}-data`];
    if (data !== undefined) return Buffer.from(data, 'base64').toString();
    const file = entry[field];
    return file === undefined ? null : readFileSync(resolve(dirname(path), file), 'utf8');
  };
  return {
    url: cluster['server'] ?? '',
    certificateAuthority: pem(cluster, 'certificate-authority') ?? '',
    token: user['token'] ?? pem(user, 'tokenFile')?.trim() ?? null,
    clientCertificate: pem(user, 'client-certificate'),
    clientKey: pem(user, 'client-key'),
  };
}

function named<Named extends { readonly name: string }>(
  entries: readonly Named[],
  name: string | undefined,
  what: string,
  path: string,
): Named {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`${path} has no ${what} "${name}"`);
  return entry;
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
