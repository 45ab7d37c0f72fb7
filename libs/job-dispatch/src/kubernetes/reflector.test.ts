import test from 'ava';
import type { ExecutionContext } from 'ava';
import { eventually } from '@cloudscan/testing';
import { aList, ScriptedApi } from '../../tests/scripted-api.ts';
import { ApiError, TransportError } from './api-error.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorTiming } from './reflector.ts';

interface Thing {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly color?: string;
}

interface Kept {
  readonly name: string;
  readonly version: string;
  readonly color: string;
}

/** Pauses that a test does not notice, silence that never comes. */
const quick: Partial<ReflectorTiming> = { pauseMs: 1, longestPauseMs: 5, silenceMs: 60_000 };

function thing(name: string, version: number | string, color = 'red'): Thing {
  return { metadata: { name, resourceVersion: String(version) }, color };
}

function reflect(t: ExecutionContext, api: ScriptedApi, timing: Partial<ReflectorTiming> = quick) {
  const news: string[] = [];
  const errors: unknown[] = [];
  const reflector = new Reflector<Thing, Kept>(api, {
    path: '/things',
    labelSelector: 'kind=thing',
    read: ({ metadata: { name, resourceVersion: version }, color = '' }) => (color === 'hidden' ? null : { name, version, color }),
    onChange: ({ name, color }) => void news.push(`${name} ${color}`),
    onGone: ({ name, color }) => void news.push(`${name} gone ${color}`),
    onError: (error) => void errors.push(error),
    timing,
  });
  t.teardown(() => reflector.stop());
  const colors = (): Record<string, string> => Object.fromEntries([...reflector.values()].map(({ name, color }) => [name, color]));
  const becomes = (expected: Record<string, string>) =>
    eventually(() => JSON.stringify(Object.entries(colors()).toSorted()) === JSON.stringify(Object.entries(expected).toSorted()), {
      what: JSON.stringify(expected),
    });
  return { reflector, news, errors, colors, becomes };
}

test('lists in pages and watches from the version of the list', async (t) => {
  const api = new ScriptedApi();
  api.onList = ({ continue: token }) =>
    token === undefined ? aList('100', [thing('a', 7), thing('b', 8)], 'next') : aList('100', [thing('c', 9), thing('d', 9, 'hidden')]);
  const { reflector, colors, news } = reflect(t, api, { ...quick, watchMs: 30_000 });
  await reflector.start();
  t.deepEqual(colors(), { a: 'red', b: 'red', c: 'red' });
  t.deepEqual(news, ['a red', 'b red', 'c red']);
  t.deepEqual(api.lists, [
    { labelSelector: 'kind=thing', limit: 500, continue: undefined },
    { labelSelector: 'kind=thing', limit: 500, continue: 'next' },
  ]);
  t.deepEqual((await api.watch()).query, {
    ...{ watch: true, allowWatchBookmarks: true, timeoutSeconds: 30 },
    ...{ labelSelector: 'kind=thing', resourceVersion: '100' },
  });
});

test('follows what comes, changes and goes, with what it was in the end', async (t) => {
  const api = new ScriptedApi();
  const { reflector, news, becomes } = reflect(t, api);
  await reflector.start();
  const watch = await api.watch();
  watch.tell('ADDED', thing('a', 101));
  watch.tell('ADDED', thing('b', 102));
  watch.tell('MODIFIED', thing('b', 103, 'hidden'));
  watch.tell('MODIFIED', thing('a', 104, 'blue'));
  watch.tell('DELETED', thing('a', 105, 'black'));
  watch.tell('DELETED', thing('never', 106));
  watch.tell('ADDED', thing('c', 107));
  await becomes({ c: 'red' });
  t.deepEqual(news, ['a red', 'b red', 'b gone red', 'a blue', 'a gone black', 'c red']);
});

test('goes on from the last version that it saw, be it of a bookmark', async (t) => {
  const api = new ScriptedApi();
  const { reflector, errors, becomes } = reflect(t, api);
  await reflector.start();
  const first = await api.watch(0);
  first.tell('ADDED', thing('a', 101));
  first.close();
  const second = await api.watch(1);
  t.is(second.query['resourceVersion'], '101');
  second.bookmark('250');
  second.close();
  const third = await api.watch(2);
  t.is(third.query['resourceVersion'], '250');
  third.tell('MODIFIED', thing('a', 251, 'blue'));
  await becomes({ a: 'blue' });
  t.is(api.lists.length, 1);
  t.deepEqual(errors, []);
});

