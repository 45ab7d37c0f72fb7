import { scan } from '@cloudscan/contracts';
import type { DomainError } from '@cloudscan/domain';
import { eventually, newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { aCompletion, startApi, Tenant } from './support/api.ts';
import type { Api } from './support/api.ts';

const { ScanEventType, ScanStatus, UpdateScanRequest } = scan;
const file = testFile(test);
let api: Api;
/** A second process, which hears of the first one's changes by the bus only. */
let beside: Api;
test.before(async () => {
  api = await startApi(file, { env: { WATCH_POLL_MS: '600000' } });
  beside = await startApi(file, { env: { WATCH_POLL_MS: '600000' }, beside: api });
});

/** Reads a stream in the background. */
function watch(server: Api, scanId: string, afterSequence = 0n) {
  const abort = new AbortController();
  const events: scan.ScanEvent[] = [];
  const read = async (): Promise<void> => {
    for await (const event of server.scans.stream('watchScan', { scanId, afterSequence }, { signal: abort.signal })) events.push(event);
  };
  return { events, ended: read(), abort: () => abort.abort() };
}

test('tells the whole way, live, in another process too, and ends with the scan', async (t) => {
  const tenant = await Tenant.create(api);
  const { scan: created, artifactId } = await api.scans.call('createScan', tenant.createScanRequest({ userId: 'ada' }));
  const id = created!.id;
  const watchers = [watch(api, id), watch(beside, id)];
  await eventually(() => watchers.every(({ events }) => events.length === 1));
  api.storage.upload(artifactId, 'source');
  await api.scans.call('startScan', { id });
  await eventually(() => watchers.every(({ events }) => events.at(-1)?.toStatus === ScanStatus.QUEUED));
  const runId = newId();
  const progress = { step: 'sast', percent: 10, message: '' };
  await api.scans.call('updateScan', UpdateScanRequest.create({ id, status: ScanStatus.RUNNING, attempt: 1, runId, progress }));
  await eventually(() => watchers.every(({ events }) => events.some((event) => event.progress?.step === 'sast')));
  await api.scans.call('completeScan', aCompletion(id, { runId }));
  await Promise.all(watchers.map(({ ended }) => ended));
  for (const { events } of watchers) {
    t.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, index) => BigInt(index + 1)),
    );
    const transitions = events.filter(({ type }) => type === ScanEventType.SCAN_EVENT_TYPE_TRANSITION);
    t.deepEqual(
      transitions.map(({ toStatus }) => toStatus),
      [ScanStatus.PENDING, ScanStatus.QUEUED, ScanStatus.RUNNING, ScanStatus.COMPLETED],
    );
    t.is(transitions[0]!.actor, 'ada');
    t.is(transitions.at(-1)!.actor, 'runner');
  }
});

test('goes on after the event that was seen last', async (t) => {
  const tenant = await Tenant.create(api);
  const id = await tenant.completed();
  const whole = watch(api, id);
  await whole.ended;
  const rest = watch(api, id, 2n);
  await rest.ended;
  t.deepEqual(rest.events, whole.events.slice(2));
  const nothing = watch(api, id, BigInt(whole.events.length));
  await nothing.ended;
  t.deepEqual(nothing.events, []);
});

test('ends when the scan is deleted', async (t) => {
  const tenant = await Tenant.create(api);
  const id = await tenant.pending();
  const watcher = watch(beside, id);
  await eventually(() => watcher.events.length === 1);
  await api.scans.call('deleteScan', { id });
  await t.notThrowsAsync(watcher.ended);
});

test('finds by itself what no signal told it', async (t) => {
  const polling = await startApi(t, { env: { WATCH_POLL_MS: '20' }, beside: api });
  const tenant = await Tenant.create(api);
  const id = await tenant.pending();
  const watcher = watch(polling, id);
  await eventually(() => watcher.events.length === 1);
  await api.database.query('DELETE FROM scan_events WHERE scan_id = $1', [id]);
  await api.database.query('DELETE FROM scans WHERE id = $1', [id]);
  await t.notThrowsAsync(watcher.ended);
});

test('a watcher may go at any time', async (t) => {
  const tenant = await Tenant.create(api);
  const watcher = watch(api, await tenant.pending());
  await eventually(() => watcher.events.length === 1);
  watcher.abort();
  t.is((await t.throwsAsync<DomainError>(watcher.ended))?.code, 'cancelled');
});

test('a long history comes in pages, without gaps', async (t) => {
  const tenant = await Tenant.create(api);
  const id = await tenant.running();
  await api.database.query(
    `INSERT INTO scan_events SELECT scan_id, sequence + n, scan_created_at, organization_id, 'progress', to_status, to_status, attempt, actor, message, progress, failure_reason, created_at
     FROM scan_events, generate_series(1, 350) n WHERE scan_id = $1 AND sequence = 3`,
    [id],
  );
  const watcher = watch(api, id);
  await eventually(() => watcher.events.length >= 353);
  t.deepEqual(
    watcher.events.map(({ sequence }) => Number(sequence)),
    watcher.events.map((_, index) => index + 1),
  );
  watcher.abort();
  await watcher.ended.catch(() => undefined);
});
