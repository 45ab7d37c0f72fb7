import type { SweepReport } from '@cloudscan/orchestration';
import { Counter, Gauge, Histogram } from '@cloudscan/telemetry';
import type { Registry } from '@cloudscan/telemetry';

/** What a sweeper tells Prometheus. */
export class SweeperMetrics {
  readonly #leader: Gauge;
  readonly #jobs: Gauge;
  readonly #duration: Histogram;
  readonly #actions: Counter<'action'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#leader = new Gauge({ name: 'cloudscan_sweeper_leader', help: '1 where this process sweeps, 0 where it stands by', registers });
    this.#jobs = new Gauge({ name: 'cloudscan_jobs', help: 'Jobs that have not been removed, as of the last pass', registers });
    this.#duration = new Histogram({
      name: 'cloudscan_sweep_duration_seconds',
      help: 'One pass over all active scans and Jobs',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
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

  swept({ jobs, redispatched, ended, removed, errors }: SweepReport, durationMs: number): void {
    this.#jobs.set(jobs);
    this.#duration.observe(durationMs / 1000);
    this.count({ redispatched, ended, removed, errors: errors.length });
  }

  count(actions: Readonly<Record<string, number>>): void {
    for (const [action, count] of Object.entries(actions)) this.#actions.inc({ action }, count);
  }
}
