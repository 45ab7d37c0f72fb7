import { requires, startAzurite, testFile } from '@cloudscan/testing';
import type { TestAzurite } from '@cloudscan/testing';
import { Secret } from '@cloudscan/config';
import test from 'ava';
import { AzureObjectStore } from '../src/index.ts';
import type { AzureStoreOptions } from '../src/index.ts';
import { objectStoreConformance } from './object-store-conformance.ts';
import type { Unbound } from './object-store-conformance.ts';

const azuriteTest = requires(test, 'azurite');
const file = testFile(test);
const unbound: ReadonlySet<Unbound> = new Set([
  'length',
  'limit',
  'checksum',
  'chunked',
  'suffix-range',
  'same-bytes',
  'forbidden',
  'part-etag',
  'ended-upload',
  'late-checksum',
]);
let azurite: TestAzurite;
let shared: AzureObjectStore;

azuriteTest.before(async () => {
  azurite = await startAzurite(file, { container: 'artifacts' });
  shared = await open('artifacts');
});

objectStoreConformance(azuriteTest, 'Azure', () => ({ store: shared, minPartBytes: 70_000, unbound }));

function optionsFor(container: string, { endpoint, accountName, accountKey }: TestAzurite): AzureStoreOptions {
  return { container, accountName, accountKey: new Secret(accountKey), endpoint, publicEndpoint: null };
}

function open(container: string, changes: Partial<AzureStoreOptions> = {}): Promise<AzureObjectStore> {
  return AzureObjectStore.open({ ...optionsFor(container, azurite), ...changes });
}
