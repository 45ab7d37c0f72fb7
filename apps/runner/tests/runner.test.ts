import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { scan as wire } from '@cloudscan/contracts';
import { DomainError } from '@cloudscan/domain';
import type { FindingDraft } from '@cloudscan/domain';
import type { ScanContext, Scanner, ScannerOutcome } from '@cloudscan/scanners';
import type { Logger } from '@cloudscan/telemetry';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Log } from 'sarif';
import { loadConfig } from '../src/config.ts';
import type { RunnerConfig } from '../src/config.ts';
import { createApp } from '../src/create-app.ts';
import { exitCodes } from '../src/exit-codes.ts';
import type { ExitCode } from '../src/exit-codes.ts';
import { tarGz } from './archives.ts';
import { FakeOrchestrator } from './fake-orchestrator.ts';

const scanId = '01981a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b';
const token = 'runner-token-for-tests';

function draft(index: number): FindingDraft {
  const blank = {
    cveId: '',
    cweId: '',
    cvssScore: 0,
    cvssVector: '',
    packageName: '',
    packageVersion: '',
    fixedVersion: '',
    license: '',
    licenseCategory: '',
  };
  const place = { filePath: 'src/a.ts', startLine: index + 1, endLine: index + 1, startColumn: 1, endColumn: 2, codeSnippet: 'x' };
  const text = {
    title: `Finding ${index}`,
    description: 'd',
    remediation: '',
    references: [],
    rawOutput: '',
    fingerprint: 'ab'.repeat(16),
  };
  return { scanType: 'sast', toolName: 'fake', toolVersion: '1', ruleId: 'rule', severity: 'high', ...place, ...text, ...blank };
}

/** A scanner that does as it is told. */
function scanner(work: (context: ScanContext) => Promise<Partial<ScannerOutcome>>, name = 'fake'): Scanner {
  return {
    name,
    scanType: 'sast',
    probe: async () => ({ version: '1.0', rulesVersion: '7' }),
    scan: async (context) => ({
      status: 'succeeded',
      exitCode: 0,
      findingsCount: 0,
      durationMs: 1,
      errorMessage: '',
      evidence: '',
      ...(await work(context)),
    }),
  };
}

const finds = (count: number): Scanner =>
  scanner(async ({ onFinding }) => {
    for (let index = 0; index < count; index += 1) await onFinding(draft(index));
    return { findingsCount: count };
  });

const waitsForEver = scanner(async ({ signal }) => {
  if (!signal.aborted) await once(signal, 'abort');
  return { status: 'failed', exitCode: -1, errorMessage: 'it was stopped' };
});

interface Run {
  readonly code: ExitCode;
  readonly log: string;
  readonly workDir: string;
}

interface RunOptions {
  readonly scanners?: readonly Scanner[];
  readonly env?: Record<string, string>;
  readonly stop?: AbortSignal;
  readonly reportMs?: number;
}

