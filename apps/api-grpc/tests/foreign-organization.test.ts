import { randomBytes } from 'node:crypto';
import { scopeOf, systemScope } from '@cloudscan/auth';
import { createCaching } from '@cloudscan/cache';
import { orchestratorRoles } from '@cloudscan/database';
import { DomainError, uuidV7 } from '@cloudscan/domain';
import { createUseCases } from '@cloudscan/orchestration';
import type { Caller, UseCases } from '@cloudscan/orchestration';
import { PgBossQueue } from '@cloudscan/queue';
import { createRepositories } from '@cloudscan/repositories';
import { silentLogger } from '@cloudscan/telemetry';
import { aFindingDraft, aToolRun, newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { loadConfig } from '../src/config.ts';
import { startApi, Tenant } from './support/api.ts';
import type { Api } from './support/api.ts';

const file = testFile(test);
let api: Api;
let useCases: UseCases;
let mine: Tenant;
/** Somebody of another organization, as a token would make them. */
let stranger: Caller;

test.before(async () => {
  api = await startApi(file);
  const { database, config } = api.database;
  const queue = new PgBossQueue(config, { applicationName: 'test', role: orchestratorRoles.system, mode: 'send', logger: silentLogger });
  await queue.start();
  file.teardown(() => queue.stop());
  const caching = createCaching({ redis: null, database, databaseConfig: config, applicationName: 'test', log: silentLogger });
  useCases = createUseCases({
    ...createRepositories(database, queue),
    storage: api.storage,
    // A stranger's log is not even received.
    sarif: { receive: () => Promise.reject(new Error('received')) },
    cache: caching.cache,
    events: caching.events,
    clock: { now: () => new Date() },
    newId: (at) => uuidV7(at.getTime(), randomBytes(10)),
    policy: loadConfig({}).policy,
  });
  mine = await Tenant.create(api);
  const { organizationId } = await Tenant.create(api);
  stranger = { scope: scopeOf({ organizationId, actor: 'mallory' }), actor: 'mallory', signal: new AbortController().signal };
});

const page = { pageSize: 0, pageToken: '' };
const upload = { filename: '', contentType: '', sizeBytes: 0, sha256: '', attempt: 0 };
const runner = { attempt: 0, runId: '' };

/** Each use case as a stranger calls it for what is mine. What nobody may tell from something that is not there is `not_found`. */
const attempts: Readonly<Record<Exclude<keyof UseCases, OfTheSystem>, (id: string) => Promise<unknown>>> = {
  createScan: (id) =>
    useCases.createScan(stranger, { ...aScanRequest(stranger.scope.organizationId), projectId: mine.projectId, userId: id }),
  startScan: (id) => useCases.startScan(stranger, { id }),
  getScan: (id) => useCases.getScan(stranger, { id }),
  listScans: () =>
    useCases.listScans(stranger, { ...page, organizationId: stranger.scope.organizationId, projectId: mine.projectId, status: null }),
  cancelScan: (id) => useCases.cancelScan(stranger, { id }),
  importSarif: async () => useCases.importSarif(stranger, anImport(mine), (async function* () {})()),
  updateScan: (id) =>
    useCases.updateScan(stranger, {
      ...runner,
      id,
      status: 'running',
      totalFindings: 0,
      findingsBySeverity: {},
      errorMessage: '',
      progress: null,
      failureReason: null,
    }),
  createFindings: (scanId) => useCases.createFindings(stranger, { ...runner, scanId, batchNumber: 0, findings: [aFindingDraft()] }),
  completeScan: (id) =>
    useCases.completeScan(stranger, { ...runner, id, resultsArtifactId: '', provenance: null, tools: [aToolRun()], findings: [] }),
  getFindings: (scanId) => useCases.getFindings(stranger, { ...page, scanId, scanType: null, severity: null }),
  getUploadUrl: (scanId) => useCases.getUploadUrl(stranger, { ...upload, scanId, type: 'report' }),
  getDownloadUrl: (scanId) => useCases.getDownloadUrl(stranger, { scanId, type: 'source_code' }),
  getArtifact: () => useCases.getArtifact(stranger, { id: api.storage.put(mine.organizationId, 'report').id }),
  getAttestation: (scanId) => useCases.getAttestation(stranger, { scanId }),
  listArtifacts: (scanId) => useCases.listArtifacts(stranger, { ...page, scanId }),
  watchScan: (scanId) => useCases.watchScan(stranger, { scanId, afterSequence: 0 }).next(),
  deleteProjectScans: () => useCases.deleteProjectScans(stranger, { projectId: mine.projectId }),
  getOrganization: () => useCases.getOrganization(stranger, { id: mine.organizationId, name: '' }),
  updateOrganization: () => useCases.updateOrganization(stranger, { id: mine.organizationId, displayName: 'taken over' }),
  createProject: () =>
    useCases.createProject(
      { ...stranger, scope: scopeOf({ organizationId: newId(), actor: 'mallory' }) },
      {
        organizationId: newId(),
        name: 'p',
        description: '',
        gitUrl: '',
      },
    ),
  getProject: () => useCases.getProject(stranger, { id: mine.projectId }),
  listProjects: () =>
    useCases.listProjects(
      { ...stranger, scope: scopeOf({ organizationId: newId(), actor: 'mallory' }) },
      { ...page, organizationId: newId(), name: '' },
    ),
  updateProject: () => useCases.updateProject(stranger, { id: mine.projectId, name: 'taken over' }),
};

/** Those that answer the same whether or not there is something (deletions), or that only the system may call. */
type OfTheSystem =
  'deleteScan' | 'deleteProject' | 'createOrganization' | 'getOrganizationByName' | 'listOrganizations' | 'deleteOrganization';

for (const [name, attempt] of Object.entries(attempts)) {
  test(`${name} finds nothing of another organization`, async (t) => {
    const id = await mine.running();
    const error = await t.throwsAsync<DomainError>(attempt(id), { instanceOf: DomainError });
    t.is(error?.code, 'not_found');
  });
}

test('deletions of what is mine by a stranger leave it there', async (t) => {
  const id = await mine.completed();
  await useCases.deleteScan(stranger, { id });
  await useCases.deleteProject(stranger, { id: mine.projectId });
  t.is((await api.scans.call('getScan', { id })).id, id);
  t.is((await api.projects.call('getProject', { id: mine.projectId })).id, mine.projectId);
});

test('a scan that the cache holds is not shown to a stranger', async (t) => {
  const id = await mine.completed();
  const owner: Caller = { ...stranger, scope: scopeOf({ organizationId: mine.organizationId, actor: 'ada' }) };
  const attemptsUntilCached = await Promise.all([useCases.getScan(owner, { id }), useCases.getScan(owner, { id })]);
  t.is(attemptsUntilCached.length, 2);
  t.is((await t.throwsAsync<DomainError>(useCases.getScan(stranger, { id })))?.code, 'not_found');
});

test("a scan cannot be created of another organization's artifact, nor completed with another scan's results", async (t) => {
  const { id } = api.storage.put(mine.organizationId, 'source_code');
  const project = await useCases.createProject(stranger, {
    organizationId: stranger.scope.organizationId,
    name: 'own',
    description: '',
    gitUrl: '',
  });
  const request = { ...aScanRequest(stranger.scope.organizationId), projectId: project.id, sourceArtifactId: id };
  t.is((await t.throwsAsync<DomainError>(useCases.createScan(stranger, request)))?.code, 'not_found');

  const owner: Caller = { ...stranger, scope: scopeOf({ organizationId: mine.organizationId, actor: 'runner' }) };
  const others = api.storage.put(mine.organizationId, 'scan_results');
  const results = { resultsArtifactId: others.id, provenance: null, tools: [aToolRun()], findings: [] };
  const completion = { ...runner, id: await mine.running(), ...results };
  t.is((await t.throwsAsync<DomainError>(useCases.completeScan(owner, completion)))?.code, 'failed_precondition');
});

test('only the system lists organizations', async (t) => {
  const system = { scope: systemScope('test'), actor: 'test', signal: stranger.signal };
  const { items } = await useCases.listOrganizations(system, page);
  t.true(items.length >= 2);
});

function anImport({ organizationId, projectId }: Tenant): Parameters<UseCases['importSarif']>[1] {
  return {
    organizationId,
    projectId,
    gitUrl: '',
    gitBranch: '',
    gitCommit: '',
    scanType: null,
    userId: '',
    sizeBytes: 0,
    sha256: '',
    filename: '',
    keepLog: false,
    idempotencyKey: null,
  };
}

function aScanRequest(organizationId: string): Parameters<UseCases['createScan']>[1] {
  return {
    organizationId,
    projectId: newId(),
    scanTypes: [],
    gitUrl: '',
    gitBranch: '',
    gitCommit: '',
    sourceArtifactId: '',
    userId: '',
    sourceSizeBytes: 0,
    sourceSha256: '',
    sourceFilename: '',
    sourceContentType: '',
    priority: 0,
    idempotencyKey: null,
  };
}
