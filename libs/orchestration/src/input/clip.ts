/**
 * Cuts free text that somebody else's tool wrote to what a row may hold, and replaces NUL, which PostgreSQL's text does not
 * hold: a finding with a shortened description is worth more than a refused one.
 *
 * @param max characters (UTF-16 code units), the ellipsis included
 */
export function clip(text: string, max: number): string {
  const clean = text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
  if (clean.length <= max) return clean;
  const cut = clean.slice(0, max - 1);
  return `${isHighSurrogate(cut.charCodeAt(cut.length - 1)) ? cut.slice(0, -1) : cut}…`;
}

/** Like {@link clip}, but keeps the end: of a log the last lines say what went wrong. */
export function clipStart(text: string, max: number): string {
  const clean = text.replaceAll('\0', '\uFFFD');
  if (clean.length <= max) return clean;
  const cut = clean.slice(clean.length - max + 1);
  return `…${isLowSurrogate(cut.charCodeAt(0)) ? cut.slice(1) : cut}`;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
