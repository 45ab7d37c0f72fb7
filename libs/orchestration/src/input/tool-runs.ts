import { scanTypes, toolStatuses } from '@cloudscan/domain';
import type { ScanType, ToolRun, ToolStatus } from '@cloudscan/domain';
import { clip, clipStart } from './clip.ts';
import type { Given, RequestReader } from './request-reader.ts';

/** A tool's run as a runner sends it. */
export interface GivenToolRun extends Omit<ToolRun, 'scanType' | 'status'> {
  readonly scanType: Given<ScanType>;
  readonly status: Given<ToolStatus>;
}

const maxTools = 100;
export const maxEvidence = 4096;
const maxInteger = 2 ** 31 - 1;

/** Reads what the tools of a run did. At least one must have been there: a scan without any has looked at nothing. */
export function readToolRuns(reader: RequestReader, given: readonly GivenToolRun[]): ToolRun[] {
  if (given.length === 0) reader.wrong('tools', 'is empty; name every tool of the run, those that failed or had nothing to read too');
  if (given.length > maxTools) {
    reader.wrong('tools', `holds ${given.length} runs; at most ${maxTools} are allowed`);
    return [];
  }
  return given.map((run, index) => {
    const field = `tools[${index}]`;
    return {
      name: reader.line(`${field}.name`, run.name, { max: 100, required: true }),
      version: reader.line(`${field}.version`, run.version, { max: 100 }),
      scanType: reader.member(`${field}.scan_type`, run.scanType, scanTypes),
      status: reader.member(`${field}.status`, run.status, toolStatuses),
      durationMs: reader.integer(`${field}.duration_ms`, run.durationMs, { min: 0, max: Number.MAX_SAFE_INTEGER }),
      findingsCount: reader.integer(`${field}.findings_count`, run.findingsCount, { min: 0, max: maxInteger }),
      exitCode: reader.integer(`${field}.exit_code`, run.exitCode, { min: -maxInteger, max: maxInteger }),
      errorMessage: clip(run.errorMessage, 2000),
      rulesVersion: reader.line(`${field}.rules_version`, run.rulesVersion, { max: 200 }),
      evidence: clipStart(run.evidence, maxEvidence),
    };
  });
}
