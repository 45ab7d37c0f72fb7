/** Does the work for every item, for at most `concurrency` of them at a time. The first error ends it, so `work` deals with its own. */
export async function sideBySide<T>(items: readonly T[], concurrency: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: Math.min(concurrency, items.length) }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}
