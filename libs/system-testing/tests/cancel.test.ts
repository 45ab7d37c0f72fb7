import test from 'ava';
import type { ExecutionContext } from 'ava';
import { eventually, testFile } from '@cloudscan/testing';
import { ClusterRig } from '../src/cluster-rig.ts';
import { statusOf } from '../src/scan-client.ts';
import { ScriptedCluster } from '../src/scripted-cluster.ts';
import { archiveOf } from '../src/source-archive.ts';
import type { AttemptScript } from '../src/attempt-script.ts';
import type { TestProject } from '../src/scan-client.ts';

/* Whatever state a scan is in, whatever dies meanwhile: it says cancelled, and nothing of it runs. */
const file = testFile(test);
let cluster: ScriptedCluster;
let rig: ClusterRig;
let project: TestProject;

test.before(async () => {
  cluster = await ScriptedCluster.start(file);
  rig = await ClusterRig.start(file, {
    kubeconfig: cluster.kubeconfigPath,
    namespace: cluster.namespace,
    sweepers: 2,
    environment: { MAX_RUNNING_SCANS: '100', RUNNER_TERMINATION_GRACE_SECONDS: '1' },
  });
  project = await rig.client.makeProject();
});

test.afterEach(() => cluster.simulator.faults.clear());

async function started(script: AttemptScript): Promise<string> {
  const id = await rig.client.createOfGit(project);
  cluster.script(id, script);
  await rig.client.start(id);
  return id;
}

async function running(): Promise<string> {
  const id = await started({ kind: 'hang' });
  await rig.client.waitFor(id, 'the scan to run', (scan) => statusOf(scan) === 'running');
  return id;
}

interface PodOrJob {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly phase?: string };
}

async function podsOf(id: string): Promise<readonly PodOrJob[]> {
  const pods = await cluster.list<PodOrJob>('pods', `cloudscan.io/scan-id=${id}`);
  return pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
}

/** Jobs of the scan that the system has still to deal with. */
function openJobsOf(id: string): Promise<readonly PodOrJob[]> {
  return cluster.list('jobs', `cloudscan.io/scan-id=${id},cloudscan.io/recorded!=true`);
}

async function isOver(t: ExecutionContext, id: string): Promise<void> {
  await eventually(async () => (await podsOf(id)).length + (await openJobsOf(id)).length === 0, {
    timeoutMs: 90_000,
    what: 'the end of its pod and its Job',
  });
  t.is(statusOf(await rig.client.get(id)), 'cancelled');
  const [row] = await rig.database.query<{ n: number }>('SELECT count(*)::int AS n FROM active_scans WHERE scan_id = $1', [id]);
  t.is(row!.n, 0);
}

test.serial('a pending scan is cancelled and cannot be started any more', async (t) => {
  const id = await rig.client.createOfGit(project);
  t.true(await rig.client.cancel(id));
  await t.throwsAsync(rig.client.start(id), { code: 'failed_precondition' });
  await isOver(t, id);
});

test.serial('a scan that waits for its turn is cancelled and never gets a Job', async (t) => {
  t.timeout(120_000);
  const narrow = await rig.client.makeProject({ maxRunningScans: 1 });
  const [first, second] = [await rig.client.createOfGit(narrow), await rig.client.createOfGit(narrow)];
  cluster.script(first, { kind: 'hang' });
  await rig.client.start(first);
  await rig.client.start(second);
  await rig.client.waitFor(first, 'the first to run', (scan) => statusOf(scan) === 'running');
  t.true(await rig.client.cancel(second));
  t.true(await rig.client.cancel(first));
  await isOver(t, first);
  await isOver(t, second);
  t.deepEqual(
    cluster.starts.filter(({ scanId }) => scanId === second),
    [],
  );
});

test.serial('a scan whose pod cannot start is cancelled, and its pod never runs', async (t) => {
  t.timeout(120_000);
  const id = await started({ kind: 'no-image' });
  await eventually(async () => (await podsOf(id)).length === 1, { timeoutMs: 30_000 });
  t.true(await rig.client.cancel(id));
  await isOver(t, id);
  t.false(cluster.starts.some(({ scanId }) => scanId === id));
});

test.serial('a running scan is cancelled, and its runner is stopped', async (t) => {
  t.timeout(120_000);
  const id = await running();
  t.true(await rig.client.cancel(id));
  await isOver(t, id);
  t.true(await rig.client.cancel(id), 'again is the same');
});

test.serial('a scan that has ended is not cancelled', async (t) => {
  t.timeout(120_000);
  const id = await started({ kind: 'complete', findings: 1 });
  await rig.client.ended(id);
  t.false(await rig.client.cancel(id));
  t.is(statusOf(await rig.client.get(id)), 'completed');
});

/** Starts a scan and resolves while its Job is being made: at the server, which has not answered. */
async function beingMade(effect: { readonly kind: 'hang' } | { readonly kind: 'slow'; readonly delayMs: number }): Promise<string> {
  const id = await rig.client.createOfGit(project);
  cluster.script(id, { kind: 'hang' });
  const asked = (): number => cluster.simulator.faults.list().reduce((sum, fault) => sum + fault.hits, 0);
  cluster.simulator.faults.add({ effect, verbs: ['create'], resources: ['jobs'], count: 1 });
  await rig.client.start(id);
  await eventually(() => asked() === 1, { timeoutMs: 30_000, what: 'the request for a Job' });
  return id;
}

