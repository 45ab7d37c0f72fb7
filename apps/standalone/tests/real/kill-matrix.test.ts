import test from 'ava';
import type { ExecutionContext } from 'ava';
import { archiveOf, ScanClient, statusOf } from '@cloudscan/system-testing';
import { eventually, testFile } from '@cloudscan/testing';
import type { scan } from '@cloudscan/contracts';
import { isTerminal } from '@cloudscan/domain';
import { RealStack } from './real-stack.ts';

/*
 * kill -9 of each process at each of ten points of a scan. Whatever dies, the scan ends completed with the findings of an
 * undisturbed one, and after a pass of the collectors nothing is left that no scan owns.
 */
const file = testFile(test);
let stack: RealStack;

const types = ['sast', 'secrets'] as const;
const sourceFiles = {
  'src/run.js': 'app.get("/", (req, res) => res.send(eval(req.query.code)));\n',
  'src/db.py': 'import os\n\n\ndef wipe(name):\n    os.system("rm " + name)\n',
  'config/settings.py': `AWS_ACCESS_KEY_ID = "${['AKIA', 'Q3EGRT7MXLZ5', 'PWN2'].join('')}"\n`,
  // Enough work for a scanner to be caught at it.
  ...Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [`src/module${index}.js`, `export const value${index} = () => document.title;\n`.repeat(20)]),
  ),
};

interface Disturbance {
  readonly client: ScanClient;
  readonly created: scan.CreateScanResponse;
  readonly source: Buffer;
  /** Kills once the point is reached. */
  readonly strike: () => Promise<void>;
}

/** Brings a started scan to a point, where it strikes. A point that the scan has passed already is struck late. */
function whileRunning(reached: (scan: scan.Scan) => boolean): (disturbance: Disturbance) => Promise<void> {
  return async ({ client, created, source, strike }) => {
    await client.upload(created, source);
    await client.start(created.scan!.id);
    await client.waitFor(created.scan!.id, 'the point', (current) => reached(current) || isTerminal(statusOf(current)));
    await strike();
  };
}

const stepReached = (...steps: readonly string[]) => whileRunning(({ progress }) => steps.includes(progress?.step ?? ''));

const points: Readonly<Record<string, (disturbance: Disturbance) => Promise<void>>> = {
  'after CreateScan': async ({ client, created, source, strike }) => {
    await strike();
    await client.upload(created, source);
    await client.start(created.scan!.id);
  },
  'during the upload': async ({ client, created, source, strike }) => {
    await Promise.all([client.upload(created, source), strike()]);
    await client.start(created.scan!.id);
  },
  'after the upload': async ({ client, created, source, strike }) => {
    await client.upload(created, source);
    await strike();
    await client.start(created.scan!.id);
  },
  'during StartScan': async ({ client, created, source, strike }) => {
    await client.upload(created, source);
    await Promise.all([client.start(created.scan!.id), strike()]);
  },
  'once it is queued': whileRunning(() => true),
  'once it runs': whileRunning((current) => statusOf(current) === 'running'),
  'while it unpacks': stepReached('unpack', 'scan'),
  'while it scans': stepReached('scan'),
  'while it uploads the results': stepReached('upload', 'complete'),
  'after its end': whileRunning((current) => isTerminal(statusOf(current))),
};

/** A run's processes are there only while it runs. */
const always = ['standalone', 'postgres', 'storage', 'api-grpc', 'api-http', 'dispatcher', 'sweeper'];
const onlyDuringARun = ['supervisor', 'runner', 'scanner'];
const pointsDuringARun = ['once it is queued', 'once it runs', 'while it unpacks', 'while it scans', 'while it uploads the results'];

let expected: readonly string[] = [];

test.serial.before('an undisturbed scan says what is to be found', async (t) => {
  t.timeout(180_000);
  stack = await RealStack.create();
  file.teardown(() => stack.dispose());
  await stack.start();
  using client = new ScanClient(stack.endpoint);
  const source = await archiveOf(sourceFiles);
  const created = await client.create(await client.makeProject(), types, source);
  await client.upload(created, source);
  await client.start(created.scan!.id);
  const ended = await client.waitFor(created.scan!.id, 'the end', (current) => isTerminal(statusOf(current)));
  t.is(statusOf(ended), 'completed', ended.errorMessage);
  expected = await fingerprintsOf(client, ended);
  t.true(expected.length >= 3);
});

for (const kind of [...always, ...onlyDuringARun]) {
  test.serial(`kill -9 of ${kind} at each point of a scan loses nothing and leaves nothing`, async (t) => {
    t.timeout(600_000);
    const struck: number[] = [];
    const names = always.includes(kind) ? Object.keys(points) : pointsDuringARun;
    for (const name of names) struck.push(await scanDisturbed(t, kind, name));
    t.true(
      struck.filter((count) => count > 0).length >= (always.includes(kind) ? names.length : 1),
      `killed per point: ${struck.join(' ')}`,
    );
    await nothingIsLeft(t);
  });
}

