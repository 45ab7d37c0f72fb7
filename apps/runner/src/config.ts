import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEndpoint, readConfig, readDeclaredScanners } from '@cloudscan/config';
import type { Endpoint, Environment, EnvReader, Secret } from '@cloudscan/config';
import { isUuid, scanTypes } from '@cloudscan/domain';
import type { ScanType } from '@cloudscan/domain';
import {
  readContainerSettings,
  readExternalSettings,
  readLicenseSettings,
  readScannerChoice,
  readScaSettings,
  readSecretsSettings,
} from '@cloudscan/scanners';
import type { ScannersConfig } from '@cloudscan/scanners';
import { readLogLevel } from '@cloudscan/telemetry';
import type { LogLevel } from '@cloudscan/telemetry';

export const gitProtocols = ['https', 'ssh', 'file'] as const;
export type GitProtocol = (typeof gitProtocols)[number];

export interface RunnerConfig {
  readonly scanId: string;
  /** 0 where the orchestrator did not say: the current one. */
  readonly attempt: number;
  readonly scanTypes: readonly ScanType[];
  readonly orchestrator: Endpoint;
  readonly orchestratorTls: boolean;
  /** Empty where none was given. */
  readonly token: Secret;
  readonly source: SourceConfig;
  /** Absolute; both are emptied at the end. */
  readonly workDir: string;
  readonly resultsDir: string;
  /** Where the source goes: absolute, made by the run and removed at its end. */
  readonly sourceDir: string;
  readonly timeouts: TimeoutConfig;
  /** What the run may use, its tools included; null where nobody has said. Whoever started the run ends it above that. */
  readonly memoryBytes: number | null;
  readonly unpack: UnpackLimits;
  readonly scanners: ScannersConfig;
  /** Whether SECRET_HASH_KEY was not given, so that secrets get other fingerprints in every run. */
  readonly secretHashKeyIsRandom: boolean;
  readonly logLevel: LogLevel;
  /** What child processes may see of this one's environment: PATH, proxies, certificates. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface SourceConfig {
  /** Empty where the source is cloned. */
  readonly artifactId: string;
  readonly gitUrl: string;
  readonly gitBranch: string;
  readonly gitCommit: string;
  readonly allowedProtocols: readonly GitProtocol[];
}

/** All in milliseconds. */
export interface TimeoutConfig {
  readonly scanMs: number;
  readonly downloadMs: number;
  /** For one tool; what the scan's own limit leaves is another bound. */
  readonly toolMs: number;
}

/** What a source may be. Above any of it the source is invalid. */
export interface UnpackLimits {
  /** Files and folders. */
  readonly maxMembers: number;
  /** Bytes of all files together. */
  readonly maxBytes: number;
  readonly maxFileBytes: number;
  /** Unpacked bytes for each packed one, counted from `ratioFromBytes` unpacked bytes on: a small source may pack well. */
  readonly maxRatio: number;
  readonly ratioFromBytes: number;
  /** Bytes of a path relative to the root. */
  readonly maxPathBytes: number;
}

