import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { FindingDraft } from '@cloudscan/domain';
import { selectScanners } from '../src/registry.ts';
import { builtinOnly } from './support/scanners-config.ts';
import type { ScannerOutcome } from '../src/scanner.ts';
import type { SastOptions } from '../src/sast/scan.ts';

async function scanOf(t: ExecutionContext, files: Readonly<Record<string, string>>, options: SastOptions = {}) {
  const root = await mkdtemp(join(tmpdir(), 'sast-'));
  t.teardown(() => rm(root, { recursive: true }));
  const [sourceDir, workDir] = [join(root, 'source'), join(root, 'work')];
  await mkdir(sourceDir);
  await mkdir(workDir);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(sourceDir, path)), { recursive: true });
    await writeFile(join(sourceDir, path), content);
  }
  const [scanner] = await selectScanners(['sast'], { ...builtinOnly, builtin: { sast: { options } } });
  const findings: FindingDraft[] = [];
  const outcome: ScannerOutcome = await scanner!.scan({
    sourceDir,
    workDir,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    onFinding: async (finding) => void findings.push(finding),
    onProgress: () => undefined,
  });
  return { outcome, findings, found: findings.map(({ filePath, startLine, ruleId }) => `${filePath}:${startLine} ${ruleId}`) };
}

test('reports findings of all languages with everything that a reader needs, in the order of files and lines', async (t) => {
  const { outcome, findings, found } = await scanOf(t, {
    'web/app.ts': 'function f(req: Request) {\n  eval(req.body.code);\n  fetch(req.query.url as string);\n}\n',
    'a.py': 'import os\n\ndef f(name):\n    os.system("ls " + name)\n',
    'B.java': 'class B {\n  void f() throws Exception {\n    Cipher.getInstance("DES");\n  }\n}\n',
    'm.go': 'package m\n\nvar c = tls.Config{InsecureSkipVerify: true}\n',
  });
  t.like(outcome, { status: 'succeeded', exitCode: 0, findingsCount: 5, errorMessage: '' });
  t.deepEqual(found, [
    'B.java:3 java-weak-cipher',
    'a.py:4 py-command-injection',
    'm.go:3 go-tls-verification-off',
    'web/app.ts:2 js-eval',
    'web/app.ts:3 js-ssrf',
  ]);
  t.like(findings[1], {
    scanType: 'sast',
    toolName: 'cloudscan-sast',
    severity: 'high',
    cweId: 'CWE-78',
    startLine: 4,
    startColumn: 5,
    endLine: 4,
    endColumn: 28,
    codeSnippet: 'os.system("ls " + name)',
  });
  t.true(
    findings.every(
      ({ remediation, references, fingerprint }) => remediation !== '' && references.length > 1 && /^[0-9a-f]{64}$/.test(fingerprint),
    ),
  );
});

test('columns count UTF-16 code units, and a byte order mark is none', async (t) => {
  const { findings } = await scanOf(t, { 'a.js': '\uFEFFconst s = "😀"; eval("a" + x);\r\n' });
  t.like(findings[0], { startLine: 1, startColumn: 17, endColumn: 30 });
});

test('a finding keeps its fingerprint when lines before it change and when it is indented', async (t) => {
  const before = await scanOf(t, { 'a.js': 'eval("a" + x);\neval("a" + x);\n' });
  const after = await scanOf(t, { 'a.js': '// new\nif (y) {\n  eval("a" + x);\n}\neval("a" + x);\n' });
  t.is(before.findings.length, 2);
  t.deepEqual(
    after.findings.map(({ fingerprint }) => fingerprint),
    before.findings.map(({ fingerprint }) => fingerprint),
  );
});

test('comments take findings out', async (t) => {
  const { found } = await scanOf(t, {
    'a.js':
      'eval("a" + x); // cloudscan-ignore\n// cloudscan-ignore js-eval\neval("b" + x);\n// cloudscan-ignore js-ssrf\neval("c" + x);\n',
  });
  t.deepEqual(found, ['a.js:5 js-eval']);
});

test('tests, minified files, binaries and what others wrote are left out', async (t) => {
  const code = 'eval("a" + x);\n';
  const files = {
    'a.test.js': code,
    'test/b.js': code,
    'x.min.js': code,
    'long.js': code + `x = "${'y'.repeat(9000)}";`,
    'node_modules/p/i.js': code,
    'bin.js': `\0${code}`,
  };
  t.deepEqual((await scanOf(t, { ...files, 'real.js': code })).found, ['real.js:1 js-eval']);
  t.deepEqual((await scanOf(t, files, { includeTests: true })).found, ['a.test.js:1 js-eval', 'test/b.js:1 js-eval']);
});

test('a file above the limit is left out and counted', async (t) => {
  const { outcome, found } = await scanOf(
    t,
    { 'a.js': `${'// text\n'.repeat(100)}eval("a" + x);\n`, 'b.js': 'eval("a" + x);\n' },
    { maxFileBytes: 500 },
  );
  t.deepEqual(found, ['b.js:1 js-eval']);
  t.is(outcome.status, 'succeeded');
  t.is(outcome.errorMessage, 'files left out: 1 above 500 bytes');
});

test('broken and deeply nested code does not end the scan', async (t) => {
  const deep = `eval(\n${'(\n'.repeat(30_000)}x${')'.repeat(30_000)})\n`;
  const { outcome, found } = await scanOf(t, { 'a.js': ')))) function (\neval("a" + x);\n', 'b.js': deep, 'c.js': 'eval("a" + x);\n' });
  t.is(outcome.status, 'succeeded');
  t.true(found.includes('c.js:1 js-eval'));
});

test('a source without code in a known language is skipped', async (t) => {
  const { outcome } = await scanOf(t, { 'README.md': '# text' });
  t.is(outcome.status, 'skipped');
});
