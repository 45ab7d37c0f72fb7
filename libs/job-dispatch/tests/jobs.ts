import type { JobDispatcher, JobSpec, JobStatus } from '@cloudscan/orchestration';
import { eventually, newId } from '@cloudscan/testing';

export function aJobSpec(overrides: Partial<JobSpec> = {}): JobSpec {
  return {
    scanId: newId(),
    organizationId: newId(),
    projectId: newId(),
    attempt: 1,
    scanTypes: ['sast'],
    source: { artifactId: newId(), gitUrl: null, gitBranch: null, gitCommit: null },
    traceparent: null,
    ...overrides,
  };
}

export async function statusOf(dispatcher: JobDispatcher, jobName: string): Promise<JobStatus | null> {
  return (await dispatcher.find([jobName])).get(jobName) ?? null;
}

/** Waits until the Job is in one of the phases. */
export async function reaches(dispatcher: JobDispatcher, jobName: string, ...phases: readonly JobStatus['phase'][]): Promise<JobStatus> {
  return eventually(
    async () => {
      const status = await statusOf(dispatcher, jobName);
      return status !== null && phases.includes(status.phase) ? status : null;
    },
    { timeoutMs: 60_000, what: `${jobName} ${phases.join(' or ')}` },
  );
}

export async function listed(dispatcher: JobDispatcher): Promise<readonly JobStatus[]> {
  const statuses: JobStatus[] = [];
  for await (const status of dispatcher.list()) statuses.push(status);
  return statuses.toSorted((a, b) => a.jobName.localeCompare(b.jobName));
}

export function shell(script: string): readonly string[] {
  return ['/bin/sh', '-c', script];
}
