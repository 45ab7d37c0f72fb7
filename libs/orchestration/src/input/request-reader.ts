import { invalidArguments, isUuid } from '@cloudscan/domain';
import type { FieldViolation } from '@cloudscan/domain';
import type { PageRequest } from '../ports/page.ts';

/** A value of a closed list as a request gives it: null when it was not said, undefined when the list does not hold it. */
export type Given<T extends string> = T | null | undefined;

/** Page size and token as a request gives them; 0 and '' when they were not said. */
export interface GivenPage {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface TextRules {
  /** Characters (UTF-16 code units). */
  readonly max: number;
  readonly required?: boolean;
  /** What the text must match, and how a person would say that. */
  readonly form?: { readonly pattern: RegExp; readonly description: string };
}

const controlCharacters = /[\u0000-\u001f\u007f]/;
/** They travel in the trailers, of which gRPC clients take 8 KiB, twice: as text and as details. */
const maxViolations = 25;
const sha256Form = { pattern: /^[0-9a-f]{64}$/, description: 'the lower-case hexadecimal form of a SHA-256, 64 digits' };

/**
 * Reads a request's fields and gathers the violations, so that one answer names them all (the first 25). Fields are named as the proto
 * names them, for example `scan_types[0]`. What a method answers after a violation only has the right type.
 */
export class RequestReader {
  readonly #violations: FieldViolation[] = [];

  /** A UUID that must be there. Whether something has it is another question. */
  id(field: string, text: string): string {
    if (text === '') this.wrong(field, 'is empty; give the id');
    else if (!isUuid(text)) this.wrong(field, 'is not an id; give a UUID in lower case');
    return text;
  }

  /** Null when empty. */
  optionalId(field: string, text: string): string | null {
    return text === '' ? null : this.id(field, text);
  }

  /** One line of text: no control characters. */
  line(field: string, text: string, rules: TextRules): string {
    if (!controlCharacters.test(text)) return this.text(field, text, rules);
    this.wrong(field, 'holds control characters; leave them out');
    return text;
  }

  /** Any text but NUL, which PostgreSQL's text does not hold. */
  text(field: string, text: string, { max, required = false, form }: TextRules): string {
    if (text === '') {
      if (required) this.wrong(field, 'is empty');
    } else if (text.length > max) {
      this.wrong(field, `has ${text.length} characters; at most ${max} are allowed`);
    } else if (text.includes('\0')) {
      this.wrong(field, 'holds a NUL character; leave it out');
    } else if (form !== undefined && !form.pattern.test(text)) {
      this.wrong(field, `must be ${form.description}`);
    }
    return text;
  }

  /** Empty, or a SHA-256. */
  sha256(field: string, text: string): string {
    return this.text(field, text, { max: 64, form: sha256Form });
  }

  integer(field: string, value: number, bounds: { readonly min: number; readonly max: number }): number {
    if (!Number.isSafeInteger(value) || value < bounds.min || value > bounds.max) {
      this.wrong(field, `is ${value}; give a whole number from ${bounds.min} to ${bounds.max}`);
    }
    return value;
  }

  /** One of a closed list that must be said. */
  member<T extends string>(field: string, value: Given<T>, values: readonly T[]): T {
    if (value === null) this.wrong(field, `is not set; give one of ${values.join(', ')}`);
    return this.optionalMember(field, value, values) ?? values[0]!;
  }

  /** One of a closed list, or null when it was not said. */
  optionalMember<T extends string>(field: string, value: Given<T>, values: readonly T[]): T | null {
    if (value === null) return null;
    if (value !== undefined && values.includes(value)) return value;
    this.wrong(field, `is not known here; give one of ${values.join(', ')}`);
    return null;
  }

  /** Size 0 means 50, above 1,000 means 1,000. Whether the token belongs to the query, the repository finds out. */
  page({ pageSize, pageToken }: GivenPage): PageRequest {
    this.integer('page_size', pageSize, { min: 0, max: 2 ** 31 - 1 });
    this.line('page_token', pageToken, { max: 1024 });
    return { pageSize: pageSize === 0 ? 50 : Math.min(pageSize, 1000), pageToken: pageToken === '' ? null : pageToken };
  }

  /** Records a violation: what is wrong and how to mend it. */
  wrong(field: string, description: string): void {
    if (this.#violations.length < maxViolations) this.#violations.push({ field, description });
  }

  /** @throws invalid_argument naming every field that was wrong */
  finish(): void {
    if (this.#violations.length > 0) throw invalidArguments(this.#violations);
  }
}

/**
 * Runs a reader and finishes it.
 *
 * @throws invalid_argument
 */
export function readRequest<T>(read: (reader: RequestReader) => T): T {
  const reader = new RequestReader();
  const request = read(reader);
  reader.finish();
  return request;
}
