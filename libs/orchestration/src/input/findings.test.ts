import test from 'ava';
import { aFindingDraft } from '@cloudscan/testing';
import { clip } from './clip.ts';
import { readFindings } from './findings.ts';
import { readRequest } from './request-reader.ts';

function read(finding: Parameters<typeof aFindingDraft>[0]) {
  return readRequest((reader) => readFindings(reader, [aFindingDraft(finding)]))[0]!;
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
  const of = (finding: Parameters<typeof aFindingDraft>[0]) => read({ ...finding, fingerprint: '' }).fingerprint;
  t.regex(of({}), /^[0-9a-f]{64}$/);
  t.is(of({ startLine: 1 }), of({ startLine: 99, codeSnippet: `  ${aFindingDraft().codeSnippet}\n` }));
  t.not(of({}), of({ codeSnippet: 'other' }));
  t.not(of({}), of({ ruleId: 'other' }));
  t.not(of({}), of({ filePath: 'other' }));
});

test('keeps the fingerprint of the runner', (t) => {
  t.is(read({ fingerprint: 'abcdef0123456789' }).fingerprint, 'abcdef0123456789');
});
