import { orchestratorRoles } from '@cloudscan/database';
import { scopeOf, systemScope } from '@cloudscan/auth';
import type { OrganizationScope } from '@cloudscan/auth';
import type { Finding, Organization, Project, Scan } from '@cloudscan/domain';
import type {
  AddFindingsCommand,
  AdmissionLimits,
  AttemptKey,
  CompleteScanCommand,
  CreateScanCommand,
  EndAttemptCommand,
} from '@cloudscan/orchestration';
import { PgBossQueue } from '@cloudscan/queue';
import { createRepositories } from '../src/index.ts';
import type { Repositories } from '../src/index.ts';
import { silentLogger } from '@cloudscan/telemetry';
import { aFindingDraft, anOrganization, aProject, newId, testDatabase } from '@cloudscan/testing';
import type { Teardown, TestDatabase } from '@cloudscan/testing';

export const system = systemScope('test');

/** Room for everything, so that a test sees its own effects only. */
export const noLimits: AdmissionLimits = {
  maxRunning: 1000,
  maxRunningPerOrganization: 1000,
  maxQueuedPerOrganization: 1000,
  usageHalfLifeMs: 3_600_000,
};

export interface Bench extends Repositories {
  readonly db: TestDatabase;
  tenant(overrides?: Partial<Organization>): Promise<Tenant>;
  /** Frees the places of all attempts that have ended, as a sweeper does that has seen their Jobs end. */
  freePlaces(limits: AdmissionLimits, at?: Date): Promise<number>;
  /** What was sent and not taken, of one queue. */
  messages(queue: string, scanId: string): Promise<readonly object[]>;
}

/** One organization with one project, and its commands with everything filled in. */
export interface Tenant {
  readonly scope: OrganizationScope;
  readonly organization: Organization;
  readonly project: Project;
  create(overrides?: Partial<CreateScanCommand>): Promise<Scan>;
  start(scan: Scan, limits?: AdmissionLimits): Promise<Scan>;
  /** A scan that was created, started and admitted. */
  admitted(overrides?: Partial<CreateScanCommand>): Promise<Scan>;
  running(overrides?: Partial<CreateScanCommand>): Promise<Scan>;
}

export async function bench(t: Teardown, options: { readonly maxConnections?: number } = {}): Promise<Bench> {
  const db = await testDatabase(t, options);
  const queue = new PgBossQueue(db.config, {
    applicationName: 'test-queue',
    role: orchestratorRoles.system,
    mode: 'send',
    logger: silentLogger,
  });
  await queue.start();
  t.teardown(() => queue.stop());
  const repositories = createRepositories(db.database, queue);
  return {
    ...repositories,
    db,
    tenant: (overrides) => tenant(repositories, overrides),
    freePlaces: async (limits, at = new Date()) => {
      const attempts = await db.query<AttemptKey>('SELECT scan_id AS "scanId", attempt FROM held_places');
      return repositories.systemScans.freePlaces(system, { attempts, limits, at });
    },
    messages: async (name, scanId) => {
      const rows = await db.query<{ data: object }>(
        `SELECT data FROM pgboss.job WHERE name = $1 AND data->>'scanId' = $2 ORDER BY (data->>'attempt')::integer`,
        [name, scanId],
      );
      return rows.map(({ data }) => data);
    },
  };
}

async function tenant({ organizations, projects, scans }: Repositories, overrides: Partial<Organization> = {}): Promise<Tenant> {
  const organization = await organizations.create(system, anOrganization(overrides));
  const scope = scopeOf({ organizationId: organization.id, actor: 'test' });
  const project = (await projects.create(scope, aProject({ organizationId: organization.id })))!;
  const create = async (change: Partial<CreateScanCommand> = {}): Promise<Scan> => {
    const result = await scans.create(scope, createCommand(project.id, change));
    if (result.kind !== 'created') throw new Error(`not created: ${result.kind}`);
    return result.scan;
  };
  const start = async (scan: Scan, limits = noLimits): Promise<Scan> => {
    const result = await scans.start(scope, { scanId: scan.id, actor: 'user', limits, at: new Date() });
    if (result.kind !== 'applied') throw new Error(`not started: ${result.kind}`);
    return result.scan;
  };
  const admitted = async (change: Partial<CreateScanCommand> = {}): Promise<Scan> => create({ start: true, ...change });
  const running = async (change: Partial<CreateScanCommand> = {}): Promise<Scan> => {
    const scan = await admitted(change);
    const result = await scans.recordProgress(scope, { scanId: scan.id, attempt: 1, runId: null, progress: null, at: new Date() });
    if (result.kind !== 'applied') throw new Error(`not running: ${result.kind}`);
    return result.scan;
  };
  return { scope, organization, project, create, start, admitted, running };
}

export function createCommand(projectId: string, overrides: Partial<CreateScanCommand> = {}): CreateScanCommand {
  const at = overrides.at ?? new Date();
  return {
    id: newId(at),
    projectId,
    userId: 'user-1',
    actor: 'user',
    scanTypes: ['sast', 'secrets'],
    source: { artifactId: newId(at), gitUrl: null, gitBranch: null, gitCommit: null },
    priority: 0,
    start: false,
    idempotency: null,
    limits: noLimits,
    at,
    ...overrides,
  };
}

export function findingsOf(scan: Scan, count: number, overrides: Partial<Finding> = {}): readonly Finding[] {
  return Array.from({ length: count }, () => ({
    ...aFindingDraft(),
    id: newId(),
    scanId: scan.id,
    organizationId: scan.organizationId,
    runId: newId(),
    createdAt: new Date(),
    ...overrides,
  }));
}

export function batch(
  scan: Scan,
  runId: string | null,
  batchKey: string,
  findings: readonly Finding[],
  overrides: Partial<AddFindingsCommand> = {},
): AddFindingsCommand {
  return { scanId: scan.id, attempt: scan.attempt, runId, batchKey, findings, at: new Date(), ...overrides };
}

export function completion(scan: Scan, runId: string | null, overrides: Partial<CompleteScanCommand> = {}): CompleteScanCommand {
  return {
    scanId: scan.id,
    attempt: scan.attempt,
    runId,
    resultsArtifactId: 'results-1',
    provenance: null,
    tools: [],
    findings: [],
    failure: null,
    limits: noLimits,
    actor: 'runner',
    at: new Date(),
    ...overrides,
  };
}

export function ending(scan: Scan, overrides: Partial<EndAttemptCommand> = {}): EndAttemptCommand {
  return {
    scanId: scan.id,
    attempt: scan.attempt,
    reason: 'runner_lost',
    message: 'the runner is gone',
    evidence: null,
    maxAttempts: 2,
    limits: noLimits,
    actor: 'sweeper',
    at: new Date(),
    ...overrides,
  };
}
