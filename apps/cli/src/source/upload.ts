import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { UsageError } from '../exit-codes.ts';
import type { PackedSource } from './pack-source.ts';

const tries = 4;

/** The object is there already: an earlier try brought it and lost its answer. Whether it is the right one StartScan looks at. */
const alreadyThere = 412;

/** PUTs the archive to its presigned URL; a broken connection or a 5xx is tried again. */
export async function upload(
  source: PackedSource,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  onBytes: (sent: number) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const problem = await put(source, url, headers, signal, onBytes);
    if (problem === null) return;
    if (attempt === tries || !problem.retry) throw new UsageError(`the upload of the source failed: ${problem.message}`);
    await delay(250 * 2 ** attempt, undefined, { signal });
  }
}

async function put(
  source: PackedSource,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  onBytes: (sent: number) => void,
): Promise<{ readonly message: string; readonly retry: boolean } | null> {
  const body = createReadStream(source.path);
  let sent = 0;
  body.on('data', (chunk) => onBytes((sent += chunk.length)));
  try {
    const response = await request(url, {
      method: 'PUT',
      // In lower case, so that a name in another spelling is no second header.
      headers: { ...lowerCaseNames(headers), 'content-length': String(source.sizeBytes) },
      body,
      signal,
    });
    const text = await response.body.text();
    if (response.statusCode < 300 || response.statusCode === alreadyThere) return null;
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
