import { tmpdir } from 'node:os';
import { runTool } from '../../src/external/run-tool.ts';

/** Starts a tool that never returns and prints its process id; to be killed by a test. */
await runTool(
  {
    name: 'hanging',
    executable: process.execPath,
    args: ['-e', `console.log(process.pid); process.on('SIGTERM', () => 0); setInterval(() => 0, 1000)`],
    environment: { path: '', network: {} },
    network: false,
    memoryLimitMb: 512,
    memorySetting: 'its memory limit',
    exitCodes: { done: [0] },
  },
  {
    sourceDir: tmpdir(),
    workDir: tmpdir(),
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    onFinding: async () => undefined,
    onProgress: () => undefined,
  },
  {
    stdout: async (stdout) => {
      for await (const chunk of stdout) process.stdout.write(chunk);
    },
  },
);
