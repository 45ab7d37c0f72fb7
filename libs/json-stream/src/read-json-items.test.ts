import test from 'ava';
import fc from 'fast-check';
import { JsonStreamError } from './json-stream-error.ts';
import { readJsonItems } from './read-json-items.ts';
import type { JsonItemsOptions } from './read-json-items.ts';

const limits = { maxItemBytes: 1024 * 1024, maxDepth: 64 };

async function* chunksOf(document: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(document);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function toArray<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const item of items) taken.push(item);
  return taken;
}

async function read(document: string | Uint8Array, select: readonly string[], options: Partial<JsonItemsOptions> & { size?: number } = {}) {
  return await toArray(readJsonItems(chunksOf(document, options.size), { select, ...limits, ...options }));
}

async function faultOf(
  document: string | Uint8Array,
  options: Partial<JsonItemsOptions> & { size?: number } = {},
): Promise<JsonStreamError> {
  try {
    await read(document, options.select ?? [], options);
  } catch (error) {
    if (error instanceof JsonStreamError) return error;
    throw error;
  }
  throw new Error(`${Buffer.from(document).toString()} was read without a fault`);
}

const isUnicode = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parses(document: Uint8Array): boolean {
  try {
    JSON.parse(isUnicode.decode(document));
    return true;
  } catch {
    return false;
  }
}

test('gives selected values with their paths, in document order', async (t) => {
  const document = { version: '2.1.0', runs: [{ tool: { name: 'a' }, results: [1, { x: [2] }] }, { results: [] }, { results: ['z'] }] };
  t.deepEqual(await read(JSON.stringify(document), ['$.runs[*].results[*]', '$.version', '$.runs[*].tool.name']), [
    { path: ['version'], value: '2.1.0' },
    { path: ['runs', 0, 'tool', 'name'], value: 'a' },
    { path: ['runs', 0, 'results', 0], value: 1 },
    { path: ['runs', 0, 'results', 1], value: { x: [2] } },
    { path: ['runs', 2, 'results', 0], value: 'z' },
  ]);
});

test('a selector meets only the kind of container that it names', async (t) => {
  t.deepEqual(await read('{"a":{"0":1},"b":[2]}', ['$.a[*]', '$.b.length']), []);
});

test('the whole document can be the item, even a number that nothing ends', async (t) => {
  t.deepEqual(await read(' -12.5e+3', ['$'], { size: 1 }), [{ path: [], value: -12500 }]);
  t.deepEqual(await read('[{}]', ['$']), [{ path: [], value: [{}] }]);
});

test('a key is compared as what it means', async (t) => {
  t.deepEqual(await read('{"\\u0061":1,"é":2}', ['$.a', '$.é'], { size: 1 }), [
    { path: ['a'], value: 1 },
    { path: ['é'], value: 2 },
  ]);
});

test('a key that stands twice gives its values twice, and within an item the last wins', async (t) => {
  t.deepEqual(await read('{"a":1,"a":{"b":2,"b":3}}', ['$.a']), [
    { path: ['a'], value: 1 },
    { path: ['a'], value: { b: 3 } },
  ]);
});

test('a byte order mark is passed over, at the beginning only', async (t) => {
  t.deepEqual(await read('\ufeff{"a":1}', ['$.a'], { size: 1 }), [{ path: ['a'], value: 1 }]);
  t.deepEqual(await read('\ufeff1', ['$'], { size: 2 }), [{ path: [], value: 1 }]);
  for (const document of ['\ufeff', '\ufeff\ufeff1', '[\ufeff1]', ' \ufeff1']) t.truthy(await faultOf(document));
});

test('selectors that cannot be read or that hold one another are refused', async (t) => {
  for (const select of [['runs'], ['$.a[0]'], ['$..a'], ['$.a', '$.a[*]'], ['$.a[*]', '$.a'], ['$.a', '$.a'], ['$', '$.a']]) {
    await t.throwsAsync(read('{}', select), { instanceOf: TypeError }, select.join());
  }
});

