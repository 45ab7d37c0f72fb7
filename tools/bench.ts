import { benchDispatch } from './bench/dispatch.ts';
import { benchImport } from './bench/import.ts';
import { benchIngest } from './bench/ingest.ts';
import { benchScan } from './bench/scan.ts';
import { formatResult } from './bench/result.ts';
import type { BenchResult } from './bench/result.ts';
import { benchSweep } from './bench/sweep.ts';
import { benchTools } from './bench/tools.ts';

const cases: Readonly<Record<string, (args: readonly string[]) => Promise<BenchResult>>> = {
  scan: benchScan,
  dispatch: benchDispatch,
  sweep: benchSweep,
  ingest: benchIngest,
  import: benchImport,
  tools: benchTools,
};

/** `npm run bench -- CASE [options] [--json]`: the figures as a table, or as one JSON object. Without a case, all of them. */
async function bench([name, ...args]: readonly string[]): Promise<number> {
  const named = name !== undefined && !name.startsWith('--');
  const chosen = named ? [name] : Object.keys(cases);
  const options = (named ? args : [name, ...args]).filter((arg) => arg !== undefined);
  for (const caseName of chosen) {
    const run = cases[caseName];
    if (run === undefined) {
      process.stderr.write(`unknown benchmark "${caseName}"; known are ${Object.keys(cases).join(', ')}\n`);
      return 2;
    }
    const result = await run(options.filter((option) => option !== '--json'));
    process.stdout.write(options.includes('--json') ? `${JSON.stringify(result)}\n` : `${formatResult(result)}\n`);
  }
  return 0;
}

process.exitCode = await bench(process.argv.slice(2));
