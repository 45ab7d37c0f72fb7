import test from 'ava';
import type { StorageClient } from '@cloudscan/orchestration';
import { anArtifact } from '@cloudscan/testing';
import { aJobSpec } from '../../tests/jobs.ts';
import { sourceVariables } from './legacy-source.ts';

const url = 'https://store.example/source?signature=x';

function storageWith(artifactId: string, isUploaded = true): Pick<StorageClient, 'getArtifact'> {
  return {
    getArtifact: async (_scope, id) =>
      id === artifactId
        ? { artifact: anArtifact({ id }), download: isUploaded ? { url, expiresAt: new Date() } : null, upload: null }
        : null,
  };
}

test('a source that was uploaded is told by its URL', async (t) => {
  const spec = aJobSpec();
  t.deepEqual(await sourceVariables(storageWith(spec.source.artifactId!), spec), { SOURCE_DOWNLOAD_URL: url });
});

test('nothing is told of a source that is not there, was not uploaded or is cloned', async (t) => {
  const spec = aJobSpec();
  t.deepEqual(await sourceVariables(storageWith('another'), spec), {});
  t.deepEqual(await sourceVariables(storageWith(spec.source.artifactId!, false), spec), {});
  const source = { artifactId: null, gitUrl: 'https://git.example/a', gitBranch: null, gitCommit: null };
  t.deepEqual(await sourceVariables(storageWith('another'), { ...spec, source }), {});
});
