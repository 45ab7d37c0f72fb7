import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createMetricsRegistry } from '@cloudscan/telemetry';
import type { Registry } from '@cloudscan/telemetry';
import { requires } from '@cloudscan/testing';
import test from 'ava';
import { parse } from 'yaml';
import { chartFolder, render, root, valueSets } from './support/helm.ts';
import { ofKind } from './support/manifests.ts';
import type { Manifest } from './support/manifests.ts';

const withHelm = requires(test, 'helm');

interface AdapterValues {
  readonly rules: { readonly external: readonly { seriesQuery: string; name: { as: string }; metricsQuery: string }[] };
}

/** The names of what a dispatcher tells Prometheus. */
async function dispatcherMetrics(): Promise<string[]> {
  const path = join(root, 'apps', 'dispatcher', 'src', 'metrics.ts');
  const { DispatcherMetrics } = (await import(pathToFileURL(path).href)) as { DispatcherMetrics: new (registry: Registry) => unknown };
  const registry = createMetricsRegistry('chart-test');
  new DispatcherMetrics(registry);
  return registry.getMetricsAsArray().map(({ name }) => name);
}

interface Scaled {
  readonly scaleTargetRef: { readonly name: string };
  readonly metrics?: readonly { external: { metric: { name: string }; target: { type: string } } }[];
  readonly triggers?: readonly { metadata: { query: string } }[];
}

function autoscalers(manifests: readonly Manifest[], kind: string): Record<string, Scaled> {
  return Object.fromEntries(ofKind(manifests, kind).map(({ metadata, spec }) => [metadata.name, spec as unknown as Scaled]));
}

withHelm('dispatchers scale by a metric that they report and that the adapter serves under its name', async (t) => {
  const { metrics } = autoscalers(await render(valueSets['gke']!), 'HorizontalPodAutoscaler')['cloudscan-dispatcher']!;
  const { metric, target } = metrics![0]!.external;
  const { rules } = parse(await readFile(join(chartFolder, 'files', 'prometheus-adapter-values.yaml'), 'utf8')) as AdapterValues;
  const rule = rules.external.find(({ name: served }) => served.as === metric.name);
  t.true((await dispatcherMetrics()).includes(/^\w+/.exec(rule!.seriesQuery)![0]));
  // Every dispatcher reports the one queue: a sum would count it once for each of them.
  t.regex(rule!.metricsQuery, /^max\(/);
  t.is(target.type, 'AverageValue');
});

withHelm('KEDA asks Prometheus for the same metric', async (t) => {
  const { triggers } = autoscalers(await render(valueSets['eks']!), 'ScaledObject')['cloudscan-dispatcher']!;
  const [, metric] = /^max\((\w+)\{namespace="cloudscan"\}\)$/.exec(triggers![0]!.metadata.query)!;
  t.true((await dispatcherMetrics()).includes(metric!));
});

for (const [name, args] of Object.entries(valueSets)) {
  withHelm(`in the values ${name} an autoscaler has its Deployment for itself, and a disruption budget goes with every pair`, async (t) => {
    const manifests = await render(args);
    const targets = ['HorizontalPodAutoscaler', 'ScaledObject'].flatMap((kind) =>
      Object.values(autoscalers(manifests, kind)).map(({ scaleTargetRef }) => scaleTargetRef.name),
    );
    const budgets = ofKind(manifests, 'PodDisruptionBudget').map(({ metadata }) => metadata.name);
    for (const { metadata, spec } of ofKind(manifests, 'Deployment')) {
      const replicas = spec!['replicas'] as number | undefined;
      t.is(replicas === undefined, targets.includes(metadata.name), metadata.name);
      t.is(budgets.includes(metadata.name), replicas === undefined || replicas > 1, metadata.name);
    }
  });
}
