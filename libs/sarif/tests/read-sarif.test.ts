import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FindingDraft, ScanType } from '@cloudscan/domain';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { codeScanningLimits, readSarifResults, readSarifRuns, SarifLog, SarifReadError, toolLimits } from '../src/index.ts';
import type { SarifLimits, SarifResult, SarifRunFacts, SarifSource } from '../src/index.ts';
import { aFinding } from './a-finding.ts';

type Json = Readonly<Record<string, unknown>>;

interface ReadLog {
  readonly runs: readonly SarifRunFacts[];
  readonly results: readonly SarifResult[];
}

interface ReadOptions {
  readonly scanType?: ScanType | null;
  readonly sourceUri?: string;
  readonly limits?: Partial<SarifLimits>;
}

function sourceOf(log: unknown): SarifSource {
  const bytes = Buffer.from(typeof log === 'string' ? log : JSON.stringify(log));
  return {
    // Cut at odd places, as a network does.
    open: async function* () {
      for (let at = 0; at < bytes.length; at += 37) yield bytes.subarray(at, at + 37);
    },
  };
}

async function read(log: unknown, { scanType = 'sast', sourceUri, limits }: ReadOptions = {}): Promise<ReadLog> {
  const source = sourceOf(log);
  const runs = await readSarifRuns(source, { ...codeScanningLimits, ...limits });
  const results: SarifResult[] = [];
  for await (const result of readSarifResults(source, runs, { scanType, ...(sourceUri === undefined ? {} : { sourceUri }) }))
    results.push(result);
  return { runs, results };
}

function logOf(run: Json, ...more: readonly Json[]): Json {
  return { version: '2.1.0', runs: [run, ...more].map((each) => ({ tool: { driver: { name: 'tool' } }, ...each })) };
}

function resultOf(fields: Json = {}): Json {
  return { message: { text: 'wrong' }, ...fields };
}

async function readOne(result: Json, run: Json = {}, options: ReadOptions = {}): Promise<SarifResult> {
  const { results } = await read(logOf({ ...run, results: [resultOf(result)] }), options);
  return results[0]!;
}

async function draftOf(result: Json, run: Json = {}, options: ReadOptions = {}): Promise<FindingDraft> {
  return (await readOne(result, run, options)).draft;
}

function driver(fields: Json): Json {
  return { tool: { driver: { name: 'tool', ...fields } } };
}

function at(uri: string, fields: Json = {}, region: Json = {}): Json {
  return { locations: [{ physicalLocation: { artifactLocation: { uri, ...fields }, region } }] };
}

async function pathOf(t: ExecutionContext, log: unknown, options: ReadOptions = {}): Promise<string> {
  const error = await t.throwsAsync<SarifReadError>(read(log, options), { instanceOf: SarifReadError });
  t.true(error.message.includes(error.path), error.message);
  return error.path;
}

test('reads what our own log says as it was written', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-sarif-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const tool = { name: 'cloudscan-sast', version: '1.2.3', rulesVersion: '7', scanType: 'sast' } as const;
  const same = { fingerprint: 'ab'.repeat(16) };
  const drafts = [
    aFinding({ ...same, description: 'uses {braces} and [a link](1.html)', filePath: 'src/my app/%41#1.ts' }),
    aFinding({
      ...same,
      ruleId: 'b',
      scanType: 'sca',
      severity: 'critical',
      cveId: 'CVE-2021-44228',
      cvssScore: 10,
      cvssVector: 'CVSS:3.1/AV:N',
    }),
    aFinding({
      ...same,
      ruleId: 'c',
      scanType: 'license',
      severity: 'info',
      license: 'MIT',
      licenseCategory: 'permissive',
      startLine: 0,
      endLine: 0,
      startColumn: 0,
      endColumn: 0,
      codeSnippet: '',
    }),
    aFinding({
      ...same,
      ruleId: 'd',
      packageName: 'p',
      packageVersion: '1',
      fixedVersion: '2',
      remediation: 'update',
      references: ['https://a.example/'],
    }),
  ];
  const log = new SarifLog(join(folder, 'log.sarif'), {
    scanId: 'one',
    git: { url: 'git@git.example.com:team/app.git', branch: 'main', commit: 'c0ffee' },
  });
  const run = await log.startRun(tool);
  for (const draft of drafts) await run.add(draft);
  const [startedAt, endedAt] = [new Date(1e12), new Date(1e12 + 1500)];
  await run.end({ successful: false, exitCode: 3, startedAt, endedAt, errorMessage: 'it {broke}' });
  await log.finish();
  const { runs, results } = await read(await readFile(join(folder, 'log.sarif'), 'utf8'), { scanType: null });
  t.deepEqual(
    results.map(({ draft }) => ({ ...draft, rawOutput: '' })),
    drafts,
  );
  t.like(runs[0], { toolName: tool.name, toolVersion: '1.2.3', rulesVersion: '7', resultsCount: 4 });
  t.deepEqual(runs[0]!.git, { url: 'ssh://git.example.com/team/app.git', branch: 'main', commit: 'c0ffee' });
  t.deepEqual(runs[0]!.invocation, { successful: false, exitCode: 3, startedAt, endedAt, notifications: 'error: it {broke}' });
});

