import type { TestFn } from 'ava';
import { eventually } from './eventually.ts';

/** What a fixture needs to clean up after itself: ava's `t` of one test, or {@link testFile} for a whole file. */
export interface Teardown {
  /** The last one given is called first. */
  teardown(callback: () => void | Promise<void>): void;
}

/**
 * Fixtures that all tests of a file share, cleaned up after its last test; ava has no `t.teardown` for that. A file that then
 * still holds a timer, a socket, a server or a child process open fails. Call it once, at the top of the file:
 *
 *     const file = testFile(test);
 *     test.before(async () => { database = (await testDatabase(file)).database; });
 */
export function testFile<Context>(test: TestFn<Context>): Teardown {
  const before = countHandles();
  const callbacks: (() => void | Promise<void>)[] = [];
  test.after.always('the file cleans up after itself', async () => {
    const errors: unknown[] = [];
    for (const step of [...callbacks.toReversed(), () => requireNoNewHandles(before)]) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('\n'));
  });
  return { teardown: (callback) => void callbacks.push(callback) };
}

/** What keeps Node's event loop alive, by its names for them, and as people call it. */
const watchedHandles: Readonly<Record<string, string>> = {
  Timeout: 'a timer',
  ProcessWrap: 'a child process',
  TCPSocketWrap: 'a connection',
  TCPServerWrap: 'a server',
};

type HandleCounts = ReadonlyMap<string, number>;

function countHandles(): HandleCounts {
  const counts = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

async function requireNoNewHandles(before: HandleCounts): Promise<void> {
  // Closing a socket takes a turn or two of the event loop.
  await eventually(() => leftOpen(before).length === 0, { timeoutMs: 2000 }).catch(() => {
    throw new Error(`the test file leaves ${leftOpen(before).join(', ')} open`);
  });
}

function leftOpen(before: HandleCounts): readonly string[] {
  const now = countHandles();
  return Object.entries(watchedHandles)
    .filter(([type]) => (now.get(type) ?? 0) > (before.get(type) ?? 0))
    .map(([, name]) => name);
}
