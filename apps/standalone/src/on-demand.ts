import { countClients, PeriodicTask } from '@cloudscan/process';

const lookMs = 200;
/** Milliseconds without a client after which a stack that was started on demand ends. */
const lonelyMs = 1000;

/** Calls `onLonely` once no client has been there for a second. */
export function watchClients(dataDir: string, onLonely: () => void, onError: (error: unknown) => void): PeriodicTask {
  let lastSeen = performance.now();
  return new PeriodicTask({ name: 'watch-clients', intervalMs: lookMs, onError }, async () => {
    if (countClients(dataDir) > 0) lastSeen = performance.now();
    if (performance.now() - lastSeen < lonelyMs) return;
    lastSeen = Infinity;
    onLonely();
  });
}
