/** Parsed text of unknown shape. A key such as `__proto__` is data here: it is only ever reached by {@link field} or {@link fields}. */
export type UntrustedRecord = Readonly<Record<string, unknown>>;

export function asRecord(value: unknown): UntrustedRecord | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as UntrustedRecord) : null;
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Empty when the value is not text. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** An own field, never an inherited one. */
export function field(value: unknown, name: string): unknown {
  const record = asRecord(value);
  return record !== null && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The own fields of a record; none when the value is not a record. */
export function fields(value: unknown): readonly (readonly [string, unknown])[] {
  const record = asRecord(value);
  return record === null ? [] : Object.entries(record);
}
