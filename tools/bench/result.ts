import { cpus, totalmem } from 'node:os';

export interface Figure {
  readonly value: number;
  /** For example `s`, `MiB`, `findings/s`. */
  readonly unit: string;
  /** The value of each round; `value` is their median. */
  readonly rounds: readonly number[];
}

/** What every benchmark case gives. */
export interface BenchResult {
  readonly case: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryMiB: number; readonly node: string };
  readonly figures: Readonly<Record<string, Figure>>;
  /** Between figures of the same run, so that they mean the same on another machine. */
  readonly ratios: Readonly<Record<string, number>>;
}

export function describeMachine(): BenchResult['machine'] {
  return { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memoryMiB: Math.round(totalmem() / 2 ** 20), node: process.version };
}

export function figure(unit: string, rounds: readonly number[]): Figure {
  return { value: median(rounds), unit, rounds };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The result as a table for people. */
export function formatResult(result: BenchResult): string {
  const rows = Object.entries(result.figures).map(([name, { value, unit, rounds }]) => [
    name,
    `${format(value)} ${unit}`,
    rounds.map(format).join(' '),
  ]);
  rows.push(...Object.entries(result.ratios).map(([name, value]) => [name, format(value), 'ratio']));
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map(([name, value, rounds]) => `  ${name!.padEnd(widths[0]!)}  ${value!.padStart(widths[1]!)}  ${rounds}`);
  return [`${result.case} on ${result.machine.cores} × ${result.machine.cpu}, Node.js ${result.machine.node}`, ...lines].join('\n');
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
