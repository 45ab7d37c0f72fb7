import type { Survey, SweepReport } from '@cloudscan/orchestration';
import { Counter, Gauge, Histogram } from '@cloudscan/telemetry';
import type { Registry } from '@cloudscan/telemetry';

/** What a sweeper tells Prometheus. */
export class SweeperMetrics {
  readonly #registry: Registry;
  readonly #leader: Gauge;
  readonly #jobs: Gauge;
  readonly #activeJobs: Gauge;
  readonly #duration: Histogram;
  readonly #lag: Histogram;
  readonly #actions: Counter<'action'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#registry = registry;
    this.#leader = new Gauge({ name: 'cloudscan_sweeper_leader', help: '1 where this process sweeps, 0 where it stands by', registers });
    this.#jobs = new Gauge({ name: 'cloudscan_jobs', help: 'Jobs that have not been removed, as of the last pass', registers });
    this.#activeJobs = new Gauge({ name: 'cloudscan_k8s_jobs_active', help: 'Jobs that have not ended, as of the last pass', registers });
    this.#duration = new Histogram({
      name: 'cloudscan_sweep_duration_seconds',
      help: 'One comparison of all active scans with all Jobs',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    this.#lag = new Histogram({
      name: 'cloudscan_sweep_lag_seconds',
      help: 'From the news that a Job changed to what follows from it being in the database',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    });
    this.#actions = new Counter({
      name: 'cloudscan_sweep_actions_total',
      help: 'What sweeping and collecting did',
      labelNames: ['action'],
      registers,
    });
  }

  leads(isLeader: boolean): void {
    this.#leader.set(isLeader ? 1 : 0);
  }

  surveyed({ jobs, activeJobs, redispatched }: Survey, durationMs: number): void {
    this.#jobs.set(jobs);
    this.#activeJobs.set(activeJobs);
    this.#duration.observe(durationMs / 1000);
    this.count({ redispatched });
  }

  looked({ redispatched, ended, removed, errors }: SweepReport, lagsMs: readonly number[]): void {
    this.count({ redispatched, ended, removed, errors: errors.length });
    for (const lagMs of lagsMs) this.#lag.observe(lagMs / 1000);
  }

  count(actions: Readonly<Record<string, number>>): void {
    for (const [action, count] of Object.entries(actions)) this.#actions.inc({ action }, count);
  }

  /** Another process counts the Jobs from now on. */
  forget(): void {
    this.#jobs.set(0);
    this.#activeJobs.set(0);
  }

  /** @param silentMs asked at every scrape */
  observeSilence(silentMs: () => number): void {
    new Gauge({
      name: 'cloudscan_job_watch_silence_seconds',
      help: 'Since the leader last heard of the platform of the Jobs; 0 where this process stands by',
      registers: [this.#registry],
      collect() {
        this.set(silentMs() / 1000);
      },
    });
  }
}