async function run(t: ExecutionContext, fake: FakeOrchestrator, options: RunOptions = {}): Promise<Run> {
  const root = await mkdtemp(join(tmpdir(), 'cloudscan-runner-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const workDir = join(root, 'work');
  const config: RunnerConfig = loadConfig({
    SCAN_ID: scanId,
    SCAN_ATTEMPT: '2',
    SCAN_TYPES: 'sast',
    ORCHESTRATOR_ENDPOINT: `127.0.0.1:${fake.grpcPort}`,
    SOURCE_ARTIFACT_ID: '01981a2b-0000-7000-8000-00000000000a',
    WORK_DIR: workDir,
    RESULTS_DIR: join(root, 'results'),
    RUNNER_TOKEN: token,
    SECRET_HASH_KEY: 'k',
    SCAN_TIMEOUT: '60',
    PATH: process.env.PATH,
    ...options.env,
  });
  const lines: string[] = [];
  const write = (fields: object, message: string): void =>
    void lines.push(JSON.stringify({ ...fields, message }, (_key, value: unknown) => (value instanceof Error ? inspect(value) : value)));
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log };
  const scanners = options.scanners ?? [finds(3)];
  await using app = createApp(config, { log, selectScanners: async () => scanners, firstPauseMs: 5, reportMs: options.reportMs });
  const code = await app.runner.run(options.stop ?? new AbortController().signal);
  t.deepEqual(await readdir(root), [], 'work and results folders are gone');
  const text = lines.join('\n');
  t.false(text.includes('s3cr3t-signature') || text.includes(token), text);
  return { code, log: text, workDir };
}

async function uploaded(t: ExecutionContext): Promise<FakeOrchestrator> {
  const fake = await FakeOrchestrator.start(t);
  fake.source = await tarGz([
    { name: 'src/a.ts', content: 'x' },
    { name: 'noise', content: randomBytes(300_000) },
  ]);
  return fake;
}

test('takes a scan from its source to its results', async (t) => {
  const fake = await uploaded(t);
  let seen: string[] = [];
  const looks = scanner(async ({ sourceDir, workDir, onFinding }) => {
    seen = (await readdir(sourceDir)).sort();
    t.true(existsSync(workDir));
    await onFinding(draft(0));
    return { findingsCount: 1 };
  }, 'looks');
  const { code } = await run(t, fake, { scanners: [finds(2201), looks] });
  t.is(code, exitCodes.done);
  t.deepEqual(seen, ['noise', 'src']);
  t.is(fake.calls[0], 'updateScan');
  t.like(fake.updates[0], { id: scanId, attempt: 2, status: wire.ScanStatus.RUNNING, progress: { step: 'download', percent: 0 } });
  t.is(fake.findings.length, 2202);
  t.true(fake.batches.size >= 3);
  const [completion] = fake.completions;
  t.like(completion, { id: scanId, attempt: 2, runId: fake.updates[0]!.runId, resultsArtifactId: fake.artifactId });
  const sourceSha256 = createHash('sha256').update(fake.source!).digest('hex');
  t.like(completion!.provenance, { sourceSha256, gitCommit: '' });
  t.regex(completion!.provenance!.runnerVersion, /^\d+\.\d+\.\d+$/);
  t.deepEqual(
    completion!.tools.map(({ name, status, findingsCount, rulesVersion }) => ({ name, status, findingsCount, rulesVersion })),
    [
      { name: 'fake', status: wire.ToolStatus.TOOL_STATUS_SUCCEEDED, findingsCount: 2201, rulesVersion: '7' },
      { name: 'looks', status: wire.ToolStatus.TOOL_STATUS_SUCCEEDED, findingsCount: 1, rulesVersion: '7' },
    ],
  );
  const log = JSON.parse(fake.uploads[0]!.toString()) as Log;
  t.deepEqual(
    log.runs.map(({ tool, results }) => [tool.driver.name, results!.length]),
    [
      ['fake', 2201],
      ['looks', 1],
    ],
  );
});

test('the percentage it reports never falls', async (t) => {
  const fake = await uploaded(t);
  await run(t, fake);
  const percents = fake.updates.map(({ progress }) => progress!.percent);
  t.deepEqual(
    percents,
    percents.toSorted((a, b) => a - b),
  );
});

test('sends the token with every call', async (t) => {
  const fake = await uploaded(t);
  const tokens = new Set<unknown>();
  fake.override.getArtifact = async (_request, { metadata }) => {
    tokens.add(metadata.get('authorization')[0]);
    throw new DomainError('not_found', 'gone');
  };
  await run(t, fake);
  t.deepEqual([...tokens], [`Bearer ${token}`]);
});

test('a tool that failed is a record among the others', async (t) => {
  const fake = await uploaded(t);
  const broken = scanner(async () => ({ status: 'failed', exitCode: 1, errorMessage: 'no advisory source' }), 'broken');
  t.is((await run(t, fake, { scanners: [finds(1), broken] })).code, exitCodes.done);
  t.like(fake.completions[0]!.tools[1], { status: wire.ToolStatus.TOOL_STATUS_FAILED, exitCode: 1, errorMessage: 'no advisory source' });
  const log = JSON.parse(fake.uploads[0]!.toString()) as Log;
  t.is(log.runs[1]!.invocations![0]!.executionSuccessful, false);
});

test('what a tool had found before it failed stays, with its evidence on record', async (t) => {
  const fake = await uploaded(t);
  const dying = scanner(async ({ onFinding }) => {
    for (const index of [0, 1]) await onFinding(draft(index));
    return { status: 'out_of_memory', exitCode: -1, findingsCount: 2, errorMessage: 'it ran out of memory', evidence: 'heap limit' };
  }, 'dying');
  t.is((await run(t, fake, { scanners: [finds(1), dying] })).code, exitCodes.done);
  t.is(fake.findings.length, 3);
  t.like(fake.completions[0]!.tools[1], {
    status: wire.ToolStatus.TOOL_STATUS_OUT_OF_MEMORY,
    findingsCount: 2,
    errorMessage: 'it ran out of memory',
    evidence: 'heap limit',
  });
  const log = JSON.parse(fake.uploads[0]!.toString()) as Log;
  t.is(log.runs[1]!.results!.length, 2);
});

test('tools of one type, and even of one name, work in folders of their own', async (t) => {
  const fake = await uploaded(t);
  const places = new Set<string>();
  const looks = scanner(async ({ workDir }) => {
    t.deepEqual(await readdir(workDir), []);
    places.add(workDir);
    return {};
  }, 'looks');
  await run(t, fake, { scanners: [looks, looks, looks] });
  t.is(places.size, 3);
});

test('a tool that cannot run is a failed record with its reason', async (t) => {
  const fake = await uploaded(t);
  const broken: Scanner = {
    ...finds(1),
    name: 'broken',
    probe: async () => ({ problem: 'broken is not for this machine; install it anew' }),
  };
  t.is((await run(t, fake, { scanners: [finds(1), broken] })).code, exitCodes.done);
  const [, tool] = fake.completions[0]!.tools;
  const errorMessage = 'broken is not for this machine; install it anew';
  t.like(tool, { status: wire.ToolStatus.TOOL_STATUS_FAILED, exitCode: -1, version: '', findingsCount: 0, errorMessage });
});

test('when no tool has done its work the scan fails and says why', async (t) => {
  const fake = await uploaded(t);
  const broken = scanner(async () => ({ status: 'failed', exitCode: 1, errorMessage: 'no advisory source' }));
  t.is((await run(t, fake, { scanners: [broken] })).code, exitCodes.failed);
  t.like(fake.updates.at(-1), {
    status: wire.ScanStatus.FAILED,
    failureReason: wire.FailureReason.FAILURE_REASON_TOOL_ERROR,
    errorMessage: 'no advisory source',
    attempt: 2,
  });
  t.deepEqual(fake.completions, []);
});

test('a quota that is used up is the reason of the failure; a server with too much to do is asked again', async (t) => {
  const fake = await uploaded(t);
  let isBusy = true;
  fake.override.getUploadUrl = async () => {
    if (!isBusy) throw new DomainError('resource_exhausted', 'the quota of 1000 bytes is used up; delete scans or ask for more');
    isBusy = false;
    throw new DomainError('resource_exhausted', 'too many uploads are announced', { retryAfterMs: 1 });
  };
  t.is((await run(t, fake, { scanners: [finds(1)] })).code, exitCodes.failed);
  t.like(fake.updates.at(-1), {
    failureReason: wire.FailureReason.FAILURE_REASON_QUOTA,
    errorMessage: 'the quota of 1000 bytes is used up; delete scans or ask for more',
  });
  t.is(fake.calls.filter((call) => call === 'getUploadUrl').length, 2);
});

test('a source that is gone, or not what was declared, is the reason of the failure', async (t) => {
  const fake = await FakeOrchestrator.start(t);
  t.is((await run(t, fake)).code, exitCodes.failed);
  t.is(fake.updates.at(-1)!.failureReason, wire.FailureReason.FAILURE_REASON_SOURCE_MISSING);
  fake.source = Buffer.from('not an archive');
  t.is((await run(t, fake)).code, exitCodes.failed);
  t.is(fake.updates.at(-1)!.failureReason, wire.FailureReason.FAILURE_REASON_SOURCE_INVALID);
  fake.declaredSha256 = createHash('sha256').update('other').digest('hex');
  t.is((await run(t, fake)).code, exitCodes.failed);
  t.regex(fake.updates.at(-1)!.errorMessage, /not what was declared/);
});

for (const call of ['updateScan', 'createFindings', 'completeScan'] as const) {
  test(`when ${call} is refused everything stops and nobody is called any more`, async (t) => {
    const fake = await uploaded(t);
    fake.override[call] = async () => {
      throw new DomainError('failed_precondition', 'another attempt is current');
    };
    const scanners = call === 'createFindings' ? [finds(1001), waitsForEver] : [finds(1)];
    t.is((await run(t, fake, { scanners })).code, exitCodes.refused);
    t.is(fake.calls.filter((each) => each === call).length, 1);
    t.false(fake.updates.some(({ status }) => status === wire.ScanStatus.FAILED));
  });
}

test('a cancel that comes back with a progress report stops the scanners', async (t) => {
  const fake = await uploaded(t);
  const scanning = scanner(async (context) => {
    fake.override.updateScan = async () => {
      throw new DomainError('failed_precondition', 'the scan is cancelled');
    };
    context.onProgress(0.5);
    return await waitsForEver.scan(context);
  });
  t.is((await run(t, fake, { scanners: [scanning] })).code, exitCodes.refused);
  t.deepEqual(fake.completions, []);
});

test('a batch that was not taken is sent again under its number', async (t) => {
  const fake = await uploaded(t);
  let failures = 0;
  fake.override.createFindings = async ({ runId, batchNumber, findings }) => {
    failures += 1;
    if (failures % 2 === 1) throw new DomainError('unavailable', 'the database is away');
    fake.batches.set(`${runId}/${batchNumber}`, findings);
    return { createdCount: findings.length };
  };
  t.is((await run(t, fake, { scanners: [finds(3600)] })).code, exitCodes.done);
  t.is(fake.batches.size, 4);
  t.deepEqual(new Set(fake.findings.map(({ title }) => title)).size, 3600);
});

test('survives an orchestrator that restarts in the middle', async (t) => {
  const fake = await uploaded(t);
  const scanning = scanner(async (context) => {
    for (let index = 0; index < 600; index += 1) await context.onFinding(draft(index));
    await fake.stopGrpc();
    for (let index = 600; index < 1800; index += 1) await context.onFinding(draft(index));
    await fake.startGrpc();
    return { findingsCount: 1800 };
  });
  t.is((await run(t, fake, { scanners: [scanning] })).code, exitCodes.done);
  t.is(new Set(fake.findings.map(({ title }) => title)).size, 1800);
});

test('a store that is away or forgot its URL is asked again under a fresh one', async (t) => {
  const fake = await uploaded(t);
  const answers = [503, 403, 0];
  fake.onHttp = async (request, response) => {
    if (request.method !== 'PUT' || answers.length === 0) return false;
    const status = answers.shift()!;
    if (status === 0) request.socket.destroy();
    else response.writeHead(status).end();
    return true;
  };
  t.is((await run(t, fake)).code, exitCodes.done);
  t.is(fake.calls.filter((call) => call === 'getUploadUrl').length, 4);
  t.is(fake.uploads.length, 1);
});

test('past SCAN_TIMEOUT it stops the tools and reports the deadline', async (t) => {
  const fake = await uploaded(t);
  t.is((await run(t, fake, { scanners: [waitsForEver], env: { SCAN_TIMEOUT: '1' } })).code, exitCodes.failed);
  t.like(fake.updates.at(-1), { status: wire.ScanStatus.FAILED, failureReason: wire.FailureReason.FAILURE_REASON_DEADLINE_EXCEEDED });
});

test('each tool has a limit of its own, and leaves time for the end of the scan', async (t) => {
  const fake = await uploaded(t);
  const limits: number[] = [];
  const looks = scanner(async ({ timeoutMs }) => {
    limits.push(timeoutMs);
    return {};
  });
  await run(t, fake, { scanners: [looks], env: { TOOL_TIMEOUT: '7' } });
  await run(t, fake, { scanners: [looks], env: { SCAN_TIMEOUT: '100' } });
  t.is(limits[0], 7000);
  t.true(limits[1]! > 60_000 && limits[1]! <= 90_000);
});

test('when every tool ran out of time the scan fails with the deadline', async (t) => {
  const fake = await uploaded(t);
  const late = scanner(async () => ({ status: 'timed_out', exitCode: -1, errorMessage: 'it took too long' }));
  t.is((await run(t, fake, { scanners: [late] })).code, exitCodes.failed);
  t.like(fake.updates.at(-1), { failureReason: wire.FailureReason.FAILURE_REASON_DEADLINE_EXCEEDED, errorMessage: 'it took too long' });
});

test('a source that was announced and never uploaded is missing', async (t) => {
  const fake = await uploaded(t);
  fake.override.getArtifact = async () => ({ artifact: undefined, downloadUrl: '', expiresAt: undefined });
  t.is((await run(t, fake)).code, exitCodes.failed);
  t.is(fake.updates.at(-1)!.failureReason, wire.FailureReason.FAILURE_REASON_SOURCE_MISSING);
});

test('a repository is cloned where there is no upload, and the log names its revision', async (t) => {
  const fake = await FakeOrchestrator.start(t);
  const repository = await mkdtemp(join(tmpdir(), 'cloudscan-runner-git-'));
  t.teardown(() => rm(repository, { recursive: true, force: true }));
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { encoding: 'utf8' }).trim();
  git('init', '--quiet', '--initial-branch=main');
  git('commit', '--quiet', '--allow-empty', '--message=m');
  const env = { SOURCE_ARTIFACT_ID: '', REPOSITORY_URL: `file://${repository}`, BRANCH: 'main', GIT_ALLOWED_PROTOCOLS: 'https,ssh,file' };
  t.is((await run(t, fake, { env })).code, exitCodes.done);
  t.is(fake.updates[0]!.progress!.step, 'clone');
  const log = JSON.parse(fake.uploads[0]!.toString()) as Log;
  t.deepEqual(log.runs[0]!.versionControlProvenance, [
    { repositoryUri: `file://${repository}`, revisionId: git('rev-parse', 'HEAD'), branch: 'main', mappedTo: { uriBaseId: 'SRCROOT' } },
  ]);
  t.like(fake.completions[0]!.provenance, { sourceSha256: '', gitCommit: git('rev-parse', 'HEAD') });
});

