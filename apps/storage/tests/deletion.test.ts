import { Database } from '@cloudscan/database';
import type { DomainError } from '@cloudscan/domain';
import { FilesystemObjectStore } from '@cloudscan/object-store';
import type { ObjectStore } from '@cloudscan/object-store';
import { newId } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import test from 'ava';
import { ArtifactRepository, storageRoles } from '../src/artifact-repository.ts';
import { Artifacts } from '../src/artifacts.ts';
import { QuotaRepository } from '../src/quota-repository.ts';
import { aRequest, filesIn, startStorage, upload } from './support/storage.ts';
import type { TestStorage } from './support/storage.ts';

/** A store that keeps the objects of some keys, as one does under a legal hold. */
function holding(store: ObjectStore, held: ReadonlySet<string>): ObjectStore {
  const deleteObjects = async (keys: readonly string[]): Promise<void> => {
    await store.deleteObjects(keys.filter((key) => !held.has(key)));
    if (keys.some((key) => held.has(key))) throw new AggregateError([new Error('held')], 'objects could not be deleted');
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'deleteObjects') return deleteObjects;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

async function artifactsOver(t: Teardown, { config, files }: TestStorage, held: ReadonlySet<string>): Promise<Artifacts> {
  const database = await Database.connect(config.database, { applicationName: 'test', roles: storageRoles });
  t.teardown(() => database.stop());
  const quotas = new QuotaRepository(database, config.quota);
  const store = holding(await FilesystemObjectStore.open({ ...files, publicUrl: () => '' }), held);
  return new Artifacts(new ArtifactRepository(database, quotas), quotas, store, { retentionMs: 1000, now: () => new Date() });
}

test('bytes that the store does not let go of keep their own row and no other', async (t) => {
  const service = await startStorage(t);
  const { rpc, app, database, files } = service;
  const organizationId = newId();
  const ids = await Promise.all(
    Array.from({ length: 5 }, (_, index) => upload(rpc, 'x', { organizationId, sizeBytes: 1n, filename: `${index}` })),
  );
  const { artifact } = await rpc.call('createArtifact', aRequest({ organizationId }));
  await rpc.call('initiateMultipartUpload', { artifactId: artifact!.id });
  const heldKey = `artifacts/${organizationId}/${ids[2]!}`;
  const artifacts = await artifactsOver(t, service, new Set([heldKey]));
  const error = await t.throwsAsync<DomainError>(artifacts.delete([...ids, artifact!.id], organizationId));
  t.is(error.code, 'unavailable');
  t.deepEqual(await database.query('SELECT id, status FROM storage.artifacts'), [{ id: ids[2], status: 'deleting' }]);
  t.like(await rpc.call('getQuota', { organizationId }), { usedArtifacts: 1n, usedBytes: 1n });
  t.deepEqual([filesIn(files).objects.length, filesIn(files).others.length], [1, 0]);
  t.is((await app.collector.runOnce(new AbortController().signal))!.deleted, 1, 'once the store lets go');
  t.like(await rpc.call('getQuota', { organizationId }), { usedArtifacts: 0n, usedBytes: 0n });
});
