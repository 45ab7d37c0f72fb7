import type { KubernetesObject } from './object.ts';
import type { Resource } from './resource.ts';
import { jobs } from './resources/jobs.ts';
import { nodes } from './resources/nodes.ts';
import { configMaps, events, leases, namespaces, priorityClasses, secrets, serviceAccounts } from './resources/others.ts';
import { pods } from './resources/pods.ts';

/** Everything that the API serves. A resource is described for its own kind of object and here forgets which. */
export const resources: readonly Resource[] = [
  namespaces,
  nodes,
  erase(pods),
  erase(jobs),
  erase(secrets),
  erase(configMaps),
  serviceAccounts,
  erase(events),
  erase(leases),
  priorityClasses,
].map(erase);

const byPath = new Map(resources.map((resource) => [`${resource.group}/${resource.version}/${resource.plural}`, resource]));

export function findResource(group: string, version: string, plural: string): Resource | undefined {
  return byPath.get(`${group}/${version}/${plural}`);
}

function erase<Item extends KubernetesObject>(resource: Resource<Item>): Resource {
  return resource as unknown as Resource;
}
