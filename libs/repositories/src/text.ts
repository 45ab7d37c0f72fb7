/** Makes any text storable: PostgreSQL refuses NUL, and jsonb refuses half of a surrogate pair. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** At most `length` UTF-16 units, storable. */
export function clip(text: string, length: number): string {
  return storable(text.slice(0, length));
}

/** JSON for a jsonb parameter; null stays SQL's null. */
export function toJson(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value, (_key, member: unknown) => (typeof member === 'string' ? storable(member) : member));
}
