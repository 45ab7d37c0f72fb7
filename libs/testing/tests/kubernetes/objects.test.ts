import test from 'ava';
import { eventually } from '../../src/eventually.ts';
import { uniqueName } from '../../src/factories.ts';
import { ClusterClient } from '../../src/kubernetes/cluster-client.ts';
import { testCluster } from '../../src/kubernetes/test-cluster.ts';
import type { TestCluster } from '../../src/kubernetes/test-cluster.ts';
import { testFile } from '../../src/test-file.ts';
import { aConfigMap, aJob, Objects } from './objects.ts';
import type { Status, Thing } from './objects.ts';

const file = testFile(test);
let cluster: TestCluster;
let objects: Objects;
test.before(async () => {
  cluster = await testCluster(file);
  objects = new Objects(cluster);
});

test('gives a new object its identity and answers it', async (t) => {
  const { status, body } = await objects.create('configmaps', aConfigMap({ app: 'x' }, { key: 'value' }));
  t.is(status, 201);
  t.is(body.kind, 'ConfigMap');
  t.regex(body.metadata.uid, /^[0-9a-f-]{36}$/);
  t.regex(body.metadata.resourceVersion, /^\d+$/);
  const read = await objects.get('configmaps', body.metadata.name);
  t.deepEqual(read.body, body);
});

test('draws a name behind generateName', async (t) => {
  const first = await objects.made('configmaps', { metadata: { generateName: 'drawn-' } });
  const second = await objects.made('configmaps', { metadata: { generateName: 'drawn-' } });
  t.regex(first.metadata.name, /^drawn-[a-z0-9]{5}$/);
  t.not(first.metadata.name, second.metadata.name);
});

test('refuses a second object of the same name as AlreadyExists', async (t) => {
  const map = aConfigMap();
  await objects.made('configmaps', map);
  const { status, body } = await objects.create<Status>('configmaps', map);
  t.is(status, 409);
  t.like(body, { kind: 'Status', status: 'Failure', reason: 'AlreadyExists', code: 409 });
  t.like(body.details, { name: map.metadata.name, kind: 'configmaps' });
});

test('answers NotFound with the kind and name for what is not there', async (t) => {
  const { status, body } = await objects.get<Status>('jobs', 'nowhere');
  t.is(status, 404);
  t.like(body, { kind: 'Status', reason: 'NotFound', message: 'jobs.batch "nowhere" not found' });
  t.like(body.details, { name: 'nowhere', group: 'batch', kind: 'jobs' });
});

test('answers 401 without a token and with a wrong one', async (t) => {
  for (const token of [null, 'wrong']) {
    const stranger = new ClusterClient({ ...cluster, token, clientCertificate: null, clientKey: null });
    t.teardown(() => stranger.close());
    const { status } = await stranger.send(objects.path('configmaps'));
    // A cluster that knows anonymous users refuses them by their rights.
    t.true(token === null ? [401, 403].includes(status) : status === 401);
  }
});

test('names every field that is wrong with a Job as a cause of Invalid', async (t) => {
  const { status, body } = await objects.create<Status>('jobs', {
    metadata: { name: uniqueName('job') },
    spec: { backoffLimit: -1, template: { spec: { containers: [{ name: 'Not A Name' }] } } },
  });
  t.is(status, 422);
  t.is(body.reason, 'Invalid');
  const fields = new Set(body.details?.causes?.map(({ field }) => field));
  const container = 'spec.template.spec.containers[0]';
  for (const field of ['spec.backoffLimit', `${container}.name`, `${container}.image`, 'spec.template.spec.restartPolicy'])
    t.true(fields.has(field), field);
});

for (const name of ['Upper-Case', 'under_score', '-dash', 'x'.repeat(254)]) {
  test(`refuses the name ${name.slice(0, 20)} as Invalid`, async (t) => {
    const { status, body } = await objects.create<Status>('configmaps', { metadata: { name } });
    t.is(status, 422);
    t.is(body.details?.causes?.[0]?.field, 'metadata.name');
  });
}

test('refuses an object without a name, and a label that is none', async (t) => {
  t.is((await objects.create<Status>('configmaps', { metadata: {} })).body.details?.causes?.[0]?.reason, 'FieldValueRequired');
  const labelled = await objects.create<Status>('configmaps', aConfigMap({ app: 'not a label' }));
  t.is(labelled.status, 422);
});

