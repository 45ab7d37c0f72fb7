import { readFile } from 'node:fs/promises';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Environment } from '@cloudscan/config';
import type { FindingDraft } from '@cloudscan/domain';
import { requires } from '@cloudscan/testing';
import { scancode } from '../src/external/scancode/scancode.ts';
import { doubleOf, installed, scanBy, scannerOf, sourceOf } from './support/external-tools.ts';
import { exampleSource } from './support/scancode-example.ts';

const needsScancode = requires(test, 'scancode');

const version = 'ScanCode version: 32.5.0\nScanCode Output Format version: 4.1.0\nSPDX License list version: 3.27\n';

async function scanOf(t: ExecutionContext, report: string | object, environment: Environment = {}, exit = 'process.exit(0);') {
  const text = typeof report === 'string' ? report : JSON.stringify(report);
  const scanner = scannerOf(scancode, await doubleOf(t, version, `print(${JSON.stringify(text)}); ${exit}`), environment);
  return scanBy(t, scanner, await sourceOf(t, {}));
}

function recording(name: string): Promise<string> {
  return readFile(new URL(`../fixtures/scancode/${name}.json`, import.meta.url), 'utf8');
}

/** Severity, category, place, package and licence. */
function summary({ severity, licenseCategory, filePath, startLine, packageName, packageVersion, license }: FindingDraft): string {
  return [severity, licenseCategory, `${filePath}:${startLine}`, packageName, packageVersion, license]
    .filter((part) => part !== '')
    .join(' ');
}

const expected = [
  'high strong-copyleft lib/tool.py:1 GPL-3.0-or-later',
  'low weak-copyleft src/both.js:4 MIT AND LGPL-2.1-only',
  'high strong-copyleft src/first.c:1 GPL-2.0-or-later',
  'medium proprietary src/terms.js:1 LicenseRef-scancode-proprietary-license',
  'critical network-copyleft vendor/left/package.json:1 @example/left 1.2.3 AGPL-3.0-only',
  'low weak-copyleft vendor/right/pom.xml:1 org.example:right 2.0 EPL-2.0',
];

for (const name of ['32.0.8', '32.3.3', '32.5.0']) {
  test(`makes one finding for each licence of files and packages of a report of ScanCode ${name}`, async (t) => {
    const { outcome, findings } = await scanOf(t, await recording(name));
    t.like(outcome, { status: 'succeeded', errorMessage: '', findingsCount: expected.length });
    t.deepEqual(findings.map(summary), expected);
    const [, both, first, terms, left] = findings;
    t.like(first!, {
      scanType: 'license',
      toolName: 'scancode',
      toolVersion: name,
      ruleId: 'license-strong-copyleft',
      title: 'src/first.c: GPL-2.0-or-later (strong copyleft)',
      endLine: 4,
      references: ['https://spdx.org/licenses/GPL-2.0-or-later.html', 'https://scancode-licensedb.aboutcode.org/gpl-2.0-plus'],
    });
    t.regex(first!.description, /It stands in 1 more files: src\/second\.c\.$/);
    t.regex(first!.codeSnippet, /^\/\* This program is free software;.*\n \* it under the terms/);
    t.regex(both!.codeSnippet, /LGPL-2\.1-only$/, 'the line that decides, not the first');
    t.deepEqual(terms!.references, ['https://scancode-licensedb.aboutcode.org/proprietary-license']);
    t.like(JSON.parse(left!.rawOutput), {
      category: 'network-copyleft',
      ecosystem: 'npm',
      licenses: [{ key: 'agpl-3.0', category: 'Copyleft' }],
    });
    t.is(new Set(findings.map(({ fingerprint }) => fingerprint)).size, findings.length);
  });
}

test('LICENSE_POLICY_ALLOW and LICENSE_POLICY_DENY hold as they do for the built-in scanner', async (t) => {
  const policy = { LICENSE_POLICY_ALLOW: 'GPL-2.0, proprietary', LICENSE_POLICY_DENY: 'MIT, EPL-2.0' };
  const { findings } = await scanOf(t, await recording('32.5.0'), policy);
  t.deepEqual(
    findings.map((finding) => `${finding.ruleId} ${summary(finding)}`),
    [
      'license-denied high permissive LICENSE:1 MIT',
      'license-denied high permissive lib/own.js:1 MIT',
      'license-strong-copyleft high strong-copyleft lib/tool.py:1 GPL-3.0-or-later',
      'license-denied high permissive src/both.js:1 MIT AND LGPL-2.1-only',
      'license-network-copyleft critical network-copyleft vendor/left/package.json:1 @example/left 1.2.3 AGPL-3.0-only',
      'license-denied high weak-copyleft vendor/right/pom.xml:1 org.example:right 2.0 EPL-2.0',
    ],
  );
});