test('a rule may stand behind its results, and is found by index, id, GUID, refined id and extension', async (t) => {
  const rule = (id: string, guid = ''): Json => ({ id, guid, shortDescription: { text: `title of ${id}` } });
  const run = {
    results: [
      { ruleId: 'a' },
      { ruleIndex: 1 },
      { ruleId: 'a/more' },
      { rule: { guid: 'g' } },
      { rule: { index: 0, toolComponent: { index: 0 } } },
      { rule: { id: 'x', toolComponent: { name: 'pack' } } },
      // The index is wrong: the id is what is meant.
      { ruleId: 'b', ruleIndex: 0 },
      { ruleId: 'unknown' },
      { ruleIndex: -1 },
    ].map(resultOf),
    tool: {
      driver: { name: 'tool', rules: [rule('a'), rule('b', 'g')] },
      extensions: [{ name: 'pack', version: '9', rules: [rule('x')] }],
    },
  };
  const { runs, results } = await read(logOf(run));
  t.deepEqual(
    results.map(({ draft: { ruleId, title } }) => `${ruleId}: ${title}`),
    [
      ...['a: title of a', 'b: title of b', 'a/more: title of a', 'b: title of b', 'x: title of x', 'x: title of x', 'b: title of b'],
      ...['unknown: wrong', ': wrong'],
    ],
  );
  t.is(runs[0]!.rulesVersion, 'pack 9');
});

test('severity comes from security-severity, then the level, then the configuration, then the rule', async (t) => {
  const rules = [
    { id: 'scored', properties: { 'security-severity': '9.1' }, defaultConfiguration: { level: 'note' } },
    { id: 'note', defaultConfiguration: { level: 'note' } },
    { id: 'silent' },
  ];
  const invocations = [
    { executionSuccessful: true, ruleConfigurationOverrides: [{ descriptor: { id: 'silent' }, configuration: { level: 'error' } }] },
  ];
  const run = { ...driver({ rules }), invocations };
  for (const [result, severity] of [
    [{ ruleId: 'scored' }, 'critical'],
    [{ ruleId: 'scored', properties: { 'security-severity': 5 } }, 'medium'],
    [{ ruleId: 'note' }, 'low'],
    [{ ruleId: 'note', level: 'error' }, 'high'],
    [{ ruleId: 'silent' }, 'high'],
    [{ ruleId: 'other' }, 'medium'],
    [{ ruleId: 'other', level: 'none' }, 'info'],
    [{ ruleId: 'note', kind: 'review' }, 'info'],
  ] as const) {
    t.is((await draftOf(result, run)).severity, severity, JSON.stringify(result));
  }
});

