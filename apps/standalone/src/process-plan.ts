import type { Environment, Secret } from '@cloudscan/config';
import type { Ports } from './config.ts';
import type { AttestationKey, DataFolder, StackSecrets } from './data-folder.ts';

export const appNames = ['storage', 'api-grpc', 'api-http', 'dispatcher', 'sweeper'] as const;
export type AppName = (typeof appNames)[number];

/** Processes of one stage stop side by side, and the next stage only then: who takes on work goes first, who is asked goes last. */
export const stopStages: readonly (readonly AppName[])[] = [['dispatcher', 'sweeper'], ['api-grpc', 'api-http'], ['storage']];

/** One process of the stack and what it is told. */
export interface PlannedProcess {
  readonly name: AppName;
  readonly environment: Environment;
  /** Serves `/ready`. */
  readonly opsPort: number;
}

export const logins = { orchestrator: 'cloudscan', storage: 'cloudscan_artifacts' } as const;
export const databaseName = 'orchestrator';

export interface PlanInput {
  readonly ports: Ports;
  /** One for each process. */
  readonly opsPorts: readonly number[];
  readonly folder: DataFolder;
  readonly secrets: StackSecrets;
  readonly attestationKey: AttestationKey;
  /** What every process inherits. */
  readonly inherited: Environment;
}

/** Wires the processes to each other by their environment. */
export function planProcesses(input: PlanInput): readonly PlannedProcess[] {
  return appNames.map((name, index) => {
    const opsPort = input.opsPorts[index]!;
    return { name, opsPort, environment: { ...input.inherited, ...shared(input), METRICS_PORT: String(opsPort), ...ownOf(name, input) } };
  });
}

const loopback = '127.0.0.1';

function shared({ ports, secrets, inherited }: PlanInput): Environment {
  return {
    CLOUDSCAN_EXIT_WITH_PARENT: 'true',
    AUTH_MODE: 'disabled',
    // Who can use the stack can read this machine's repositories anyway.
    GIT_ALLOWED_PROTOCOLS: inherited['GIT_ALLOWED_PROTOCOLS'] ?? 'https,ssh,file',
    GRPC_HOST: loopback,
    HTTP_HOST: loopback,
    METRICS_HOST: loopback,
    DB_HOST: loopback,
    DB_PORT: String(ports.database),
    DB_NAME: databaseName,
    DB_SSLMODE: 'disable',
    // A server process of PostgreSQL per connection: one machine needs few.
    DB_MAX_CONNS: inherited['DB_MAX_CONNS'] ?? '10',
    DB_MIN_CONNS: inherited['DB_MIN_CONNS'] ?? '1',
    ...login(logins.orchestrator, secrets.databaseOrchestrator),
    ORCHESTRATOR_ENDPOINT: `${loopback}:${ports.grpc}`,
    STORAGE_SERVICE_ENDPOINT: `${loopback}:${ports.storage}`,
    GRPC_PORT: String(ports.grpc),
    HTTP_PORT: String(ports.http),
  };
}

function ownOf(name: AppName, input: PlanInput): Environment {
  switch (name) {
    case 'storage':
      return {
        ...login(logins.storage, input.secrets.databaseStorage),
        STORAGE_GRPC_HOST: loopback,
        STORAGE_HTTP_HOST: loopback,
        STORAGE_GRPC_PORT: String(input.ports.storage),
        STORAGE_HTTP_PORT: String(input.ports.storageHttp),
        STORAGE_PUBLIC_URL: `http://${loopback}:${input.ports.storageHttp}`,
        STORAGE_DATA_DIR: input.folder.artifacts,
        STORAGE_SIGNING_KEY: input.secrets.storageSigningKey.reveal(),
      };
    case 'dispatcher':
      return runs(input);
    case 'sweeper':
      return { ...runs(input), ATTESTATION_KEY: '', ATTESTATION_KEY_FILE: input.attestationKey.file };
    case 'api-grpc':
      return { ATTESTATION_PUBLIC_KEYS: input.attestationKey.publicKey, IMPORT_TMP_DIR: input.folder.imports };
    case 'api-http':
      return {};
  }
}

function runs({ folder, secrets }: PlanInput): Environment {
  return {
    JOB_DISPATCHER: 'local',
    LOCAL_WORK_DIR: folder.work,
    LOCAL_STOP_RUNS_ON_EXIT: 'true',
    SECRET_HASH_KEY: secrets.secretHashKey.reveal(),
  };
}

function login(user: string, password: Secret): Environment {
  return { DB_USER: user, DB_PASSWORD: password.reveal() };
}
