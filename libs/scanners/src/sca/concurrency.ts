/** Runs `work` on the items, at most `limit` at a time, and gives the results in the items' order. A failure ends it. */
export async function* mapConcurrently<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): AsyncGenerator<R, void> {
  const running: Promise<R>[] = [];
  const start = (item: T): void => {
    const result = work(item);
    // A failure is met when its turn comes; until then it must not count as unhandled.
    result.catch(() => undefined);
    running.push(result);
  };
  let next = 0;
  while (next < items.length || running.length > 0) {
    while (next < items.length && running.length < limit) {
      start(items[next]!);
      next += 1;
    }
    yield await running.shift()!;
  }
}