test.serial('a scan that is cancelled while its Job is being made keeps none', async (t) => {
  t.timeout(120_000);
  const id = await beingMade({ kind: 'slow', delayMs: 2000 });
  t.true(await rig.client.cancel(id));
  await isOver(t, id);
});

test.serial('a Job whose dispatcher died while it was made goes with its cancelled scan', async (t) => {
  t.timeout(180_000);
  const [dispatcher] = rig.dispatchers;
  const id = await beingMade({ kind: 'slow', delayMs: 2000 });
  await dispatcher!.kill();
  t.true(await rig.client.cancel(id));
  await dispatcher!.start();
  await isOver(t, id);
});

test.serial('a scan whose dispatcher is dead can be cancelled, and is over when one is back', async (t) => {
  t.timeout(180_000);
  const id = await running();
  const [dispatcher] = rig.dispatchers;
  await dispatcher!.kill();
  t.true(await rig.client.cancel(id));
  t.is(statusOf(await rig.client.get(id)), 'cancelled');
  await dispatcher!.start();
  await isOver(t, id);
});

test.serial('a dispatcher that dies between a Job and the record of it starts nothing twice', async (t) => {
  t.timeout(180_000);
  const [dispatcher] = rig.dispatchers;
  const id = await beingMade({ kind: 'slow', delayMs: 5000 });
  await eventually(async () => (await cluster.list('jobs', `cloudscan.io/scan-id=${id}`)).length === 1, { timeoutMs: 30_000 });
  await dispatcher!.kill();
  await dispatcher!.start();
  await rig.client.waitFor(id, 'the scan to run', (scan) => statusOf(scan) === 'running' && scan.jobName !== '');
  t.is(cluster.starts.filter(({ scanId }) => scanId === id).length, 1);
  t.true(await rig.client.cancel(id));
  await isOver(t, id);
});

test.serial('a cancelled scan is over whatever dies right after it', async (t) => {
  t.timeout(180_000);
  const ids = [await running(), await running(), await running()];
  await Promise.all(ids.map((id) => rig.client.cancel(id)));
  const mortal = [...rig.dispatchers, ...rig.sweepers];
  await Promise.all(mortal.map((app) => app.kill()));
  await Promise.all(mortal.map((app) => app.start()));
  for (const id of ids) await isOver(t, id);
});

test.serial('a deleted scan takes its Job, its artifacts and its rows along', async (t) => {
  t.timeout(180_000);
  const source = await archiveOf({ 'index.js': 'eval(1);\n' });
  const created = await rig.client.create(project, ['sast'], source);
  const { id } = created.scan!;
  cluster.script(id, { kind: 'hang' });
  await rig.client.upload(created, source);
  await rig.client.start(id);
  await rig.client.waitFor(id, 'the scan to run', (scan) => statusOf(scan) === 'running');
  await rig.client.delete(id);
  await t.throwsAsync(rig.client.get(id), { code: 'not_found' });
  await nothingOf(t, [id]);
});

test.serial('the scans of a project are deleted with all that belongs to them, whatever their state', async (t) => {
  t.timeout(180_000);
  const doomed = await rig.client.makeProject({ maxRunningScans: 2 });
  const scripts: readonly AttemptScript[] = [{ kind: 'complete', findings: 2 }, { kind: 'hang' }, { kind: 'no-image' }, { kind: 'hang' }];
  const ids: string[] = [];
  for (const script of scripts) {
    const id = await rig.client.createOfGit(doomed);
    cluster.script(id, script);
    await rig.client.start(id);
    if (script.kind === 'complete') await rig.client.ended(id);
    ids.push(id);
  }
  await eventually(async () => (await podsOf(ids[1]!)).length + (await podsOf(ids[2]!)).length === 2, { timeoutMs: 30_000 });
  t.is(await rig.client.deleteAll(doomed), ids.length);
  await nothingOf(t, ids);
});

/** No pod that runs, no Job, no artifact, no row. */
async function nothingOf(t: ExecutionContext, ids: readonly string[]): Promise<void> {
  const rows = `SELECT (SELECT count(*) FROM scans WHERE id = ANY($1)) + (SELECT count(*) FROM scan_events WHERE scan_id = ANY($1))
    + (SELECT count(*) FROM findings WHERE scan_id = ANY($1)) + (SELECT count(*) FROM active_scans WHERE scan_id = ANY($1))
    + (SELECT count(*) FROM storage.artifacts WHERE scan_id = ANY($1) AND status <> 'deleting') AS n`;
  const left = async (): Promise<number> => {
    const [row] = await rig.database.query<{ n: string }>(rows, [ids]);
    const selector = `cloudscan.io/scan-id in (${ids.join(',')})`;
    return Number(row!.n) + (await cluster.list('jobs', selector)).length + (await cluster.list('pods', selector)).length;
  };
  await eventually(async () => (await left()) === 0, { timeoutMs: 90_000, what: 'the removal of everything' });
  t.is(await left(), 0);
}
