import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { BuiltinFinding } from '../src/builtin/protocol.ts';
import { builtinScanner } from '../src/builtin/builtin-scanner.ts';
import { scan } from '../src/sca/scan.ts';
import type { ScaOptions } from '../src/sca/settings.ts';
import { advisoryFolder, osvRecord, temporaryFolder } from './advisory-fixtures.ts';
import type { OsvRecord } from './osv-server.ts';

interface Given {
  /** Files of the source. */
  readonly files: Readonly<Record<string, string>>;
  /** Instead of the committed advisory set. */
  readonly records?: readonly OsvRecord[];
}

async function scanOf(t: ExecutionContext, { files, records }: Given): Promise<BuiltinFinding[]> {
  const sourceDir = await writeFiles(t, files);
  const source =
    records === undefined
      ? advisoryFolder
      : await writeFiles(t, Object.fromEntries(records.map((record) => [`${record.id}.json`, JSON.stringify(record)])));
  const workDir = await temporaryFolder(t);
  const findings: BuiltinFinding[] = [];
  const options: ScaOptions = { source, cacheDir: '', cacheTtlMs: 1000, timeoutMs: 1000, retryDelayMs: 1 };
  for await (const finding of scan({ sourceDir, workDir, options, progress: () => undefined, remark: () => undefined }))
    findings.push(finding);
  return findings;
}

async function writeFiles(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  return folder;
}

function lockOf(packages: Readonly<Record<string, string>>): string {
  const entries = Object.entries(packages).map(([at, version]) => [`node_modules/${at}`, { version, license: 'MIT' }]);
  return JSON.stringify({ lockfileVersion: 3, packages: Object.fromEntries(entries) }, null, 1);
}

test('fills every field of a finding', async (t) => {
  const [finding, ...more] = await scanOf(t, { files: { 'api/requirements.txt': '# pinned\nIDNA==3.6\n' } });
  t.deepEqual(more, []);
  const { rawOutput, description, references, fingerprint, ...rest } = finding!;
  t.deepEqual(rest, {
    ruleId: 'CVE-2024-3651',
    severity: 'high',
    cvssScore: 7.5,
    cvssVector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H',
    title: 'IDNA 3.6: known vulnerability CVE-2024-3651',
    filePath: 'api/requirements.txt',
    startLine: 2,
    endLine: 2,
    cveId: 'CVE-2024-3651',
    cweId: '',
    packageName: 'IDNA',
    packageVersion: '3.6',
    fixedVersion: '3.7',
    license: '',
    remediation: 'Upgrade IDNA to 3.7 or later.',
  });
  t.regex(description!, /quadratic complexity/);
  t.deepEqual(references?.slice(0, 2), ['https://osv.dev/vulnerability/CVE-2024-3651', 'https://osv.dev/vulnerability/PYSEC-2024-60']);
  t.regex(fingerprint, /^[0-9a-f]{64}$/);
  t.deepEqual(JSON.parse(rawOutput!).ids, ['CVE-2024-3651', 'PYSEC-2024-60']);
});

test('reports a vulnerability that several databases know once, with the worst rating and the fix that satisfies all', async (t) => {
  const fixedIn = (fixed: string) => [
    { package: { ecosystem: 'npm', name: 'left' }, ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed }] }] },
  ];
  const records = [
    osvRecord('GHSA-aaaa', {
      aliases: ['CVE-2026-0001'],
      affected: fixedIn('1.9.0'),
      database_specific: { severity: 'MODERATE', cwe_ids: ['CWE-79'] },
      summary: 'From GitHub',
    }),
    osvRecord('OSV-1', {
      aliases: ['CVE-2026-0001'],
      affected: fixedIn('1.10.0'),
      severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }],
    }),
    osvRecord('OSV-2', { aliases: ['GHSA-aaaa'] }),
    osvRecord('OSV-3', { aliases: ['CVE-2026-0002'] }),
  ];
  const findings = await scanOf(t, { files: { 'package-lock.json': lockOf({ left: '1.0.0' }) }, records });
  t.deepEqual(
    findings.map(({ ruleId, severity, cvssScore, cweId, fixedVersion }) => [ruleId, severity, cvssScore, cweId, fixedVersion]),
    [
      ['CVE-2026-0001', 'critical', 9.8, 'CWE-79', '2.0.0'],
      ['CVE-2026-0002', 'medium', 0, '', '2.0.0'],
    ],
  );
  t.is(findings[0]!.title, 'left 1.0.0: From GitHub');
});

test('reports each version of a package once in each lock file, with a fingerprint of its own', async (t) => {
  const files = {
    'a/package-lock.json': lockOf({ left: '1.0.0', 'x/node_modules/left': '1.0.0', 'y/node_modules/left': '1.5.0' }),
    'b/package-lock.json': lockOf({ left: '1.0.0', right: '1.0.0' }),
  };
  const findings = await scanOf(t, { files, records: [osvRecord('GHSA-1')] });
  t.deepEqual(
    findings.map(({ filePath, packageVersion, startLine }) => `${filePath}:${startLine} ${packageVersion}`),
    ['a/package-lock.json:4 1.0.0', 'b/package-lock.json:4 1.0.0', 'a/package-lock.json:12 1.5.0'],
  );
  t.is(new Set(findings.map(({ fingerprint }) => fingerprint)).size, 3);
});

