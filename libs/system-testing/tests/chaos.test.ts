import { randomInt } from 'node:crypto';
import test from 'ava';
import { eventually, testFile } from '@cloudscan/testing';
import type { TestServer } from '@cloudscan/testing';
import { expectedEnd } from '../src/attempt-script.ts';
import { watchCaps } from '../src/caps-watch.ts';
import { ClusterRig } from '../src/cluster-rig.ts';
import { Random } from '../src/random.ts';
import { reasonOf, statusOf } from '../src/scan-client.ts';
import { ScriptedCluster } from '../src/scripted-cluster.ts';
import type { AppProcess } from '../src/app-process.ts';
import type { AttemptScript, ExpectedEnd, ScanScript } from '../src/attempt-script.ts';
import type { TestProject } from '../src/scan-client.ts';
import { setUpFaults } from './faults.ts';
import { nothingIsLeft } from './leftovers.ts';

/*
 * A thousand scans whose ends are known beforehand, while processes are killed, the API of the cluster answers badly and
 * PostgreSQL is restarted. CHAOS_SEED repeats the draw of a run, CHAOS_SCANS makes it another size.
 */
const seed = Number(process.env['CHAOS_SEED'] ?? randomInt(2 ** 31));
const scans = Number(process.env['CHAOS_SCANS'] ?? 1000);
const maxAttempts = 3;
const caps = { running: 40, ofOrganization: 12 };
/** Of the organizations; 0: the deployment's. */
const ownCaps = [3, 6, 9, 0, 0, 0];

interface PlannedScan {
  readonly script: ScanScript;
  readonly end: ExpectedEnd;
  /** Milliseconds from its start to its cancellation. */
  readonly cancelAfterMs: number | null;
}

/** After which the pod is still there to say what happened. */
const lastingTrouble: readonly [AttemptScript, ...AttemptScript[]] = [
  { kind: 'evict' },
  { kind: 'exit', exitCode: 1 },
  { kind: 'exit', exitCode: 5 },
];
/**
 * A pod that is gone takes its story along when nobody watches at that moment, and so does one that could not start when the
 * sweeper dies that has stopped it. A new attempt they get all the same.
 */
const trouble: readonly [AttemptScript, ...AttemptScript[]] = [...lastingTrouble, { kind: 'preempt' }, { kind: 'vanish' }];

function planScan(random: Random): PlannedScan {
  const script = drawScript(random);
  const end = expectedEnd(script, maxAttempts);
  const cancelAfterMs = end.status === 'running' || random.chance(0.08) ? random.integer(0, 5000) : null;
  return { script, end, cancelAfterMs };
}

function drawScript(random: Random): ScanScript {
  const completes = { kind: 'complete', findings: random.integer(0, 3) } as const;
  const draw = random.next();
  if (draw < 0.7) return [completes];
  if (draw < 0.85) return [random.pick(trouble), completes];
  if (draw < 0.88) return [random.pick(trouble), random.pick(trouble), completes];
  if (draw < 0.9) return [random.pick(trouble), random.pick(trouble), random.pick(lastingTrouble)];
  if (draw < 0.92) return [{ kind: 'oom' }];
  if (draw < 0.95) return [{ kind: 'exit', exitCode: 3 }];
  if (draw < 0.97) return [{ kind: 'report', reason: 'source_invalid', message: 'the archive is broken' }];
  if (draw < 0.98) return [{ kind: 'no-image' }, completes];
  if (draw < 0.985) return [{ kind: 'bad-config' }, completes];
  return [{ kind: 'hang' }];
}

const file = testFile(test);
let cluster: ScriptedCluster;
let rig: ClusterRig<TestServer>;

test.before(async () => {
  cluster = await ScriptedCluster.start(file);
  rig = await ClusterRig.startWithServer(file, {
    kubeconfig: cluster.kubeconfigPath,
    namespace: cluster.namespace,
    dispatchers: 3,
    sweepers: 2,
    environment: {
      JOB_BACKOFF_LIMIT: String(maxAttempts - 1),
      MAX_RUNNING_SCANS: String(caps.running),
      MAX_RUNNING_SCANS_PER_ORGANIZATION: String(caps.ofOrganization),
      COLLECT_INTERVAL_SECONDS: '2',
      IMAGE_PULL_GRACE_SECONDS: '3',
      START_ERROR_GRACE_SECONDS: '3',
      RUNNER_TERMINATION_GRACE_SECONDS: '1',
    },
  });
});

