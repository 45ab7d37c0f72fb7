import { jobNameOf } from '@cloudscan/domain';
import type { Scan, ScanStatus } from '@cloudscan/domain';
import { aToolRun, newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { batch, bench, completion, ending, findingsOf, noLimits, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

const file = testFile(test);
let b: Bench;
test.before(async () => {
  b = await bench(file);
});

const states = ['pending', 'waiting', 'admitted', 'running', 'completed', 'failed', 'cancelled'] as const;
type State = (typeof states)[number];

/** A tenant with a scan that came into the state by commands alone. */
async function scanIn(state: State): Promise<{ readonly tenant: Tenant; readonly scan: Scan }> {
  const tenant = await b.tenant(state === 'waiting' ? { maxRunningScans: 1 } : {});
  const { scope } = tenant;
  switch (state) {
    case 'pending':
      return { tenant, scan: await tenant.create() };
    case 'waiting':
      await tenant.admitted();
      return { tenant, scan: await tenant.start(await tenant.create()) };
    case 'admitted':
      return { tenant, scan: await tenant.admitted() };
    case 'running':
      return { tenant, scan: await tenant.running() };
    case 'completed':
      await b.scans.complete(scope, completion(await tenant.running(), null));
      break;
    case 'failed':
      await b.scans.endAttempt(scope, ending(await tenant.running(), { reason: 'tool_error' }));
      break;
    case 'cancelled':
      await b.scans.cancel(scope, { scanId: (await tenant.running()).id, actor: 'user', limits: noLimits, at: new Date() });
      break;
  }
  const page = await b.scans.list(scope, { projectId: null, status: null, pageSize: 1, pageToken: null });
  return { tenant, scan: page.items[0]! };
}

type Call = (tenant: Tenant, scan: Scan) => Promise<{ readonly kind: string; readonly scan?: Scan; readonly because?: string }>;

const commands: Readonly<Record<string, Call>> = {
  start: ({ scope }, { id }) => b.scans.start(scope, { scanId: id, actor: 'user', limits: noLimits, at: new Date() }),
  setSourceArtifact: ({ scope }, { id }) => b.scans.setSourceArtifact(scope, { scanId: id, artifactId: 'another', at: new Date() }),
  recordProgress: ({ scope }, { id }) =>
    b.scans.recordProgress(scope, { scanId: id, attempt: null, runId: null, progress: null, at: new Date() }),
  addFindings: ({ scope }, scan) => b.scans.addFindings(scope, batch(scan, null, 'first', findingsOf(scan, 1), { attempt: null })),
  complete: ({ scope }, scan) => b.scans.complete(scope, completion(scan, null, { attempt: null })),
  endAttempt: ({ scope }, scan) => b.scans.endAttempt(scope, ending(scan, { attempt: null, reason: 'tool_error' })),
  cancel: ({ scope }, { id }) => b.scans.cancel(scope, { scanId: id, actor: 'user', limits: noLimits, at: new Date() }),
};

/** `applied` with the state after it, `same` for unchanged, `no` for refused by the status. */
const expected: Readonly<Record<keyof typeof commands, Readonly<Record<State, ScanStatus | 'same' | 'no'>>>> = {
  start: { pending: 'queued', waiting: 'same', admitted: 'same', running: 'same', completed: 'same', failed: 'same', cancelled: 'no' },
  setSourceArtifact: { pending: 'pending', waiting: 'no', admitted: 'no', running: 'no', completed: 'no', failed: 'no', cancelled: 'no' },
  recordProgress: { pending: 'no', waiting: 'no', admitted: 'running', running: 'same', completed: 'no', failed: 'no', cancelled: 'no' },
  addFindings: { pending: 'no', waiting: 'no', admitted: 'running', running: 'running', completed: 'no', failed: 'no', cancelled: 'no' },
  complete: { pending: 'no', waiting: 'no', admitted: 'completed', running: 'completed', completed: 'same', failed: 'no', cancelled: 'no' },
  endAttempt: { pending: 'no', waiting: 'no', admitted: 'failed', running: 'failed', completed: 'no', failed: 'same', cancelled: 'no' },
  cancel: {
    pending: 'cancelled',
    waiting: 'cancelled',
    admitted: 'cancelled',
    running: 'cancelled',
    completed: 'no',
    failed: 'no',
    cancelled: 'same',
  },
};

for (const [name, call] of Object.entries(commands)) {
  for (const state of states) {
    const outcome = expected[name]![state];
    test(`${name} on a scan that is ${state}: ${outcome}`, async (t) => {
      const { tenant, scan } = await scanIn(state);
      const result = await call(tenant, scan);
      const stored = (await b.scans.findById(tenant.scope, scan.id))!;
      if (outcome === 'same' || outcome === 'no') {
        t.like(result, outcome === 'same' ? { kind: 'unchanged' } : { kind: 'refused', because: 'status' });
        t.deepEqual(stored, scan, 'nothing was written');
      } else {
        t.is(result.kind, name === 'addFindings' ? 'added' : 'applied');
        t.is(stored.status, outcome);
      }
      t.deepEqual(result.scan, stored, 'the caller gets what is stored');
      await timelineIsWhole(t, tenant, stored);
    });
  }
}

for (const [name, call] of Object.entries(commands)) {
  test(`${name} finds neither an unknown scan nor another organization's`, async (t) => {
    const { scan } = await scanIn('running');
    const stranger = await b.tenant();
    t.deepEqual(await call(stranger, scan), { kind: 'not_found' });
    t.deepEqual(await call(stranger, { ...scan, id: newId() }), { kind: 'not_found' });
    t.deepEqual(await call(stranger, { ...scan, id: 'no-id' }), { kind: 'not_found' });
  });
}

/** Events are numbered from 1 without gaps up to the scan's sequence, and each begins where the one before it ended. */
async function timelineIsWhole(
  t: { is(a: unknown, b: unknown): void; deepEqual(a: unknown, b: unknown): void },
  tenant: Tenant,
  scan: Scan,
): Promise<void> {
  const events = await b.scans.events(tenant.scope, scan.id, 0, 1000);
  t.deepEqual(
    events.map(({ sequence }) => sequence),
    Array.from({ length: scan.sequence }, (_, index) => index + 1),
  );
  let status: ScanStatus | null = null;
  for (const event of events) {
    t.is(event.from, event.type === 'progress' ? event.to : status);
    status = event.to;
  }
  t.is(status, scan.status);
}

test('a scan that is created and started at once has both events and its dispatch message', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.admitted();
  t.is(scan.status, 'queued');
  t.is(scan.attempt, 1);
  t.truthy(scan.admittedAt);
  t.deepEqual(await b.scans.findById(tenant.scope, scan.id), scan);
  const events = await b.scans.events(tenant.scope, scan.id, 0, 10);
  t.deepEqual(
    events.map(({ from, to, actor }) => [from, to, actor]),
    [
      [null, 'pending', 'user'],
      ['pending', 'queued', 'user'],
    ],
  );
  t.deepEqual(await b.messages('dispatch', scan.id), [
    { scanId: scan.id, organizationId: scan.organizationId, attempt: 1, traceparent: null },
  ]);
});

test('progress makes an event when the step changes or five percent are passed, and is stored each time', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.admitted();
  const report = (step: string, percent: number): Promise<unknown> =>
    b.scans.recordProgress(tenant.scope, {
      scanId: scan.id,
      attempt: 1,
      runId: null,
      progress: { step, percent, message: `${step} ${percent}` },
      at: new Date(),
    });
  for (const percent of [0, 1, 2, 3, 4, 5, 6, 11]) await report('download', percent);
  await report('unpack', 12);
  const events = await b.scans.events(tenant.scope, scan.id, 2, 100);
  t.deepEqual(
    events.map(({ type, to, progress }) => [type, to, progress?.step, progress?.percent]),
    [
      ['transition', 'running', undefined, undefined],
      ['progress', 'running', 'download', 0],
      ['progress', 'running', 'download', 5],
      ['progress', 'running', 'download', 11],
      ['progress', 'running', 'unpack', 12],
    ],
  );
  await report('unpack', 13);
  const stored = (await b.scans.findById(tenant.scope, scan.id))!;
  t.deepEqual(stored.progress, { step: 'unpack', percent: 13, message: 'unpack 13' });
  t.is(stored.sequence, events.at(-1)!.sequence);
});

