export { AzureObjectStore } from './azure/azure-object-store.ts';
export type { AzureStoreOptions } from './azure/client.ts';
export { ObjectStoreError } from './errors.ts';
export type { ObjectStoreErrorCode } from './errors.ts';
export { FilesystemEdge } from './filesystem/edge.ts';
export type { EdgeOptions, Transfer } from './filesystem/edge.ts';
export { FilesystemObjectStore } from './filesystem/filesystem-object-store.ts';
export type { FilesystemStoreOptions } from './filesystem/filesystem-object-store.ts';
export type { GcsStoreOptions } from './gcs/client.ts';
export { GcsObjectStore } from './gcs/gcs-object-store.ts';
export { maxPartNumber } from './object-store.ts';
export type {
  AbandonedCutoffs,
  CompletedPart,
  ExpectedBytes,
  ListedObject,
  ObjectInfo,
  ObjectStore,
  PresignedPut,
  PresignedUrl,
  PresignGetRequest,
  PresignPartRequest,
  PresignPutRequest,
} from './object-store.ts';
export type { S3StoreOptions } from './s3/client.ts';
export { S3ObjectStore } from './s3/s3-object-store.ts';
