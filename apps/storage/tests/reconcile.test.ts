import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FilesystemObjectStore } from '@cloudscan/object-store';
import test from 'ava';
import { readFlags, reconcile } from '../src/reconcile.ts';
import type { ReconciliationReport } from '../src/reconciliation.ts';
import { aRequest, failureOf, filesIn, getArtifact, startStorage, upload } from './support/storage.ts';
import type { TestStorage } from './support/storage.ts';

const hourMs = 3_600_000;
const { signal } = new AbortController();
const organizationId = '019bc700-0000-7000-8000-000000000001';
const nothing = { count: 0, bytes: 0, mended: 0, examples: [] };

/** An available artifact. */
async function available(service: TestStorage, body: string): Promise<string> {
  const id = await upload(service.rpc, body, { organizationId });
  await getArtifact(service.rpc, id);
  return id;
}

function openStore({ files }: TestStorage): Promise<FilesystemObjectStore> {
  return FilesystemObjectStore.open({ ...files, publicUrl: () => '' });
}

/** A run as of so many hours from now; answers its exit code, and its report. */
async function run(service: TestStorage, flags: readonly string[], hours = 2): Promise<{ code: number; report: ReconciliationReport }> {
  let printed = '';
  const now = new Date(Date.now() + hours * hourMs);
  const code = await reconcile(service.config, readFlags([...flags, '--json']), signal, (text) => (printed += text), now);
  return { code, report: JSON.parse(printed) as ReconciliationReport };
}

/** One artifact that is right, and one of each difference. */
async function disagree(service: TestStorage) {
  const store = await openStore(service);
  const [right, missing, orphan, wrong] = [
    await available(service, 'right'),
    await available(service, 'missing'),
    await available(service, 'an orphan'),
    await available(service, 'wrong'),
  ];
  const path = (id: string): string => `artifacts/${organizationId}/${id}`;
  await store.deleteObjects([path(missing)]);
  await service.database.query('DELETE FROM storage.artifacts WHERE id = $1', [orphan]);
  await service.database.query('UPDATE storage.artifacts SET size_bytes = 50 WHERE id = $1', [wrong]);
  return { right, missing, orphan, wrong, path };
}

test('says that all agrees', async (t) => {
  const service = await startStorage(t);
  await available(service, 'content');
  await service.rpc.call('createArtifact', aRequest());
  const { code, report } = await run(service, ['--read-objects']);
  t.is(code, 0);
  t.deepEqual([report.artifacts, report.objects, report.isForeignStore], [1, 1, false]);
  for (const difference of Object.values(report.differences)) t.deepEqual(difference, nothing);
});

test('a dry run counts every difference, gives examples, and changes nothing', async (t) => {
  const service = await startStorage(t);
  const { missing, orphan, wrong, path } = await disagree(service);
  for (let again = 0; again < 2; again += 1) {
    const { code, report } = await run(service, ['--dry-run']);
    t.is(code, 3);
    t.true(report.isDryRun);
    t.deepEqual([report.artifacts, report.objects], [3, 3]);
    const { artifactsWithoutObject, objectsWithoutArtifact, wrongObjects, wrongTotals } = report.differences;
    t.like(artifactsWithoutObject, { count: 1, bytes: 7, mended: 0 });
    t.true(artifactsWithoutObject.examples[0]!.includes(missing));
    t.deepEqual(objectsWithoutArtifact, { count: 1, bytes: 9, mended: 0, examples: [path(orphan)] });
    t.like(wrongObjects, { count: 1, mended: 0 });
    t.regex(wrongObjects.examples[0]!, new RegExp(`${wrong} .*it has 5 bytes and 50 were noted`));
    t.deepEqual(wrongTotals, {
      ...{ count: 1, bytes: 36, mended: 0 },
      examples: [`organization ${organizationId}: 4 artifacts of 26 bytes noted, 3 of 62 there`],
    });
  }
});

test('mends what can be mended, and only tells of an object that is not what was noted', async (t) => {
  const service = await startStorage(t);
  const { rpc, files } = service;
  const { right, missing, wrong } = await disagree(service);
  const { code, report } = await run(service, []);
  t.is(code, 3, 'one difference is left');
  t.deepEqual(
    Object.values(report.differences).map(({ count, mended }) => [count, mended]),
    [
      [1, 1],
      [1, 1],
      [1, 0],
      [1, 1],
    ],
  );
  t.is((await failureOf(getArtifact(rpc, missing))).code, 'not_found');
  t.is((await getArtifact(rpc, right)).artifact!.id, right);
  t.is(filesIn(files).objects.length, 2);
  const { usedArtifacts, usedBytes } = await rpc.call('getQuota', { organizationId });
  t.deepEqual([usedArtifacts, usedBytes], [2n, 55n]);
  await rpc.call('deleteArtifact', { id: wrong, organizationId: '' });
  t.is((await run(service, [])).code, 0);
});