test('events come after a sequence, in order, up to a limit', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  t.deepEqual(
    (await b.scans.events(system, scan.id, 1, 1)).map(({ sequence }) => sequence),
    [2],
  );
  t.deepEqual(await b.scans.events(tenant.scope, scan.id, 3, 10), []);
  t.deepEqual(await b.scans.events((await b.tenant()).scope, scan.id, 0, 10), []);
});

test('completing a queued scan writes both events, the results and the tools', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.admitted();
  const runId = newId();
  const tools = [aToolRun()];
  const findings = [...findingsOf(scan, 2, { severity: 'critical' }), ...findingsOf(scan, 1, { severity: 'low' })];
  const result = await b.scans.complete(tenant.scope, completion(scan, runId, { tools, findings }));
  t.like(result, { kind: 'applied', scan: { status: 'completed', acceptedRunId: runId, resultsArtifactId: 'results-1', sequence: 4 } });
  const stored = (await b.scans.findById(tenant.scope, scan.id))!;
  t.deepEqual(stored.findings, { critical: 2, high: 0, medium: 0, low: 1, info: 0 });
  t.deepEqual(stored.tools, tools);
  t.deepEqual(
    (await b.scans.events(tenant.scope, scan.id, 2, 10)).map(({ from, to }) => [from, to]),
    [
      ['queued', 'running'],
      ['running', 'completed'],
    ],
  );
});

