import { setTimeout as delay } from 'node:timers/promises';
import { systemScope } from '@cloudscan/auth';
import { Lease, lockIds } from '@cloudscan/database';
import type { Scan } from '@cloudscan/domain';
import { createJobDispatcher } from '@cloudscan/job-dispatch';
import type { JobDispatcher, SystemPorts } from '@cloudscan/orchestration';
import { createMetricsRegistry, silentLogger } from '@cloudscan/telemetry';
import { eventually, FakeClock, ScriptedKubelet, testCluster } from '@cloudscan/testing';
import type { ClusterClient, KubernetesSimulator, PodScript, Teardown, TestCluster } from '@cloudscan/testing';
import { loadConfig } from '../src/config.ts';
import { SweeperMetrics } from '../src/metrics.ts';
import { Sweeper } from '../src/sweeper.ts';
import { limits, signal, SweeperFixture } from './fixture.ts';

const system = systemScope('test');
const stepMs = 5000;
/** Real milliseconds between two steps of the clock, and how far each goes. */
const tick = { everyMs: 20, ms: 100 };

export const nodes = ['node-1', 'node-2'] as const;

interface ClusterParts extends Pick<TestCluster, 'client' | 'kubeconfigPath'> {
  readonly simulator: KubernetesSimulator;
  readonly kubelet: ScriptedKubelet;
  readonly clock: FakeClock;
  readonly scripts: Map<string, PodScript>;
}

/**
 * Scans whose Jobs run in a simulated cluster. Cluster and sweepers share a clock that runs five times as fast as the
 * machine's and that a test moves on; every grace is what a deployment has where nothing else is configured.
 */
export class ClusterFixture {
  readonly base: SweeperFixture;
  readonly simulator: KubernetesSimulator;
  readonly client: ClusterClient;
  readonly kubelet: ScriptedKubelet;
  readonly clock: FakeClock;
  readonly #t: Teardown;
  readonly #kubeconfigPath: string;
  readonly #scripts: Map<string, PodScript>;
  readonly #leases: Lease[] = [];

  private constructor(t: Teardown, base: SweeperFixture, parts: ClusterParts) {
    this.#t = t;
    this.base = base;
    this.simulator = parts.simulator;
    this.client = parts.client;
    this.kubelet = parts.kubelet;
    this.clock = parts.clock;
    this.#kubeconfigPath = parts.kubeconfigPath;
    this.#scripts = parts.scripts;
  }

  static async create(t: Teardown): Promise<ClusterFixture> {
    const base = await SweeperFixture.create(t);
    const clock = new FakeClock(new Date());
    const cluster = await testCluster(t, { clock });
    const { simulator } = cluster;
    if (simulator === null) throw new Error('these tests move the clock of a simulated cluster');
    const ticking = setInterval(() => clock.advance(tick.ms), tick.everyMs);
    t.teardown(() => clearInterval(ticking));
    const scripts = new Map<string, PodScript>();
    const script = ({ metadata }: { metadata: { labels?: Readonly<Record<string, string>> } }): PodScript =>
      scripts.get(metadata.labels?.['cloudscan.io/scan-id'] ?? '') ?? { run: Infinity };
    const kubelet = await ScriptedKubelet.start(simulator.access, script, { clock, nodes });
    t.teardown(() => kubelet.stop());
    return new ClusterFixture(t, base, { ...cluster, simulator, kubelet, clock, scripts });
  }