test('refuses an object of another kind, version or namespace than its path', async (t) => {
  const map = aConfigMap();
  for (const wrong of [{ kind: 'Secret' }, { apiVersion: 'v9' }, { metadata: { ...map.metadata, namespace: 'default' } }]) {
    t.is((await objects.create('configmaps', { kind: 'ConfigMap', apiVersion: 'v1', ...map, ...wrong })).status, 400);
  }
});

test('refuses what is not JSON', async (t) => {
  const { status } = await objects.send(objects.path('configmaps'), { method: 'POST', body: '{' });
  t.is(status, 400);
});

test('refuses an update of a version that is no longer the newest as Conflict', async (t) => {
  const first = await objects.made('configmaps', aConfigMap({}, { step: '1' }));
  const { name } = first.metadata;
  const second = await objects.update('configmaps', name, { ...first, data: { step: '2' } });
  t.is(second.status, 200);
  t.true(Number(second.body.metadata.resourceVersion) > Number(first.metadata.resourceVersion));
  const late = await objects.update<Status>('configmaps', name, { ...first, data: { step: 'late' } });
  t.is(late.status, 409);
  t.is(late.body.reason, 'Conflict');
  const unconditional = { ...first, data: { step: '3' }, metadata: { name } };
  t.is((await objects.update('configmaps', name, unconditional)).status, 200);
});

test('lets a Lease be updated only with its version', async (t) => {
  const lease = await objects.made('leases', { metadata: { name: uniqueName('lease') }, spec: { holderIdentity: 'a' } });
  const { name } = lease.metadata;
  t.is((await objects.update('leases', name, { metadata: { name }, spec: { holderIdentity: 'b' } })).status, 422);
  t.is((await objects.update('leases', name, { ...lease, spec: { holderIdentity: 'b' } })).status, 200);
  t.is((await objects.update('leases', name, { ...lease, spec: { holderIdentity: 'c' } })).status, 409);
});

test('makes no new version of an update that changes nothing', async (t) => {
  const map = await objects.made('configmaps', aConfigMap({}, { key: 'value' }));
  const { body } = await objects.update('configmaps', map.metadata.name, map);
  t.is(body.metadata.resourceVersion, map.metadata.resourceVersion);
});

test('does not let identity and creation time be changed', async (t) => {
  const map = await objects.made('configmaps', aConfigMap());
  const { name } = map.metadata;
  t.is((await objects.patch('configmaps', name, { metadata: { uid: 'another' } })).status, 422);
  t.is((await objects.update('configmaps', name, { metadata: { name, uid: 'another' } })).status, 409);
  const { body } = await objects.patch('configmaps', name, { metadata: { labels: { a: 'b' }, creationTimestamp: '2000-01-01T00:00:00Z' } });
  t.like(body.metadata, { uid: map.metadata.uid, labels: { a: 'b' } });
  t.notRegex(JSON.stringify(body), /2000-01-01/);
});

test('patches by merging: null removes, lists are replaced', async (t) => {
  const map = await objects.made('configmaps', aConfigMap({ kept: 'yes', gone: 'yes' }));
  const { status, body } = await objects.patch('configmaps', map.metadata.name, { metadata: { labels: { gone: null, come: 'yes' } } });
  t.is(status, 200);
  t.deepEqual(body.metadata.labels, { kept: 'yes', come: 'yes' });
});

