/** A clock that stands still until a test moves it. */
export class FakeClock {
  #now: number;

  constructor(start: Date = new Date('2026-01-15T12:00:00Z')) {
    this.#now = start.getTime();
  }

  now(): Date {
    return new Date(this.#now);
  }

  /** @param ms milliseconds; negative ones step back */
  advance(ms: number): void {
    this.#now += ms;
  }
}
