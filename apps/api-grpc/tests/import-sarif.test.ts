import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { systemScope } from '@cloudscan/auth';
import { scan } from '@cloudscan/contracts';
import type { DomainError } from '@cloudscan/domain';
import { createRepositories } from '@cloudscan/repositories';
import { eventually, testFile } from '@cloudscan/testing';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { startApi, Tenant } from './support/api.ts';
import type { Api } from './support/api.ts';
import { aLog, aResult, aRun, importLog, importRequests, locationOf } from './support/import.ts';

const { ImportCutKind, ScanStatus, ScanType, ToolStatus } = scan;
const file = testFile(test);
const spoolFolder = mkdtempSync(join(tmpdir(), 'cloudscan-import-test-'));
let api: Api;
let small: Api;

test.before(async () => {
  file.teardown(() => rmSync(spoolFolder, { recursive: true, force: true }));
  api = await startApi(file, { env: { IMPORT_TMP_DIR: spoolFolder, IMPORT_MAX_CONCURRENT: '100' } });
  const env = {
    IMPORT_TMP_DIR: spoolFolder,
    IMPORT_MAX_LOG_BYTES: '20000',
    IMPORT_KEPT_RESULTS_PER_RUN: '3',
    IMPORT_MAX_CONCURRENT: '100',
  };
  small = await startApi(file, { beside: api, env });
});