test('a weakness is read from properties, tags, taxa and relations, wherever the taxonomy stands', async (t) => {
  const rules = [
    { id: 'tagged', properties: { tags: ['security', 'external/cwe/cwe-079'] } },
    { id: 'related', relationships: [{ target: { index: 1, toolComponent: { guid: 'cwe-guid' } }, kinds: ['superset'] }] },
    { id: 'owasp', relationships: [{ target: { id: 'A1', toolComponent: { name: 'OWASP' } } }] },
  ];
  const taxonomies = [
    { name: 'OWASP', taxa: [{ id: 'A1' }] },
    { name: 'CWE', guid: 'cwe-guid', taxa: [{ id: '20' }, { id: '89' }] },
  ];
  const run = { ...driver({ rules }), taxonomies };
  for (const [result, cwe] of [
    [{ ruleId: 'tagged' }, 'CWE-79'],
    [{ ruleId: 'related' }, 'CWE-89'],
    [{ ruleId: 'owasp' }, ''],
    [{ taxa: [{ id: '22', toolComponent: { name: 'CWE' } }] }, 'CWE-22'],
    [{ ruleId: 'tagged', properties: { cwe: ['CWE-94: Code Injection'] } }, 'CWE-94'],
  ] as const) {
    t.is((await draftOf(result, run)).cweId, cwe, JSON.stringify(result));
  }
});

test('messages get their arguments, single braces and the words of their links', async (t) => {
  const run = driver({
    rules: [{ id: 'r', messageStrings: { default: { text: '{0} reaches {1}; {{0}} stays, {2} is not given' } } }],
    globalMessageStrings: { shared: { text: 'shared {0}' } },
  });
  for (const [result, description] of [
    [{ ruleId: 'r', message: { id: 'default', arguments: ['input', 'a query'] } }, 'input reaches a query; {0} stays, {2} is not given'],
    [{ message: { id: 'shared', arguments: ['text'] } }, 'shared text'],
    [
      { message: { text: 'depends on a [user-provided value](1) and [a \\[page\\]](2); see [docs](https://a.example)' } },
      'depends on a user-provided value and a [page]; see [docs](https://a.example)',
    ],
    [{ message: { markdown: '*only markdown*' } }, '*only markdown*'],
  ] as const) {
    const draft = await draftOf({ ...result, properties: { title: 'title' } }, run);
    t.is(draft.description, description);
  }
});

test('paths are relative to the source, whatever base they are given to', async (t) => {
  const bases = {
    originalUriBaseIds: {
      SRCROOT: { uri: 'file:///home/ci/app/' },
      LIB: { uri: 'lib', uriBaseId: 'SRCROOT' },
      OTHER: { uri: 'file:///opt/other/' },
      LOOP: { uri: 'x/', uriBaseId: 'LOOP' },
    },
    artifacts: [{ location: { uri: 'indexed.js', uriBaseId: 'LIB' } }],
  };
  for (const [location, path] of [
    [at('a.js'), 'a.js'],
    [at('./a%20b/c%2Fd/%E0%A4%A.js'), 'a b/c%2Fd/%E0%A4%A.js'],
    [at('a.js', { uriBaseId: 'LIB' }), 'lib/a.js'],
    [at('a.js', { uriBaseId: 'SRCROOT' }), 'a.js'],
    [at('a.js', { uriBaseId: 'nobody knows' }), 'a.js'],
    [at('a.js', { uriBaseId: 'LOOP' }), 'x/a.js'],
    [at('file:///home/ci/app/src/a.js'), 'src/a.js'],
    [at('/home/ci/app/src/a.js'), 'src/a.js'],
    [at('file:///opt/other/a.js'), 'a.js'],
    [at('file:///etc/passwd'), 'etc/passwd'],
    [at('file:///C:/agent/app/a.js'), 'C:/agent/app/a.js'],
    [at('src\\win\\a.js'), 'src/win/a.js'],
    [at('../../etc/passwd'), 'etc/passwd'],
    [at('%2E%2E/%2E%2E/etc/passwd'), 'etc/passwd'],
    [at('file:///home/ci/app/../../../etc/passwd'), 'etc/passwd'],
    [at('https://git.example.com/a.js'), ''],
    [at('', { index: 0 }), 'lib/indexed.js'],
    [{}, ''],
  ] as const) {
    t.is((await draftOf(location, bases)).filePath, path, JSON.stringify(location));
  }
  t.is((await draftOf(at('file:///work/my%20source/src/a.js'), {}, { sourceUri: 'file:///work/my%20source' })).filePath, 'src/a.js');
  const invocations = [{ executionSuccessful: true, workingDirectory: { uri: 'file:///builds/app' } }];
  t.is((await draftOf(at('file:///builds/app/src/a.js'), { invocations })).filePath, 'src/a.js');
});