test('loses nothing when the stream is cut in the middle of an event', async (t) => {
  const api = new ScriptedApi();
  const { reflector, becomes } = reflect(t, api);
  await reflector.start();
  const line = `${JSON.stringify({ type: 'ADDED', object: thing('b', 102) })}\n`;
  for (const [index, end] of (['close', 'cut'] as const).entries()) {
    const watch = await api.watch(index);
    if (index === 0) watch.tell('ADDED', thing('a', 101));
    await becomes({ a: 'red' });
    watch.write(line.slice(0, 20));
    watch[end]();
  }
  const watch = await api.watch(2);
  t.is(watch.query['resourceVersion'], '101');
  watch.write(line);
  await becomes({ a: 'red', b: 'red' });
  t.is(api.lists.length, 1);
});

const gone: readonly (readonly [name: string, breakIt: (api: ScriptedApi) => Promise<void>])[] = [
  ['an event of an expired version', async (api) => (await api.watch()).fail(410)],
  ['an event of another error', async (api) => (await api.watch()).fail(500)],
  ['a line that is no JSON', async (api) => (await api.watch()).write('<html>\n')],
  ['a line without end', async (api) => (await api.watch()).write(Buffer.alloc(8 * 2 ** 20 + 1, 'x'))],
  ['an object that it should have known before', async (api) => (await api.watch()).tell('MODIFIED', thing('ghost', 55))],
  [
    'a refusal of the version',
    async (api) => {
      api.onWatch = ({ resourceVersion }) => {
        if (resourceVersion === '100') throw new ApiError(410, { reason: 'Expired' });
      };
      (await api.watch()).close();
    },
  ],
];
for (const [name, breakIt] of gone) {
  test(`after ${name} it lists anew and tells of what changed and went meanwhile`, async (t) => {
    const api = new ScriptedApi();
    api.onList = () => aList('100', [thing('a', 7), thing('b', 8), thing('c', 9)]);
    const { reflector, news, errors } = reflect(t, api);
    await reflector.start();
    await api.watch();
    news.length = 0;
    api.onList = () => aList('200', [thing('a', 7), thing('b', 150, 'blue'), thing('d', 151)]);
    await breakIt(api);
    await eventually(() => api.watches.at(-1)?.query['resourceVersion'] === '200');
    t.deepEqual(news, ['b blue', 'd red', 'c gone red']);
    t.true(errors.length >= 1);
  });
}

test('takes larger pages when the list takes longer than the server keeps its version', async (t) => {
  const api = new ScriptedApi();
  api.onList = ({ limit, continue: token }) => {
    if (token !== undefined) throw new ApiError(410, { reason: 'Expired' });
    return limit === 2000 ? aList('300', [thing('b', 8)]) : aList('100', [thing('a', 7)], 'next');
  };
  const { reflector, colors } = reflect(t, api);
  await reflector.start();
  t.deepEqual(
    api.lists.map(({ limit }) => limit),
    [500, 500, 1000, 1000, 2000],
  );
  t.deepEqual(colors(), { b: 'red' });
  t.is((await api.watch()).query['resourceVersion'], '300');
});

test('what comes twice, or late, changes nothing', async (t) => {
  const api = new ScriptedApi();
  const { reflector, news, becomes } = reflect(t, api);
  await reflector.start();
  const watch = await api.watch();
  watch.tell('ADDED', thing('a', 101));
  watch.tell('ADDED', thing('a', 101));
  watch.tell('MODIFIED', thing('a', 999, 'green'));
  watch.tell('MODIFIED', thing('a', 998, 'blue'));
  watch.tell('DELETED', thing('a', 102));
  watch.tell('ADDED', thing('b', 1000));
  watch.tell('DELETED', thing('b', 1001));
  watch.tell('DELETED', thing('b', 1001));
  watch.close();
  t.is((await api.watch(1)).query['resourceVersion'], '1001');
  await becomes({ a: 'green' });
  t.deepEqual(news, ['a red', 'a green', 'b red', 'b gone red']);
  t.is(api.lists.length, 1);
});