/** A file with one detection, as far as it is read. */
function file(path: string, expression: string, text = ''): object {
  const match = { license_expression: expression, start_line: 2, end_line: 2, score: 100, rule_identifier: 'a.RULE', matched_text: text };
  const detected = { detected_license_expression_spdx: expression, license_detections: [{ matches: [match] }] };
  return { path, type: 'file', package_data: [], ...detected };
}

function reference(key: string, category: string): object {
  return { key, category, spdx_license_key: key };
}

test('what the repository itself is under adds nothing where it stands again, whichever of its versions is meant', async (t) => {
  const files = [file('COPYING', 'GPL-3.0-only'), file('a.c', 'GPL-3.0-or-later'), file('b.c', 'AGPL-3.0-only')];
  const { findings } = await scanOf(t, { headers: [{}], license_references: [], files });
  t.deepEqual(findings.map(summary), ['critical network-copyleft b.c:2 AGPL-3.0-only']);
});

test('a licence that our table does not have weighs what ScanCode says of it', async (t) => {
  const weights: readonly (readonly [string, string])[] = [
    ['LicenseRef-scancode-a', 'Permissive'],
    ['LicenseRef-scancode-b', 'Copyleft Limited'],
    ['LicenseRef-scancode-c', 'Copyleft'],
    ['LicenseRef-scancode-d', 'Commercial'],
    ['LicenseRef-scancode-e', 'Unstated License'],
    ['LicenseRef-scancode-f', 'Something new'],
    // On the SPDX list, but on a later one than this program's.
    ['Example-2027-1.0', 'Copyleft'],
  ];
  const report = {
    headers: [{}],
    license_references: weights.map(([key, category]) => reference(key, category)),
    files: weights.map(([key], index) => file(`src/${index}.c`, key)),
  };
  t.deepEqual((await scanOf(t, report)).findings.map(summary), [
    'low weak-copyleft src/1.c:2 LicenseRef-scancode-b',
    'high strong-copyleft src/2.c:2 LicenseRef-scancode-c',
    'medium proprietary src/3.c:2 LicenseRef-scancode-d',
    'low unknown src/4.c:2 LicenseRef-scancode-e',
    'low unknown src/5.c:2 LicenseRef-scancode-f',
    'high strong-copyleft src/6.c:2 Example-2027-1.0',
  ]);
});

test('of alternatives the mildest counts, and an expression that SPDX does not allow stands for all that it names', async (t) => {
  const files = [
    'MIT OR LicenseRef-scancode-c',
    'GPL-2.0-only WITH Classpath-exception-2.0',
    'MIT AND GPL-2.0-only WITH LicenseRef-scancode-own-exception',
    'Apache-2.0 AND Classpath-exception-2.0',
  ].map((expression, index) => file(`src/${index}.c`, expression));
  const license_references = [reference('LicenseRef-scancode-c', 'Copyleft'), reference('Classpath-exception-2.0', 'Copyleft Limited')];
  const { findings } = await scanOf(t, { headers: [{}], license_references, files });
  t.deepEqual(
    findings.map(({ filePath, licenseCategory }) => [filePath, licenseCategory]),
    [
      ['src/1.c', 'weak-copyleft'],
      ['src/2.c', 'strong-copyleft'],
      ['src/3.c', 'weak-copyleft'],
    ],
  );
});

test('a hundred licences of one file are one finding that can be stored', async (t) => {
  const expression = Array.from({ length: 100 }, (_, index) => `LicenseRef-scancode-license-${index}`).join(' AND ');
  const { findings } = await scanOf(t, {
    headers: [{}],
    license_references: [],
    files: [file('NOTICE.txt', expression, 'x '.repeat(10_000))],
  });
  t.is(findings.length, 1);
  t.true(findings[0]!.license.length <= 301 && findings[0]!.title.length <= 500 && findings[0]!.codeSnippet.length < 300);
});

