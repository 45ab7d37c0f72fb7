import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ClusterRig, memoryOf, RunSeeder, startSimulatorProcess } from '@cloudscan/system-testing';
import { eventually, ScriptedKubelet } from '@cloudscan/testing';
import type { Pod, PodScript } from '@cloudscan/testing';
import { describeMachine, figure } from './result.ts';
import type { BenchResult, Figure } from './result.ts';
import { announce, BenchTeardown, divideCores, quantile } from './surroundings.ts';

const foreverMs = 2 ** 40;
/** Pods that end each second while their scans' ends are timed. */
const endsPerSecond = 20;
/** Passes that one figure is the mean of. */
const passes = 5;
/** Finished scans after which the heap has taken what its limit gives it; growth from there on would be a leak. */
const warmUp = 2000;
/** Finished scans that are added at once. */
const batch = 500;

/**
 * A sweeper beside many active Jobs, on a simulated cluster with a core to itself.
 *
 * `--active 100,1000,10000`: at each size the time and the statements of a pass and the memory of the process, and from the
 * ends of `--ends` (200) pods, 20 a second, to the ends of their scans. Then `--finished` (50000) Jobs pass; 0 leaves that out.
 */
export async function benchSweep(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      active: { type: 'string', default: '100,1000,10000' },
      ends: { type: 'string', default: '200' },
      finished: { type: 'string', default: '50000' },
    },
  });
  await using t = new BenchTeardown();
  const bench = await SweepBench.start(t);
  const figures: Record<string, Figure> = {};
  const ratios: Record<string, number> = {};
  for (const active of values.active.split(',').map(Number)) {
    announce(`a sweeper beside ${active} active Jobs`);
    await bench.growTo(active);
    const { seconds, statements } = await bench.measurePasses();
    const lags = await bench.measureEnds(Number(values.ends));
    figures[`pass, ${active} active`] = figure('ms', [seconds * 1000]);
    figures[`statements of a pass, ${active} active`] = figure('statements', [statements]);
    figures[`pod end to scan end, p50, ${active} active`] = figure('ms', [quantile(lags, 0.5)]);
    figures[`pod end to scan end, p99, ${active} active`] = figure('ms', [quantile(lags, 0.99)]);
    figures[`RSS, ${active} active`] = figure('MiB', [bench.residentMiB]);
  }
  const finished = Number(values.finished);
  if (finished > 0) {
    announce('Jobs that finish before the first look at the memory');
    for (let left = warmUp; left > 0; left -= batch) await bench.pass(batch);
    const before = bench.residentMiB;
    for (let left = finished; left > 0; left -= batch) {
      if (left % 5000 === 0) announce(`${left} of ${finished} Jobs that finish`);
      await bench.pass(Math.min(left, batch));
    }
    figures[`RSS after ${finished} finished`] = figure('MiB', [bench.residentMiB]);
    ratios[`RSS after ${finished} finished / before`] = bench.residentMiB / before;
  }
  return { case: 'sweep', machine: describeMachine(), figures, ratios };
}

class SweepBench {
  readonly #rig: ClusterRig;
  readonly #seeder: RunSeeder;
  /** What becomes of the pods of scans that are added from now on. */
  #pods: 'stay' | 'end when told' | 'end at once' = 'stay';
  #active = 1;
  readonly #running = new Set<string>();
  /** Ends the pod of a scan. */
  readonly #ends = new Map<string, () => void>();
  readonly #endedAt = new Map<string, number>();

  private constructor(rig: ClusterRig, seeder: RunSeeder) {
    this.#rig = rig;
    this.#seeder = seeder;
  }

  static async start(t: BenchTeardown): Promise<SweepBench> {
    const { simulator, measured } = divideCores();
    const cluster = await startSimulatorProcess(t, simulator);
    const rig = await ClusterRig.startWithServer(t, {
      ...{ kubeconfig: cluster.kubeconfigPath, namespace: cluster.namespace, launcher: measured },
      environment: {
        MAX_RUNNING_SCANS: '1000000',
        RUNNER_LIMITS_MEMORY: '256Mi',
        JOB_BACKOFF_LIMIT: '0',
        JOB_TTL_SECONDS: '0',
        SWEEP_INTERVAL_SECONDS: '1',
        LOG_LEVEL: 'warn',
      },
    });
    let bench: SweepBench | null = null;
    const kubelet = await ScriptedKubelet.start(cluster.access, (pod) => bench?.script(pod) ?? { run: foreverMs });
    t.teardown(() => kubelet.stop());
    bench = new SweepBench(rig, await RunSeeder.create(rig, cluster, await rig.client.makeProject()));
    return bench;
  }

