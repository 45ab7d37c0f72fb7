import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { DeclaredScanner } from '@cloudscan/config';
import type { FindingDraft } from '@cloudscan/domain';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { declaredScanner } from '../src/declared/declared-scanner.ts';
import type { ScanContext, ScannerOutcome } from '../src/scanner.ts';

/** A real tool that writes SARIF: exit code 1 for findings, paths where URIs should stand, its name behind its results. */
const astGrep = join(dirname(fileURLToPath(import.meta.resolve('@ast-grep/cli/package.json'))), 'ast-grep');
const rule = JSON.stringify({
  id: 'no-eval',
  language: 'JavaScript',
  severity: 'error',
  message: 'eval of $A runs what a caller sends',
  rule: { pattern: 'eval($A)' },
});

const code = 'function f(input) {\n  eval(input);\n  eval(input);\n}\n';

function declared(fields: Partial<DeclaredScanner> = {}): DeclaredScanner {
  return {
    name: 'own-rules',
    type: 'sast',
    command: [astGrep, 'scan'],
    args: ['--format=sarif', `--inline-rules=${rule}`, '{source}'],
    image: null,
    exitCodes: { findings: [1] },
    timeoutSeconds: null,
    memoryMb: 512,
    versionArgs: null,
    ...fields,
  };
}

/** A tool of some lines of shell; `$1` is the source and `$2` the file of the results. */
function shell(script: string, fields: Partial<DeclaredScanner> = {}): DeclaredScanner {
  return declared({ command: ['sh', '-c', script, 'tool'], args: ['{source}', '{results}'], exitCodes: { findings: [] }, ...fields });
}

function printing(log: unknown, fields: Partial<DeclaredScanner> = {}): DeclaredScanner {
  const text = typeof log === 'string' ? log : JSON.stringify(log);
  return shell(`cat <<'END'\n${text}\nEND`, { args: ['{source}'], ...fields });
}

function logOf(results: readonly object[], run: object = {}): object {
  return { version: '2.1.0', runs: [{ tool: { driver: { name: 'tool', version: '7.1' } }, ...run, results }] };
}

interface Scanned {
  readonly outcome: ScannerOutcome;
  readonly findings: readonly FindingDraft[];
}

const environment = { path: process.env.PATH ?? '', network: {} };

