import type { TimerClock } from '../../clock.ts';
import { ApiError } from '../api-server/status.ts';

/** Milliseconds of work after which requests get their turn. */
const sliceMs = 10;

type Task = () => void;

/** Runs what the controllers have to do, a little between every two rounds of the event loop. */
export class WorkLoop {
  readonly clock: TimerClock;
  #tasks: Task[] = [];
  #scheduled: NodeJS.Immediate | null = null;
  #isStopped = false;
  readonly #settled: (() => void)[] = [];

  constructor(clock: TimerClock) {
    this.clock = clock;
  }

  add(task: Task): void {
    if (this.#isStopped) return;
    this.#tasks.push(task);
    this.#scheduled ??= setImmediate(() => this.#run());
  }

  /** Resolves when nothing is left to do until the clock moves or somebody writes. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#scheduled === null) resolve();
      else this.#settled.push(resolve);
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#tasks = [];
    if (this.#scheduled !== null) clearImmediate(this.#scheduled);
    this.#rest();
  }

  #run(): void {
    const until = performance.now() + sliceMs;
    let index = 0;
    while (index < this.#tasks.length && performance.now() < until) {
      this.#tasks[index]!();
      index += 1;
    }
    this.#tasks.splice(0, index);
    if (this.#tasks.length > 0) this.#scheduled = setImmediate(() => this.#run());
    else this.#rest();
  }

  #rest(): void {
    this.#scheduled = null;
    for (const resolve of this.#settled.splice(0)) resolve();
  }
}

/** The keys that a controller has to look at, each once, now or at a time. */
export class WorkQueue {
  readonly #loop: WorkLoop;
  readonly #reconcile: (key: string) => void;
  readonly #waiting = new Set<string>();
  readonly #timers = new Map<string, { readonly time: number; readonly cancel: () => void }>();

  constructor(loop: WorkLoop, reconcile: (key: string) => void) {
    this.#loop = loop;
    this.#reconcile = reconcile;
  }

  add(key: string): void {
    if (this.#waiting.has(key)) return;
    this.#waiting.add(key);
    this.#loop.add(() => this.#work(key));
  }

  /** An earlier time for the same key stays. */
  addAt(key: string, time: Date): void {
    const before = this.#timers.get(key);
    if (before !== undefined && before.time <= time.getTime()) return;
    before?.cancel();
    const cancel = this.#loop.clock.at(time, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { time: time.getTime(), cancel });
  }

  stop(): void {
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  #work(key: string): void {
    this.#waiting.delete(key);
    try {
      this.#reconcile(key);
    } catch (error) {
      // What it was about went meanwhile, which its deletion tells of.
      if (!(error instanceof ApiError && error.code === 404)) throw error;
    }
  }
}
