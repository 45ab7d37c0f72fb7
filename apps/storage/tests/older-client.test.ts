import { fileURLToPath } from 'node:url';
import { newId, testFile } from '@cloudscan/testing';
import { credentials, loadPackageDefinition, status } from '@grpc/grpc-js';
import type { ServiceError, Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import test from 'ava';
import { download, put, startStorage } from './support/storage.ts';
import type { TestStorage } from './support/storage.ts';

/** The contract as clients know it that are older than this project: no field from 30 on, no DeleteArtifacts, no quotas. */
const proto = fileURLToPath(new URL('../../../libs/storage-client/tests/original-storage.proto', import.meta.url));
const hourMs = 3_600_000;
const sourceCode = 1;

type Message = Readonly<Record<string, unknown>>;
type Call = (request: Message) => Promise<Message>;

interface Artifact {
  readonly id: string;
  readonly organization_id: string;
  readonly size_bytes: number;
  readonly created_at: { readonly seconds: number };
  readonly expires_at: { readonly seconds: number };
}

const file = testFile(test);
let service: TestStorage;
let rpc: (name: string) => Call;
test.before(async () => {
  service = await startStorage(file);
  const loaded = loadPackageDefinition(loadSync(proto, { keepCase: true, longs: Number, enums: Number, defaults: true }));
  const { storage } = loaded['cloudscan'] as unknown as { readonly storage: { readonly StorageService: typeof Client } };
  const client = new storage.StorageService(`127.0.0.1:${service.app.grpcPort}`, credentials.createInsecure());
  file.teardown(() => client.close());
  rpc = (name) => (request) =>
    new Promise((resolve, reject) => {
      const method = (
        client as unknown as Record<string, (request: Message, done: (error: ServiceError | null, answer: Message) => void) => void>
      )[name]!;
      method.call(client, request, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
});

async function create(
  fields: Message = {},
): Promise<{ readonly artifact: Artifact; readonly upload_url: string; readonly upload_headers: Record<string, string> }> {
  const request = {
    scan_id: newId(),
    organization_id: newId(),
    type: sourceCode,
    filename: 'source.zip',
    content_type: 'application/zip',
    ...fields,
  };
  return (await rpc('CreateArtifact')(request)) as never;
}

test('uploads by the URL it was given, finds, lists, downloads and deletes what it uploaded', async (t) => {
  const organizationId = newId();
  const { artifact, upload_url: url, upload_headers: headers } = await create({ organization_id: organizationId, size_bytes: 7 });
  t.is(artifact.organization_id, organizationId);
  t.is(artifact.expires_at.seconds - artifact.created_at.seconds, (24 * hourMs) / 1000, 'without a wish for a day');
  t.is((await rpc('GetArtifact')({ id: artifact.id }))['download_url'], '');
  t.is((await put(url, 'content', headers)).status, 200);
  const found = await rpc('GetArtifact')({ id: artifact.id, expires_in_hours: 2 });
  t.is((found['artifact'] as Artifact).size_bytes, 7);
  t.is(await download(found['download_url'] as string), 'content');
  const listed = await rpc('ListArtifacts')({ organization_id: organizationId });
  t.deepEqual(
    [(listed['artifacts'] as Artifact[]).map(({ id }) => id), listed['next_page_token'], listed['total_count']],
    [[artifact.id], '', 1],
  );
  t.deepEqual(await rpc('DeleteArtifact')({ id: artifact.id }), {});
  t.deepEqual(await rpc('DeleteArtifact')({ id: artifact.id }), {}, 'idempotent');
  t.like(await t.throwsAsync(rpc('GetArtifact')({ id: artifact.id })), { code: status.NOT_FOUND });
});

test('uploads in parts', async (t) => {
  const { artifact } = await create();
  const { upload_id: uploadId } = await rpc('InitiateMultipartUpload')({ artifact_id: artifact.id });
  const upload = { artifact_id: artifact.id, upload_id: uploadId };
  const { parts } = (await rpc('GetMultipartUploadParts')({ ...upload, from_part: 1, num_parts: 2 })) as {
    parts: { part_number: number; url: string; expiration: string }[];
  };
  t.true(parts.every(({ expiration }) => new Date(expiration) > service.clock.now()));
  const texts = ['first ', 'second'];
  const completed = [];
  for (const [index, { part_number: partNumber, url }] of parts.entries()) {
    const { headers } = await put(url, texts[index]!);
    completed.push({ part_number: partNumber, etag: headers.get('etag') });
  }
  const answer = await rpc('CompleteMultipartUpload')({ ...upload, parts: completed });
  t.is(await download(answer['url'] as string), 'first second');
  t.true(new Date(answer['expiration'] as string) > service.clock.now());
  t.like(await t.throwsAsync(rpc('AbortMultipartUpload')(upload)), { code: status.FAILED_PRECONDITION });
});

test('gives an upload in parts up', async (t) => {
  const { artifact } = await create();
  const { upload_id: uploadId } = await rpc('InitiateMultipartUpload')({ artifact_id: artifact.id });
  const upload = { artifact_id: artifact.id, upload_id: uploadId };
  t.deepEqual(await rpc('AbortMultipartUpload')(upload), {});
  t.like(await t.throwsAsync(rpc('CompleteMultipartUpload')({ ...upload, parts: [{ part_number: 1, etag: 'x' }] })), {
    code: status.NOT_FOUND,
  });
});

test('is told what is wrong by codes of gRPC', async (t) => {
  t.like(await t.throwsAsync(create({ organization_id: 'acme' })), { code: status.INVALID_ARGUMENT });
  t.like(await t.throwsAsync(rpc('GetArtifact')({ id: newId() })), { code: status.NOT_FOUND });
  const organizationId = newId();
  await service.rpc.call('setQuota', { organizationId, limits: { bytes: 6n, artifacts: 0n, uploadBytes: 0n } });
  t.like(await t.throwsAsync(create({ organization_id: organizationId, size_bytes: 7 })), { code: status.RESOURCE_EXHAUSTED });
});