test('patches lists by their merge keys when the patch is strategic', async (t) => {
  const pod = await objects.made('pods', {
    metadata: { name: uniqueName('pod'), finalizers: ['example.org/one'] },
    spec: {
      nodeSelector: { none: 'such' },
      containers: [
        { name: 'a', image: 'a:1' },
        { name: 'b', image: 'b:1' },
      ],
    },
  });
  const { name } = pod.metadata;
  const patch = { metadata: { finalizers: ['example.org/two'] }, spec: { containers: [{ name: 'b', image: 'b:2' }] } };
  const { body } = await objects.patch('pods', name, patch, 'strategic-merge-patch');
  const containers = body.spec?.['containers'] as { name: string; image: string }[];
  t.deepEqual(
    containers.map(({ name, image }) => `${name} ${image}`),
    ['a a:1', 'b b:2'],
  );
  t.deepEqual(body.metadata.finalizers, ['example.org/two', 'example.org/one']);
  const removal = { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.org/one'] } };
  t.deepEqual((await objects.patch('pods', name, removal, 'strategic-merge-patch')).body.metadata.finalizers, ['example.org/two']);
  await objects.patch('pods', name, { metadata: { finalizers: null } });
  await objects.delete('pods', name, { gracePeriodSeconds: 0 });
});

test('applies a JSON patch as a whole or not at all', async (t) => {
  const map = await objects.made('configmaps', aConfigMap({}, { a: '1' }));
  const { name } = map.metadata;
  const path = '/data/a';
  const failing = await objects.patch(
    'configmaps',
    name,
    [
      { op: 'replace', path, value: '2' },
      { op: 'test', path, value: '3' },
    ],
    'json-patch',
  );
  t.is(failing.status, 422);
  const { body } = await objects.patch(
    'configmaps',
    name,
    [
      { op: 'test', path, value: '1' },
      { op: 'add', path: '/data/b', value: 'x' },
      { op: 'remove', path },
    ],
    'json-patch',
  );
  t.deepEqual(body.data, { b: 'x' });
});

test('refuses a patch in another format with 415', async (t) => {
  const map = await objects.made('configmaps', aConfigMap());
  const { status, body } = await objects.send<Status>(objects.path('configmaps', map.metadata.name), {
    method: 'PATCH',
    body: {},
    contentType: 'application/json',
  });
  t.is(status, 415);
  t.is(body.reason, 'UnsupportedMediaType');
});

test('refuses a patch that names another version as Conflict', async (t) => {
  const map = await objects.made('configmaps', aConfigMap());
  const { status } = await objects.patch('configmaps', map.metadata.name, { metadata: { resourceVersion: '1', labels: { a: 'b' } } });
  t.is(status, 409);
});

test('does not let the template or the selector of a Job change, but suspension and the time to live', async (t) => {
  const job = await objects.made('jobs', aJob('exit 0', { suspend: true }));
  const { name } = job.metadata;
  const image = { spec: { template: { spec: { containers: [{ name: 'runner', image: 'other' }] } } } };
  const refused = await objects.patch<Status>('jobs', name, image, 'strategic-merge-patch');
  t.is(refused.status, 422);
  t.is(refused.body.details?.causes?.[0]?.field, 'spec.template');
  t.is((await objects.patch('jobs', name, { spec: { selector: { matchLabels: { a: 'b' } } } })).status, 422);
  const changed = await objects.patch('jobs', name, { spec: { ttlSecondsAfterFinished: 60 }, metadata: { labels: { a: 'b' } } });
  t.is(changed.status, 200);
  t.true(changed.body.metadata.generation! > job.metadata.generation!);
  await objects.delete('jobs', name, { propagationPolicy: 'Background' });
});

test('selects a Job by labels of its own and marks its pods', async (t) => {
  const job = await objects.made('jobs', aJob('exit 0', { suspend: true }));
  const { uid, name } = job.metadata;
  t.deepEqual(job.spec?.['selector'], { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } });
  const template = job.spec?.['template'] as Thing;
  t.like(template.metadata.labels, { 'batch.kubernetes.io/controller-uid': uid, 'batch.kubernetes.io/job-name': name, 'job-name': name });
  t.like(job.spec, { parallelism: 1, completions: 1, backoffLimit: 0, completionMode: 'NonIndexed' });
  await objects.delete('jobs', name, { propagationPolicy: 'Background' });
});

test('keeps the data of a Secret in base64, whichever way it came', async (t) => {
  const secret = await objects.made('secrets', {
    metadata: { name: uniqueName('secret') },
    stringData: { token: 'geheim' },
    data: { other: 'AAA=' },
  });
  t.deepEqual(secret.data, { token: Buffer.from('geheim').toString('base64'), other: 'AAA=' });
  t.false('stringData' in secret);
  t.is((secret as { type?: string }).type, 'Opaque');
});

