import { AzureObjectStore, FilesystemEdge, FilesystemObjectStore, GcsObjectStore, S3ObjectStore } from '@cloudscan/object-store';
import type { EdgeOptions, ObjectStore } from '@cloudscan/object-store';
import type { BackendConfig } from './backend-config.ts';

export interface Backend {
  readonly store: ObjectStore;
  /** Takes and gives the bytes of the filesystem; null where clients speak to the store itself. */
  readonly edge: FilesystemEdge | null;
}

/** @throws StartUpError when a folder cannot be used */
export async function openBackend(config: BackendConfig, options: Omit<EdgeOptions, 'host' | 'port'>): Promise<Backend> {
  switch (config.kind) {
    case 's3':
      return { store: await S3ObjectStore.open(config), edge: null };
    case 'gcs':
      return { store: await GcsObjectStore.open(config), edge: null };
    case 'azure':
      return { store: await AzureObjectStore.open(config), edge: null };
    case 'filesystem': {
      const publicUrl = (): string => config.publicUrl ?? `http://127.0.0.1:${edge.port}`;
      const store = await FilesystemObjectStore.open({ ...config, publicUrl });
      const edge: FilesystemEdge = new FilesystemEdge(store, { ...config.edge, ...options });
      return { store, edge };
    }
  }
}
