import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Environment } from '@cloudscan/config';
import type { scan as wire } from '@cloudscan/contracts';
import { hasToolFailed, isAtLeast, isTerminal, severities } from '@cloudscan/domain';
import type { ScanType, Severity } from '@cloudscan/domain';
import { toolStatusOnWire } from '@cloudscan/grpc';
import { request } from 'undici';
import { exitCodes, UsageError } from '../exit-codes.ts';
import type { ExitCode } from '../exit-codes.ts';
import { jsonResult, writeResult } from '../output/destination.ts';
import { findingsTable, summaryLine, toolsTable } from '../output/table.ts';
import { plainStyle, styleOf, visible } from '../output/text-style.ts';
import { findingView, scanView, toolView } from '../output/views.ts';
import type { ProgressView } from '../progress.ts';
import { allFindings, createScan, ensureOrganization, ensureProject, statusOf, watchScan } from '../scan-session.ts';
import { patient } from '../server.ts';
import type { ServerClients } from '../server.ts';
import { describeCheckout } from '../source/git-checkout.ts';
import { packSource } from '../source/pack-source.ts';
import { upload } from '../source/upload.ts';

export type OutputFormat = 'table' | 'json' | 'sarif';

export interface ScanOptions {
  readonly types: readonly ScanType[];
  readonly format: OutputFormat;
  readonly output: string | undefined;
  readonly failOn: Severity | 'never';
  readonly project: string | undefined;
  readonly organization: string;
  readonly branch: string;
  readonly commit: string;
  /** Rows of the table. */
  readonly limit: number;
  readonly env: Environment;
}

/** What is to be scanned: a folder of this machine, or a URL that the runner clones. */
export type Target = { readonly kind: 'folder'; readonly path: string } | { readonly kind: 'git'; readonly url: string };

/**
 * A path that exists is a folder to upload; anything else must look like a git URL.
 *
 * @throws UsageError
 */
export function parseTarget(text: string, cwd: string): Target {
  const path = resolve(cwd, text);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return { kind: 'folder', path };
  if (stat !== undefined) throw new UsageError(`${text} is a file; give a folder or a git URL`);
  if (/^(https|ssh|file):\/\/\S+$/.test(text) || /^[\w.-]+@[\w.-]+:\S+$/.test(text)) return { kind: 'git', url: text };
  throw new UsageError(`${text} is neither a folder of this machine nor a git URL (https://…, ssh://…, git@host:path, file://…)`);
}

/** Scans the target from its upload to its findings, and says what the shell is to know. Aborting `signal` cancels the scan. */
export async function runScan(
  server: ServerClients,
  target: Target,
  options: ScanOptions,
  progress: ProgressView,
  signal: AbortSignal,
): Promise<ExitCode> {
  progress.update(0, 'preparing');
  const organizationId = await ensureOrganization(server, options.organization);
  const name = options.project ?? defaultProject(target);
  const projectId = await ensureProject(server, organizationId, name, target.kind === 'git' ? target.url : '');
  const scanId = await submit(server, target, { organizationId, projectId }, options, progress, signal);
  const cancel = (): void => {
    progress.update(100, 'cancelling');
    server.scans
      .call('cancelScan', { id: scanId }, patient)
      .catch((error: Error) => progress.note(`the scan could not be cancelled: ${error.message}`));
  };
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    await follow(server, scanId, progress);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
  const scan = await server.scans.call('getScan', { id: scanId }, patient);
  progress.end();
  return report(server, scan, options, progress);
}

