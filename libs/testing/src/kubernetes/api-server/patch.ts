import { isDeepStrictEqual } from 'node:util';
import { plainError } from './status.ts';

type Json = string | number | boolean | null | readonly Json[] | JsonObject;
type JsonObject = { readonly [name: string]: Json };

/**
 * Applies a patch in one of the three formats of the Kubernetes API; neither argument is changed.
 *
 * @throws ApiError 415 for another format, 400 or 422 for a patch that cannot be applied
 */
export function applyPatch(contentType: string, target: object, patch: unknown): object {
  switch (contentType) {
    case 'application/merge-patch+json':
      return mergePatch(target as JsonObject, requireObject(patch)) as object;
    case 'application/strategic-merge-patch+json':
      return strategicMerge(target as JsonObject, requireObject(patch));
    case 'application/json-patch+json':
      return jsonPatch(target as JsonObject, patch) as object;
    default: {
      const accepted = ['json-patch', 'merge-patch', 'strategic-merge-patch'].map((format) => `application/${format}+json`).join(', ');
      throw plainError(415, `the body of the request was in an unknown format - accepted media types include: ${accepted}`);
    }
  }
}

function requireObject(patch: unknown): JsonObject {
  if (isObject(patch as Json)) return patch as JsonObject;
  throw plainError(400, 'error decoding patch: it must be a JSON object');
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7386. */
function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: Record<string, Json> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

/**
 * By which field the items of a list are the same item. Lists that are not named here are replaced as a whole.
 * https://kubernetes.io/docs/reference/generated/kubernetes-api/ (patch merge key)
 */
const mergeKeys: Readonly<Record<string, string>> = {
  addresses: 'type',
  conditions: 'type',
  containers: 'name',
  env: 'name',
  ephemeralContainers: 'name',
  hostAliases: 'ip',
  imagePullSecrets: 'name',
  initContainers: 'name',
  ownerReferences: 'uid',
  podIPs: 'ip',
  ports: 'containerPort',
  resourceClaims: 'name',
  schedulingGates: 'name',
  secrets: 'name',
  taints: 'key',
  topologySpreadConstraints: 'topologyKey',
  volumeDevices: 'devicePath',
  volumeMounts: 'mountPath',
  volumes: 'name',
};

/** Lists of plain values in which a patch adds. */
const mergedValues: ReadonlySet<string> = new Set(['finalizers']);

const deletedValues = '$deleteFromPrimitiveList/';

function strategicMerge(target: JsonObject, patch: JsonObject): JsonObject {
  const { $patch: directive, $retainKeys: retained, ...changes } = patch;
  if (directive === 'replace') return changes;
  if (directive === 'delete') return {};
  const merged: Record<string, Json> = { ...target };
  if (Array.isArray(retained)) for (const name of Object.keys(merged)) if (!retained.includes(name)) delete merged[name];
  for (const [name, value] of Object.entries(changes)) {
    if (name.startsWith(deletedValues)) {
      const list = name.slice(deletedValues.length);
      merged[list] = ((merged[list] ?? []) as Json[]).filter((item) => !(value as Json[]).includes(item));
    } else if (value === null) {
      delete merged[name];
    } else if (!name.startsWith('$')) {
      merged[name] = mergeField(name, merged[name], value);
    }
  }
  return merged;
}

function mergeField(name: string, target: Json | undefined, patch: Json): Json {
  if (isObject(patch)) return strategicMerge(isObject(target) ? target : {}, patch);
  if (!Array.isArray(patch)) return patch;
  const before = Array.isArray(target) ? (target as Json[]) : [];
  if (mergedValues.has(name)) return [...patch, ...before.filter((item) => !patch.includes(item))];
  const key = mergeKeys[name];
  return key === undefined ? patch : mergeItems(key, before as JsonObject[], patch as JsonObject[]);
}

function mergeItems(key: string, target: readonly JsonObject[], patch: readonly JsonObject[]): Json {
  if (patch.some((item) => item['$patch'] === 'replace')) return patch.filter((item) => item['$patch'] === undefined);
  const merged = [...target];
  for (const item of patch) {
    if (item[key] === undefined) throw plainError(400, `map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const index = merged.findIndex((candidate) => candidate[key] === item[key]);
    if (item['$patch'] === 'delete') {
      if (index !== -1) merged.splice(index, 1);
    } else {
      merged[index === -1 ? merged.length : index] = strategicMerge(merged[index] ?? {}, item);
    }
  }
  return merged;
}

interface Operation {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  readonly path: string;
  readonly from?: string;
  readonly value?: Json;
}

type MutableJson = Json[] | Record<string, Json>;

/** RFC 6902. */
function jsonPatch(target: JsonObject, patch: unknown): Json {
  if (!Array.isArray(patch)) throw plainError(400, 'error decoding patch: it must be a list of operations');
  // A holder, so that the whole document has a place too.
  const holder = { document: structuredClone(target) as Json };
  for (const operation of patch as readonly Operation[]) applyOperation(holder, operation);
  return holder.document;
}

function applyOperation(holder: { document: Json }, { op, path, from = '', value = null }: Operation): void {
  switch (op) {
    case 'add':
      return add(holder, path, value);
    case 'remove':
      return void remove(holder, path);
    case 'replace':
      read(holder, path);
      remove(holder, path);
      return add(holder, path, value);
    case 'move':
      return add(holder, path, remove(holder, from));
    case 'copy':
      return add(holder, path, structuredClone(read(holder, from)));
    case 'test':
      if (isDeepStrictEqual(read(holder, path), value)) return;
      throw plainError(422, `the server rejected our request due to an error in our request: testing value ${path} failed`);
  }
}

interface Place {
  readonly parent: MutableJson;
  readonly name: string;
}

function locate(holder: { document: Json }, pointer: string): Place {
  const names = ['document', ...pointer.split('/').slice(1)].map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  let parent: Json = holder;
  for (const name of names.slice(0, -1)) {
    const child: Json | undefined = (parent as Record<string, Json>)[name];
    if (typeof child !== 'object' || child === null) throw missingPath(pointer);
    parent = child;
  }
  return { parent: parent as MutableJson, name: names.at(-1)! };
}

function read(holder: { document: Json }, pointer: string): Json {
  const { parent, name } = locate(holder, pointer);
  const value = (parent as Record<string, Json>)[name];
  if (value === undefined) throw missingPath(pointer);
  return value;
}

function add(holder: { document: Json }, pointer: string, value: Json): void {
  const { parent, name } = locate(holder, pointer);
  if (!Array.isArray(parent)) parent[name] = value;
  else if (name === '-') parent.push(value);
  else if (Number(name) <= parent.length) parent.splice(Number(name), 0, value);
  else throw missingPath(pointer);
}

function remove(holder: { document: Json }, pointer: string): Json {
  const value = read(holder, pointer);
  const { parent, name } = locate(holder, pointer);
  if (Array.isArray(parent)) parent.splice(Number(name), 1);
  else delete parent[name];
  return value;
}

function missingPath(pointer: string): Error {
  return plainError(422, `the server rejected our request due to an error in our request: doc is missing path: ${pointer}`);
}