test('a completion that says what was read is kept with it, and asks for an attestation in the same transaction', async (t) => {
  const tenant = await b.tenant();
  const provenance = { sourceSha256: 'a'.repeat(64), gitCommit: '', runnerVersion: '1' };
  const attested = await tenant.running();
  const command = completion(attested, newId(), { provenance });
  await b.scans.complete(tenant.scope, command);
  await b.scans.complete(tenant.scope, command);
  t.deepEqual((await b.scans.findById(tenant.scope, attested.id))!.provenance, provenance);
  t.deepEqual(await b.messages('attest', attested.id), [{ organizationId: tenant.scope.organizationId, scanId: attested.id }]);
});

test('a scan that failed, has no results, or does not say what it has read is not attested', async (t) => {
  const tenant = await b.tenant();
  const provenance = { sourceSha256: '', gitCommit: 'c'.repeat(40), runnerVersion: '' };
  const failure = { reason: 'tool_error', message: 'no tool succeeded' } as const;
  for (const fields of [{ provenance, failure }, { provenance, resultsArtifactId: null }, { provenance: null }]) {
    const scan = await tenant.running();
    t.is((await b.scans.complete(tenant.scope, completion(scan, newId(), fields))).kind, 'applied');
    t.deepEqual(await b.messages('attest', scan.id), []);
  }
});

test('a completion with a failure fails the scan and keeps its findings and tools', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const command = completion(scan, newId(), {
    failure: { reason: 'tool_error', message: 'no tool succeeded' },
    tools: [aToolRun({ status: 'failed' })],
    findings: findingsOf(scan, 1),
  });
  t.like(await b.scans.complete(tenant.scope, command), {
    kind: 'applied',
    scan: { status: 'failed', failureReason: 'tool_error', errorMessage: 'no tool succeeded' },
  });
  t.is(
    (await b.scans.findings(tenant.scope, { scanId: scan.id, scanType: null, severity: null, pageSize: 10, pageToken: null })).items.length,
    1,
  );
  t.like(await b.scans.complete(tenant.scope, command), { kind: 'unchanged', scan: { status: 'failed' } });
});

test('a second completion is refused with another run and unchanged with the same', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const runId = newId();
  t.like(await b.scans.complete(tenant.scope, completion(scan, runId)), { kind: 'applied' });
  t.like(await b.scans.complete(tenant.scope, completion(scan, runId)), { kind: 'unchanged' });
  t.like(await b.scans.complete(tenant.scope, completion(scan, newId())), { kind: 'refused', because: 'run' });
});

