import type { KubernetesObject } from '../object.ts';

/** How old an object is, as kubectl says it. */
export function age({ metadata }: KubernetesObject, now: Date): string {
  return formatDuration(now.getTime() - Date.parse(metadata.creationTimestamp));
}

/** Milliseconds in at most two units: `95s`, `4m10s`, `3h5m`, `2d4h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 8 ? pair(days, 'd', hours % 24, 'h') : `${days}d`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}

export function count<Item>(items: Iterable<Item>, isCounted: (item: Item) => boolean): number {
  let total = 0;
  for (const item of items) if (isCounted(item)) total += 1;
  return total;
}
