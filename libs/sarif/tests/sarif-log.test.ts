import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FindingDraft } from '@cloudscan/domain';
import published from '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json' with { type: 'json' };
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Log } from 'sarif';
import { SarifLog } from '../src/sarif-log.ts';
import type { SarifInvocation, SarifLogOptions, SarifTool } from '../src/sarif-log.ts';
import { aFinding } from './a-finding.ts';

// Of draft 4, the schema uses nothing that later drafts read otherwise.
const { $schema: _draft, id: _id, ...schema } = published;
const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
formats.default(ajv);
const validate = ajv.compile(schema);

const tool: SarifTool = { name: 'cloudscan-sast', version: '1.2.3', rulesVersion: '7', scanType: 'sast' };
const ended: SarifInvocation = {
  successful: true,
  exitCode: 0,
  startedAt: new Date(1e12),
  endedAt: new Date(1e12 + 1500),
  errorMessage: '',
};

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'cloudscan-sarif-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function readLog(t: ExecutionContext, path: string): Promise<Log> {
  const log: unknown = JSON.parse(await readFile(path, 'utf8'));
  t.true(validate(log), JSON.stringify(validate.errors?.slice(0, 3)));
  return log as Log;
}

async function write(
  t: ExecutionContext,
  findings: readonly FindingDraft[],
  options: SarifLogOptions = { scanId: 's1' },
  invocation = ended,
): Promise<Log> {
  const path = join(await folder(t), 'results.sarif');
  const log = new SarifLog(path, options);
  const run = await log.startRun(tool);
  for (const each of findings) await run.add(each);
  await run.end(invocation);
  await log.finish();
  return await readLog(t, path);
}

test('the validator refuses what is not SARIF', (t) => {
  t.false(validate({ version: '2.1.0' }));
  t.false(validate({ version: '2.1.0', runs: [{ tool: { driver: { name: 'x' } }, results: [{ message: {}, level: 'loud' }] }] }));
});

test('a log without runs and a run without results are valid', async (t) => {
  const path = join(await folder(t), 'empty.sarif');
  await new SarifLog(path, { scanId: 's1' }).finish();
  t.deepEqual((await readLog(t, path)).runs, []);
  t.deepEqual((await write(t, [])).runs[0]!.results, []);
});

test('writes the result with its place, fingerprint and level', async (t) => {
  const [run] = (await write(t, [aFinding()])).runs;
  const [result] = run!.results!;
  t.is(result!.level, 'error');
  t.is(result!.message.text, 'eval({{input}}) runs what a caller sends.');
  t.deepEqual(result!.locations![0]!.physicalLocation, {
    artifactLocation: { uri: 'src/my%20app/index.ts', uriBaseId: 'SRCROOT' },
    region: { startLine: 3, endLine: 4, startColumn: 5, endColumn: 20, snippet: { text: 'eval(input)' } },
  });
  t.deepEqual(result!.partialFingerprints, { 'cloudscanFingerprint/v1': 'ab12' });
  t.truthy(run!.originalUriBaseIds!.SRCROOT);
});

test('names each rule once and points every result to it', async (t) => {
  const [run] = (
    await write(t, [aFinding(), aFinding({ ruleId: 'js/xss', severity: 'medium' }), aFinding(), aFinding({ ruleId: 'js/xss' })])
  ).runs;
  const rules = run!.tool.driver.rules!;
  t.deepEqual(
    rules.map(({ id }) => id),
    ['js/eval', 'js/xss'],
  );
  for (const result of run!.results!) t.is(rules[result.ruleIndex!]!.id, result.ruleId!);
  t.deepEqual(rules[0]!.properties, { 'security-severity': '8.0', tags: ['security', 'sast', 'external/cwe/cwe-095'] });
  t.is(rules[0]!.help!.text, 'Parse the input instead.\n- https://cwe.mitre.org/data/definitions/95.html');
  t.is(rules[0]!.helpUri, 'https://cwe.mitre.org/data/definitions/95.html');
});

test('a CVSS score speaks where it agrees with the severity', async (t) => {
  const scores = await write(t, [
    aFinding({ ruleId: 'a', severity: 'critical', cvssScore: 9.8 }),
    aFinding({ ruleId: 'b', severity: 'low', cvssScore: 9.8 }),
    aFinding({ ruleId: 'c', severity: 'info' }),
  ]);
  t.deepEqual(
    scores.runs[0]!.tool.driver.rules!.map(({ properties }) => properties!['security-severity']),
    ['9.8', '2.5', '0.0'],
  );
});

