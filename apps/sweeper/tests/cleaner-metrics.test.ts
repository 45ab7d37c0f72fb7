import { systemScope } from '@cloudscan/auth';
import { PgCleanerRunRepository } from '@cloudscan/repositories';
import { silentLogger } from '@cloudscan/telemetry';
import { eventually, newId } from '@cloudscan/testing';
import test from 'ava';
import { loadConfig } from '../src/config.ts';
import { createApp } from '../src/create-app.ts';
import { memoryStorage, SweeperFixture } from './fixture.ts';

test('of two sweepers the one that leads serves what the last run of the cleaner left', async (t) => {
  const fixture = await SweeperFixture.create(t);
  const [startedAt, endedAt] = [new Date('2031-06-15T02:00:00Z'), new Date('2031-06-15T02:01:00Z')];
  const run = { id: newId(), startedAt, endedAt, outcome: 'succeeded', scans: 7, findings: 70, batches: 2, longestBatchMs: 9 } as const;
  await new PgCleanerRunRepository(fixture.database.database).record(systemScope('test'), run);
  const scrapes = await Promise.all(
    [1, 2].map(async () => {
      const app = await createApp(loadConfig(fixture.environment()), { storage: memoryStorage().storage, log: silentLogger });
      t.teardown(() => app.stop());
      await app.start();
      return async () => (await fetch(`http://127.0.0.1:${app.opsPort}/metrics`)).text();
    }),
  );
  const served = (text: string): string[] => text.match(/^cloudscan_cleaner_.+/gm) ?? [];
  const told = await eventually(async () => {
    const lines = (await Promise.all(scrapes.map((scrape) => scrape()))).flatMap(served);
    return lines.length > 0 ? lines : null;
  });
  const labels = '{service="cloudscan-sweeper"}';
  t.deepEqual(
    told.toSorted(),
    [
      `cloudscan_cleaner_findings_total${labels} 70`,
      `cloudscan_cleaner_last_duration_seconds${labels} 60`,
      `cloudscan_cleaner_last_run_timestamp_seconds${labels} ${endedAt.getTime() / 1000}`,
      `cloudscan_cleaner_last_success_timestamp_seconds${labels} ${endedAt.getTime() / 1000}`,
      `cloudscan_cleaner_scans_total${labels} 7`,
    ].toSorted(),
  );
});
