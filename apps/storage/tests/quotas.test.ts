import { storage } from '@cloudscan/contracts';
import { newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { aRequest, failureOf, getArtifact, maxUploadBytes, put, startStorage, upload } from './support/storage.ts';
import type { TestStorage } from './support/storage.ts';

const { ARTIFACT_STATUS_CREATED: created, ARTIFACT_STATUS_AVAILABLE: available } = storage.ArtifactStatus;
const noLimits = { bytes: 0n, artifacts: 0n, uploadBytes: 0n };
const file = testFile(test);
let service: TestStorage;
test.before(async () => {
  service = await startStorage(file);
});

/** An organization with limits of its own; answers its id. */
async function organizationWith(limits: Partial<storage.QuotaLimits>): Promise<string> {
  const organizationId = newId();
  await service.rpc.call('setQuota', { organizationId, limits: { ...noLimits, ...limits } });
  return organizationId;
}

async function usedBy(organizationId: string): Promise<readonly [bytes: bigint, artifacts: bigint]> {
  const { usedBytes, usedArtifacts } = await service.rpc.call('getQuota', { organizationId });
  return [usedBytes, usedArtifacts];
}

function announce(organizationId: string, sizeBytes: bigint) {
  return service.rpc.call('createArtifact', aRequest({ organizationId, sizeBytes }));
}

/** Whether the totals of every organization are those of its rows. */
async function totalsAgree(): Promise<boolean> {
  const wrong = await service.database.query(
    `SELECT FROM storage.organizations LEFT JOIN storage.artifacts USING (organization_id) GROUP BY organization_id
     HAVING (used_bytes, used_artifacts) <> (coalesce(sum(size_bytes), 0), count(artifacts.id))`,
  );
  return wrong.length === 0;
}

test('an organization that has nothing has the limits of the service', async (t) => {
  const quota = await service.rpc.call('getQuota', { organizationId: newId() });
  t.deepEqual(quota.limits, { bytes: 10n ** 12n, artifacts: 10n ** 6n, uploadBytes: BigInt(maxUploadBytes) });
  t.deepEqual(quota.ownLimits, noLimits);
  t.deepEqual([quota.usedBytes, quota.usedArtifacts], [0n, 0n]);
});

test('limits of its own hold, and a limit of 0 is the default again', async (t) => {
  const { rpc } = service;
  const organizationId = await organizationWith({ bytes: 10n, artifacts: 2n });
  t.is((await failureOf(announce(organizationId, 11n))).code, 'resource_exhausted');
  const set = await rpc.call('setQuota', { organizationId, limits: { ...noLimits, artifacts: 1n } });
  t.deepEqual(set.limits, { bytes: 10n ** 12n, artifacts: 1n, uploadBytes: BigInt(maxUploadBytes) });
  t.deepEqual(set.ownLimits, { ...noLimits, artifacts: 1n });
  await announce(organizationId, 11n);
  t.is((await failureOf(announce(organizationId, 1n))).code, 'resource_exhausted');
});

test('what is declared is reserved, what is deleted is free again', async (t) => {
  const { rpc } = service;
  const organizationId = await organizationWith({ bytes: 100n });
  const { artifact } = await announce(organizationId, 60n);
  t.deepEqual(await usedBy(organizationId), [60n, 1n]);
  const refusal = await failureOf(announce(organizationId, 41n));
  t.is(refusal.code, 'resource_exhausted');
  t.regex(refusal.message, /may keep 100 bytes and keeps 60; the upload has 41; delete artifacts, or have an operator/);
  t.deepEqual(await usedBy(organizationId), [60n, 1n], 'a refused one takes nothing');
  await announce(organizationId, 40n);
  await rpc.call('deleteArtifact', { id: artifact!.id, organizationId });
  t.deepEqual(await usedBy(organizationId), [40n, 1n]);
  await announce(organizationId, 60n);
});

test('the size as seen takes the place of one that was not declared', async (t) => {
  const { rpc } = service;
  const organizationId = await organizationWith({ bytes: 100n });
  const id = await upload(rpc, 'x'.repeat(70), { organizationId });
  t.deepEqual(await usedBy(organizationId), [0n, 1n]);
  await getArtifact(rpc, id);
  await getArtifact(rpc, id);
  t.deepEqual(await usedBy(organizationId), [70n, 1n]);
});

test('an upload of a size not known is bounded by what is left when it is asked for', async (t) => {
  const { rpc } = service;
  const organizationId = await organizationWith({ bytes: 100n });
  await announce(organizationId, 95n);
  const { uploadUrl } = await announce(organizationId, 0n);
  t.is((await put(uploadUrl, 'six...')).status, 413);
  t.is((await put(uploadUrl, 'five.')).status, 200);
  const { artifact } = await announce(organizationId, 5n);
  t.is((await failureOf(announce(organizationId, 0n))).code, 'resource_exhausted', 'nothing is left');
  await rpc.call('deleteArtifact', { id: artifact!.id, organizationId });
});

test('an upload of a size not known that others have left no room for is removed when it is seen', async (t) => {
  const { rpc } = service;
  const organizationId = await organizationWith({ bytes: 100n });
  const { artifact, uploadUrl } = await announce(organizationId, 0n);
  t.is((await put(uploadUrl, 'x'.repeat(60))).status, 200);
  const other = await announce(organizationId, 50n);
  const refusal = await failureOf(getArtifact(rpc, artifact!.id));
  t.is(refusal.code, 'resource_exhausted');
  t.deepEqual(await usedBy(organizationId), [50n, 2n]);
  t.is((await getArtifact(rpc, artifact!.id)).artifact!.status, created);
  await rpc.call('deleteArtifact', { id: other.artifact!.id, organizationId });
  const { uploadUrl: fresh } = await getArtifact(rpc, artifact!.id, { withUploadUrl: true });
  t.is((await put(fresh, 'x'.repeat(60))).status, 200);
  t.is((await getArtifact(rpc, artifact!.id)).artifact!.status, available);
});

test('an upload in parts is held to what is left, too', async (t) => {
  const { rpc } = service;
  const organizationId = await organizationWith({ bytes: 100n });
  const { artifact } = await announce(organizationId, 0n);
  const artifactId = artifact!.id;
  const { uploadId } = await rpc.call('initiateMultipartUpload', { artifactId });
  const { parts } = await rpc.call('getMultipartUploadParts', { artifactId, uploadId, fromPart: 1, numParts: 1 });
  const answer = await put(parts[0]!.url, 'x'.repeat(60));
  const complete = { artifactId, uploadId, parts: [{ partNumber: 1, etag: answer.headers.get('etag')! }] };
  await announce(organizationId, 50n);
  t.is((await failureOf(rpc.call('completeMultipartUpload', complete))).code, 'resource_exhausted', 'more than is left');
  await service.rpc.call('setQuota', { organizationId, limits: { ...noLimits, bytes: 110n } });
  await rpc.call('completeMultipartUpload', complete);
  t.deepEqual(await usedBy(organizationId), [110n, 2n]);
});

test('the largest upload is a quota of its own', async (t) => {
  const organizationId = await organizationWith({ uploadBytes: 10n });
  t.regex((await failureOf(announce(organizationId, 11n))).message, /may have 10 bytes and has 11/);
  await announce(organizationId, 10n);
  const refusal = await failureOf(announce(newId(), BigInt(maxUploadBytes) + 1n));
  t.is(refusal.code, 'resource_exhausted');
});

test('calls at the same time never go past a limit, and each organization has its own', async (t) => {
  const [organizationId, other] = [await organizationWith({ bytes: 100n }), await organizationWith({ artifacts: 5n })];
  const calls = Array.from({ length: 60 }, (_, index) => announce(index % 2 === 0 ? organizationId : other, 10n));
  const answers = await Promise.allSettled(calls);
  t.is(answers.filter(({ status }) => status === 'fulfilled').length, 10 + 5);
  t.deepEqual(await usedBy(organizationId), [100n, 10n]);
  t.deepEqual(await usedBy(other), [50n, 5n]);
});

test('whatever comes, is seen and goes at the same time, totals are those of the rows', async (t) => {
  const { rpc } = service;
  const organizations = Array.from({ length: 4 }, () => newId());
  const lives = Array.from({ length: 40 }, async (_, index) => {
    const organizationId = organizations[index % organizations.length]!;
    const id = await upload(rpc, 'x'.repeat(index + 1), { organizationId, sizeBytes: index % 3 === 0 ? BigInt(index + 1) : 0n });
    await Promise.all([getArtifact(rpc, id), getArtifact(rpc, id), index % 2 === 0 ? getArtifact(rpc, id) : null]);
    return id;
  });
  const ids = await Promise.all(lives);
  const halves = [ids.filter((_, index) => index % 5 === 0), ids.filter((_, index) => index % 5 !== 1)];
  // Each call frees what several organizations had, in another order.
  await Promise.all(
    [...halves, ...halves.map((some) => some.toReversed())].map((some) => rpc.call('deleteArtifacts', { ids: some, organizationId: '' })),
  );
  t.true(await totalsAgree());
  const left = await Promise.all(organizations.map(usedBy));
  t.is(
    left.reduce((total, [, artifacts]) => total + artifacts, 0n),
    8n,
  );
});

test('a wrong quota is named', async (t) => {
  const { rpc } = service;
  const fieldOf = async (call: Promise<unknown>): Promise<string | undefined> => (await failureOf(call)).violations[0]?.field;
  t.is(await fieldOf(rpc.call('getQuota', { organizationId: '' })), 'organization_id');
  t.is(await fieldOf(rpc.call('setQuota', { organizationId: 'x', limits: noLimits })), 'organization_id');
  t.is(await fieldOf(rpc.call('setQuota', { organizationId: newId(), limits: { ...noLimits, bytes: -1n } })), 'limits.bytes');
  t.is(
    await fieldOf(rpc.call('setQuota', { organizationId: newId(), limits: { ...noLimits, uploadBytes: 2n ** 60n } })),
    'limits.upload_bytes',
  );
});
