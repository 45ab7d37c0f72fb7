import { ConfigError } from '@cloudscan/config';
import test from 'ava';
import { loadConfig } from './config.ts';

const s3 = { STORAGE_BACKEND: 's3', S3_BUCKET: 'artifacts' };
const gcs = { STORAGE_BACKEND: 'gcs', GCS_BUCKET: 'artifacts' };
const azure = { STORAGE_BACKEND: 'azure', AZURE_STORAGE_ACCOUNT: 'acme', AZURE_STORAGE_CONTAINER: 'artifacts' };
const minimal = { STORAGE_DATA_DIR: '/data', STORAGE_SIGNING_KEY: 'x'.repeat(32) };

test('needs a data folder and a signing key, and has defaults for the rest', (t) => {
  const config = loadConfig(minimal);
  t.deepEqual(config.grpc, { host: '127.0.0.1', port: 8082 });
  t.deepEqual(config.ops, { host: '127.0.0.1', port: 9090 });
  t.like(config.backend, { kind: 'filesystem', dataDir: '/data', edge: { host: '127.0.0.1', port: 8083 }, publicUrl: null });
  t.deepEqual(config.quota, { bytes: 1024 ** 4, artifacts: 10_000_000, uploadBytes: 5 * 1024 ** 3 });
  t.is(config.urlMs, 900_000);
  t.is(config.tls, null);
  t.is(config.retentionMs, 97 * 86_400_000);
  t.deepEqual(config.collector, { intervalMs: 600_000, graceMs: 3_600_000 });
});

test('never prints the signing key, nor that of a cloud', (t) => {
  t.false(JSON.stringify(loadConfig(minimal)).includes('xxx'));
  const key = JSON.stringify({ client_email: 'a@b', private_key: 'yyy' });
  for (const env of [
    { ...s3, S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'yyy' },
    { ...gcs, GCS_CREDENTIALS: key },
    { ...azure, AZURE_STORAGE_KEY: 'yyy' },
  ]) {
    t.false(JSON.stringify(loadConfig(env)).includes('yyy'));
  }
});

test('with S3 needs a bucket, and neither a folder nor a signing key', (t) => {
  t.like(loadConfig(s3).backend, { bucket: 'artifacts', region: 'us-east-1', endpoint: null, forcePathStyle: false, credentials: null });
  const minio = loadConfig({ ...s3, S3_ENDPOINT: 'http://minio:9000' }).backend;
  t.like(minio, { endpoint: 'http://minio:9000', publicEndpoint: 'http://minio:9000', forcePathStyle: true });
  const behind = loadConfig({ ...s3, S3_ENDPOINT: 'http://minio:9000', S3_PUBLIC_ENDPOINT: 'https://files.example' }).backend;
  t.like(behind, { endpoint: 'http://minio:9000', publicEndpoint: 'https://files.example' });
});

test('with GCS or Azure needs a place, and takes the identity of the platform where no key is given', (t) => {
  const none = { endpoint: null, publicEndpoint: null };
  t.like(loadConfig(gcs).backend, { kind: 'gcs', bucket: 'artifacts', projectId: null, credentials: null, ...none });
  const key = JSON.stringify({ type: 'service_account', client_email: 'storage@acme.example', private_key: 'PEM' });
  const keyed = loadConfig({ ...gcs, GCS_CREDENTIALS: key, GCS_PROJECT_ID: 'acme', GCS_ENDPOINT: 'http://gcs:4443' }).backend;
  t.like(keyed, { projectId: 'acme', endpoint: 'http://gcs:4443', publicEndpoint: 'http://gcs:4443' });
  t.is((keyed as { credentials: { clientEmail: string } }).credentials.clientEmail, 'storage@acme.example');
  t.like(loadConfig(azure).backend, { kind: 'azure', container: 'artifacts', accountName: 'acme', accountKey: null, ...none });
  const behind = {
    AZURE_STORAGE_KEY: 'key',
    AZURE_STORAGE_ENDPOINT: 'http://blob:10000/acme',
    AZURE_STORAGE_PUBLIC_ENDPOINT: 'https://files.example/acme',
  };
  t.like(loadConfig({ ...azure, ...behind }).backend, { endpoint: 'http://blob:10000/acme', publicEndpoint: 'https://files.example/acme' });
});

