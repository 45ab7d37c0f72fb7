import { createHash } from 'node:crypto';
import { NothingToScan } from '../builtin/run-builtin.ts';
import type { BuiltinTask } from '../builtin/run-builtin.ts';
import type { BuiltinFinding } from '../builtin/protocol.ts';
import { isBinary, isMinified, readSource, walkSource } from '../source/walk-source.ts';
import type { SourceFile, WalkOptions } from '../source/walk-source.ts';
import { analyse } from './analyse.ts';
import { dialectOf } from './languages.ts';
import { sastRules } from './rules/index.ts';

export interface SastOptions {
  /** Bytes above which a file is left out; 1 MiB by default. */
  readonly maxFileBytes?: number;
  /** Tests are left out by default: they hold weak keys and odd calls on purpose. */
  readonly includeTests?: boolean;
}

/** Files being read and parsed while the findings of an earlier one are given out. */
const readAhead = 4;

export async function* scan({ sourceDir, options, progress, remark }: BuiltinTask<SastOptions>): AsyncGenerator<BuiltinFinding, void> {
  const leftOut = { too_large: 0, unreadable: 0 };
  const walk: WalkOptions = {
    maxFileBytes: options.maxFileBytes ?? 1024 * 1024,
    wants: (path, name) => dialectOf(name) !== null && (options.includeTests === true || !isTest(path)),
  };
  const total = await countOf(walkSource(sourceDir, walk));
  if (total === 0) throw new NothingToScan('no JavaScript, TypeScript, Python, Java or Go file was found');

  let done = 0;
  const files = walkSource(sourceDir, { ...walk, onSkip: (_path, reason) => void (leftOut[reason] += 1) });
  for await (const findings of inOrder(files, readAhead, scanFile)) {
    if (findings === null) leftOut.unreadable += 1;
    else yield* findings;
    progress((done += 1) / total);
  }
  const left = [
    ...(leftOut.too_large > 0 ? [`${leftOut.too_large} above ${walk.maxFileBytes} bytes`] : []),
    ...(leftOut.unreadable > 0 ? [`${leftOut.unreadable} that could not be read or parsed`] : []),
  ];
  if (left.length > 0) remark(`files left out: ${left.join(', ')}`);
}

/** Changes with every rule. */
export function rulesVersion(): string {
  const hash = createHash('sha256');
  for (const rule of sastRules) {
    hash.update(JSON.stringify(rule, (_key, value: unknown) => (value instanceof RegExp ? value.source : value)));
  }
  return `${sastRules.length} rules ${hash.digest('hex').slice(0, 12)}`;
}

/** Null when the file cannot be read or parsed. */
async function scanFile(file: SourceFile): Promise<BuiltinFinding[] | null> {
  try {
    const bytes = await readSource(file);
    if (bytes === null) return null;
    const text = bytes.toString('utf8');
    if (isBinary(bytes) || isMinified(file.name, text)) return [];
    return await analyse(file.path, text.replace(/^\uFEFF/, ''), dialectOf(file.name)!, sastRules);
  } catch (error) {
    process.stderr.write(`${file.path}: ${error instanceof Error ? error.message : String(error)}\n`);
    return null;
  }
}

const testFolder = /(?:^|\/)(?:tests?|__tests__|__mocks__|specs?|e2e|fixtures?|testdata|testing)\//i;
const testFile = /(?:[._-](?:test|spec|e2e)\.[cm]?[jt]sx?|_test\.(?:go|py)|Tests?\.java|(?:^|\/)(?:test_[^/]*|conftest)\.py)$/;

function isTest(path: string): boolean {
  return testFolder.test(path) || testFile.test(path);
}

async function countOf(files: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _file of files) count += 1;
  return count;
}

/** Works on a few items at a time and gives the results in the items' order. */
async function* inOrder<T, R>(items: AsyncIterable<T>, ahead: number, work: (item: T) => Promise<R>): AsyncGenerator<R, void> {
  const pending: Promise<R>[] = [];
  for await (const item of items) {
    pending.push(work(item));
    if (pending.length >= ahead) yield await pending.shift()!;
  }
  for (const result of pending) yield await result;
}
