import { Secret } from '@cloudscan/config';
import { requires, startGcs } from '@cloudscan/testing';
import test from 'ava';
import { cloudBackendTests } from './support/cloud-backend.ts';

const bucket = 'artifacts';

cloudBackendTests(requires(test, 'fake-gcs-server'), async (t) => {
  const { endpoint, projectId, clientEmail, privateKey } = await startGcs(t, { bucket });
  return {
    kind: 'gcs',
    bucket,
    projectId,
    endpoint,
    publicEndpoint: null,
    credentials: { clientEmail, privateKey: new Secret(privateKey) },
  };
});