test('leaves alone what is younger than the grace time', async (t) => {
  const service = await startStorage(t);
  await disagree(service);
  const { report } = await run(service, [], 0);
  t.deepEqual([report.artifacts, report.objects], [0, 0]);
  t.is(filesIn(service.files).objects.length, 3);
});

test('reads objects through where it is told to', async (t) => {
  const service = await startStorage(t);
  const id = await available(service, 'content');
  const [object] = filesIn(service.files).objects;
  writeFileSync(join(service.files.dataDir, object!, 'bytes'), 'CONTENT');
  t.is((await run(service, [])).code, 0, 'the store notes what it once received');
  const { code, report } = await run(service, ['--read-objects']);
  t.is(code, 3);
  t.is(report.differences.wrongObjects.count, 1);
  t.regex(report.differences.wrongObjects.examples[0]!, new RegExp(`${id} .*its SHA-256 is [0-9a-f]{64} and [0-9a-f]{64} was noted$`));
});

test('takes nothing away where no artifact has its object', async (t) => {
  const service = await startStorage(t);
  const ids = [await available(service, 'a'), await available(service, 'b')];
  rmSync(join(service.files.dataDir, 'objects'), { recursive: true });
  const foreign = await upload(service.rpc, 'of another database');
  await service.database.query('DELETE FROM storage.artifacts WHERE id = $1', [foreign]);
  const { code, report } = await run(service, []);
  t.is(code, 3);
  t.true(report.isForeignStore);
  t.like(report.differences.artifactsWithoutObject, { count: 2, mended: 0 });
  t.like(report.differences.objectsWithoutArtifact, { count: 1, mended: 0 });
  service.clock.advance(2 * hourMs);
  t.is((await service.app.collector.runOnce(signal))!.orphans, 0, 'nor does the collector');
  t.is(filesIn(service.files).objects.length, 1);
  t.is((await getArtifact(service.rpc, ids[0]!)).artifact!.id, ids[0]!);
});

test('goes through more artifacts than it looks at side by side', async (t) => {
  const service = await startStorage(t);
  await available(service, 'one that is there');
  await service.database.query(
    `INSERT INTO storage.artifacts (id, organization_id, type, filename, content_type, size_bytes, sha256, object_key, status, created_at, expires_at)
     SELECT id, $1, 'log', 'f', 'a/b', 10, '', id::text, 'available', now(), now() + interval '1 day' FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 100)) AS ids`,
    [organizationId],
  );
  const { report } = await run(service, []);
  t.is(report.artifacts, 101);
  t.like(report.differences.artifactsWithoutObject, { count: 100, bytes: 1000, mended: 100 });
  t.is(report.differences.artifactsWithoutObject.examples.length, 10);
  t.deepEqual((await service.rpc.call('getQuota', { organizationId })).usedArtifacts, 1n);
});

test('the command prints a table, and refuses what it does not know', async (t) => {
  const service = await startStorage(t);
  await disagree(service);
  const { host, port, user, password, name } = service.config.database;
  const main = fileURLToPath(new URL('../src/reconcile-main.ts', import.meta.url));
  const env = {
    ...{ DB_HOST: host, DB_PORT: String(port), DB_USER: user, DB_PASSWORD: password.reveal(), DB_NAME: name },
    ...{ STORAGE_DATA_DIR: service.files.dataDir, STORAGE_SIGNING_KEY: service.files.signingKey.reveal() },
    ...{ STORAGE_COLLECT_GRACE_SECONDS: '0' },
  };
  const command = (...args: readonly string[]) =>
    t.throwsAsync<Error & { code: number; stdout: string; stderr: string }>(
      promisify(execFile)(process.execPath, ['--conditions=@cloudscan/source', main, ...args], { env }),
    );
  const { code, stdout } = await command('--dry-run');
  t.is(code, 3);
  t.regex(stdout, /^3 artifacts and 3 objects from before .*; a dry run, nothing was changed$/m);
  t.regex(stdout, /^objects without an artifact +1 +9 +-$/m);
  t.regex(stdout, /^artifacts without an object:\n {2}artifact .* \(source_code\) of organization /m);
  const wrong = await command('--wet-run');
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /"--wet-run"; give none but --dry-run, --read-objects, --json/);
});
