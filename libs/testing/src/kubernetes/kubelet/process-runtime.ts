import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterData } from './cluster-data.ts';
import { containerEnvironment, expand, parseQuantity } from './container-environment.ts';
import { ContainerRefusal } from './container-runtime.ts';
import type { ContainerRuntime, RunningContainer } from './container-runtime.ts';
import type { Container, Pod } from './kubernetes-types.ts';
import { diskLimits, mountVolumes } from './pod-volumes.ts';
import { ProcessContainer } from './process-container.ts';

/** What a container image comes to on this machine. */
export interface ContainerImage {
  /** What runs, before the arguments; a container's `command` takes its place. */
  readonly entrypoint?: readonly string[];
  /** Arguments of the entry point; a container's `args`, or its `command`, take their place. */
  readonly cmd?: readonly string[];
  /** Of the image; PATH and HOME of this process by default. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs; the pod's own temporary folder by default. */
  readonly workingDir?: string;
}

/** Runs containers as processes. A pod has a folder with its volumes and the logs of its containers. */
export class ProcessRuntime implements ContainerRuntime {
  readonly folder: string;
  readonly #data: ClusterData;
  readonly #images: Readonly<Record<string, ContainerImage>>;

  constructor(data: ClusterData, folder: string, images: Readonly<Record<string, ContainerImage>>) {
    this.#data = data;
    this.folder = folder;
    this.#images = images;
  }

  async start(pod: Pod, container: Container): Promise<RunningContainer> {
    const image = this.#pull(container.image);
    await mkdir(this.#podFolder(pod), { recursive: true });
    const mounts = await mountVolumes(pod, container, this.#podFolder(pod), this.#data);
    const given = await containerEnvironment(pod, container, this.#data);
    const environment = mapValues(given, (value) => inside(mounts, value));
    // What the image says names paths of this machine, also where one looks like a mount of the pod.
    const [program, ...args] = commandLine(image, container, (word) => inside(mounts, expand(word, given)));
    if (program === undefined) throw new ContainerRefusal('CreateContainerError', 'no command specified');
    const limit = container.resources?.limits?.['memory'];
    return await ProcessContainer.start({
      program,
      args,
      environment: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...image.env, ...environment },
      workingDir: this.#workingDir(
        pod,
        container.workingDir === undefined ? (image.workingDir ?? '') : inside(mounts, container.workingDir),
      ),
      logPath: join(this.#podFolder(pod), `${container.name}.log`),
      memoryBytes: limit === undefined ? null : parseQuantity(limit),
      disks: diskLimits(pod, this.#podFolder(pod)),
    });
  }

  async forget(pod: Pod): Promise<void> {
    await rm(this.#podFolder(pod), { recursive: true, force: true });
  }

  /** A folder of the image alone is not on this machine. */
  #workingDir(pod: Pod, wanted: string): string {
    return wanted !== '' && existsSync(wanted) ? wanted : this.#podFolder(pod);
  }

  #podFolder(pod: Pod): string {
    return join(this.folder, pod.metadata.uid);
  }

  #pull(name: string): ContainerImage {
    const repository = name.replace(/@.*$/, '').replace(/:[\w.-]{1,128}$/, '');
    const image = this.#images[name] ?? this.#images[repository];
    if (image !== undefined) return image;
    // The grammar of references has no upper case in a repository's name, no blanks and no empty parts.
    if (!/^[\w.:/-]+$/.test(repository) || /[A-Z]/.test(repository.replace(/^[^/]+[.:][^/]*\//, '')) || /\/\/|[/:]$/.test(repository)) {
      const message = `Failed to apply default image tag "${name}": couldn't parse image name "${name}": invalid reference format`;
      throw new ContainerRefusal('InvalidImageName', message);
    }
    const message = `failed to pull and unpack image "${name}": failed to resolve reference "${name}": ${name}: not found`;
    throw new ContainerRefusal('ErrImagePull', message);
  }
}

/** Which of the image's and the container's words run (Kubernetes, "Define a Command and Arguments for a Container"). */
function commandLine(
  { entrypoint = [], cmd = [] }: ContainerImage,
  { command, args }: Container,
  resolve: (word: string) => string,
): readonly string[] {
  if (command !== undefined) return [...command, ...(args ?? [])].map(resolve);
  return [...entrypoint, ...(args?.map(resolve) ?? cmd)];
}

/** Nothing can be mounted, so what names a path under a mount is made to name the folder behind it. */
function inside(mounts: ReadonlyMap<string, string>, text: string): string {
  for (const [mountPath, folder] of mounts) {
    if (text === mountPath || text.startsWith(`${mountPath}/`)) return folder + text.slice(mountPath.length);
  }
  return text;
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
