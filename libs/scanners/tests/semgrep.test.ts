import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Environment } from '@cloudscan/config';
import type { FindingDraft } from '@cloudscan/domain';
import { eventually, requires } from '@cloudscan/testing';
import { parse } from 'yaml';
import { ownRules, semgrep } from '../src/external/semgrep/semgrep.ts';
import type { ScanContext, Scanner } from '../src/scanner.ts';
import { externalSettings, fakeTool } from './support/fake-tool.ts';
import { scanContext } from './support/scan-context.ts';

const run = promisify(execFile);
const reports = fileURLToPath(new URL('../fixtures/semgrep-reports', import.meta.url));
const examples = fileURLToPath(new URL('../fixtures/semgrep', import.meta.url));
const sourceDir = join(reports, 'source');
const versions = (await readdir(reports)).flatMap((name) => /^(.*)\.json$/.exec(name)?.[1] ?? []);

const withSemgrep = requires(test, 'semgrep');

/** A Semgrep that answers its probe and then runs a few lines of shell. */
async function semgrepThat(t: ExecutionContext, script: string, env: Environment = {}): Promise<Scanner> {
  const executable = await fakeTool(t, 'semgrep', `[ "$1" = --version ] && echo 1.100.0 && exit\n${script}`);
  return semgrep.create(executable, externalSettings(env));
}

/** A Semgrep that says what a real one has said of {@link sourceDir}. */
async function recorded(t: ExecutionContext, version: string, source = sourceDir): Promise<Scanner> {
  const report = (await readFile(join(reports, `${version}.json`), 'utf8')).replaceAll('{{source}}', source);
  const path = await fakeTool(t, 'report.json', '');
  await writeFile(path, report);
  return semgrepThat(t, `cat ${path}`);
}

async function scan(t: ExecutionContext, scanner: Scanner, overrides: Partial<ScanContext> = {}) {
  const { context, findings } = await scanContext(t, { sourceDir, ...overrides });
  return { outcome: await scanner.scan(context), findings };
}

async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'semgrep-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const place = ({ ruleId, filePath, startLine, startColumn, endLine, endColumn }: FindingDraft) =>
  `${ruleId} ${filePath}:${startLine}:${startColumn}-${endLine}:${endColumn}`;

for (const version of versions) {
  test(`a report of Semgrep ${version} becomes findings, and what was not read a remark`, async (t) => {
    const { outcome, findings } = await scan(t, await recorded(t, version));
    t.like(outcome, {
      status: 'succeeded',
      findingsCount: 4,
      errorMessage: 'files read only in part: 1 with syntax that Semgrep does not know',
      evidence: '',
    });
    // One more is taken out by a comment. Semgrep counts bytes, of which the ö on line 6 has two.
    t.deepEqual(findings.map(place), [
      'js-sql-injection src/app.js:6:18-6:85',
      'js-command-injection src/app.js:6:93-6:103',
      'js-weak-hash src/app.js:11:1-12:21',
      'py-tls-verification-off src/views.py:5:12-5:54',
    ]);
    t.deepEqual(
      findings.map(({ fingerprint }) => fingerprint.slice(0, 12)),
      ['420a32753843', '66c5445cf812', '72398e7f1140', 'c5b4b21089ec'],
    );
    const { rawOutput, ...weakHash } = findings[2]!;
    t.like(JSON.parse(rawOutput), { check_id: 'js-weak-hash', path: 'src/app.js' });
    t.deepEqual(weakHash, {
      scanType: 'sast',
      toolName: 'semgrep',
      toolVersion: '1.100.0',
      ruleId: 'js-weak-hash',
      severity: 'medium',
      title: 'Weak hash',
      description:
        'Two inputs with the same MD5 or SHA-1 can be made by anyone, so such a hash proves nothing about what was signed or stored.',
      filePath: 'src/app.js',
      startLine: 11,
      endLine: 12,
      startColumn: 1,
      endColumn: 21,
      codeSnippet: "crypto\n  .createHash('md5')",
      cveId: '',
      cweId: 'CWE-328',
      cvssScore: 0,
      cvssVector: '',
      packageName: '',
      packageVersion: '',
      fixedVersion: '',
      license: '',
      licenseCategory: '',
      remediation: 'Use SHA-256, and for passwords scrypt, bcrypt or Argon2.',
      references: [
        'https://cheatsheetseries.owasp.org/cheatsheets/Cryptographic_Storage_Cheat_Sheet.html',
        'https://cwe.mitre.org/data/definitions/328.html',
      ],
      fingerprint: weakHash.fingerprint,
    });
  });
}

