import { isDeepStrictEqual } from 'node:util';
import { isFinishedPod } from '../object.ts';
import type { Container, Pod, PodSpec, Toleration } from '../object.ts';
import { parseQuantity } from '../quantity.ts';
import { describeResource } from '../resource.ts';
import type { StatusCause } from '../status.ts';
import { age, count } from './cells.ts';
import { forbidden, invalidValue, isDnsLabel, notSupported, required, validateNonNegative } from '../validation.ts';

const defaultGraceSeconds = 30;

export const pods = describeResource<Pod>({
  plural: 'pods',
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  subresources: ['status', 'log', 'eviction', 'binding'],
  fields: ['spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'status.phase', 'status.podIP'],
  indexed: ['spec.nodeName', 'batch.kubernetes.io/job-name', 'job-name', 'batch.kubernetes.io/controller-uid'],
  fieldsOf: ({ spec, status }) => ({
    'spec.nodeName': spec.nodeName ?? '',
    'spec.restartPolicy': spec.restartPolicy ?? '',
    'spec.schedulerName': spec.schedulerName ?? '',
    'spec.serviceAccountName': spec.serviceAccountName ?? '',
    'status.phase': status.phase ?? '',
    'status.podIP': status.podIP ?? '',
  }),
  prepare: (pod, previous) => {
    setPodDefaults(pod.spec, 'Always');
    pod.spec.tolerations = withDefaultTolerations(pod.spec.tolerations ?? []);
    if (previous === null) pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec) };
  },
  validate: (pod, previous) => (previous === null ? validatePodSpec('spec', pod.spec) : validateUpdate(pod, previous)),
  graceSeconds: (pod, asked) => {
    // Nobody has to be waited for who was never started, or has ended.
    if (pod.spec.nodeName === undefined || isFinishedPod(pod)) return 0;
    return asked ?? pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
  },
  columns: [
    { name: 'Name', cell: (pod) => pod.metadata.name },
    { name: 'Ready', cell: (pod) => `${readyContainers(pod)}/${pod.spec.containers.length}` },
    { name: 'Status', cell: describeState },
    {
      name: 'Restarts',
      cell: (pod) => String((pod.status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0)),
    },
    { name: 'Age', cell: age },
    { name: 'IP', isWide: true, cell: (pod) => pod.status.podIP ?? '<none>' },
    { name: 'Node', isWide: true, cell: (pod) => pod.spec.nodeName ?? '<none>' },
    { name: 'Nominated Node', isWide: true, cell: (pod) => pod.status.nominatedNodeName ?? '<none>' },
    { name: 'Readiness Gates', isWide: true, cell: () => '<none>' },
  ],
});

/** Fills in what a pod's author may leave out. */
export function setPodDefaults(spec: PodSpec, restartPolicy: string | undefined): void {
  const defaults = {
    ...(restartPolicy !== undefined && { restartPolicy }),
    terminationGracePeriodSeconds: defaultGraceSeconds,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
  };
  for (const [field, value] of Object.entries(defaults)) if (!(field in spec)) Object.assign(spec, { [field]: value });
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) setContainerDefaults(container);
}

function setContainerDefaults(container: Container): void {
  const resources = (container.resources ??= {});
  if (resources.limits !== undefined) resources.requests = { ...resources.limits, ...resources.requests };
  const tag = /:([^/]+)$/.exec(container.image ?? '')?.[1] ?? 'latest';
  const defaults = {
    imagePullPolicy: tag === 'latest' ? 'Always' : 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  };
  for (const [field, value] of Object.entries(defaults)) if (!(field in container)) Object.assign(container, { [field]: value });
}

/** A node may be away for five minutes (admission plugin DefaultTolerationSeconds). */
function withDefaultTolerations(tolerations: Toleration[]): Toleration[] {
  const missing = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].filter(
    (key) => !tolerations.some((toleration) => (toleration.key ?? key) === key && (toleration.effect ?? 'NoExecute') === 'NoExecute'),
  );
  return [...tolerations, ...missing.map((key) => ({ key, operator: 'Exists' as const, effect: 'NoExecute', tolerationSeconds: 300 }))];
}

