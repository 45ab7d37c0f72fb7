import { organization, scan } from '@cloudscan/contracts';
import { RpcClient } from '@cloudscan/grpc';
import { silentLogger } from '@cloudscan/telemetry';
import { newId, testDatabase, uniqueName } from '@cloudscan/testing';
import type { Teardown, TestDatabase } from '@cloudscan/testing';
import { loadConfig } from '../../src/config.ts';
import { createApp } from '../../src/create-app.ts';
import type { ApiGrpc } from '../../src/create-app.ts';
import { StorageDouble } from './storage-double.ts';
import { startStorageProcess } from './storage-process.ts';

export type Scans = RpcClient<typeof scan.ScanServiceService>;
export type Organizations = RpcClient<typeof organization.OrganizationServiceService>;
export type Projects = RpcClient<typeof organization.ProjectServiceService>;

/** The real server on a real database, and clients of it. */
export interface Api {
  readonly app: ApiGrpc;
  readonly database: TestDatabase;
  readonly storage: StorageDouble;
  readonly scans: Scans;
  readonly organizations: Organizations;
  readonly projects: Projects;
}

export interface ApiOptions {
  /** Beside what a test's server always has. */
  readonly env?: Readonly<Record<string, string>>;
  /** A second server on the first one's database and storage. */
  readonly beside?: Api;
  /** Whether the storage service is the real one, as a process, and not the double. */
  readonly realStorage?: boolean;
}

export async function startApi(t: Teardown, { env = {}, beside, realStorage = false }: ApiOptions = {}): Promise<Api> {
  const database = beside?.database ?? (await testDatabase(t));
  const storage = beside?.storage ?? new StorageDouble();
  const settings = loadConfig({
    GRPC_PORT: '0',
    METRICS_PORT: '0',
    WATCH_POLL_MS: '500',
    MAX_RUNNING_SCANS: '100000',
    GIT_ALLOWED_PROTOCOLS: 'https,ssh,file',
    ...env,
  });
  const endpoint = realStorage ? await startStorageProcess(t, database) : null;
  const config = { ...settings, database: database.config, storage: { ...settings.storage, ...(endpoint === null ? {} : { endpoint }) } };
  const app = await createApp(config, { ...(realStorage ? {} : { storage }), log: silentLogger });
  await app.start();
  t.teardown(() => app.stop());
  const address = { host: '127.0.0.1', port: app.grpcPort };
  const scans = new RpcClient(scan.ScanServiceService, address);
  const organizations = new RpcClient(organization.OrganizationServiceService, address);
  const projects = new RpcClient(organization.ProjectServiceService, address);
  t.teardown(() => [scans, organizations, projects].forEach((client) => client.close()));
  return { app, database, storage, scans, organizations, projects };
}

/** An organization with a project, and scans in whatever state a test wants. */
export class Tenant {
  readonly #api: Api;
  readonly organizationId: string;
  readonly projectId: string;

  private constructor(api: Api, organizationId: string, projectId: string) {
    this.#api = api;
    this.organizationId = organizationId;
    this.projectId = projectId;
  }

  static async create(api: Api, caps: Partial<organization.CreateOrganizationRequest> = {}): Promise<Tenant> {
    const { CreateOrganizationRequest, CreateProjectRequest } = organization;
    const { id } = await api.organizations.call(
      'createOrganization',
      CreateOrganizationRequest.create({ name: uniqueName('tenant'), ...caps }),
    );
    const project = CreateProjectRequest.create({ organizationId: id, name: uniqueName('project') });
    return new Tenant(api, id, (await api.projects.call('createProject', project)).id);
  }

  createScanRequest(fields: Partial<scan.CreateScanRequest> = {}): scan.CreateScanRequest {
    return scan.CreateScanRequest.create({
      organizationId: this.organizationId,
      projectId: this.projectId,
      scanTypes: [scan.ScanType.SAST],
      ...fields,
    });
  }

  async pending(fields: Partial<scan.CreateScanRequest> = {}): Promise<string> {
    return (await this.#api.scans.call('createScan', this.createScanRequest(fields))).scan!.id;
  }

  async queued(): Promise<string> {
    const { scan: created, artifactId } = await this.#api.scans.call('createScan', this.createScanRequest());
    this.#api.storage.upload(artifactId, 'source');
    await this.#api.scans.call('startScan', { id: created!.id });
    return created!.id;
  }

  async running(): Promise<string> {
    const id = await this.queued();
    await this.#api.scans.call('updateScan', scan.UpdateScanRequest.create({ id, status: scan.ScanStatus.RUNNING }));
    return id;
  }

  async completed(findings: readonly scan.Finding[] = []): Promise<string> {
    const id = await this.running();
    await this.#api.scans.call('completeScan', aCompletion(id, { findings: [...findings] }));
    return id;
  }

  async failed(): Promise<string> {
    const id = await this.running();
    await this.#api.scans.call('updateScan', scan.UpdateScanRequest.create({ id, status: scan.ScanStatus.FAILED, errorMessage: 'broken' }));
    return id;
  }

  async cancelled(): Promise<string> {
    const id = await this.queued();
    await this.#api.scans.call('cancelScan', { id });
    return id;
  }

  /** A scan in a state. */
  in(state: 'pending' | 'queued' | 'running' | 'completed' | 'failed' | 'cancelled'): Promise<string> {
    return this[state]();
  }
}

export function aFinding(fields: Partial<scan.Finding> = {}): scan.Finding {
  return scan.Finding.create({
    scanType: scan.ScanType.SAST,
    severity: scan.Severity.HIGH,
    title: 'SQL built from user input',
    filePath: 'src/orders.js',
    lineNumber: 12,
    toolName: 'semgrep',
    ruleId: 'sql-injection',
    ...fields,
  });
}

export function aToolRun(fields: Partial<scan.ToolRun> = {}): scan.ToolRun {
  return scan.ToolRun.create({ name: 'semgrep', scanType: scan.ScanType.SAST, status: scan.ToolStatus.TOOL_STATUS_SUCCEEDED, ...fields });
}

export function aCompletion(id: string, fields: Partial<scan.CompleteScanRequest> = {}): scan.CompleteScanRequest {
  return scan.CompleteScanRequest.create({ id, tools: [aToolRun()], runId: newId(), attempt: 1, ...fields });
}