test('SIGTERM stops the tools and says nothing', async (t) => {
  const fake = await uploaded(t);
  const stop = new AbortController();
  const scanning = scanner(async (context) => {
    stop.abort();
    return await waitsForEver.scan(context);
  });
  t.is((await run(t, fake, { scanners: [scanning], stop: stop.signal })).code, exitCodes.stopped);
  t.false(fake.updates.some(({ status }) => status === wire.ScanStatus.FAILED));
});

test('without an orchestrator to the end it says so by its exit code', async (t) => {
  const fake = await uploaded(t);
  await fake.stopGrpc();
  t.is((await run(t, fake, { env: { SCAN_TIMEOUT: '1' }, reportMs: 200 })).code, exitCodes.unreachable);
});

test('a fault of the runner is internal and shows no details to the user', async (t) => {
  const fake = await uploaded(t);
  const faulty = scanner(async () => {
    throw new TypeError('oops in /home/secret/path');
  });
  const { code, log } = await run(t, fake, { scanners: [faulty, waitsForEver] });
  t.is(code, exitCodes.failed);
  t.is(fake.updates.at(-1)!.failureReason, wire.FailureReason.FAILURE_REASON_INTERNAL);
  t.false(fake.updates.at(-1)!.errorMessage.includes('/home/secret'));
  t.true(log.includes('oops in /home/secret/path'));
});

test('hostile text in a finding does not refuse its batch', async (t) => {
  const fake = await uploaded(t);
  const odd = scanner(async ({ onFinding }) => {
    await onFinding({
      ...draft(0),
      title: '',
      ruleId: 'r'.repeat(600),
      description: `nul \0 lone \ud800`,
      startLine: -5,
      cvssScore: Number.NaN,
      references: ['', 'ok', 'x\ny'],
    });
    return { findingsCount: 1 };
  });
  t.is((await run(t, fake, { scanners: [odd] })).code, exitCodes.done);
  const [finding] = fake.findings;
  t.is(finding!.ruleId.length, 500);
  t.is(finding!.description, 'nul \ufffd lone \ufffd');
  t.like(finding, { lineNumber: 0, cvssScore: 0, references: ['ok'] });
  t.true(finding!.title.length > 0);
});
