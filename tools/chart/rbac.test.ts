import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '@cloudscan/config';
import { jobNameOf } from '@cloudscan/domain';
import { createJobDispatcher, readJobDispatchConfig } from '@cloudscan/job-dispatch';
import type { JobPlatform } from '@cloudscan/job-dispatch';
import type { JobSpec } from '@cloudscan/orchestration';
import { createLogger } from '@cloudscan/telemetry';
import { eventually, newId, requires, testCluster } from '@cloudscan/testing';
import type { Teardown, TestCluster } from '@cloudscan/testing';
import test from 'ava';
import { render, root, valueSets } from './support/helm.ts';
import { environmentOf, ofKind, workloadsOf } from './support/manifests.ts';
import type { Manifest } from './support/manifests.ts';

const withHelm = requires(test, 'helm');

const useCases = 'libs/orchestration/src/use-cases';
/** Those that a dispatcher runs; a sweeper runs all others that speak to the platform. */
const dispatching = ['dispatch-scan.ts', 'stop-job.ts'].map((file) => join(useCases, file));

const processes = ['dispatcher', 'sweeper'] as const;
type Process = (typeof processes)[number];

const aJob: JobSpec = {
  ...{ scanId: newId(), organizationId: newId(), projectId: newId(), attempt: 1, scanTypes: ['sast'], traceparent: null },
  source: { artifactId: newId(), gitUrl: null, gitBranch: null, gitCommit: null },
};
/** Longer than anything in a Job's life is waited for, and than an orphaned Secret is spared. */
const laterMs = 3_600_000;

interface Rehearsal {
  readonly platform: JobPlatform;
  readonly others: Others;
  /** Moves the platform's clock. */
  readonly later: () => void;
}

/** Makes each call in all the ways in which it asks the API server for something. */
const rehearsals: Readonly<Record<string, (rehearsal: Rehearsal) => Promise<unknown>>> = {
  prepare: ({ platform }) => platform.prepare(),
  create: async ({ platform }) => {
    await platform.jobs.create(aJob);
    // Once more, as when the answer was lost.
    await platform.jobs.create(aJob);
  },
  find: async ({ platform, others, later }) => {
    const names = await Promise.all(Array.from({ length: 6 }, () => others.makeJob(0)));
    await platform.jobs.find(names.slice(0, 1));
    await platform.jobs.find(names);
    later();
    const found = await platform.jobs.find(names);
    if ([...found.values()].every(({ blockage }) => blockage === null)) throw new Error('no Job without a pod was found');
  },
  list: async ({ platform, others }) => {
    await others.makeJob(0);
    for await (const { phase } of platform.jobs.list()) if (phase === 'failed') throw new Error('a new Job cannot have failed');
  },
  watch: async ({ platform, others }) => {
    const changed = new Set<string>();
    const watch = await platform.jobs.watch((name) => void changed.add(name));
    const name = await others.makeJob(0);
    await eventually(() => changed.has(name));
    await watch.stop();
  },
  logs: async ({ platform, others }) => platform.jobs.logs(await others.makeJob(1), 4096),
  cancel: async ({ platform, others }) => platform.jobs.cancel(await others.makeJob(1)),
  retire: async ({ platform, others }) => platform.jobs.retire(await others.makeJob(0)),
  delete: async ({ platform, others }) => platform.jobs.delete(await others.makeJob(0)),
  removeOrphans: async ({ platform, others, later }) => {
    await others.makeOrphanedSecret();
    later();
    if ((await platform.jobs.removeOrphans()) !== 1) throw new Error('the orphan is still there');
  },
};

for (const process of processes) {
  withHelm(`the role of a ${process} holds what it calls on the API server, and nothing else`, async (t) => {
    const manifests = await render(valueSets['full']!);
    const called = new Set<string>();
    for (const method of await methodsOf(process)) {
      for (const call of await callsOf(t, manifests, process, method)) called.add(call);
    }
    t.deepEqual([...called].toSorted(), grantsOf(manifests, process));
  });
}

withHelm('roles are bound to the accounts of their processes, in the namespace of the runs alone', async (t) => {
  for (const name of ['default', 'full']) {
    const manifests = await render(valueSets[name]!);
    const namespace = name === 'full' ? 'runs' : 'cloudscan';
    const bindings = ofKind(manifests, 'RoleBinding') as unknown as {
      metadata: { namespace: string };
      roleRef: object;
      subjects: object[];
    }[];
    t.deepEqual(
      bindings.map(({ metadata, roleRef, subjects }) => [metadata.namespace, roleRef, subjects]),
      processes.map((process) => [
        namespace,
        { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: `cloudscan-${process}` },
        [{ kind: 'ServiceAccount', name: `cloudscan-${process}`, namespace: 'cloudscan' }],
      ]),
    );
    t.true(ofKind(manifests, 'Role').every(({ metadata }) => metadata.namespace === namespace));
    t.deepEqual(ofKind(manifests, 'ClusterRole'), []);
  }
});

