import { randomUUID } from 'node:crypto';
import { resourcePath } from './api-request.ts';
import type { ApiRequest, Verb } from './api-request.ts';

/** What goes wrong with a request. */
export type FaultEffect =
  /** An error in the Status format; 429 and 503 say `Retry-After` when `retryAfterSeconds` is given. Nothing takes effect. */
  | {
      readonly kind: 'status';
      readonly code: 401 | 403 | 409 | 410 | 429 | 500 | 503 | 504;
      readonly retryAfterSeconds?: number;
      readonly message?: string;
    }
  /** The connection is reset before the request has taken effect, or after, so that only the answer is lost. */
  | { readonly kind: 'reset'; readonly when: 'before' | 'after' }
  /** The answer comes this many milliseconds later, then in pieces over as long again. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** No answer comes; the connection stays open. */
  | { readonly kind: 'hang' }
  /** A list is answered as things were when the fault was set. */
  | { readonly kind: 'stale' }
  /** A watch goes silent for good, its connection open. */
  | { readonly kind: 'freeze' }
  /** A watch breaks off in the middle of an event. */
  | { readonly kind: 'cut' }
  /** A watch tells an event twice. */
  | { readonly kind: 'duplicate' }
  /** A watch tells an event after the one that follows it. */
  | { readonly kind: 'reorder' };

export interface Fault {
  readonly effect: FaultEffect;
  /** Any by default. */
  readonly verbs?: readonly Verb[];
  /** Plurals, with `/<subresource>` where there is one: `jobs`, `pods/log`. Any by default. */
  readonly resources?: readonly string[];
  /** A regular expression that the name must match; what has no name matches none. */
  readonly name?: string;
  /** Share of the requests (of a watch's events) that it hits, 0 to 1; all by default. */
  readonly probability?: number;
  /** After so many hits it is over; never by default. */
  readonly count?: number;
}

export interface ActiveFault extends Fault {
  readonly id: string;
  readonly hits: number;
  /** The store's revision when it was set. */
  readonly revision: number;
}

const watchEffects: ReadonlySet<FaultEffect['kind']> = new Set(['freeze', 'cut', 'duplicate', 'reorder']);

/** What is to go wrong, as tests set it. */
export class Faults {
  readonly #faults = new Map<string, ActiveFault & { hits: number }>();
  readonly #revision: () => number;
  readonly #random: () => number;

  constructor(revision: () => number, random: () => number) {
    this.#revision = revision;
    this.#random = random;
  }

  /** Returns the fault's id. @throws Error when it says what cannot be */
  add(fault: Fault): string {
    const { probability = 1 } = fault;
    if (typeof fault.effect?.kind !== 'string' || !(probability >= 0 && probability <= 1))
      throw new Error(`not a fault: ${JSON.stringify(fault)}`);
    const id = randomUUID();
    this.#faults.set(id, { ...fault, id, hits: 0, revision: this.#revision() });
    return id;
  }

  remove(id: string): void {
    this.#faults.delete(id);
  }

  clear(): void {
    this.#faults.clear();
  }

  list(): readonly ActiveFault[] {
    return [...this.#faults.values()];
  }

  /** The fault that hits this request, counted as a hit. */
  ofRequest(request: ApiRequest): ActiveFault | null {
    return this.#draw(request, (kind) => !watchEffects.has(kind) && (kind !== 'stale' || request.verb === 'list'));
  }

  /** The fault that hits the next event of this watch, counted as a hit. */
  ofEvent(request: ApiRequest): ActiveFault | null {
    return this.#faults.size === 0 ? null : this.#draw(request, (kind) => watchEffects.has(kind));
  }

  #draw(request: ApiRequest, isPossible: (kind: FaultEffect['kind']) => boolean): ActiveFault | null {
    for (const fault of this.#faults.values()) {
      if (!isPossible(fault.effect.kind) || !concerns(fault, request)) continue;
      if (fault.hits >= (fault.count ?? Infinity)) continue;
      if (this.#random() >= (fault.probability ?? 1)) continue;
      fault.hits += 1;
      return fault;
    }
    return null;
  }
}

function concerns({ verbs, resources, name }: Fault, request: ApiRequest): boolean {
  if (verbs !== undefined && !verbs.includes(request.verb)) return false;
  if (resources !== undefined && !resources.includes(resourcePath(request))) return false;
  return name === undefined || (request.name !== null && new RegExp(name).test(request.name));
}
