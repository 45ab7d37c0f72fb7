import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import type { scan as wire } from '@cloudscan/contracts';
import type { DomainError, ScanType, Severity } from '@cloudscan/domain';
import { scanTypeOnWire } from '@cloudscan/grpc';
import { exitCodes } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { writeResult } from '../output/destination.ts';
import { cutLines, importedRunsTable, summaryLine } from '../output/table.ts';
import { styleOf, visible, visibleJson } from '../output/text-style.ts';
import { importedRunView, importCutView, scanView, toolView } from '../output/views.ts';
import type { ProgressView } from '../progress.ts';
import { ensureOrganization, ensureProject, hasCode, statusOf } from '../scan-session.ts';
import type { ServerClients } from '../server.ts';
import type { LogFile } from '../source/log-file.ts';
import { upload } from '../source/upload.ts';
import { formatBytes, reaches } from './scan.ts';

export interface ImportOptions {
  readonly project: string;
  readonly organization: string;
  /** Undefined: judged for each run. */
  readonly type: ScanType | undefined;
  readonly gitUrl: string;
  readonly branch: string;
  readonly commit: string;
  readonly failOn: Severity | 'never';
  readonly json: boolean;
}

/** How often a server that is away, or has too many imports at work, is asked again. */
const tries = 20;
const firstPauseMs = 250;
const longestPauseMs = 10_000;

/** Imports a SARIF log as a scan and says what became of it. */
export async function importLog(
  server: ServerClients,
  log: LogFile,
  options: ImportOptions,
  progress: ProgressView,
  signal: AbortSignal,
): Promise<ExitCode> {
  progress.update(0, 'preparing');
  const organizationId = await ensureOrganization(server, options.organization);
  const projectId = await ensureProject(server, organizationId, options.project, options.gitUrl);
  const header: wire.ImportSarifHeader = {
    organizationId,
    projectId,
    gitUrl: options.gitUrl,
    gitBranch: options.branch,
    gitCommit: options.commit,
    scanType: scanTypeOnWire.toWire(options.type ?? null),
    userId: '',
    sizeBytes: 0n,
    sha256: '',
    filename: log.name,
    keepLog: true,
  };
  const imported = await send(server, header, log, progress, signal);
  if (imported.uploadUrl !== '') await keepLog(log, imported, progress, signal);
  progress.end();
  return report(imported, options, progress);
}

/** Sends the log until it is taken: every try carries the same idempotency key. */
async function send(
  server: ServerClients,
  header: wire.ImportSarifHeader,
  log: LogFile,
  progress: ProgressView,
  signal: AbortSignal,
): Promise<wire.ImportSarifResponse> {
  const idempotencyKey = randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await server.scans.upload('importSarif', requestsOf(header, log, progress), { signal, idempotencyKey });
    } catch (error) {
      const mayPass = hasCode(error, 'unavailable') || hasCode(error, 'resource_exhausted');
      if (attempt === tries || !mayPass || signal.aborted) throw error;
      progress.update(0, 'waiting for the server');
      const pauseMs = (error as DomainError).retryAfterMs ?? Math.min(firstPauseMs * 2 ** attempt, longestPauseMs);
      await delay(pauseMs * (0.5 + Math.random()), undefined, { signal });
    }
  }
}

async function* requestsOf(header: wire.ImportSarifHeader, log: LogFile, progress: ProgressView): AsyncGenerator<wire.ImportSarifRequest> {
  yield { part: { $case: 'header', value: header } };
  const step = `sending ${formatBytes(log.sizeBytes)}`;
  const file = createReadStream(log.path);
  let read = 0;
  file.on('data', (chunk) => progress.update((80 * (read += chunk.length)) / log.sizeBytes, step));
  // Errors of the file reach who reads the gzip.
  const gzip = createGzip();
  file.on('error', (error) => gzip.destroy(error)).pipe(gzip);
  try {
    for await (const chunk of gzip) yield { part: { $case: 'chunk', value: chunk as Buffer } };
    progress.update(85, 'importing');
  } finally {
    file.destroy();
    gzip.destroy();
  }
}

/** The findings are imported by now: that the log could not be kept is worth a word, not a failure. */
async function keepLog(log: LogFile, imported: wire.ImportSarifResponse, progress: ProgressView, signal: AbortSignal): Promise<void> {
  const step = `keeping the log, ${formatBytes(log.sizeBytes)}`;
  try {
    await upload(log, imported.uploadUrl, imported.uploadHeaders, signal, (sent) =>
      progress.update(90 + (10 * sent) / log.sizeBytes, step),
    );
  } catch (error) {
    if (signal.aborted) throw error;
    progress.note(`the log is not kept: ${visible((error as Error).message)}`);
  }
}

async function report({ scan, runs, cuts }: wire.ImportSarifResponse, options: ImportOptions, progress: ProgressView): Promise<ExitCode> {
  const style = styleOf(process.stdout);
  const parts = options.json
    ? [
        visibleJson({
          scan: scanView(scan!),
          tools: scan!.tools.map(toolView),
          runs: runs.map(importedRunView),
          cuts: cuts.map(importCutView),
        }),
      ]
    : [`scan ${scan!.id}`, '', importedRunsTable(runs, style), ...cutLines(cuts, runs), '', style.colours.bold(summaryLine(scan!, style))];
  await writeResult([`${parts.join('\n')}\n`], undefined);
  if (statusOf(scan!.status) !== 'completed') {
    progress.note(styleOf(process.stderr).colours.red(`the scan failed: ${visible(scan!.errorMessage)}`));
    return exitCodes.scanFailed;
  }
  return reaches(scan!, options.failOn) ? exitCodes.findings : exitCodes.clean;
}
