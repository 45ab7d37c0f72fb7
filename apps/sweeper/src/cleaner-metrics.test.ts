import type { CleanerStatistics } from '@cloudscan/orchestration';
import { createMetricsRegistry, silentLogger } from '@cloudscan/telemetry';
import test from 'ava';
import { CleanerMetrics } from './cleaner-metrics.ts';

const endedAt = new Date('2031-06-15T02:00:00Z');
const statistics: CleanerStatistics = {
  ...{ last: { endedAt, durationMs: 1500 }, lastSuccessAt: new Date(endedAt.getTime() - 60_000) },
  ...{ scans: 12, findings: 345 },
};

interface Bench {
  leads: boolean;
  read: () => Promise<CleanerStatistics>;
  /** The series of the cleaner after one more scrape, without labels. */
  scrape(): Promise<Readonly<Record<string, number>>>;
}

function bench(): Bench {
  const registry = createMetricsRegistry('test');
  const metrics = new CleanerMetrics(registry, { read: () => it.read(), leads: () => it.leads, log: silentLogger });
  const it: Bench = {
    leads: true,
    read: async () => statistics,
    scrape: async () => {
      await metrics.observe();
      const lines = (await registry.metrics()).matchAll(/^cloudscan_cleaner_(\w+)\{service="test"\} (.+)$/gm);
      return Object.fromEntries([...lines].map(([, name, value]) => [name, Number(value)]));
    },
  };
  return it;
}

const told = {
  ...{ last_run_timestamp_seconds: endedAt.getTime() / 1000, last_success_timestamp_seconds: endedAt.getTime() / 1000 - 60 },
  ...{ last_duration_seconds: 1.5, scans_total: 12, findings_total: 345 },
};

test('each scrape tells what the runs left, as often as it is asked', async (t) => {
  const it = bench();
  t.deepEqual(await it.scrape(), told);
  t.deepEqual(await it.scrape(), told);
  it.read = async () => ({ ...statistics, scans: 13 });
  t.deepEqual(await it.scrape(), { ...told, scans_total: 13 });
});

test('before the first run there is no time of one, and never one of 1970', async (t) => {
  const it = bench();
  it.read = async () => ({ last: null, lastSuccessAt: null, scans: 0, findings: 0 });
  t.deepEqual(await it.scrape(), { scans_total: 0, findings_total: 0 });
});

test('who does not lead tells nothing, also when it did before', async (t) => {
  const it = bench();
  it.leads = false;
  t.deepEqual(await it.scrape(), {});
  it.leads = true;
  await it.scrape();
  it.leads = false;
  t.deepEqual(await it.scrape(), {});
});

test('a database that is away leaves what was told last', async (t) => {
  const it = bench();
  await it.scrape();
  it.read = async () => {
    throw new Error('away');
  };
  t.deepEqual(await it.scrape(), told);
});
