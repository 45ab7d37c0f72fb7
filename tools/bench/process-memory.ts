import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds between two looks; the kernel keeps each process's peak, so only short-lived ones can be missed. */
const intervalMs = 50;

/**
 * Follows the processes below one process and keeps each kind's highest peak of resident memory (VmHWM of proc(5)).
 * Linux only.
 */
export class ProcessMemory implements Disposable {
  readonly #peaks = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  readonly #rootPids: () => readonly number[];

  /** @param rootPids asked at each look, since the root may start late */
  constructor(rootPids: () => readonly number[]) {
    this.#rootPids = rootPids;
    this.#timer = setInterval(() => this.#look(), intervalMs);
  }

  /** MiB by kind of process, largest first. */
  peaks(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#peaks].toSorted(([, a], [, b]) => b - a).map(([kind, kiB]) => [kind, kiB / 1024]));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const children = childrenByParent();
    const queue = [...this.#rootPids()];
    for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
      queue.push(...(children.get(pid) ?? []));
      const kind = kindOf(pid);
      const peak = peakKiB(pid);
      if (kind !== null && peak > (this.#peaks.get(kind) ?? 0)) this.#peaks.set(kind, peak);
    }
  }
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readOrEmpty(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]);
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent)!.push(Number(name));
  }
  return children;
}

/** A name by what it runs: `apps/api-grpc/src/main.ts` is `api-grpc`. */
function kindOf(pid: number): string | null {
  const command = readOrEmpty(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
  const app = /apps\/([\w-]+)\/(?:src|dist)\/main/.exec(command);
  if (app !== null) return app[1]!;
  if (command.includes('supervisor-main')) return 'supervisor';
  const scanner = /scanners\/(?:src|dist)\/(\w+)\/main/.exec(command);
  if (scanner !== null) return `scanner ${scanner[1]}`;
  return command.includes('postgres') ? 'postgres (one process)' : null;
}

function peakKiB(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? 0);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
