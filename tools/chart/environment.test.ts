import { readConfig, readDeclaredScanners } from '@cloudscan/config';
import { requires } from '@cloudscan/testing';
import test from 'ava';
import { render, valueSets } from './support/helm.ts';
import { environmentOf, workloadsOf } from './support/manifests.ts';
import type { Manifest } from './support/manifests.ts';
import { addressesIn, readEnvironment } from './support/process-environment.ts';

const withHelm = requires(test, 'helm');
const processes = ['api-grpc', 'api-http', 'cleaner', 'dispatcher', 'migrate', 'storage', 'sweeper'];
/** Set in every pod by the kubelet. */
const givenByKubernetes = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

/** The environment of each process of ours, by component. */
function environments(manifests: readonly Manifest[]): [string, Record<string, string>, number[]][] {
  return workloadsOf(manifests)
    .filter(({ component }) => processes.includes(component))
    .map(({ component, pod }) => {
      const [container] = pod.spec.containers;
      return [component, environmentOf(container!), (container!.ports ?? []).map(({ containerPort }) => containerPort)];
    });
}

for (const [name, args] of Object.entries(valueSets)) {
  withHelm(`each process accepts its environment in the values ${name}, and reads all of it`, async (t) => {
    const found = environments(await render(args));
    t.deepEqual(found.map(([component]) => component).toSorted(), processes);
    for (const [component, environment] of found) {
      const { unread } = await readEnvironment(component, { ...givenByKubernetes, ...environment });
      t.deepEqual(
        unread.filter((variable) => !(variable in givenByKubernetes)),
        [],
        component,
      );
    }
  });

  withHelm(`each process listens for other pods on the ports that its container has in the values ${name}`, async (t) => {
    for (const [component, environment, ports] of environments(await render(args))) {
      const { config } = await readEnvironment(component, { ...givenByKubernetes, ...environment });
      const addresses = addressesIn(config);
      const listening = addresses.filter(({ host }) => host === '0.0.0.0').map(({ port }) => port);
      t.deepEqual(listening.toSorted(), ports.toSorted(), component);
      t.deepEqual(
        addresses.filter(({ host }) => /^127\.|^localhost$/.test(host)),
        [],
        `${component} looks for something in its own pod`,
      );
    }
  });

  withHelm(`every process that admits has the same caps, and every process the same database in the values ${name}`, async (t) => {
    const shared = [
      ...['MAX_RUNNING_SCANS', 'MAX_RUNNING_SCANS_PER_ORGANIZATION', 'MAX_QUEUED_SCANS_PER_ORGANIZATION'],
      ...['FAIR_SHARE_HALF_LIFE_SECONDS', 'JOB_BACKOFF_LIMIT'],
    ];
    const found = environments(await render(args));
    for (const variable of [...shared, 'DB_HOST', 'DB_PORT', 'DB_NAME', 'DB_SSLMODE', 'RUNNER_IMAGE', 'KUBE_NAMESPACE']) {
      const values = new Set(found.flatMap(([, environment]) => environment[variable] ?? []));
      t.is(values.size, 1, variable);
    }
    for (const [component, environment] of found) {
      if (['api-grpc', 'dispatcher', 'sweeper'].includes(component))
        t.true(
          shared.every((variable) => variable in environment),
          component,
        );
    }
  });
}

withHelm('each process logs in as who it is', async (t) => {
  const users = Object.fromEntries(
    environments(await render(valueSets['default']!)).map(([component, { DB_USER }]) => [component, DB_USER]),
  );
  const user = (secret: string): string => `cloudscan-database-${secret}-username-`.padEnd(64, 'x');
  t.deepEqual(users, {
    migrate: user('owner'),
    storage: user('storage'),
    'api-grpc': user('orchestrator'),
    'api-http': user('orchestrator'),
    cleaner: user('orchestrator'),
    dispatcher: user('orchestrator'),
    sweeper: user('orchestrator'),
  });
});

withHelm('what a deployment says of runners becomes their pods', async (t) => {
  const [, environment] = environments(await render(valueSets['full']!)).find(([component]) => component === 'dispatcher')!;
  const { config } = await readEnvironment('dispatcher', { ...givenByKubernetes, ...environment });
  const { jobs } = config as { jobs: { kubernetes: { pod: object; tokens: object | null } } };
  t.like(jobs.kubernetes.pod, {
    namespace: 'runs',
    image: 'registry.example.com:5000/cloudscan/runner@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    imagePullSecrets: ['registry'],
    nodeSelector: { workload: 'scans', zone: 'a' },
    tolerations: [{ key: 'workload', operator: 'Exists', effect: 'NoSchedule' }],
    priorityClass: 'low',
    runtimeClass: 'gvisor',
    queue: 'scans',
    environment: { ADVISORY_SOURCE: 'https://osv.example.com', LANG: 'C.UTF-8' },
    environmentSecret: 'cloudscan-runner',
    serviceAccount: 'cloudscan-runner',
  });
  t.not(jobs.kubernetes.tokens, null);
});

withHelm('the scanners of a deployment reach its runners, those with an image as containers', async (t) => {
  const [, environment] = environments(await render(valueSets['full']!)).find(([component]) => component === 'dispatcher')!;
  const { config } = await readEnvironment('dispatcher', { ...givenByKubernetes, ...environment });
  const { pod } = (config as { jobs: { kubernetes: { pod: { tools: { name: string }[]; environment: Record<string, string> } } } }).jobs
    .kubernetes;
  t.deepEqual(
    pod.tools.map(({ name }) => name),
    ['checkov'],
  );
  const { SCANNERS, DECLARED_SCANNERS } = pod.environment;
  t.is(SCANNERS, 'cloudscan-sast,gitleaks');
  t.deepEqual(
    readConfig({ DECLARED_SCANNERS }, readDeclaredScanners).map(({ name, image }) => [name, image]),
    [
      ['checkov', 'registry.example.com/checkov:3'],
      ['own-rules', null],
    ],
  );
});

withHelm('the sweeper alone can sign attestations, and api-grpc says how they are verified', async (t) => {
  const found = environments(await render(valueSets['full']!));
  const having = (variable: string) => found.filter(([, environment]) => variable in environment).map(([component]) => component);
  t.deepEqual(having('ATTESTATION_KEY'), ['sweeper']);
  t.deepEqual(having('ATTESTATION_PUBLIC_KEYS'), ['api-grpc']);
  const { config } = await readEnvironment('api-grpc', found.find(([component]) => component === 'api-grpc')![1]);
  t.is((config as { policy: { attestationKeys: string[] } }).policy.attestationKeys.length, 1);
});

test('a variable that a process does not read is noticed, and one that it refuses', async (t) => {
  const environment = { DB_HOST: 'database', DB_HOSTS: 'typing error' };
  t.deepEqual((await readEnvironment('api-http', environment)).unread, ['DB_HOSTS']);
  await t.throwsAsync(readEnvironment('storage', environment), { message: /STORAGE_DATA_DIR is not set/ });
});
