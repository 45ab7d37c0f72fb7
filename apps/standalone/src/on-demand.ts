import { countClients, PeriodicTask } from '@cloudscan/process';

/** Milliseconds between two looks; a client waits for the end of the stack that was started for it. */
const lookMs = 100;

/** How clients find the stack. */
export interface Announcement {
  announce(): void;
  withdraw(): void;
}

/**
 * Calls `onLonely` once no client is left. A client registers first and looks for the stack then, so the stack is withdrawn
 * first and clients are counted again then: either it sees the client, or the client sees no stack.
 */
export function watchClients(dataDir: string, stack: Announcement, onLonely: () => void, onError: (error: unknown) => void): PeriodicTask {
  let ending = false;
  return new PeriodicTask({ name: 'watch-clients', intervalMs: lookMs, onError }, async () => {
    if (ending || countClients(dataDir) > 0) return;
    stack.withdraw();
    ending = countClients(dataDir) === 0;
    if (ending) onLonely();
    else stack.announce();
  });
}
