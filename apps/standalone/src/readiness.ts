import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 25;
/** Milliseconds for one answer; `/ready` asks its own dependencies with time limits of its own. */
const answerLimitMs = 3000;

/** True once a process says at `/ready` that it serves; false when the signal gives up first. */
export async function waitUntilReady(port: number, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await isReady(port, signal)) return true;
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
  }
  return false;
}

/** Whether a process says that it and everything it needs serve. */
function isReady(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/ready', agent: false, timeout: answerLimitMs, signal }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
