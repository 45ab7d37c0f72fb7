import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { ConfigError } from '@cloudscan/config';
import { requires } from '@cloudscan/testing';
import { trivy } from '../src/external/trivy/trivy.ts';
import { fingerprintOf } from '../src/source/fingerprint.ts';
import { doubleOf, installed, scanBy, scannerOf, sourceOf, temporaryFolder } from './support/external-tools.ts';
import { databaseDate, writeTrivyCache } from './support/trivy-cache.ts';
import { exampleSource, exampleVulnerabilities } from './support/trivy-example.ts';

const needsTrivy = requires(test, 'trivy');

const version = JSON.stringify({ Version: '0.76.0', VulnerabilityDB: { Version: 2, UpdatedAt: databaseDate } });

/** Trivy that prints a report, after its arguments onto standard error. */
const printing = (report: string) => `writeSync(2, args.join(' ') + '\\n'); print(${JSON.stringify(report)});`;

async function recorded(t: ExecutionContext, name: string) {
  const report = await readFile(new URL(`../fixtures/trivy/${name}.json`, import.meta.url), 'utf8');
  return scanBy(t, scannerOf(trivy, await doubleOf(t, version, printing(report))), await sourceOf(t, exampleSource));
}

/** By version, what it says of the licence of a package: older ones ask node_modules for it. */
for (const [name, license] of [
  ['0.59.1', ''],
  ['0.67.2', ''],
  ['0.76.0', 'MIT'],
] as const) {
  test(`fills findings from a report of Trivy ${name}`, async (t) => {
    const { outcome, findings } = await recorded(t, name);
    t.is(outcome.status, 'succeeded', outcome.errorMessage);
    const [codec, parser, runner] = findings;
    t.like(parser!, {
      scanType: 'sca',
      toolName: 'trivy',
      toolVersion: '0.76.0',
      ruleId: 'CVE-2026-10001',
      severity: 'high',
      title: 'example-parser 1.3.0: example-parser: deep input overflows the stack',
      description: 'A document with ten thousand nested lists ends the process.',
      filePath: 'web/package-lock.json',
      startLine: 16,
      endLine: 19,
      codeSnippet: '"node_modules/example-parser": {\n  "version": "1.3.0",\n  "license": "MIT"\n},',
      cveId: 'CVE-2026-10001',
      cweId: 'CWE-674',
      cvssScore: 9.8,
      cvssVector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H',
      packageName: 'example-parser',
      packageVersion: '1.3.0',
      fixedVersion: '1.4.2',
      license,
      remediation: 'Upgrade example-parser to 1.4.2 or later.',
      references: ['https://avd.aquasec.com/nvd/cve-2026-10001', 'https://example.org/advisories/1'],
    });
    t.like(JSON.parse(parser!.rawOutput), { VulnerabilityID: 'CVE-2026-10001', SeveritySource: 'ghsa', Type: 'npm', dev: false });
    t.like(runner!, {
      ruleId: 'GHSA-aaaa-bbbb-cccc',
      severity: 'medium',
      title: 'example-runner 5.0.0: Names of tests reach the shell.',
      startLine: 20,
      cveId: '',
      cvssScore: 4.8,
      fixedVersion: '',
      remediation: 'No fixed version of example-runner is known. Replace it, or make sure that the affected part is not used.',
    });
    t.like(JSON.parse(runner!.rawOutput), { dev: true });
    t.like(codec!, {
      ruleId: 'CVE-2026-10002',
      severity: 'medium',
      filePath: 'go.mod',
      startLine: 5,
      codeSnippet: 'require example.org/codec v1.2.3 // indirect',
      packageVersion: '1.2.3',
      fixedVersion: '1.2.4',
      cvssScore: 0,
      remediation: 'Upgrade example.org/codec to 1.2.4 or later. It is an indirect dependency: upgrading what requires it may be needed.',
    });
    t.is(findings.length, 3);
  });
}

test('reads a report of the first versions with --scanners, which knew no identifiers, relationships and statuses', async (t) => {
  const { findings } = await recorded(t, '0.37-like');
  t.deepEqual(
    findings.map(({ ruleId, filePath, packageName, fixedVersion, startLine, cvssScore, severity }) => [
      ...[ruleId, filePath, packageName, fixedVersion, startLine, cvssScore, severity],
    ]),
    [
      ['CVE-2026-10001', 'web/package-lock.json', 'example-parser', '1.4.2', 16, 7.5, 'critical'],
      ['CVE-2026-10003', 'lib/example.jar', 'org.example:codec', '3.1', 0, 5, 'medium'],
    ],
  );
});

