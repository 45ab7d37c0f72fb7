import { isAlreadyExists, isNotFound } from './api-error.ts';
import type { ApiClient, ApiRequest } from './client.ts';
import { domainErrorOf } from './domain-error.ts';
import type { ApiCall } from './domain-error.ts';
import { resourcePath } from './resources.ts';
import type { Resource, WireList } from './resources.ts';

/** Objects in one page of a listing. */
const pageSize = 500;

export type Selector = { readonly labelSelector: string } | { readonly fieldSelector: string };

/**
 * The resources of one namespace. What is not there is null or false; every other failure is a DomainError, sorted by
 * {@link domainErrorOf}.
 */
export class NamespaceApi {
  readonly namespace: string;
  readonly #client: ApiClient;

  constructor(client: ApiClient, namespace: string) {
    this.#client = client;
    this.namespace = namespace;
  }

  /** Null when one of that name is there already. */
  async create<T>(resource: Resource, body: object, query: ApiRequest['query'] = {}): Promise<T | null> {
    const request = { method: 'POST', path: resourcePath(resource, this.namespace), body, query } as const;
    return this.#orNull(isAlreadyExists, { verb: 'create', resource }, () => this.#client.json<T>(request));
  }

  async get<T>(resource: Resource, name: string): Promise<T | null> {
    const request = { method: 'GET', path: resourcePath(resource, this.namespace, name) } as const;
    return this.#orNull(isNotFound, { verb: 'get', resource }, () => this.#client.json<T>(request));
  }

  /** In pages, so that neither side holds all of them. */
  async *list<T>(resource: Resource, selector: Selector): AsyncGenerator<T, void> {
    const path = resourcePath(resource, this.namespace);
    let token: string | undefined;
    do {
      const query = { ...selector, limit: pageSize, continue: token };
      const page = await this.#translated({ verb: 'list', resource }, () => this.#client.json<WireList<T>>({ method: 'GET', path, query }));
      yield* page.items;
      token = page.metadata.continue || undefined;
    } while (token !== undefined);
  }

  /** A JSON merge patch (RFC 7386). */
  async patch<T>(resource: Resource, name: string, body: object): Promise<T | null> {
    const request = { method: 'PATCH', path: resourcePath(resource, this.namespace, name), body } as const;
    return this.#orNull(isNotFound, { verb: 'patch', resource }, () => this.#client.json<T>(request));
  }

  /** @param options DeleteOptions of the API; a precondition that does not hold throws `unavailable` */
  async delete(resource: Resource, name: string, options: object): Promise<boolean> {
    const request = { method: 'DELETE', path: resourcePath(resource, this.namespace, name), body: options } as const;
    return (await this.#orNull(isNotFound, { verb: 'delete', resource }, () => this.#client.json<object>(request))) !== null;
  }

  /** Of a pod's container. Throws what the client throws: a node that does not answer is no failure of the API. */
  async log(pod: string, query: NonNullable<ApiRequest['query']>, signal: AbortSignal): Promise<string> {
    return this.#client.text({ method: 'GET', path: `${resourcePath('pods', this.namespace, pod)}/log`, query, signal });
  }

  async #orNull<T>(isNothing: (error: unknown) => boolean, call: Omit<ApiCall, 'namespace'>, work: () => Promise<T>): Promise<T | null> {
    return this.#translated(call, () => work().catch((error: unknown) => (isNothing(error) ? null : Promise.reject(error))));
  }

  async #translated<T>(call: Omit<ApiCall, 'namespace'>, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw domainErrorOf(error, { ...call, namespace: this.namespace });
    }
  }
}
