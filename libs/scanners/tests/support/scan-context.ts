import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { FindingDraft } from '@cloudscan/domain';
import type { ScanContext } from '../../src/scanner.ts';

/** A scan of an empty folder, and what it reported. */
export async function scanContext(t: ExecutionContext, overrides: Partial<ScanContext> = {}) {
  const workDir = await mkdtemp(join(tmpdir(), 'scanner-'));
  t.teardown(() => rm(workDir, { recursive: true, force: true }));
  const findings: FindingDraft[] = [];
  const progress: number[] = [];
  const context: ScanContext = {
    sourceDir: workDir,
    workDir,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    onFinding: async (finding) => void findings.push(finding),
    onProgress: (fraction) => void progress.push(fraction),
    ...overrides,
  };
  return { context, findings, progress };
}