  get residentMiB(): number {
    return memoryOf(this.#rig.sweepers[0]!.pid).residentMiB;
  }

  script(pod: Pod): PodScript {
    const scanId = pod.metadata.labels?.['cloudscan.io/scan-id'] ?? '';
    switch (this.#pods) {
      case 'stay':
        this.#running.add(scanId);
        return { run: foreverMs };
      case 'end when told':
        return { run: () => this.#untilTold(scanId) };
      case 'end at once':
        return { run: async () => ({ exitCode: 3 }) };
    }
  }

  async growTo(active: number): Promise<void> {
    const ids = await this.#seeder.add(active - this.#active);
    this.#active = active;
    await eventually(() => ids.every((id) => this.#running.has(id)), { timeoutMs: 900_000, intervalMs: 200, what: 'the pods' });
  }

  /** Means of one pass. */
  async measurePasses(): Promise<{ readonly seconds: number; readonly statements: number }> {
    // The changes of the pods are behind it once a pass finds nothing new.
    await this.#afterPasses(2);
    await this.#logStatements(true);
    const [before, logBefore] = [await this.#metrics(), await this.#loggedStatements()];
    await this.#afterPasses(passes);
    const [after, logAfter] = [await this.#metrics(), await this.#loggedStatements()];
    await this.#logStatements(false);
    const count = after.passes - before.passes;
    return { seconds: (after.seconds - before.seconds) / count, statements: (logAfter - logBefore) / count };
  }

  /** Milliseconds from the end of each pod to that of its scan. */
  async measureEnds(count: number): Promise<readonly number[]> {
    this.#pods = 'end when told';
    const ids = await this.#seeder.add(count);
    await eventually(() => ids.every((id) => this.#ends.has(id)), { timeoutMs: 300_000, intervalMs: 100, what: 'the pods' });
    await this.#afterPasses(1);
    const begin = performance.now();
    for (const [index, id] of ids.entries()) {
      await delay(Math.max(0, begin + (index * 1000) / endsPerSecond - performance.now()));
      this.#ends.get(id)!();
    }
    const endOf = await this.#scanEnds(ids);
    const lags = ids.map((id) => endOf.get(id)! - this.#endedAt.get(id)!);
    this.#pods = 'stay';
    this.#ends.clear();
    this.#endedAt.clear();
    return lags;
  }

  /** Lets so many scans begin and end. */
  async pass(count: number): Promise<void> {
    this.#pods = 'end at once';
    await this.#scanEnds(await this.#seeder.add(count));
    this.#pods = 'stay';
  }

  async #untilTold(scanId: string): Promise<{ readonly exitCode: number }> {
    await new Promise<void>((resolve) => this.#ends.set(scanId, resolve));
    this.#endedAt.set(scanId, Date.now());
    return { exitCode: 3 };
  }

  /** When each scan was over, in milliseconds since 1970. */
  async #scanEnds(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const ended = `SELECT id, extract(epoch FROM completed_at) * 1000 AS at FROM scans WHERE id = ANY($1) AND completed_at IS NOT NULL`;
    const rows = await eventually(
      async () => {
        const found = await this.#rig.database.query<{ id: string; at: string }>(ended, [ids]);
        return found.length === ids.length ? found : null;
      },
      { timeoutMs: 600_000, intervalMs: 100, what: 'the end of the scans' },
    );
    return new Map(rows.map(({ id, at }) => [id, Number(at)]));
  }

  async #afterPasses(count: number): Promise<void> {
    const { passes: before } = await this.#metrics();
    const passed = async (): Promise<boolean> => (await this.#metrics()).passes >= before + count;
    await eventually(passed, { timeoutMs: 300_000, intervalMs: 100, what: `${count} passes` });
  }

  async #metrics(): Promise<{ readonly passes: number; readonly seconds: number }> {
    const text = await (await fetch(`http://127.0.0.1:${this.#rig.sweepers[0]!.opsPort}/metrics`)).text();
    const read = (name: string): number => Number(new RegExp(`^cloudscan_sweep_duration_seconds_${name}\\S* (\\S+)$`, 'm').exec(text)?.[1]);
    return { passes: read('count'), seconds: read('sum') };
  }

  async #logStatements(on: boolean): Promise<void> {
    for (const [name, value] of [['log_statement', on ? 'all' : 'none'] as const, ['log_line_prefix', '%a|'] as const]) {
      await this.#rig.database.query(`ALTER SYSTEM SET ${name} = '${value}'`);
    }
    await this.#rig.database.query('SELECT pg_reload_conf()');
  }

  /** Queries that the sweeper has sent, without the frames of transactions, its lease, its queues, and what each scrape asks. */
  async #loggedStatements(): Promise<number> {
    const [row] = await this.#rig.database.query<{ data_directory: string }>('SHOW data_directory');
    const log = readFileSync(join(dirname(row!.data_directory), 'postgres.log'), 'utf8');
    return log.split('\n').filter((line) => /^cloudscan-sweeper\|LOG: {2}execute (?!cleaner-run-statistics)[a-z]/.test(line)).length;
  }
}