test('any value cut into any chunks is what JSON.parse makes of it', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.json({ stringUnit: 'binary' }), fc.integer({ min: 1, max: 40 }), fc.nat(4), async (compact, size, indent) => {
      const document = JSON.stringify(JSON.parse(compact), null, indent);
      t.deepEqual(await read(document, ['$'], { size }), [{ path: [], value: JSON.parse(document) as unknown }]);
      t.deepEqual(await read(`{"a":${document},"b":[0,${document}]}`, ['$.b[*]'], { size }), [
        { path: ['b', 0], value: 0 },
        { path: ['b', 1], value: JSON.parse(document) as unknown },
      ]);
    }),
  );
});

test('a document with a damaged byte is refused where JSON.parse refuses it, selected or skipped', async (t) => {
  const damages = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.integer({ min: 0, max: 255 }), kind: fc.nat(2) });
  await fc.assert(
    fc.asyncProperty(fc.json({ stringUnit: 'binary' }), damages, fc.integer({ min: 1, max: 9 }), async (json, { at, byte, kind }, size) => {
      const whole = Buffer.from(json);
      const index = Math.floor(at * whole.length);
      const inserted = kind === 0 ? [] : [byte];
      const document = Buffer.concat([whole.subarray(0, index), Buffer.from(inserted), whole.subarray(index + (kind === 2 ? 0 : 1))]);
      for (const select of [[], ['$']]) {
        const refused = await read(document, select, { size }).then(
          () => false,
          (error: unknown) => error instanceof JsonStreamError,
        );
        t.is(refused, !parses(document), document.toString('latin1'));
      }
    }),
    { numRuns: 2000, examples: [['"a"', { at: 0.5, byte: 0xff, kind: 1 }, 1]] },
  );
});

test('a document that ends early is truncated, after whichever byte', async (t) => {
  const document = Buffer.from('{"a":[true,-1.5e3,{"é\\u00e9":"日本"}],"b":null}');
  for (let length = 0; length < document.length; length += 1) {
    const fault = await faultOf(document.subarray(0, length), { size: 3, select: ['$.a[*]'] });
    t.is(fault.fault, 'truncated');
    t.is(fault.offset, length);
  }
});

for (const [document, path, offset] of [
  ['{"runs":[{"results":[0,1,2,{"level":NaN}]}]}', '$.runs[0].results[3].level', 36],
  ['{"a":[1,2 3]}', '$.a', 10],
  ['{"a":[1,]}', '$.a[1]', 8],
  ['{"a":{"b":1,}}', '$.a', 12],
  ['{"a":{"b" 1}}', '$.a.b', 10],
  ['{"a":{"b\n":1}}', '$.a', 8],
  ['{"x-y":{"":tru}}', '$["x-y"][""]', 14],
  ['{"a":01}', '$.a', 6],
  ['{"a":1.}', '$.a', 7],
  ['{"a":"\\x"}', '$.a', 7],
  ['{"a":"\\u12g4"}', '$.a', 10],
  ["{'a':1}", '$', 1],
  ['{"a":1}}', '$', 7],
  ['{"a":1} {}', '$', 8],
  ['[1}', '$', 2],
  ['{"a":1]', '$', 6],
] as const) {
  test(`tells where the fault of ${JSON.stringify(document)} lies`, async (t) => {
    for (const select of [[], ['$']]) {
      for (const size of [1, 1000]) t.like(await faultOf(document, { size, select }), { fault: 'syntax', path, offset });
    }
  });
}

test('bytes that are not UTF-8 are refused: overlong, surrogates, beyond Unicode, cut', async (t) => {
  for (const bytes of [
    [0x80],
    [0xc0, 0x80],
    [0xe0, 0x9f, 0xbf],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe6, 0x97],
  ]) {
    t.regex((await faultOf(Buffer.from([0x22, ...bytes, 0x22]), { size: 1 })).message, /not UTF-8/);
  }
});

