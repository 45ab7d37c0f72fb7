import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@cloudscan/config';
import { storage } from '@cloudscan/contracts';
import { DomainError } from '@cloudscan/domain';
import { RpcClient } from '@cloudscan/grpc';
import type { RequestOf, ServerTls } from '@cloudscan/grpc';
import { silentLogger } from '@cloudscan/telemetry';
import type { Logger } from '@cloudscan/telemetry';
import { FakeClock, newId, testDatabase } from '@cloudscan/testing';
import type { Teardown, TestDatabase } from '@cloudscan/testing';
import type { BackendConfig, FilesystemConfig } from '../../src/backend-config.ts';
import type { StorageConfig } from '../../src/config.ts';
import { createApp } from '../../src/create-app.ts';
import type { StorageApp } from '../../src/create-app.ts';

export type Rpc = RpcClient<typeof storage.StorageServiceService>;
type Service = typeof storage.StorageServiceService;
type CreateRequest = RequestOf<Service['createArtifact']>;

export interface TestStorage {
  readonly app: StorageApp;
  readonly rpc: Rpc;
  readonly clock: FakeClock;
  readonly config: StorageConfig;
  readonly files: FilesystemConfig;
  readonly database: TestDatabase;
}

export const maxUploadBytes = 1_000_000;
/** Any free port of this machine. */
const free = { host: '127.0.0.1', port: 0 };

export interface TestStorageOptions {
  /** A data folder of its own, where it is left out. */
  readonly backend?: BackendConfig;
  readonly tls?: ServerTls;
  readonly log?: Logger;
  /** Where the service's clock begins. */
  readonly startedAt?: Date;
}

/** A storage service on free ports with a database of its own; its collector runs when it is told. */
export async function startStorage(
  t: Teardown,
  { backend, tls, log = silentLogger, startedAt = new Date() }: TestStorageOptions = {},
): Promise<TestStorage> {
  const database = await testDatabase(t);
  const files = { dataDir: newFolder(t), signingKey: new Secret('a signing key of thirty-two bytes'), edge: free, publicUrl: null };
  const config = { ...configFor(database, backend ?? { kind: 'filesystem', ...files }), tls: tls ?? null };
  const clock = new FakeClock(startedAt);
  const app = await createApp(config, { log, now: () => clock.now() });
  t.teardown(() => app.stop());
  await app.start();
  // The pass with which every service starts.
  await app.collector.runOnce(new AbortController().signal);
  const rpc = new RpcClient(storage.StorageServiceService, { host: '127.0.0.1', port: app.grpcPort });
  t.teardown(() => rpc.close());
  return { app, rpc, clock, config, files, database };
}

export function newFolder(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-storage-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function configFor(database: TestDatabase, backend: BackendConfig): StorageConfig {
  return {
    logLevel: 'silent',
    grpc: free,
    tls: null,
    ops: free,
    database: { ...database.storageConfig, maxConnections: 5 },
    backend,
    quota: { bytes: 1e12, artifacts: 1e6, uploadBytes: maxUploadBytes },
    urlMs: 900_000,
    retentionMs: 90 * 86_400_000,
    collector: { intervalMs: 3_600_000, graceMs: 3_600_000 },
  };
}

export function aRequest(overrides: Partial<CreateRequest> = {}): CreateRequest {
  return {
    scanId: newId(),
    organizationId: newId(),
    type: storage.ArtifactType.SOURCE_CODE,
    filename: 'source.tar.gz',
    contentType: 'application/gzip',
    sizeBytes: 0n,
    expiresInHours: 0,
    sha256: '',
    urlSeconds: 0,
    ...overrides,
  };
}

/** Creates an artifact and uploads its bytes; answers its id. */
export async function upload(rpc: Rpc, body: string, overrides: Partial<CreateRequest> = {}): Promise<string> {
  const { artifact, uploadUrl, uploadHeaders } = await rpc.call('createArtifact', aRequest(overrides));
  const { ok, status } = await put(uploadUrl, body, uploadHeaders);
  if (!ok) throw new Error(`the upload was answered with ${status}`);
  return artifact!.id;
}

export async function put(url: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  const response = await fetch(url, { method: 'PUT', headers, body });
  await response.arrayBuffer();
  return response;
}

export async function download(url: string): Promise<string> {
  return (await fetch(url)).text();
}

export function getArtifact(rpc: Rpc, id: string, overrides: Partial<RequestOf<Service['getArtifact']>> = {}) {
  return rpc.call('getArtifact', { id, expiresInHours: 0, withUploadUrl: false, urlSeconds: 0, ...overrides });
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The error of a call that must fail. */
export async function failureOf(call: Promise<unknown>): Promise<DomainError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('the call succeeded');
}

/** The names of all objects in the data folder, and of what is not whole. */
export function filesIn({ dataDir }: Pick<FilesystemConfig, 'dataDir'>): {
  readonly objects: readonly string[];
  readonly others: readonly string[];
} {
  const paths = readdirSync(dataDir, { recursive: true, encoding: 'utf8' });
  return {
    objects: paths.filter((path) => /^objects\/..\/..\/[^/]+$/.test(path)),
    others: paths.filter((path) => /^(incoming|trash|multipart)\/[^/]+$/.test(path)),
  };
}
