import test from 'ava';
import fc from 'fast-check';
import { readItems } from './reflector-items.ts';
import { StreamBrokenError } from './reflector-lines.ts';

async function read(
  chunks: readonly Uint8Array[],
  limit = 10_000,
): Promise<{ readonly list: unknown; readonly items: readonly unknown[] }> {
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  const items: unknown[] = [];
  const list = await readItems(stream(), limit, (item) => void items.push(item));
  return { list, items };
}

function cut(text: string, cuts: readonly number[]): readonly Uint8Array[] {
  const bytes = Buffer.from(text);
  const borders = [0, ...cuts.map((at) => at % bytes.length).toSorted((a, b) => a - b), bytes.length];
  return borders.slice(1).map((border, index) => bytes.subarray(borders[index], border));
}

test('finds the items that the JSON has, however it is written and however its bytes are cut', async (t) => {
  const anItem = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue());
  await fc.assert(
    fc.asyncProperty(
      fc.array(anItem),
      fc.dictionary(fc.string(), fc.string()),
      fc.nat(2),
      fc.array(fc.nat()),
      async (items, metadata, indent, cuts) => {
        const text = JSON.stringify({ kind: 'List', metadata, items, end: '[{"}]' }, null, indent);
        t.deepEqual(await read(cut(text, cuts)), {
          list: { kind: 'List', metadata: JSON.parse(JSON.stringify(metadata)) as object, items: [], end: '[{"}]' },
          items: JSON.parse(JSON.stringify(items)) as unknown[],
        });
      },
    ),
    { numRuns: 200 },
  );
});

test('half a list is none, wherever it breaks off', async (t) => {
  const text = '{"metadata":{"continue":"a"},"items":[{"b":[1]},{"c":"}"}]}';
  for (let length = 0; length < text.length; length += 1) {
    await t.throwsAsync(read([Buffer.from(text.slice(0, length))]), { instanceOf: StreamBrokenError }, String(length));
  }
});

test('an item may be as long as the limit, and so may all the rest', async (t) => {
  const item = { a: 'x'.repeat(93) };
  const list = JSON.stringify({ items: Array.from({ length: 50 }, () => item) });
  t.is((await read([Buffer.from(list)], 101)).items.length, 50);
  await t.throwsAsync(read([Buffer.from(list)], 100), { instanceOf: StreamBrokenError });
  await t.throwsAsync(read([Buffer.from(JSON.stringify({ more: 'x'.repeat(101), items: [] }))], 101), { instanceOf: StreamBrokenError });
});
