const token = /"(?:[^"\\]|\\.)*"|[{}[\],]|\n/g;

/** Joins the keys of a path; no JSON key of a lock file holds it. */
export const pathSeparator = '\u0000';

/**
 * The 1-based line of every object member of a JSON text down to `maxDepth` keys, by its path (keys, and indexes of
 * arrays, joined by {@link pathSeparator}). JSON.parse gives no positions, so this reads the tokens a second time.
 * The text must be JSON that JSON.parse accepts.
 */
export function linesOfJson(text: string, maxDepth: number): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const stack: { readonly isArray: boolean; key: string; expectsKey: boolean; index: number }[] = [];
  let line = 1;
  const note = (): void => {
    if (stack.length > maxDepth) return;
    const path = stack.map((level) => (level.isArray ? String(level.index) : level.key)).join(pathSeparator);
    if (!lines.has(path)) lines.set(path, line);
  };
  for (const [text_] of text.matchAll(token)) {
    const top = stack.at(-1);
    switch (text_) {
      case '\n':
        line += 1;
        break;
      case '{':
      case '[':
        if (top?.isArray === true) note();
        stack.push({ isArray: text_ === '[', key: '', expectsKey: text_ === '{', index: 0 });
        break;
      case '}':
      case ']':
        stack.pop();
        break;
      case ',':
        if (top === undefined) break;
        top.index += 1;
        top.expectsKey = !top.isArray;
        break;
      default:
        if (top === undefined || !top.expectsKey) break;
        top.key = stack.length > maxDepth ? '' : (JSON.parse(text_) as string);
        top.expectsKey = false;
        note();
    }
  }
  return lines;
}
