import { Secret } from '@cloudscan/config';
import { requires, startAzurite } from '@cloudscan/testing';
import test from 'ava';
import { cloudBackendTests } from './support/cloud-backend.ts';

const container = 'artifacts';

cloudBackendTests(requires(test, 'azurite'), async (t) => {
  const { endpoint, accountName, accountKey } = await startAzurite(t, { container });
  return { kind: 'azure', container, accountName, accountKey: new Secret(accountKey), endpoint, publicEndpoint: null };
});
