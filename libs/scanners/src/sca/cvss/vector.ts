/** The allowed values of each base metric that a vector must name. */
export type MetricValues = Readonly<Record<string, string>>;

/**
 * The metrics of a vector such as `AV:N/AC:L`. Null when one that is needed is missing, given twice or has a value that it
 * cannot have; metrics beside the needed ones (temporal, threat, environmental) are passed over.
 */
export function parseMetrics<const M extends MetricValues>(vector: string, needed: M): { readonly [K in keyof M]: string } | null {
  const found = new Map<string, string>();
  for (const part of vector.split('/')) {
    const [metric = '', value = ''] = part.split(':', 2);
    if (found.has(metric)) return null;
    found.set(metric, value);
  }
  const metrics: Record<string, string> = {};
  for (const [metric, values] of Object.entries(needed)) {
    const value = found.get(metric);
    if (value?.length !== 1 || !values.includes(value)) return null;
    metrics[metric] = value;
  }
  return metrics as { readonly [K in keyof M]: string };
}
