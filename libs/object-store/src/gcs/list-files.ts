import type { Bucket, File, GetFilesOptions } from '@google-cloud/storage';

/** By name, a page at a time. */
export async function* listFiles(bucket: Bucket, prefix: string, signal: AbortSignal): AsyncGenerator<File> {
  let page: GetFilesOptions | null = { prefix, autoPaginate: false };
  while (page !== null) {
    signal.throwIfAborted();
    const [files, next]: [File[], GetFilesOptions | null, unknown] = await bucket.getFiles(page);
    for (const file of files) {
      signal.throwIfAborted();
      yield file;
    }
    page = next;
  }
}
