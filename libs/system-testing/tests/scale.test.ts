import test from 'ava';
import { eventually, testFile } from '@cloudscan/testing';
import { ClusterRig } from '../src/cluster-rig.ts';
import { memoryOf } from '../src/process-memory.ts';
import { ScriptedCluster } from '../src/scripted-cluster.ts';
import { RunSeeder } from '../src/seed-runs.ts';

/*
 * A sweeper beside ten thousand active Jobs, and after many have passed. SCALE_FINISHED makes it 50,000, as
 * `npm run bench -- sweep` does, which takes some minutes more than a test should.
 */
const active = 10_000;
const finished = Number(process.env['SCALE_FINISHED'] ?? 1500);
const limitMiB = 300;
const growth = 1.1;
/** Scans that are added at once. */
const batch = 500;

const file = testFile(test);
let cluster: ScriptedCluster;
let rig: ClusterRig;
let seeder: RunSeeder;

test.before(async (t) => {
  t.timeout(600_000);
  cluster = await ScriptedCluster.start(file);
  cluster.scriptOthers({ kind: 'idle' });
  rig = await ClusterRig.start(file, {
    kubeconfig: cluster.kubeconfigPath,
    namespace: cluster.namespace,
    environment: {
      MAX_RUNNING_SCANS: '100000',
      JOB_BACKOFF_LIMIT: '0',
      JOB_TTL_SECONDS: '0',
      LOG_LEVEL: 'warn',
      // So that all of them fit on the one node.
      RUNNER_LIMITS_MEMORY: '256Mi',
    },
  });
  seeder = await RunSeeder.create(rig, cluster, await rig.client.makeProject());
  await rig.sweepers[0]!.kill();
  await seeder.add(active - 1);
  await eventually(() => cluster.starts.length === active, { timeoutMs: 500_000, intervalMs: 200, what: '10,000 pods that run' });
});

test.serial('a sweeper that starts beside 10,000 active Jobs lists them in pages and stays small', async (t) => {
  t.timeout(300_000);
  const [sweeper] = rig.sweepers;
  const before = cluster.simulator.requests.get('list jobs') ?? 0;
  await sweeper!.start();
  await eventually(async () => (await jobsSeen()) === active, { timeoutMs: 120_000, what: 'a pass over all Jobs' });
  const pages = (cluster.simulator.requests.get('list jobs') ?? 0) - before;
  const { residentMiB, peakMiB } = memoryOf(sweeper!.pid);
  t.log(`${pages} pages, ${residentMiB.toFixed(0)} MiB, at most ${peakMiB.toFixed(0)} MiB`);
  t.true(pages >= 10);
  t.true(peakMiB <= limitMiB, `${peakMiB} MiB`);
});

test.serial('what a sweeper needs does not grow with the Jobs that have passed', async (t) => {
  t.timeout(1_800_000);
  const [sweeper] = rig.sweepers;
  cluster.scriptOthers({ kind: 'end', exitCode: 3 });
  await pass(2000);
  const before = memoryOf(sweeper!.pid).residentMiB;
  await pass(finished);
  const after = memoryOf(sweeper!.pid);
  t.log(
    `${before.toFixed(0)} MiB before, ${after.residentMiB.toFixed(0)} MiB after ${finished} Jobs, at most ${after.peakMiB.toFixed(0)} MiB`,
  );
  t.true(after.residentMiB <= before * growth);
  t.true(after.peakMiB <= limitMiB);
});

/** Lets so many scans fail, each by the end of its Job, and waits until the sweeper is done with them. */
async function pass(count: number): Promise<void> {
  for (let left = count; left > 0; left -= batch) await seeder.add(Math.min(left, batch));
  const ended = async (): Promise<boolean> => {
    const [row] = await rig.database.query<{ n: number }>('SELECT count(*)::int AS n FROM active_scans');
    return row!.n === active;
  };
  await eventually(ended, { timeoutMs: 1_500_000, intervalMs: 250, what: `the end of ${count} scans` });
}

async function jobsSeen(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${rig.sweepers[0]!.opsPort}/metrics`);
  return Number(/^cloudscan_jobs\b.* (\d+)$/m.exec(await response.text())?.[1] ?? 0);
}
