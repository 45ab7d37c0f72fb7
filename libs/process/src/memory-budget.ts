import { groupsMemory } from './group-memory.ts';

/** Milliseconds between two looks. */
const intervalMs = 250;

interface Member {
  readonly group: number;
  readonly end: () => void;
  isEnding: boolean;
}

/**
 * Memory that process groups share. When all of them take more than that, the one that takes the most is ended, so that one program that
 * grows costs itself and not the others.
 */
export class MemoryBudget {
  readonly limitBytes: number;
  readonly #members = new Set<Member>();
  #timer: NodeJS.Timeout | undefined;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /**
   * @param end called at most once, when the group is the one to go
   * @returns takes the group out again
   */
  join(group: number, end: () => void): () => void {
    const member: Member = { group, end, isEnding: false };
    this.#members.add(member);
    this.#timer ??= setTimeout(() => void this.#look(), intervalMs);
    return () => {
      this.#members.delete(member);
      if (this.#members.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  async #look(): Promise<void> {
    const members = [...this.#members];
    const memory = await groupsMemory(
      members.map(({ group }) => group),
      this.limitBytes,
    ).catch(() => []);
    if (memory.reduce((total, bytes) => total + bytes, 0) > this.limitBytes) this.#endLargest(members, memory);
    if (this.#timer !== undefined) this.#timer = setTimeout(() => void this.#look(), intervalMs);
  }

  /** While one is ending its memory is as good as free. */
  #endLargest(members: readonly Member[], memory: readonly number[]): void {
    if (members.some(({ isEnding }) => isEnding)) return;
    const largest = members[memory.indexOf(Math.max(...memory))];
    if (largest === undefined || !this.#members.has(largest)) return;
    largest.isEnding = true;
    largest.end();
  }
}