function qosClassOf(spec: PodSpec): string {
  const all = spec.containers.map(({ resources = {} }) => resources);
  if (all.every(({ requests = {}, limits = {} }) => Object.keys({ ...requests, ...limits }).length === 0)) return 'BestEffort';
  const isGuaranteed = all.every(({ requests = {}, limits = {} }) =>
    ['cpu', 'memory'].every((name) => limits[name] !== undefined && requests[name] === limits[name]),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}

export function validatePodSpec(field: string, spec: PodSpec | undefined): readonly StatusCause[] {
  if (spec?.containers === undefined || spec.containers.length === 0) return [required(`${field}.containers`)];
  const causes = [...spec.containers.entries()].flatMap(([index, container]) =>
    validateContainer(`${field}.containers[${index}]`, container),
  );
  const names = spec.containers.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) causes.push(invalidValue(`${field}.containers[${index}].name`, name, 'must be unique'));
  }
  const policies = ['Always', 'OnFailure', 'Never'];
  if (spec.restartPolicy !== undefined && !policies.includes(spec.restartPolicy)) {
    causes.push(notSupported(`${field}.restartPolicy`, spec.restartPolicy, policies));
  }
  causes.push(...validateNonNegative(`${field}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds));
  return causes;
}

function validateContainer(field: string, { name, image, resources = {} }: Container): readonly StatusCause[] {
  const causes: StatusCause[] = [];
  if (!name) causes.push(required(`${field}.name`));
  else if (!isDnsLabel(name)) causes.push(invalidValue(`${field}.name`, name, 'must be a lowercase RFC 1123 label'));
  if (!image) causes.push(required(`${field}.image`));
  for (const [kind, quantities] of Object.entries(resources).filter(([kind]) => kind === 'requests' || kind === 'limits')) {
    for (const [resource, quantity] of Object.entries(quantities as Record<string, string>)) {
      const amount = parseQuantity(String(quantity));
      const limit = parseQuantity(String(resources.limits?.[resource] ?? quantity));
      const place = `${field}.resources.${kind}[${resource}]`;
      if (amount === null || amount < 0) causes.push(invalidValue(place, quantity, 'must be a quantity that is not negative'));
      else if (limit !== null && amount > limit)
        causes.push(invalidValue(`${field}.resources.requests`, quantity, `must be less than or equal to ${resource} limit`));
    }
  }
  return causes;
}

/** Of a pod that exists only these may still change. */
function validateUpdate(pod: Pod, previous: Pod): readonly StatusCause[] {
  const fixed = ({ spec }: Pod): object => ({
    ...spec,
    activeDeadlineSeconds: undefined,
    tolerations: undefined,
    schedulingGates: undefined,
    terminationGracePeriodSeconds: undefined,
    containers: spec.containers.map((container) => ({ ...container, image: undefined })),
  });
  if (isDeepStrictEqual(fixed(pod), fixed(previous))) return [];
  const changeable = '`spec.containers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)';
  return [forbidden('spec', `pod updates may not change fields other than ${changeable}`)];
}

function readyContainers(pod: Pod): number {
  return count(pod.status.containerStatuses ?? [], ({ ready }) => ready);
}

/** The word that kubectl shows: the most telling of what the pod and its containers say. */
function describeState(pod: Pod): string {
  let state = pod.status.reason ?? pod.status.phase ?? 'Unknown';
  for (const status of [...(pod.status.containerStatuses ?? [])].toReversed()) {
    const { waiting, terminated } = status.state ?? {};
    if (waiting !== undefined) state = waiting.reason;
    else if (terminated !== undefined)
      state = terminated.reason ?? (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`);
  }
  if (pod.metadata.deletionTimestamp === undefined || isFinishedPod(pod)) return state;
  return pod.status.reason === 'NodeLost' ? 'Unknown' : 'Terminating';
}