/** One result as the registry's rules make them: lists for texts, no title, a fix, scores. */
const registryResult = {
  check_id: 'python.lang.security.audit.eval-detected',
  path: join(sourceDir, 'src/views.py'),
  start: { line: 5, col: 12 },
  end: { line: 5, col: 54 },
  extra: {
    severity: 'WARNING',
    message: 'Detected the use of eval(). This is dangerous.\nAvoid it. See token=abcdefgh12345678.',
    fix: 'literal_eval(x)',
    lines: 'requires login',
    metadata: {
      cwe: ["CWE-95: Improper Neutralization ('Eval Injection')", 'CWE-94: Code Injection'],
      references: ['https://owasp.org/Top10/A03_2021-Injection', 'no address'],
      source: 'https://semgrep.dev/r/python.lang.security.audit.eval-detected',
      'security-severity': '9.8',
      'cvss-vector': 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H',
      cve: 'CVE-2026-0001',
    },
    metavars: { $X: { abstract_content: 'x'.repeat(50_000) } },
  },
};

test("rules of the registry fill the fields in their own way, and a finding's own record is capped", async (t) => {
  const path = await fakeTool(t, 'report.json', '');
  await writeFile(path, JSON.stringify({ version: '1.100.0', results: [registryResult], errors: [], paths: { scanned: ['a'] } }));
  const { findings } = await scan(t, await semgrepThat(t, `cat ${path}`));
  t.like(findings[0], {
    severity: 'critical',
    title: 'Detected the use of eval()',
    description: 'Detected the use of eval(). This is dangerous.\nAvoid it. See token=[redacted]',
    codeSnippet: 'return requests.get(url, verify=False, timeout=5)',
    cveId: 'CVE-2026-0001',
    cweId: 'CWE-95',
    cvssScore: 9.8,
    cvssVector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H',
    remediation: 'Replace it by: literal_eval(x)',
  });
  t.deepEqual(findings[0]!.references, [
    'https://owasp.org/Top10/A03_2021-Injection',
    'https://semgrep.dev/r/python.lang.security.audit.eval-detected',
    'https://cwe.mitre.org/data/definitions/95.html',
    'https://cwe.mitre.org/data/definitions/94.html',
  ]);
  t.true(Buffer.byteLength(findings[0]!.rawOutput) <= 16 * 1024);
});

test('a path out of the source is no finding', async (t) => {
  const result = { ...registryResult, path: '/etc/passwd' };
  const json = JSON.stringify({ results: [result], errors: [], paths: { scanned: ['a'] } });
  const { outcome, findings } = await scan(t, await semgrepThat(t, `cat <<'END'\n${json}\nEND`));
  t.is(outcome.status, 'succeeded');
  t.deepEqual(findings, []);
});

test('a source in which no file was read is skipped', async (t) => {
  const { outcome } = await scan(t, await semgrepThat(t, `echo '{"results":[],"errors":[],"paths":{"scanned":[]}}'`));
  t.like(outcome, { status: 'skipped', errorMessage: 'no file was found that the rules of semgrep read' });
});

test('files and rules that were left out are counted by the reason', async (t) => {
  const error = (type: unknown, path?: string, rule_id?: string) => ({ type, path, rule_id, level: 'warn', message: 'm' });
  const errors = [
    error('Timeout', 'a.js', 'r1'),
    error('Timeout', 'a.js', 'r2'),
    error('Out of memory', 'a.js'),
    error(['PartialParsing', []], 'b.js'),
    error('Syntax error', 'c.js'),
    error('Internal matching error', 'd.js'),
    error(['IncompatibleRule', {}], undefined, 'r3'),
  ];
  const json = JSON.stringify({ results: [], errors, paths: { scanned: ['a'] } });
  const { outcome } = await scan(t, await semgrepThat(t, `cat <<'END'\n${json}\nEND`));
  t.like(outcome, {
    status: 'succeeded',
    errorMessage:
      'files read only in part: 2 with syntax that Semgrep does not know, 1 where a rule took too long, 1 where a rule took too much memory, 1 where Semgrep failed; rules that this version cannot use: 1',
  });
});

test('rules that cannot be read are named, with what Semgrep says in its report', async (t) => {
  const error = {
    code: 4,
    level: 'error',
    type: 'InvalidRuleSchemaError',
    short_msg: 'Invalid rule schema',
    long_msg: "'X' is not a level",
  };
  const json = JSON.stringify({ errors: [error], results: [], paths: { scanned: [] } });
  const { outcome } = await scan(t, await semgrepThat(t, `cat <<'END'\n${json}\nEND\nexit 7`));
  t.like(outcome, {
    status: 'failed',
    exitCode: 7,
    errorMessage:
      "semgrep was given rules that it cannot read or find; mend SEMGREP_CONFIG (exit code 7: Invalid rule schema: 'X' is not a level)",
    evidence: "Invalid rule schema: 'X' is not a level",
  });
});

