import type { ObjectStore } from '../object-store.ts';
import type { GcsStoreOptions } from './client.ts';

export class GcsObjectStore {
  static async open(options: GcsStoreOptions): Promise<ObjectStore> {
    throw new Error(`no Gcs backend yet for ${JSON.stringify(options)}`);
  }
}