test('scans end as they would undisturbed, once and within the caps, whatever dies meanwhile', async (t) => {
  t.timeout(900_000);
  t.log(`CHAOS_SEED=${seed}, ${scans} scans`);
  const random = new Random(seed);
  const plans = Array.from({ length: scans }, () => planScan(random));
  const projects = await Promise.all(ownCaps.map((maxRunningScans) => rig.client.makeProject({ maxRunningScans })));
  const faults = setUpFaults(cluster.simulator, 0.05);
  const watched = await watchCaps(t, rig, cluster);
  const killer = killAtRandom(random);
  const startedAt = performance.now();

  const submitted = Promise.all([0, 1, 2, 3].map((lane) => submitAll(plans, projects, lane, 4)));
  await eventually(async () => (await endedScans()) >= scans * 0.4, { timeoutMs: 400_000, intervalMs: 250, what: 'the middle' });
  await rig.database.stopServer();
  await rig.database.startServer();
  const outcomes = (await submitted).flat();
  await eventually(async () => (await endedScans()) === scans, { timeoutMs: 400_000, intervalMs: 250, what: 'the end of all scans' });
  const seconds = (performance.now() - startedAt) / 1000;
  const kills = await killer.stop();
  const hits = faults.clear();

  const wrong: string[] = [];
  for (const { id, plan, cancelled } of outcomes) {
    const scan = await rig.client.get(id);
    const seen = { status: statusOf(scan), reason: reasonOf(scan), attempt: scan.attempt };
    const isRight = cancelled ? seen.status === 'cancelled' : JSON.stringify(seen) === JSON.stringify(plan.end);
    if (!isRight) wrong.push(`${id} went through ${JSON.stringify(plan)} and is ${JSON.stringify(seen)}: ${scan.errorMessage}`);
  }
  const starts = Map.groupBy(cluster.starts, ({ scanId, attempt }) => `${scanId}-${attempt}`);
  const doubled = [...starts].filter(([, runs]) => runs.length > 1).map(([name]) => name);
  t.log(`${seconds.toFixed(1)} s, ${(scans / seconds).toFixed(1)} scans/s, ${cluster.starts.length} runs`);
  t.log(`${kills} processes killed, ${hits} faults, PostgreSQL restarted`);
  t.log(
    `most attempts ${watched.attempts.most} (${watched.attempts.samples} looks), most pods ${watched.pods.most} (${watched.pods.samples} looks)`,
  );
  t.log(`jobs_lost=${wrong.length} jobs_doubled=${doubled.length}`);

  t.deepEqual(wrong, []);
  t.deepEqual(doubled, []);
  for (const peak of [watched.attempts, watched.pods]) {
    t.true(peak.samples > 100);
    t.true(peak.most <= caps.running, `${peak.most} at once`);
    projects.forEach(({ organizationId }, index) => {
      const cap = ownCaps[index] || caps.ofOrganization;
      t.true(peak.of(organizationId) <= cap, `${peak.of(organizationId)} of ${cap}`);
    });
  }
  await nothingIsLeft(t, rig, cluster);
});

interface Outcome {
  readonly id: string;
  readonly plan: PlannedScan;
  readonly cancelled: boolean;
}

/** Every `lanes`-th of the plans, one after the other; cancellations go on beside that. */
async function submitAll(
  plans: readonly PlannedScan[],
  projects: readonly TestProject[],
  lane: number,
  lanes: number,
): Promise<readonly Outcome[]> {
  const outcomes: Promise<Outcome>[] = [];
  for (let index = lane; index < plans.length; index += lanes) {
    const plan = plans[index]!;
    const id = await rig.client.createOfGit(projects[index % projects.length]!);
    cluster.script(id, ...plan.script);
    await rig.client.start(id);
    outcomes.push(cancelLater(id, plan.cancelAfterMs).then((cancelled) => ({ id, plan, cancelled })));
  }
  return Promise.all(outcomes);
}

async function cancelLater(id: string, afterMs: number | null): Promise<boolean> {
  if (afterMs === null) return false;
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  return rig.client.cancel(id);
}

/** Kills one dispatcher or sweeper after the other and starts it again at once. */
function killAtRandom(random: Random): { stop(): Promise<number> } {
  const stopped = new AbortController();
  const processes = [...rig.dispatchers, ...rig.sweepers] as [AppProcess, ...AppProcess[]];
  const run = async (): Promise<number> => {
    for (let kills = 0; ; kills += 1) {
      const victim = random.pick(processes);
      await pause(random.integer(2000, 6000), stopped.signal);
      if (stopped.signal.aborted) return kills;
      await victim.kill();
      victim.launch();
    }
  };
  const done = run();
  return {
    stop: async () => {
      stopped.abort();
      const kills = await done;
      await Promise.all(processes.map((app) => app.ready()));
      return kills;
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}

async function endedScans(): Promise<number> {
  const [row] = await rig.database.query<{ n: number }>('SELECT count(*)::int AS n FROM scans WHERE completed_at IS NOT NULL');
  return row!.n;
}