test('a finding with nothing but a rule, odd text and odd references is valid', async (t) => {
  const bare = aFinding({
    title: '',
    description: '',
    filePath: '',
    startLine: 0,
    endLine: 0,
    startColumn: 0,
    endColumn: 0,
    fingerprint: '',
    cweId: '',
    remediation: '',
    references: [],
  });
  const odd = aFinding({
    ruleId: 'odd',
    description: 'quote " back \\ nul \u0000 lone \ud800 line\nbreak',
    references: ['not a url', 'https://[', 'https://x/ y'],
  });
  const [run] = (await write(t, [bare, odd, aFinding({ startLine: 7, endLine: 0, startColumn: 0, endColumn: 0 })])).runs;
  t.is(run!.results![0]!.message.text, 'js/eval');
  t.is(run!.results![0]!.locations, undefined);
  t.is(run!.tool.driver.rules![1]!.helpUri, 'https://x/%20y');
  t.deepEqual(run!.results![2]!.locations![0]!.physicalLocation!.region, { startLine: 7, snippet: { text: 'eval(input)' } });
});

test('a tool that failed says so in its invocation', async (t) => {
  const [run] = (await write(t, [], { scanId: 's1' }, { ...ended, successful: false, exitCode: 3, errorMessage: 'no advisory source' }))
    .runs;
  t.like(run!.invocations![0], {
    executionSuccessful: false,
    exitCode: 3,
    toolExecutionNotifications: [{ level: 'error', message: { text: 'no advisory source' } }],
  });
  const [killed] = (await write(t, [], { scanId: 's1' }, { ...ended, successful: false, exitCode: -1, errorMessage: 'killed' })).runs;
  t.is(killed!.invocations![0]!.exitCode, undefined);
});

test('says which revision was scanned, without credentials', async (t) => {
  const [run] = (await write(t, [], { scanId: 's1', git: { url: 'https://me:pw@git.example/r.git', branch: 'main', commit: 'c0ffee' } }))
    .runs;
  t.deepEqual(run!.versionControlProvenance, [
    { repositoryUri: 'https://git.example/r.git', revisionId: 'c0ffee', branch: 'main', mappedTo: { uriBaseId: 'SRCROOT' } },
  ]);
});

test('runs written side by side stay apart, and nothing but the log is left', async (t) => {
  const dir = await folder(t);
  const path = join(dir, 'results.sarif');
  const log = new SarifLog(path, { scanId: 's1' });
  const runs = [await log.startRun(tool), await log.startRun({ ...tool, name: 'cloudscan-secrets', scanType: 'secrets' })];
  await Promise.all(
    runs.map(async (run, index) => {
      for (let count = 0; count < 3000; count += 1) await run.add(aFinding({ ruleId: `rule-${index}-${count % 7}` }));
      await run.end(ended);
    }),
  );
  const { sizeBytes, sha256 } = await log.finish();
  const bytes = await readFile(path);
  t.is(bytes.length, sizeBytes);
  t.is(createHash('sha256').update(bytes).digest('hex'), sha256);
  t.deepEqual(await readdir(dir), ['results.sarif']);
  const parsed = await readLog(t, path);
  t.deepEqual(
    parsed.runs.map((run) => [run.results!.length, run.tool.driver.rules!.length]),
    [
      [3000, 7],
      [3000, 7],
    ],
  );
});

test('memory does not grow with the number of results', async (t) => {
  const log = new SarifLog(join(await folder(t), 'large.sarif'), { scanId: 's1' });
  const run = await log.startRun(tool);
  const description = 'x'.repeat(2000);
  const before = process.memoryUsage().rss;
  for (let count = 0; count < 60_000; count += 1) await run.add(aFinding({ description, startLine: count + 1 }));
  await run.end(ended);
  const { sizeBytes } = await log.finish();
  t.true(sizeBytes > 120e6);
  t.true(process.memoryUsage().rss - before < 100e6);
});

test('an unfinished log is an error, and discarding it leaves nothing', async (t) => {
  const dir = await folder(t);
  const log = new SarifLog(join(dir, 'results.sarif'), { scanId: 's1' });
  await (await log.startRun(tool)).add(aFinding());
  await t.throwsAsync(log.finish(), { message: /has not ended/ });
  await log.discard();
  t.deepEqual(
    (await readdir(dir)).filter((name) => name !== 'results.sarif'),
    [],
  );
});
