import type { KubernetesObject } from './object.ts';
import type { Resource } from './resource.ts';
import type { StatusCause } from './status.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const qualifiedName = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/;

const maxNameLength = 253;
const maxAnnotationBytes = 262_144;

export function required(field: string, message = ''): StatusCause {
  return { reason: 'FieldValueRequired', field, message: `Required value${message === '' ? '' : `: ${message}`}` };
}

export function invalidValue(field: string, value: unknown, why: string): StatusCause {
  return { reason: 'FieldValueInvalid', field, message: `Invalid value: ${JSON.stringify(value)}: ${why}` };
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): StatusCause {
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((name) => JSON.stringify(name)).join(', ')}`;
  return { reason: 'FieldValueNotSupported', field, message };
}

export function forbidden(field: string, message: string): StatusCause {
  return { reason: 'FieldValueForbidden', field, message: `Forbidden: ${message}` };
}

export function immutable(field: string, value: unknown): StatusCause {
  return invalidValue(field, value, 'field is immutable');
}

export function isDnsLabel(value: string): boolean {
  return dnsLabel.test(value) && value.length <= 63;
}

/** What is wrong with the metadata, as for every kind of object. */
export function validateMetadata(object: KubernetesObject, previous: KubernetesObject | null): readonly StatusCause[] {
  const { name, labels = {}, annotations = {}, finalizers = [] } = object.metadata;
  const causes: StatusCause[] = [];
  if (name === undefined || name === '') return [required('metadata.name', 'name or generateName is required')];
  if (name.length > maxNameLength) causes.push(invalidValue('metadata.name', name, `must be no more than ${maxNameLength} characters`));
  if (!subdomain.test(name)) {
    const rule =
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with";
    causes.push(invalidValue('metadata.name', name, `${rule} an alphanumeric character (regex: '${subdomain.source.slice(1, -1)}')`));
  }
  causes.push(...validateLabels('metadata.labels', labels));
  const size = Object.entries(annotations).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (size > maxAnnotationBytes) causes.push(invalidValue('metadata.annotations', size, `must have at most ${maxAnnotationBytes} bytes`));
  if (previous?.metadata.deletionTimestamp !== undefined) {
    const added = finalizers.filter((finalizer) => !previous.metadata.finalizers?.includes(finalizer));
    if (added.length > 0) {
      const found = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
      const message = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${found}}`;
      causes.push(forbidden('metadata.finalizers', message));
    }
  }
  return causes;
}

export function validateLabels(field: string, labels: Readonly<Record<string, string>>): readonly StatusCause[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    if (!qualifiedName.test(key))
      return [invalidValue(field, key, 'name part must consist of alphanumeric characters, and at most 63 of them')];
    if (typeof value !== 'string' || !labelValue.test(value)) {
      return [
        invalidValue(
          field,
          value,
          "a valid label must be an empty string or consist of at most 63 alphanumeric characters, '-', '_' or '.'",
        ),
      ];
    }
    return [];
  });
}

/** Not less than zero, where it is given. */
export function validateNonNegative(field: string, value: number | undefined): readonly StatusCause[] {
  return value !== undefined && value < 0 ? [invalidValue(field, value, 'must be greater than or equal to 0')] : [];
}

/** The fields by which objects of the resource can be selected. */
export function selectableFields(resource: Resource): readonly string[] {
  return ['metadata.name', ...(resource.isNamespaced ? ['metadata.namespace'] : []), ...resource.fields];
}