test('keeps the fingerprint when the lock file grows and the advisory changes', async (t) => {
  const before = await scanOf(t, { files: { 'package-lock.json': lockOf({ left: '1.0.0' }) }, records: [osvRecord('GHSA-1')] });
  const after = await scanOf(t, {
    files: { 'package-lock.json': lockOf({ another: '1.0.0', left: '1.0.0' }) },
    records: [osvRecord('GHSA-1', { summary: 'New' })],
  });
  t.is(after[0]!.fingerprint, before[0]!.fingerprint);
  t.not(after[0]!.startLine, before[0]!.startLine);
});

const ratings: readonly [string, Readonly<Record<string, unknown>>, readonly [string, number]][] = [
  [
    'CVSS 3 before CVSS 4',
    {
      severity: [
        { type: 'CVSS_V4', score: 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N' },
        { type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N' },
      ],
    },
    ['low', 3.7],
  ],
  [
    'CVSS 4 where it stands alone',
    { severity: [{ type: 'CVSS_V4', score: 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N' }] },
    ['critical', 9.3],
  ],
  ['CVSS 2 where it stands alone', { severity: [{ type: 'CVSS_V2', score: 'AV:N/AC:M/Au:N/C:N/I:P/A:N' }] }, ['medium', 4.3]],
  [
    "the database's word where the vector is broken",
    { severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N' }], database_specific: { severity: 'HIGH' } },
    ['high', 0],
  ],
  ['medium where nothing is said', {}, ['medium', 0]],
];

for (const [rule, more, [severity, score]] of ratings) {
  test(`rates by ${rule}`, async (t) => {
    const [finding] = await scanOf(t, { files: { 'package-lock.json': lockOf({ left: '1.0.0' }) }, records: [osvRecord('GHSA-1', more)] });
    t.deepEqual([finding?.severity, finding?.cvssScore], [severity, score]);
  });
}

test('rates a malicious package critical and says that no version is fixed', async (t) => {
  const affected = [{ package: { ecosystem: 'npm', name: 'left' }, versions: ['1.0.0'] }];
  const [finding] = await scanOf(t, {
    files: { 'package-lock.json': lockOf({ left: '1.0.0' }) },
    records: [osvRecord('MAL-2026-1', { affected })],
  });
  t.is(finding?.severity, 'critical');
  t.is(finding?.fixedVersion, '');
  t.regex(finding?.remediation ?? '', /^No fixed version of left is known/);
});

test('says what of the lock files could not be read, as findings of their own', async (t) => {
  const findings = await scanOf(t, { files: { 'package-lock.json': '{', 'requirements.txt': 'flask\nidna==3.6\n' } });
  t.deepEqual(
    findings.map(({ ruleId, severity, filePath }) => [ruleId, severity, filePath]),
    [
      ['lock-file-not-read', 'info', 'package-lock.json'],
      ['lock-file-not-read', 'info', 'requirements.txt'],
      ['CVE-2024-3651', 'high', 'requirements.txt'],
    ],
  );
});

test('caps what it hands on of an advisory', async (t) => {
  const events = Array.from({ length: 2000 }, (_, index) => ({ fixed: `2.0.${index}` }));
  const affected = [
    { package: { ecosystem: 'npm', name: 'left' }, ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, ...events] }] },
  ];
  const references = Array.from({ length: 500 }, (_, index) => ({ type: 'WEB', url: `https://example.com/${index}` }));
  const [finding] = await scanOf(t, {
    files: { 'package-lock.json': lockOf({ left: '1.0.0' }) },
    records: [osvRecord('GHSA-1', { affected, references, details: 'x'.repeat(100_000) })],
  });
  t.true(Buffer.byteLength(finding!.rawOutput!) <= 16 * 1024);
  t.true(finding!.references!.length <= 30);
  t.true(finding!.description.length <= 8000);
});

test('runs as a process: findings, a skipped source, and a failure with its sentence', async (t) => {
  const run = async (files: Readonly<Record<string, string>>, source: string) => {
    const options: ScaOptions = { source, cacheDir: '', cacheTtlMs: 1000, timeoutMs: 2000, retryDelayMs: 1 };
    const scanner = builtinScanner({ name: 'cloudscan-sca', scanType: 'sca', module: 'sca/main', options });
    const context = {
      sourceDir: await writeFiles(t, files),
      workDir: await temporaryFolder(t),
      timeoutMs: 30_000,
      signal: new AbortController().signal,
    };
    return scanner.scan({ ...context, onFinding: () => Promise.resolve(), onProgress: () => undefined });
  };
  const found = await run({ 'requirements.txt': 'idna==3.6' }, advisoryFolder);
  t.deepEqual([found.status, found.findingsCount], ['succeeded', 1]);
  const skipped = await run({ 'index.js': '' }, advisoryFolder);
  t.deepEqual([skipped.status, skipped.errorMessage], ['skipped', 'no lock file was found']);
  const failed = await run({ 'requirements.txt': 'idna==3.6' }, 'http://127.0.0.1:9');
  t.is(failed.status, 'failed');
  t.regex(
    failed.errorMessage,
    /^could not reach the advisory source http:\/\/127\.0\.0\.1:9: .*; set ADVISORY_SOURCE to a reachable OSV server or to a folder of OSV files$/,
  );
});
