import type { ExecutionContext } from 'ava';
import test from 'ava';
import { eventually } from '../../src/eventually.ts';
import type { Fault } from '../../src/kubernetes/api-server/faults.ts';
import { ClusterClient } from '../../src/kubernetes/cluster-client.ts';
import { KubernetesSimulator } from '../../src/kubernetes/simulator.ts';
import { simulatedCluster } from '../../src/kubernetes/test-cluster.ts';
import { testFile } from '../../src/test-file.ts';
import { aConfigMap, Objects } from './objects.ts';
import type { Status, Thing } from './objects.ts';

testFile(test);

async function aCluster(t: ExecutionContext) {
  const cluster = await simulatedCluster(t);
  return { ...cluster, objects: new Objects(cluster) };
}

for (const code of [401, 403, 409, 429, 500, 503] as const) {
  test(`answers ${code} as often as told, and nothing takes effect`, async (t) => {
    const { objects, simulator } = await aCluster(t);
    simulator.faults.add({
      effect: { kind: 'status', code, retryAfterSeconds: 7 },
      verbs: ['create'],
      resources: ['configmaps'],
      count: 1,
    });
    const map = aConfigMap();
    const { status, body, headers } = await objects.create<Status>('configmaps', map);
    t.is(status, code);
    t.like(body, { kind: 'Status', status: 'Failure', code });
    t.is(headers['retry-after'], '7');
    t.is(body.details?.retryAfterSeconds, 7);
    t.is((await objects.get('configmaps', map.metadata.name)).status, 404);
    t.is((await objects.create('configmaps', map)).status, 201);
  });
}

test('hits only the verb, the resource and the name that a fault is for', async (t) => {
  const { objects, simulator } = await aCluster(t);
  const { metadata } = await objects.made('configmaps', aConfigMap());
  simulator.faults.add({ effect: { kind: 'status', code: 500 }, verbs: ['get'], resources: ['configmaps'], name: '^unlucky' });
  t.is((await objects.get('configmaps', metadata.name)).status, 200);
  t.is((await objects.get('secrets', 'unlucky')).status, 404);
  t.is((await objects.list('configmaps')).status, 200);
  t.is((await objects.get('configmaps', 'unlucky-one')).status, 500);
  simulator.faults.clear();
  t.is((await objects.get('configmaps', 'unlucky-one')).status, 404);
});

test('hits by chance where a fault has a probability', async (t) => {
  const draws = [0.9, 0.1, 0.5];
  const cluster = await simulatedCluster(t, { random: () => draws.shift() ?? 1 });
  const objects = new Objects(cluster);
  cluster.simulator.faults.add({ effect: { kind: 'status', code: 503 }, probability: 0.5 });
  const statuses = [await objects.list('configmaps'), await objects.list('configmaps'), await objects.list('configmaps')].map(
    ({ status }) => status,
  );
  t.deepEqual(statuses, [200, 503, 200]);
});

for (const when of ['before', 'after'] as const) {
  test(`resets the connection ${when} a request has taken effect`, async (t) => {
    const { objects, simulator } = await aCluster(t);
    simulator.faults.add({ effect: { kind: 'reset', when }, verbs: ['create'], count: 1 });
    const map = aConfigMap();
    await t.throwsAsync(objects.create('configmaps', map), { code: 'ECONNRESET' });
    t.is((await objects.get('configmaps', map.metadata.name)).status, when === 'before' ? 404 : 200);
  });
}

test('gives no answer to a request that hangs', async (t) => {
  const { objects, simulator } = await aCluster(t);
  simulator.faults.add({ effect: { kind: 'hang' }, verbs: ['list'], count: 1 });
  const path = objects.path('configmaps');
  const patience = new AbortController();
  const answer = objects.send(path, { signal: patience.signal });
  await eventually(() => simulator.requests.get('list configmaps') === 1);
  patience.abort();
  await t.throwsAsync(answer, { name: 'AbortError' });
  t.is((await objects.send(path)).status, 200);
});

test('sends a slow answer whole, in the end', async (t) => {
  const { objects, simulator } = await aCluster(t);
  const { metadata } = await objects.made('configmaps', aConfigMap());
  simulator.faults.add({ effect: { kind: 'slow', delayMs: 50 }, verbs: ['get'] });
  const startedAt = performance.now();
  const { body } = await objects.get('configmaps', metadata.name);
  t.is(body.metadata.uid, metadata.uid);
  t.true(performance.now() - startedAt >= 50);
});