/** Answers how many processes were killed. */
async function scanDisturbed(t: ExecutionContext, kind: string, point: string): Promise<number> {
  using client = new ScanClient(stack.endpoint);
  const source = await archiveOf(sourceFiles);
  const created = await client.create(await client.makeProject(), types, source);
  let killed = 0;
  const strike = async (): Promise<void> => {
    // One that was killed a moment ago is being started again; one of a run may be about to start, or over.
    const there = eventually(() => stack.isRunning(kind), { timeoutMs: always.includes(kind) ? 30_000 : 2000, what: kind });
    await (always.includes(kind) ? there : there.catch(() => undefined));
    killed = stack.kill(kind);
    if (kind === 'standalone') await stack.restart();
  };
  await points[point]!({ client, created, source, strike });
  await endsRight(t, client, created.scan!.id, kind, point);
  return killed;
}

async function endsRight(t: ExecutionContext, client: ScanClient, id: string, kind: string, point: string): Promise<void> {
  const title = `${kind}, ${point}`;
  const ended = await client.waitFor(id, `the end of the scan (${title})`, (current) => isTerminal(statusOf(current)));
  const found = await fingerprintsOf(client, ended);
  t.is(ended.totalFindings, found.length, title);
  if (kind === 'scanner' && killedTools(ended) > 0) {
    // A tool that was killed is named, and what the others found stands. Where all were, the scan has failed by its tools.
    t.is(statusOf(ended), killedTools(ended) < types.length ? 'completed' : 'failed', `${title}: ${ended.errorMessage}`);
    t.deepEqual(
      found,
      expected.filter((fingerprint) => found.includes(fingerprint)),
      title,
    );
    return;
  }
  t.is(statusOf(ended), 'completed', `${title}: ${ended.errorMessage}`);
  t.deepEqual(found, expected, title);
}

function killedTools({ tools, errorMessage }: scan.Scan): number {
  const named = tools.filter((tool) => tool.errorMessage.includes('SIGKILL')).length;
  return named > 0 ? named : errorMessage.split('SIGKILL').length - 1;
}

async function fingerprintsOf(client: ScanClient, { id }: scan.Scan): Promise<readonly string[]> {
  return (await client.findings(id)).map(({ fingerprint }) => fingerprint).sort();
}

/** No process of a run, no folder, no record, no finding of a run that does not count, no object without a row. */
async function nothingIsLeft(t: ExecutionContext): Promise<void> {
  const ofRuns = (): readonly string[] =>
    stack
      .running()
      .filter(({ kind }) => onlyDuringARun.includes(kind))
      .map(({ kind }) => kind);
  await eventually(() => ofRuns().length === 0, { timeoutMs: 30_000, what: 'the end of every run' });
  await eventually(() => stack.workFolders().length === 0, { timeoutMs: 30_000, what: 'the removal of work folders' });
  const leftovers = `SELECT (SELECT count(*) FROM local_jobs) AS jobs, (SELECT count(*) FROM discarded_runs) AS runs,
    (SELECT count(*) FROM findings f JOIN scans s ON s.id = f.scan_id WHERE s.accepted_run_id IS DISTINCT FROM f.run_id) AS findings`;
  await eventually(
    async () => {
      const [row] = await stack.query<{ jobs: number; runs: number; findings: number }>(leftovers);
      return row!.jobs + row!.runs + row!.findings === 0;
    },
    { timeoutMs: 60_000, what: 'the collection of rows' },
  );
  const referenced = `SELECT source_archive_key AS key FROM scans UNION SELECT results_artifact_id::text FROM scans`;
  // An upload that was asked for and never came is no object; it is forgotten when its URL expires.
  const unreferenced = `SELECT id, type, status FROM storage.artifacts
    WHERE id::text NOT IN (SELECT key FROM (${referenced}) AS keys WHERE key IS NOT NULL) AND (status <> 'created' OR type = 'scan_results')
      AND NOT (type = 'report' AND scan_id IN (SELECT id FROM scans WHERE status = 'completed'))`;
  const unattested = `SELECT id FROM scans WHERE status = 'completed'
    AND id NOT IN (SELECT scan_id FROM storage.artifacts WHERE type = 'report' AND status = 'available')`;
  await eventually(async () => (await stack.query(unattested)).length === 0, { timeoutMs: 60_000, what: 'an attestation of each scan' });
  await eventually(async () => (await stack.query(unreferenced)).length === 0, { timeoutMs: 60_000, what: 'the collection of artifacts' });
  await eventually(
    async () => {
      const [row] = await stack.query<{ objects: number }>(`SELECT count(*) AS objects FROM storage.artifacts WHERE status = 'available'`);
      return stack.storedObjects() === row!.objects && stack.unfinishedUploads() === 0;
    },
    { timeoutMs: 60_000, what: 'the collection of objects' },
  );
  t.pass();
}
