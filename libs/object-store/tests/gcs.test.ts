import { Secret } from '@cloudscan/config';
import { requires, startGcs, testFile } from '@cloudscan/testing';
import type { TestGcs } from '@cloudscan/testing';
import test from 'ava';
import { GcsObjectStore } from '../src/index.ts';
import type { GcsStoreOptions } from '../src/index.ts';
import { objectStoreConformance } from './object-store-conformance.ts';
import type { Unbound } from './object-store-conformance.ts';

const gcsTest = requires(test, 'fake-gcs-server');
const file = testFile(test);
const unbound: ReadonlySet<Unbound> = new Set(['checksum', 'head', 'same-bytes', 'ended-upload']);
let gcs: TestGcs;
let shared: GcsObjectStore;

gcsTest.before(async () => {
  gcs = await startGcs(file, { bucket: 'artifacts' });
  shared = await open('artifacts');
});

objectStoreConformance(gcsTest, 'GCS', () => ({ store: shared, minPartBytes: 70_000, unbound }));

function optionsFor(bucket: string, { endpoint, projectId, clientEmail, privateKey }: TestGcs): GcsStoreOptions {
  return { bucket, projectId, endpoint, publicEndpoint: null, credentials: { clientEmail, privateKey: new Secret(privateKey) } };
}

function open(bucket: string, changes: Partial<GcsStoreOptions> = {}): Promise<GcsObjectStore> {
  return GcsObjectStore.open({ ...optionsFor(bucket, gcs), ...changes });
}
