import { tmpdir } from 'node:os';
import { builtinScanner } from '../../src/builtin/builtin-scanner.ts';

/** Starts a scanner that never returns and prints its process id, to be killed by a test. */
const scanner = builtinScanner({
  name: 'cloudscan-test',
  scanType: 'sast',
  module: '../tests/support/misbehaving-scanner',
  options: { kind: 'spin' },
});
await scanner.scan({
  sourceDir: tmpdir(),
  workDir: tmpdir(),
  timeoutMs: 60_000,
  signal: new AbortController().signal,
  onFinding: async ({ title }) => void process.stdout.write(title),
  onProgress: () => undefined,
});
