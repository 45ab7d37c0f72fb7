import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Endpoint } from '@cloudscan/config';
import { formatEndpoint } from '@cloudscan/config';
import type { DatabaseConfig } from '@cloudscan/database';
import type { TestDatabase } from '@cloudscan/testing';

export type AppName = 'api-grpc' | 'dispatcher' | 'storage' | 'sweeper';

export interface RigPlan {
  readonly database: Pick<TestDatabase, 'config' | 'storageConfig'>;
  /** Absolute; everything that the processes write is in it. */
  readonly folder: string;
  readonly api: Endpoint;
  readonly storage: Endpoint;
  /** Where the filesystem backend takes and gives bytes. */
  readonly storageEdge: Endpoint;
  /** Path of a kubeconfig. */
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly runnerTokenKey: string;
  /** Of the test, over everything here. */
  readonly extra: Readonly<Record<string, string>>;
}

export const runnerImage = 'registry.example.com/cloudscan/runner:test';

/** As the chart sets it: without limits V8 lets garbage lie until the process has grown to twice its need. */
const sweeperMemory = '--max-semi-space-size=2 --max-old-space-size=128';

/** How the processes of a rig are told of each other. Holds nothing of the test's own environment but what finds programs. */
export function rigEnvironment(name: AppName, opsPort: number, plan: RigPlan): Record<string, string> {
  return { ...shared(plan), METRICS_PORT: String(opsPort), ...ownOf(name, plan), ...plan.extra };
}

function shared({ api, storage, folder }: RigPlan): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
    CLOUDSCAN_EXIT_WITH_PARENT: 'true',
    AUTH_MODE: 'disabled',
    LOG_LEVEL: 'info',
    // Whatever tools the machine has.
    SCANNERS: 'builtin',
    METRICS_HOST: '127.0.0.1',
    GRPC_HOST: api.host,
    GRPC_PORT: String(api.port),
    ORCHESTRATOR_ENDPOINT: formatEndpoint(api),
    STORAGE_SERVICE_ENDPOINT: formatEndpoint(storage),
  };
}

function ownOf(name: AppName, plan: RigPlan): Record<string, string> {
  switch (name) {
    case 'storage':
      return {
        ...databaseVariables(plan.database.storageConfig),
        STORAGE_GRPC_HOST: plan.storage.host,
        STORAGE_GRPC_PORT: String(plan.storage.port),
        STORAGE_HTTP_HOST: plan.storageEdge.host,
        STORAGE_HTTP_PORT: String(plan.storageEdge.port),
        STORAGE_PUBLIC_URL: `http://${formatEndpoint(plan.storageEdge)}`,
        STORAGE_DATA_DIR: join(plan.folder, 'artifacts'),
        STORAGE_SIGNING_KEY: randomBytes(32).toString('hex'),
      };
    case 'api-grpc':
      return databaseVariables(plan.database.config);
    case 'dispatcher':
      return jobVariables(plan);
    case 'sweeper':
      return { ...jobVariables(plan), NODE_OPTIONS: sweeperMemory, MALLOC_ARENA_MAX: '2' };
  }
}

function jobVariables({ database, kubeconfig, namespace, runnerTokenKey }: RigPlan): Record<string, string> {
  return {
    ...databaseVariables(database.config),
    JOB_DISPATCHER: 'kubernetes',
    KUBE_CONFIG: kubeconfig,
    KUBE_NAMESPACE: namespace,
    RUNNER_IMAGE: runnerImage,
    RUNNER_TOKEN_KEY: runnerTokenKey,
  };
}

function databaseVariables({ host, port, user, password, name }: DatabaseConfig): Record<string, string> {
  return {
    DB_HOST: host,
    DB_PORT: String(port),
    DB_USER: user,
    DB_PASSWORD: password.reveal(),
    DB_NAME: name,
    DB_SSLMODE: 'disable',
    DB_MAX_CONNS: '10',
    DB_MIN_CONNS: '1',
  };
}
