import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Milliseconds until it gives up; 30,000 by default. */
  readonly timeoutMs?: number;
  /** Milliseconds between two looks; 20 by default. */
  readonly intervalMs?: number;
  /** What is waited for, as the error names it. */
  readonly what?: string;
}

/**
 * Looks again and again until `check` returns something truthy, and returns that.
 *
 * @throws the last error of `check`, or one that shows what it returned last
 */
export async function eventually<T>(check: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<NonNullable<T>> {
  const { timeoutMs = 30_000, intervalMs = 20, what = 'the expected state' } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const outcome = await look(check);
    if ('value' in outcome && outcome.value) return outcome.value;
    if (performance.now() > deadline) {
      const cause = 'error' in outcome ? outcome.error : undefined;
      throw new Error(
        `${what} did not come within ${timeoutMs} ms${'value' in outcome ? `; last seen: ${JSON.stringify(outcome.value)}` : ''}`,
        { cause },
      );
    }
    await delay(intervalMs);
  }
}

async function look<T>(check: () => T | Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await check() };
  } catch (error) {
    return { error };
  }
}
