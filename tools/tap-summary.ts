export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What a run of tests came to, and how to show one line of its TAP stream to a person. */
export class TapSummary {
  readonly skipped: string[] = [];
  readonly failed: string[] = [];
  #seenPassed = 0;
  #footer = new Map<string, number>();

  /** Null for a line that says nothing to a person. */
  read(line: string): string | null {
    const result = /^(not )?ok \d+(?: - (.*?))?(?: # (SKIP|TODO).*)?$/.exec(line);
    if (result !== null) return this.#readResult(result[1] !== undefined, result[2] ?? '', result[3] !== undefined);
    const total = /^# (tests|pass|skip|todo|fail) (\d+)$/.exec(line);
    if (total !== null) this.#footer.set(total[1]!, Number(total[2]));
    return isNoise(line) ? null : line;
  }

  /** The stream's own totals, which also count tests that never ended; what was seen of it where it broke off. */
  get counts(): Totals {
    const isWhole = this.#footer.has('fail');
    return {
      passed: isWhole ? (this.#footer.get('pass') ?? 0) : this.#seenPassed,
      failed: isWhole ? this.#footer.get('fail')! : Math.max(this.failed.length, 1),
      skipped: this.skipped.length,
    };
  }

  #readResult(failed: boolean, title: string, skipped: boolean): string {
    if (skipped) {
      this.skipped.push(title);
      return `  - ${title}`;
    }
    if (failed) {
      this.failed.push(title);
      return `  ✘ ${title}`;
    }
    this.#seenPassed += 1;
    return `  ✔ ${title}`;
  }
}

/** The frame of the stream, its totals, and the names of hooks that went well. */
function isNoise(line: string): boolean {
  return /^(TAP version|1\.\.\d|$)/.test(line) || (/^# \S/.test(line) && !line.includes(' remaining in '));
}
