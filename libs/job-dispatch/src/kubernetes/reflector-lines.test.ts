import test from 'ava';
import fc from 'fast-check';
import { readLines, StreamBrokenError } from './reflector-lines.ts';

async function linesOf(chunks: readonly Uint8Array[], limit = 1000): Promise<readonly string[]> {
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  const lines: string[] = [];
  for await (const line of readLines(stream(), limit)) lines.push(line);
  return lines;
}

test('finds the same lines however the bytes are cut', async (t) => {
  const text = '{"a":"grün"}\n\n{"b":"😀"}\ncut he';
  const bytes = Buffer.from(text);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
      const borders = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const chunks = borders.slice(1).map((border, index) => bytes.subarray(borders[index], border));
      t.deepEqual(await linesOf(chunks), ['{"a":"grün"}', '', '{"b":"😀"}']);
    }),
    { numRuns: 50 },
  );
});

test('a line may be as long as the limit and no longer, whether or not it ends', async (t) => {
  t.deepEqual(await linesOf([Buffer.from('12345\n67890\n')], 5), ['12345', '67890']);
  await t.throwsAsync(linesOf([Buffer.from('123'), Buffer.from('456')], 5), { instanceOf: StreamBrokenError });
  await t.throwsAsync(linesOf([Buffer.from('123456\n')], 5), { instanceOf: StreamBrokenError });
});
