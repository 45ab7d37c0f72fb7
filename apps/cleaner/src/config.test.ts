import { ConfigError } from '@cloudscan/config';
import test from 'ava';
import { loadConfig } from './config.ts';

test('scans are kept for 90 days and go in batches of 500, unless it is told otherwise', (t) => {
  t.like(loadConfig({}), { policy: { retentionMs: 90 * 86_400_000, batchSize: 500, pauseMs: 100 }, isDryRun: false });
  const given = { RETENTION_DAYS: '30', CLEANER_BATCH_SIZE: '50', CLEANER_PAUSE_MS: '0' };
  t.like(loadConfig(given, ['--dry-run']), { policy: { retentionMs: 30 * 86_400_000, batchSize: 50, pauseMs: 0 }, isDryRun: true });
});

test('what is wrong is named, in the environment and on the command line', (t) => {
  const error = t.throws(() => loadConfig({ RETENTION_DAYS: '0', CLEANER_BATCH_SIZE: 'all' }), { instanceOf: ConfigError });
  t.regex(error.message, /RETENTION_DAYS is "0"/);
  t.regex(error.message, /CLEANER_BATCH_SIZE is "all"/);
  t.throws(() => loadConfig({}, ['--dryrun']), { instanceOf: ConfigError, message: /"--dryrun"; only --dry-run/ });
});
