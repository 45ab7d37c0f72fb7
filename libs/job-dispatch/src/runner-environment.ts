import type { Endpoint } from '@cloudscan/config';
import { formatEndpoint } from '@cloudscan/config';
import type { JobSpec } from '@cloudscan/orchestration';

/** What every runner of a deployment is told, whatever it scans. */
export interface RunnerSettings {
  readonly orchestrator: Endpoint;
  readonly storage: Endpoint;
  /** Seconds that the whole Job may take; the platform ends it then. */
  readonly deadlineSeconds: number;
  readonly downloadTimeoutSeconds: number;
  readonly logLevel: string;
}

/** Where one runner works, and with how much. */
export interface RunnerPlace {
  /** Of the run and its tools together; the platform ends it above that. */
  readonly memoryBytes: number;
  /** Absolute. */
  readonly workDir: string;
  readonly resultsDir: string;
}

/**
 * The environment of a runner, under the names that deployed runner images read. What a scan does not have is left out.
 * Holds no credential.
 */
export function runnerEnvironment(spec: JobSpec, settings: RunnerSettings, place: RunnerPlace): Record<string, string> {
  const { source } = spec;
  return withoutNulls({
    SCAN_ID: spec.scanId,
    SCAN_ATTEMPT: String(spec.attempt),
    ORGANIZATION_ID: spec.organizationId,
    PROJECT_ID: spec.projectId,
    SCAN_TYPES: spec.scanTypes.join(','),
    ORCHESTRATOR_ENDPOINT: formatEndpoint(settings.orchestrator),
    STORAGE_SERVICE_ENDPOINT: formatEndpoint(settings.storage),
    SOURCE_ARTIFACT_ID: source.artifactId,
    REPOSITORY_URL: source.gitUrl,
    BRANCH: source.gitBranch,
    COMMIT_SHA: source.gitCommit,
    SCAN_TIMEOUT: String(scanTimeoutSeconds(settings.deadlineSeconds)),
    DOWNLOAD_TIMEOUT: String(settings.downloadTimeoutSeconds),
    RUNNER_MEMORY_BYTES: String(place.memoryBytes),
    WORK_DIR: place.workDir,
    RESULTS_DIR: place.resultsDir,
    LOG_LEVEL: settings.logLevel,
    TRACEPARENT: spec.traceparent,
  });
}

/**
 * Less than the Job's deadline, so that a runner that runs out of time can still say so: a tenth is left for that, at
 * most a minute.
 */
export function scanTimeoutSeconds(deadlineSeconds: number): number {
  return Math.max(1, Math.floor(deadlineSeconds - Math.min(60, deadlineSeconds / 10)));
}

function withoutNulls(values: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null && entry[1] !== ''));
}
