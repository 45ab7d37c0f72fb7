import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FailureReason } from '@cloudscan/domain';
import { jobNameOf } from '@cloudscan/domain';
import { ClusterClient, KubernetesSimulator, newId } from '@cloudscan/testing';
import type { ClusterResponse, KubernetesSimulatorOptions, Teardown } from '@cloudscan/testing';
import { KubernetesClient } from '../src/kubernetes/client.ts';
import { KubernetesConnection } from '../src/kubernetes/connection.ts';
import { JobPicture } from '../src/kubernetes/job-picture.ts';
import { readJob, readPod } from '../src/kubernetes/job-status-facts.ts';
import { judgeJob } from '../src/kubernetes/job-status.ts';
import { labelsOf, managedSelector, unrecordedSelector } from '../src/kubernetes/labels.ts';
import type { ReflectorTiming } from '../src/kubernetes/reflector.ts';
import { resourcePath } from '../src/kubernetes/resources.ts';
import type { Resource, WireJob, WireList, WirePod } from '../src/kubernetes/resources.ts';
import { aJobSpec } from './jobs.ts';

/** As on a cluster, but for patience. */
const impatient: ReflectorTiming = { watchMs: 1000, silenceMs: 1500, pauseMs: 5, longestPauseMs: 50, relistMs: 1_800_000 };

/** A simulated cluster, somebody who writes to it, and pictures of it. */
export class WatchedCluster {
  readonly simulator: KubernetesSimulator;
  /** Sees the cluster as it is: no fault concerns it while they are cleared. */
  readonly writer: ClusterClient;
  readonly #kubeconfig: string;
  readonly #t: Teardown;

  private constructor(t: Teardown, simulator: KubernetesSimulator, kubeconfig: string) {
    this.#t = t;
    this.simulator = simulator;
    this.writer = new ClusterClient(simulator.access);
    this.#kubeconfig = kubeconfig;
    t.teardown(() => this.writer.close());
  }

  static async open(t: Teardown, options: KubernetesSimulatorOptions = {}): Promise<WatchedCluster> {
    const simulator = await KubernetesSimulator.start(options);
    t.teardown(() => simulator.stop());
    const folder = await mkdtemp(join(tmpdir(), 'cloudscan-watch-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, simulator.kubeconfig());
    return new WatchedCluster(t, simulator, kubeconfig);
  }

  async watch(onChange: (jobName: string) => void, timing: Partial<ReflectorTiming> = {}): Promise<JobPicture> {
    const connection = new KubernetesConnection({ kind: 'file', path: this.#kubeconfig });
    const limits = { tryTimeoutMs: 500, callTimeoutMs: 1500, maxTries: 3, backoffMs: 5 };
    const client = new KubernetesClient(connection, { userAgent: 'test', ...limits });
    const picture = new JobPicture(client, {
      ...{ namespace: 'cloudscan', clock: { now: () => new Date() }, onChange, onError: () => undefined },
      timing: { ...impatient, ...timing },
    });
    this.#t.teardown(async () => {
      await picture.stop();
      await client.close();
    });
    await picture.start();
    return picture;
  }

  /** @param options of the Job's and its pod's spec */
  async createJob({ pod = {}, job = {} }: { readonly pod?: object; readonly job?: object } = {}): Promise<string> {
    const spec = aJobSpec({ scanId: newId() });
    const labels = labelsOf(spec);
    const name = jobNameOf(spec.scanId, 1);
    const containers = [{ name: 'runner', image: 'runner:1' }];
    const template = { metadata: { labels }, spec: { restartPolicy: 'Never', containers, ...pod } };
    const body = { metadata: { name, labels }, spec: { backoffLimit: 0, template, ...job } };
    await this.send('POST', 'jobs', undefined, body);
    return name;
  }

  async send(method: string, resource: Resource, name?: string, body?: object, subresource = ''): Promise<ClusterResponse> {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return this.writer.send(`${resourcePath(resource, 'cloudscan', name)}${subresource}`, { method, body, contentType });
  }

  /** Throws when a fault concerns this list. */
  async podsOf(jobName: string): Promise<readonly WirePod[]> {
    return this.#list<WirePod>('pods', `batch.kubernetes.io/job-name=${jobName}`);
  }

  /** What a list says at this moment, in the words of {@link pictured}; pods that are gone are known from the picture alone. */
  async live(picture: JobPicture): Promise<Readonly<Record<string, unknown>>> {
    const jobs = (await this.#list<WireJob>('jobs', unrecordedSelector)).map((job) => readJob(job)!);
    const pods = (await this.#list<WirePod>('pods', managedSelector)).map((pod) => readPod(pod)!);
    return Object.fromEntries(
      jobs.map((job) => {
        const own = pods.filter(({ jobName }) => jobName === job.name);
        const gone = picture.podsOf(job.name).filter(({ isGone }) => isGone);
        return [job.name, { status: judgeJob(job, [...own, ...gone], new Date()), pods: versionsOf(own) }];
      }),
    );
  }

  async #list<T>(resource: Resource, labelSelector: string): Promise<readonly T[]> {
    const signal = AbortSignal.timeout(2000);
    const { status, body } = await this.writer.send(resourcePath(resource, 'cloudscan'), { query: { labelSelector }, signal });
    if (status !== 200) throw new Error(`a list was answered with ${status}`);
    return (body as WireList<T>).items;
  }
}

/** The picture's Jobs by name, with the versions of their pods. */
export function pictured(picture: JobPicture): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    [...picture.list()].map((status) => [
      status.jobName,
      { status, pods: versionsOf(picture.podsOf(status.jobName).filter(({ isGone }) => !isGone)) },
    ]),
  );
}

function versionsOf(pods: readonly { readonly name: string; readonly version: string }[]): readonly string[] {
  return pods.map(({ name, version }) => `${name} ${version}`).toSorted();
}

/** A Job's failure reason, or what it waits for, or its phase. */
export function wordFor(picture: JobPicture, jobName: string): FailureReason | string | null {
  for (const { jobName: name, reason, blockage, phase } of picture.list()) {
    if (name === jobName) return reason ?? (blockage === null ? phase : `waits: ${blockage.reason}`);
  }
  return null;
}