async function scan(t: ExecutionContext, tool: DeclaredScanner, override: Partial<ScanContext> = {}): Promise<Scanned> {
  const root = await mkdtemp(join(tmpdir(), 'cloudscan-declared-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const [sourceDir, workDir] = [join(root, 'a source'), join(root, 'work')];
  await mkdir(join(sourceDir, 'lib'), { recursive: true });
  await mkdir(workDir);
  await writeFile(join(sourceDir, 'lib', 'a.js'), code);
  const findings: FindingDraft[] = [];
  const outcome = await declaredScanner(tool, environment).scan({
    sourceDir,
    workDir,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    onFinding: async (finding) => void findings.push(finding),
    onProgress: () => undefined,
    ...override,
  });
  return { outcome, findings };
}

test('takes what ast-grep writes to standard output, by its exit code for findings', async (t) => {
  const { outcome, findings } = await scan(t, declared());
  t.like(outcome, { status: 'succeeded', exitCode: 1, findingsCount: 2, errorMessage: '', evidence: '' });
  t.like(findings[0], {
    scanType: 'sast',
    toolName: 'own-rules',
    toolVersion: '0.51.1',
    ruleId: 'no-eval',
    severity: 'high',
    title: 'eval of input runs what a caller sends',
    filePath: 'lib/a.js',
    startLine: 2,
    endLine: 2,
    startColumn: 3,
    endColumn: 14,
    codeSnippet: 'eval(input)',
  });
  t.is(new Set(findings.map(({ fingerprint }) => fingerprint)).size, 2);
  t.true(findings.every(({ fingerprint }) => /^[0-9a-f]{64}$/.test(fingerprint)));
  const again = await scan(t, declared());
  t.deepEqual(
    again.findings.map(({ fingerprint }) => fingerprint),
    findings.map(({ fingerprint }) => fingerprint),
  );
});

test('an exit code that was not declared is a failure with its reason', async (t) => {
  const { outcome, findings } = await scan(t, declared({ exitCodes: { findings: [] } }));
  t.like(outcome, { status: 'failed', exitCode: 1, findingsCount: 0 });
  t.regex(outcome.errorMessage, /^own-rules failed with exit code 1: /);
  t.regex(outcome.evidence, /2 error\(s\) found/);
  t.deepEqual(findings, []);
});

test('the version is asked for where it is declared how', async (t) => {
  t.deepEqual(await declaredScanner(declared({ command: [astGrep], versionArgs: ['--version'] }), environment).probe(), {
    version: '0.51.1',
    rulesVersion: '',
  });
  t.deepEqual(await declaredScanner(declared(), environment).probe(), { version: '', rulesVersion: '' });
});

test('results are read from the file that the tool was told to write, whatever it prints', async (t) => {
  const log = JSON.stringify(logOf([{ ruleId: 'r', message: { text: 'wrong' } }]));
  const { outcome, findings } = await scan(t, shell(`echo 'not { json'; printf '%s' '${log}' > "$2"`));
  t.like(outcome, { status: 'succeeded', findingsCount: 1 });
  t.like(findings[0], { ruleId: 'r', toolVersion: '7.1', filePath: '' });
});

test('a program that is not there is a failed run that says what to do', async (t) => {
  for (const program of ['no-such-program', '/no/such/program']) {
    const { outcome } = await scan(t, declared({ command: [program] }));
    t.is(outcome.status, 'failed');
    t.regex(outcome.errorMessage, /^own-rules is not installed where the runner runs: .*; install it, declare its image, or take it out/);
  }
});

for (const [what, tool, message] of [
  ['nothing', printing(''), /cannot be read: an early end|cannot be read: an empty document/],
  ['no log', shell('true'), /cannot be read: there is no file at \{results\}/],
  ['another format', printing({ results: [] }), /\$\.version is missing/],
  ['a log that is cut off', printing('{"version":"2.1.0","runs":[{"results":[{'), /\$\.runs\[0\]\.results\[0\]/],
  [
    'a result of another form',
    printing(logOf([{ message: { text: 'a' } }, { message: { text: 'b' }, level: 7 }])),
    /\$\.runs\[0\]\.results\[1\]\.level/,
  ],
] as const) {
  test(`a tool that writes ${what} has failed, and the place of the fault is named`, async (t) => {
    const { outcome } = await scan(t, tool);
    t.is(outcome.status, 'failed');
    t.regex(outcome.errorMessage, /^own-rules wrote a report that cannot be read: /);
    t.regex(outcome.errorMessage, message);
  });
}

test('findings before a fault of the log are kept', async (t) => {
  const { outcome, findings } = await scan(
    t,
    printing(
      logOf([
        { ruleId: 'a', message: { text: 'a' } },
        { message: { text: 'b' }, level: 7 },
      ]),
    ),
  );
  t.like(outcome, { status: 'failed', findingsCount: 1 });
  t.is(findings[0]!.ruleId, 'a');
});

test('a tool that says in its log that it failed has failed, whatever its exit code, and its findings are kept', async (t) => {
  const invocations = [
    { executionSuccessful: false, toolExecutionNotifications: [{ level: 'error', message: { text: 'no rules for Rust' } }] },
  ];
  const { outcome, findings } = await scan(t, printing(logOf([{ message: { text: 'a' } }], { invocations })));
  t.like(outcome, { status: 'failed', exitCode: 0, findingsCount: 1, evidence: 'error: no rules for Rust' });
  t.is(findings.length, 1);
});

test('what passed, is gone or was dismissed is no finding', async (t) => {
  const results = [
    { ruleId: 'passed', kind: 'pass' },
    { ruleId: 'gone', baselineState: 'absent' },
    { ruleId: 'dismissed', suppressions: [{ kind: 'inSource' }] },
    { ruleId: 'under review', suppressions: [{ kind: 'external', status: 'underReview' }] },
    { ruleId: 'open', kind: 'open' },
  ].map((each) => ({ ...each, message: { text: 'x' } }));
  const { findings } = await scan(t, printing(logOf(results)));
  t.deepEqual(
    findings.map(({ ruleId }) => ruleId),
    ['under review', 'open'],
  );
});

test('the code is shown from the source where the log does not quote it', async (t) => {
  const locations = [{ physicalLocation: { artifactLocation: { uri: 'lib/a.js' }, region: { startLine: 2 } } }];
  const { findings } = await scan(t, printing(logOf([{ message: { text: 'x' }, locations }])));
  t.like(findings[0], { filePath: 'lib/a.js', codeSnippet: 'eval(input);' });
});

test('a path outside of the source is never read', async (t) => {
  const secret = await mkdtemp(join(tmpdir(), 'cloudscan-outside-'));
  t.teardown(() => rm(secret, { recursive: true }));
  await writeFile(join(secret, 'key'), 'of the house\n');
  const uris = [pathToFileURL(join(secret, 'key')).href, `../../${'../'.repeat(20)}${join(secret, 'key').slice(1)}`];
  const results = uris.map((uri) => ({
    message: { text: 'x' },
    locations: [{ physicalLocation: { artifactLocation: { uri }, region: { startLine: 1 } } }],
  }));
  const { findings } = await scan(t, printing(logOf(results)));
  t.is(findings.length, 2);
  for (const { codeSnippet, filePath } of findings) {
    t.is(codeSnippet, '');
    t.notRegex(filePath, /^\/|\.\./);
  }
});

test('a secret that the tool quotes is not shown', async (t) => {
  const token = `ghp_${'aB3dE5gH7j'.repeat(4).slice(0, 36)}`;
  const locations = [
    { physicalLocation: { artifactLocation: { uri: 'lib/a.js' }, region: { startLine: 2, snippet: { text: `k = "${token}"` } } } },
  ];
  for (const type of ['secrets', 'sast'] as const) {
    const { findings } = await scan(t, printing(logOf([{ ruleId: 'token', message: { text: `found ${token}` }, locations }]), { type }));
    t.is(findings.length, 1);
    t.false(JSON.stringify(findings).includes(token), type);
  }
});

test('its own time limit holds where it is shorter than that of the scan', async (t) => {
  const { outcome } = await scan(t, shell('sleep 1000', { timeoutSeconds: 1 }));
  t.is(outcome.status, 'timed_out');
  t.regex(outcome.errorMessage, /time limit of 1 s/);
});

test('what is said of a limit of memory names its entry', async (t) => {
  const program = declared({
    command: [process.execPath, '-e', 'const a = []; for (;;) a.push(Buffer.alloc(8 << 20, 1))'],
    args: [],
    memoryMb: 64,
  });
  const { outcome } = await scan(t, program);
  t.is(outcome.status, 'out_of_memory');
  t.regex(outcome.errorMessage, /memoryMb of own-rules in DECLARED_SCANNERS/);
});

test('an argument may hold the placeholders more than once, and what stands in paths is taken literally', async (t) => {
  const script = `printf '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[{"ruleId":"%s","message":{"text":"x"}}]}]}' "$1"`;
  const { findings } = await scan(t, shell(script, { args: ['{source}:{source}:$&'] }));
  t.regex(findings[0]!.ruleId, /^(.+a source):\1:\$&$/);
});
