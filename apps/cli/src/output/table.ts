import { scan as wire } from '@cloudscan/contracts';
import { scanStatusOnWire, scanTypeOnWire, severityOnWire, toolStatusOnWire } from '@cloudscan/grpc';
import { severities } from '@cloudscan/domain';
import type { Severity } from '@cloudscan/domain';
import Table from 'cli-table3';
import { visible, visibleLines } from './text-style.ts';
import type { Colours, TextStyle } from './text-style.ts';

function inSeverityColour(severity: Severity, text: string, colours: Colours): string {
  switch (severity) {
    case 'critical':
      return colours.bold(colours.magenta(text));
    case 'high':
      return colours.red(text);
    case 'medium':
      return colours.yellow(text);
    case 'low':
      return colours.cyan(text);
    case 'info':
      return colours.dim(text);
  }
}

/** Rules between rows cost lines and show nothing. */
export const withoutRules = {
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

/** The findings as they come (most severe first), one row each; long texts are cut to fit. */
export function findingsTable(findings: readonly wire.Finding[], { width, colours }: TextStyle): string {
  const rows = findings.map((finding) => [
    severityLabel(finding.severity, colours),
    scanTypeOnWire.fromWire(finding.scanType) ?? '',
    visible(locationOf(finding)),
    titleOf(finding),
  ]);
  const locationWidth = Math.min(Math.max(8, ...rows.map((row) => row[2]!.length)), Math.max(20, Math.floor(width * 0.4)));
  const titleWidth = Math.max(20, width - 8 - 7 - locationWidth - 6);
  const table = new Table({ ...withoutRules, head: ['SEVERITY', 'TYPE', 'LOCATION', 'FINDING'].map((title) => colours.bold(title)) });
  for (const [severity, type, location, title] of rows)
    table.push([severity!, type!, cutStart(location!, locationWidth), cutEnd(title!, titleWidth)]);
  return trimLines(table.toString());
}

/** One row per scan, newest first. */
export function scansTable(scans: readonly wire.Scan[], { colours }: TextStyle): string {
  const table = new Table({
    ...withoutRules,
    head: ['SCAN', 'STATUS', 'CREATED', 'C/H/M/L', 'SOURCE'].map((title) => colours.bold(title)),
  });
  for (const scan of scans)
    table.push([scan.id, statusLabel(scan, colours), scan.createdAt?.toISOString() ?? '', countsLabel(scan), sourceOf(scan)]);
  return trimLines(table.toString());
}

/** One row per tool: what it was, how it went, what it found. */
export function toolsTable(tools: readonly wire.ToolRun[], { colours }: TextStyle): string {
  const table = new Table({ ...withoutRules, head: ['TOOL', 'VERSION', 'STATUS', 'TIME', 'FINDINGS'].map((title) => colours.bold(title)) });
  for (const tool of tools) {
    const status = toolStatusOnWire.fromWire(tool.status) ?? 'unknown';
    const colour = status === 'succeeded' ? colours.green : status === 'skipped' ? colours.dim : colours.red;
    const time = `${(Number(tool.durationMs) / 1000).toFixed(1)} s`;
    table.push([visible(tool.name), visible(tool.version), colour(status), time, String(tool.findingsCount)]);
  }
  const problems = tools
    .filter(({ errorMessage }) => errorMessage !== '')
    .map(({ name, errorMessage }) => `  ${visible(name)}: ${visible(errorMessage)}`);
  return [trimLines(table.toString()), ...problems].join('\n');
}

/** One row per run of an imported log: what became of its results. */
export function importedRunsTable(runs: readonly wire.ImportedRun[], { colours }: TextStyle): string {
  const head = ['TOOL', 'VERSION', 'RESULTS', 'FINDINGS', 'SUPPRESSED', 'ABSENT', 'PASSED'].map((title) => colours.bold(title));
  const table = new Table({ ...withoutRules, head });
  for (const run of runs) {
    const counts = [run.results, run.kept, run.suppressed, run.absent, run.passed].map(String);
    table.push([visible(run.toolName), visible(run.toolVersion), ...counts]);
  }
  return trimLines(table.toString());
}

/** One line for each thing that an imported log holds and its findings do not. */
export function cutLines(cuts: readonly wire.ImportCut[], runs: readonly wire.ImportedRun[]): readonly string[] {
  return cuts.map((cut) => `  ${visible(runs[cut.runIndex]?.toolName ?? '')}: ${cutText(cut)}, first at ${visible(cut.firstPath)}`);
}

function cutText({ kind, count, limit }: wire.ImportCut): string {
  switch (kind) {
    case wire.ImportCutKind.IMPORT_CUT_KIND_RESULTS:
      return `${count} results left out, since the ${limit} most severe are kept`;
    case wire.ImportCutKind.IMPORT_CUT_KIND_LOCATIONS:
      return `${count} further places left out, since a finding has ${limit}`;
    case wire.ImportCutKind.IMPORT_CUT_KIND_TEXTS:
      return `${count} findings whose texts were shortened`;
    case wire.ImportCutKind.IMPORT_CUT_KIND_UNSPECIFIED:
      return `${count} left out`;
  }
}

/** The counts, as one line. */
export function summaryLine(scan: wire.Scan, { colours }: TextStyle): string {
  const parts = severities.map((severity) => inSeverityColour(severity, `${scan.findingsBySeverity[severity] ?? 0} ${severity}`, colours));
  return `${scan.totalFindings} ${scan.totalFindings === 1 ? 'finding' : 'findings'}: ${parts.join(', ')}`;
}

/** A scan with everything that a person asks about. */
export function scanDetails(scan: wire.Scan, style: TextStyle): string {
  const { bold } = style.colours;
  const lines = [
    `${bold('scan')}      ${scan.id}`,
    `${bold('status')}    ${statusLabel(scan, style.colours)}${scan.queuePosition > 0 ? ` (place ${scan.queuePosition} in the queue)` : ''}`,
    `${bold('types')}     ${scan.scanTypes.map((type) => scanTypeOnWire.fromWire(type)).join(', ')}`,
    `${bold('source')}    ${sourceOf(scan)}`,
    `${bold('attempt')}   ${scan.attempt}`,
    `${bold('created')}   ${scan.createdAt?.toISOString() ?? ''}`,
    `${bold('completed')} ${scan.completedAt?.toISOString() ?? '-'}`,
    `${bold('findings')}  ${summaryLine(scan, style)}`,
  ];
  if (scan.errorMessage !== '') lines.push(`${bold('error')}     ${visible(scan.errorMessage)}`);
  if (scan.failureEvidence !== undefined) lines.push(...evidenceLines(scan.failureEvidence, bold));
  if (scan.tools.length > 0) lines.push('', toolsTable(scan.tools, style));
  for (const { name, evidence } of scan.tools)
    if (evidence !== '') lines.push('', bold(`evidence of ${visible(name)}`), visibleLines(evidence));
  return lines.join('\n');
}

/** What the platform saw of the end, in its own words. */
function evidenceLines({ exitCode, signal, condition, message, logTail }: wire.FailureEvidence, bold: (text: string) => string): string[] {
  const seen = [condition, message, signal, exitCode === 0 ? '' : `exit code ${exitCode}`].filter((part) => part !== '');
  return [
    ...(seen.length > 0 ? [`${bold('evidence')}  ${visible(seen.join(', '))}`] : []),
    ...(logTail === '' ? [] : ['', visibleLines(logTail)]),
  ];
}

function severityLabel(value: number, colours: Colours): string {
  const severity = severityOnWire.fromWire(value);
  return severity ? inSeverityColour(severity, severity, colours) : 'unknown';
}

function statusLabel(scan: wire.Scan, colours: Colours): string {
  const status = scanStatusOnWire.fromWire(scan.status) ?? 'unknown';
  if (status === 'completed') return scan.partial ? colours.yellow('completed in part') : colours.green(status);
  return status === 'failed' || status === 'cancelled' ? colours.red(status) : colours.yellow(status);
}

function countsLabel(scan: wire.Scan): string {
  const counts = scan.findingsBySeverity;
  return [counts.critical, counts.high, counts.medium, counts.low].map((count) => count ?? 0).join('/');
}

function sourceOf(scan: wire.Scan): string {
  if (scan.gitUrl === '') return 'upload';
  return visible([scan.gitUrl, scan.gitBranch, scan.gitCommit.slice(0, 12)].filter((part) => part !== '').join(' '));
}

function locationOf(finding: wire.Finding): string {
  return finding.lineNumber > 0 ? `${finding.filePath}:${finding.lineNumber}` : finding.filePath;
}

/** The CVE first: a long title is cut at its end. */
function titleOf({ title, cveId }: wire.Finding): string {
  return visible(cveId === '' || title.includes(cveId) ? title : `${cveId} ${title}`);
}

function cutEnd(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** The end of a path says more than its start. */
function cutStart(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(text.length - width + 1)}`;
}

export function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}
