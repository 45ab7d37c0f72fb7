import { readFileSync } from 'node:fs';
import { parse } from '@ast-grep/napi';
import test from 'ava';
import { analyse } from './analyse.ts';
import { dialects } from './languages.ts';
import { owaspCategories } from './rule.ts';
import type { OwaspCategory, SastRule } from './rule.ts';
import { rulesTable } from './rules-table.ts';
import { sastRules } from './rules/index.ts';

/** Vulnerable components are what SCA finds; no pattern in the source tells them. */
const categoriesOfOtherScanners: readonly OwaspCategory[] = ['A06'];
const idPrefixes = { javascript: 'js-', python: 'py-', java: 'java-', go: 'go-' } as const;

for (const rule of sastRules) {
  test(`${rule.id} matches what it must and passes over what is clean`, async (t) => {
    t.true(rule.matches.length > 0 && rule.clean.length > 0, 'code that matches and code that is clean stand beside each rule');
    for (const code of rule.matches) t.true(await isFound(rule, code), `not found: ${code}`);
    for (const code of rule.clean) t.false(await isFound(rule, code), `found: ${code}`);
  });
}

/** In each dialect that can read the code; JSX is none of TypeScript's. */
async function isFound(rule: SastRule, code: string): Promise<boolean> {
  const readable = dialects.filter(({ language, grammar }) => language === rule.language && !hasSyntaxError(parse(grammar, code).root()));
  if (readable.length === 0) throw new Error(`no dialect can parse: ${code}`);
  const found = await Promise.all(readable.map(async (dialect) => (await analyse('example', code, dialect, [rule])).length > 0));
  if (new Set(found).size !== 1) throw new Error(`the dialects disagree about: ${code}`);
  return found[0]!;
}

function hasSyntaxError(root: ReturnType<ReturnType<typeof parse>['root']>): boolean {
  return root.findAll({ rule: { kind: 'ERROR' } }).length > 0;
}

test('each rule can be searched for in every dialect of its language', (t) => {
  for (const rule of sastRules) {
    for (const { grammar } of dialects.filter(({ language }) => language === rule.language)) {
      t.notThrows(() => parse(grammar, '').root().findAll({ rule: rule.match }), `${rule.id} in ${grammar}`);
    }
  }
});

test('RULES.md lists the rules as they are; tests/support/write-rules-table.ts writes it', (t) => {
  t.is(readFileSync(new URL('../../RULES.md', import.meta.url), 'utf8'), rulesTable());
});

test('there are at least 40 rules, with unique ids that start with their language', (t) => {
  t.true(sastRules.length >= 40);
  t.is(new Set(sastRules.map(({ id }) => id)).size, sastRules.length);
  for (const { id, language } of sastRules) t.regex(id, new RegExp(`^${idPrefixes[language]}[a-z0-9]+(?:-[a-z0-9]+)*$`));
});

test('each rule says why, how to mend it, and where to read on', (t) => {
  for (const { id, weakness, remediation, keywords } of sastRules) {
    t.regex(weakness.cwe, /^CWE-\d+$/, id);
    t.true(weakness.message.length > 60 && remediation.length > 20, id);
    t.true(weakness.references.every((reference) => URL.canParse(reference)) && weakness.references.length > 0, id);
    t.true(keywords.length > 0 && keywords.every((keyword) => keyword !== ''), id);
  }
});

test('every category of the OWASP Top Ten that source code can show is covered', (t) => {
  const covered = new Set(sastRules.map(({ weakness }) => weakness.owasp));
  const wanted = (Object.keys(owaspCategories) as OwaspCategory[]).filter((category) => !categoriesOfOtherScanners.includes(category));
  t.deepEqual([...covered].sort(), wanted.sort());
});

test('a rule does not depend on another rule having run before it', async (t) => {
  const rules = sastRules.filter(({ language }) => language === 'javascript');
  const code = rules
    .flatMap(({ matches }) => matches)
    .filter((text) => !text.includes('/>') && !/^import/m.test(text))
    .join('\n{}\n');
  const dialect = dialects.find(({ language }) => language === 'javascript')!;
  const together = await analyse('example.js', code, dialect, rules);
  const apart = (await Promise.all(rules.map((rule) => analyse('example.js', code, dialect, [rule])))).flat();
  const keys = (findings: typeof apart): string[] => findings.map(({ fingerprint }) => fingerprint).sort();
  t.deepEqual(keys(together), keys(apart));
});
