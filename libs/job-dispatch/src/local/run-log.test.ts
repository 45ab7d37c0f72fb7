import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { boundLog, readLogTail } from './run-log.ts';

function logOf(t: ExecutionContext, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-log-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'runner.log');
  writeFileSync(path, content);
  return path;
}

test('the tail of a log that is not there is empty', (t) => {
  t.is(readLogTail('/nonexistent/runner.log', 100), '');
});

test('the tail has at most as many bytes as asked for and begins with a whole character', (t) => {
  const path = logOf(t, `${'x'.repeat(1000)}äöü`);
  t.is(readLogTail(path, 5), 'öü');
});

test('the tail hides secrets, also one that begins before it, and NUL', (t) => {
  const token = `ghp_${'a1B2'.repeat(9)}`;
  const path = logOf(t, `cloning with ${token}\0 done`);
  const tail = readLogTail(path, 20);
  t.false(tail.includes('a1B2'));
  t.true(tail.endsWith(' done'));
  t.false(tail.includes('\0'));
});

test('a log over its bound keeps its end, one below it everything', (t) => {
  const path = logOf(t, `${'old '.repeat(500)}the end`);
  boundLog(path, 10_000);
  t.is(readFileSync(path).length, 2007);
  boundLog(path, 1000);
  t.is(readFileSync(path).length, 100);
  t.true(readFileSync(path, 'utf8').endsWith('the end'));
});
