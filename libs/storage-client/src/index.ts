export { readStorageClientConfig } from './config.ts';
export type { StorageClientConfig } from './config.ts';
export { GrpcStorageClient } from './grpc-storage-client.ts';
export type { StorageClientOptions } from './grpc-storage-client.ts';
export { uploadArtifact } from './upload-artifact.ts';
