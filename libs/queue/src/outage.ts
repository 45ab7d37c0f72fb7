/** Failures in a row, with no success between, after which what the handlers depend on counts as away. */
const failuresOfAnOutage = 5;

/** Milliseconds of pause: a quarter of how long it is away already, within these. */
const pauseMs = { least: 1000, most: 30_000 } as const;

/** Milliseconds between probes at least, however many messages come. */
const probeMs = 250;

/**
 * Keeps messages where they are while what all their handlers depend on is away: after some failures in a row only single
 * messages are tried, at growing pauses or when a new one comes, until one succeeds.
 */
export class Outage {
  readonly #now: () => number;
  #since: number | null = null;
  #failures = 0;
  #probedAt = 0;
  #nextProbeAt = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A handler met it. Answers after how many milliseconds its message may be tried again. */
  failed(): number {
    const now = this.#now();
    this.#since ??= now;
    this.#failures += 1;
    const pause = Math.min(Math.max((now - this.#since) / 4, pauseMs.least), pauseMs.most);
    this.#nextProbeAt = now + pause;
    return pause * (0.5 + Math.random() / 2);
  }

  succeeded(): void {
    this.#since = null;
    this.#failures = 0;
  }

  /** A new message came, which may fare better than those before. */
  probe(): void {
    this.#nextProbeAt = Math.min(this.#nextProbeAt, this.#probedAt + probeMs);
  }

  /** How many of `wanted` messages may be taken now. */
  allow(wanted: number): number {
    if (this.#failures < failuresOfAnOutage || wanted <= 0) return wanted;
    if (this.waitMs > 0) return 0;
    this.#probedAt = this.#now();
    this.#nextProbeAt = this.#probedAt + pauseMs.least;
    return 1;
  }

  /** Milliseconds until one may be taken; 0 when it is not away. */
  get waitMs(): number {
    return this.#failures < failuresOfAnOutage ? 0 : Math.max(0, this.#nextProbeAt - this.#now());
  }
}
