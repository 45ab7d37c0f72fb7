import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { EnvReader } from '@cloudscan/config';
import { StartUpError } from '@cloudscan/process';
import { credentials, ServerCredentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';

/** PEM files of a server. They are read when it starts. */
export interface ServerTls {
  /** Its certificate, with those between it and the authority. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Of the authorities whose clients are served; null: any client is. */
  readonly clientCaFile: string | null;
}

/** PEM files of a client. */
export interface ClientTls {
  /** Of the authorities that are trusted; null: those that Node.js trusts. */
  readonly caFile: string | null;
  /** What the client shows of itself; null: nothing. */
  readonly identity: { readonly certFile: string; readonly keyFile: string } | null;
}

/**
 * Reads `<prefix>_CERT_FILE`, `<prefix>_KEY_FILE` and `<prefix>_CLIENT_CA_FILE`.
 *
 * @returns null for a server without TLS
 */
export function readServerTls(env: EnvReader, prefix: string): ServerTls | null {
  const identity = readIdentity(env, prefix);
  const clientCaFile = env.optional(`${prefix}_CLIENT_CA_FILE`) ?? null;
  if (clientCaFile !== null && identity === null)
    env.required(`${prefix}_CERT_FILE`, `the certificate that ${prefix}_CLIENT_CA_FILE needs`);
  return identity === null ? null : { ...identity, clientCaFile };
}

/**
 * Reads `<prefix>_TLS`, `<prefix>_CA_FILE`, `<prefix>_CERT_FILE` and `<prefix>_KEY_FILE`.
 *
 * @returns null for a client without TLS
 */
export function readClientTls(env: EnvReader, prefix: string): ClientTls | null {
  const isOn = env.boolean(`${prefix}_TLS`, false);
  const caFile = env.optional(`${prefix}_CA_FILE`) ?? null;
  const identity = readIdentity(env, prefix);
  if (!isOn && (caFile !== null || identity !== null)) {
    env.problem(`${prefix}_TLS`, 'is not on', `true, or leave ${prefix}_CA_FILE, ${prefix}_CERT_FILE and ${prefix}_KEY_FILE out`);
  }
  return isOn ? { caFile, identity } : null;
}

/** @throws StartUpError naming the file that cannot be used */
export function serverCredentials(tls: ServerTls | null): ServerCredentials {
  if (tls === null) return ServerCredentials.createInsecure();
  const [cert, key] = [readPem(tls.certFile), readPem(tls.keyFile)];
  const clientCa = tls.clientCaFile === null ? null : readPem(tls.clientCaFile);
  expectUsable(tls.certFile, { cert, key, ...(clientCa !== null && { ca: clientCa }) });
  return ServerCredentials.createSsl(clientCa, [{ cert_chain: cert, private_key: key }], clientCa !== null);
}

/** @throws StartUpError naming the file that cannot be used */
export function channelCredentials(tls: ClientTls | boolean | null): ChannelCredentials {
  if (tls === null || tls === false) return credentials.createInsecure();
  if (tls === true) return credentials.createSsl();
  const { caFile, identity } = tls;
  const ca = caFile === null ? null : readPem(caFile);
  if (caFile !== null && ca !== null) expectUsable(caFile, { ca });
  if (identity === null) return credentials.createSsl(ca);
  const [key, cert] = [readPem(identity.keyFile), readPem(identity.certFile)];
  expectUsable(identity.certFile, { cert, key });
  return credentials.createSsl(ca, key, cert);
}

function readIdentity(env: EnvReader, prefix: string): { readonly certFile: string; readonly keyFile: string } | null {
  const names = { certFile: `${prefix}_CERT_FILE`, keyFile: `${prefix}_KEY_FILE` };
  const certFile = env.optional(names.certFile);
  const keyFile = env.optional(names.keyFile);
  if (certFile === undefined && keyFile === undefined) return null;
  return {
    certFile: certFile ?? env.required(names.certFile, `the PEM file of the certificate that belongs to ${names.keyFile}`),
    keyFile: keyFile ?? env.required(names.keyFile, `the PEM file of the key that belongs to ${names.certFile}`),
  };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new StartUpError(`the TLS file ${path} cannot be read (${code}); give this user a PEM file there`, error);
  }
}

/** What is no certificate, or does not fit its key, would show at the first connection only. */
function expectUsable(path: string, pems: { readonly cert?: Buffer; readonly key?: Buffer; readonly ca?: Buffer }): void {
  try {
    createSecureContext(pems);
  } catch (error) {
    throw new StartUpError(`the TLS file ${path} cannot be used (${(error as Error).message}); give PEM files that belong together`, error);
  }
}
