import type { scan as wire } from '@cloudscan/contracts';
import { scanStatusOnWire, scanTypeOnWire, severityOnWire, toolStatusOnWire } from '@cloudscan/grpc';
import { severities } from '@cloudscan/domain';
import type { Severity } from '@cloudscan/domain';
import Table from 'cli-table3';
import pc from 'picocolors';

const severityColours: Record<Severity, (text: string) => string> = {
  critical: (text) => pc.bold(pc.magenta(text)),
  high: pc.red,
  medium: pc.yellow,
  low: pc.cyan,
  info: pc.dim,
};

/** Rules between rows cost lines and show nothing. */
const plainStyle = {
  chars: {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  },
  style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
};

export interface FindingsTableOptions {
  /** Columns of the terminal; long texts are cut to fit. */
  readonly width: number;
}

/** The findings as they come (most severe first), one row each. */
export function findingsTable(findings: readonly wire.Finding[], { width }: FindingsTableOptions): string {
  const rows = findings.map((finding) => [
    severityLabel(finding.severity),
    scanTypeOnWire.fromWire(finding.scanType) ?? '',
    visible(locationOf(finding)),
    titleOf(finding),
  ]);
  const locationWidth = Math.min(Math.max(8, ...rows.map((row) => row[2]!.length)), Math.max(20, Math.floor(width * 0.4)));
  const titleWidth = Math.max(20, width - 8 - 7 - locationWidth - 6);
  const table = new Table({ ...plainStyle, head: ['SEVERITY', 'TYPE', 'LOCATION', 'FINDING'].map((title) => pc.bold(title)) });
  for (const [severity, type, location, title] of rows)
    table.push([severity!, type!, cutStart(location!, locationWidth), cutEnd(title!, titleWidth)]);
  return trimLines(table.toString());
}

/** One row per scan, newest first. */
export function scansTable(scans: readonly wire.Scan[]): string {
  const table = new Table({ ...plainStyle, head: ['SCAN', 'STATUS', 'CREATED', 'C/H/M/L', 'SOURCE'].map((title) => pc.bold(title)) });
  for (const scan of scans)
    table.push([scan.id, statusLabel(scan), scan.createdAt?.toISOString() ?? '', countsLabel(scan), sourceOf(scan)]);
  return trimLines(table.toString());
}

/** One row per tool: what it was, how it went, what it found. */
export function toolsTable(tools: readonly wire.ToolRun[]): string {
  const table = new Table({ ...plainStyle, head: ['TOOL', 'VERSION', 'STATUS', 'TIME', 'FINDINGS'].map((title) => pc.bold(title)) });
  for (const tool of tools) {
    const status = toolStatusOnWire.fromWire(tool.status) ?? 'unknown';
    const colour = status === 'succeeded' ? pc.green : status === 'skipped' ? pc.dim : pc.red;
    table.push([tool.name, tool.version, colour(status), `${(Number(tool.durationMs) / 1000).toFixed(1)} s`, String(tool.findingsCount)]);
  }
  const problems = tools.filter(({ errorMessage }) => errorMessage !== '').map(({ name, errorMessage }) => `  ${name}: ${errorMessage}`);
  return [trimLines(table.toString()), ...problems].join('\n');
}

/** The counts, as one line. */
export function summaryLine(scan: wire.Scan): string {
  const parts = severities.map((severity) => severityColours[severity](`${scan.findingsBySeverity[severity] ?? 0} ${severity}`));
  return `${scan.totalFindings} ${scan.totalFindings === 1 ? 'finding' : 'findings'}: ${parts.join(', ')}`;
}

/** A scan with everything that a person asks about. */
export function scanDetails(scan: wire.Scan): string {
  const lines = [
    `${pc.bold('scan')}      ${scan.id}`,
    `${pc.bold('status')}    ${statusLabel(scan)}${scan.queuePosition > 0 ? ` (place ${scan.queuePosition} in the queue)` : ''}`,
    `${pc.bold('types')}     ${scan.scanTypes.map((type) => scanTypeOnWire.fromWire(type)).join(', ')}`,
    `${pc.bold('source')}    ${sourceOf(scan)}`,
    `${pc.bold('attempt')}   ${scan.attempt}`,
    `${pc.bold('created')}   ${scan.createdAt?.toISOString() ?? ''}`,
    `${pc.bold('completed')} ${scan.completedAt?.toISOString() ?? '-'}`,
    `${pc.bold('findings')}  ${summaryLine(scan)}`,
  ];
  if (scan.errorMessage !== '') lines.push(`${pc.bold('error')}     ${scan.errorMessage}`);
  if (scan.failureEvidence?.logTail) lines.push('', scan.failureEvidence.logTail);
  if (scan.tools.length > 0) lines.push('', toolsTable(scan.tools));
  return lines.join('\n');
}

function severityLabel(value: number): string {
  const severity = severityOnWire.fromWire(value);
  return severity ? severityColours[severity](severity) : 'unknown';
}

function statusLabel(scan: wire.Scan): string {
  const status = scanStatusOnWire.fromWire(scan.status) ?? 'unknown';
  if (status === 'completed') return pc.green(status);
  return status === 'failed' || status === 'cancelled' ? pc.red(status) : pc.yellow(status);
}

function countsLabel(scan: wire.Scan): string {
  const counts = scan.findingsBySeverity;
  return [counts.critical, counts.high, counts.medium, counts.low].map((count) => count ?? 0).join('/');
}

function sourceOf(scan: wire.Scan): string {
  if (scan.gitUrl === '') return 'upload';
  return [scan.gitUrl, scan.gitBranch, scan.gitCommit.slice(0, 12)].filter((part) => part !== '').join(' ');
}

function locationOf(finding: wire.Finding): string {
  return finding.lineNumber > 0 ? `${finding.filePath}:${finding.lineNumber}` : finding.filePath;
}

function titleOf(finding: wire.Finding): string {
  return visible(
    [finding.title, finding.cveId !== '' && !finding.title.includes(finding.cveId) ? `(${finding.cveId})` : '']
      .filter((part) => part !== '')
      .join(' '),
  );
}

function cutEnd(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** The end of a path says more than its start. */
function cutStart(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(text.length - width + 1)}`;
}

/** Names come from the scanned source: control characters would let it write to the user's terminal. */
function visible(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}
