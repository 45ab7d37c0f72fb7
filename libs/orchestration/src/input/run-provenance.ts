import type { RunProvenance } from '@cloudscan/domain';
import type { RequestReader } from './request-reader.ts';

const commitForm = { pattern: /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, description: 'the full name of a commit, 40 or 64 hexadecimal digits' };

/** Reads what a run says that it has read; null from runners that do not say. */
export function readRunProvenance(reader: RequestReader, given: RunProvenance | null): RunProvenance | null {
  if (given === null) return null;
  const provenance = {
    sourceSha256: reader.sha256('provenance.source_sha256', given.sourceSha256),
    gitCommit: reader.text('provenance.git_commit', given.gitCommit, { max: 64, form: commitForm }),
    runnerVersion: reader.line('provenance.runner_version', given.runnerVersion, { max: 100 }),
  };
  if ((provenance.sourceSha256 === '') === (provenance.gitCommit === '')) {
    reader.wrong('provenance', 'must hold one of source_sha256 and git_commit');
  }
  return provenance;
}
