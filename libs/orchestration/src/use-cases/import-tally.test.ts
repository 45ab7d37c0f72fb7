import type { FindingDraft, Severity } from '@cloudscan/domain';
import test from 'ava';
import type { SarifLogResult, SarifLogRun } from '../ports/sarif-logs.ts';
import { mostSevere, RunTally } from './import-tally.ts';

const run: SarifLogRun = {
  tool: { name: 'CodeQL', version: '2', rulesVersion: '', status: 'succeeded', durationMs: 0, exitCode: 0, errorMessage: '', evidence: '' },
  resultsCount: 0,
  git: { url: '', branch: '', commit: '' },
};

const draft: FindingDraft = {
  scanType: 'sast',
  toolName: 'CodeQL',
  toolVersion: '2',
  ruleId: 'js/xss',
  severity: 'medium',
  title: 'Reflected text',
  description: '',
  filePath: 'src/a.js',
  startLine: 1,
  endLine: 1,
  startColumn: 0,
  endColumn: 0,
  codeSnippet: '',
  cveId: '',
  cweId: '',
  cvssScore: 0,
  cvssVector: '',
  packageName: '',
  packageVersion: '',
  fixedVersion: '',
  license: '',
  licenseCategory: '',
  remediation: '',
  references: [],
  rawOutput: '',
  fingerprint: 'a'.repeat(64),
};

function result(resultIndex: number, change: Partial<FindingDraft> = {}, fields: Partial<SarifLogResult> = {}): SarifLogResult {
  const plain = { moreLocations: 0, isSuppressed: false, isAbsent: false, isPass: false };
  return { runIndex: 0, resultIndex, draft: { ...draft, ...change }, ...plain, ...fields };
}

function counts(critical: number, high: number, medium: number, low: number, info: number): Record<Severity, number> {
  return { critical, high, medium, low, info };
}

test('the most severe are kept, down to the severity at which the room ends', (t) => {
  t.deepEqual(mostSevere(counts(1, 2, 3, 4, 5), 5), counts(1, 2, 2, 0, 0));
  t.deepEqual(mostSevere(counts(9, 2, 3, 4, 5), 5), counts(5, 0, 0, 0, 0));
  t.deepEqual(mostSevere(counts(0, 0, 0, 0, 2), 5), counts(0, 0, 0, 0, 2));
});

test('of one severity the first are kept, and the first that is not is named', (t) => {
  const tally = new RunTally(run, 3, counts(0, 1, 1, 0, 0));
  const severities: Severity[] = ['low', 'medium', 'high', 'medium', 'high'];
  const taken = severities.map((severity, index) => tally.take(result(index, { severity })) !== null);
  t.deepEqual(taken, [false, true, true, false, false]);
  t.like(tally.summary, { results: 5, kept: 2 });
  t.deepEqual(tally.cuts, [{ kind: 'results', runIndex: 3, count: 3, limit: 2, firstPath: '$.runs[3].results[0]' }]);
});

test('every result is counted once, and what is no finding takes no room', (t) => {
  const tally = new RunTally(run, 0, counts(0, 0, 1, 0, 0));
  tally.take(result(0, {}, { isSuppressed: true, isAbsent: true, isPass: true }));
  tally.take(result(1, {}, { isAbsent: true, isPass: true }));
  tally.take(result(2, {}, { isPass: true }));
  t.not(tally.take(result(3)), null);
  t.deepEqual(tally.summary, { toolName: 'CodeQL', toolVersion: '2', results: 4, kept: 1, suppressed: 1, absent: 1, passed: 1 });
  t.deepEqual(tally.cuts, []);
});

test('places after the first and texts that had to be shortened are named', (t) => {
  const tally = new RunTally(run, 0, null);
  tally.take(result(0));
  tally.take(result(1, {}, { moreLocations: 4 }));
  const shortened = tally.take(result(2, { description: 'x'.repeat(30_000) }));
  tally.take(result(3, { references: Array.from({ length: 101 }, () => 'https://example.com') }));
  tally.take(result(4, {}, { moreLocations: 1 }));
  t.is(shortened!.description.length, 20_000);
  t.deepEqual(tally.cuts, [
    { kind: 'locations', runIndex: 0, count: 5, limit: 1, firstPath: '$.runs[0].results[1]' },
    { kind: 'texts', runIndex: 0, count: 2, limit: 0, firstPath: '$.runs[0].results[2]' },
  ]);
});

test('the type of a run is that of most of its findings', (t) => {
  const tally = new RunTally(run, 0, null);
  for (const [index, scanType] of (['secrets', 'sca', 'sca'] as const).entries()) tally.take(result(index, { scanType }));
  t.deepEqual(tally.scanTypes, ['sca', 'secrets']);
});