  environment(overrides: Readonly<Record<string, string>> = {}): Record<string, string> {
    return this.base.environment({
      ...{ JOB_DISPATCHER: 'kubernetes', KUBE_CONFIG: this.#kubeconfigPath, RUNNER_IMAGE: 'runner:1', ORCHESTRATOR_ENDPOINT: 'api:9999' },
      ...{ RUNNER_REQUESTS_CPU: '10m', RUNNER_REQUESTS_MEMORY: '16Mi', RUNNER_TERMINATION_GRACE_SECONDS: '1' },
      // A clock that is moved on leaves heartbeats behind.
      RUNNER_TOLERATIONS: JSON.stringify([{ operator: 'Exists' }]),
      ...overrides,
    });
  }

  async dispatcher(overrides: Readonly<Record<string, string>> = {}): Promise<JobDispatcher> {
    const config = loadConfig(this.environment(overrides));
    const { jobs, stop } = await createJobDispatcher(config.jobs, {
      ...{ localJobs: this.base.jobs, clock: this.clock, database: config.database, log: silentLogger, actor: 'test' },
    });
    this.#t.teardown(stop);
    return jobs;
  }

  /** A sweeper that leads and has the picture of the cluster. */
  async sweeper(maxAttempts = 1): Promise<Sweeper> {
    const sweeper = await this.standby(maxAttempts);
    await sweeper.lead();
    await eventually(() => sweeper.sweepOnce(signal), { what: 'the picture of the cluster' });
    return sweeper;
  }

  async standby(maxAttempts = 1): Promise<Sweeper> {
    const { policy } = loadConfig(this.environment());
    const lease = new Lease(this.base.database.config, { applicationName: 'test-lease', lockId: lockIds.sweeper });
    this.#leases.push(lease);
    const { scans, systemScans } = this.base.repositories;
    const ports: SystemPorts = {
      ...{ scope: systemScope('sweeper'), scans, system: systemScans, jobs: await this.dispatcher(), clock: this.clock },
      ...{ policy: { limits, maxAttempts }, actor: 'sweeper' },
      events: { publish: () => undefined, subscribe: () => () => undefined },
    };
    const metrics = new SweeperMetrics(createMetricsRegistry('test'));
    const sweeper = new Sweeper(ports, lease, { policy, pendingTtlMs: 86_400_000, log: silentLogger, metrics, onLead: () => undefined });
    this.#t.teardown(async () => {
      await sweeper.stop();
      await lease.stop();
    });
    return sweeper;
  }

  async releaseLease(): Promise<void> {
    for (const lease of this.#leases) await lease.stop();
  }

  /** A queued scan with its Job, whose pod does what the script says; by default it runs for ever. */
  async dispatched(script: PodScript = { run: Infinity }, overrides: Readonly<Record<string, string>> = {}): Promise<Scan> {
    const scan = await this.base.scan();
    this.#scripts.set(scan.id, script);
    await this.dispatch(scan, overrides);
    return scan;
  }

  async dispatch(scan: Scan, overrides: Readonly<Record<string, string>> = {}): Promise<void> {
    const { id: scanId, organizationId, projectId, scanTypes, source, attempt } = scan;
    const spec = { scanId, organizationId, projectId, scanTypes, source, attempt, traceparent: null };
    const { jobName, namespace } = await (await this.dispatcher(overrides)).create(spec);
    await this.base.repositories.systemScans.recordJob(system, { scanId, attempt, jobName, jobNamespace: namespace, at: new Date() });
  }

  /** Moves the clock on in steps, so that everybody has time to do what is due. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left));
      await delay(1);
    }
  }

  /** All machines are gone from one moment to the next. */
  async loseNodes(): Promise<void> {
    for (const node of nodes) {
      await this.kubelet.loseNode(node);
      this.simulator.loseNode(node);
    }
  }

  /** The runner's first call. */
  async report(scan: Scan): Promise<void> {
    const { scope, repositories } = this.base;
    await repositories.scans.recordProgress(scope, { scanId: scan.id, attempt: scan.attempt, runId: null, progress: null, at: new Date() });
  }

  async comesTo(scan: Scan, status: Scan['status'], attempt = 1): Promise<Scan> {
    return eventually(
      async () => {
        const now = await this.base.find(scan.id);
        return now.status === status && now.attempt === attempt ? now : null;
      },
      { timeoutMs: 20_000, what: `${status} at attempt ${attempt}` },
    );
  }
}
