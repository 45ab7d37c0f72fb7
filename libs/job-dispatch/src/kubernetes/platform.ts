import { DomainError } from '@cloudscan/domain';
import { StartUpError } from '@cloudscan/process';
import type { Clock, JobSpec } from '@cloudscan/orchestration';
import { GrpcStorageClient } from '@cloudscan/storage-client';
import type { Logger } from '@cloudscan/telemetry';
import type { RunnerSettings } from '../runner-environment.ts';
import { KubernetesClient } from './client.ts';
import type { KubernetesDispatchConfig } from './config.ts';
import { KubernetesConnection } from './connection.ts';
import { KubernetesJobDispatcher } from './kubernetes-job-dispatcher.ts';
import { sourceVariables } from './legacy-source.ts';
import type { ConfidentialVariables } from './runner-secrets.ts';

const maxTries = 5;
/** Milliseconds. */
const backoffMs = 200;
/** Milliseconds for which a token outlives its Job's deadline: for a clock that differs, and a Job that waits in a queue. */
const tokenReserveMs = 600_000;
const queueReserveMs = 86_400_000;
const nil = '00000000-0000-0000-0000-000000000000';
/** Of no scan. */
const rehearsal: JobSpec = {
  ...{ scanId: nil, organizationId: nil, projectId: nil, attempt: 1, scanTypes: ['sast'], traceparent: null },
  source: { artifactId: nil, gitUrl: null, gitBranch: null, gitCommit: null },
};

export interface KubernetesPlatformParts {
  readonly runner: RunnerSettings;
  readonly clock: Clock;
  readonly log: Logger;
  /** User agent and field manager. */
  readonly actor: string;
}

export interface KubernetesPlatform {
  readonly jobs: KubernetesJobDispatcher;
  prepare(): Promise<void>;
  stop(): Promise<void>;
}

export function createKubernetesPlatform(
  config: KubernetesDispatchConfig,
  { runner, clock, log, actor }: KubernetesPlatformParts,
): KubernetesPlatform {
  const { pod, tokens, legacySource, retirementSeconds, requestTimeoutMs } = config;
  const connection = new KubernetesConnection(config.connection);
  const client = new KubernetesClient(connection, {
    ...{ userAgent: actor, maxTries, backoffMs },
    ...{ tryTimeoutMs: requestTimeoutMs, callTimeoutMs: 3 * requestTimeoutMs },
  });
  const tokenLifeMs = runner.deadlineSeconds * 1000 + (pod.queue === null ? tokenReserveMs : queueReserveMs);
  const storage =
    legacySource === null ? null : new GrpcStorageClient(runner.storage, { timeoutMs: requestTimeoutMs, tls: legacySource.tls });
  const confidential: ConfidentialVariables = async (spec) => ({
    ...(tokens !== null && { RUNNER_TOKEN: await tokens.issue(spec, new Date(clock.now().getTime() + tokenLifeMs)) }),
    ...(storage !== null && (await sourceVariables(storage, spec))),
  });
  const jobs = new KubernetesJobDispatcher(client, {
    ...{ runner, pod, retirementSeconds, clock, log },
    confidential: tokens === null && storage === null ? null : confidential,
  });
  return {
    jobs,
    prepare: () => prepare(jobs, log),
    stop: async () => {
      await jobs.stop();
      await client.close();
      await storage?.close();
    },
  };
}

/** A cluster that is away or full comes back; one that refuses does not. */
async function prepare(jobs: KubernetesJobDispatcher, log: Logger): Promise<void> {
  try {
    await jobs.rehearse(rehearsal);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (error.retry !== 'safe') throw new StartUpError(`${error.message} (${describe(error.cause)})`, error);
    log.warn({ error }, 'no Job can be made at present');
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'no reason given';
}
