import { isLoopback, Secret } from '@cloudscan/config';
import type { Endpoint, EnvReader } from '@cloudscan/config';
import type { AzureStoreOptions, GcsStoreOptions, S3StoreOptions } from '@cloudscan/object-store';

/** Where the bytes lie. */
export type BackendConfig =
  | ({ readonly kind: 'filesystem' } & FilesystemConfig)
  | ({ readonly kind: 's3' } & S3StoreOptions)
  | ({ readonly kind: 'gcs' } & GcsStoreOptions)
  | ({ readonly kind: 'azure' } & AzureStoreOptions);

export interface FilesystemConfig {
  readonly dataDir: string;
  readonly signingKey: Secret;
  /** Where bytes come and go. */
  readonly edge: Endpoint;
  /** Where clients reach the edge; null: on this machine, at the port in use. */
  readonly publicUrl: string | null;
}

const minSigningKeyLength = 32;

/** Reads `STORAGE_BACKEND` and the variables of that one alone. */
export function readBackend(reader: EnvReader): BackendConfig {
  const kind = reader.oneOf('STORAGE_BACKEND', ['filesystem', 's3', 'gcs', 'azure'], 'filesystem');
  switch (kind) {
    case 'filesystem':
      return { kind, ...readFilesystem(reader) };
    case 's3':
      return { kind, ...readS3(reader) };
    case 'gcs':
      return { kind, ...readGcs(reader) };
    case 'azure':
      return { kind, ...readAzure(reader) };
  }
}

function readFilesystem(reader: EnvReader): FilesystemConfig {
  const edge = { host: reader.string('STORAGE_HTTP_HOST', '127.0.0.1'), port: reader.port('STORAGE_HTTP_PORT', 8083) };
  return {
    dataDir: reader.required('STORAGE_DATA_DIR', 'the folder that keeps the uploaded files'),
    signingKey: readSigningKey(reader),
    edge,
    publicUrl: readPublicUrl(reader, edge),
  };
}

/** S3, or what speaks like it under an endpoint of its own: MinIO, Ceph, R2. */
function readS3(reader: EnvReader): S3StoreOptions {
  const { endpoint, publicEndpoint } = readEndpoints(reader, 'S3');
  return {
    bucket: reader.required('S3_BUCKET', 'the bucket that keeps the uploaded files; it must exist'),
    region: reader.string('S3_REGION', 'us-east-1'),
    endpoint,
    publicEndpoint,
    forcePathStyle: reader.boolean('S3_FORCE_PATH_STYLE', endpoint !== null),
    credentials: readS3Credentials(reader),
    serverSideEncryption:
      reader.optional('S3_SERVER_SIDE_ENCRYPTION') === undefined
        ? null
        : reader.oneOf('S3_SERVER_SIDE_ENCRYPTION', ['AES256', 'aws:kms'], 'AES256'),
    kmsKeyId: reader.optional('S3_KMS_KEY_ID') ?? null,
  };
}

function readGcs(reader: EnvReader): GcsStoreOptions {
  return {
    bucket: reader.required('GCS_BUCKET', 'the bucket that keeps the uploaded files; it must exist'),
    projectId: reader.optional('GCS_PROJECT_ID') ?? null,
    ...readEndpoints(reader, 'GCS'),
    credentials: readServiceAccount(reader),
  };
}

/** Null where the platform gives them: a workload identity, a machine's service account, GOOGLE_APPLICATION_CREDENTIALS. */
function readServiceAccount(reader: EnvReader): GcsStoreOptions['credentials'] {
  const text = reader.secret('GCS_CREDENTIALS');
  if (text.isEmpty) return null;
  const { client_email: clientEmail, private_key: privateKey } = parseObject(text.reveal());
  if (typeof clientEmail === 'string' && typeof privateKey === 'string') return { clientEmail, privateKey: new Secret(privateKey) };
  reader.problem(
    'GCS_CREDENTIALS',
    'is not the key of a service account',
    'the JSON text of its key file, with client_email and private_key',
  );
  return null;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text)) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

function readAzure(reader: EnvReader): AzureStoreOptions {
  const accountKey = reader.secret('AZURE_STORAGE_KEY');
  return {
    container: reader.required('AZURE_STORAGE_CONTAINER', 'the container that keeps the uploaded files; it must exist'),
    accountName: reader.required('AZURE_STORAGE_ACCOUNT', 'the name of the storage account'),
    accountKey: accountKey.isEmpty ? null : accountKey,
    ...readEndpoints(reader, 'AZURE_STORAGE'),
  };
}

/** Null where the cloud's own serves. */
function readEndpoints(reader: EnvReader, prefix: string): { readonly endpoint: string | null; readonly publicEndpoint: string | null } {
  const endpoint = readEndpointUrl(reader, `${prefix}_ENDPOINT`);
  return { endpoint, publicEndpoint: readEndpointUrl(reader, `${prefix}_PUBLIC_ENDPOINT`) ?? endpoint };
}

function readEndpointUrl(reader: EnvReader, name: string): string | null {
  return reader.optional(name) === undefined ? null : reader.url(name, '', ['http:', 'https:']);
}

/** Null where the platform gives them: a role of the pod, a profile of the machine. */
function readS3Credentials(reader: EnvReader): S3StoreOptions['credentials'] {
  const accessKeyId = reader.optional('S3_ACCESS_KEY_ID');
  const secretAccessKey = reader.secret('S3_SECRET_ACCESS_KEY');
  if (accessKeyId === undefined && secretAccessKey.isEmpty) return null;
  if (accessKeyId === undefined) reader.required('S3_ACCESS_KEY_ID', 'the id that belongs to S3_SECRET_ACCESS_KEY, or neither of them');
  if (secretAccessKey.isEmpty) reader.required('S3_SECRET_ACCESS_KEY', 'the secret that belongs to S3_ACCESS_KEY_ID, or neither of them');
  return { accessKeyId: accessKeyId ?? '', secretAccessKey };
}

function readSigningKey(reader: EnvReader): Secret {
  const want = `at least ${minSigningKeyLength} random characters, the same for every storage process, for example from: openssl rand -hex 32`;
  const key = reader.secret('STORAGE_SIGNING_KEY');
  if (key.isEmpty) reader.required('STORAGE_SIGNING_KEY', want);
  else if (key.reveal().length < minSigningKeyLength) reader.problem('STORAGE_SIGNING_KEY', 'is too short', want);
  return key;
}

function readPublicUrl(reader: EnvReader, edge: Endpoint): string | null {
  if (reader.optional('STORAGE_PUBLIC_URL') !== undefined) return reader.url('STORAGE_PUBLIC_URL', '', ['http:', 'https:']);
  if (!isLoopback(edge.host))
    reader.problem('STORAGE_PUBLIC_URL', 'is not set', 'the URL by which other machines reach the STORAGE_HTTP_PORT');
  return null;
}
