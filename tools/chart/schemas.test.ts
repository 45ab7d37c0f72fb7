import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requires } from '@cloudscan/testing';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1';
import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import test from 'ava';
import { chartFolder, kubernetesVersions, render, renderText, valueSets } from './support/helm.ts';
import { ofKind } from './support/manifests.ts';

const run = promisify(execFile);
const withHelm = requires(test, 'helm');
const withSchemas = requires(test, 'helm', 'kubernetes-validate');

/** Throws what is wrong. */
async function validate(manifests: string, version: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-chart-'));
  try {
    const path = join(folder, 'manifests.yaml');
    await writeFile(path, manifests);
    const { stdout } = await run('kubernetes-validate', ['--strict', '--no-warn', '-k', version, path]);
    return stdout;
  } catch (error) {
    throw new Error((error as { stdout: string }).stdout.replaceAll(/^INFO.*\n/gm, ''), { cause: error });
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const [name, args] of Object.entries(valueSets)) {
  withHelm(`helm finds nothing to complain about in the values ${name}`, async (t) => {
    await t.notThrowsAsync(run('helm', ['lint', '--strict', chartFolder, ...args]));
  });

  for (const version of kubernetesVersions) {
    withSchemas(`what the values ${name} make is valid for Kubernetes ${version}`, async (t) => {
      const stdout = await validate(await renderText(args, version), version);
      t.regex(stdout, /passed for resource deployment\/cloudscan-dispatcher/);
    });
  }
}

withSchemas('the validation refuses a field that Kubernetes does not have', async (t) => {
  const manifests = (await renderText(valueSets['default']!)).replace('revisionHistoryLimit', 'revisionHistoryLimits');
  await t.throwsAsync(validate(manifests, kubernetesVersions[0]), { message: /revisionHistoryLimits/ });
});

withHelm('custom resources are valid for their operators', async (t) => {
  const manifests = await render(valueSets['full']!);
  const [scaledObject] = ofKind(manifests, 'ScaledObject');
  const [serviceMonitor] = ofKind(manifests, 'ServiceMonitor');
  new ScaledObject(scaledObject as never).validate();
  new ServiceMonitor(serviceMonitor as never).validate();
  t.is(scaledObject!.apiVersion, ScaledObject.apiVersion);
  t.is(serviceMonitor!.apiVersion, ServiceMonitor.apiVersion);
});

const refused: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  'no database at all': [[], /database\.host is not set/],
  'a value that it does not know': [['--set', 'database.host=x,runner.cpu=1'], /additional properties 'cpu' not allowed/],
  'a password': [['--set', 'database.host=x,database.password=y'], /additional properties 'password' not allowed/],
  'replicas of storage that cannot share their volume': [['--set', 'database.host=x,components.storage.replicas=2'], /ReadWriteMany/],
  'an autoscaler without its source': [
    ['--set', 'database.host=x,components.dispatcher.autoscaling.enabled=true,components.dispatcher.autoscaling.by=keda'],
    /prometheusUrl is not set/,
  ],
  'a client of the unguarded port of storage': [
    ['--set', 'database.host=x,components.storage.clients.grpc[0].podSelector.matchLabels.a=b'],
    /additional properties 'grpc' not allowed/,
  ],
};

for (const [what, [args, message]] of Object.entries(refused)) {
  withHelm(`the chart refuses ${what}`, async (t) => {
    await t.throwsAsync(render(args), { message });
  });
}
