import type { IncomingMessage, ServerResponse } from 'node:http';
import { contentType, readBody, readObject } from './api-request.ts';
import type { ApiRequest } from './api-request.ts';
import { formatList, listPage, selectionOf } from './listing.ts';
import { parse } from './object-api.ts';
import type { DeleteOptions, ObjectApi, Submitted } from './object-api.ts';
import type { KubernetesObject } from './object.ts';
import { applyPatch } from './patch.ts';
import { bindPod, evictPod } from './pod-actions.ts';
import { apiVersionOf } from './resource.ts';
import type { Propagation } from './resource.ts';
import { invalid, plainError } from './status.ts';
import { formatTable, wantsTable } from './tables.ts';
import { immutable } from './validation.ts';
import { rowObjectOf } from './watching.ts';

export interface Answer {
  readonly code: number;
  /** JSON text. */
  readonly body: string;
}

/** Does what a request asks, watches and logs apart. @throws ApiError */
export async function handle(api: ObjectApi, asked: ApiRequest, message: IncomingMessage, staleRevision: number | null): Promise<Answer> {
  const accept = message.headers.accept ?? '';
  switch (asked.verb) {
    case 'get':
      return answer(200, asTable(api, asked, accept, get(api, asked)));
    case 'list':
      return list(api, asked, accept, staleRevision);
    case 'create':
      return create(api, asked, (await readObject(message)) as Submitted);
    case 'update':
      return answer(200, update(api, asked, (await readObject(message)) as Submitted));
    case 'patch':
      return answer(200, patch(api, asked, patchFormat(message), await readPatch(message)));
    case 'delete':
      return remove(api, asked, (await readBody(message)) as DeleteOptions | undefined);
    case 'deletecollection':
      return removeAll(api, asked, (await readBody(message)) as DeleteOptions | undefined);
    case 'watch':
      throw plainError(500, 'a watch has no single answer');
  }
}

function answer(code: number, object: object): Answer {
  return { code, body: JSON.stringify(object) };
}

function get(api: ObjectApi, { resource, namespace, name }: ApiRequest): KubernetesObject {
  return api.get(resource, namespace, name!);
}

function list(api: ObjectApi, asked: ApiRequest, accept: string, staleRevision: number | null): Answer {
  const page = listPage(api, asked, staleRevision);
  if (!wantsTable(accept)) return { code: 200, body: formatList(asked.resource, page) };
  const metadata = {
    resourceVersion: String(page.revision),
    continue: page.continueToken ?? undefined,
    remainingItemCount: page.remaining ?? undefined,
  };
  const objects = page.items.map((item) => parse<KubernetesObject>(item));
  return answer(200, formatTable(asked.resource, objects, metadata, api.clock.now(), rowObjectOf(asked.query)));
}

function asTable(api: ObjectApi, { resource, query }: ApiRequest, accept: string, object: KubernetesObject): object {
  if (!wantsTable(accept)) return object;
  const metadata = { resourceVersion: object.metadata.resourceVersion };
  return formatTable(resource, [object], metadata, api.clock.now(), rowObjectOf(query));
}

function create(api: ObjectApi, asked: ApiRequest, body: Submitted): Answer {
  const { resource, namespace, name, subresource } = asked;
  switch (subresource) {
    case null:
      return answer(201, api.create(resource, namespace, body, isDryRun(asked)));
    case 'binding':
      bindPod(api, namespace!, name!, (body as { target?: { name?: string } }).target?.name);
      return answer(201, success());
    case 'eviction':
      evictPod(api, namespace!, name!, (body as { deleteOptions?: DeleteOptions }).deleteOptions);
      return answer(201, success());
    default:
      throw plainError(405, 'the server does not allow this method on the requested resource');
  }
}

function update(api: ObjectApi, asked: ApiRequest, body: Submitted): KubernetesObject {
  return api.update(asked.resource, asked.namespace, asked.name!, partOf(asked), body, isDryRun(asked));
}

function patch(api: ObjectApi, asked: ApiRequest, format: string, changes: unknown): KubernetesObject {
  const apply = (object: KubernetesObject): KubernetesObject => {
    const patched = applyPatch(format, object, changes) as KubernetesObject;
    if (patched.metadata?.name !== object.metadata.name) throw plainError(400, 'the name of the object may not be changed by a patch');
    const { uid } = patched.metadata;
    if (uid !== object.metadata.uid) throw invalid(object.kind, asked.resource, asked.name!, [immutable('metadata.uid', uid)]);
    return patched;
  };
  return api.modify(asked.resource, asked.namespace, asked.name!, partOf(asked), apply, isDryRun(asked));
}

function patchFormat(message: IncomingMessage): string {
  const format = contentType(message);
  // Refuses other formats before the body is read.
  applyPatch(format, {}, format === 'application/json-patch+json' ? [] : {});
  return format;
}

async function readPatch(message: IncomingMessage): Promise<unknown> {
  const body = await readBody(message);
  if (body === undefined) throw plainError(400, 'the body of a patch must not be empty');
  return body;
}

function partOf({ subresource }: ApiRequest): 'main' | 'status' {
  if (subresource === null) return 'main';
  if (subresource === 'status') return 'status';
  throw plainError(405, 'the server does not allow this method on the requested resource');
}

function remove(api: ObjectApi, asked: ApiRequest, body: DeleteOptions | undefined): Answer {
  const { resource, namespace, name } = asked;
  const { object, isGone } = api.delete(resource, namespace, name!, deleteOptions(asked, body), isDryRun(asked));
  // Pods come back as they were; of most others only that they went.
  if (!isGone || resource.kind === 'Pod') return answer(200, object);
  const details = { name: name!, group: resource.group || undefined, kind: resource.plural, uid: object.metadata.uid };
  return answer(200, { ...success(), details });
}

function removeAll(api: ObjectApi, asked: ApiRequest, body: DeleteOptions | undefined): Answer {
  const { resource, namespace } = asked;
  const options = deleteOptions(asked, body);
  const items = api
    .list(resource, namespace, selectionOf(asked))
    .map(({ metadata }) => api.delete(resource, metadata.namespace ?? null, metadata.name, options, isDryRun(asked)).object);
  return answer(200, {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata: { resourceVersion: String(api.store.revision) },
    items,
  });
}

/** From the body or the query, as clients may choose. */
function deleteOptions({ query }: ApiRequest, body: DeleteOptions = {}): DeleteOptions {
  const grace = query.get('gracePeriodSeconds');
  const options: DeleteOptions = {
    propagationPolicy: (query.get('propagationPolicy') as Propagation | null) ?? undefined,
    gracePeriodSeconds: grace === null ? undefined : Number(grace),
    ...body,
  };
  const policy = options.propagationPolicy;
  if (policy !== undefined && !['Background', 'Foreground', 'Orphan'].includes(policy)) {
    throw plainError(422, `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "${policy}"`);
  }
  return options;
}

function isDryRun({ query }: ApiRequest): boolean {
  return query.get('dryRun') === 'All';
}

function success(): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
}

/** Whether the caller may do something; here everybody may do everything. */
export function reviewAccess(review: object): object {
  return { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', ...review, status: { allowed: true } };
}

export function sendJson(response: ServerResponse, { code, body }: Answer, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}
