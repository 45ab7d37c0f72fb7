import { createHash } from 'node:crypto';

/** Lower-case hexadecimal; holds a chunk at a time. */
export async function sha256Of(bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    signal.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest('hex');
}
