import { parseEndpoint } from '@cloudscan/config';
import { requires } from '@cloudscan/testing';
import test from 'ava';
import { releaseNamespace, render, valueSets } from './support/helm.ts';
import { environmentOf, workloadsOf } from './support/manifests.ts';
import type { Manifest } from './support/manifests.ts';
import { Network } from './support/network.ts';
import type { Endpoint } from './support/network.ts';

const withHelm = requires(test, 'helm');

/** Who calls whom, as docs/ARCHITECTURE.md draws it; nobody else calls anybody. */
const arrows = [
  'api-grpc → storage:8082',
  'api-http → api-grpc:9999',
  'api-http → storage:8082',
  'runner → api-grpc:9999',
  'sweeper → storage:8082',
];
/** Where bytes go unless a bucket takes them. */
const byteEdge = ['runner → storage:8083'];
const ownServers = {
  postgresql: ['api-grpc', 'api-http', 'cleaner', 'dispatcher', 'migrate', 'storage', 'sweeper'].map(
    (caller) => `${caller} → postgresql:5432`,
  ),
  redis: ['api-grpc', 'api-http', 'dispatcher', 'sweeper'].map((caller) => `${caller} → redis:6379`),
  minio: ['runner', 'storage'].map((caller) => `${caller} → minio:9000`),
};

const monitoring: Endpoint = { namespace: 'monitoring', labels: { app: 'prometheus' } };
const strangers: readonly Endpoint[] = [
  { namespace: releaseNamespace, labels: { app: 'stranger' } },
  { namespace: 'elsewhere', labels: { 'app.kubernetes.io/name': 'cloudscan', 'app.kubernetes.io/component': 'api-http' } },
];

function runnerOf(manifests: readonly Manifest[]): Endpoint {
  const dispatcher = workloadsOf(manifests).find(({ component }) => component === 'dispatcher')!;
  const { KUBE_NAMESPACE: namespace } = environmentOf(dispatcher.pod.spec.containers[0]!);
  // As libs/job-dispatch labels its pods.
  const labels = {
    'app.kubernetes.io/name': 'cloudscan-runner',
    'app.kubernetes.io/part-of': 'cloudscan',
    'app.kubernetes.io/managed-by': 'cloudscan',
    'app.kubernetes.io/component': 'runner',
    'cloudscan.io/scan-id': '0190b2c4-7d3e-7c7b-9c55-3f1f8a4f2d11',
  };
  return { namespace: namespace!, labels };
}

/** The pods of a release and a runner's, and the ports that they listen on. */
function podsOf(manifests: readonly Manifest[]): { component: string; end: Endpoint; ports: number[] }[] {
  const pods = workloadsOf(manifests).map(({ component, pod }) => ({
    component,
    end: { namespace: releaseNamespace, labels: pod.metadata.labels },
    ports: pod.spec.containers.flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort)),
  }));
  return [...pods, { component: 'runner', end: runnerOf(manifests), ports: [9090] }];
}

function allowedArrows(manifests: readonly Manifest[]): string[] {
  const network = new Network(manifests, releaseNamespace);
  const pods = podsOf(manifests);
  return pods
    .flatMap((from) =>
      pods.flatMap((to) =>
        to.ports.filter((port) => network.allows(from.end, to.end, port)).map((port) => `${from.component} → ${to.component}:${port}`),
      ),
    )
    .toSorted();
}

