import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fieldOf } from './container-environment.ts';
import { ContainerRefusal } from './container-runtime.ts';
import type { ClusterData } from './cluster-data.ts';
import type { DiskLimit } from './process-container.ts';
import type { Container, DataSource, Pod, Volume } from './kubernetes-types.ts';

/**
 * Makes the folder behind each mount path of a container, filled with what its volume holds. An emptyDir is made once for
 * all containers of the pod.
 *
 * @throws ContainerRefusal `ContainerCreating` while a Secret or ConfigMap is not there; `CreateContainerError` for kinds of
 * volumes that no folder of this machine can stand for
 */
export async function mountVolumes(
  pod: Pod,
  container: Container,
  podFolder: string,
  data: ClusterData,
): Promise<ReadonlyMap<string, string>> {
  const mounts = new Map<string, string>();
  for (const { name, mountPath, subPath = '' } of container.volumeMounts ?? []) {
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === name);
    const folder = volumeFolder(podFolder, name);
    await mkdir(join(folder, subPath), { recursive: true });
    const files = volume === undefined ? null : await filesOf(pod, volume, data);
    if (files === null) throw new ContainerRefusal('CreateContainerError', `volume "${name}" is of a kind that cannot be mounted here`);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content, { mode: 0o600 });
    }
    mounts.set(mountPath, join(folder, subPath));
  }
  return mounts;
}

export function diskLimits(pod: Pod, podFolder: string): readonly DiskLimit[] {
  return (pod.spec.volumes ?? []).flatMap(({ name, emptyDir }) =>
    emptyDir?.sizeLimit === undefined ? [] : [{ volume: name, folder: volumeFolder(podFolder, name), sizeLimit: emptyDir.sizeLimit }],
  );
}

function volumeFolder(podFolder: string, volume: string): string {
  return join(podFolder, 'volumes', volume);
}

type Files = Readonly<Record<string, string>>;

/** Null for a kind of volume that is none of these. */
async function filesOf(pod: Pod, { emptyDir, secret, configMap, projected }: Volume, data: ClusterData): Promise<Files | null> {
  if (emptyDir !== undefined) return {};
  if (secret !== undefined) return keysOf(pod, 'secrets', { ...secret, name: secret.secretName }, data);
  if (configMap !== undefined) return keysOf(pod, 'configmaps', configMap, data);
  if (projected === undefined) return null;
  const parts = projected.sources.map(async (source): Promise<Files> => {
    if (source.secret !== undefined) return keysOf(pod, 'secrets', source.secret, data);
    if (source.configMap !== undefined) return keysOf(pod, 'configmaps', source.configMap, data);
    if (source.serviceAccountToken !== undefined) return { [source.serviceAccountToken.path]: await data.serviceAccountToken(pod) };
    const items = source.downwardAPI?.items ?? [];
    return Object.fromEntries(items.map(({ path, fieldRef }) => [path, fieldOf(pod, fieldRef.fieldPath)]));
  });
  return Object.assign({}, ...(await Promise.all(parts))) as Files;
}

/** All keys as files of their names, or the items that are named as theirs. */
async function keysOf(pod: Pod, kind: 'configmaps' | 'secrets', { name, items, optional }: DataSource, data: ClusterData): Promise<Files> {
  const values = await data.read(pod, kind, name);
  if (values === null && optional !== true) throw new ContainerRefusal('ContainerCreating', `${kind.slice(0, -1)} "${name}" not found`);
  if (values === null || items === undefined) return values ?? {};
  return Object.fromEntries(items.map(({ key, path }) => [path, values[key] ?? '']));
}