test('says what the maintainers have said about a vulnerability without a fix', async (t) => {
  const item = { VulnerabilityID: 'CVE-2026-1', PkgName: 'p', InstalledVersion: '1', Status: 'will_not_fix', Severity: 'LOW' };
  const report = { SchemaVersion: 2, Results: [{ Target: 'poetry.lock', Type: 'poetry', Vulnerabilities: [item] }] };
  const scanner = scannerOf(trivy, await doubleOf(t, version, printing(JSON.stringify(report))));
  const { findings } = await scanBy(t, scanner, await sourceOf(t, {}));
  t.regex(findings[0]!.remediation, /they will not fix it\.$/);
});

test('a finding has the fingerprint of the built-in scanner, and a second one of the same package another', async (t) => {
  const item = { VulnerabilityID: 'CVE-2026-1', PkgName: 'Flask_Login', InstalledVersion: '1.0' };
  const report = { Results: [{ Target: 'poetry.lock', Type: 'poetry', Vulnerabilities: [item, item] }] };
  const scanner = scannerOf(trivy, await doubleOf(t, version, printing(JSON.stringify(report))));
  const { findings } = await scanBy(t, scanner, await sourceOf(t, {}));
  t.is(
    findings[0]!.fingerprint,
    fingerprintOf({ ruleId: 'CVE-2026-1', filePath: 'poetry.lock', text: 'PyPI flask-login 1.0', occurrence: 0 }),
  );
  t.not(findings[1]!.fingerprint, findings[0]!.fingerprint);
});

/** Reports its arguments and what it sees of the environment as a vulnerability. */
const selfReport = `
const item = { VulnerabilityID: 'self', PkgName: args.join(' '), InstalledVersion: '1', Description: JSON.stringify(env) };
print(JSON.stringify({ Results: [{ Target: 't', Type: 'npm', Vulnerabilities: [item] }] }));
`;

test('asks for no network, and for no configuration of the source', async (t) => {
  const scanner = scannerOf(trivy, await doubleOf(t, version, selfReport), {
    TRIVY_CACHE_DIR: '/var/trivy',
    HTTPS_PROXY: 'http://p.example',
  });
  const sourceDir = await sourceOf(t, { 'trivy.yaml': 'severity: [CRITICAL]\n', '.trivyignore': 'CVE-2026-10001\n' });
  const { findings } = await scanBy(t, scanner, sourceDir, { timeoutMs: 600_000 });
  t.is(
    findings[0]!.packageName,
    `fs --format json --list-all-pkgs --scanners vuln --no-progress --offline-scan --skip-db-update --skip-java-db-update --timeout 660s --cache-dir /var/trivy ${sourceDir}`,
  );
  t.like(JSON.parse(findings[0]!.description), {
    TRIVY_INCLUDE_DEV_DEPS: 'true',
    TRIVY_SKIP_VERSION_CHECK: 'true',
    HTTPS_PROXY: undefined,
  });
});

test('updates its database where it is told to, from where it is told to, through the proxy', async (t) => {
  const environment = { TRIVY_DB_REPOSITORY: 'registry.example/trivy-db:2', HTTPS_PROXY: 'http://p.example', HOME: '/home/u' };
  const scanner = scannerOf(trivy, await doubleOf(t, '{"Version":"0.76.0"}', selfReport), environment);
  t.deepEqual(await scanner.probe(), { version: '0.76.0', rulesVersion: '' });
  const { findings } = await scanBy(t, scanner, await sourceOf(t, {}));
  t.regex(findings[0]!.packageName, /--db-repository registry\.example\/trivy-db:2/);
  t.regex(findings[0]!.packageName, /--cache-dir \/home\/u\/\.cache\/trivy/);
  t.notRegex(findings[0]!.packageName, /--skip-db-update/);
  t.regex(findings[0]!.description, /"HTTPS_PROXY":"http:\/\/p\.example"/);
});

test('a missing database is a problem with a remedy, and a failed scan, never an empty result', async (t) => {
  const scanner = scannerOf(trivy, await doubleOf(t, '{"Version":"0.76.0"}', selfReport), { TRIVY_CACHE_DIR: '/var/trivy' });
  const problem =
    'trivy has no vulnerability database in /var/trivy/db; run "trivy fs --download-db-only --cache-dir /var/trivy ." or set TRIVY_UPDATE=true';
  t.deepEqual(await scanner.probe(), { problem });
  const { outcome, findings } = await scanBy(t, scanner, await sourceOf(t, exampleSource));
  t.like(outcome, { status: 'failed', errorMessage: problem, findingsCount: 0 });
  t.deepEqual(findings, []);
});

