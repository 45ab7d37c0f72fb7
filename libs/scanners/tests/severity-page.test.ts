import { readFileSync } from 'node:fs';
import test from 'ava';
import { severityPage } from './support/severity-page.ts';

test('docs/SEVERITY.md says what the code does', (t) => {
  t.is(readFileSync(new URL('../../../docs/SEVERITY.md', import.meta.url), 'utf8'), severityPage());
});
