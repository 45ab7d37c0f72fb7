/**
 * Names that wait for a look, each with the moment at which it is due, in milliseconds. A name waits once, and is not handed
 * out again before the look at it is done.
 */
export class DueQueue {
  readonly #due = new Map<string, number>();
  readonly #taken = new Set<string>();

  /** Of two moments for one name the earlier counts. */
  add(name: string, dueAt: number): void {
    const known = this.#due.get(name);
    if (known === undefined || dueAt < known) this.#due.set(name, dueAt);
  }

  /** Hands out up to `limit` names that are due. */
  take(now: number, limit: number): readonly string[] {
    const names: string[] = [];
    for (const [name, dueAt] of this.#due) {
      if (names.length === limit) break;
      if (dueAt <= now && !this.#taken.has(name)) names.push(name);
    }
    for (const name of names) {
      this.#due.delete(name);
      this.#taken.add(name);
    }
    return names;
  }

  done(names: readonly string[]): void {
    for (const name of names) this.#taken.delete(name);
  }

  /** When the next name that may be handed out is due; Infinity where none waits. */
  get nextAt(): number {
    let next = Infinity;
    for (const [name, dueAt] of this.#due) if (dueAt < next && !this.#taken.has(name)) next = dueAt;
    return next;
  }
}
