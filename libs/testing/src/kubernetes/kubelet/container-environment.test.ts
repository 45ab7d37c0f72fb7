import test from 'ava';
import type { ClusterData } from './cluster-data.ts';
import { containerEnvironment, expand, parseQuantity } from './container-environment.ts';
import type { Container, Pod } from './kubernetes-types.ts';

const nothing = dataOf(() => null);

function dataOf(read: (kind: string, name: string) => Readonly<Record<string, string>> | null): ClusterData {
  return { read: async (_pod, kind, name) => read(kind, name), serviceAccountToken: async () => 'token' };
}

function aPod(container: Partial<Container>): readonly [Pod, Container] {
  const main = { name: 'main', image: 'image', ...container };
  const metadata = { name: 'pod', namespace: 'space', uid: 'uid', resourceVersion: '1', labels: { 'cloudscan.io/attempt': '2' } };
  return [{ metadata, spec: { nodeName: 'node', containers: [main] } }, main];
}

test('expands references to what stands before, and leaves others alone', (t) => {
  t.is(expand('$(A)/$(B)/$$(A)/$A/$', { A: 'a' }), 'a/$(B)/$(A)/$A/$');
});

test('expands a variable only from those before it', async (t) => {
  const [pod, container] = aPod({
    env: [
      { name: 'LATE', value: '$(NAME)' },
      { name: 'NAME', value: 'x' },
      { name: 'EARLY', value: '$(NAME)' },
    ],
  });
  t.like(await containerEnvironment(pod, container, nothing), { LATE: '$(NAME)', EARLY: 'x' });
});

test('reads fields of the pod and limits of the container', async (t) => {
  const [pod, container] = aPod({
    env: [
      { name: 'ATTEMPT', valueFrom: { fieldRef: { fieldPath: "metadata.labels['cloudscan.io/attempt']" } } },
      { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
    ],
    resources: { limits: { memory: '1Gi' } },
  });
  t.like(await containerEnvironment(pod, container, nothing), { ATTEMPT: '2', NODE: 'node', MEMORY: '1024' });
});

test('takes all of a ConfigMap or Secret under a prefix; what the container sets itself wins', async (t) => {
  const [pod, container] = aPod({
    envFrom: [{ prefix: 'P_', configMapRef: { name: 'map' } }, { secretRef: { name: 'gone', optional: true } }],
    env: [{ name: 'P_B', value: 'own' }],
  });
  const data = dataOf((kind, name) => (kind === 'configmaps' && name === 'map' ? { A: '1', B: '2' } : null));
  t.like(await containerEnvironment(pod, container, data), { P_A: '1', P_B: 'own' });
});

for (const [what, container, message] of [
  ['a Secret', { envFrom: [{ secretRef: { name: 'x' } }] }, 'secret "x" not found'],
  ['a ConfigMap', { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'x', key: 'k' } } }] }, 'configmap "x" not found'],
  ['a field', { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.no' } } }] }, 'unsupported fieldPath: spec.no'],
] as const) {
  test(`refuses a container that needs ${what} which is not there`, async (t) => {
    const [pod, main] = aPod(container);
    await t.throwsAsync(containerEnvironment(pod, main, nothing), { name: 'ContainerRefusal', message });
  });
}

for (const [text, value] of [
  ['128', 128],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['250m', 0.25],
  ['2k', 2000],
] as const) {
  test(`reads the quantity ${text}`, (t) => {
    t.is(parseQuantity(text), value);
  });
}

test('refuses what is no quantity', (t) => {
  for (const text of ['', 'lots', '1 Gi', '1GiB']) t.throws(() => parseQuantity(text), { message: /is not a quantity/ });
});