test('a database in a relative folder is refused: it would lie in the source or nowhere', (t) => {
  const error = t.throws(() => scannerOf(trivy, '/usr/bin/trivy', { TRIVY_CACHE_DIR: 'cache' }), { instanceOf: ConfigError });
  t.is(error.message, 'TRIVY_CACHE_DIR is "cache"; set it to an absolute path');
});

test('a Trivy that is too old or is none is not driven', async (t) => {
  t.deepEqual(await scannerOf(trivy, await doubleOf(t, '{"Version":"0.36.1"}', '')).probe(), {
    problem: 'trivy 0.36.1 is too old; install trivy 0.37.0 or newer',
  });
  t.regex(JSON.stringify(await scannerOf(trivy, await doubleOf(t, 'Usage: trivy', '')).probe()), /does not tell its version as trivy does/);
});

test('a failure keeps the end of what Trivy said, and findings that came before it', async (t) => {
  const report = `{"Results":[{"Target":"go.mod","Type":"gomod","Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"p","InstalledVersion":"1"},`;
  const scanner = scannerOf(trivy, await doubleOf(t, version, `print(${JSON.stringify(report)}); fail(1, 'FATAL disk full');`));
  const { outcome, findings } = await scanBy(t, scanner, await sourceOf(t, {}));
  t.like(outcome, { status: 'failed', exitCode: 1, errorMessage: 'trivy failed with exit code 1: FATAL disk full', findingsCount: 1 });
  t.is(outcome.evidence, 'FATAL disk full');
  t.is(findings.length, 1);
});

test('a source without a lock file is skipped', async (t) => {
  const scanner = scannerOf(trivy, await doubleOf(t, version, printing('{"SchemaVersion":2,"ArtifactName":"x"}')));
  const { outcome } = await scanBy(t, scanner, await sourceOf(t, {}));
  t.like(outcome, { status: 'skipped', errorMessage: 'no lock file was found that trivy reads' });
});

test('the time limit is that of the scan', async (t) => {
  const scanner = scannerOf(trivy, await doubleOf(t, version, 'setInterval(() => {}, 1000);'));
  const { outcome } = await scanBy(t, scanner, await sourceOf(t, {}), { timeoutMs: 500 });
  t.is(outcome.status, 'timed_out');
});

needsTrivy(
  'the installed Trivy finds what its database knows about the lock files of a source, and nothing in the source sways it',
  async (t) => {
    const cacheDir = await temporaryFolder(t);
    await writeTrivyCache(cacheDir, exampleVulnerabilities);
    const scanner = await installed(trivy, { TRIVY_CACHE_DIR: cacheDir });
    const probed = await scanner.probe();
    t.like(probed, { rulesVersion: databaseDate });
    const swaying = { 'trivy.yaml': 'severity: [CRITICAL]\n', '.trivyignore': 'CVE-2026-10001\n', 'web/.trivyignore': 'CVE-2026-10001\n' };
    const sourceDir = await sourceOf(t, { ...exampleSource, ...swaying });
    const { outcome, findings } = await scanBy(t, scanner, sourceDir);
    t.is(outcome.status, 'succeeded', outcome.evidence);
    t.deepEqual(
      findings.map(({ ruleId, filePath, startLine, packageName, packageVersion, fixedVersion }) =>
        [ruleId, `${filePath}:${startLine}`, packageName, packageVersion, fixedVersion].join(' ').trim(),
      ),
      [
        'CVE-2026-10002 go.mod:5 example.org/codec 1.2.3 1.2.4',
        'CVE-2026-10001 web/package-lock.json:16 example-parser 1.3.0 1.4.2',
        'GHSA-aaaa-bbbb-cccc web/package-lock.json:20 example-runner 5.0.0',
      ],
    );
  },
);

needsTrivy('the installed Trivy skips a source without lock files, and has a remedy where it has no database', async (t) => {
  const cacheDir = await temporaryFolder(t);
  const scanner = await installed(trivy, { TRIVY_CACHE_DIR: cacheDir });
  t.deepEqual(await scanner.probe(), {
    problem: `trivy has no vulnerability database in ${join(cacheDir, 'db')}; run "trivy fs --download-db-only --cache-dir ${cacheDir} ." or set TRIVY_UPDATE=true`,
  });
  await writeTrivyCache(cacheDir, exampleVulnerabilities);
  const { outcome } = await scanBy(t, scanner, await sourceOf(t, { 'README.md': '# Example\n' }));
  t.is(outcome.status, 'skipped');
});
