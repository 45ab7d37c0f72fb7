import type { V1ResourceRequirements, V1SecurityContext } from '@kubernetes/client-node';

/** Kubernetes quantities; null where there is none. */
export interface RunnerResources {
  readonly requests: { readonly cpu: string; readonly memory: string; readonly disk: string };
  readonly limits: { readonly cpu: string | null; readonly memory: string; readonly disk: string };
}

export const temporaryFolder = '/tmp';

/** What no container of a run may do: the Pod Security Standard `restricted`, and no writing but to volumes. */
export const containerSecurity: V1SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/** @param memory that of the container where it is not the runner's: as much is requested as is the limit */
export function containerResources({ requests, limits }: RunnerResources, memory?: string): V1ResourceRequirements {
  return {
    requests: { cpu: requests.cpu, memory: memory ?? requests.memory, 'ephemeral-storage': requests.disk },
    limits: {
      ...(limits.cpu === null ? {} : { cpu: limits.cpu }),
      memory: memory ?? limits.memory,
      'ephemeral-storage': limits.disk,
    },
  };
}

/**
 * Kubernetes puts the value of another variable for `$(NAME)`: a branch of such a name would read what a Secret holds.
 * https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
export function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}