test('regions give lines, columns and the code', async (t) => {
  const region = { startLine: 3, startColumn: 5, endColumn: 9, snippet: { text: 'eval' } };
  t.like(await draftOf(at('a', {}, region)), { startLine: 3, endLine: 3, startColumn: 5, endColumn: 9, codeSnippet: 'eval' });
  t.like(await draftOf(at('a', {}, { startLine: 3, endLine: 7 })), { startLine: 3, endLine: 7, startColumn: 0, endColumn: 0 });
  t.like(await draftOf(at('a', {}, { charOffset: 100, charLength: 5 })), { startLine: 0, endLine: 0, startColumn: 0, endColumn: 0 });
  t.like(await draftOf(at('a', {}, { startLine: 0, endLine: -1 })), { startLine: 0, endLine: 0 });
});

test('what was dismissed, is gone, or is nothing wrong is told apart', async (t) => {
  const accepted = { kind: 'inSource' };
  for (const [suppressions, suppressed] of [
    [[], false],
    [[accepted], true],
    [[accepted, { kind: 'external', status: 'underReview' }], false],
    [[{ kind: 'external', status: 'rejected' }], false],
    [null, false],
  ] as const) {
    t.is((await readOne({ suppressions })).suppressed, suppressed, JSON.stringify(suppressions));
  }
  t.like(await readOne({ baselineState: 'absent', kind: 'pass' }), { baseline: 'absent', kind: 'pass' });
  t.like(await readOne({}), { baseline: null, kind: 'fail', moreLocations: 0 });
  t.is((await readOne({ locations: [{}, {}, {}] })).moreLocations, 2);
});

test('equal fingerprints of a tool give equal ones of ours; a partial one needs its rule and file', async (t) => {
  const print = async (fields: Json): Promise<string> => (await draftOf(fields)).fingerprint;
  const full = { fingerprints: { 'x/v1': '1' } };
  t.is(await print({ ...full, ruleId: 'a', ...at('a') }), await print({ ...full, ruleId: 'b', ...at('b') }));
  const partial = { partialFingerprints: { b: '2', a: '1' } };
  t.is(await print({ ...partial, ...at('a') }), await print({ partialFingerprints: { a: '1', b: '2' }, ...at('a') }));
  t.not(await print({ ...partial, ...at('a') }), await print({ ...partial, ...at('b') }));
  t.regex(await print(partial), /^[0-9a-f]{64}$/);
  t.is(await print({}), '');
});

test('what stands for a fingerprint and is none does not make two results one', async (t) => {
  const commit = { commitSha: 'c0ffee', email: 'a@example.com', author: 'A', date: '2026-01-01T00:00:00Z', commitMessage: 'one' };
  for (const fields of [
    { fingerprints: { 'matchBasedId/v1': 'requires login' } },
    { partialFingerprints: { commitSha: '', author: '' } },
    { partialFingerprints: commit },
  ]) {
    t.is((await draftOf(fields)).fingerprint, '', JSON.stringify(fields));
  }
  const { fingerprint } = await draftOf({ partialFingerprints: { ...commit, lineHash: '1f' } });
  t.is(fingerprint, (await draftOf({ partialFingerprints: { lineHash: '1f' } })).fingerprint);
});

test('links in the help of a rule are references, and help that repeats the message is no remedy', async (t) => {
  const help = { text: 'wrong', markdown: 'wrong, see [a](https://a.example/1) and [b](https://b.example/2) or [here](#c)' };
  const draft = await draftOf({ ruleId: 'r' }, driver({ rules: [{ id: 'r', helpUri: 'https://a.example/1', help }] }));
  t.deepEqual(draft.references, ['https://a.example/1', 'https://b.example/2']);
  t.is(draft.remediation, '');
});

