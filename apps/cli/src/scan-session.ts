import { randomUUID } from 'node:crypto';
import { scan as wire } from '@cloudscan/contracts';
import { DomainError, isTerminal } from '@cloudscan/domain';
import type { ScanStatus, ScanType } from '@cloudscan/domain';
import { scanStatusOnWire, scanTypeOnWire } from '@cloudscan/grpc';
import { patient } from './server.ts';
import type { ServerClients } from './server.ts';

/** Findings of one page; 1,000 is the most that a server gives. */
const pageSize = 1000;

/** Finds the organization by name, or makes it. */
export async function ensureOrganization(server: ServerClients, name: string): Promise<string> {
  try {
    return (await server.organizations.call('getOrganization', { id: '', name }, patient)).id;
  } catch (error) {
    if (!hasCode(error, 'not_found')) throw error;
  }
  try {
    return (
      await server.organizations.call('createOrganization', { name, displayName: name, maxQueuedScans: 0, maxRunningScans: 0 }, patient)
    ).id;
  } catch (error) {
    // Made by somebody else in between.
    if (!hasCode(error, 'already_exists')) throw error;
    return (await server.organizations.call('getOrganization', { id: '', name }, patient)).id;
  }
}

/** Finds the project by name, or makes it. */
export async function ensureProject(server: ServerClients, organizationId: string, name: string, gitUrl: string): Promise<string> {
  const find = async (): Promise<string | undefined> =>
    (await server.projects.call('listProjects', { organizationId, name, pageSize: 1, pageToken: '' }, patient)).projects[0]?.id;
  const found = await find();
  if (found !== undefined) return found;
  try {
    return (await server.projects.call('createProject', { organizationId, name, gitUrl, description: '' }, patient)).id;
  } catch (error) {
    const other = hasCode(error, 'already_exists') ? await find() : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

export interface NewScan {
  readonly organizationId: string;
  readonly projectId: string;
  readonly scanTypes: readonly ScanType[];
  readonly git: { readonly url: string; readonly branch: string; readonly commit: string };
  /** Null when the runner clones. */
  readonly upload: { readonly sizeBytes: number; readonly sha256: string; readonly filename: string } | null;
}

/** Safe to try again: every try carries the same idempotency key. */
export function createScan(server: ServerClients, scan: NewScan): Promise<wire.CreateScanResponse> {
  const request = {
    organizationId: scan.organizationId,
    projectId: scan.projectId,
    scanTypes: scan.scanTypes.map((type) => scanTypeOnWire.toWire(type)),
    gitUrl: scan.git.url,
    gitBranch: scan.git.branch,
    gitCommit: scan.git.commit,
    sourceArtifactId: '',
    userId: '',
    sourceSizeBytes: BigInt(scan.upload?.sizeBytes ?? 0),
    sourceSha256: scan.upload?.sha256 ?? '',
    sourceFilename: scan.upload?.filename ?? '',
    sourceContentType: scan.upload === null ? '' : 'application/gzip',
    priority: 0,
  };
  return server.scans.call('createScan', request, { ...patient, idempotencyKey: randomUUID() });
}

/**
 * The scan's events from the first on, until the terminal one. A stream that breaks is taken up where it broke.
 *
 * @param patienceMs milliseconds that a server may be away in one piece
 */
export async function* watchScan(
  server: ServerClients,
  scanId: string,
  signal: AbortSignal,
  patienceMs = 60_000,
): AsyncGenerator<wire.ScanEvent> {
  let afterSequence = 0n;
  let lastSeen = Date.now();
  for (;;) {
    try {
      for await (const event of server.scans.stream('watchScan', { scanId, afterSequence }, { signal })) {
        afterSequence = event.sequence;
        lastSeen = Date.now();
        yield event;
        if (event.type === wire.ScanEventType.SCAN_EVENT_TYPE_TRANSITION && isTerminal(statusOf(event.toStatus))) return;
      }
      return;
    } catch (error) {
      if (signal.aborted || !hasCode(error, 'unavailable') || Date.now() - lastSeen > patienceMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** Every finding of a scan, page by page, most severe first. */
export async function* allFindings(
  server: ServerClients,
  scanId: string,
  filter: Partial<Pick<wire.GetFindingsRequest, 'scanType' | 'severity'>> = {},
): AsyncGenerator<wire.Finding> {
  let pageToken = '';
  do {
    const page = await server.scans.call('getFindings', { scanId, scanType: 0, severity: 0, pageSize, pageToken, ...filter }, patient);
    yield* page.findings;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

export function statusOf(value: number): ScanStatus {
  const status = scanStatusOnWire.fromWire(value);
  if (!status) throw new DomainError('internal', `the server sent the unknown scan status ${value}`);
  return status;
}

export function hasCode(error: unknown, code: DomainError['code']): boolean {
  return error instanceof DomainError && error.code === code;
}
