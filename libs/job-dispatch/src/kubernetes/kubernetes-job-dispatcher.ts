import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, jobNameOf, parseJobName, unavailable } from '@cloudscan/domain';
import type { Clock, JobDispatcher, JobHandle, JobSpec, JobStatus, JobWatch } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import { redactedTail } from '../log-tail.ts';
import type { RunnerSettings } from '../runner-environment.ts';
import { ApiError } from './api-error.ts';
import type { ApiClient } from './client.ts';
import { domainErrorOf } from './domain-error.ts';
import { JobPicture } from './job-picture.ts';
import { readJob, readPod } from './job-status-facts.ts';
import type { JobFacts, PodFacts } from './job-status-facts.ts';
import { judgeJob } from './job-status.ts';
import { labelNames, labelsOf, managedSelector, scansSelector, unrecordedSelector } from './labels.ts';
import { jobManifest, runnerContainer } from './manifest.ts';
import type { RunnerPodSettings } from './manifest.ts';
import { NamespaceApi } from './namespace-api.ts';
import type { WireEvent, WireJob, WirePod } from './resources.ts';
import { removeOrphanedSecrets, RunnerSecrets } from './runner-secrets.ts';
import type { ConfidentialVariables } from './runner-secrets.ts';

/** Up to so many Jobs are read one by one, which costs the API server less than a search. */
const fewNames = 4;
/** Scans that one search names; beyond `manyScans` all Jobs are listed instead. */
const scansPerSearch = 100;
const manyScans = 1000;
/** Milliseconds. */
const cancelPollMs = 500;
const cancelReserveMs = 10_000;
const logTimeoutMs = 8000;
/** Bytes of a log that are read at most, and lines, of which only the last bytes are kept. */
const logLimitBytes = 2 ** 20;
const logLines = 500;

export interface KubernetesJobDispatcherOptions {
  readonly runner: RunnerSettings;
  readonly pod: RunnerPodSettings;
  /** Seconds for which a Job stays after its end was recorded. */
  readonly retirementSeconds: number;
  /** Null where runners have none. */
  readonly confidential: ConfidentialVariables | null;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Runs each attempt as a Kubernetes Job of one namespace. Keeps nothing that another process could not find in the cluster. */
export class KubernetesJobDispatcher implements JobDispatcher {
  readonly kind = 'kubernetes';
  readonly #client: ApiClient;
  readonly #api: NamespaceApi;
  readonly #secrets: RunnerSecrets | null;
  readonly #options: KubernetesJobDispatcherOptions;
  #picture: JobPicture | null = null;
  /** Whether the picture may be read. */
  #isPictureComplete = false;

  constructor(client: ApiClient, options: KubernetesJobDispatcherOptions) {
    this.#client = client;
    this.#api = new NamespaceApi(client, options.pod.namespace);
    this.#secrets = options.confidential === null ? null : new RunnerSecrets(this.#api, options.confidential, options.clock);
    this.#options = options;
  }

  async ping(signal: AbortSignal): Promise<void> {
    try {
      await this.#client.json({ method: 'GET', path: '/version', signal });
    } catch (error) {
      throw error instanceof DomainError ? error : unavailable('the Kubernetes API', error);
    }
  }

  /** Has the API server look at a Job of this deployment without making it. Throws what `create` would throw. */
  async rehearse(spec: JobSpec): Promise<void> {
    await this.#api.create('jobs', this.#manifest(spec, []), { dryRun: 'All' });
  }

