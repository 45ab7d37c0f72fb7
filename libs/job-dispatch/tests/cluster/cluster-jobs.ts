import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '@cloudscan/config';
import type { Clock, JobDispatcher } from '@cloudscan/orchestration';
import { silentLogger } from '@cloudscan/telemetry';
import { ClusterClient, KubernetesSimulator, ProcessKubelet, realClock, testCluster } from '@cloudscan/testing';
import type { ClusterAccess, ClusterResponse, KubernetesSimulatorOptions, Teardown, TestCluster } from '@cloudscan/testing';
import { readJobDispatchConfig } from '../../src/config.ts';
import type { JobDispatchConfig } from '../../src/config.ts';
import { createKubernetesPlatform } from '../../src/kubernetes/platform.ts';
import type { KubernetesPlatform } from '../../src/kubernetes/platform.ts';
import { shell } from '../jobs.ts';

/** On a real cluster it is pulled; here it is this machine. */
const image = 'busybox:1.36';

type KubernetesConfig = Extract<JobDispatchConfig, { kind: 'kubernetes' }>;
type Cluster = Pick<TestCluster, 'client' | 'namespace' | 'kubeconfigPath' | 'isSimulator'>;

/** A cluster and dispatchers for it, configured as a deployment configures them. */
export class ClusterJobs {
  readonly cluster: Cluster;
  readonly #t: Teardown;

  constructor(t: Teardown, cluster: Cluster) {
    this.cluster = cluster;
    this.#t = t;
  }

  /** Whatever the conformance suites run against, with nodes that run containers. */
  static async open(t: Teardown): Promise<ClusterJobs> {
    const cluster = await testCluster(t);
    if (cluster.isSimulator) await startKubelet(t, cluster);
    return new ClusterJobs(t, cluster);
  }

  /** Whose runners run this shell script. */
  dispatcher(script: string, env: Readonly<Record<string, string>> = {}, deadlineSeconds?: number): JobDispatcher {
    return this.platform({ RUNNER_COMMAND: JSON.stringify(shell(script)), ...env }, deadlineSeconds).jobs;
  }

  /** @param deadlineSeconds shorter than a deployment may configure it */
  platform(env: Readonly<Record<string, string>> = {}, deadlineSeconds?: number, clock: Clock = realClock): KubernetesPlatform {
    const config = this.config(env);
    const runner = deadlineSeconds === undefined ? config.runner : { ...config.runner, deadlineSeconds };
    const parts = { runner, clock, log: silentLogger, actor: 'test' };
    const platform = createKubernetesPlatform(config.kubernetes, parts);
    this.#t.teardown(() => platform.stop());
    return platform;
  }

  config(env: Readonly<Record<string, string>>): KubernetesConfig {
    const complete = {
      JOB_DISPATCHER: 'kubernetes',
      KUBE_CONFIG: this.cluster.kubeconfigPath,
      KUBE_NAMESPACE: this.cluster.namespace,
      ORCHESTRATOR_ENDPOINT: 'orchestrator:9999',
      RUNNER_IMAGE: image,
      RUNNER_REQUESTS_CPU: '10m',
      RUNNER_LIMITS_MEMORY: '256Mi',
      RUNNER_WORK_SIZE: '64Mi',
      RUNNER_TERMINATION_GRACE_SECONDS: '1',
      ...env,
    };
    return readConfig(complete, (reader) => readJobDispatchConfig(reader, [])) as KubernetesConfig;
  }

  /** The object, or null. */
  async read<T>(resource: 'jobs' | 'pods' | 'secrets', name: string): Promise<T | null> {
    const { status, body } = await this.send('GET', resource, name);
    return status === 404 ? null : (body as T);
  }

  async list<T>(resource: 'jobs' | 'pods' | 'secrets', labelSelector = ''): Promise<readonly T[]> {
    const { body } = await this.cluster.client.send(this.#path(resource), { query: { labelSelector } });
    return (body as { readonly items: readonly T[] }).items;
  }

  async send(method: string, resource: string, name?: string, body?: object): Promise<ClusterResponse> {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return this.cluster.client.send(this.#path(resource, name), { method, contentType, ...(body === undefined ? {} : { body }) });
  }

  /** A simulator admits everything. */
  async enforceRestrictedPods(): Promise<void> {
    if (this.cluster.isSimulator) return;
    const { status } = await this.cluster.client.send(`/api/v1/namespaces/${this.cluster.namespace}`, {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } },
    });
    if (status !== 200) throw new Error(`the namespace was not changed: HTTP ${status}`);
  }

  #path(resource: string, name?: string): string {
    const group = resource === 'jobs' ? '/apis/batch/v1' : '/api/v1';
    return [group, 'namespaces', this.cluster.namespace, resource, ...(name === undefined ? [] : [name])].join('/');
  }
}

export interface SimulatedJobs {
  readonly jobs: ClusterJobs;
  readonly simulator: KubernetesSimulator;
}

/** A simulator, of which a test can ask what no real cluster does on demand. It has no node. */
export async function simulate(t: Teardown, options: KubernetesSimulatorOptions = {}): Promise<SimulatedJobs> {
  const simulator = await KubernetesSimulator.start(options);
  t.teardown(() => simulator.stop());
  const client = new ClusterClient(simulator.access);
  t.teardown(() => client.close());
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-jobs-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, simulator.kubeconfig());
  return { simulator, jobs: new ClusterJobs(t, { client, namespace: simulator.namespaces[0]!, kubeconfigPath, isSimulator: true }) };
}

export async function startKubelet(t: Teardown, access: ClusterAccess): Promise<ProcessKubelet> {
  const kubelet = await ProcessKubelet.start(access, { images: { [image]: {} } });
  t.teardown(() => kubelet.stop());
  return kubelet;
}
