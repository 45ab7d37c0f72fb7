import test from 'ava';
import { ConfigError, readConfig } from '@cloudscan/config';
import type { Environment } from '@cloudscan/config';
import { readJobDispatchConfig } from '../config.ts';
import type { JobDispatchConfig } from '../config.ts';

const minimal = {
  JOB_DISPATCHER: 'kubernetes',
  ORCHESTRATOR_ENDPOINT: 'api-grpc:9999',
  RUNNER_IMAGE: 'registry.example:5000/runner',
  RUNNER_VERSION: '1.2.3',
  HOME: '/home/me',
};

function read(env: Environment = {}): Extract<JobDispatchConfig, { kind: 'kubernetes' }> {
  const config = readConfig({ ...minimal, ...env }, (reader) => readJobDispatchConfig(reader, ['local', 'runner']));
  if (config.kind !== 'kubernetes') throw new Error(config.kind);
  return config;
}

test('says with few words how Jobs of a cluster are made', (t) => {
  const { kubernetes, maxAttempts } = read();
  t.is(maxAttempts, 2);
  t.like(kubernetes, { requestTimeoutMs: 10_000, retirementSeconds: 3600, tokens: null, legacySource: null });
  t.deepEqual(kubernetes.connection, { kind: 'file', path: '/home/me/.kube/config' });
  t.deepEqual(kubernetes.pod, {
    namespace: 'cloudscan',
    image: 'registry.example:5000/runner:1.2.3',
    imagePullPolicy: null,
    imagePullSecrets: [],
    command: null,
    environment: {},
    environmentSecret: null,
    tools: [],
    resources: { requests: { cpu: '500m', memory: '2Gi', disk: '1Gi' }, limits: { cpu: null, memory: '2Gi', disk: '8Gi' } },
    user: 1000,
    group: 1000,
    terminationGraceSeconds: 30,
    serviceAccount: null,
    nodeSelector: {},
    tolerations: [],
    priorityClass: null,
    runtimeClass: null,
    queue: null,
  });
});

test('reads every setting of pods', (t) => {
  const { pod, retirementSeconds } = read({
    ...{ KUBE_NAMESPACE: 'runners', KUBE_SERVICE_ACCOUNT: 'runner', JOB_TTL_SECONDS: '60', RUNNER_IMAGE_PULL_POLICY: 'Always' },
    ...{ RUNNER_IMAGE_PULL_SECRETS: 'a, b.c', RUNNER_COMMAND: '["node","main.js"]', RUNNER_SECRET_NAME: 'settings' },
    ...{ RUNNER_LIMITS_CPU: '2', RUNNER_REQUESTS_CPU: '1500m', RUNNER_LIMITS_MEMORY: '4Gi', RUNNER_REQUESTS_MEMORY: '3Gi' },
    ...{ RUNNER_WORK_SIZE: '512Mi', RUNNER_UID: '2000', RUNNER_GID: '3000', RUNNER_TERMINATION_GRACE_SECONDS: '5' },
    ...{ RUNNER_NODE_SELECTOR: 'pool=scans, example.com/disk=ssd,empty=', RUNNER_TOLERATIONS: '[{"operator":"Exists"}]' },
    ...{ RUNNER_PRIORITY_CLASS: 'low', RUNNER_RUNTIME_CLASS: 'gvisor', RUNNER_QUEUE: 'scans' },
  }).kubernetes;
  t.is(retirementSeconds, 60);
  t.like(pod, { namespace: 'runners', serviceAccount: 'runner', imagePullPolicy: 'Always', environmentSecret: 'settings', user: 2000 });
  t.like(pod, { group: 3000, terminationGraceSeconds: 5, priorityClass: 'low', runtimeClass: 'gvisor', queue: 'scans' });
  t.deepEqual(pod.imagePullSecrets, ['a', 'b.c']);
  t.deepEqual(pod.command, ['node', 'main.js']);
  t.deepEqual(pod.nodeSelector, { pool: 'scans', 'example.com/disk': 'ssd', empty: '' });
  t.deepEqual(pod.tolerations, [{ operator: 'Exists' }]);
  t.deepEqual(pod.resources, {
    requests: { cpu: '1500m', memory: '3Gi', disk: '512Mi' },
    limits: { cpu: '2', memory: '4Gi', disk: '512Mi' },
  });
});

test('runners that cannot ask for their source are told', (t) => {
  t.is(read({ RUNNER_LEGACY_ENV: 'true' }).kubernetes.legacySource?.tls, null);
  t.truthy(read({ RUNNER_LEGACY_ENV: 'true', STORAGE_SERVICE_TLS: 'true' }).kubernetes.legacySource?.tls);
});

test('an image that names its version keeps it', (t) => {
  const image = (RUNNER_IMAGE: string) => read({ RUNNER_IMAGE }).kubernetes.pod.image;
  t.is(image('runner:2'), 'runner:2');
  t.is(image('registry:5000/a/runner'), 'registry:5000/a/runner:1.2.3');
  t.is(image('registry:5000/a/runner:2'), 'registry:5000/a/runner:2');
  t.is(image(`runner@sha256:${'0'.repeat(64)}`), `runner@sha256:${'0'.repeat(64)}`);
});

