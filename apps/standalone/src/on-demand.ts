import { countClients, PeriodicTask } from '@cloudscan/process';

const lookMs = 200;
/** Milliseconds without a client after which a stack that was started on demand ends. */
const lonelyMs = 1000;

/** How clients find the stack. */
export interface Announcement {
  announce(): void;
  withdraw(): void;
}

/**
 * Calls `onLonely` once no client has been there for a second. A client registers first and looks for the stack then, so
 * the stack is withdrawn first and clients are counted again then: either it sees the client, or the client sees no stack.
 */
export function watchClients(dataDir: string, stack: Announcement, onLonely: () => void, onError: (error: unknown) => void): PeriodicTask {
  let lastSeen = performance.now();
  return new PeriodicTask({ name: 'watch-clients', intervalMs: lookMs, onError }, async () => {
    if (countClients(dataDir) > 0) lastSeen = performance.now();
    if (performance.now() - lastSeen < lonelyMs) return;
    stack.withdraw();
    const isLonely = countClients(dataDir) === 0;
    lastSeen = isLonely ? Infinity : performance.now();
    if (isLonely) onLonely();
    else stack.announce();
  });
}
