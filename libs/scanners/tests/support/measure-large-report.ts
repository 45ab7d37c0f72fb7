import { tmpdir } from 'node:os';
import { SemgrepReport } from '../../src/external/semgrep/report.ts';
import { runTool } from '../../src/external/run-tool.ts';

/**
 * Reads a report of as many megabytes as the first argument says, from a tool that makes it up, and prints
 * `{ findings, peakMb }`: the findings and this process's largest resident memory.
 */
const megabytes = Number(process.argv[2]);
const script = `
  const { once } = require('node:events');
  const result = JSON.stringify({ check_id: 'r', path: ${JSON.stringify(tmpdir())} + '/none.js', start: { line: 1, col: 1 }, end: { line: 1, col: 2 },
    extra: { severity: 'ERROR', message: 'm', metadata: {}, metavars: { $X: { abstract_content: 'x'.repeat(2 ** 20 - 300) } } } });
  (async () => {
    process.stdout.write('{"results":[');
    for (let index = 0; index < ${megabytes}; index += 1) {
      if (!process.stdout.write((index === 0 ? '' : ',') + result)) await once(process.stdout, 'drain');
    }
    process.stdout.write('],"errors":[],"paths":{"scanned":["none.js"]}}');
  })();`;

const report = new SemgrepReport(tmpdir(), '1.0.0');
const { status, findingsCount, errorMessage } = await runTool(
  {
    name: 'large',
    executable: process.execPath,
    args: ['-e', script],
    environment: { path: '', network: {} },
    network: false,
    memoryLimitMb: 1024,
    memorySetting: 'its memory limit',
    exitCodes: { done: [0] },
  },
  {
    sourceDir: tmpdir(),
    workDir: tmpdir(),
    timeoutMs: 300_000,
    signal: new AbortController().signal,
    onFinding: async () => undefined,
    onProgress: () => undefined,
  },
  { stdout: (stdout, deliver) => report.read(stdout, deliver) },
);
const peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(JSON.stringify({ status, findings: findingsCount, errorMessage, peakMb }));
