import { resolve } from 'node:path';
import { parseEndpoint, readStorageEndpoint, runnerVariables } from '@cloudscan/config';
import type { Endpoint, EnvReader } from '@cloudscan/config';
import { readKubernetesConfig } from './kubernetes/config.ts';
import type { KubernetesDispatchConfig } from './kubernetes/config.ts';
import type { RunLimits } from './local/run-instructions.ts';
import { parseMemoryQuantity } from './quantity.ts';
import type { RunnerSettings } from './runner-environment.ts';

/** How Jobs are made and what their runners are told. */
export type JobDispatchConfig = {
  readonly runner: RunnerSettings;
  /** How many attempts a scan has in all. */
  readonly maxAttempts: number;
} & (
  | { readonly kind: 'local'; readonly local: LocalDispatchConfig }
  | { readonly kind: 'kubernetes'; readonly kubernetes: KubernetesDispatchConfig }
);

export interface LocalDispatchConfig {
  /** Absolute. */
  readonly workRoot: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: RunLimits;
  readonly launchGraceMs: number;
  readonly watchIntervalMs: number;
  /** Whether a dispatcher that stops takes the runs of its machine along; they are tried again later. */
  readonly stopRunsOnExit: boolean;
}

/** What a runner needs of its surroundings: programs, proxies, certificates, the agent of a Git over SSH, compiled code. */
const surroundings = [
  ...[
    'NODE_COMPILE_CACHE',
    'PATH',
    'HOME',
    'USER',
    'LANG',
    'LC_ALL',
    'TZ',
    'SSH_AUTH_SOCK',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
    'NODE_EXTRA_CA_CERTS',
  ],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
];
/** What stays on this machine may be confidential. */
const handedOn = [...runnerVariables, 'SECRET_HASH_KEY', 'XDG_CACHE_HOME', 'DOCKER_HOST'];
const forbiddenName = /^(?:DB_|REDIS_|PG)|PASSWORD/;

/**
 * Reads `JOB_DISPATCHER`, `JOB_*`, `RUNNER_*`, the endpoints that runners are told, and `LOCAL_*` or `KUBE_*`.
 *
 * @param runnerCommand what runs the runner on this machine where `RUNNER_COMMAND` does not say
 */
export function readJobDispatchConfig(env: EnvReader, runnerCommand: readonly string[]): JobDispatchConfig {
  const kind = env.oneOf('JOB_DISPATCHER', ['local', 'kubernetes'], 'local');
  const command = readCommand(env);
  const passed = readPassedNames(env);
  const common = {
    maxAttempts: 1 + env.integer('JOB_BACKOFF_LIMIT', 1, { min: 0, max: 100 }),
    runner: {
      orchestrator: readOrchestratorEndpoint(env, kind),
      storage: readStorageEndpoint(env),
      deadlineSeconds: env.integer('JOB_DEADLINE_SECONDS', 3600, { min: 20, max: 2_000_000 }),
      downloadTimeoutSeconds: env.integer('DOWNLOAD_TIMEOUT', 600, { min: 1, max: 86_400 }),
      logLevel: env.string('LOG_LEVEL', 'info'),
    },
  };
  if (kind === 'kubernetes') return { kind, ...common, kubernetes: readKubernetesConfig(env, command, passed) };
  return { kind, ...common, local: readLocalConfig(env, command ?? runnerCommand, passed, common.runner.deadlineSeconds) };
}

function readLocalConfig(
  env: EnvReader,
  command: readonly string[],
  passed: readonly string[],
  deadlineSeconds: number,
): LocalDispatchConfig {
  return {
    workRoot: resolve(env.string('LOCAL_WORK_DIR', '.cloudscan/work')),
    command,
    environment: readRunnerEnvironment(env, passed),
    launchGraceMs: 30_000,
    watchIntervalMs: 1000,
    stopRunsOnExit: env.boolean('LOCAL_STOP_RUNS_ON_EXIT', false),
    limits: {
      memoryBytes: readMemoryLimit(env),
      deadlineMs: deadlineSeconds * 1000,
      graceMs: env.integer('LOCAL_STOP_GRACE_SECONDS', 10, { min: 0, max: 600 }) * 1000,
      pollMs: 500,
      recordMs: 600_000,
      logBytes: 16 * 2 ** 20,
    },
  };
}

/** A pod reaches no other process on its own loopback interface, so there is no default for it. */
function readOrchestratorEndpoint(env: EnvReader, kind: JobDispatchConfig['kind']): Endpoint {
  const local = `127.0.0.1:${env.port('GRPC_PORT', 9999)}`;
  const text =
    kind === 'local'
      ? env.string('ORCHESTRATOR_ENDPOINT', local)
      : env.required('ORCHESTRATOR_ENDPOINT', 'host:port of the orchestrator’s gRPC service as pods reach it');
  const endpoint = parseEndpoint(text);
  if (endpoint === null && text !== '') env.problem('ORCHESTRATOR_ENDPOINT', `is ${JSON.stringify(text)}`, 'host:port');
  return endpoint ?? { host: '127.0.0.1', port: 9999 };
}

/** A JSON array, or words that spaces divide. Null when it is not set. */
function readCommand(env: EnvReader): readonly string[] | null {
  const text = env.optional('RUNNER_COMMAND');
  if (text === undefined) return null;
  if (!text.startsWith('[')) return text.split(/\s+/);
  const command = parseJson(text);
  if (Array.isArray(command) && command.length > 0 && command.every((part) => typeof part === 'string')) return command;
  env.problem('RUNNER_COMMAND', 'is not an array of strings', 'a program and its arguments, as words or as a JSON array');
  return null;
}

/** `RUNNER_PASS_ENV` names further variables that runners get. */
function readPassedNames(env: EnvReader): readonly string[] {
  const names = env
    .string('RUNNER_PASS_ENV', '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const forbidden = names.find((name) => forbiddenName.test(name));
  if (forbidden !== undefined) env.problem('RUNNER_PASS_ENV', `names ${forbidden}`, 'names that hold no credential of the system');
  return names;
}

function readRunnerEnvironment(env: EnvReader, passed: readonly string[]): Readonly<Record<string, string>> {
  const entries = [...surroundings, ...handedOn, ...passed].flatMap((name) => {
    const value = env.optional(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

function readMemoryLimit(env: EnvReader): number {
  const text = env.string('RUNNER_LIMITS_MEMORY', '4Gi');
  const bytes = parseMemoryQuantity(text);
  if (bytes === null) env.problem('RUNNER_LIMITS_MEMORY', `is ${JSON.stringify(text)}`, 'a quantity such as 2Gi or 512Mi');
  return bytes ?? 2 ** 31;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