/** From the source to a started scan; answers its id. */
async function submit(
  server: ServerClients,
  target: Target,
  ids: { readonly organizationId: string; readonly projectId: string },
  options: ScanOptions,
  progress: ProgressView,
  signal: AbortSignal,
): Promise<string> {
  if (target.kind === 'git') {
    const git = { url: target.url, branch: options.branch, commit: options.commit };
    const { scan } = await createScan(server, { ...ids, scanTypes: options.types, git, upload: null });
    return startOrCancel(server, scan!.id, () => Promise.resolve());
  }
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-upload-'));
  try {
    const packed = await packSource(target.path, join(folder, 'source.tar.gz'), signal, (count) => progress.update(2, packingStep(count)));
    if (packed.skipped.length > 0) progress.note(skippedNote(packed.skipped));
    const checkout = await describeCheckout(target.path, options.env);
    const git = { url: '', branch: options.branch || checkout.branch, commit: options.commit || checkout.commit };
    const created = await createScan(server, {
      ...ids,
      scanTypes: options.types,
      git,
      upload: { sizeBytes: packed.sizeBytes, sha256: packed.sha256, filename: 'source.tar.gz' },
    });
    const size = `${packed.fileCount} files, ${formatBytes(packed.sizeBytes)}`;
    return await startOrCancel(server, created.scan!.id, () =>
      upload(packed, created.uploadUrl, created.uploadHeaders, signal, (sent) =>
        progress.update(4 + (6 * sent) / packed.sizeBytes, `uploading ${size}`),
      ),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts the scan once its source is there; a scan that cannot start does not stay behind. */
async function startOrCancel(server: ServerClients, id: string, bringSource: () => Promise<void>): Promise<string> {
  try {
    await bringSource();
    await server.scans.call('startScan', { id }, patient);
    return id;
  } catch (error) {
    await server.scans.call('cancelScan', { id }, patient).catch(() => undefined);
    throw error;
  }
}

/** Shows the scan's events until it has ended. */
async function follow(server: ServerClients, scanId: string, progress: ProgressView): Promise<void> {
  for await (const event of watchScan(server, scanId, new AbortController().signal)) {
    const status = statusOf(event.toStatus);
    if (isTerminal(status)) return;
    const step = event.progress === undefined ? status : event.progress.message || event.progress.step;
    // Packing and uploading were the first tenth.
    progress.update(10 + 0.9 * (event.progress?.percent ?? 0), event.attempt > 1 ? `${step} (attempt ${event.attempt})` : step);
  }
}

async function report(server: ServerClients, scan: wire.Scan, options: ScanOptions, progress: ProgressView): Promise<ExitCode> {
  const status = statusOf(scan.status);
  const { red, yellow } = styleOf(process.stderr).colours;
  if (hasResult(scan, options.format)) await writeResult(await resultOf(server, scan, options), options.output);
  // The table says it by itself.
  const isShown = options.format === 'table' && options.output === undefined;
  for (const tool of isShown ? [] : scan.tools.filter(hasFailed)) progress.note(yellow(visible(`${tool.name}: ${tool.errorMessage}`)));
  if (status !== 'completed') {
    progress.note(red(`the scan ${status === 'cancelled' ? 'was cancelled' : `failed: ${visible(scan.errorMessage)}`}`));
    return exitCodes.scanFailed;
  }
  if (options.output !== undefined) progress.note(`${summaryLine(scan, styleOf(process.stderr))}; written to ${options.output}`);
  return reaches(scan, options.failOn) ? exitCodes.findings : exitCodes.clean;
}

/** A scan that did not complete has none, except in JSON, whose reader finds the status in it. */
function hasResult(scan: wire.Scan, format: OutputFormat): boolean {
  return format === 'json' || (statusOf(scan.status) === 'completed' && (format === 'table' || scan.resultsArtifactId !== ''));
}

function hasFailed(tool: wire.ToolRun): boolean {
  const status = toolStatusOnWire.fromWire(tool.status);
  return status !== null && status !== undefined && hasToolFailed({ status });
}

/** Whether a finding stands at or above the threshold. */
export function reaches(scan: wire.Scan, failOn: Severity | 'never'): boolean {
  return failOn !== 'never' && severities.some((severity) => isAtLeast(severity, failOn) && (scan.findingsBySeverity[severity] ?? 0) > 0);
}

async function resultOf(
  server: ServerClients,
  scan: wire.Scan,
  options: ScanOptions,
): Promise<Iterable<string> | AsyncIterable<string | Uint8Array>> {
  switch (options.format) {
    case 'json':
      return jsonResult(scanView(scan), scan.tools.map(toolView), views(allFindings(server, scan.id)));
    case 'sarif':
      return downloadSarif(server, scan.id);
    case 'table':
      return tableResult(server, scan, options);
  }
}

async function* views(findings: AsyncIterable<wire.Finding>): AsyncGenerator<object> {
  for await (const finding of findings) yield findingView(finding);
}

async function downloadSarif(server: ServerClients, scanId: string): Promise<AsyncIterable<Uint8Array>> {
  const { downloadUrl } = await server.scans.call('getDownloadUrl', { scanId, type: 0 }, patient);
  const response = await request(downloadUrl);
  if (response.statusCode !== 200) throw new UsageError(`the SARIF log could not be downloaded: HTTP ${response.statusCode}`);
  return response.body;
}

async function* tableResult(server: ServerClients, scan: wire.Scan, options: ScanOptions): AsyncGenerator<string> {
  const style = options.output === undefined ? styleOf(process.stdout) : plainStyle;
  const shown: wire.Finding[] = [];
  for await (const finding of allFindings(server, scan.id)) {
    if (shown.length === options.limit) break;
    shown.push(finding);
  }
  if (shown.length > 0) yield `${findingsTable(shown, style)}\n\n`;
  const hidden = scan.totalFindings - shown.length;
  if (hidden > 0) yield style.colours.dim(`… and ${hidden} more: raise --limit, or use --format json\n\n`);
  if (scan.tools.length > 0) yield `${toolsTable(scan.tools, style)}\n\n`;
  yield `${style.colours.bold(summaryLine(scan, style))}\n`;
}

function defaultProject(target: Target): string {
  const name = target.kind === 'folder' ? basename(target.path) : basename(target.url.replace(/[/:]+$/, '')).replace(/\.git$/, '');
  return name === '' ? 'default' : name.slice(0, 200);
}

/** Changes seldom, since each change is a line where there is no bar. */
function packingStep(files: number): string {
  const counted = files - (files % 5000);
  return counted === 0 ? 'packing' : `packing, ${counted} files so far`;
}

function skippedNote(skipped: readonly { readonly path: string; readonly why: string }[]): string {
  const first = skipped[0]!;
  const more = skipped.length > 1 ? `, and ${skipped.length - 1} more` : '';
  return `left out: ${visible(first.path)} ${first.why}${more}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const [value, unit] = bytes < 1024 ** 2 ? [bytes / 1024, 'KiB'] : [bytes / 1024 ** 2, 'MiB'];
  return `${value.toFixed(1)} ${unit}`;
}