test('every call that is rehearsed is one that a process makes', async (t) => {
  const called = (await Promise.all(processes.map(methodsOf))).flat();
  t.deepEqual([...new Set(called)].toSorted(), Object.keys(rehearsals).toSorted());
});

test('only dispatcher and sweeper can speak to the platform', async (t) => {
  const apps = await readdir(join(root, 'apps'));
  const depending = await Promise.all(
    apps.map(async (app) => (await readFile(join(root, 'apps', app, 'package.json'), 'utf8')).includes('"@cloudscan/job-dispatch"')),
  );
  t.deepEqual(
    apps.filter((_, index) => depending[index]),
    [...processes],
  );
});

/** The methods of the port that a process's sources call. */
async function methodsOf(process: Process): Promise<string[]> {
  const own = await filesIn(join('apps', process, 'src'));
  const others = (await filesIn(useCases)).filter((file) => !dispatching.includes(file));
  const files = [...own, ...(process === 'dispatcher' ? dispatching : others)];
  const texts = await Promise.all(files.map((file) => readFile(join(root, file), 'utf8')));
  return [...new Set(texts.flatMap(portCalls))].toSorted();
}

function portCalls(source: string): string[] {
  const methods = Object.keys(rehearsals).join('|');
  return [...source.matchAll(new RegExp(`\\b(?:jobs|platform|dispatcher)\\.(${methods})\\(`, 'g'))].map((match) => match[1]!);
}

async function filesIn(path: string): Promise<string[]> {
  const files = await readdir(join(root, path), { recursive: true });
  return files.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts')).map((file) => join(path, file));
}

/** What one call asks of the API server, as `verb resource`. */
async function callsOf(t: Teardown, manifests: readonly Manifest[], process: Process, method: string): Promise<string[]> {
  const cluster = await testCluster(t, { namespaces: ['runs'] });
  let offsetMs = 0;
  const { pod } = workloadsOf(manifests).find(({ component }) => component === process)!;
  const env = { ...environmentOf(pod.spec.containers[0]!), KUBE_IN_CLUSTER: 'false', KUBE_CONFIG: cluster.kubeconfigPath };
  const config = readConfig(env, (reader) => readJobDispatchConfig(reader, []));
  const platform = await createJobDispatcher(config, {
    clock: { now: () => new Date(Date.now() + offsetMs) },
    log: createLogger('chart-test', 'silent'),
    actor: process,
    // Of local runs only.
    ...{ localJobs: null as never, database: null as never },
  });
  const others = new Others(cluster);
  try {
    await rehearsals[method]!({ platform, others, later: () => (offsetMs = laterMs) });
    return [...cluster.simulator!.requests].filter(([call, count]) => count > others.countOf(call)).map(([call]) => call);
  } finally {
    await platform.stop();
  }
}

function grantsOf(manifests: readonly Manifest[], process: Process): string[] {
  const role = ofKind(manifests, 'Role').find(({ metadata }) => metadata.name === `cloudscan-${process}`)!;
  return role
    .rules!.flatMap(({ resources, verbs }) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)))
    .toSorted();
}

/** What is done in the cluster by others than the process, and how often. */
class Others {
  readonly #cluster: TestCluster;
  readonly #counts = new Map<string, number>();

  constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  countOf(call: string): number {
    return this.#counts.get(call) ?? 0;
  }

  /**
   * A Job of another scan. Answers its name, once it has its pods.
   *
   * @param pods 0 is a Job for which Kubernetes makes none
   */
  async makeJob(pods: 0 | 1): Promise<string> {
    const scanId = newId();
    const name = jobNameOf(scanId, 1);
    const labels = labelsOf(scanId);
    const spec = { restartPolicy: 'Never', containers: [{ name: 'runner', image: 'runner' }] };
    const body = { metadata: { name, labels }, spec: { parallelism: pods, backoffLimit: 0, template: { metadata: { labels }, spec } } };
    await this.#create('jobs', `/apis/batch/v1/namespaces/${this.#cluster.namespace}/jobs`, body);
    await this.#cluster.simulator!.settled();
    return name;
  }

  async makeOrphanedSecret(): Promise<void> {
    const scanId = newId();
    const annotations = { 'cloudscan.io/issued-at': new Date().toISOString() };
    const body = { metadata: { name: jobNameOf(scanId, 1), labels: labelsOf(scanId), annotations } };
    await this.#create('secrets', `/api/v1/namespaces/${this.#cluster.namespace}/secrets`, body);
  }

  async #create(resource: string, path: string, body: object): Promise<void> {
    const { status, body: answer } = await this.#cluster.client.send(path, { method: 'POST', body });
    if (status !== 201) throw new Error(JSON.stringify(answer));
    this.#counts.set(`create ${resource}`, this.countOf(`create ${resource}`) + 1);
  }
}

/** As libs/job-dispatch labels what it makes. */
function labelsOf(scanId: string): Record<string, string> {
  return {
    'app.kubernetes.io/managed-by': 'cloudscan',
    'cloudscan.io/scan-id': scanId,
    'cloudscan.io/organization-id': newId(),
    'cloudscan.io/project-id': newId(),
    'cloudscan.io/attempt': '1',
  };
}
