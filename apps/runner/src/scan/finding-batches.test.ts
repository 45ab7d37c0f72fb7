import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scan as wire } from '@cloudscan/contracts';
import { aFindingDraft } from '@cloudscan/testing';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { FindingBatches } from './finding-batches.ts';
import type { FindingBatchesOptions } from './finding-batches.ts';

async function create(t: ExecutionContext, options: Omit<FindingBatchesOptions, 'path'>): Promise<FindingBatches> {
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-batches-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const batches = await FindingBatches.create({ ...options, path: join(folder, 'findings') });
  t.teardown(() => batches.close());
  return batches;
}

test('numbers batches from 1 without a gap and sends each finding once, whoever adds it', async (t) => {
  const sent = new Map<number, string[]>();
  const batches = await create(t, {
    maxFindings: 7,
    send: async (number, findings) => {
      t.false(sent.has(number));
      sent.set(
        number,
        wire.CreateFindingsRequest.decode(findings).findings.map(({ title }) => title),
      );
    },
  });
  await Promise.all(
    ['a', 'b', 'c'].map(async (tool) => {
      for (let index = 0; index < 50; index += 1) await batches.add(aFindingDraft({ title: `${tool}${index}` }));
    }),
  );
  await batches.finish();
  t.deepEqual(
    [...sent.keys()].sort((a, b) => a - b),
    Array.from({ length: 22 }, (_, index) => index + 1),
  );
  t.is(new Set([...sent.values()].flat()).size, 150);
});

test('a batch stays below its limit of bytes', async (t) => {
  const sizes: number[] = [];
  const batches = await create(t, {
    maxBytes: 100_000,
    send: async (_number, findings) => void sizes.push(findings.length),
  });
  for (let index = 0; index < 30; index += 1) await batches.add(aFindingDraft({ description: 'y'.repeat(15_000) }));
  await batches.finish();
  t.true(sizes.length >= 5 && sizes.every((size) => size <= 100_000), sizes.join());
});

test('adding does not wait for sending, and no more than the limit is under way', async (t) => {
  let underWay = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const batches = await create(t, {
    maxFindings: 1,
    inFlight: 3,
    send: async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await gate.promise;
      underWay -= 1;
    },
  });
  for (let index = 0; index < 20; index += 1) await batches.add(aFindingDraft());
  gate.resolve();
  await batches.finish();
  t.is(most, 3);
});

test('what sending throws reaches whoever adds or finishes, and ends the sending', async (t) => {
  const refusal = new Error('refused');
  let sent = 0;
  const failed = Promise.withResolvers<void>();
  const batches = await create(t, {
    maxFindings: 1,
    inFlight: 1,
    send: async () => {
      sent += 1;
      failed.resolve();
      throw refusal;
    },
  });
  await batches.add(aFindingDraft());
  await failed.promise;
  t.is(await t.throwsAsync(batches.finish()), refusal);
  t.is(await t.throwsAsync(batches.add(aFindingDraft())), refusal);
  t.is(sent, 1);
});

test('without findings nothing is sent', async (t) => {
  const batches = await create(t, { send: async () => t.fail() });
  await batches.finish();
  t.pass();
});
