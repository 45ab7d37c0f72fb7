import type { scan as wire } from '@cloudscan/contracts';
import { scanStatusOnWire, scanTypeOnWire, severityOnWire, artifactTypeOnWire } from '@cloudscan/grpc';
import { isTerminal } from '@cloudscan/domain';
import type { ScanStatus, ScanType, Severity } from '@cloudscan/domain';
import { exitCodes, UsageError } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { writeResult } from '../output/destination.ts';
import { findingsTable, scanDetails, scansTable } from '../output/table.ts';
import { styleOf, visible, visibleJson } from '../output/text-style.ts';
import { artifactView, eventView, findingView, scanView, toolView } from '../output/views.ts';
import { allFindings, statusOf, watchScan } from '../scan-session.ts';
import { patient } from '../server.ts';
import type { ServerClients } from '../server.ts';

export interface ListOptions {
  readonly organization: string;
  readonly project: string | undefined;
  readonly status: ScanStatus | undefined;
  readonly limit: number;
  readonly json: boolean;
}

export async function listScans(server: ServerClients, options: ListOptions): Promise<ExitCode> {
  const organizationId = (await server.organizations.call('getOrganization', { id: '', name: options.organization }, patient)).id;
  const projectId = options.project === undefined ? '' : await projectIdOf(server, organizationId, options.project);
  const scans: wire.Scan[] = [];
  let pageToken = '';
  do {
    const pageSize = Math.min(options.limit - scans.length, 1000);
    const page = await server.scans.call(
      'listScans',
      { organizationId, projectId, status: scanStatusOnWire.toWire(options.status ?? null), pageSize, pageToken },
      patient,
    );
    scans.push(...page.scans);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && scans.length < options.limit);
  await print(options.json ? visibleJson(scans.map(scanView)) : scansTable(scans, styleOf(process.stdout)));
  return exitCodes.clean;
}

export async function getScan(server: ServerClients, id: string, json: boolean): Promise<ExitCode> {
  const scan = await server.scans.call('getScan', { id }, patient);
  await print(json ? visibleJson({ ...scanView(scan), tools: scan.tools.map(toolView) }) : scanDetails(scan, styleOf(process.stdout)));
  return exitCodes.clean;
}

/** Prints the events as they come; 3 when the scan ends failed or cancelled. */
export async function watch(server: ServerClients, id: string, json: boolean, signal: AbortSignal): Promise<ExitCode> {
  let last: ScanStatus = 'pending';
  for await (const event of watchScan(server, id, signal)) {
    last = statusOf(event.toStatus);
    await print(json ? visibleJson(eventView(event)) : eventLine(event));
  }
  return isTerminal(last) && last !== 'completed' ? exitCodes.scanFailed : exitCodes.clean;
}

export interface FindingsOptions {
  readonly type: ScanType | undefined;
  readonly severity: Severity | undefined;
  readonly limit: number;
  readonly json: boolean;
}

export async function listFindings(server: ServerClients, scanId: string, options: FindingsOptions): Promise<ExitCode> {
  const findings: wire.Finding[] = [];
  const filter = { scanType: scanTypeOnWire.toWire(options.type ?? null), severity: severityOnWire.toWire(options.severity ?? null) };
  for await (const finding of allFindings(server, scanId, filter)) {
    if (findings.length === options.limit) break;
    findings.push(finding);
  }
  await print(options.json ? visibleJson(findings.map(findingView)) : findingsTable(findings, styleOf(process.stdout)));
  return exitCodes.clean;
}

/** Lists the artifacts, with a presigned URL each where asked for. */
export async function listArtifacts(
  server: ServerClients,
  scanId: string,
  options: { readonly url: boolean; readonly json: boolean },
): Promise<ExitCode> {
  let pageToken = '';
  const rows: object[] = [];
  do {
    const page = await server.scans.call('listArtifacts', { scanId, pageSize: 1000, pageToken }, patient);
    for (const artifact of page.artifacts) {
      const link = options.url
        ? { download_url: (await server.scans.call('getArtifact', { id: artifact.id }, patient)).downloadUrl || null }
        : {};
      rows.push({ ...artifactView(artifact), ...link });
      if (!options.json) {
        const type = artifactTypeOnWire.fromWire(artifact.type) ?? 'unknown';
        await print(
          [artifact.id, type.padEnd(12), String(artifact.sizeBytes).padStart(12), visible(artifact.filename), ...Object.values(link)].join(
            '  ',
          ),
        );
      }
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  if (options.json) await print(visibleJson(rows));
  return exitCodes.clean;
}

export async function cancelScan(server: ServerClients, id: string, json: boolean): Promise<ExitCode> {
  await server.scans.call('cancelScan', { id }, patient);
  return getScan(server, id, json);
}

export async function deleteScan(server: ServerClients, id: string, json: boolean): Promise<ExitCode> {
  // The server takes the deletion of what is not there for done; a person should hear of a wrong id.
  await server.scans.call('getScan', { id }, patient);
  await server.scans.call('deleteScan', { id }, patient);
  await print(json ? visibleJson({ deleted: id }) : `scan ${id} is deleted`);
  return exitCodes.clean;
}

async function projectIdOf(server: ServerClients, organizationId: string, name: string): Promise<string> {
  const { projects } = await server.projects.call('listProjects', { organizationId, name, pageSize: 1, pageToken: '' }, patient);
  if (projects[0] === undefined) throw new UsageError(`the organization has no project ${JSON.stringify(name)}`);
  return projects[0].id;
}

function eventLine(event: wire.ScanEvent): string {
  const time = event.createdAt?.toISOString() ?? '';
  const what =
    event.progress === undefined ? statusOf(event.toStatus) : `${event.progress.percent}% ${event.progress.message || event.progress.step}`;
  return visible([time, what, event.message].filter((part) => part !== '').join('  '));
}

function print(text: string): Promise<void> {
  return writeResult([`${text}\n`], undefined);
}
