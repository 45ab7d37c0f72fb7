import type { JsonPath } from '@cloudscan/json-stream';
import { SarifReadError } from './sarif-read-error.ts';

/**
 * A value of a log that knows where it stands, so that a fault is named by its path. What is absent is read as nothing, and so is null,
 * which some tools write for what they do not know; what is there has to have its type.
 */
export class JsonNode {
  static readonly absent = new JsonNode(undefined, []);

  readonly value: unknown;
  readonly #place: JsonPath | { readonly parent: JsonNode; readonly step: string | number };

  constructor(value: unknown, place: JsonPath | { readonly parent: JsonNode; readonly step: string | number }) {
    this.value = value ?? undefined;
    this.#place = place;
  }

  get isThere(): boolean {
    return this.value !== undefined;
  }

  get path(): JsonPath {
    return 'parent' in this.#place ? [...this.#place.parent.path, this.#place.step] : this.#place;
  }

  /** A member of an object. */
  at(key: string): JsonNode {
    return new JsonNode(this.#object()?.[key], { parent: this, step: key });
  }

  /** Of an object, in its order. */
  members(): readonly (readonly [string, JsonNode])[] {
    return Object.entries(this.#object() ?? {}).map(([key, value]) => [key, new JsonNode(value, { parent: this, step: key })]);
  }

  items(): readonly JsonNode[] {
    if (this.value === undefined) return [];
    if (!Array.isArray(this.value)) this.fail('is no array');
    return (this.value as unknown[]).map((value, step) => new JsonNode(value, { parent: this, step }));
  }

  /** Empty when absent. */
  text(): string {
    if (this.value === undefined) return '';
    if (typeof this.value !== 'string') this.fail('is no text');
    return this.value as string;
  }

  /** Null when absent. */
  integer(): number | null {
    if (this.value === undefined) return null;
    if (!Number.isSafeInteger(this.value)) this.fail('is no whole number');
    return this.value as number;
  }

  flag(): boolean | null {
    if (this.value === undefined) return null;
    if (typeof this.value !== 'boolean') this.fail('is neither true nor false');
    return this.value as boolean;
  }

  member<T extends string>(values: readonly T[]): T | null {
    if (this.value === undefined) return null;
    if (!values.includes(this.value as T)) this.fail(`is ${JSON.stringify(this.value).slice(0, 60)}; SARIF knows ${values.join(', ')}`);
    return this.value as T;
  }

  /** @throws SarifReadError */
  fail(problem: string): never {
    throw new SarifReadError(this.path, problem);
  }

  #object(): Readonly<Record<string, unknown>> | null {
    if (this.value === undefined) return null;
    if (typeof this.value !== 'object' || Array.isArray(this.value)) this.fail('is no object');
    return this.value as Readonly<Record<string, unknown>>;
  }
}