for (const [name, args] of Object.entries(valueSets)) {
  withHelm(`in the values ${name} processes reach each other along the arrows of the architecture and no others`, async (t) => {
    const manifests = await render(args);
    const parts = workloadsOf(manifests).map(({ component }) => component);
    const servers = Object.entries(ownServers).flatMap(([server, callers]) => (parts.includes(server) ? callers : []));
    const environment = (name: string): Record<string, string> =>
      environmentOf(workloadsOf(manifests).find(({ component }) => component === name)!.pod.spec.containers[0]!);
    const store = environment('storage')['STORAGE_BACKEND'] === 'filesystem' ? 'storage:8083' : 'minio:9000';
    const moved = store === 'storage:8083' ? [...byteEdge] : [];
    // Who signs attestations uploads them.
    if ('ATTESTATION_KEY' in environment('sweeper') && (store === 'storage:8083' || parts.includes('minio')))
      moved.push(`sweeper → ${store}`);
    t.deepEqual(allowedArrows(manifests), [...arrows, ...moved, ...servers].toSorted());
  });

  withHelm(`in the values ${name} a process reaches every endpoint that its environment names`, async (t) => {
    const manifests = await render(args);
    const allowed = allowedArrows(manifests);
    const network = new Network(manifests, releaseNamespace);
    let checked = 0;
    for (const { component, pod } of workloadsOf(manifests).filter(({ kind }) => kind !== 'StatefulSet')) {
      const environment = environmentOf(pod.spec.containers[0]!);
      // A dispatcher and a sweeper are told both for the sake of runners.
      const callers = 'JOB_DISPATCHER' in environment ? ['runner'] : [component];
      const orchestrator = parseEndpoint(environment['ORCHESTRATOR_ENDPOINT'] ?? '');
      if (orchestrator !== null)
        t.true(
          callers.every((caller) => allowed.includes(`${caller} → ${podNameOf(orchestrator.host)}:${orchestrator.port}`)),
          component,
        );
      const storage = component === 'dispatcher' ? null : parseEndpoint(environment['STORAGE_SERVICE_ENDPOINT'] ?? '');
      if (storage !== null) t.true(allowed.includes(`${component} → ${podNameOf(storage.host)}:${storage.port}`), component);
      const servers = [environment['DB_HOST'] + ':' + environment['DB_PORT'], environment['REDIS_HOST'] + ':' + environment['REDIS_PORT']];
      for (const { host, port } of servers.flatMap((server) => parseEndpoint(server) ?? [])) {
        checked += 1;
        const isOwn = host.startsWith('cloudscan-');
        const reaches = isOwn
          ? allowed.includes(`${component} → ${podNameOf(host)}:${port}`)
          : network.allows({ namespace: releaseNamespace, labels: pod.metadata.labels }, { address: addressOf(host) }, port);
        t.true(reaches, `${component} → ${host}:${port}`);
      }
    }
    t.true(checked >= 6);
  });

  withHelm(`in the values ${name} only dispatcher and sweeper reach the API server`, async (t) => {
    const manifests = await render(args);
    const network = new Network(manifests, releaseNamespace);
    const reaching = podsOf(manifests).filter(({ end }) => [443, 6443].some((port) => network.allows(end, { address: '10.0.1.5' }, port)));
    t.deepEqual(reaching.map(({ component }) => component).toSorted(), ['dispatcher', 'sweeper']);
  });

  withHelm(`in the values ${name} a runner reaches Git and advisories, and neither metadata nor the servers of the system`, async (t) => {
    const manifests = await render(args);
    const network = new Network(manifests, releaseNamespace);
    const runner = runnerOf(manifests);
    t.true(network.allows(runner, { address: '140.82.121.4' }, 443));
    t.true(network.allows(runner, { address: '140.82.121.4' }, 22));
    t.false(network.allows(runner, { address: '140.82.121.4' }, 80));
    for (const address of ['169.254.169.254', '192.168.1.1', '172.20.0.1', '10.0.1.5'])
      t.false(network.allows(runner, { address }, 443), address);
    for (const port of [5432, 6379, 6443]) t.false(network.allows(runner, { address: '10.20.0.3' }, port), String(port));
  });

  withHelm(`in the values ${name} Prometheus reads every process, and strangers reach none`, async (t) => {
    const manifests = await render(args);
    const network = new Network(manifests, releaseNamespace);
    for (const { component, end, ports } of podsOf(manifests)) {
      for (const port of ports) {
        const isOps = port === 9090 && component !== 'runner';
        t.is(network.allows(monitoring, end, port), isOps, `${component}:${port}`);
        for (const stranger of strangers) t.false(network.allows(stranger, end, port), `${component}:${port}`);
      }
    }
  });
}

withHelm('clients reach what the values let them reach', async (t) => {
  const manifests = await render(valueSets['gke']!);
  const network = new Network(manifests, releaseNamespace);
  const ingress: Endpoint = { namespace: 'ingress-nginx', labels: {} };
  const reached = podsOf(manifests).flatMap(({ component, end, ports }) =>
    ports.filter((port) => network.allows(ingress, end, port)).map((port) => `${component}:${port}`),
  );
  t.deepEqual(reached.toSorted(), ['api-grpc:9999', 'storage:8083']);
});

function podNameOf(host: string): string {
  return /^cloudscan-([a-z-]+)/.exec(host)![1]!;
}

/** Names of servers in value files stand for addresses of a private network. */
function addressOf(host: string): string {
  return /^[\d.]+$/.test(host) ? host : '10.0.0.7';
}
