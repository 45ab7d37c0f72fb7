import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { UsageError } from '../exit-codes.ts';

const tries = 4;

/**
 * Whether the object is there already: an earlier try brought it and lost its answer. Whether it is the right one the server looks at.
 * 412 is how S3 and GCS say so, 409 the filesystem and Azure, or Azure with a 403 and a code of its own.
 */
function isThere(status: number, body: string): boolean {
  return status === 412 || status === 409 || (status === 403 && body.includes('UnauthorizedBlobOverwrite'));
}

/** A file that is to be uploaded. */
export interface UploadFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** PUTs a file to its presigned URL; a broken connection or a 5xx is tried again. */
export async function upload(
  file: UploadFile,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  onBytes: (sent: number) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const problem = await put(file, url, headers, signal, onBytes);
    if (problem === null) return;
    if (attempt === tries || !problem.retry) throw new UsageError(`the upload failed: ${problem.message}`);
    await delay(250 * 2 ** attempt, undefined, { signal });
  }
}

async function put(
  file: UploadFile,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  onBytes: (sent: number) => void,
): Promise<{ readonly message: string; readonly retry: boolean } | null> {
  const body = createReadStream(file.path);
  let sent = 0;
  body.on('data', (chunk) => onBytes((sent += chunk.length)));
  try {
    const response = await request(url, {
      method: 'PUT',
      // In lower case, so that a name in another spelling is no second header.
      headers: { ...lowerCaseNames(headers), 'content-length': String(file.sizeBytes) },
      body,
      signal,
    });
    const text = await response.body.text();
    if (response.statusCode < 300 || isThere(response.statusCode, text)) return null;
    return { message: `HTTP ${response.statusCode} ${text.slice(0, 300)}`, retry: response.statusCode >= 500 };
  } catch (error) {
    signal.throwIfAborted();
    return { message: (error as Error).message, retry: true };
  } finally {
    body.destroy();
  }
}

function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
