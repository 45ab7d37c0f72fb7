import { isTrue } from '../object.ts';
import type { KubernetesNode } from '../object.ts';
import { describeResource } from '../resource.ts';
import { age } from './cells.ts';

export const nodes = describeResource<KubernetesNode>({
  plural: 'nodes',
  kind: 'Node',
  shortNames: ['no'],
  isNamespaced: false,
  hasStatus: true,
  subresources: ['status'],
  fields: ['spec.unschedulable'],
  fieldsOf: ({ spec }) => ({ 'spec.unschedulable': String(spec.unschedulable ?? false) }),
  prepare: (node) => {
    node.spec ??= {};
    node.status ??= {};
    node.status.allocatable ??= node.status.capacity;
  },
  columns: [
    { name: 'Name', cell: (node) => node.metadata.name },
    {
      name: 'Status',
      cell: (node) => `${isTrue(node, 'Ready') ? 'Ready' : 'NotReady'}${node.spec.unschedulable === true ? ',SchedulingDisabled' : ''}`,
    },
    { name: 'Roles', cell: () => '<none>' },
    { name: 'Age', cell: age },
    { name: 'Version', cell: (node) => node.status.nodeInfo?.['kubeletVersion'] ?? '' },
    {
      name: 'Internal-IP',
      isWide: true,
      cell: (node) => node.status.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '<none>',
    },
  ],
});