test('the kind of scan is what was asked for, else what package, tags or tool tell', async (t) => {
  const judged = async (result: Json, name = 'tool'): Promise<ScanType> =>
    (await draftOf(result, driver({ name }), { scanType: null })).scanType;
  t.is(await judged({}), 'sast');
  t.is(await judged({ ruleId: 'CVE-2021-44228' }), 'sca');
  t.is(await judged({}, 'gitleaks'), 'secrets');
  t.is(await judged({ properties: { tags: ['license'] } }), 'license');
  t.is((await draftOf({ ruleId: 'CVE-2021-44228' }, {}, { scanType: 'secrets' })).scanType, 'secrets');
});

test('packages are read from properties, purls and the lines of Trivy', async (t) => {
  const text =
    'Package: log4j:log4j\nInstalled Version: 1.2.17\nVulnerability CVE-2019-17571\nSeverity: CRITICAL\nFixed Version: 2.0\nLink: [CVE](https://a.example)';
  t.like(await draftOf({ message: { text } }), { packageName: 'log4j:log4j', packageVersion: '1.2.17', fixedVersion: '2.0' });
  t.like(await draftOf({ properties: { purl: 'pkg:npm/%40scope/name@1.0.0?x=y' } }), {
    packageName: '@scope/name',
    packageVersion: '1.0.0',
  });
});

test('remedies come from fixes and help, scores only where there is a CVE', async (t) => {
  const rules = [{ id: 'CVE-2020-1', helpUri: 'https://a.example/', help: { text: 'help' }, properties: { 'security-severity': '7.5' } }];
  t.like(await draftOf({ ruleId: 'CVE-2020-1' }, driver({ rules })), {
    remediation: 'help',
    references: ['https://a.example/'],
    cvssScore: 0,
  });
  const named = [{ ...rules[0], id: 'CVE-2020-12345' }];
  t.like(await draftOf({ ruleId: 'CVE-2020-12345', fixes: [{ description: { text: 'fix' } }] }, driver({ rules: named })), {
    remediation: 'fix',
    cveId: 'CVE-2020-12345',
    cvssScore: 7.5,
    severity: 'high',
  });
});

test('the record of the tool is kept whole or not at all', async (t) => {
  t.deepEqual(JSON.parse((await draftOf({ ruleId: 'é' })).rawOutput), resultOf({ ruleId: 'é' }));
  t.is((await draftOf({ properties: { much: 'x'.repeat(20_000) } })).rawOutput, '');
});

for (const [what, log, path] of [
  ['no JSON', '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[{"level":oops}]}]}', '$.runs[0].results[0].level'],
  ['cut off', '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[', '$.runs[0].results[0]'],
  ['an older version', { version: '2.0.0', runs: [] }, '$.version'],
  ['no version', { runs: [] }, '$.version'],
  ['no name', { version: '2.1.0', runs: [{ tool: { driver: { version: '1' } } }] }, '$.runs[0].tool.driver.name'],
  ['a name that is no text', logOf(driver({ name: 7 })), '$.runs[0].tool.driver.name'],
  ['a level that SARIF does not know', logOf({}, { results: [resultOf(), resultOf({ level: 'fatal' })] }), '$.runs[1].results[1].level'],
  ['no message', logOf({ results: [{ ruleId: 'a' }] }), '$.runs[0].results[0].message'],
  ['a message of nothing', logOf({ results: [{ message: {} }] }), '$.runs[0].results[0].message'],
  [
    'a line that is no number',
    logOf({ results: [resultOf(at('a', {}, { startLine: '3' }))] }),
    '$.runs[0].results[0].locations[0].physicalLocation.region.startLine',
  ],
  ['locations that are no list', logOf({ results: [resultOf({ locations: {} })] }), '$.runs[0].results[0].locations'],
  ['runs that are no list', { version: '2.1.0', runs: {} }, '$.runs'],
  ['results that are no list', logOf({ results: { message: {} } }), '$.runs[0].results'],
  ['a run that is a number', { version: '2.1.0', runs: [7] }, '$.runs[0]'],
  ['a result that is a text', logOf({ results: ['wrong'] }), '$.runs[0].results[0]'],
  ['a rule without an id', logOf(driver({ rules: [{}] })), '$.runs[0].tool.driver.rules[0].id'],
  [
    'results in another file',
    logOf({ externalPropertyFileReferences: { results: [{ location: {} }] } }),
    '$.runs[0].externalPropertyFileReferences',
  ],
  [
    'an unknown kind of suppression',
    logOf({ results: [resultOf({ suppressions: [{ status: 'maybe' }] })] }),
    '$.runs[0].results[0].suppressions[0].status',
  ],
] as const) {
  test(`a log with ${what} is refused with the path of the fault`, async (t) => {
    t.is(await pathOf(t, log), path);
  });
}

