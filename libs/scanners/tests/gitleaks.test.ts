import { execFile } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { FindingDraft } from '@cloudscan/domain';
import { requires } from '@cloudscan/testing';
import { gitleaks } from '../src/external/gitleaks/gitleaks.ts';
import type { Scanner } from '../src/scanner.ts';
import { externalSettings, fakeTool } from './support/fake-tool.ts';
import { gitleaksSource, mapTexts, secrets } from './support/gitleaks-source.ts';
import { scanContext } from './support/scan-context.ts';

const run = promisify(execFile);
const reports = fileURLToPath(new URL('../fixtures/gitleaks-reports', import.meta.url));
const versions = (await readdir(reports)).flatMap((name) => /^(.*)\.json$/.exec(name)?.[1] ?? []);
const [github, gitlab, , generic] = secrets;

const withGitleaks = requires(test, 'gitleaks');

async function source(t: ExecutionContext): Promise<string> {
  const folder = await gitleaksSource();
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

/** A gitleaks that tells its version and then runs a few lines of shell, in which `$report` is the file to write. */
async function gitleaksThat(t: ExecutionContext, script: string, version = '8.30.0'): Promise<Scanner> {
  const probe = `[ "$1" = version ] && echo '${version}' && exit`;
  const report = `for argument; do case $argument in --report-path=*) report=\${argument#--report-path=} ;; esac; done`;
  return gitleaks.create(await fakeTool(t, 'gitleaks', `${probe}\n${report}\n${script}`), externalSettings());
}

/** A gitleaks that says what a real one has said of the source. */
async function recorded(t: ExecutionContext, version: string, sourceDir: string): Promise<Scanner> {
  const neutral: unknown = JSON.parse(await readFile(join(reports, `${version}.json`), 'utf8'));
  const report = mapTexts(neutral, (text) =>
    text.replaceAll('{{source}}', sourceDir).replace(/\{\{(\d)\}\}/g, (_mark, index: string) => secrets[Number(index)]!),
  );
  const path = await fakeTool(t, 'report.json', '');
  await writeFile(path, JSON.stringify(report));
  return gitleaksThat(t, `cp ${path} "$report"; exit 10`, version);
}

async function scan(t: ExecutionContext, scanner: Scanner, sourceDir: string) {
  const { context, findings } = await scanContext(t, { sourceDir });
  return { outcome: await scanner.scan(context), findings: findings.toSorted((a, b) => (line(a) < line(b) ? -1 : 1)) };
}

const line = ({ filePath, startLine, startColumn, endLine, endColumn, severity, ruleId }: FindingDraft) =>
  `${filePath}:${startLine}:${startColumn}-${endLine}:${endColumn} ${severity} ${ruleId}`;

const expected = [
  'deploy/prod.env:2:8-2:48 critical github-pat',
  'deploy/prod.env:3:8-3:34 critical gitlab-pat',
  'deploy/prod.env:4:7-4:47 critical github-pat',
  'key.pem:1:1-4:30 critical private-key',
  'src/app.js:1:16-1:56 critical github-pat',
  'src/app.js:1:69-1:95 critical gitlab-pat',
  'src/app.js:4:17-4:57 medium generic-api-key',
];

/** Neither a secret nor most of one. */
function tellsNoSecret(t: ExecutionContext, value: unknown): void {
  const text = JSON.stringify(value);
  for (const secret of secrets.flatMap((each) => each.split('\n'))) t.false(text.includes(secret.slice(4, 16)), secret.slice(0, 4));
}

for (const version of versions) {
  test(`a report of gitleaks ${version} becomes findings at the places where the secrets stand, without the secrets`, async (t) => {
    const sourceDir = await source(t);
    const { outcome, findings } = await scan(t, await recorded(t, version, sourceDir), sourceDir);
    t.like(outcome, { status: 'succeeded', exitCode: 10, findingsCount: 7, errorMessage: '', evidence: '' });
    // Of the key that 8.18 tells, the last character is missing.
    t.deepEqual(
      findings.map(line).map((each) => each.replace('4:29 critical private-key', '4:30 critical private-key')),
      expected,
    );
    tellsNoSecret(t, [outcome, findings]);
    t.like(findings[4], {
      scanType: 'secrets',
      toolName: 'gitleaks',
      toolVersion: version,
      title: 'Credential in the source: github-pat',
      cweId: 'CWE-798',
      codeSnippet: 'const first = "ghp_[redacted]", second = "glpa[redacted]";',
    });
    t.is(findings[3]!.cweId, 'CWE-321');
    t.like(JSON.parse(findings[4]!.rawOutput), { rule: 'github-pat', tags: [] });
  });
}

test('fingerprints tell equal secrets in one file apart, and are keyed', async (t) => {
  const sourceDir = await source(t);
  const { findings } = await scan(t, await recorded(t, '8.30.0', sourceDir), sourceDir);
  const prints = findings.map(({ fingerprint }) => fingerprint);
  t.is(new Set(prints).size, prints.length);
  const hashes = [findings[0]!, findings[2]!].map(
    ({ rawOutput }) => (JSON.parse(rawOutput) as { secretHmacSha256: string }).secretHmacSha256,
  );
  t.is(hashes[0], hashes[1]);
  t.regex(hashes[0]!, /^[0-9a-f]{64}$/);
});

test('a secret that stands nowhere in the source, since gitleaks has decoded it, has a line and no snippet', async (t) => {
  const sourceDir = await source(t);
  const leak = { RuleID: 'github-pat', Description: '', StartLine: 3, EndLine: 3, Match: github, Secret: generic, File: 'deploy/prod.env' };
  const { findings } = await scan(t, await gitleaksThat(t, `echo '${JSON.stringify([leak])}' > "$report"`), sourceDir);
  t.like(findings[0], { startLine: 3, startColumn: 0, codeSnippet: '' });
  tellsNoSecret(t, findings);
});

test('an error is told from findings by its exit code, and no evidence holds a secret', async (t) => {
  const sourceDir = await source(t);
  const { outcome } = await scan(t, await gitleaksThat(t, `echo 'unable to load config: ${gitlab}' >&2; exit 1`), sourceDir);
  t.like(outcome, {
    status: 'failed',
    exitCode: 1,
    errorMessage:
      'gitleaks could not scan; mend GITLEAKS_CONFIG or what its last words name (exit code 1: unable to load config: [redacted])',
  });
  tellsNoSecret(t, outcome);
});

test('a report that is missing or garbage is a failure that quotes nothing of it', async (t) => {
  const sourceDir = await source(t);
  const missing = await scan(t, await gitleaksThat(t, 'exit 0'), sourceDir);
  t.regex(missing.outcome.errorMessage, /^gitleaks wrote a report that cannot be read: ENOENT/);
  const garbage = await scan(t, await gitleaksThat(t, `echo '[{"Secret": ${github}' > "$report"`), sourceDir);
  t.is(garbage.outcome.status, 'failed');
  t.regex(garbage.outcome.errorMessage, /^gitleaks wrote a report that cannot be read: .*\$\[0\]\.Secret/);
  tellsNoSecret(t, [missing.outcome, garbage.outcome]);
});

for (const [version, command] of [
  ['8.18.4', 'detect --no-git --source='],
  ['8.19.0', 'dir '],
  ['version is set by build process', 'dir '],
] as const) {
  test(`gitleaks that says "${version}" is asked by ${command}`, async (t) => {
    const sourceDir = await source(t);
    const scanner = await gitleaksThat(t, `echo "$*" >&2; exit 99`, version);
    const { outcome } = await scan(t, scanner, sourceDir);
    t.true(outcome.evidence.startsWith(`${command}${sourceDir} --config=`), outcome.evidence);
    t.true(outcome.evidence.includes('--exit-code=10'));
  });
}

test('the probe says what to do about a gitleaks that is too old', async (t) => {
  t.deepEqual(await (await gitleaksThat(t, '', '8.2.0')).probe(), {
    problem: 'gitleaks 8.2.0 is too old; install gitleaks 8.18.4 or newer',
  });
  t.deepEqual(await (await gitleaksThat(t, '', 'v8.24.3')).probe(), { version: '8.24.3', rulesVersion: '' });
  t.deepEqual(await (await gitleaksThat(t, '', 'version is set by build process')).probe(), { version: 'unknown', rulesVersion: '' });
});

withGitleaks('the installed gitleaks finds the same, whatever configuration lies in the source', async (t) => {
  const { stdout } = await run('which', ['gitleaks']);
  const sourceDir = await source(t);
  const { outcome, findings } = await scan(t, gitleaks.create(stdout.trim(), externalSettings()), sourceDir);
  t.like(outcome, { status: 'succeeded', exitCode: 10 });
  t.deepEqual(findings.map(line), expected);
  tellsNoSecret(t, findings);
});