test('lists what was there when a stale fault was set', async (t) => {
  const { objects, simulator } = await aCluster(t);
  const { metadata } = await objects.made('configmaps', aConfigMap());
  const { body: before } = await objects.list('configmaps');
  simulator.faults.add({ effect: { kind: 'stale' }, resources: ['configmaps'], count: 1 });
  await objects.delete('configmaps', metadata.name);
  const { body: stale } = await objects.list('configmaps');
  t.deepEqual(stale, before);
  t.deepEqual((await objects.list('configmaps')).body.items, []);
});

/** Sets a fault on the watches of ConfigMaps, makes two, and answers what a watch tells until it ends or falls silent. */
async function watchUnder(t: ExecutionContext, fault: Fault['effect'], count: number) {
  const { objects, simulator } = await aCluster(t);
  const { body } = await objects.list('configmaps');
  const stop = new AbortController();
  const events = objects.watch('configmaps', { resourceVersion: body.metadata.resourceVersion }, stop.signal);
  simulator.faults.add({ effect: fault, verbs: ['watch'], count });
  const names = [
    (await objects.made('configmaps', aConfigMap())).metadata.name,
    (await objects.made('configmaps', aConfigMap())).metadata.name,
  ];
  const seen: string[] = [];
  const timer = setTimeout(() => stop.abort(), 300);
  const end = await (async () => {
    for await (const { object } of events) seen.push(`${names.indexOf(object.metadata.name)}`);
    return 'ended';
  })().catch((error: Error) => error.name);
  clearTimeout(timer);
  return { seen, end: stop.signal.aborted ? 'silent' : end };
}

test('freezes a watch: the connection stays, nothing comes any more', async (t) => {
  t.deepEqual(await watchUnder(t, { kind: 'freeze' }, 1), { seen: [], end: 'silent' });
});

test('cuts a watch in the middle of an event', async (t) => {
  const { seen, end } = await watchUnder(t, { kind: 'cut' }, 1);
  t.deepEqual(seen, []);
  t.not(end, 'silent');
});

test('tells an event twice', async (t) => {
  t.deepEqual((await watchUnder(t, { kind: 'duplicate' }, 1)).seen, ['0', '0', '1']);
});

test('tells two events in the wrong order', async (t) => {
  t.deepEqual((await watchUnder(t, { kind: 'reorder' }, 1)).seen, ['1', '0']);
});

test('takes faults from another process by HTTP, and shows their hits', async (t) => {
  const { objects, client } = await aCluster(t);
  const fault: Fault = { effect: { kind: 'status', code: 500 }, verbs: ['list'] };
  const { status, body } = await client.send('/simulator/faults', { method: 'POST', body: fault });
  t.is(status, 201);
  const { id } = body as { id: string };
  t.is((await objects.list('configmaps')).status, 500);
  t.like((await client.send('/simulator/faults')).body, [{ id, hits: 1 }]);
  await client.send(`/simulator/faults/${id}`, { method: 'DELETE' });
  t.is((await objects.list('configmaps')).status, 200);
  t.is((await client.send('/simulator/faults', { method: 'POST', body: { effect: {} } })).status, 400);
});

test('counts the requests by verb and resource', async (t) => {
  const { objects, simulator, client } = await aCluster(t);
  const { metadata } = await objects.made('configmaps', aConfigMap());
  await objects.get('configmaps', metadata.name);
  await objects.get('configmaps', metadata.name);
  t.is(simulator.requests.get('get configmaps'), 2);
  t.like((await client.send('/simulator/requests')).body, { 'create configmaps': 1, 'get configmaps': 2 });
});

test('starts and stops many times, also with watches open and requests that hang', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const simulator = await KubernetesSimulator.start();
    const client = new ClusterClient(simulator.access);
    simulator.faults.add({ effect: { kind: 'hang' }, verbs: ['list'] });
    const hanging = client.send('/api/v1/pods').catch((error: Error) => error);
    const watching = client
      .watch<Thing>('/api/v1/pods')
      .next()
      .catch((error: Error) => error);
    await eventually(() => simulator.requests.get('list pods') === 1 && simulator.requests.get('watch pods') === 1);
    await simulator.stop();
    await simulator.stop();
    t.true((await hanging) instanceof Error);
    t.truthy(await watching);
    client.close();
  }
});