test('versions that are no numbers are taken as they come', async (t) => {
  const api = new ScriptedApi();
  api.onList = () => aList('zz', [thing('a', 'zz')]);
  const { reflector, becomes } = reflect(t, api);
  await reflector.start();
  const watch = await api.watch();
  watch.tell('MODIFIED', thing('a', 'aa', 'blue'));
  watch.tell('ADDED', thing('b', '007'));
  await becomes({ a: 'blue', b: 'red' });
  watch.close();
  t.is((await api.watch(1)).query['resourceVersion'], '007');
});

test('opens a watch anew when nothing is heard of it, though its connection stands', async (t) => {
  const api = new ScriptedApi();
  const { reflector, errors, becomes } = reflect(t, api, { ...quick, silenceMs: 20 });
  await reflector.start();
  const frozen = await api.watch(0);
  const next = await api.watch(1);
  t.true(frozen.stream.destroyed);
  t.regex(String(errors[0]), /nothing was heard/);
  next.tell('ADDED', thing('a', 101));
  await becomes({ a: 'red' });
});

test('mends itself when the server is away, at the start and later', async (t) => {
  const api = new ScriptedApi();
  const failures = [new TransportError('refused'), new ApiError(500, {}), new ApiError(403, {}), new ApiError(503, {})];
  const answer = api.onList;
  api.onList = (query) => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return answer(query);
  };
  const { reflector, errors, becomes } = reflect(t, api);
  await reflector.start();
  t.is(errors.length, 4);
  api.onWatch = () => {
    if (api.watches.length < 5) throw new TransportError('refused');
  };
  (await api.watch(0)).cut();
  const watch = await api.watch(4);
  watch.tell('ADDED', thing('a', 101));
  await becomes({ a: 'red' });
  t.is(api.lists.length, 5);
});

test('waits as long as the server asks', async (t) => {
  const api = new ScriptedApi();
  const askedAt: number[] = [];
  api.onWatch = () => {
    askedAt.push(performance.now());
    if (askedAt.length === 1) throw new ApiError(429, {}, 0.05);
  };
  const { reflector } = reflect(t, api);
  await reflector.start();
  await api.watch(1);
  t.true(askedAt[1]! - askedAt[0]! >= 49);
});

test('does not hammer a server that opens watches only to close them', async (t) => {
  const api = new ScriptedApi();
  const { reflector } = reflect(t, api, { ...quick, pauseMs: 60_000, longestPauseMs: 60_000 });
  await reflector.start();
  (await api.watch()).close();
  await new Promise(setImmediate);
  await reflector.stop();
  t.is(api.watches.length, 1);
});

test('lists anew from time to time, between two watches', async (t) => {
  const api = new ScriptedApi();
  const { reflector, colors } = reflect(t, api, { ...quick, relistMs: 0 });
  await reflector.start();
  api.onList = () => aList('200', [thing('missed', 150)]);
  (await api.watch()).close();
  t.is((await api.watch(1)).query['resourceVersion'], '200');
  t.deepEqual(colors(), { missed: 'red' });
});

test('what it forgot comes back with its next change', async (t) => {
  const api = new ScriptedApi();
  api.onList = () => aList('100', [thing('a', 7)]);
  const { reflector, colors, becomes } = reflect(t, api);
  await reflector.start();
  reflector.forget('a');
  t.deepEqual(colors(), {});
  (await api.watch()).tell('MODIFIED', thing('a', 101, 'blue'));
  await becomes({ a: 'blue' });
});

test('stops at any moment, and asks nothing afterwards', async (t) => {
  for (let round = 0; round < 50; round += 1) {
    const api = new ScriptedApi();
    if (round % 3 === 0) api.onList = () => new Promise(() => undefined);
    const { reflector, errors } = reflect(t, api);
    const started = reflector.start();
    for (let turn = 0; turn < round % 10; turn += 1) await Promise.resolve();
    if (round % 2 === 0) await new Promise(setImmediate);
    await Promise.all([reflector.stop(), reflector.stop(), started.catch(() => undefined)]);
    const asked = api.lists.length + api.watches.length;
    await new Promise(setImmediate);
    t.is(api.lists.length + api.watches.length, asked);
    t.deepEqual(errors, []);
  }
  const reflector = new Reflector<Thing, Kept>(new ScriptedApi(), {
    ...{ path: '/things', labelSelector: '', read: () => null },
    ...{ onChange: () => undefined, onGone: () => undefined, onError: () => undefined },
  });
  await reflector.stop();
  await t.throwsAsync(reflector.start(), { name: 'AbortError' });
});
