import { readConfig } from '@cloudscan/config';
import type { JobDispatcher } from '@cloudscan/orchestration';
import { silentLogger } from '@cloudscan/telemetry';
import { ProcessKubelet, testCluster } from '@cloudscan/testing';
import type { ClusterResponse, KubernetesSimulatorOptions, Teardown, TestCluster } from '@cloudscan/testing';
import { readJobDispatchConfig } from '../../src/config.ts';
import type { JobDispatchConfig } from '../../src/config.ts';
import { createKubernetesPlatform } from '../../src/kubernetes/platform.ts';
import type { KubernetesPlatform } from '../../src/kubernetes/platform.ts';
import { shell } from '../jobs.ts';

/** On a real cluster it is pulled; here it is this machine. */
const image = 'busybox:1.36';

export interface ClusterJobsOptions extends KubernetesSimulatorOptions {
  /** Whether the simulator has a node that runs containers as processes; true by default. */
  readonly hasNode?: boolean;
}

type KubernetesConfig = Extract<JobDispatchConfig, { kind: 'kubernetes' }>;

/** A cluster and dispatchers for it, configured as a deployment configures them. */
export class ClusterJobs {
  readonly cluster: TestCluster;
  /** Null on a real cluster, which has its own, and where there is no node. */
  readonly kubelet: ProcessKubelet | null;
  readonly #t: Teardown;

  private constructor(t: Teardown, cluster: TestCluster, kubelet: ProcessKubelet | null) {
    this.#t = t;
    this.cluster = cluster;
    this.kubelet = kubelet;
  }

  static async open(t: Teardown, { hasNode = true, ...options }: ClusterJobsOptions = {}): Promise<ClusterJobs> {
    const cluster = await testCluster(t, options);
    const kubelet = cluster.isSimulator && hasNode ? await ProcessKubelet.start(cluster, { images: { [image]: {} } }) : null;
    if (kubelet !== null) t.teardown(() => kubelet.stop());
    return new ClusterJobs(t, cluster, kubelet);
  }

  /** Whose runners run this shell script. */
  dispatcher(script: string, env: Readonly<Record<string, string>> = {}, deadlineSeconds?: number): JobDispatcher {
    return this.platform({ RUNNER_COMMAND: JSON.stringify(shell(script)), ...env }, deadlineSeconds).jobs;
  }

  /** @param deadlineSeconds shorter than a deployment may configure it */
  platform(env: Readonly<Record<string, string>> = {}, deadlineSeconds?: number): KubernetesPlatform {
    const config = this.config(env);
    const runner = deadlineSeconds === undefined ? config.runner : { ...config.runner, deadlineSeconds };
    const parts = { runner, clock: { now: () => new Date() }, log: silentLogger, actor: 'test' };
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

  #path(resource: string, name?: string): string {
    const group = resource === 'jobs' ? '/apis/batch/v1' : '/api/v1';
    return [group, 'namespaces', this.cluster.namespace, resource, ...(name === undefined ? [] : [name])].join('/');
  }
}