test('a runner of another attempt is refused, whatever it calls', async (t) => {
  const tenant = await b.tenant();
  const first = await tenant.running();
  t.like(await b.scans.endAttempt(tenant.scope, ending(first)), { kind: 'applied', scan: { status: 'queued', attempt: 2 } });
  const { scope } = tenant;
  const refused = { kind: 'refused', because: 'attempt' };
  t.like(await b.scans.recordProgress(scope, { scanId: first.id, attempt: 1, runId: null, progress: null, at: new Date() }), refused);
  t.like(await b.scans.addFindings(scope, batch(first, newId(), 'late', findingsOf(first, 1))), refused);
  t.like(await b.scans.complete(scope, completion(first, newId())), refused);
  t.like(await b.scans.endAttempt(scope, ending(first, { attempt: 3 })), refused);
});

test('an infrastructure failure makes a new attempt, with a new dispatch message, until the last one fails the scan', async (t) => {
  const tenant = await b.tenant();
  const first = await tenant.running();
  const evidence = { exitCode: 137, condition: 'Evicted', logTail: 'bye' };
  const again = await b.scans.endAttempt(system, ending(first, { reason: 'evicted', message: 'the node was drained', evidence }));
  t.like(again, {
    kind: 'applied',
    scan: { status: 'queued', attempt: 2, startedAt: null, jobName: null, progress: null, failureReason: null },
  });
  t.is((await b.messages('dispatch', first.id)).length, 2);
  t.like((await b.scans.events(system, first.id, 3, 10))[0], {
    from: 'running',
    to: 'queued',
    attempt: 2,
    failureReason: 'evicted',
    message: 'the node was drained',
    actor: 'sweeper',
  });
  t.like(await b.scans.endAttempt(system, ending(first, { reason: 'evicted' })), { kind: 'unchanged' });

  const second = (await b.scans.findById(system, first.id))!;
  t.truthy(second.admittedAt);
  const last = await b.scans.endAttempt(system, ending(second, { reason: 'evicted', evidence }));
  t.like(last, { kind: 'applied', scan: { status: 'failed', failureReason: 'evicted', failureEvidence: evidence, attempt: 2 } });
  t.like(await b.scans.endAttempt(system, ending(second, { reason: 'evicted' })), { kind: 'unchanged' });
  t.like(await b.scans.endAttempt(system, ending(second, { reason: 'runner_lost' })), { kind: 'refused', because: 'status' });
});

test('a failure of the tool ends the scan though attempts are left', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  t.like(await b.scans.endAttempt(tenant.scope, ending(scan, { reason: 'source_invalid', maxAttempts: 5 })), {
    kind: 'applied',
    scan: { status: 'failed', attempt: 1 },
  });
});

test('cancelling an admitted scan asks for its Job to be stopped, whether or not it has a name yet', async (t) => {
  const tenant = await b.tenant();
  for (const scan of [await tenant.admitted(), await tenant.running()]) {
    await b.scans.cancel(tenant.scope, { scanId: scan.id, actor: 'user', limits: noLimits, at: new Date() });
    t.deepEqual(await b.messages('stop-job', scan.id), [{ scanId: scan.id, attempt: 1, jobName: jobNameOf(scan.id, 1) }]);
  }
  const pending = await tenant.create();
  await b.scans.cancel(tenant.scope, { scanId: pending.id, actor: 'user', limits: noLimits, at: new Date() });
  t.deepEqual(await b.messages('stop-job', pending.id), []);
});

test('text that PostgreSQL cannot hold is stored readable', async (t) => {
  const tenant = await b.tenant();
  const scan = await tenant.running();
  const evidence = { logTail: 'nul \0 and half a pair \ud800' };
  await b.scans.endAttempt(tenant.scope, ending(scan, { reason: 'tool_error', message: 'nul \0', evidence }));
  const stored = (await b.scans.findById(tenant.scope, scan.id))!;
  t.is(stored.errorMessage, 'nul \uFFFD');
  t.deepEqual(stored.failureEvidence, { logTail: 'nul \uFFFD and half a pair \uFFFD' });
});
