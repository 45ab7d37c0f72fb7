import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterAccess } from '../kubeconfig.ts';
import { ApiClusterData } from './cluster-data.ts';
import { Kubelet } from './kubelet.ts';
import type { KubeletOptions } from './kubelet.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import { ProcessRuntime } from './process-runtime.ts';
import type { ContainerImage } from './process-runtime.ts';

export type { ContainerImage } from './process-runtime.ts';

export interface ProcessKubeletOptions extends KubeletOptions {
  /** What runs for an image, by its full name or, for all its tags, without one. A container whose image is not here stays in ErrImagePull and ImagePullBackOff. */
  readonly images: Readonly<Record<string, ContainerImage>>;
}

/**
 * A kubelet that runs containers as processes of this machine: with their commands, environment, Secrets, emptyDir volumes,
 * logs, exit codes, memory limits and deadlines, but in no namespace and behind no wall.
 */
export class ProcessKubelet extends Kubelet {
  readonly #runtime: ProcessRuntime;
  readonly #api: KubernetesApi;

  private constructor(access: ClusterAccess, runtime: ProcessRuntime, api: KubernetesApi, options: KubeletOptions) {
    super(access, runtime, options);
    this.#runtime = runtime;
    this.#api = api;
  }

  static async start(access: ClusterAccess, options: ProcessKubeletOptions): Promise<ProcessKubelet> {
    const api = new KubernetesApi(access);
    const folder = await mkdtemp(join(tmpdir(), 'cloudscan-kubelet-'));
    const kubelet = new ProcessKubelet(access, new ProcessRuntime(new ApiClusterData(api), folder, options.images), api, options);
    await kubelet.begin();
    return kubelet;
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.#api.close();
    await rm(this.#runtime.folder, { recursive: true, force: true });
  }
}
