import type { FindingDraft } from '@cloudscan/domain';
import test from 'ava';
import { clip } from './clip.ts';
import { readFindings } from './findings.ts';
import type { GivenFinding } from './findings.ts';
import { readRequest } from './request-reader.ts';

const given: GivenFinding = {
  scanType: 'sast',
  toolName: 'semgrep',
  toolVersion: '1.0.0',
  ruleId: 'sql-injection',
  severity: 'high',
  title: 'SQL built from user input',
  description: '',
  filePath: 'src/orders.js',
  startLine: 12,
  endLine: 12,
  startColumn: 3,
  endColumn: 48,
  codeSnippet: 'db.query("SELECT * FROM orders WHERE id = " + id)',
  cveId: '',
  cweId: 'CWE-89',
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
  fingerprint: '',
};

function read(change: Partial<GivenFinding>): FindingDraft {
  return readRequest((reader) => readFindings(reader, [{ ...given, ...change }]))[0]!;
}

test('shortens text that a person reads instead of refusing the batch', (t) => {
  const { description, title } = read({ description: 'x'.repeat(100_000), title: 'a\0b' });
  t.is(description.length, 20_000);
  t.true(description.endsWith('…'));
  t.is(title, 'a\uFFFDb');
});

test('never cuts a character in two', (t) => {
  t.is(clip('ab😀', 4), 'ab😀');
  t.is(clip('ab😀cd', 4), 'ab…');
});

test('leaves out a tool record that is no JSON or too large', (t) => {
  t.is(read({ rawOutput: '{"a":1}' }).rawOutput, '{"a":1}');
  t.is(read({ rawOutput: 'not json' }).rawOutput, '');
  t.is(read({ rawOutput: JSON.stringify('ä'.repeat(10_000)) }).rawOutput, '');
});

test('gives a finding without a fingerprint one that survives a move within the file, but not a change of the code', (t) => {
  const of = (change: Partial<GivenFinding>) => read(change).fingerprint;
  t.regex(of({}), /^[0-9a-f]{64}$/);
  t.is(of({ startLine: 1 }), of({ startLine: 99, codeSnippet: `  ${given.codeSnippet}\n` }));
  t.not(of({}), of({ codeSnippet: 'other' }));
  t.not(of({}), of({ ruleId: 'other' }));
  t.not(of({}), of({ filePath: 'other' }));
});

test('keeps the fingerprint of the runner', (t) => {
  t.is(read({ fingerprint: 'abcdef0123456789' }).fingerprint, 'abcdef0123456789');
});
