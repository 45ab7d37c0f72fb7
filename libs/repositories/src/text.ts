/** Makes any text storable: PostgreSQL refuses NUL, and jsonb refuses half of a surrogate pair. */
export function storable(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', '\uFFFD') : wellFormed;
}

/** At most `length` UTF-16 units, storable. */
export function clip(text: string, length: number): string {
  return storable(text.slice(0, length));
}

/** An array of texts as PostgreSQL writes it. */
export function toTextArray(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`).join(',')}}`;
}

/** JSON for a jsonb parameter; null stays SQL's null. */
export function toJson(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value, (_key, member: unknown) => (typeof member === 'string' ? storable(member) : member));
}
