import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ClusterRig, RunSeeder, startSimulatorProcess } from '@cloudscan/system-testing';
import type { Cluster, TestProject } from '@cloudscan/system-testing';
import { ClusterClient, eventually, ScriptedKubelet } from '@cloudscan/testing';
import { describeMachine, figure } from './result.ts';
import type { BenchResult, Figure } from './result.ts';
import { announce, BenchTeardown, divideCores, quantile } from './surroundings.ts';

/** Argo Workflows, tuned: one controller, and five shards. Workflows per second. */
const published = { oneController: 810 / 60, fiveShards: 2100 / 60 };
/** Requests at a time of the bare client. */
const bareLanes = 32;
const foreverMs = 2 ** 40;
const environment = {
  RUNNER_LIMITS_MEMORY: '256Mi',
  MAX_RUNNING_SCANS: '1000000',
  MAX_QUEUED_SCANS_PER_ORGANIZATION: '1000000',
  LOG_LEVEL: 'warn',
};

/**
 * From StartScan to the Job, on a simulated cluster with a core to itself, whose pods all run and go on.
 *
 * `--queued 1000,10000` scans that wait when `--dispatchers 1,2,4` begin; for the latency `--rate` (10) scans a second for
 * `--seconds` (15), started whether or not the ones before have their Jobs.
 */
export async function benchDispatch(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      queued: { type: 'string', default: '1000,10000' },
      dispatchers: { type: 'string', default: '1,2,4' },
      rate: { type: 'string', default: '10' },
      seconds: { type: 'string', default: '15' },
    },
  });
  const figures: Record<string, Figure> = {};
  announce('StartScan to Job');
  const latencies = await startToJob(Number(values.rate), Number(values.seconds));
  figures['StartScan to Job, p50'] = figure('ms', [quantile(latencies, 0.5)]);
  figures['StartScan to Job, p99'] = figure('ms', [quantile(latencies, 0.99)]);
  announce('bare POST of Jobs');
  const ceiling = await bareJobs(Math.max(...numbers(values.queued)));
  figures['bare POST of Jobs'] = figure('Jobs/s', [ceiling]);
  const ratios: Record<string, number> = {};
  for (const queued of numbers(values.queued)) {
    for (const dispatchers of numbers(values.dispatchers)) {
      const name = `${queued} queued, ${dispatchers} dispatcher${dispatchers === 1 ? '' : 's'}`;
      announce(name);
      const rate = await queuedToJobs(queued, dispatchers);
      figures[name] = figure('scans/s', [rate]);
      ratios[`${name} / bare POST`] = rate / ceiling;
      if (dispatchers === 1) ratios[`${name} / 810 a minute`] = rate / published.oneController;
      ratios[`${name} / 2,100 a minute`] = rate / published.fiveShards;
    }
  }
  return { case: 'dispatch', machine: describeMachine(), figures, ratios };
}

interface Stage {
  readonly cluster: Cluster;
  readonly rig: ClusterRig;
  readonly project: TestProject;
}

async function setUp(t: BenchTeardown, dispatchers: number): Promise<Stage> {
  const { simulator, measured } = divideCores();
  const cluster = await startSimulatorProcess(t, simulator);
  const kubelet = await ScriptedKubelet.start(cluster.access, () => ({ run: foreverMs }));
  t.teardown(() => kubelet.stop());
  const { kubeconfigPath: kubeconfig, namespace } = cluster;
  const rig = await ClusterRig.startWithServer(t, { kubeconfig, namespace, dispatchers, environment, launcher: measured });
  return { cluster, rig, project: await rig.client.makeProject() };
}

/** Milliseconds of each scan from the call of StartScan until the cluster shows its Job. */
async function startToJob(rate: number, seconds: number): Promise<readonly number[]> {
  await using t = new BenchTeardown();
  const { cluster, rig, project } = await setUp(t, 1);
  const shown = watchJobs(t, cluster);
  const ids: string[] = [];
  for (let index = 0; index < rate * seconds; index += 1) ids.push(await rig.client.createOfGit(project));
  const startedAt = new Map<string, number>();
  const begin = performance.now();
  const calls = ids.map(async (id, index) => {
    await delay(Math.max(0, begin + (index * 1000) / rate - performance.now()));
    startedAt.set(id, performance.now());
    await rig.client.start(id);
  });
  await Promise.all(calls);
  await eventually(() => ids.every((id) => shown.has(id)), { timeoutMs: 60_000, what: 'every Job' });
  return ids.map((id) => shown.get(id)! - startedAt.get(id)!);
}

/** When the Job of each scan was first shown, by the clock of this process. */
function watchJobs(t: BenchTeardown, cluster: Cluster): ReadonlyMap<string, number> {
  const shown = new Map<string, number>();
  const stopped = new AbortController();
  const client = new ClusterClient(cluster.access);
  const follow = async (): Promise<void> => {
    const events = client.watch<{ metadata: { labels: Record<string, string> } }>(cluster.path('jobs'), { signal: stopped.signal });
    for await (const { type, object } of events) {
      const id = object.metadata.labels?.['cloudscan.io/scan-id'];
      if (type === 'ADDED' && id !== undefined) shown.set(id, performance.now());
    }
  };
  const done = follow().catch((error: unknown) => {
    if (!stopped.signal.aborted) throw error;
  });
  t.teardown(async () => {
    stopped.abort();
    await done;
    client.close();
  });
  return shown;
}

/** Jobs a second that a client without any system around it makes: what the simulated cluster can take. */
async function bareJobs(count: number): Promise<number> {
  await using t = new BenchTeardown();
  const { cluster, rig, project } = await setUp(t, 1);
  const seeder = await RunSeeder.create(rig, cluster, project);
  const startedAt = performance.now();
  await seeder.addJobs(count, bareLanes);
  return count / ((performance.now() - startedAt) / 1000);
}

/** Scans a second from the moment when the dispatchers begin until each scan knows its Job. */
async function queuedToJobs(queued: number, dispatchers: number): Promise<number> {
  await using t = new BenchTeardown();
  const { cluster, rig, project } = await setUp(t, dispatchers);
  const seeder = await RunSeeder.create(rig, cluster, project);
  for (const dispatcher of rig.dispatchers) dispatcher.freeze();
  await seeder.queue(queued);
  const startedAt = performance.now();
  for (const dispatcher of rig.dispatchers) dispatcher.thaw();
  const withJob = async (): Promise<boolean> => {
    const [row] = await rig.database.query<{ n: number }>('SELECT count(*)::int AS n FROM scans WHERE job_name IS NOT NULL');
    // The one that the others are copies of has its Job already.
    return row!.n === queued + 1;
  };
  await eventually(withJob, { timeoutMs: 600_000, intervalMs: 100, what: 'a Job for each scan' });
  return queued / ((performance.now() - startedAt) / 1000);
}

function numbers(list: string): readonly number[] {
  return list.split(',').map(Number);
}