/** The names that child processes get: programs, proxies, certificates, an SSH agent. */
export const passedNames: readonly string[] = [
  ...['PATH', 'LANG', 'LC_ALL', 'TZ', 'SSH_AUTH_SOCK', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
];

const gigabyte = 2 ** 30;

/** @throws ConfigError */
export function loadConfig(env: Environment): RunnerConfig {
  return readConfig(env, (reader) => {
    const workDir = resolve(reader.string('WORK_DIR', join(tmpdir(), `cloudscan-${reader.string('SCAN_ID', 'scan')}`)));
    const scanMs = reader.integer('SCAN_TIMEOUT', 3600, { min: 1, max: 2_000_000 }) * 1000;
    return {
      scanId: readId(reader, 'SCAN_ID'),
      attempt: reader.integer('SCAN_ATTEMPT', 0, { min: 0, max: 2 ** 31 - 1 }),
      scanTypes: reader.list('SCAN_TYPES', scanTypes, scanTypes),
      orchestrator: readOrchestrator(reader),
      orchestratorTls: reader.boolean('ORCHESTRATOR_TLS', false),
      token: reader.secret('RUNNER_TOKEN'),
      source: readSource(reader),
      workDir,
      resultsDir: resolve(reader.string('RESULTS_DIR', join(workDir, 'results'))),
      sourceDir: resolve(reader.string('SOURCE_DIR', workDir), 'source'),
      timeouts: {
        scanMs,
        downloadMs: reader.integer('DOWNLOAD_TIMEOUT', 600, { min: 1, max: 2_000_000 }) * 1000,
        toolMs: reader.integer('TOOL_TIMEOUT', Math.ceil(scanMs / 1000), { min: 1, max: 2_000_000 }) * 1000,
      },
      memoryBytes: reader.integer('RUNNER_MEMORY_BYTES', 0, { min: 0, max: Number.MAX_SAFE_INTEGER }) || null,
      unpack: readUnpackLimits(reader),
      scanners: readScannersConfig(reader),
      secretHashKeyIsRandom: reader.optional('SECRET_HASH_KEY') === undefined,
      logLevel: readLogLevel(reader),
      environment: Object.fromEntries(
        passedNames.flatMap((name) => {
          const value = reader.optional(name);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
    };
  });
}

function readScannersConfig(reader: EnvReader): ScannersConfig {
  const builtin = { sca: readScaSettings(reader), secrets: readSecretsSettings(reader), license: readLicenseSettings(reader) };
  const declared = readDeclaredScanners(reader);
  return {
    searchPath: reader.string('PATH', ''),
    builtin,
    external: readExternalSettings(reader),
    declared,
    containers: readContainerSettings(reader),
    choice: readScannerChoice(reader, declared),
  };
}

function readId(reader: EnvReader, name: string): string {
  const id = reader.required(name, 'the id of the scan');
  if (id !== '' && !isUuid(id)) reader.problem(name, `is ${JSON.stringify(id.slice(0, 60))}`, 'a UUID in lower case');
  return id;
}

function readOrchestrator(reader: EnvReader): Endpoint {
  const text = reader.required('ORCHESTRATOR_ENDPOINT', 'host:port of the orchestrator’s gRPC service');
  const endpoint = parseEndpoint(text);
  if (text !== '' && endpoint === null) reader.problem('ORCHESTRATOR_ENDPOINT', `is ${JSON.stringify(text)}`, 'host:port');
  return endpoint ?? { host: '127.0.0.1', port: 9999 };
}

function readSource(reader: EnvReader): SourceConfig {
  const artifactId = reader.string('SOURCE_ARTIFACT_ID', '');
  const gitUrl = reader.string('REPOSITORY_URL', '');
  if (artifactId === '' && gitUrl === '') {
    reader.problem(
      'SOURCE_ARTIFACT_ID',
      'and REPOSITORY_URL are not set',
      'the artifact that holds the source, or REPOSITORY_URL to a Git repository',
    );
  }
  return {
    artifactId,
    gitUrl,
    gitBranch: reader.string('BRANCH', ''),
    gitCommit: reader.string('COMMIT_SHA', ''),
    allowedProtocols: reader.list('GIT_ALLOWED_PROTOCOLS', gitProtocols, ['https', 'ssh']),
  };
}

/** Sized so that a source of 100,000 files or 1 GB passes with room to spare. */
function readUnpackLimits(reader: EnvReader): UnpackLimits {
  const bytes = { min: 1, max: Number.MAX_SAFE_INTEGER };
  return {
    maxMembers: reader.integer('UNPACK_MAX_MEMBERS', 500_000, { min: 1, max: 100_000_000 }),
    maxBytes: reader.integer('UNPACK_MAX_BYTES', 4 * gigabyte, bytes),
    maxFileBytes: reader.integer('UNPACK_MAX_FILE_BYTES', gigabyte, bytes),
    maxRatio: reader.integer('UNPACK_MAX_RATIO', 100, { min: 1, max: 1_000_000 }),
    ratioFromBytes: reader.integer('UNPACK_RATIO_FROM_BYTES', 1.25 * gigabyte, { min: 0, max: Number.MAX_SAFE_INTEGER }),
    maxPathBytes: reader.integer('UNPACK_MAX_PATH_BYTES', 1024, { min: 16, max: 4096 }),
  };
}
