import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@cloudscan/telemetry';
import { request } from 'undici';
import type { Dispatcher } from 'undici';
import type { Orchestrator } from './orchestrator/orchestrator.ts';
import { RunFailure } from './run-failure.ts';

export interface UploadOptions {
  readonly orchestrator: Pick<Orchestrator, 'resultsUpload'>;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly firstPauseMs?: number;
}

const maxPauseMs = 10_000;
const idleMs = 60_000;
/** How often a store that refuses the upload (4xx) is asked again, each time under a fresh URL. */
const maxRefusals = 5;

/**
 * Uploads the results log and answers its artifact's id. Each try has a URL of its own: one that expired is of no use, and of one
 * that broke off nobody knows what became. What was begun and not used is collected by the storage service.
 *
 * @throws RunFailure `internal` when the store refuses it again and again
 */
export async function uploadResults(
  path: string,
  { sizeBytes, sha256 }: { sizeBytes: number; sha256: string },
  options: UploadOptions,
): Promise<string> {
  const { orchestrator, dispatcher, signal, log, firstPauseMs = 200 } = options;
  let refusals = 0;
  for (let attempt = 0; ; attempt += 1) {
    const { artifactId, uploadUrl, uploadHeaders } = await orchestrator.resultsUpload(sizeBytes, sha256, signal);
    const headers = { ...lowerCaseNames(uploadHeaders), 'content-length': String(sizeBytes) };
    const status = await put(uploadUrl, path, { dispatcher, signal, headers });
    if (status >= 200 && status < 300) return artifactId;
    if (status >= 400 && status < 500) refusals += 1;
    if (refusals >= maxRefusals) throw new RunFailure('internal', `the results could not be stored: the object store answered ${status}`);
    const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(attempt, 10), maxPauseMs) * (0.5 + Math.random());
    log.warn({ status, pauseMs: Math.round(pauseMs) }, 'the results were not taken; trying again');
    await delay(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

interface PutOptions {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  readonly headers: Record<string, string>;
}

/** The status; 0 when the connection failed. */
async function put(url: string, path: string, { dispatcher, signal, headers }: PutOptions): Promise<number> {
  const body = createReadStream(path, { highWaterMark: 256 * 1024 });
  try {
    const response = await request(url, { method: 'PUT', body, headers, dispatcher, signal, headersTimeout: idleMs, bodyTimeout: idleMs });
    await response.body.dump();
    return response.statusCode;
  } catch {
    signal.throwIfAborted();
    return 0;
  } finally {
    body.destroy();
  }
}

/** So that a name in another spelling is no second header. */
function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
