import type { DatabaseConfig } from '@cloudscan/database';
import type { Clock, JobDispatcher, LocalJobRepository } from '@cloudscan/orchestration';
import type { Logger } from '@cloudscan/telemetry';
import type { JobDispatchConfig } from './config.ts';
import { LocalJobDispatcher } from './local/local-job-dispatcher.ts';

export interface JobDispatchParts {
  readonly localJobs: LocalJobRepository;
  readonly clock: Clock;
  /** Where the supervisors of local runs record. */
  readonly database: DatabaseConfig;
  readonly log: Logger;
  /** The process, such as `cloudscan-dispatcher`: user agent and field manager of what it does in a cluster. */
  readonly actor: string;
}

/** The platform that a deployment runs its Jobs on. */
export interface JobPlatform {
  readonly jobs: JobDispatcher;
  /** Looks whether Jobs can be made here. Throws what keeps them from it, in words for whoever set it up. */
  prepare(): Promise<void>;
  /** Ends every run, to be tried again; null where runs outlive their dispatcher. */
  readonly preempt: (() => Promise<void>) | null;
  /** Closes connections; idempotent. */
  stop(): Promise<void>;
}

/** Loads what speaks to a cluster only where there is one: a client of Kubernetes is large. */
export async function createJobDispatcher(config: JobDispatchConfig, parts: JobDispatchParts): Promise<JobPlatform> {
  const { localJobs, clock, database, log, actor } = parts;
  const { runner } = config;
  if (config.kind === 'kubernetes') {
    const { createKubernetesPlatform } = await import('./kubernetes/platform.ts');
    return { ...createKubernetesPlatform(config.kubernetes, { runner, clock, log, actor }), preempt: null };
  }
  const jobs = new LocalJobDispatcher(localJobs, clock, { ...config.local, runner, database, log });
  return {
    jobs,
    prepare: () => jobs.prepare(),
    preempt: config.local.stopRunsOnExit ? () => jobs.preemptAll() : null,
    stop: () => Promise.resolve(),
  };
}
