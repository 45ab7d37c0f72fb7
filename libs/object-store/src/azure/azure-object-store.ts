import type { ObjectStore } from '../object-store.ts';
import type { AzureStoreOptions } from './client.ts';

export class AzureObjectStore {
  static async open(options: AzureStoreOptions): Promise<ObjectStore> {
    throw new Error(`no Azure backend yet for ${JSON.stringify(options)}`);
  }
}