/** The logs that lie on disk. */
function spooled(): number {
  return readdirSync(spoolFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
}

async function refusal(t: ExecutionContext, call: Promise<unknown>): Promise<DomainError> {
  return (await t.throwsAsync<DomainError>(call))!;
}

async function findingsOf(id: string): Promise<scan.GetFindingsResponse> {
  return api.scans.call('getFindings', scan.GetFindingsRequest.create({ scanId: id, pageSize: 1000 }));
}

async function scansOf({ organizationId }: Tenant): Promise<readonly scan.Scan[]> {
  return (await api.scans.call('listScans', scan.ListScansRequest.create({ organizationId }))).scans;
}

/** Rows of findings that belong to an organization, whoever may see them. */
async function rowsOf({ organizationId }: Tenant): Promise<number> {
  const [row] = await api.database.query<{ count: number }>('SELECT count(*)::integer AS count FROM findings WHERE organization_id = $1', [
    organizationId,
  ]);
  return row!.count;
}

/** Collects as the sweeper does it, until so many rows are left; another test may be at it too. */
async function collect(tenant: Tenant, left: number): Promise<void> {
  const nothing = { send: () => Promise.reject(new Error('nothing is to be sent')) };
  const { systemScans } = createRepositories(api.database.database, nothing);
  await eventually(async () => {
    await systemScans.collectDiscarded(systemScope('test'), 100_000);
    return (await rowsOf(tenant)) === left;
  });
}

test('a log becomes a scan that has ended, with a record and findings for each run', async (t) => {
  const tenant = await Tenant.create(api);
  const log = aLog(
    aRun([aResult(), aResult({ level: 'note', locations: [locationOf('src/a.js', 3)] })]),
    aRun([aResult({ ruleId: 'x' })], { tool: { driver: { name: 'other', version: '1' } } }),
  );
  const { scan: imported, runs, cuts, uploadUrl } = await importLog(api, tenant, log, { filename: 'codeql.sarif', userId: 'ada' });
  t.like(imported, {
    status: ScanStatus.COMPLETED,
    imported: true,
    partial: false,
    attempt: 1,
    jobName: '',
    userId: 'ada',
    totalFindings: 3,
  });
  t.deepEqual(await api.scans.call('getScan', { id: imported!.id }), imported);
  t.deepEqual(
    imported!.tools.map(({ name, version, findingsCount, status }) => ({ name, version, findingsCount, status })),
    [
      { name: 'CodeQL', version: '2.20.0', findingsCount: 2, status: ToolStatus.TOOL_STATUS_SUCCEEDED },
      { name: 'other', version: '1', findingsCount: 1, status: ToolStatus.TOOL_STATUS_SUCCEEDED },
    ],
  );
  t.deepEqual(
    runs.map(({ toolName, results, kept }) => [toolName, results, kept]),
    [
      ['CodeQL', 2, 2],
      ['other', 1, 1],
    ],
  );
  t.deepEqual(cuts, []);
  t.is(uploadUrl, '');
  const { findings } = await findingsOf(imported!.id);
  t.is(findings.length, 3);
  t.true(findings.every(({ fingerprint }) => /^[0-9a-f]{16,}$/.test(fingerprint)));
  t.true(findings.some(({ filePath, lineNumber }) => filePath === 'src/a.js' && lineNumber === 3));
  const events: scan.ScanEvent[] = [];
  for await (const event of api.scans.stream('watchScan', { scanId: imported!.id, afterSequence: 0n })) events.push(event);
  t.is(events.length, 1);
  t.like(events[0], { toStatus: ScanStatus.COMPLETED, actor: 'ada', message: 'imported from codeql.sarif' });
});

test('what is suppressed, gone or passed is counted and no finding', async (t) => {
  const tenant = await Tenant.create(api);
  const { scan: imported, runs } = await importLog(
    api,
    tenant,
    aLog(
      aRun([
        aResult(),
        aResult({ suppressions: [{ kind: 'inSource' }] }),
        aResult({ baselineState: 'absent' }),
        aResult({ kind: 'pass', level: 'none' }),
        aResult({ kind: 'notApplicable', level: 'none' }),
        aResult({ baselineState: 'unchanged' }),
      ]),
    ),
  );
  t.like(runs[0], { results: 6, kept: 2, suppressed: 1, absent: 1, passed: 2 });
  t.is(imported!.totalFindings, 2);
});

test('of a run that holds too many the most severe are kept, and what was cut is named', async (t) => {
  const tenant = await Tenant.create(small);
  const levels = ['note', 'warning', 'note', 'error', 'warning', 'error'];
  const {
    scan: imported,
    runs,
    cuts,
  } = await importLog(
    small,
    tenant,
    aLog(aRun([aResult({ locations: [locationOf('a', 1), locationOf('b', 2)] })]), aRun(levels.map((level) => aResult({ level })))),
  );
  t.like(runs[1], { results: 6, kept: 3 });
  t.is(imported!.totalFindings, 4);
  t.is(imported!.findingsBySeverity['low'], 0);
  t.deepEqual(
    cuts.map(({ kind, runIndex, count, limit, firstPath }) => ({ kind, runIndex, count: Number(count), limit, firstPath })),
    [
      { kind: ImportCutKind.IMPORT_CUT_KIND_LOCATIONS, runIndex: 0, count: 1, limit: 1, firstPath: '$.runs[0].results[0]' },
      { kind: ImportCutKind.IMPORT_CUT_KIND_RESULTS, runIndex: 1, count: 3, limit: 3, firstPath: '$.runs[1].results[0]' },
    ],
  );
});

test('a tool that was not successful is a failed record; where none was, the scan is failed and keeps its findings', async (t) => {
  const tenant = await Tenant.create(api);
  const broken = aRun([aResult()], { invocations: [{ executionSuccessful: false, exitCode: 3 }] });
  const partial = (await importLog(api, tenant, aLog(broken, aRun([])))).scan!;
  t.like(partial, { status: ScanStatus.COMPLETED, partial: true });
  t.like(partial.tools[0], { status: ToolStatus.TOOL_STATUS_FAILED, exitCode: 3 });
  const failed = (await importLog(api, tenant, aLog(broken))).scan!;
  t.like(failed, { status: ScanStatus.FAILED, failureReason: scan.FailureReason.FAILURE_REASON_TOOL_ERROR, imported: true });
  t.is((await findingsOf(failed.id)).totalCount, 1);
});

test('the record of a run is what its invocations tell', async (t) => {
  const tenant = await Tenant.create(api);
  const invocation = {
    executionSuccessful: false,
    exitCode: 0xc000013a,
    startTimeUtc: '2026-01-02T03:04:05.000Z',
    endTimeUtc: '2026-01-02T03:04:07.500Z',
    toolExecutionNotifications: [{ level: 'error', message: { text: 'no memory; Authorization: Bearer abcdefgh12345678' } }],
  };
  const { scan: imported } = await importLog(api, tenant, aLog(aRun([], { invocations: [invocation] })));
  const [tool] = (await api.scans.call('getScan', { id: imported!.id })).tools;
  t.like(tool, { status: ToolStatus.TOOL_STATUS_FAILED, exitCode: 0xc000013a - 2 ** 32, durationMs: 2500n });
  t.regex(tool!.evidence, /no memory/);
  t.false(tool!.evidence.includes('abcdefgh12345678'));
  t.not(tool!.errorMessage, '');
});

test('takes the log in chunks of any size, plain or gzip, and checks what was declared of it', async (t) => {
  const tenant = await Tenant.create(api);
  const plain = aLog(aRun([aResult()]));
  const gzip = gzipSync(plain);
  for (const [bytes, size] of [
    [plain, 1],
    [gzip, 1],
    [gzip, 7],
    [gzip, gzip.length],
  ] as const) {
    const header = {
      organizationId: tenant.organizationId,
      projectId: tenant.projectId,
      sizeBytes: BigInt(bytes.length),
      sha256: createHash('sha256').update(bytes).digest('hex'),
    };
    const { scan: imported } = await api.scans.upload('importSarif', importRequests(header, bytes, size));
    t.is(imported!.totalFindings, 1);
  }
  const wrong = await refusal(t, importLog(api, tenant, plain, { sizeBytes: 1n, sha256: '0'.repeat(64) }));
  t.deepEqual(
    wrong.violations.map(({ field }) => field),
    ['header.size_bytes', 'header.sha256'],
  );
  t.is((await scansOf(tenant)).length, 4);
});

test('the scan type is that of the request', async (t) => {
  const tenant = await Tenant.create(api);
  const { scan: imported } = await importLog(api, tenant, aLog(aRun([aResult()])), { scanType: ScanType.LICENSE });
  t.deepEqual(imported!.scanTypes, [ScanType.LICENSE]);
  t.is((await findingsOf(imported!.id)).findings[0]!.scanType, ScanType.LICENSE);
});

test('a log that is too large when inflated is refused, with the setting that raises the limit', async (t) => {
  const tenant = await Tenant.create(small);
  const error = await refusal(t, importLog(small, tenant, gzipSync(Buffer.alloc(30_000_000, ' '))));
  t.is(error.code, 'invalid_argument');
  t.deepEqual(
    error.violations.map(({ field }) => field),
    ['chunk'],
  );
  t.regex(error.message, /20000 bytes.*IMPORT_MAX_LOG_BYTES/);
});

/** Logs that are wrong in one place, and how that place is called. */
const faults: readonly (readonly [what: string, log: string | Buffer, place: RegExp])[] = [
  ['no JSON', '<html>', /\$ \(byte 0\)/],
  ['an empty object', '{}', /\$\.version is missing/],
  ['another version', '{"version":"1.0.0","runs":[]}', /\$\.version is "1\.0\.0"/],
  ['no runs', '{"version":"2.1.0","runs":[]}', /\$\.runs/],
  ['cut off within a result', aLog(aRun([aResult()])).subarray(0, 300), /\$\.runs\[0\][^ ]* \(byte 300\)/],
  [
    'a tool without a name',
    '{"version":"2.1.0","runs":[{"tool":{"driver":{"version":"1"}}}]}',
    /\$\.runs\[0\]\.tool\.driver\.name is missing/,
  ],
  ['a run of results alone', aLog(aRun([]), { results: [{ level: 'note' }] }), /\$\.runs\[1\]\.tool\.driver\.name is missing/],
  [
    'a rule without an id',
    aLog(aRun([], { tool: { driver: { name: 'x', rules: [{}] } } })),
    /\$\.runs\[0\]\.tool\.driver\.rules\[0\]\.id is missing/,
  ],
  ['an unknown level', aLog(aRun([aResult(), aResult({ level: 'fatal' })])), /\$\.runs\[0\]\.results\[1\]\.level is "fatal"/],
  ['a result without a message', aLog(aRun([]), aRun([{ ruleId: 'x' }])), /\$\.runs\[1\]\.results\[0\]\.message is missing/],
  [
    'a line that is no number',
    aLog(aRun([aResult({ locations: [locationOf('a', 'x' as never)] })])),
    /results\[0\]\.locations\[0\]\.physicalLocation\.region\.startLine/,
  ],
  [
    'a suppression of an unknown status',
    aLog(aRun([aResult({ suppressions: [{ status: 'maybe' }] })])),
    /results\[0\]\.suppressions\[0\]\.status/,
  ],
  ['a second document behind it', `${aLog(aRun([])).toString()}{}`, /byte \d+/],
];

for (const [what, log, place] of faults) {
  test(`a log is refused by the place of its fault: ${what}`, async (t) => {
    const tenant = await Tenant.create(api);
    const error = await refusal(t, importLog(api, tenant, gzipSync(log)));
    t.is(error.code, 'invalid_argument');
    t.deepEqual(
      error.violations.map(({ field }) => field),
      ['chunk'],
    );
    t.regex(error.message, place);
    t.deepEqual(await scansOf(tenant), []);
  });
}

test('takes as many results, runs and rules as code scanning, and names the setting that takes more', async (t) => {
  const tenant = await Tenant.create(api);
  const one = { ruleId: 'r', level: 'note', message: { text: 'm' } };
  const full = await importLog(api, tenant, gzipSync(aLog(aRun(Array.from({ length: 25_000 }, () => one)))));
  t.like(full.runs[0], { results: 25_000, kept: 5000 });
  t.is(Number(full.cuts.find(({ kind }) => kind === ImportCutKind.IMPORT_CUT_KIND_RESULTS)!.count), 20_000);
  t.is(full.scan!.totalFindings, 5000);
  for (const [log, message] of [
    [aLog(aRun(Array.from({ length: 25_001 }, () => one))), /\$\.runs\[0\]\.results\[25000\].*at most 25000.*IMPORT_MAX_RESULTS_PER_RUN/],
    [aLog(...Array.from({ length: 21 }, () => aRun([]))), /\$\.runs\[20\].*at most 20 .*IMPORT_MAX_RUNS/],
    [
      aLog(aRun([], { tool: { driver: { name: 'x', rules: Array.from({ length: 25_001 }, (_, id) => ({ id: String(id) })) } } })),
      /rules\[25000\].*IMPORT_MAX_RULES_PER_RUN/,
    ],
  ] as const) {
    const error = await refusal(t, importLog(api, tenant, gzipSync(log)));
    t.is(error.code, 'invalid_argument');
    t.regex(error.message, message);
  }
  t.is((await scansOf(tenant)).length, 1);
});

test('nothing is kept of the secrets that a tool quotes', async (t) => {
  const tenant = await Tenant.create(api);
  const secret = ['ghp', 'x7Kq2mVb9Tn4Wc6Rd1Zs8Yf3Lj5Hg0Pa2Qe4'].join('_');
  const physicalLocation = { artifactLocation: { uri: '.env' }, region: { startLine: 3, snippet: { text: `TOKEN=${secret}` } } };
  const result = aResult({
    ruleId: 'github-pat',
    message: { text: `github-pat has detected ${secret}` },
    locations: [{ physicalLocation }],
  });
  const { scan: imported } = await importLog(api, tenant, aLog(aRun([result], { tool: { driver: { name: 'gitleaks' } } })));
  t.deepEqual(imported!.scanTypes, [ScanType.SECRETS]);
  const [finding] = (await findingsOf(imported!.id)).findings;
  t.like(finding, { scanType: ScanType.SECRETS, filePath: '.env', lineNumber: 3, codeSnippet: '', rawOutput: '' });
  t.false(JSON.stringify(finding, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).includes(secret.slice(4)));
});

test('what the request does not say of the source the log may say, but for what may not be stored', async (t) => {
  const tenant = await Tenant.create(api);
  const log = (repositoryUri: string): Buffer =>
    aLog(aRun([], { versionControlProvenance: [{ repositoryUri, branch: 'main', revisionId: 'a'.repeat(40) }] }));
  const url = 'https://git.example.com/team/app';
  t.like((await importLog(api, tenant, log(url))).scan, { gitUrl: url, gitBranch: 'main', gitCommit: 'a'.repeat(40) });
  t.like((await importLog(api, tenant, log(url), { gitBranch: 'release' })).scan, { gitUrl: url, gitBranch: 'release' });
  t.like((await importLog(api, tenant, log('https://ada:secret@git.example.com/team/app'))).scan, { gitUrl: '', gitBranch: 'main' });
});

test('requests in the wrong order are refused by the name of what is missing', async (t) => {
  const refused = async (parts: readonly scan.ImportSarifRequest['part'][]): Promise<string | undefined> => {
    async function* all(): AsyncGenerator<scan.ImportSarifRequest> {
      for (const part of parts) yield { part };
    }
    return (await refusal(t, api.scans.upload('importSarif', all()))).violations[0]?.field;
  };
  const { organizationId, projectId } = await Tenant.create(api);
  const header = { $case: 'header', value: scan.ImportSarifHeader.create({ organizationId, projectId }) } as const;
  const chunk = { $case: 'chunk', value: aLog(aRun([])) } as const;
  t.is(await refused([]), 'header');
  t.is(await refused([chunk]), 'header');
  t.is(await refused([header, chunk, header]), 'header');
  t.is(await refused([header, undefined]), 'part');
  t.is(await refused([header]), 'chunk');
});

test('a fault in a result leaves no scan, and what was written before it is collected', async (t) => {
  const tenant = await Tenant.create(api);
  const results = Array.from({ length: 2500 }, (_, index) => (index === 2400 ? { ruleId: 'x' } : aResult()));
  const error = await refusal(t, importLog(api, tenant, aLog(aRun(results))));
  t.is(error.code, 'invalid_argument');
  t.regex(error.message, /\$\.runs\[0\]\.results\[2400\]/);
  t.deepEqual(await scansOf(tenant), []);
  t.true((await rowsOf(tenant)) > 0);
  await collect(tenant, 0);
});

test('a caller that goes in the middle leaves nothing', async (t) => {
  const tenant = await Tenant.create(api);
  const gone = new AbortController();
  const log = aLog(aRun(Array.from({ length: 3000 }, () => aResult())));
  async function* requests(): AsyncGenerator<scan.ImportSarifRequest> {
    let sent = 0;
    for await (const request of importRequests({ organizationId: tenant.organizationId, projectId: tenant.projectId }, log, 10_000)) {
      yield request;
      sent += 1;
      if (sent === 10) {
        await eventually(() => spooled() > 0);
        gone.abort();
      }
    }
  }
  t.is((await refusal(t, api.scans.upload('importSarif', requests(), { signal: gone.signal }))).code, 'cancelled');
  await eventually(() => spooled() === 0);
  t.deepEqual(await scansOf(tenant), []);
});

test('while as many logs are at work as may be, callers are told to come again', async (t) => {
  const one = await startApi(t, { beside: api, env: { IMPORT_MAX_CONCURRENT: '1', IMPORT_TMP_DIR: spoolFolder } });
  const tenant = await Tenant.create(one);
  const log = aLog(aRun([]));
  const release = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<scan.ImportSarifRequest> {
    for await (const request of importRequests({ organizationId: tenant.organizationId, projectId: tenant.projectId }, log, 10)) {
      yield request;
      if (request.part?.$case !== 'chunk') continue;
      held.resolve();
      await release.promise;
    }
  }
  const first = one.scans.upload('importSarif', slow());
  await held.promise;
  const error = await eventually(async () => {
    const outcome = await importLog(one, tenant, log).catch((thrown: DomainError) => thrown);
    return 'code' in outcome ? outcome : null;
  });
  t.is(error.code, 'resource_exhausted');
  t.true(error.retryAfterMs! > 0);
  release.resolve();
  t.is((await first).scan!.status, ScanStatus.COMPLETED);
  t.is((await importLog(one, tenant, log)).scan!.status, ScanStatus.COMPLETED);
});

test('the same key and log answer the same scan, and another log is refused', async (t) => {
  const tenant = await Tenant.create(api);
  const log = aLog(aRun([aResult(), aResult({ suppressions: [{ kind: 'external' }] })]));
  const first = await importLog(api, tenant, log, { idempotencyKey: 'report' });
  const again = await importLog(api, tenant, gzipSync(log), { idempotencyKey: 'report' });
  t.deepEqual(again, first);
  const error = await refusal(t, importLog(api, tenant, aLog(aRun([])), { idempotencyKey: 'report' }));
  t.is(error.code, 'already_exists');
  t.is((await scansOf(tenant)).length, 1);
});

test('of many calls at once with one key one makes the scan, and its findings are there once', async (t) => {
  const tenant = await Tenant.create(api);
  const log = aLog(aRun(Array.from({ length: 1500 }, () => aResult())));
  const answers = await Promise.all(Array.from({ length: 6 }, () => importLog(api, tenant, log, { idempotencyKey: 'race' })));
  t.is(new Set(answers.map((answer) => answer.scan!.id)).size, 1);
  t.true(answers.every(({ runs }) => runs[0]!.kept === 1500));
  await collect(tenant, 1500);
  t.is((await findingsOf(answers[0]!.scan!.id)).totalCount, 1500);
});

test('the identical log again, without a key, is another scan and leaves the first alone', async (t) => {
  const tenant = await Tenant.create(api);
  const log = aLog(aRun([aResult(), aResult({ ruleId: 'other' })]));
  const first = (await importLog(api, tenant, log)).scan!;
  const before = await findingsOf(first.id);
  const second = (await importLog(api, tenant, log)).scan!;
  t.not(second.id, first.id);
  t.deepEqual(await findingsOf(first.id), before);
  t.deepEqual(await api.scans.call('getScan', { id: first.id }), first);
  const fingerprints = ({ findings }: scan.GetFindingsResponse): string[] => findings.map(({ fingerprint }) => fingerprint).toSorted();
  t.deepEqual(fingerprints(await findingsOf(second.id)), fingerprints(before));
});

test('a log that is to be kept is announced by size and hash, and is the result of the scan once it was uploaded', async (t) => {
  const tenant = await Tenant.create(api);
  const log = aLog(aRun([aResult()]));
  const answer = await importLog(api, tenant, gzipSync(log), { keepLog: true, filename: 'codeql.sarif', idempotencyKey: 'kept' });
  t.is(answer.scan!.resultsArtifactId, answer.artifactId);
  t.regex(answer.uploadUrl, /^https:/);
  const download = scan.GetDownloadURLRequest.create({ scanId: answer.scan!.id });
  t.is((await refusal(t, api.scans.call('getDownloadUrl', download))).code, 'not_found');
  t.throws(() => api.storage.upload(answer.artifactId, `${log.toString()} `), { message: /size/ });
  api.storage.upload(answer.artifactId, log.toString());
  t.is((await api.scans.call('getDownloadUrl', download)).artifactId, answer.artifactId);
  const { artifact } = await api.scans.call('getArtifact', { id: answer.artifactId });
  t.like(artifact, { filename: 'codeql.sarif', contentType: 'application/sarif+json', sizeBytes: BigInt(log.length) });
  const again = await importLog(api, tenant, log, { keepLog: true, filename: 'codeql.sarif', idempotencyKey: 'kept' });
  t.is(again.scan!.id, answer.scan!.id);
  t.is(again.uploadUrl, '', 'it was uploaded');
});

test.serial('a storage service that is away refuses what is to be kept, and nothing else', async (t) => {
  const tenant = await Tenant.create(api);
  const log = aLog(aRun([aResult()]));
  api.storage.fail();
  try {
    t.is((await refusal(t, importLog(api, tenant, log, { keepLog: true }))).code, 'unavailable');
    t.is((await importLog(api, tenant, log)).scan!.totalFindings, 1);
  } finally {
    api.storage.recover();
  }
  t.is((await scansOf(tenant)).length, 1);
});

test('an announced upload of an import that fails is dropped', async (t) => {
  const tenant = await Tenant.create(api);
  await refusal(t, importLog(api, tenant, aLog(aRun([aResult(), { ruleId: 'x' }])), { keepLog: true }));
  await eventually(() => api.storage.countOf(tenant.organizationId) === 0);
  t.deepEqual(await scansOf(tenant), []);
});

test('findings of many results go in, most severe first', async (t) => {
  const tenant = await Tenant.create(api);
  const results = Array.from({ length: 5000 }, (_, index) =>
    aResult({ level: index % 2 === 0 ? 'note' : 'error', ruleId: `rule-${index % 50}` }),
  );
  const { scan: imported } = await importLog(api, tenant, gzipSync(aLog(aRun(results))));
  t.is(imported!.totalFindings, 5000);
  const { findings, totalCount } = await findingsOf(imported!.id);
  t.is(totalCount, 5000);
  t.true(findings.every(({ severity }) => severity === findings[0]!.severity));
});

test('an imported scan can be deleted like any other, and nothing else can be done to it', async (t) => {
  const tenant = await Tenant.create(api);
  const { id } = (await importLog(api, tenant, aLog(aRun([aResult()])))).scan!;
  t.is((await refusal(t, api.scans.call('cancelScan', { id }))).code, 'failed_precondition');
  t.is((await api.scans.call('startScan', { id })).status, ScanStatus.COMPLETED);
  await api.scans.call('deleteScan', { id });
  t.is((await refusal(t, api.scans.call('getScan', { id }))).code, 'not_found');
});
