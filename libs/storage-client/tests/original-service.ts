import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Teardown } from '@cloudscan/testing';
import { loadPackageDefinition, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** Messages with the proto's own names, as this service was not made by this project's generator. */
export type OldMessage = Record<string, unknown>;

export interface OriginalService {
  readonly port: number;
  readonly artifacts: Map<string, OldMessage>;
  /** The RPCs that came, in order. */
  readonly calls: string[];
  /** Answers the next so many calls UNAVAILABLE. */
  failNext(count: number): void;
  /** Answers nothing from now on. */
  hang(): void;
}

const proto = fileURLToPath(new URL('original-storage.proto', import.meta.url));

/** A storage service of the deployed kind: no DeleteArtifacts, no status, no expiry of URLs, no health service. */
export async function startOriginalService(t: Teardown): Promise<OriginalService> {
  const artifacts = new Map<string, OldMessage>();
  const calls: string[] = [];
  let failures = 0;
  let hangs = false;
  const rpc =
    (name: string, answer: (request: OldMessage) => OldMessage | null) =>
    (call: ServerUnaryCall<OldMessage, OldMessage>, callback: sendUnaryData<OldMessage>) => {
      calls.push(name);
      if (hangs) return;
      if (failures > 0) {
        failures -= 1;
        callback({ code: status.UNAVAILABLE, details: 'restarting' });
        return;
      }
      const response = answer(call.request);
      if (response === null) callback({ code: status.NOT_FOUND, details: 'artifact not found' });
      else callback(null, response);
    };
  const server = new Server();
  server.addService(definition(), {
    CreateArtifact: rpc('CreateArtifact', (request) => {
      const id = randomUUID();
      const now = { seconds: Math.floor(Date.now() / 1000), nanos: 0 };
      const artifact = { ...request, id, storage_path: `old/${id}`, created_at: now, expires_at: now };
      artifacts.set(id, artifact);
      return { artifact, upload_url: `http://old/upload/${id}`, upload_headers: { 'x-old': 'header' } };
    }),
    GetArtifact: rpc('GetArtifact', ({ id }) => {
      const artifact = artifacts.get(id as string);
      return artifact === undefined ? null : { artifact, download_url: `http://old/download/${id as string}` };
    }),
    DeleteArtifact: rpc('DeleteArtifact', ({ id }) => (artifacts.delete(id as string) ? {} : null)),
    ListArtifacts: rpc('ListArtifacts', ({ scan_id: scanId }) => {
      const found = [...artifacts.values()].filter((artifact) => artifact['scan_id'] === scanId);
      return { artifacts: found, next_page_token: '', total_count: found.length };
    }),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.teardown(() => server.forceShutdown());
  return { port, artifacts, calls, failNext: (count) => (failures = count), hang: () => (hangs = true) };
}

function definition(): ServiceDefinition {
  const loaded = loadPackageDefinition(loadSync(proto, { keepCase: true, longs: Number, enums: Number, defaults: true }));
  const { storage } = loaded['cloudscan'] as unknown as {
    readonly storage: { readonly StorageService: { readonly service: ServiceDefinition } };
  };
  return storage.StorageService.service;
}
