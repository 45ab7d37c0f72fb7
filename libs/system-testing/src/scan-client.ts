import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { constants, createGzip } from 'node:zlib';
import type { Endpoint } from '@cloudscan/config';
import { organization, scan } from '@cloudscan/contracts';
import { DomainError, isTerminal } from '@cloudscan/domain';
import type { FailureReason, ScanStatus, ScanType } from '@cloudscan/domain';
import { failureReasonOnWire, RpcClient, scanStatusOnWire, scanTypeOnWire } from '@cloudscan/grpc';
import { eventually } from '@cloudscan/testing';

/** A server may be away for as long as a restart takes. */
const patient = { deadlineMs: 60_000, retries: 100 };

export interface TestProject {
  readonly organizationId: string;
  readonly projectId: string;
}

/** A client as a user's would be: one that tries again. */
export class ScanClient implements Disposable {
  readonly scans: RpcClient<typeof scan.ScanServiceService>;
  readonly #organizations: RpcClient<typeof organization.OrganizationServiceService>;
  readonly #projects: RpcClient<typeof organization.ProjectServiceService>;

  constructor(endpoint: Endpoint) {
    this.scans = new RpcClient(scan.ScanServiceService, endpoint);
    this.#organizations = new RpcClient(organization.OrganizationServiceService, endpoint);
    this.#projects = new RpcClient(organization.ProjectServiceService, endpoint);
  }

  [Symbol.dispose](): void {
    for (const client of [this.scans, this.#organizations, this.#projects]) client.close();
  }

  /** A project in an organization of its own. Caps of 0 are the deployment's. */
  async makeProject(caps: { readonly maxRunningScans?: number; readonly maxQueuedScans?: number } = {}): Promise<TestProject> {
    const name = `test-${randomUUID().slice(0, 8)}`;
    const { maxRunningScans = 0, maxQueuedScans = 0 } = caps;
    const { id } = await this.#organizations.call(
      'createOrganization',
      { name, displayName: name, maxQueuedScans, maxRunningScans },
      patient,
    );
    const project = await this.#projects.call('createProject', { organizationId: id, name, description: '', gitUrl: '' }, patient);
    return { organizationId: id, projectId: project.id };
  }

  /** A pending scan that waits for an upload. */
  create(project: TestProject, types: readonly ScanType[], source: Buffer): Promise<scan.CreateScanResponse> {
    const request = scan.CreateScanRequest.fromPartial({
      ...project,
      scanTypes: types.map((type) => scanTypeOnWire.toWire(type)),
      sourceSizeBytes: BigInt(source.length),
      sourceSha256: createHash('sha256').update(source).digest('hex'),
      sourceFilename: 'source.tar.gz',
      sourceContentType: 'application/gzip',
    });
    return this.scans.call('createScan', request, { ...patient, idempotencyKey: randomUUID() });
  }

  /** A pending scan whose runner would clone its source. Answers its id. */
  async createOfGit(project: TestProject): Promise<string> {
    const request = scan.CreateScanRequest.fromPartial({
      ...project,
      scanTypes: [scanTypeOnWire.toWire('sast')],
      gitUrl: 'https://git.example.com/team/service.git',
    });
    const created = await this.scans.call('createScan', request, { ...patient, idempotencyKey: randomUUID() });
    return created.scan!.id;
  }

  /** PUTs the source, again and again while the server is away. */
  async upload({ uploadUrl, uploadHeaders }: scan.CreateScanResponse, source: Buffer): Promise<void> {
    const put = async (): Promise<boolean> => {
      const response = await fetch(uploadUrl, { method: 'PUT', headers: uploadHeaders, body: new Uint8Array(source) }).catch(() => null);
      return response?.ok ?? false;
    };
    await eventually(put, { timeoutMs: 60_000, what: 'the upload' });
  }

  /** Imports a SARIF log, compressed on the way. */
  async importLog({ organizationId, projectId }: TestProject, path: string): Promise<scan.Scan> {
    async function* requests(): AsyncGenerator<scan.ImportSarifRequest> {
      yield { part: { $case: 'header', value: scan.ImportSarifHeader.fromPartial({ organizationId, projectId }) } };
      const gzip = createReadStream(path).pipe(createGzip({ level: constants.Z_BEST_SPEED }));
      for await (const chunk of gzip) yield { part: { $case: 'chunk', value: chunk as Buffer } };
    }
    return (await this.scans.upload('importSarif', requests(), { idempotencyKey: randomUUID() })).scan!;
  }

  start(id: string): Promise<scan.Scan> {
    return this.scans.call('startScan', { id }, patient);
  }

  get(id: string): Promise<scan.Scan> {
    return this.scans.call('getScan', { id }, patient);
  }

  /** False when the scan had ended otherwise before. */
  async cancel(id: string): Promise<boolean> {
    try {
      await this.scans.call('cancelScan', { id }, patient);
      return true;
    } catch (error) {
      if (error instanceof DomainError && error.code === 'failed_precondition') return false;
      throw error;
    }
  }

  async delete(id: string): Promise<void> {
    await this.scans.call('deleteScan', { id }, patient);
  }

  /** Answers how many there were. */
  async deleteAll({ projectId }: TestProject): Promise<number> {
    return (await this.scans.call('deleteProjectScans', { projectId }, patient)).deletedCount;
  }

  /** Reads the scan until it is as wished. */
  async waitFor(id: string, what: string, wished: (scan: scan.Scan) => boolean, timeoutMs = 90_000): Promise<scan.Scan> {
    let last: scan.Scan | undefined;
    await eventually(
      async () => {
        last = await this.get(id);
        return wished(last);
      },
      { timeoutMs, what },
    ).catch((error: Error) => {
      throw new Error(`${error.message}; the scan is ${last === undefined ? 'unread' : JSON.stringify(scan.Scan.toJSON(last))}`);
    });
    return last!;
  }

  ended(id: string, timeoutMs?: number): Promise<scan.Scan> {
    return this.waitFor(id, 'the end of the scan', (current) => isTerminal(statusOf(current)), timeoutMs);
  }

  async findings(scanId: string): Promise<readonly scan.Finding[]> {
    const { findings } = await this.scans.call('getFindings', scan.GetFindingsRequest.fromPartial({ scanId, pageSize: 1000 }), patient);
    return findings;
  }
}

export function statusOf({ status }: scan.Scan): ScanStatus {
  const known = scanStatusOnWire.fromWire(status);
  if (!known) throw new DomainError('internal', `unknown status ${status}`);
  return known;
}

/** Null while it has not failed. */
export function reasonOf({ failureReason }: scan.Scan): FailureReason | null {
  const known = failureReasonOnWire.fromWire(failureReason);
  if (known === undefined) throw new DomainError('internal', `unknown failure reason ${failureReason}`);
  return known;
}
