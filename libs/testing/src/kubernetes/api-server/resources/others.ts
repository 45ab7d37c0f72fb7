import { isDeepStrictEqual } from 'node:util';
import type { KubernetesObject, Lease } from '../object.ts';
import { describeResource } from '../resource.ts';
import { plainError } from '../status.ts';
import type { StatusCause } from '../status.ts';
import { forbidden, immutable } from '../validation.ts';
import { age } from './cells.ts';

interface Secret extends KubernetesObject {
  type?: string;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  immutable?: boolean;
}

interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>;
  immutable?: boolean;
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** An event of the cluster, which people read. */
export interface ClusterEvent extends KubernetesObject {
  involvedObject: { kind: string; namespace?: string; name: string; uid: string; apiVersion: string; fieldPath?: string };
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  source: { component: string };
  firstTimestamp: string;
  lastTimestamp: string;
  count: number;
}

export const namespaces = describeResource({
  plural: 'namespaces',
  kind: 'Namespace',
  shortNames: ['ns'],
  isNamespaced: false,
  isReadOnly: true,
  hasStatus: true,
  prepare: (namespace) => {
    namespace.spec = { finalizers: ['kubernetes'] };
    namespace.status = { phase: 'Active' };
  },
  columns: [
    { name: 'Name', cell: ({ metadata }) => metadata.name },
    { name: 'Status', cell: ({ status }) => (status as { phase: string }).phase },
    { name: 'Age', cell: age },
  ],
});

export const secrets = describeResource<Secret>({
  plural: 'secrets',
  kind: 'Secret',
  fields: ['type'],
  fieldsOf: ({ type }) => ({ type: type ?? '' }),
  prepare: (secret) => {
    secret.type ??= 'Opaque';
    const { stringData } = secret;
    for (const text of Object.values(secret.data ?? {})) {
      if (!base64.test(text)) throw plainError(400, `Secret in version "v1" cannot be handled as a Secret: illegal base64 data`);
    }
    if (stringData === undefined) return;
    delete secret.stringData;
    secret.data ??= {};
    for (const [name, text] of Object.entries(stringData)) secret.data[name] = Buffer.from(text).toString('base64');
  },
  validate: (secret, previous) => {
    if (previous === null) return [];
    if (secret.type !== previous.type) return [immutable('type', secret.type)];
    return validateSealed(secret, previous);
  },
  columns: [
    { name: 'Name', cell: ({ metadata }) => metadata.name },
    { name: 'Type', cell: ({ type }) => type ?? '' },
    { name: 'Data', cell: ({ data }) => Object.keys(data ?? {}).length },
    { name: 'Age', cell: age },
  ],
});

export const configMaps = describeResource<ConfigMap>({
  plural: 'configmaps',
  kind: 'ConfigMap',
  shortNames: ['cm'],
  validate: (map, previous) => (previous === null ? [] : validateSealed(map, previous)),
  columns: [
    { name: 'Name', cell: ({ metadata }) => metadata.name },
    { name: 'Data', cell: ({ data }) => Object.keys(data ?? {}).length },
    { name: 'Age', cell: age },
  ],
});

export const serviceAccounts = describeResource({
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  shortNames: ['sa'],
  columns: nameAndAge(),
});

export const leases = describeResource<Lease>({
  group: 'coordination.k8s.io',
  plural: 'leases',
  kind: 'Lease',
  allowsUnconditionalUpdate: false,
  columns: [
    { name: 'Name', cell: ({ metadata }) => metadata.name },
    { name: 'Holder', cell: ({ spec }) => spec?.holderIdentity ?? '' },
    { name: 'Age', cell: age },
  ],
});

export const priorityClasses = describeResource({
  group: 'scheduling.k8s.io',
  plural: 'priorityclasses',
  kind: 'PriorityClass',
  shortNames: ['pc'],
  isNamespaced: false,
  columns: nameAndAge(),
});

const involvedFields = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'fieldPath'] as const;

export const events = describeResource<ClusterEvent>({
  plural: 'events',
  kind: 'Event',
  shortNames: ['ev'],
  fields: [...involvedFields.map((field) => `involvedObject.${field}`), 'reason', 'type', 'source'],
  indexed: ['involvedObject.uid'],
  fieldsOf: ({ involvedObject, reason, type, source }) => ({
    ...Object.fromEntries(involvedFields.map((field) => [`involvedObject.${field}`, involvedObject?.[field] ?? ''])),
    reason: reason ?? '',
    type: type ?? '',
    source: source?.component ?? '',
  }),
  columns: [
    {
      name: 'Last Seen',
      cell: (event, now) => age({ ...event, metadata: { ...event.metadata, creationTimestamp: event.lastTimestamp } }, now),
    },
    { name: 'Type', cell: ({ type }) => type },
    { name: 'Reason', cell: ({ reason }) => reason },
    { name: 'Object', cell: ({ involvedObject }) => `${involvedObject.kind.toLowerCase()}/${involvedObject.name}` },
    { name: 'Message', cell: ({ message }) => message },
  ],
});

function nameAndAge(): { name: string; cell: (object: KubernetesObject, now: Date) => string }[] {
  return [
    { name: 'Name', cell: ({ metadata }) => metadata.name },
    { name: 'Age', cell: age },
  ];
}

/** What was made immutable stays so, and keeps its data. */
function validateSealed(object: Secret | ConfigMap, previous: Secret | ConfigMap): readonly StatusCause[] {
  if (previous.immutable !== true) return [];
  if (object.immutable !== true) return [forbidden('immutable', 'field is immutable when `immutable` is set')];
  return isDeepStrictEqual(object.data, previous.data) ? [] : [forbidden('data', 'field is immutable when `immutable` is set')];
}