test('a report that ends in the midst is a failure that keeps the findings before', async (t) => {
  const json = JSON.stringify({ results: [registryResult, registryResult] }).slice(0, -500);
  const path = await fakeTool(t, 'report.json', '');
  await writeFile(path, json);
  const { outcome, findings } = await scan(t, await semgrepThat(t, `cat ${path}`));
  t.like(outcome, { status: 'failed', findingsCount: 1 });
  t.regex(outcome.errorMessage, /^semgrep wrote a report that cannot be read: .*\$\.results\[1\]/);
  t.is(findings.length, 1);
  const killed = await scan(t, await semgrepThat(t, `cat ${path}; kill -9 $$`));
  t.like(killed.outcome, { status: 'killed', findingsCount: 1 });
  const outOfMemory = await scan(t, await semgrepThat(t, `cat ${path}; echo MemoryError >&2; exit 2`));
  t.like(outOfMemory.outcome, { status: 'out_of_memory', findingsCount: 1 });
});

test('a report of 500 MB is read in the memory of one of 100 MB', async (t) => {
  const measure = async (megabytes: number) => {
    const script = fileURLToPath(new URL('./support/measure-large-report.ts', import.meta.url));
    const { stdout } = await run(process.execPath, ['--conditions=@cloudscan/source', script, String(megabytes)]);
    return JSON.parse(stdout) as { status: string; findings: number; errorMessage: string; peakMb: number };
  };
  const [small, large] = [await measure(100), await measure(500)];
  t.like(small, { status: 'succeeded', findings: 100 });
  t.like(large, { status: 'succeeded', findings: 500 });
  t.true(large.peakMb - small.peakMb < 100, `${small.peakMb} MiB and ${large.peakMb} MiB`);
});

const seesItsArguments = `printf '%s\\n' "$@" "proxy=$HTTPS_PROXY" "metrics=$SEMGREP_SEND_METRICS" > "$HOME/seen"; cp "$HOME/seen" `;

test('by default it is given our rules and no way to the network; rules from a registry open one', async (t) => {
  const folder = await temporaryFolder(t);
  const proxy = { HTTPS_PROXY: 'http://proxy.example:3128' };
  const seen = async (name: string, env: Environment) => {
    await scan(t, await semgrepThat(t, `${seesItsArguments} ${join(folder, name)}`, { ...proxy, ...env }));
    return (await readFile(join(folder, name), 'utf8')).trim().split('\n');
  };
  const own = await seen('own', {});
  t.is(own[0], 'scan');
  t.is(own.at(-3), sourceDir);
  for (const argument of ['--metrics=off', '--disable-version-check', '--no-git-ignore', `--config=${ownRules}`])
    t.true(own.includes(argument));
  t.deepEqual(own.slice(-2), ['proxy=', 'metrics=off']);
  const registry = await seen('registry', {
    SEMGREP_CONFIG: 'p/ci',
    SEMGREP_JOBS: '4',
    SEMGREP_RULE_TIMEOUT: '3',
    SEMGREP_MEMORY_MB: '1000',
  });
  for (const argument of ['--config=p/ci', '--jobs=4', '--timeout=3', '--max-memory=750']) t.true(registry.includes(argument));
  t.is(registry.at(-2), 'proxy=http://proxy.example:3128');
  t.is((await seen('path', { SEMGREP_CONFIG: '/etc/semgrep/rules.yaml' })).at(-2), 'proxy=');
});

test('the probe tells the version and that of the rules, and what to do about a program that is too old or no Semgrep', async (t) => {
  const answer = async (script: string, env: Environment = {}) =>
    semgrep.create(await fakeTool(t, 'semgrep', script), externalSettings(env)).probe();
  const own = await answer('echo 1.100.0');
  t.regex('problem' in own ? own.problem : own.rulesVersion, /^52 rules [0-9a-f]{12}$/);
  t.deepEqual(await answer('echo 1.100.0', { SEMGREP_CONFIG: 'p/ci' }), { version: '1.100.0', rulesVersion: 'p/ci' });
  t.deepEqual(await answer('echo 1.2.3'), { problem: 'semgrep 1.2.3 is too old; install semgrep 1.60.0 or newer' });
  const other = await answer('echo hello');
  t.regex('problem' in other ? other.problem : '', /does not tell its version as semgrep does; install semgrep 1\.60\.0 or newer$/);
  t.deepEqual(await answer('echo no python >&2; exit 127'), { problem: 'semgrep failed with exit code 127: no python' });
});

