import test from 'ava';
import { FileFingerprints, fingerprintOf } from './fingerprint.ts';
import { snippetOf } from './snippet.ts';
import { Suppressions } from './suppressions.ts';

test('a fingerprint does not change with indentation or line breaks, and does with rule, path and text', (t) => {
  const parts = { ruleId: 'r', filePath: 'a.js', text: 'eval(\n    x)', occurrence: 0 };
  const fingerprint = fingerprintOf(parts);
  t.regex(fingerprint, /^[0-9a-f]{64}$/);
  t.is(fingerprintOf({ ...parts, text: '  eval( x)' }), fingerprint);
  for (const other of [{ ruleId: 's' }, { filePath: 'b.js' }, { text: 'eval(y)' }, { occurrence: 1 }]) {
    t.not(fingerprintOf({ ...parts, ...other }), fingerprint);
  }
});

test('the recipe of fingerprints stays as it is: what was dismissed stays dismissed', (t) => {
  t.is(
    fingerprintOf({ ruleId: 'js-eval', filePath: 'a.js', text: 'eval(x)', occurrence: 0 }),
    'a88167bab619fa65314929dcc5ef8f4a261f555bade5001cbdb74171994aa46f',
  );
});

test('equal findings of one file are told apart by their order', (t) => {
  const fingerprints = new FileFingerprints('a.js');
  const [first, second] = [fingerprints.next('r', 'x'), fingerprints.next('r', 'x')];
  t.not(first, second);
  t.is(new FileFingerprints('a.js').next('r', 'x'), first);
});

test('a snippet holds the lines without their common indentation', (t) => {
  t.is(snippetOf(['a', '    b(', '      c)', 'd'], 2, 3), 'b(\n  c)');
});

test('a snippet is cut after eight lines and two hundred characters', (t) => {
  const lines = Array.from({ length: 20 }, (_, index) => `${index}${'x'.repeat(300)}`);
  const snippet = snippetOf(lines, 1, 20).split('\n');
  t.is(snippet.length, 9);
  t.is(snippet[8], '…');
  t.is(snippet[0]!.length, 201);
});

test('a comment behind code speaks for its line, one of its own for the next', (t) => {
  const suppressions = new Suppressions([
    'x; // cloudscan-ignore',
    '# cloudscan-ignore js-eval: checked by hand',
    'y',
    'const s = "cloudscan-ignore";',
  ]);
  t.true(suppressions.covers(1, 'js-eval'));
  t.false(suppressions.covers(2, 'js-eval'));
  t.true(suppressions.covers(3, 'js-eval'));
  t.false(suppressions.covers(3, 'js-ssrf'));
  t.false(suppressions.covers(4, 'js-eval'));
});

test('several rules can be named, and a reason beside them', (t) => {
  const suppressions = new Suppressions(['x /* cloudscan-ignore js-eval, js-ssrf the input is ours */']);
  t.true(suppressions.covers(1, 'js-eval'));
  t.true(suppressions.covers(1, 'js-ssrf'));
  t.false(suppressions.covers(1, 'js-weak-hash'));
});
