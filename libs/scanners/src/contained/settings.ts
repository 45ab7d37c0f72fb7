import type { EnvReader } from '@cloudscan/config';

/** Where declared tools that come as images run. */
export interface ContainerSettings {
  /** Holds the folder of each tool whose container waits beside the runner's, in a pod; null outside of one. */
  readonly toolsDir: string | null;
  /** What Docker listens on; null for its default. */
  readonly dockerHost: string | null;
}

export function readContainerSettings(env: EnvReader): ContainerSettings {
  return { toolsDir: env.optional('TOOLS_DIR') ?? null, dockerHost: env.optional('DOCKER_HOST') ?? null };
}
