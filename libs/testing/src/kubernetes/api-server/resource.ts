import type { KubernetesObject, Labels } from './object.ts';
import type { GroupResource, StatusCause } from './status.ts';

/** A column of the tables that kubectl prints. */
export interface Column<Item extends KubernetesObject> {
  readonly name: string;
  /** Shown by `-o wide` only. */
  readonly isWide?: boolean;
  cell(object: Item, now: Date): string | number;
}

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

/** What the API knows about one kind of object. */
export interface Resource<Item extends KubernetesObject = KubernetesObject> extends GroupResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  /** In the groups that commands such as `kubectl get all` mean. */
  readonly categories: readonly string[];
  readonly isNamespaced: boolean;
  readonly isReadOnly: boolean;
  /** Its status is written through the subresource alone. */
  readonly hasStatus: boolean;
  readonly subresources: readonly string[];
  /** An update may leave out the resourceVersion. */
  readonly allowsUnconditionalUpdate: boolean;
  readonly defaultPropagation: Propagation;
  /** By which it can be selected, beside its name and namespace. */
  readonly fields: readonly string[];
  /** Labels and fields that selections look up rather than search. */
  readonly indexed: readonly string[];
  readonly columns: readonly Column<Item>[];
  fieldsOf(object: Item): Labels;
  /** Fills in defaults and what the server decides, before validation. */
  prepare(object: Item, previous: Item | null, now: Date): void;
  validate(object: Item, previous: Item | null): readonly StatusCause[];
  /** Seconds that a deletion leaves to the object; `asked` is null where the caller does not say. */
  graceSeconds(object: Item, asked: number | null): number;
}

type Description<Item extends KubernetesObject> = Pick<Resource<Item>, 'plural' | 'kind'> & Partial<Resource<Item>>;

/** A resource of the core group, version v1, with whatever else is usual, except as described. */
export function describeResource<Item extends KubernetesObject = KubernetesObject>(description: Description<Item>): Resource<Item> {
  return {
    group: '',
    version: 'v1',
    shortNames: [],
    categories: [],
    isNamespaced: true,
    isReadOnly: false,
    hasStatus: false,
    subresources: [],
    allowsUnconditionalUpdate: true,
    defaultPropagation: 'Background',
    fields: [],
    indexed: [],
    columns: [],
    fieldsOf: () => ({}),
    prepare: () => undefined,
    validate: () => [],
    graceSeconds: () => 0,
    ...description,
  };
}

export function apiVersionOf({ group, version }: Pick<Resource, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** The key of an object in its collection. */
export function keyOf(namespace: string | undefined | null, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}

export function splitKey(key: string): { readonly namespace: string | null; readonly name: string } {
  const slash = key.indexOf('/');
  return slash === -1 ? { namespace: null, name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
