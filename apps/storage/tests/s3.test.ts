import { Secret } from '@cloudscan/config';
import { requires, startMinio } from '@cloudscan/testing';
import test from 'ava';
import { cloudBackendTests } from './support/cloud-backend.ts';

const bucket = 'artifacts';

cloudBackendTests(requires(test, 'minio'), async (t) => {
  const { endpoint, region, accessKeyId, secretAccessKey } = await startMinio(t, { bucket });
  return {
    ...{ kind: 's3', bucket, region, endpoint, publicEndpoint: endpoint, forcePathStyle: true },
    ...{ serverSideEncryption: null, kmsKeyId: null },
    credentials: { accessKeyId, secretAccessKey: new Secret(secretAccessKey) },
  };
});
