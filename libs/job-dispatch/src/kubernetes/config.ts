import { join } from 'node:path';
import type { V1Toleration } from '@kubernetes/client-node';
import { readRunnerTokens } from '@cloudscan/auth';
import type { RunnerTokens } from '@cloudscan/auth';
import { readDeclaredScanners, runnerVariables } from '@cloudscan/config';
import type { EnvReader } from '@cloudscan/config';
import { readStorageClientConfig } from '@cloudscan/storage-client';
import type { StorageClientConfig } from '@cloudscan/storage-client';
import { parseCpuQuantity, parseMemoryQuantity } from '../quantity.ts';
import type { ConnectionSource } from './connection.ts';
import type { RunnerResources } from './container.ts';
import type { RunnerPodSettings } from './manifest.ts';
import type { ContainedTool } from './tool-container.ts';

/** Jobs of a cluster. */
export interface KubernetesDispatchConfig {
  readonly connection: ConnectionSource;
  /** Milliseconds that one try of a request may take. */
  readonly requestTimeoutMs: number;
  /** Seconds for which a Job stays after its end was recorded. */
  readonly retirementSeconds: number;
  readonly pod: RunnerPodSettings;
  /** Null where runners have none. */
  readonly tokens: RunnerTokens | null;
  /** For runners that do not ask for the URL of their source themselves; null where they do. */
  readonly legacySource: Pick<StorageClientConfig, 'tls'> | null;
}

