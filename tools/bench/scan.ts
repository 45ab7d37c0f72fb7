import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readStackFile } from '@cloudscan/process';
import { ProcessMemory } from './process-memory.ts';
import { describeMachine, figure } from './result.ts';
import type { BenchResult } from './result.ts';

const root = resolve(import.meta.dirname, '../..');

interface ScanOutcome {
  readonly seconds: number;
  readonly result: {
    readonly findings: readonly object[];
    readonly tools: readonly { readonly name: string; readonly duration_ms: number }[];
  };
}

/**
 * Scans a source as a newcomer does: once with a data folder that is not there yet (cold), then with the stack's data in
 * place (warm), and tells the peak memory of every process.
 *
 * `--path FOLDER` scans a folder of the user's; otherwise a source is made: `--files` (2,000) of `--bytes` (4,000) each.
 */
export async function benchScan(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      path: { type: 'string' },
      files: { type: 'string', default: '2000' },
      bytes: { type: 'string', default: '4000' },
      rounds: { type: 'string', default: '3' },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-bench-'));
  const dataDir = join(folder, 'data');
  try {
    const source =
      values.path === undefined ? makeSource(join(folder, 'source'), Number(values.files), Number(values.bytes)) : resolve(values.path);
    const pids = (): number[] => [process.pid, ...(readStackFile(dataDir) === null ? [] : [readStackFile(dataDir)!.process.pid])];
    using memory = new ProcessMemory(pids);
    const cold = await scanOnce(source, dataDir);
    const warm: ScanOutcome[] = [];
    for (let round = 0; round < Number(values.rounds); round += 1) warm.push(await scanOnce(source, dataDir));
    const slowestTool = (scan: ScanOutcome): number => Math.max(...scan.result.tools.map(({ duration_ms }) => duration_ms / 1000));
    const figures = {
      cold: figure('s', [cold.seconds]),
      warm: figure(
        's',
        warm.map(({ seconds }) => seconds),
      ),
      'slowest scanner': figure('s', warm.map(slowestTool)),
      findings: figure('findings', [cold.result.findings.length]),
      ...Object.fromEntries(Object.entries(memory.peaks()).map(([kind, mebibytes]) => [`peak RSS ${kind}`, figure('MiB', [mebibytes])])),
    };
    return {
      case: 'scan',
      machine: describeMachine(),
      figures,
      ratios: {
        'slowest scanner / warm': figures['slowest scanner'].value / figures.warm.value,
        'cold / warm': figures.cold.value / figures.warm.value,
      },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function scanOnce(source: string, dataDir: string): Promise<ScanOutcome> {
  const startedAt = performance.now();
  const output = `${dataDir}.json`;
  const log = openSync(`${dataDir}.log`, 'w');
  const main = join(root, 'apps/cli/src/main.ts');
  const args = ['--conditions=@cloudscan/source', main, 'scan', source, '--format', 'json', '--fail-on', 'never', '--output', output];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', log],
    env: { ...process.env, SCANNERS: 'builtin', CLOUDSCAN_DATA_DIR: dataDir },
  });
  closeSync(log);
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  if (exitCode !== 0) throw new Error(`the scan exited with ${exitCode}: ${readFileSync(`${dataDir}.log`, 'utf8').slice(-2000)}`);
  return { seconds: (performance.now() - startedAt) / 1000, result: JSON.parse(readFileSync(output, 'utf8')) as ScanOutcome['result'] };
}

/** Files as a project has them: most are clean, one in fifty holds a finding. */
function makeSource(folder: string, files: number, bytes: number): string {
  for (let index = 0; index < files; index += 1) {
    const parent = join(folder, `module${Math.floor(index / 100)}`);
    if (index % 100 === 0) mkdirSync(parent, { recursive: true });
    const finding = index % 50 === 0 ? `app.get('/${index}', (req, res) => res.send(eval(req.query.code)));\n` : '';
    const line = `export function compute${index}(a, b) { return a * ${index} + b; }\n`;
    writeFileSync(join(parent, `file${index}.js`), finding + line.repeat(Math.max(1, Math.ceil((bytes - finding.length) / line.length))));
  }
  return folder;
}