test('a lone surrogate as an escape is taken as JSON.parse takes it', async (t) => {
  t.deepEqual(await read('["\\ud800"]', ['$[*]']), [{ path: [0], value: '\ud800' }]);
});

test('a hundred thousand arrays within each other are refused at the limit', async (t) => {
  const fault = await faultOf('['.repeat(100_000), { size: 65_536 });
  t.like(fault, { fault: 'too_deep', offset: 64 });
  t.is(fault.path, `$${'[0]'.repeat(64)}`);
  t.is((await read(`${'['.repeat(64)}1${']'.repeat(64)}`, ['$'])).length, 1);
});

test('an item above the limit is refused with its path, one at the limit is given', async (t) => {
  const document = `{"a":["${'x'.repeat(98)}","${'y'.repeat(99)}"]}`;
  for (const size of [1, 1000]) {
    t.like(await faultOf(document, { select: ['$.a[*]'], maxItemBytes: 100, size }), { fault: 'too_large', path: '$.a[1]', offset: 107 });
    t.is((await read(document, ['$.a[*]'], { maxItemBytes: 101, size })).length, 2);
  }
});

async function* endless(head: string, body: string, megabytes: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from(head);
  const chunk = Buffer.from(body.repeat(Math.ceil((1024 * 1024) / body.length)));
  for (let count = 0; count < megabytes; count += 1) yield chunk;
}

/** Bytes that this test file holds: others run in the same process. */
function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

test('memory holds neither a string of a gigabyte, nor a key of one, nor the items before', async (t) => {
  const before = heldBytes();
  const documents = [
    [endless('{"a":"', 'x', 1024), []],
    [endless('{"', 'k', 512), ['$.k']],
    [endless('{"a":[0', ',{"x":"y"}', 64), ['$.a[*]']],
  ] as const;
  for (const [source, select] of documents) {
    const items = readJsonItems(source, { select, ...limits });
    await t.throwsAsync(
      async () => {
        for await (const { path } of items) void path;
      },
      { instanceOf: JsonStreamError, message: /early end/ },
    );
  }
  const growth = heldBytes() - before;
  t.true(growth < 150e6, `${Math.round(growth / 1e6)} MB`);
});

test('reads no further than its consumer, and closes the source that is left', async (t) => {
  let taken = 0;
  let isClosed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (; taken < 100; taken += 1) yield Buffer.from(taken === 0 ? '[1' : ',1');
    } finally {
      isClosed = true;
    }
  }
  for await (const { path } of readJsonItems(source(), { select: ['$[*]'], ...limits })) if (path[0] === 4) break;
  t.true(taken <= 6);
  t.true(isClosed);
});

test('what the source throws is thrown on', async (t) => {
  const broken = new Error('reset');
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('[');
    throw broken;
  }
  t.is(await t.throwsAsync(toArray(readJsonItems(source(), { select: [], ...limits }))), broken);
});

test('a strict reader refuses another shape than its selectors go through, but for null', async (t) => {
  const select = ['$.runs[*].results[*].message'];
  for (const [document, path] of [
    ['{"runs":{}}', '$.runs'],
    ['{"runs":[[]]}', '$.runs[0]'],
    ['{"runs":[{"results":"none"}]}', '$.runs[0].results'],
    ['{"runs":[{"results":[1]}]}', '$.runs[0].results[0]'],
    ['[]', '$'],
  ] as const) {
    const error = await t.throwsAsync<JsonStreamError>(read(document, select, { strict: true }), { instanceOf: JsonStreamError });
    t.like(error, { fault: 'shape', path });
    t.deepEqual(await read(document, select), []);
  }
  t.deepEqual(await read('{"runs":[{"results":null},null]}', select, { strict: true }), []);
});