/** A DNS label: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const labelPattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** A DNS subdomain, as most resources are named. */
const subdomainPattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;
const labelKeyPattern = /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
const labelValuePattern = /^([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?$/;
const nameOfResource = 'a name such as runners-1, in lower case';
const memoryQuantity = 'a quantity such as 2Gi or 512Mi';
/** Bytes of the node's disk that are kept for a runner; it may use more. */
const requestedDisk = '1Gi';

/** Paths and programs are those of the image. */
const handedOn = [...runnerVariables, 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
const secretName = /SECRET|TOKEN|CREDENTIAL|PASS|(?:^|_)KEY(?:_|$)/i;

/**
 * Reads `KUBE_*`, `JOB_TTL_SECONDS` and what `RUNNER_*` says of pods.
 *
 * @param command what RUNNER_COMMAND says; null for the image's own
 * @param passed the names in RUNNER_PASS_ENV
 */
export function readKubernetesConfig(
  env: EnvReader,
  command: readonly string[] | null,
  passed: readonly string[],
): KubernetesDispatchConfig {
  return {
    connection: readConnection(env),
    requestTimeoutMs: env.integer('KUBE_REQUEST_TIMEOUT_SECONDS', 10, { min: 1, max: 300 }) * 1000,
    retirementSeconds: env.integer('JOB_TTL_SECONDS', 3600, { min: 0, max: 2_000_000 }),
    tokens: readRunnerTokens(env),
    legacySource: env.boolean('RUNNER_LEGACY_ENV', false) ? readStorageClientConfig(env) : null,
    pod: {
      namespace: readName(env, 'KUBE_NAMESPACE', labelPattern) ?? 'cloudscan',
      image: readImage(env),
      imagePullPolicy: env.optional('RUNNER_IMAGE_PULL_POLICY') === undefined ? null : readPullPolicy(env),
      imagePullSecrets: readNames(env, 'RUNNER_IMAGE_PULL_SECRETS'),
      command,
      environment: readEnvironment(env, passed),
      environmentSecret: readName(env, 'RUNNER_SECRET_NAME', subdomainPattern),
      resources: readResources(env),
      tools: readDeclaredScanners(env).filter((tool): tool is ContainedTool => tool.image !== null),
      user: env.integer('RUNNER_UID', 1000, { min: 1, max: 2 ** 31 - 1 }),
      group: env.integer('RUNNER_GID', 1000, { min: 1, max: 2 ** 31 - 1 }),
      terminationGraceSeconds: env.integer('RUNNER_TERMINATION_GRACE_SECONDS', 30, { min: 1, max: 600 }),
      serviceAccount: readName(env, 'KUBE_SERVICE_ACCOUNT', subdomainPattern),
      nodeSelector: readNodeSelector(env),
      tolerations: readTolerations(env),
      priorityClass: readName(env, 'RUNNER_PRIORITY_CLASS', subdomainPattern),
      runtimeClass: readName(env, 'RUNNER_RUNTIME_CLASS', subdomainPattern),
      queue: readName(env, 'RUNNER_QUEUE', subdomainPattern),
    },
  };
}

/** In a pod its account, elsewhere the file that kubectl uses. */
function readConnection(env: EnvReader): ConnectionSource {
  const path = env.optional('KUBE_CONFIG');
  const isInPod = env.optional('KUBERNETES_SERVICE_HOST') !== undefined;
  const inCluster = env.boolean('KUBE_IN_CLUSTER', isInPod && path === undefined);
  if (inCluster) {
    if (!isInPod) env.problem('KUBE_IN_CLUSTER', 'is true, but this is no pod: KUBERNETES_SERVICE_HOST is not set', 'false');
    if (path !== undefined) env.problem('KUBE_CONFIG', 'is set and KUBE_IN_CLUSTER is true', 'nothing, or KUBE_IN_CLUSTER to false');
    return { kind: 'in-cluster' };
  }
  const file = path ?? env.optional('KUBECONFIG') ?? join(env.string('HOME', '/'), '.kube', 'config');
  if (path === undefined && file.includes(':')) env.problem('KUBECONFIG', 'names several files', 'one file, or KUBE_CONFIG to one');
  return { kind: 'file', path: file };
}

function readImage(env: EnvReader): string {
  const image = env.required('RUNNER_IMAGE', 'the image of the runner');
  const version = env.optional('RUNNER_VERSION');
  // The host of a registry may have a port, so a tag is looked for behind the last slash.
  if (image.includes('@') || /:[^/]+$/.test(image)) return image;
  if (version === undefined && image !== '') {
    env.problem('RUNNER_VERSION', 'is not set and RUNNER_IMAGE has neither tag nor digest', 'the tag of the image');
  }
  return `${image}:${version ?? ''}`;
}

function readPullPolicy(env: EnvReader): 'Always' | 'IfNotPresent' | 'Never' {
  return env.oneOf('RUNNER_IMAGE_PULL_POLICY', ['Always', 'IfNotPresent', 'Never'], 'IfNotPresent');
}

function readEnvironment(env: EnvReader, passed: readonly string[]): Readonly<Record<string, string>> {
  const secret = passed.find((name) => secretName.test(name));
  const remedy = 'names that hold no credential, and credentials as keys of the Secret in RUNNER_SECRET_NAME';
  if (secret !== undefined) env.problem('RUNNER_PASS_ENV', `names ${secret}, which whoever may read pods could read`, remedy);
  if (env.optional('SECRET_HASH_KEY') !== undefined) {
    env.problem(
      'SECRET_HASH_KEY',
      'would stand in the manifest of each pod',
      'nothing, and make it a key of the Secret in RUNNER_SECRET_NAME',
    );
  }
  const entries = [...handedOn, ...passed].flatMap((name) => {
    const value = env.optional(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

/** Memory is requested as it is limited, so that no node promises more than it has. */
function readResources(env: EnvReader): RunnerResources {
  const memory = readMemory(env, 'RUNNER_LIMITS_MEMORY', '2Gi');
  const disk = readMemory(env, 'RUNNER_WORK_SIZE', '8Gi');
  const limitCpu = env.optional('RUNNER_LIMITS_CPU') === undefined ? null : readCpu(env, 'RUNNER_LIMITS_CPU', '1');
  const requests = {
    cpu: readCpu(env, 'RUNNER_REQUESTS_CPU', '500m'),
    memory: readMemory(env, 'RUNNER_REQUESTS_MEMORY', memory),
    disk: bytesOf(disk) < bytesOf(requestedDisk) ? disk : requestedDisk,
  };
  if (bytesOf(requests.memory) > bytesOf(memory)) {
    env.problem('RUNNER_REQUESTS_MEMORY', `is ${requests.memory}, more than RUNNER_LIMITS_MEMORY`, `at most ${memory}`);
  }
  if (limitCpu !== null && (parseCpuQuantity(requests.cpu) ?? 0) > (parseCpuQuantity(limitCpu) ?? 0)) {
    env.problem('RUNNER_REQUESTS_CPU', `is ${requests.cpu}, more than RUNNER_LIMITS_CPU`, `at most ${limitCpu}`);
  }
  return { requests, limits: { cpu: limitCpu, memory, disk } };
}

function readMemory(env: EnvReader, name: string, fallback: string): string {
  const text = env.string(name, fallback);
  if (parseMemoryQuantity(text) === null) env.problem(name, `is ${JSON.stringify(text)}`, memoryQuantity);
  return text;
}

function readCpu(env: EnvReader, name: string, fallback: string): string {
  const text = env.string(name, fallback);
  if (parseCpuQuantity(text) === null) env.problem(name, `is ${JSON.stringify(text)}`, 'a quantity such as 2 or 500m');
  return text;
}

function bytesOf(quantity: string): number {
  return parseMemoryQuantity(quantity) ?? 0;
}

function readName(env: EnvReader, name: string, pattern: RegExp): string | null {
  const value = env.optional(name);
  if (value !== undefined && !pattern.test(value)) env.problem(name, `is ${JSON.stringify(value)}`, nameOfResource);
  return value ?? null;
}

function readNames(env: EnvReader, name: string): readonly string[] {
  const values = splitList(env.string(name, ''));
  const wrong = values.find((value) => !subdomainPattern.test(value));
  if (wrong !== undefined) env.problem(name, `holds ${JSON.stringify(wrong)}`, 'names that commas divide');
  return values;
}

function readNodeSelector(env: EnvReader): Readonly<Record<string, string>> {
  const pairs = splitList(env.string('RUNNER_NODE_SELECTOR', '')).map((pair) => /^([^=]+)=(.*)$/.exec(pair)?.slice(1) ?? [pair]);
  const wrong = pairs.find(([key = '', value]) => value === undefined || !labelKeyPattern.test(key) || !labelValuePattern.test(value));
  if (wrong !== undefined) env.problem('RUNNER_NODE_SELECTOR', `holds ${JSON.stringify(wrong.join('='))}`, 'label=value,label=value');
  return Object.fromEntries(pairs as [string, string][]);
}

function readTolerations(env: EnvReader): readonly V1Toleration[] {
  const text = env.optional('RUNNER_TOLERATIONS');
  if (text === undefined) return [];
  const parsed = parseJson(text);
  if (Array.isArray(parsed) && parsed.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item))) {
    return parsed as V1Toleration[];
  }
  env.problem(
    'RUNNER_TOLERATIONS',
    'is not an array of tolerations',
    'JSON such as [{"key":"scans","operator":"Exists","effect":"NoSchedule"}]',
  );
  return [];
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