test('names that are no UTF-8 are shown as well as can be', async (t) => {
  const { findings } = await scanOf(t, { headers: [{}], license_references: [], files: [file('src/a\nb\udcff.c', 'GPL-2.0-only')] });
  t.is(findings[0]!.filePath, 'src/a\nb\ufffd.c');
});

const withErrors = {
  headers: [
    { tool_version: '32.5.0', errors: ['Path: src/large.js\n  ERROR: Processing interrupted: timeout after 120 seconds.', 'Path: b'] },
  ],
  license_references: [],
  files: [file('a.c', 'GPL-2.0-only')],
};

test('files that ScanCode could not read are named and fail nothing, though it exits with 1', async (t) => {
  const { outcome, findings } = await scanOf(t, withErrors, {}, `fail(1, 'Some files failed to scan properly');`);
  t.like(outcome, {
    status: 'succeeded',
    exitCode: 1,
    errorMessage: 'problems with files: 2, the first: Path: src/large.js ERROR: Processing interrupted: timeout after 120 seconds.',
    evidence: '',
  });
  t.is(findings.length, 1);
});

test('a crash that exits with 1 too is a failure, before its report and within it', async (t) => {
  const crash = `fail(1, 'Traceback (most recent call last):\\n  File "cli.py"\\nKeyError: boom');`;
  for (const report of ['', JSON.stringify(withErrors).slice(0, -20)]) {
    const { outcome, findings } = await scanOf(t, report, {}, crash);
    t.like(outcome, { status: 'failed', exitCode: 1, errorMessage: 'scancode failed with exit code 1: KeyError: boom', findingsCount: 0 });
    t.regex(outcome.evidence, /^Traceback/);
    t.deepEqual(findings, []);
  }
});

test('what is no report, and arguments that a version does not know, are failures with their reason', async (t) => {
  const noReport = await scanOf(t, 'Scanning done.');
  t.regex(noReport.outcome.errorMessage, /^scancode wrote a report that cannot be read: .* at \$ \(byte 0\)$/);
  const usage = await scanOf(t, '', {}, `fail(2, 'Error: No such option: --license-references');`);
  t.regex(
    usage.outcome.errorMessage,
    /^scancode does not know its arguments; install scancode 32\.0\.0 or newer \(exit code 2: Error: No such option/,
  );
});

test('works with as many processes and as long for each file as it is told to, without a network', async (t) => {
  const selfReport = `
const errors = [JSON.stringify({ args, proxy: env.HTTPS_PROXY ?? '' })];
print(JSON.stringify({ headers: [{ errors }], files: [] }));`;
  const environment = { SCANCODE_PROCESSES: '7', SCANCODE_FILE_TIMEOUT: '30', HTTPS_PROXY: 'http://p.example' };
  const scanner = scannerOf(scancode, await doubleOf(t, version, selfReport), environment);
  t.deepEqual(await scanner.probe(), { version: '32.5.0', rulesVersion: 'SPDX 3.27' });
  const sourceDir = await sourceOf(t, {});
  const { outcome } = await scanBy(t, scanner, sourceDir);
  const seen = JSON.parse(outcome.errorMessage.slice(outcome.errorMessage.indexOf('{'))) as { args: string[]; proxy: string };
  t.deepEqual(seen.args.slice(-7), ['--processes', '7', '--timeout', '30', '--json', '-', sourceDir]);
  t.is(seen.proxy, '');
});

test('a ScanCode of before its present format is not driven', async (t) => {
  t.deepEqual(await scannerOf(scancode, await doubleOf(t, 'ScanCode version 31.2.6\n', '')).probe(), {
    problem: 'scancode 31.2.6 is too old; install scancode 32.0.0 or newer',
  });
});

needsScancode('the installed ScanCode finds the licences of files and packages', async (t) => {
  const scanner = await installed(scancode);
  t.regex(JSON.stringify(await scanner.probe()), /"rulesVersion":"SPDX \d/);
  const { outcome, findings } = await scanBy(t, scanner, await sourceOf(t, exampleSource));
  t.is(outcome.status, 'succeeded', outcome.evidence);
  t.deepEqual(findings.map(summary), expected);
});