test('what goes beyond a limit is refused by the name of the limit', async (t) => {
  const many = logOf(
    {
      results: [resultOf(), resultOf()],
      tool: { driver: { name: 't', rules: [{ id: 'a' }] }, extensions: [{ name: 'x', rules: [{ id: 'b' }] }] },
    },
    {},
  );
  for (const [limits, path] of [
    [{ maxRuns: 1 }, '$.runs[1]'],
    [{ maxResultsPerRun: 1 }, '$.runs[0].results[1]'],
    [{ maxRulesPerRun: 1 }, '$.runs[0].tool.extensions[0].rules[0]'],
    [{ maxExtensionsPerRun: 0 }, '$.runs[0].tool.extensions[0]'],
  ] as const) {
    const error = await t.throwsAsync<SarifReadError>(read(many, { limits }), { instanceOf: SarifReadError });
    t.is(error.limit, Object.keys(limits)[0] as keyof SarifLimits);
    t.is(error.path, path);
  }
  t.is((await read(many, { limits: toolLimits })).results.length, 2);
});

test('what stands beside the results has a limit of its own, whatever it is', async (t) => {
  const many = (head: string, item: string): SarifSource => ({
    open: async function* () {
      yield Buffer.from(`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},${head}`);
      const block = Buffer.from(`${item},`.repeat(2000));
      for (let index = 0; index < 2000; index += 1) yield block;
      yield Buffer.from(`${item}]}]}`);
    },
  });
  for (const [key, item] of [
    ['artifacts', '{"location":{"uri":"a"}}'],
    ['invocations', '{"executionSuccessful":true}'],
  ] as const) {
    const error = await t.throwsAsync<SarifReadError>(readSarifRuns(many(`"${key}":[`, item), toolLimits), { instanceOf: SarifReadError });
    t.true(error.path.startsWith(`$.runs[0].${key}[`), error.path);
    t.regex(error.message, /more than 64 MiB/);
  }
});

/** Bytes that this test file holds: others run in the same process. */
function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test('memory does not grow with the number of results', async (t) => {
  const result = JSON.stringify(resultOf({ ruleId: 'r', ...at('src/a.js', {}, { startLine: 1, snippet: { text: 'x'.repeat(500) } }) }));
  const source: SarifSource = {
    open: async function* () {
      yield Buffer.from('{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[');
      const block = Buffer.from(`${result},`.repeat(1000));
      for (let index = 0; index < 100; index += 1) yield block;
      yield Buffer.from(`${result}]}]}`);
    },
  };
  const runs = await readSarifRuns(source, toolLimits);
  t.is(runs[0]!.resultsCount, 100_001);
  let seen = 0;
  let highest = 0;
  const before = heldBytes();
  for await (const { draft } of readSarifResults(source, runs, { scanType: null })) {
    if (draft.startLine === 1) seen += 1;
    if (seen % 5000 === 0) highest = Math.max(highest, heldBytes() - before);
  }
  t.is(seen, 100_001);
  t.true(highest < 100 * 1024 ** 2, `${Math.round(highest / 1024 ** 2)} MiB more`);
});