test('a pod uses its account, unless a file is named', (t) => {
  const connection = (env: Environment) => read({ KUBERNETES_SERVICE_HOST: '10.0.0.1', ...env }).kubernetes.connection;
  t.deepEqual(connection({}), { kind: 'in-cluster' });
  t.deepEqual(connection({ KUBE_IN_CLUSTER: 'true' }), { kind: 'in-cluster' });
  t.deepEqual(connection({ KUBE_CONFIG: '/etc/kube' }), { kind: 'file', path: '/etc/kube' });
  t.deepEqual(connection({ KUBE_IN_CLUSTER: 'false', KUBECONFIG: '/etc/other' }), { kind: 'file', path: '/etc/other' });
});

test('runners get the settings of scanners and what is named, of this process’ own surroundings nothing', (t) => {
  const env = { PATH: '/bin', ADVISORY_SOURCE: '/osv', HTTPS_PROXY: 'http://proxy', EXTRA: '1', OTHER: '2', RUNNER_PASS_ENV: 'EXTRA' };
  t.deepEqual(read(env).kubernetes.pod.environment, { ADVISORY_SOURCE: '/osv', HTTPS_PROXY: 'http://proxy', EXTRA: '1' });
});

const wrong: readonly (readonly [Environment, string])[] = [
  [
    { ORCHESTRATOR_ENDPOINT: undefined },
    'ORCHESTRATOR_ENDPOINT is not set; set it to host:port of the orchestrator’s gRPC service as pods',
  ],
  [{ RUNNER_IMAGE: undefined }, 'RUNNER_IMAGE is not set; set it to the image of the runner'],
  [{ RUNNER_VERSION: undefined }, 'RUNNER_VERSION is not set and RUNNER_IMAGE has neither tag nor digest; set it to the tag'],
  [{ RUNNER_IMAGE_PULL_POLICY: 'always' }, 'RUNNER_IMAGE_PULL_POLICY is "always"; set it to one of Always, IfNotPresent, Never'],
  [{ RUNNER_IMAGE_PULL_SECRETS: 'a,B' }, 'RUNNER_IMAGE_PULL_SECRETS holds "B"; set it to names that commas divide'],
  [{ KUBE_NAMESPACE: 'a.b' }, 'KUBE_NAMESPACE is "a.b"; set it to a name such as runners-1, in lower case'],
  [{ KUBE_IN_CLUSTER: 'true' }, 'KUBE_IN_CLUSTER is true, but this is no pod: KUBERNETES_SERVICE_HOST is not set; set it to false'],
  [{ KUBECONFIG: '/a:/b' }, 'KUBECONFIG names several files; set it to one file, or KUBE_CONFIG to one'],
  [{ RUNNER_REQUESTS_CPU: 'much' }, 'RUNNER_REQUESTS_CPU is "much"; set it to a quantity such as 2 or 500m'],
  [{ RUNNER_LIMITS_CPU: '250m' }, 'RUNNER_REQUESTS_CPU is 500m, more than RUNNER_LIMITS_CPU; set it to at most 250m'],
  [{ RUNNER_REQUESTS_MEMORY: '3Gi' }, 'RUNNER_REQUESTS_MEMORY is 3Gi, more than RUNNER_LIMITS_MEMORY; set it to at most 2Gi'],
  [{ RUNNER_WORK_SIZE: '8 GB' }, 'RUNNER_WORK_SIZE is "8 GB"; set it to a quantity such as 2Gi or 512Mi'],
  [{ RUNNER_UID: '0' }, 'RUNNER_UID is "0"; set it to a whole number from 1'],
  [{ RUNNER_NODE_SELECTOR: 'scans' }, 'RUNNER_NODE_SELECTOR holds "scans"; set it to label=value,label=value'],
  [{ RUNNER_TOLERATIONS: '{}' }, 'RUNNER_TOLERATIONS is not an array of tolerations; set it to JSON such as'],
  [{ RUNNER_PASS_ENV: 'DB_PASSWORD' }, 'RUNNER_PASS_ENV names DB_PASSWORD'],
  [
    { RUNNER_PASS_ENV: 'MY_API_KEY' },
    'RUNNER_PASS_ENV names MY_API_KEY, which whoever may read pods could read; set it to names that hold no',
  ],
  [{ SECRET_HASH_KEY: 'x' }, 'SECRET_HASH_KEY would stand in the manifest of each pod; set it to nothing, and make it a key of the Secret'],
  [{ RUNNER_TOKEN_KEY: 'short' }, 'RUNNER_TOKEN_KEY holds a key that is too short'],
  [{ JOB_TTL_SECONDS: '-1' }, 'JOB_TTL_SECONDS is "-1"'],
];
for (const [env, message] of wrong) {
  test(`refuses ${JSON.stringify(env, (_, value: unknown) => value ?? null)} by name`, (t) => {
    const error = t.throws(() => read(env), { instanceOf: ConfigError });
    t.true(error.message.startsWith(message), error.message);
  });
}
