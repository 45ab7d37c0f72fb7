import { ContainerRefusal } from './container-runtime.ts';
import type { ClusterData } from './cluster-data.ts';
import type { Container, EnvVar, KeySelector, Pod } from './kubernetes-types.ts';

/**
 * The environment that a container is given, references followed and `$(NAME)` expanded from what stands before.
 *
 * @throws ContainerRefusal `CreateContainerConfigError` when a Secret, a ConfigMap or a key is not there, or a field is none
 */
export async function containerEnvironment(pod: Pod, container: Container, data: ClusterData): Promise<Readonly<Record<string, string>>> {
  const environment: Record<string, string> = { HOSTNAME: pod.metadata.name };
  for (const { prefix = '', secretRef, configMapRef } of container.envFrom ?? []) {
    const source = secretRef ?? configMapRef;
    if (source === undefined) continue;
    const kind = secretRef === undefined ? 'configmaps' : 'secrets';
    const values = await data.read(pod, kind, source.name);
    if (values === null && source.optional !== true) throw missing(kind, source.name);
    for (const [key, value] of Object.entries(values ?? {})) environment[prefix + key] = value;
  }
  for (const variable of container.env ?? []) {
    const value = await valueOf(pod, container, variable, environment, data);
    if (value !== null) environment[variable.name] = value;
  }
  return environment;
}

/** Null when an optional reference leads nowhere: the variable is then not set. */
async function valueOf(
  pod: Pod,
  container: Container,
  { value = '', valueFrom }: EnvVar,
  environment: Readonly<Record<string, string>>,
  data: ClusterData,
): Promise<string | null> {
  if (valueFrom === undefined) return expand(value, environment);
  const { secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef } = valueFrom;
  if (secretKeyRef !== undefined) return keyOf('secrets', secretKeyRef, pod, data);
  if (configMapKeyRef !== undefined) return keyOf('configmaps', configMapKeyRef, pod, data);
  if (fieldRef !== undefined) return fieldOf(pod, fieldRef.fieldPath);
  const limit = container.resources?.limits?.[resourceFieldRef?.resource.replace('limits.', '') ?? ''];
  if (limit === undefined) throw new ContainerRefusal('CreateContainerConfigError', 'a resourceFieldRef names no limit of this container');
  return String(parseQuantity(limit) / parseQuantity(resourceFieldRef?.divisor ?? '1'));
}

async function keyOf(kind: 'configmaps' | 'secrets', selector: KeySelector, pod: Pod, data: ClusterData): Promise<string | null> {
  const { name, key, optional = false } = selector;
  const values = await data.read(pod, kind, name);
  if (values === null && !optional) throw missing(kind, name);
  if (values?.[key] === undefined && !optional) {
    const what = kind === 'secrets' ? 'Secret' : 'ConfigMap';
    throw new ContainerRefusal('CreateContainerConfigError', `couldn't find key ${key} in ${what} ${pod.metadata.namespace}/${name}`);
  }
  return values?.[key] ?? null;
}

function missing(kind: 'configmaps' | 'secrets', name: string): ContainerRefusal {
  return new ContainerRefusal('CreateContainerConfigError', `${kind.slice(0, -1)} "${name}" not found`);
}

/** A field of a pod by its path. @throws ContainerRefusal for one that is none */
export function fieldOf({ metadata, spec }: Pod, path: string): string {
  const inMap = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (inMap !== null) return metadata[inMap[1] as 'labels' | 'annotations']?.[inMap[2]!] ?? '';
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'spec.nodeName': spec.nodeName ?? '',
    'spec.serviceAccountName': spec.serviceAccountName ?? 'default',
    'status.hostIP': '127.0.0.1',
    'status.podIP': '127.0.0.1',
  };
  const value = fields[path];
  if (value === undefined) throw new ContainerRefusal('CreateContainerConfigError', `unsupported fieldPath: ${path}`);
  return value;
}

/** `$(NAME)` of what is set; `$$` is a `$`; what is not set stays as it is. */
export function expand(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^)]+)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (environment[name] ?? whole),
  );
}

const suffixes: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A Kubernetes quantity as a number, such as bytes of `512Mi`. @throws when it is none */
export function parseQuantity(text: string): number {
  const [, digits, suffix] = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = suffixes[suffix ?? ''];
  if (digits === undefined || factor === undefined) throw new Error(`${JSON.stringify(text)} is not a quantity`);
  return Number(digits) * factor;
}
