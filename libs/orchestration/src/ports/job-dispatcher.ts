import type { FailureEvidence, FailureReason, ScanSource, ScanType } from '@cloudscan/domain';

/**
 * Runs the runner once per attempt: as a Kubernetes Job, or as a process of this machine. A Job is known by its name,
 * `scan-<scan id>-<attempt>`, so that making it twice makes one.
 */
export interface JobDispatcher {
  /** Which implementation this is, for logs. */
  readonly kind: 'kubernetes' | 'local';
  /** Makes the Job, or finds it there already. Throws `unavailable` when a later try can succeed, `resource_exhausted` for a quota. */
  create(spec: JobSpec): Promise<JobHandle>;
  /** Read live, never from a cache. Null when there is none. */
  get(jobName: string): Promise<JobStatus | null>;
  /** Every Job of this deployment that has not been deleted. */
  list(): AsyncIterable<JobStatus>;
  /** The last `maxBytes` of the runner's log; empty when there is none. */
  logs(jobName: string, maxBytes: number): Promise<string>;
  /** Stops the runner and everything it started; idempotent; done when nothing of it runs any more. */
  cancel(jobName: string): Promise<void>;
  /** Stops it and removes what it left (work folder, record, pod, Secret); idempotent. */
  delete(jobName: string): Promise<void>;
  /** Removes what belongs to no Job any more (work folders, Secrets); answers how many. */
  removeOrphans(): Promise<number>;
}

export interface JobSpec {
  readonly scanId: string;
  readonly organizationId: string;
  readonly projectId: string;
  readonly attempt: number;
  readonly scanTypes: readonly ScanType[];
  readonly source: ScanSource;
  /** W3C trace context; null when nothing is traced. */
  readonly traceparent: string | null;
}

export interface JobHandle {
  readonly jobName: string;
  /** The Kubernetes namespace, or `local`. */
  readonly namespace: string;
}

export interface JobStatus extends JobHandle {
  readonly scanId: string;
  readonly organizationId: string;
  readonly attempt: number;
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed';
  /** Set once it has failed. */
  readonly reason: FailureReason | null;
  readonly evidence: FailureEvidence | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}