  async create(spec: JobSpec): Promise<JobHandle> {
    const confidential = (await this.#secrets?.issue(spec)) ?? [];
    const job = (await this.#api.create<WireJob>('jobs', this.#manifest(spec, confidential))) ?? (await this.#existing(spec));
    if (confidential.length > 0) await this.#secrets?.adopt(spec, job);
    return { jobName: jobNameOf(spec.scanId, spec.attempt), namespace: this.#api.namespace };
  }

  async find(jobNames: readonly string[]): Promise<ReadonlyMap<string, JobStatus>> {
    if (jobNames.length === 0) return new Map();
    // Before the live read: a pod that is known and then not found is gone, and its end is known from here alone.
    const seen = new Map(jobNames.map((name) => [name, this.#picture?.podsOf(name) ?? []]));
    const { jobs, pods } = await this.#read(new Set(jobNames));
    const podsOf = Map.groupBy(pods, ({ jobName }) => jobName);
    const statuses = await Promise.all(
      jobs.map(async (job) => {
        const live = podsOf.get(job.name) ?? [];
        const gone = (seen.get(job.name) ?? []).filter(({ name }) => !live.some((pod) => pod.name === name));
        return this.#judge(job, [...live, ...gone.map((pod) => ({ ...pod, isGone: true }))]);
      }),
    );
    return new Map(statuses.map((status) => [status.jobName, status]));
  }

  async *list(): AsyncIterable<JobStatus> {
    if (this.#picture !== null && this.#isPictureComplete) return yield* this.#picture.list();
    const pods = Map.groupBy(await this.#pods(managedSelector), ({ jobName }) => jobName);
    for await (const raw of this.#api.list<WireJob>('jobs', { labelSelector: unrecordedSelector })) {
      const job = readJob(raw);
      if (job !== null) yield judgeJob(job, pods.get(job.name) ?? [], this.#options.clock.now());
    }
  }

  /** Waits for the API as long as it is away; {@link stop} ends that too. */
  async watch(onChange: (jobName: string, seen: JobStatus | null) => void): Promise<JobWatch> {
    if (this.#picture !== null) throw new Error('the Jobs are watched already');
    const { clock, log } = this.#options;
    const picture = new JobPicture(this.#client, {
      ...{ namespace: this.#api.namespace, clock, onChange },
      onError: (error) => log.warn({ error }, 'the watch of the cluster broke; it is taken up again'),
    });
    this.#picture = picture;
    await picture.start();
    this.#isPictureComplete = true;
    return {
      get silentMs() {
        return picture.silentMs;
      },
      stop: () => (this.#picture === picture ? this.stop() : Promise.resolve()),
    };
  }

  /** Ends the watch; idempotent. */
  async stop(): Promise<void> {
    const picture = this.#picture;
    this.#picture = null;
    this.#isPictureComplete = false;
    await picture?.stop();
  }

  async logs(jobName: string, maxBytes: number): Promise<string> {
    const pods = await this.#pods(`${labelNames.jobName}=${jobName}`);
    const pod = pods.toSorted((a, b) => b.createdAt - a.createdAt)[0];
    if (pod === undefined) return '';
    const query = { container: runnerContainer, tailLines: logLines, limitBytes: logLimitBytes };
    try {
      return redactedTail(await this.#api.log(pod.name, query, AbortSignal.timeout(logTimeoutMs)), maxBytes);
    } catch (error) {
      if (error instanceof ApiError && error.code === 403)
        throw domainErrorOf(error, { verb: 'get', resource: 'pods/log', namespace: this.#api.namespace });
      // A pod that has not started has none, and a node that is lost has taken it along.
      return '';
    }
  }

  /**
   * Suspends the Job, so that its controller ends its pods and makes no other. A Job that Kueue would resume gets a deadline
   * instead that has passed. Throws `unavailable` when something of it runs for longer than its grace allows.
   */
  async cancel(jobName: string): Promise<void> {
    const { pod } = this.#options;
    const end = pod.queue === null ? { suspend: true } : { activeDeadlineSeconds: 1 };
    if ((await this.#api.patch('jobs', jobName, { spec: end })) === null) return;
    const giveUpAt = performance.now() + pod.terminationGraceSeconds * 1000 + cancelReserveMs;
    while (await this.#runs(jobName)) {
      if (performance.now() > giveUpAt) throw unavailable(`the end of ${jobName}`);
      await delay(cancelPollMs);
    }
  }

  async retire(jobName: string): Promise<void> {
    const { retirementSeconds } = this.#options;
    await this.#api.patch('jobs', jobName, {
      metadata: { labels: { [labelNames.recorded]: 'true' } },
      spec: { ttlSecondsAfterFinished: retirementSeconds },
    });
  }

  /** Its pod is stopped with its grace, and the Job and its Secret go once that is gone. */
  async delete(jobName: string): Promise<void> {
    await this.#api.delete('jobs', jobName, { propagationPolicy: 'Foreground' });
  }

  async removeOrphans(): Promise<number> {
    return removeOrphanedSecrets(this.#api, this.#options.clock.now());
  }

  #manifest(spec: JobSpec, confidential: readonly string[]) {
    return jobManifest(spec, this.#options.runner, this.#options.pod, confidential);
  }

  /** The Job that has the name of this one. Throws `unavailable` while that one is being deleted. */
  async #existing(spec: JobSpec): Promise<WireJob> {
    const name = jobNameOf(spec.scanId, spec.attempt);
    const job = await this.#api.get<WireJob>('jobs', name);
    if (job === null || job.metadata?.deletionTimestamp !== undefined)
      throw unavailable(`the name ${name}, which a Job that ends still has`);
    const labels = job.metadata?.labels ?? {};
    const foreign = Object.entries(labelsOf(spec)).find(([label, value]) => labels[label] !== value);
    if (foreign === undefined) return job;
    throw new DomainError('already_exists', `the Job ${name} was not made for this attempt: its label ${foreign[0]} is another`);
  }

  /** Jobs and pods side by side: each of the two may be newer than the other. */
  async #read(names: ReadonlySet<string>): Promise<{ jobs: readonly JobFacts[]; pods: readonly PodFacts[] }> {
    const scanIds = [...new Set([...names].flatMap((name) => parseJobName(name)?.scanId ?? []))];
    const selectors = scanIds.length > manyScans ? [managedSelector] : chunks(scanIds, scansPerSearch).map(scansSelector);
    const [jobs, pods] = await Promise.all([
      names.size <= fewNames ? this.#jobsByName(names) : Promise.all(selectors.map((selector) => this.#jobs(selector))),
      Promise.all(selectors.map((selector) => this.#pods(selector))),
    ]);
    return { jobs: jobs.flat().filter(({ name }) => names.has(name)), pods: pods.flat() };
  }

  async #jobsByName(names: ReadonlySet<string>): Promise<readonly JobFacts[]> {
    const jobs = await Promise.all([...names].map((name) => this.#api.get<WireJob>('jobs', name)));
    return jobs.flatMap((job) => (job === null ? [] : (readJob(job) ?? [])));
  }

  async #jobs(labelSelector: string): Promise<readonly JobFacts[]> {
    return collect(this.#api.list<WireJob>('jobs', { labelSelector }), readJob);
  }

  async #pods(labelSelector: string): Promise<readonly PodFacts[]> {
    return collect(this.#api.list<WirePod>('pods', { labelSelector }), readPod);
  }

  async #judge(job: JobFacts, pods: readonly PodFacts[]): Promise<JobStatus> {
    const status = judgeJob(job, pods, this.#options.clock.now());
    // Without a pod only the Job's events tell why: a quota, or a policy that refuses it.
    if (status.phase !== 'pending' || status.blockage === null || pods.length > 0) return status;
    return judgeJob(job, pods, this.#options.clock.now(), await this.#refusalOf(job.name));
  }

  /** Null also where events may not be read: they explain, and nothing hangs on them. */
  async #refusalOf(jobName: string): Promise<string | null> {
    const fieldSelector = `involvedObject.kind=Job,involvedObject.name=${jobName},reason=FailedCreate`;
    try {
      const messages = await collect(this.#api.list<WireEvent>('events', { fieldSelector }), ({ message }) => message ?? null);
      return messages.at(-1) ?? null;
    } catch (error) {
      this.#options.log.warn({ jobName, error }, 'the events of a Job could not be read');
      return null;
    }
  }

  /** Whether something of a cancelled Job runs, or may yet: its controller says `Suspended` once it has seen that. */
  async #runs(jobName: string): Promise<boolean> {
    const [job, pods] = await Promise.all([this.#api.get<WireJob>('jobs', jobName), this.#pods(`${labelNames.jobName}=${jobName}`)]);
    const facts = job === null ? null : readJob(job);
    if (job === null || facts === null) return pods.some(({ phase }) => phase === 'Pending' || phase === 'Running');
    if (pods.length > 0) return ['pending', 'running'].includes(judgeJob(facts, pods, this.#options.clock.now()).phase);
    return facts.end === null && job.status?.conditions?.some(({ type, status }) => type === 'Suspended' && status === 'True') !== true;
  }
}

async function collect<Raw, Kept>(items: AsyncIterable<Raw>, read: (item: Raw) => Kept | null): Promise<readonly Kept[]> {
  const kept: Kept[] = [];
  for await (const item of items) {
    const found = read(item);
    if (found !== null) kept.push(found);
  }
  return kept;
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
