import { DomainError, unavailable } from '@cloudscan/domain';
import type { PresignedUpload } from '@cloudscan/orchestration';
import { request } from 'undici';

/** Milliseconds without an answer after which the object store counts as away. */
const idleMs = 30_000;

/**
 * PUTs a few bytes under a presigned URL. No error shows the URL.
 *
 * @throws unavailable when the object store cannot be reached or fails, internal when it refuses the upload
 */
export async function uploadArtifact({ url, headers }: PresignedUpload, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  const status = await put(url, headers, bytes, signal);
  if (status >= 200 && status < 300) return;
  if (status === 0 || status === 429 || status >= 500) throw unavailable('the object store');
  throw new DomainError('internal', `the object store refused an upload with ${status}`);
}

/** The status; 0 when the connection failed. */
async function put(url: string, given: PresignedUpload['headers'], body: Uint8Array, signal: AbortSignal): Promise<number> {
  const headers = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
  try {
    const response = await request(url, { method: 'PUT', headers, body, signal, headersTimeout: idleMs, bodyTimeout: idleMs });
    await response.body.dump();
    return response.statusCode;
  } catch {
    signal.throwIfAborted();
    return 0;
  }
}
