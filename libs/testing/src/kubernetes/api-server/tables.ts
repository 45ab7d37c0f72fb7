import type { KubernetesObject } from './object.ts';
import type { Resource } from './resource.ts';

/** How the rows of a table carry their objects. */
export type RowObject = 'None' | 'Metadata' | 'Object';

/** Whether the client would rather have a table, as kubectl does: `Accept: application/json;as=Table;v=v1;g=meta.k8s.io`. */
export function wantsTable(accept: string): boolean {
  const first = accept.split(',')[0]!;
  return first.includes('as=Table') && first.includes('v=v1;') && first.includes('g=meta.k8s.io');
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables */
export function formatTable(
  resource: Resource,
  objects: readonly KubernetesObject[],
  metadata: object,
  now: Date,
  rowObject: RowObject = 'Metadata',
): object {
  const columns =
    resource.columns.length > 0 ? resource.columns : [{ name: 'Name', cell: (object: KubernetesObject) => object.metadata.name }];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map((column, index) => ({
      name: column.name,
      type: 'string',
      format: column.name === 'Name' ? 'name' : '',
      description: index === 0 ? `Name of the ${resource.kind}` : column.name,
      priority: 'isWide' in column && column.isWide === true ? 1 : 0,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, now)),
      object: formatRowObject(object, rowObject),
    })),
  };
}

function formatRowObject(object: KubernetesObject, rowObject: RowObject): object | undefined {
  switch (rowObject) {
    case 'None':
      return undefined;
    case 'Metadata':
      return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
    case 'Object':
      return object;
  }
}
