import { DomainError, scanTypes } from '@cloudscan/domain';
import type { ScanSource, ScanType, ToolRun } from '@cloudscan/domain';
import { clip, clipStart } from '../input/clip.ts';
import { readGitCommit, readGitRef, readGitUrl } from '../input/git-source.ts';
import { readRequest } from '../input/request-reader.ts';
import type { RequestReader } from '../input/request-reader.ts';
import { maxEvidence } from '../input/tool-runs.ts';
import type { CompleteImportCommand } from '../ports/import-repository.ts';
import type { SarifLogRun } from '../ports/sarif-logs.ts';
import { failureOf } from './complete-scan.ts';
import type { RunTally } from './import-tally.ts';
import type { ScanPolicy } from './ports.ts';

/** What the caller said of the scan. */
interface Said {
  readonly git: { readonly url: string | null; readonly branch: string | null; readonly commit: string | null };
  readonly scanType: ScanType | null;
}

/** What an imported scan holds beside its findings. */
export function resultOf(
  policy: ScanPolicy,
  said: Said,
  runs: readonly SarifLogRun[],
  tallies: readonly RunTally[],
): Pick<CompleteImportCommand, 'scanTypes' | 'source' | 'tools' | 'failure'> {
  const tools = runs.map((run, index) => toolOf(run, tallies[index]!, said.scanType));
  const types = new Set([...tools.map(({ scanType }) => scanType), ...tallies.flatMap((tally) => tally.scanTypes)]);
  return {
    scanTypes: scanTypes.filter((type) => types.has(type)),
    source: sourceOf(said, runs, policy),
    tools,
    failure: failureOf(tools, policy.partialResults),
  };
}

function toolOf({ tool }: SarifLogRun, tally: RunTally, scanType: ScanType | null): ToolRun {
  return {
    name: oneLine(tool.name, 100) || 'unnamed',
    version: oneLine(tool.version, 100),
    scanType: tally.scanTypes[0] ?? scanType ?? 'sast',
    status: tool.status,
    durationMs: tool.durationMs,
    findingsCount: tally.summary.kept,
    // Windows counts to 2 ** 32.
    exitCode: tool.exitCode | 0,
    errorMessage: clip(tool.errorMessage, 2000),
    rulesVersion: oneLine(tool.rulesVersion, 200),
    evidence: clipStart(tool.evidence, maxEvidence),
  };
}

/** What the request leaves open the log may say; what may not be stored or shown of that is left out. */
function sourceOf({ git }: Said, runs: readonly SarifLogRun[], { gitProtocols }: ScanPolicy): ScanSource {
  const logged = runs.map((run) => run.git).find(({ url }) => url !== '') ?? { url: '', branch: '', commit: '' };
  return {
    artifactId: null,
    gitUrl: git.url ?? acceptable((reader) => readGitUrl(reader, 'git_url', logged.url, gitProtocols)),
    gitBranch: git.branch ?? acceptable((reader) => readGitRef(reader, 'git_branch', logged.branch)),
    gitCommit: git.commit ?? acceptable((reader) => readGitCommit(reader, 'git_commit', logged.commit)),
  };
}

function acceptable(read: (reader: RequestReader) => string | null): string | null {
  try {
    return readRequest(read);
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}

function oneLine(text: string, max: number): string {
  return clip(text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim(), max);
}
