import { readdirSync } from 'node:fs';
import test from 'ava';
import { readStackFile } from '@cloudscan/process';
import { eventually, testFile } from '@cloudscan/testing';
import { connect, parseServer } from '../src/server.ts';
import { Workplace } from './fixtures/cloudscan.ts';
import { harmless, manyFiles } from './fixtures/sources.ts';

/** Ctrl-C, which a terminal sends to the whole process group, on a stack that goes on. */
const place = new Workplace(testFile(test));
const small = place.source('small', harmless);
const large = place.source('large', manyFiles(3000));

interface ScanRow {
  readonly id: string;
  readonly status: string;
  readonly project_id: string;
}

/** The scans of the organization, newest first. */
async function scans(organization = 'default'): Promise<readonly ScanRow[]> {
  const { stdout, stderr } = await place.run('--json', '--organization', organization, 'list');
  return stderr === '' ? (JSON.parse(stdout) as ScanRow[]) : [];
}

/** Waits until nothing of a run is left; the stack itself goes on. */
async function nothingRuns(): Promise<void> {
  await eventually(() => place.runs().length === 0, { timeoutMs: 20_000, what: 'the end of every run' });
}

test.serial.before('the stack', async (t) => {
  t.timeout(150_000);
  await place.startStack();
});

test.serial('during packing: exits with 3, and no scan was made', async (t) => {
  const command = place.start('scan', large, '--types', 'sast');
  await command.says(/packing/);
  command.signal('SIGINT');
  const { code, stdout, stderr } = await command.outcome;
  t.is(code, 3);
  t.is(stdout, '');
  t.regex(stderr, /^cancelled$/m);
  t.deepEqual(await scans(), []);
  t.deepEqual(
    readdirSync(place.tmpDir).filter((name) => name.startsWith('cloudscan-')),
    [],
  );
});

test.serial('in the queue, and while it scans: exits with 3, and that scan alone is cancelled', async (t) => {
  const server = connect(parseServer(readStackFile(place.dataDir)!.grpc), {});
  await server.organizations.call('createOrganization', { name: 'narrow', displayName: 'narrow', maxQueuedScans: 0, maxRunningScans: 1 });
  server.close();
  const running = place.start('--organization', 'narrow', 'scan', small, '--types', 'sast');
  await place.holdScanner();
  const queued = place.start('--organization', 'narrow', 'scan', small, '--types', 'sast');
  await queued.says(/queued/);
  queued.signal('SIGINT');
  const first = await queued.outcome;
  t.is(first.code, 3);
  t.regex(first.stderr, /the scan was cancelled/);
  t.deepEqual(
    (await scans('narrow')).map(({ status }) => status),
    ['cancelled', 'running'],
  );
  t.true(place.runs().length > 0);
  running.signal('SIGINT');
  const second = await running.outcome;
  t.is(second.code, 3);
  t.is(second.stdout, '');
  t.regex(second.stderr, /the scan was cancelled/);
  t.deepEqual(
    (await scans('narrow')).map(({ status }) => status),
    ['cancelled', 'cancelled'],
  );
  await nothingRuns();
  t.true(place.stackServes());
});

test.serial('twice: leaves at once, even while the server does not answer', async (t) => {
  const command = place.start('scan', small, '--types', 'sast');
  await place.holdScanner();
  const server = place.running().find(({ command: words }) => words.includes('apps/api-grpc'))!;
  process.kill(server.pid, 'SIGSTOP');
  try {
    command.signal('SIGINT');
    await command.says(/cancelling/);
    command.signal('SIGINT');
    t.is((await command.outcome).code, 3);
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  const [left] = await scans();
  await place.run('cancel', left!.id);
  await nothingRuns();
});

test.serial('SIGTERM does as Ctrl-C does', async (t) => {
  const command = place.start('scan', small, '--types', 'sast');
  await place.holdScanner();
  command.signal('SIGTERM');
  t.is((await command.outcome).code, 3);
  t.is((await scans())[0]!.status, 'cancelled');
  await nothingRuns();
});
