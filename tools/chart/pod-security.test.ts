import { requires } from '@cloudscan/testing';
import test from 'ava';
import { render, valueSets } from './support/helm.ts';
import { ofKind, workloadsOf } from './support/manifests.ts';
import type { Container, PodSpec } from './support/manifests.ts';

const withHelm = requires(test, 'helm');
const callsKubernetes = ['dispatcher', 'sweeper'];
const allowedVolumes = ['configMap', 'emptyDir', 'persistentVolumeClaim', 'projected', 'secret'];

/** What breaks the level `restricted`: https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
function violationsOf(spec: PodSpec): string[] {
  const { hostNetwork, hostPID, hostIPC, securityContext: pod = {}, volumes = [] } = spec;
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  return [
    ...(hostNetwork || hostPID || hostIPC ? ['shares a namespace of the host'] : []),
    ...(pod.sysctls === undefined ? [] : ['sets sysctls']),
    ...volumes
      .flatMap((volume) => Object.keys(volume).filter((key) => key !== 'name'))
      .filter((type) => !allowedVolumes.includes(type))
      .map((type) => `mounts ${type}`),
    ...containers.flatMap((container) => containerViolations(container, pod).map((violation) => `${container.name} ${violation}`)),
  ];
}

function containerViolations({ securityContext: own = {}, ports = [] }: Container, pod: NonNullable<PodSpec['securityContext']>): string[] {
  const { runAsNonRoot, runAsUser, seccompProfile } = { ...pod, ...own };
  const rules: readonly (readonly [boolean, string])[] = [
    [runAsNonRoot === true, 'may run as root'],
    [runAsUser !== undefined && runAsUser > 0, 'has no user of its own'],
    [['RuntimeDefault', 'Localhost'].includes(seccompProfile?.type ?? ''), 'has no seccomp profile'],
    [own.privileged !== true, 'is privileged'],
    [own.allowPrivilegeEscalation === false, 'may escalate'],
    [own.capabilities?.drop?.includes('ALL') === true, 'keeps capabilities'],
    [own.capabilities?.add === undefined, 'adds capabilities'],
    [ports.every(({ hostPort }) => hostPort === undefined), 'takes a port of the host'],
  ];
  return rules.filter(([holds]) => !holds).map(([, violation]) => violation);
}

for (const [name, args] of Object.entries(valueSets)) {
  withHelm(`every pod of the values ${name} is fit for the Pod Security Standard restricted`, async (t) => {
    const workloads = workloadsOf(await render(args));
    t.true(workloads.length >= 6);
    for (const { component, pod } of workloads) t.deepEqual(violationsOf(pod.spec), [], component);
  });

  withHelm(`every container of the values ${name} has a read-only root, a request and a limit of memory`, async (t) => {
    for (const { component, pod } of workloadsOf(await render(args))) {
      for (const { securityContext, resources } of pod.spec.containers) {
        t.true(securityContext?.readOnlyRootFilesystem, component);
        t.truthy(resources?.requests?.['memory'], component);
        t.truthy(resources?.limits?.['memory'], component);
      }
    }
  });

  withHelm(`only processes that call the API server have a token in the values ${name}`, async (t) => {
    const manifests = await render(args);
    const withToken = workloadsOf(manifests).filter(({ pod }) => pod.spec.automountServiceAccountToken !== false);
    t.deepEqual(withToken.map(({ component }) => component).toSorted(), callsKubernetes);
    t.deepEqual(withToken.map(({ pod }) => pod.spec.serviceAccountName).toSorted(), ['cloudscan-dispatcher', 'cloudscan-sweeper']);
  });

  withHelm(`the values ${name} make no Secret: credentials come by reference`, async (t) => {
    const manifests = await render(args);
    t.deepEqual(ofKind(manifests, 'Secret'), []);
    for (const { component, pod } of workloadsOf(manifests)) {
      const plain = pod.spec.containers.flatMap(({ env = [] }) => env).filter(({ value }) => value !== undefined);
      t.deepEqual(
        plain.filter((variable) => /PASSWORD|_KEY$|TOKEN/.test(variable.name)),
        [],
        component,
      );
    }
  });
}

test('the check of pods sees what restricted forbids', (t) => {
  const container = { name: 'c', image: 'i', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } };
  const securityContext = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } };
  t.deepEqual(violationsOf({ securityContext, containers: [container] }), []);
  t.deepEqual(violationsOf({ containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', hostPath: {} }] }), [
    'mounts hostPath',
    'c may run as root',
    'c has no user of its own',
    'c has no seccomp profile',
    'c may escalate',
    'c keeps capabilities',
  ]);
});
