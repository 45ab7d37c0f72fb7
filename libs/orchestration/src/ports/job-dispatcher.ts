import type { FailureEvidence, FailureReason, ScanSource, ScanType } from '@cloudscan/domain';

/**
 * Runs the runner once per attempt: as a Kubernetes Job, or as a process of this machine. A Job is known by its name,
 * `scan-<scan id>-<attempt>`, so that making it twice makes one.
 */
export interface JobDispatcher {
  /** Which implementation this is, for logs. */
  readonly kind: 'kubernetes' | 'local';
  /** Resolves when the platform answers; throws `unavailable` when it does not. */
  ping(signal: AbortSignal): Promise<void>;
  /** Makes the Job, or finds it there already. Throws `unavailable` when a later try can succeed, `resource_exhausted` for a quota. */
  create(spec: JobSpec): Promise<JobHandle>;
  /** Those of the names that exist, read live, never from a cache; in requests for many at once where the platform has such. */
  find(jobNames: readonly string[]): Promise<ReadonlyMap<string, JobStatus>>;
  /** Every Job of this deployment that was neither deleted nor retired. While a watch keeps a picture of them, that picture. */
  list(): AsyncIterable<JobStatus>;
  /**
   * Begins to keep a picture of all Jobs that follows the platform within a second, and calls `onChange` with the name of
   * each Job that came, changed or went, and what was seen of it: null where it went. Resolves when the picture is complete. Mends itself when the platform is away, and
   * then tells of what changed meanwhile. One watch at a time.
   */
  watch(onChange: (jobName: string, seen: JobStatus | null) => void): Promise<JobWatch>;
  /** The last `maxBytes` of the runner's log, secrets redacted; empty when there is none. */
  logs(jobName: string, maxBytes: number): Promise<string>;
  /** Stops the runner and everything it started; idempotent; done when nothing of it runs any more. */
  cancel(jobName: string): Promise<void>;
  /**
   * Its end is recorded, so the platform may remove it: at once, or after a time in which people can look at it. Idempotent,
   * also when it is gone.
   */
  retire(jobName: string): Promise<void>;
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

export interface JobWatch {
  /** Milliseconds since the platform was last heard of; for readiness and metrics. */
  readonly silentMs: number;
  stop(): Promise<void>;
}

/** Why a runner cannot start. */
export interface JobBlockage {
  /** What the attempt fails with when this lasts. */
  readonly reason: FailureReason;
  /** The platform's word for it, such as `ImagePullBackOff`. */
  readonly condition: string;
  readonly message: string;
}

export interface JobStatus extends JobHandle {
  readonly scanId: string;
  readonly organizationId: string;
  readonly attempt: number;
  readonly phase: 'pending' | 'running' | 'succeeded' | 'failed';
  /** Set while it is pending and cannot start; it may yet. */
  readonly blockage: JobBlockage | null;
  /** Set once it has failed. */
  readonly reason: FailureReason | null;
  readonly evidence: FailureEvidence | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}