interface Rule {
  readonly id: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

test('each of our rules says what it finds, how bad it is and what to do, and has an example of both sorts', async (t) => {
  const ids: string[] = [];
  for (const file of await readdir(ownRules)) {
    const { rules } = parse(await readFile(join(ownRules, file), 'utf8')) as { rules: Rule[] };
    const [example] = (await readdir(examples)).filter((name) => name.startsWith(file.replace('.yaml', '.')));
    const code = await readFile(join(examples, example!), 'utf8');
    for (const { id, metadata } of rules) {
      ids.push(id);
      t.regex(id, /^[a-z]+(?:-[a-z]+)+$/);
      t.regex(String(metadata['cwe']), /^CWE-\d+: /, id);
      t.regex(String(metadata['owasp']), /^A\d\d:2021$/, id);
      for (const name of ['title', 'remediation', 'impact', 'likelihood', 'confidence', 'references'])
        t.truthy(metadata[name], `${id} ${name}`);
      t.true(code.includes(`ruleid: ${id}\n`), id);
      t.true(code.includes(`ok: ${id}\n`), id);
    }
  }
  t.is(new Set(ids).size, ids.length);
});

withSemgrep('our rules find their examples, and nothing in those that are right', async (t) => {
  const home = await temporaryFolder(t);
  const args = ['scan', '--test', '--metrics=off', '--disable-version-check', '--config', ownRules, examples];
  const { stdout } = await run('semgrep', args, { env: { PATH: process.env.PATH, HOME: home, LC_ALL: 'C.UTF-8' }, cwd: home });
  t.regex(stdout, /52\/52: ✓ All tests passed/);
});

async function installed(): Promise<Scanner> {
  const { stdout } = await run('which', ['semgrep']);
  return semgrep.create(stdout.trim(), externalSettings());
}

withSemgrep('the installed Semgrep finds what the recorded ones have found', async (t) => {
  const scanner = await installed();
  const probed = await scanner.probe();
  const { outcome, findings } = await scan(t, scanner);
  t.like(outcome, {
    status: 'succeeded',
    findingsCount: 4,
    errorMessage: 'files read only in part: 1 with syntax that Semgrep does not know',
  });
  const known = await scan(t, await recorded(t, versions[0]!));
  t.deepEqual(
    findings.map((each) => [place(each), each.fingerprint]),
    known.findings.map((each) => [place(each), each.fingerprint]),
  );
  t.is(findings[0]!.toolVersion, 'problem' in probed ? '' : probed.version);
});

withSemgrep('the installed Semgrep bears odd names and follows no link out of the source', async (t) => {
  const [source, outside] = [await temporaryFolder(t), await temporaryFolder(t)];
  await cp(join(sourceDir, 'src'), join(outside, 'secret'), { recursive: true });
  await symlink(join(outside, 'secret'), join(source, 'linked'));
  await symlink(join(outside, 'secret', 'views.py'), join(source, 'views.py'));
  await mkdir(join(source, 'a\nb'));
  const code = await readFile(join(sourceDir, 'src/views.py'));
  await writeFile(join(source, 'a\nb', '--config=x.py'), code);
  const { outcome, findings } = await scan(t, await installed(), { sourceDir: source });
  t.is(outcome.status, 'succeeded', outcome.errorMessage);
  t.deepEqual(
    findings.map(({ filePath }) => filePath),
    ['a\nb/--config=x.py'],
  );
});

withSemgrep('cancelled, the installed Semgrep leaves no process behind', async (t) => {
  const source = await temporaryFolder(t);
  const code = await readFile(join(sourceDir, 'src/app.js'), 'utf8');
  await writeFile(join(source, 'large.js'), code.repeat(2000));
  const controller = new AbortController();
  const { context } = await scanContext(t, { sourceDir: source, signal: controller.signal });
  const scanner = await installed();
  await scanner.probe();
  const running = scanner.scan(context);
  await eventually(async () => (await processesIn(context.workDir)).length > 0);
  controller.abort();
  t.like(await running, { status: 'failed', errorMessage: 'semgrep was stopped because the scan was cancelled' });
  await eventually(async () => (await processesIn(context.workDir)).length === 0);
  t.deepEqual(await processesIn(context.workDir), []);
});

/** The processes whose HOME is a folder. */
async function processesIn(folder: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')));
  return pids.filter((_pid, index) => environments[index]!.split('\0').includes(`HOME=${folder}`));
}
