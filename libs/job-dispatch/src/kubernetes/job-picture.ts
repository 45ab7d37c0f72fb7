import type { Clock, JobStatus, JobWatch } from '@cloudscan/orchestration';
import type { KubernetesClient } from './client.ts';
import { readJob, readPod } from './job-status-facts.ts';
import type { JobFacts, PodFacts } from './job-status-facts.ts';
import { judgeJob } from './job-status.ts';
import { managedSelector, unrecordedSelector } from './labels.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorTiming } from './reflector.ts';
import { resourcePath } from './resources.ts';
import type { WireJob, WirePod } from './resources.ts';

export interface JobPictureOptions {
  readonly namespace: string;
  readonly clock: Clock;
  /** With the name of each Job that came, went, or of which something else is to be said, and what that is. Must not throw. */
  readonly onChange: (jobName: string, seen: JobStatus | null) => void;
  /** Gets what goes wrong with listing and watching; the picture mends itself. */
  readonly onError: (error: unknown) => void;
  readonly timing?: Partial<PictureTiming>;
}

/** Milliseconds. */
export interface PictureTiming extends ReflectorTiming {
  /** How far the watch of Jobs may be behind that of pods while both are heard. */
  readonly lagMs: number;
}

/** What is known of one name. */
interface Sight {
  /** Null when only pods of it were seen. */
  job: JobFacts | null;
  pods: readonly PodFacts[];
}

/** Milliseconds for which changes gather: a pod's end and its Job's come together, and are one change. */
const gatherMs = 5;
const defaultLagMs = 5000;

/**
 * A picture of all Jobs whose end is not recorded, with their pods: a few hundred bytes for each. A Job that gets the label
 * `cloudscan.io/recorded` leaves it, and its pods with it, although those stay in the cluster until their Job's TTL ends.
 */
export class JobPicture implements JobWatch {
  readonly #options: JobPictureOptions;
  readonly #jobs: Reflector<WireJob, JobFacts>;
  readonly #pods: Reflector<WirePod, PodFacts>;
  readonly #sights = new Map<string, Sight>();
  /** Names of which only pods were seen, and since when; the oldest first. */
  readonly #strangers = new Map<string, number>();
  readonly #changed = new Set<string>();
  /** What was told of each Job last, in short. */
  readonly #told = new Map<string, string>();
  #timer: NodeJS.Timeout | null = null;
  #isComplete = false;

  constructor(client: Pick<KubernetesClient, 'stream'>, options: JobPictureOptions) {
    this.#options = options;
    const { namespace, onError, timing } = options;
    this.#jobs = new Reflector(client, {
      path: resourcePath('jobs', namespace),
      labelSelector: unrecordedSelector,
      read: readJob,
      onChange: (job) => this.#putJob(job),
      onGone: ({ name }) => this.#removeJob(name),
      onError,
      timing,
    });
    this.#pods = new Reflector(client, {
      path: resourcePath('pods', namespace),
      labelSelector: managedSelector,
      read: readPod,
      onChange: (pod) => this.#putPod(pod),
      onGone: (pod) => this.#removePod(pod),
      onError,
      timing,
    });
  }

  /** Resolves when the picture is complete; from then on changes are told. Rejects when it is stopped before. */
  async start(): Promise<void> {
    await Promise.all([this.#jobs.start(), this.#pods.start()]);
    for (const jobName of this.#changed) this.#isNews(jobName, this.#statusOf(jobName));
    this.#changed.clear();
    this.#isComplete = true;
  }

  async stop(): Promise<void> {
    this.#isComplete = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all([this.#jobs.stop(), this.#pods.stop()]);
  }

  get silentMs(): number {
    return performance.now() - Math.min(this.#jobs.heardAt, this.#pods.heardAt);
  }

  *list(): Iterable<JobStatus> {
    for (const sight of this.#sights.values()) {
      const status = this.#judge(sight);
      if (status !== null) yield status;
    }
  }

  /** The pods of a Job as they were seen last, also those that exist no more: only they know why they ended. */
  podsOf(jobName: string): readonly PodFacts[] {
    return this.#sights.get(jobName)?.pods ?? [];
  }

  #putJob(job: JobFacts): void {
    this.#sightOf(job.name).job = job;
    this.#strangers.delete(job.name);
    this.#touch(job.name);
  }

  #removeJob(jobName: string): void {
    this.#drop(jobName);
    this.#touch(jobName);
  }

  #putPod(pod: PodFacts): void {
    const sight = this.#sightOf(pod.jobName);
    sight.pods = [...sight.pods.filter(({ name }) => name !== pod.name), pod];
    if (sight.job === null && !this.#strangers.has(pod.jobName)) this.#strangers.set(pod.jobName, performance.now());
    this.#touch(pod.jobName);
  }

  #removePod(pod: PodFacts): void {
    const sight = this.#sights.get(pod.jobName);
    if (sight === undefined) return;
    // One that is gone is enough, however often a queue suspends and resumes a Job.
    const others = sight.pods.filter(({ name, isGone }) => name !== pod.name && !isGone);
    sight.pods = [...others, { ...pod, isGone: true }];
    this.#touch(pod.jobName);
  }

  #sightOf(jobName: string): Sight {
    const known = this.#sights.get(jobName);
    if (known !== undefined) return known;
    const sight: Sight = { job: null, pods: [] };
    this.#sights.set(jobName, sight);
    return sight;
  }

  #drop(jobName: string): void {
    for (const pod of this.podsOf(jobName)) this.#pods.forget(pod.name);
    this.#sights.delete(jobName);
    this.#strangers.delete(jobName);
  }

  #touch(jobName: string): void {
    this.#changed.add(jobName);
    if (this.#isComplete) this.#timer ??= setTimeout(() => this.#tell(), gatherMs);
  }

  #tell(): void {
    this.#timer = null;
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const jobName of changed) {
      const status = this.#statusOf(jobName);
      if (this.#isNews(jobName, status)) this.#options.onChange(jobName, status);
    }
    this.#dropStrangers();
  }

  /** Whether there is something to say of it that was not said before; it counts as said from now on. */
  #isNews(jobName: string, status: JobStatus | null): boolean {
    if (status === null) return this.#told.delete(jobName);
    const { phase, reason, blockage, startedAt } = status;
    const news = [phase, reason, blockage?.condition, startedAt?.getTime()].join(' ');
    if (this.#told.get(jobName) === news) return false;
    this.#told.set(jobName, news);
    return true;
  }

  #statusOf(jobName: string): JobStatus | null {
    const sight = this.#sights.get(jobName);
    return sight === undefined ? null : this.#judge(sight);
  }

  #judge({ job, pods }: Sight): JobStatus | null {
    return job === null ? null : judgeJob(job, pods, this.#options.clock.now());
  }

  /** A pod comes after its Job: when the watch of Jobs, heard since, says nothing of that, its end is recorded or it is no more. */
  #dropStrangers(): void {
    const { lagMs = defaultLagMs } = this.#options.timing ?? {};
    for (const [jobName, since] of this.#strangers) {
      if (!this.#jobs.hasCaughtUpWith(since, lagMs)) return;
      this.#drop(jobName);
    }
  }
}
