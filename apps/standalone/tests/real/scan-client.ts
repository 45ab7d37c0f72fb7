import { randomUUID } from 'node:crypto';
import { createHash } from 'node:crypto';
import { createGzip } from 'node:zlib';
import { organization, scan } from '@cloudscan/contracts';
import { DomainError } from '@cloudscan/domain';
import type { ScanStatus, ScanType } from '@cloudscan/domain';
import { RpcClient, scanStatusOnWire, scanTypeOnWire } from '@cloudscan/grpc';
import { eventually } from '@cloudscan/testing';
import { pack } from 'tar-stream';

/** A server may be away for as long as a restart takes. */
const patient = { deadlineMs: 60_000, retries: 100 };

/** A tar.gz of the files. */
export async function archiveOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive.pipe(createGzip())) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A client as a user's would be: one that tries again. */
export class ScanClient implements Disposable {
  readonly scans: RpcClient<typeof scan.ScanServiceService>;
  readonly #organizations: RpcClient<typeof organization.OrganizationServiceService>;
  readonly #projects: RpcClient<typeof organization.ProjectServiceService>;

  constructor(endpoint: { readonly host: string; readonly port: number }) {
    this.scans = new RpcClient(scan.ScanServiceService, endpoint);
    this.#organizations = new RpcClient(organization.OrganizationServiceService, endpoint);
    this.#projects = new RpcClient(organization.ProjectServiceService, endpoint);
  }

  [Symbol.dispose](): void {
    for (const client of [this.scans, this.#organizations, this.#projects]) client.close();
  }

  async makeProject(): Promise<{ readonly organizationId: string; readonly projectId: string }> {
    const name = `test-${randomUUID().slice(0, 8)}`;
    const { id } = await this.#organizations.call(
      'createOrganization',
      { name, displayName: name, maxQueuedScans: 0, maxRunningScans: 0 },
      patient,
    );
    const project = await this.#projects.call('createProject', { organizationId: id, name, description: '', gitUrl: '' }, patient);
    return { organizationId: id, projectId: project.id };
  }

  create(
    project: { readonly organizationId: string; readonly projectId: string },
    types: readonly ScanType[],
    source: Buffer,
  ): Promise<scan.CreateScanResponse> {
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

  /** PUTs the source, again and again while the server is away. */
  async upload({ uploadUrl, uploadHeaders }: scan.CreateScanResponse, source: Buffer): Promise<void> {
    const put = async (): Promise<boolean> => {
      const response = await fetch(uploadUrl, { method: 'PUT', headers: uploadHeaders, body: new Uint8Array(source) }).catch(() => null);
      return response?.ok ?? false;
    };
    await eventually(put, { timeoutMs: 60_000, what: 'the upload' });
  }

  start(id: string): Promise<scan.Scan> {
    return this.scans.call('startScan', { id }, patient);
  }

  get(id: string): Promise<scan.Scan> {
    return this.scans.call('getScan', { id }, patient);
  }

  /** Reads the scan until it is as wished. */
  async waitFor(id: string, what: string, wished: (scan: scan.Scan) => boolean): Promise<scan.Scan> {
    let last: scan.Scan | undefined;
    await eventually(
      async () => {
        last = await this.get(id);
        return wished(last);
      },
      { timeoutMs: 90_000, what },
    ).catch((error: Error) => {
      throw new Error(`${error.message}; the scan is ${last === undefined ? 'unread' : JSON.stringify(scan.Scan.toJSON(last))}`);
    });
    return last!;
  }

  async findings(scanId: string): Promise<readonly scan.Finding[]> {
    const { findings } = await this.scans.call('getFindings', scan.GetFindingsRequest.fromPartial({ scanId, pageSize: 1000 }), patient);
    return findings;
  }
}

export function statusOf(scan: scan.Scan): ScanStatus {
  const status = scanStatusOnWire.fromWire(scan.status);
  if (!status) throw new DomainError('internal', `unknown status ${scan.status}`);
  return status;
}
