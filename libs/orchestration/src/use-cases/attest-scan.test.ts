import { createHash, generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import { DomainError, noFindings, unavailable } from '@cloudscan/domain';
import type { Artifact, Scan } from '@cloudscan/domain';
import { openEnvelope, parseSigningKey, readScanStatement, statementPayloadType } from '@cloudscan/provenance';
import type { SigningKey } from '@cloudscan/provenance';
import type { NewArtifact, PresignedUpload, StorageClient } from '../ports/storage-client.ts';
import { attestationFilename, attestScan } from './attest-scan.ts';
import type { AttestationPorts } from './attest-scan.ts';

const signal = new AbortController().signal;
const organizationId = 'organization';
const sourceSha256 = 'a'.repeat(64);
const resultsSha256 = 'b'.repeat(64);

function newKey(): SigningKey {
  return parseSigningKey(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
}

function completedScan(overrides: Partial<Scan> = {}): Scan {
  return {
    ...{ id: 'scan', organizationId, projectId: 'project', userId: null, status: 'completed', scanTypes: ['sast'], priority: 0 },
    ...{ source: { artifactId: 'source', gitUrl: null, gitBranch: null, gitCommit: null }, attempt: 1, admittedAt: null, jobName: null },
    ...{ progress: null, findings: noFindings(), tools: [], acceptedRunId: 'run', resultsArtifactId: 'results', failureReason: null },
    ...{ failureEvidence: null, errorMessage: '', sequence: 4, provenance: { sourceSha256, gitCommit: '', runnerVersion: '1' } },
    ...{ createdAt: new Date(0), updatedAt: new Date(0), queuedAt: new Date(0), startedAt: new Date(1), completedAt: new Date(2) },
    ...overrides,
  };
}

/** A system in memory whose object store takes bytes as declared and no others, and notices an upload when it is looked at. */
class World {
  scan: Scan | null = completedScan();
  key = newKey();
  /** Called before each upload. */
  onUpload: () => void = () => undefined;
  readonly artifacts = new Map<string, Artifact>();
  readonly objects = new Map<string, Uint8Array>();

  constructor() {
    for (const [id, type, filename, sha256] of [
      ['source', 'source_code', 'app.zip', sourceSha256],
      ['results', 'scan_results', 'results.sarif', resultsSha256],
    ] as const) {
      this.artifacts.set(id, this.#artifact(id, { scanId: 'scan', type, filename, contentType: '', sizeBytes: 1, sha256 }, 'available'));
    }
  }

  attest() {
    return attestScan(this.#ports(), { organizationId, scanId: 'scan' }, signal);
  }

  get attestations(): readonly string[] {
    return [...this.artifacts.values()].filter(({ type }) => type === 'report').map(({ id }) => id);
  }

  #ports(): AttestationPorts {
    return {
      scope: systemScope('test'),
      scans: { findById: async () => this.scan },
      storage: this.#storage() as StorageClient,
      upload: async ({ url }, bytes) => {
        this.onUpload();
        const artifact = this.artifacts.get(url)!;
        if (createHash('sha256').update(bytes).digest('hex') !== artifact.sha256) throw new DomainError('internal', 'refused');
        this.objects.set(url, bytes);
      },
      key: this.key,
      version: '2',
    };
  }

  #storage(): Partial<StorageClient> {
    const uploadOf = (id: string): PresignedUpload => ({ url: id, headers: {}, expiresAt: new Date(0) });
    return {
      createArtifact: async (_scope, request) => {
        const id = `report ${this.artifacts.size}`;
        this.artifacts.set(id, this.#artifact(id, request, 'created'));
        return { artifact: this.artifacts.get(id)!, upload: uploadOf(id) };
      },
      getArtifact: async (_scope, id) => {
        let artifact = this.artifacts.get(id);
        if (artifact === undefined) return null;
        if (this.objects.has(id)) this.artifacts.set(id, (artifact = { ...artifact, status: 'available' }));
        const isThere = artifact.status === 'available';
        return { artifact, download: isThere ? uploadOf(id) : null, upload: isThere ? null : uploadOf(id) };
      },
      listArtifacts: async (_scope, { type }) => {
        const artifacts = [...this.artifacts.values()].filter((artifact) => artifact.type === type).toReversed();
        return { artifacts, nextPageToken: null, totalCount: artifacts.length };
      },
      deleteArtifacts: async (_scope, ids) => ids.filter((id) => this.artifacts.delete(id)).length,
    };
  }

  #artifact(id: string, request: NewArtifact, status: Artifact['status']): Artifact {
    return { ...request, id, organizationId, storagePath: id, status, createdAt: new Date(0), expiresAt: new Date(0) };
  }
}

test('what is stored is signed, and says what the scan and its artifacts say', async (t) => {
  const world = new World();
  const outcome = await world.attest();
  t.is(outcome.kind, 'attested');
  const [id] = world.attestations;
  t.like(world.artifacts.get(id!), { filename: attestationFilename, contentType: 'application/vnd.dsse.envelope.v1+json', scanId: 'scan' });
  const { payload } = openEnvelope(world.objects.get(id!)!, statementPayloadType, [world.key]);
  const { subject, predicate } = readScanStatement(payload);
  t.deepEqual(subject, [{ name: 'results.sarif', digest: { sha256: resultsSha256 } }]);
  t.deepEqual(predicate.source, { name: 'app.zip', digest: { sha256: sourceSha256 } });
  t.deepEqual(predicate.platform, { orchestratorVersion: '2', runnerVersion: '1' });
});

test('a message that comes again makes no second attestation', async (t) => {
  const world = new World();
  const first = await world.attest();
  t.deepEqual(await world.attest(), { ...first, kind: 'present' });
  t.is(world.attestations.length, 1);
});

test('an upload that broke off is made good under the artifact that was announced', async (t) => {
  const world = new World();
  world.onUpload = () => {
    throw unavailable('the object store');
  };
  await t.throwsAsync(world.attest(), { instanceOf: DomainError, message: /object store/ });
  world.onUpload = () => undefined;
  t.is((await world.attest()).kind, 'attested');
  t.is(world.attestations.length, 1);
});

test('an upload whose answer got lost is found', async (t) => {
  const world = new World();
  await world.attest();
  const [id] = world.attestations;
  world.artifacts.set(id!, { ...world.artifacts.get(id!)!, status: 'created' });
  t.deepEqual(await world.attest(), { kind: 'present', artifactId: id! });
});

test('what a runner has stored under the same name is not taken for the attestation', async (t) => {
  const world = new World();
  const planted: Artifact = { ...world.artifacts.get('results')!, id: 'planted', type: 'report', filename: attestationFilename };
  world.artifacts.set('planted', planted);
  t.is((await world.attest()).kind, 'attested');
  t.is(world.attestations.length, 2);
});

test('after the key was changed a scan that was attested keeps its attestation, beside the new one', async (t) => {
  const world = new World();
  const former = world.key;
  await world.attest();
  world.key = newKey();
  await world.attest();
  const [older, newer] = world.attestations.map((id) => world.objects.get(id)!);
  t.is(openEnvelope(older!, statementPayloadType, [former, world.key]).keyId, former.id);
  t.is(openEnvelope(newer!, statementPayloadType, [former, world.key]).keyId, world.key.id);
});

test('of a scan that is deleted nothing is left, whenever that happens', async (t) => {
  const world = new World();
  world.onUpload = () => (world.scan = null);
  t.deepEqual(await world.attest(), { kind: 'gone' });
  t.deepEqual(world.attestations, []);
  t.deepEqual(await world.attest(), { kind: 'gone' });
  t.deepEqual(world.attestations, []);
});

test('an attestation is never without a hash', async (t) => {
  const world = new World();
  world.artifacts.set('results', { ...world.artifacts.get('results')!, sha256: '' });
  t.deepEqual(await world.attest(), { kind: 'unattestable' });
  world.artifacts.delete('results');
  t.deepEqual(await world.attest(), { kind: 'unattestable' });
  world.scan = completedScan({ resultsArtifactId: null });
  t.deepEqual(await world.attest(), { kind: 'unattestable' });
  t.deepEqual(world.attestations, []);
});

test('the source may be gone; its hash is the one that the run has read', async (t) => {
  const world = new World();
  world.artifacts.delete('source');
  await world.attest();
  const { payload } = openEnvelope(world.objects.get(world.attestations[0]!)!, statementPayloadType, [world.key]);
  t.deepEqual(readScanStatement(payload).predicate.source, { digest: { sha256: sourceSha256 } });
});

test('an object store that took the bytes and does not have them is away', async (t) => {
  const world = new World();
  world.onUpload = () => queueMicrotask(() => world.objects.clear());
  const error = await t.throwsAsync<DomainError>(world.attest(), { instanceOf: DomainError });
  t.is(error.code, 'unavailable');
});