test('writes the status only through its subresource', async (t) => {
  const pod = await objects.made('pods', {
    metadata: { name: uniqueName('pod') },
    spec: { nodeSelector: { none: 'such' }, containers: [{ name: 'a', image: 'a' }] },
  });
  const { name } = pod.metadata;
  const plain = await objects.patch('pods', name, { status: { reason: 'Ignored' }, metadata: { labels: { a: 'b' } } });
  t.false('reason' in plain.body.status!);
  const { status, body } = await objects.send(objects.path('pods', name, 'status'), {
    method: 'PATCH',
    body: { status: { reason: 'Kept' } },
    contentType: 'application/merge-patch+json',
  });
  t.is(status, 200);
  t.like(body.status, { reason: 'Kept' });
  t.is((await objects.patch('pods', name, { spec: { restartPolicy: 'Never' } })).status, 422);
  await objects.delete('pods', name, { gracePeriodSeconds: 0 });
});

test('deletes only the object whose uid the precondition names', async (t) => {
  const map = await objects.made('configmaps', aConfigMap());
  const { name, uid } = map.metadata;
  t.is((await objects.delete('configmaps', name, { preconditions: { uid: 'another' } })).status, 409);
  const { status, body } = await objects.delete<Status>('configmaps', name, { preconditions: { uid } });
  t.is(status, 200);
  t.like(body, { kind: 'Status', status: 'Success' });
  t.is((await objects.delete('configmaps', name)).status, 404);
});

test('keeps a deleted object while it has a finalizer, and takes no new one', async (t) => {
  const map = aConfigMap();
  await objects.made('configmaps', { ...map, metadata: { ...map.metadata, finalizers: ['example.org/held'] } });
  const { name } = map.metadata;
  const { status, body } = await objects.delete('configmaps', name);
  t.is(status, 200);
  t.truthy(body.metadata.deletionTimestamp);
  const added = await objects.patch<Status>('configmaps', name, { metadata: { finalizers: ['example.org/held', 'example.org/new'] } });
  t.is(added.status, 422);
  t.is((await objects.patch('configmaps', name, { metadata: { finalizers: null } })).status, 200);
  t.is((await objects.get('configmaps', name)).status, 404);
});

test('deletes all that a selector selects, and nothing else', async (t) => {
  const group = uniqueName('group');
  await Promise.all([objects.made('configmaps', aConfigMap({ group })), objects.made('configmaps', aConfigMap({ group }))]);
  const other = await objects.made('configmaps', aConfigMap());
  const { status } = await objects.send(objects.path('configmaps'), { method: 'DELETE', query: { labelSelector: `group=${group}` } });
  t.is(status, 200);
  t.deepEqual((await objects.list('configmaps', { labelSelector: `group=${group}` })).body.items, []);
  t.is((await objects.get('configmaps', other.metadata.name)).status, 200);
});

test('deletes what an owner owned, once all its owners are gone', async (t) => {
  const [one, two] = [await objects.made('configmaps', aConfigMap()), await objects.made('configmaps', aConfigMap())];
  const references = [one, two].map(({ metadata }) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: metadata.name, uid: metadata.uid }));
  const owned = await objects.made('secrets', { metadata: { name: uniqueName('owned'), ownerReferences: references } });
  const { name } = owned.metadata;
  await objects.delete('configmaps', one.metadata.name);
  const left = await eventually(async () => {
    const { body } = await objects.get('secrets', name);
    return body.metadata.ownerReferences?.length === 1 ? body : null;
  });
  t.is(left.metadata.ownerReferences![0]!.uid, two.metadata.uid);
  await objects.delete('configmaps', two.metadata.name);
  await eventually(async () => (await objects.get('secrets', name)).status === 404);
});

test('persists nothing of a dry run', async (t) => {
  const map = aConfigMap();
  const { status } = await objects.send(objects.path('configmaps'), { method: 'POST', body: map, query: { dryRun: 'All' } });
  t.is(status, 201);
  t.is((await objects.get('configmaps', map.metadata.name)).status, 404);
});

test('refuses a method that a resource has not with 405, and a resource that is none with 404', async (t) => {
  t.is((await objects.send(objects.path('configmaps'), { method: 'PUT', body: {} })).status, 405);
  t.is((await objects.send(objects.path('nonsense'))).status, 404);
  t.is((await objects.send('/apis/nonsense/v1/things')).status, 404);
});