test('speaks TLS where it is given a certificate', (t) => {
  const files = { STORAGE_TLS_CERT_FILE: '/tls.crt', STORAGE_TLS_KEY_FILE: '/tls.key' };
  t.deepEqual(loadConfig({ ...minimal, ...files }).tls, { certFile: '/tls.crt', keyFile: '/tls.key', clientCaFile: null });
  t.is(loadConfig({ ...minimal, ...files, STORAGE_TLS_CLIENT_CA_FILE: '/ca.crt' }).tls?.clientCaFile, '/ca.crt');
});

const wrong: readonly (readonly [variable: string, env: Record<string, string>])[] = [
  ['STORAGE_DATA_DIR', { STORAGE_DATA_DIR: '' }],
  ['STORAGE_SIGNING_KEY', { STORAGE_SIGNING_KEY: '' }],
  ['STORAGE_SIGNING_KEY', { STORAGE_SIGNING_KEY: 'short' }],
  ['STORAGE_BACKEND', { STORAGE_BACKEND: 'tape' }],
  ['S3_BUCKET', { STORAGE_BACKEND: 's3' }],
  ['S3_ENDPOINT', { ...s3, S3_ENDPOINT: 'minio:9000' }],
  ['S3_SECRET_ACCESS_KEY', { ...s3, S3_ACCESS_KEY_ID: 'id' }],
  ['S3_ACCESS_KEY_ID', { ...s3, S3_SECRET_ACCESS_KEY: 'secret' }],
  ['S3_SERVER_SIDE_ENCRYPTION', { ...s3, S3_SERVER_SIDE_ENCRYPTION: 'yes' }],
  ['GCS_BUCKET', { STORAGE_BACKEND: 'gcs' }],
  ['GCS_CREDENTIALS', { ...gcs, GCS_CREDENTIALS: '/key.json' }],
  ['GCS_CREDENTIALS', { ...gcs, GCS_CREDENTIALS: '{"client_email":"a@b"}' }],
  ['GCS_PUBLIC_ENDPOINT', { ...gcs, GCS_PUBLIC_ENDPOINT: 'files.example' }],
  ['AZURE_STORAGE_ACCOUNT', { ...azure, AZURE_STORAGE_ACCOUNT: '' }],
  ['AZURE_STORAGE_CONTAINER', { ...azure, AZURE_STORAGE_CONTAINER: '' }],
  ['AZURE_STORAGE_ENDPOINT', { ...azure, AZURE_STORAGE_ENDPOINT: 'blob' }],
  ['STORAGE_QUOTA_BYTES', { STORAGE_QUOTA_BYTES: '1TB' }],
  ['STORAGE_QUOTA_ARTIFACTS', { STORAGE_QUOTA_ARTIFACTS: '0' }],
  ['STORAGE_URL_SECONDS', { STORAGE_URL_SECONDS: '0' }],
  ['STORAGE_TLS_KEY_FILE', { STORAGE_TLS_CERT_FILE: '/tls.crt' }],
  ['STORAGE_TLS_CERT_FILE', { STORAGE_TLS_CLIENT_CA_FILE: '/ca.crt' }],
  ['STORAGE_GRPC_PORT', { STORAGE_GRPC_PORT: 'x' }],
  ['STORAGE_HTTP_PORT', { STORAGE_HTTP_PORT: '70000' }],
  ['STORAGE_PUBLIC_URL', { STORAGE_PUBLIC_URL: 'files.example' }],
  ['STORAGE_PUBLIC_URL', { STORAGE_HTTP_HOST: '0.0.0.0' }],
  ['STORAGE_GRPC_HOST', { STORAGE_GRPC_HOST: '0.0.0.0' }],
  ['STORAGE_MAX_UPLOAD_BYTES', { STORAGE_MAX_UPLOAD_BYTES: '0' }],
  ['RETENTION_DAYS', { RETENTION_DAYS: '-1' }],
  ['STORAGE_COLLECT_INTERVAL_SECONDS', { STORAGE_COLLECT_INTERVAL_SECONDS: '0' }],
  ['STORAGE_COLLECT_GRACE_SECONDS', { STORAGE_COLLECT_GRACE_SECONDS: '1h' }],
];
for (const [variable, env] of wrong) {
  test(`names ${variable} and the remedy: ${JSON.stringify(env)}`, (t) => {
    const error = t.throws(() => loadConfig({ ...minimal, ...env }), { instanceOf: ConfigError });
    t.regex(error.message, new RegExp(`^${variable} .+; set it to .+$`));
  });
}

test('listens for other machines when told twice', (t) => {
  const { grpc } = loadConfig({ ...minimal, STORAGE_GRPC_HOST: '0.0.0.0', AUTH_DISABLED_ALLOW_NON_LOOPBACK: 'true' });
  t.is(grpc.host, '0.0.0.0');
});
