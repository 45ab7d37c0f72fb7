const marker = /(?:\/\/|#|\/\*|<!--|--)\s*cloudscan-ignore\b(.*)$/;
/** The shape of every rule id: words joined by hyphens. */
const ruleId = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)+$/;

/**
 * The lines that a comment takes out of the scan: `cloudscan-ignore` on a line of its own speaks for the next line, behind code for its own.
 * Rule ids after it limit it to these rules; any other word is the reader's reason.
 */
export class Suppressions {
  readonly #byLine = new Map<number, readonly string[]>();

  constructor(lines: readonly string[]) {
    for (const [index, line] of lines.entries()) {
      const comment = line.includes('cloudscan-ignore') ? marker.exec(line) : null;
      if (comment === null) continue;
      const ids = comment[1]!.split(/[\s,:]+/).filter((word) => ruleId.test(word));
      const standsAlone = line.slice(0, comment.index).trim() === '';
      this.#byLine.set(standsAlone ? index + 2 : index + 1, ids);
    }
  }

  /** @param line 1-based */
  covers(line: number, rule: string): boolean {
    const ids = this.#byLine.get(line);
    return ids !== undefined && (ids.length === 0 || ids.includes(rule));
  }
}
