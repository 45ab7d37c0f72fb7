import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ClusterRig } from '@cloudscan/system-testing';
import { ProcessMemory } from './process-memory.ts';
import { describeMachine, figure } from './result.ts';
import type { BenchResult, Figure } from './result.ts';
import { writeSarifLog } from './sarif-log.ts';
import { announce, BenchTeardown } from './surroundings.ts';

const raised = String(2 ** 31 - 1);

/**
 * From a SARIF log to a scan that has ended, by the real api-grpc: gzip, ImportSarif, PostgreSQL, with the limits raised so that every
 * result is kept.
 *
 * `--results 25000,1000000`; `--rounds` (2) of each.
 */
export async function benchImport(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { results: { type: 'string', default: '25000,1000000' }, rounds: { type: 'string', default: '2' } },
  });
  const figures: Record<string, Figure> = {};
  for (const results of values.results.split(',').map(Number)) {
    const name = `${results.toLocaleString('en-US')} results`;
    announce(name);
    const { seconds, peaks } = await measure(results, Number(values.rounds));
    figures[`${name} imported`] = figure(
      'findings/s',
      seconds.map((each) => results / each),
    );
    figures[`${name}, peak RSS of api-grpc`] = figure('MiB', peaks);
  }
  return { case: 'import', machine: describeMachine(), figures, ratios: {} };
}

async function measure(results: number, rounds: number): Promise<{ readonly seconds: number[]; readonly peaks: number[] }> {
  await using t = new BenchTeardown();
  const rig = await ClusterRig.startWithServer(t, {
    ...{ kubeconfig: '', namespace: '', dispatchers: 0, sweepers: 0 },
    environment: {
      LOG_LEVEL: 'warn',
      IMPORT_MAX_GZIP_BYTES: raised,
      IMPORT_MAX_LOG_BYTES: raised,
      IMPORT_MAX_RESULTS_PER_RUN: raised,
      IMPORT_KEPT_RESULTS_PER_RUN: raised,
    },
  });
  const log = join(rig.folder, 'tool.sarif');
  await writeSarifLog(log, results);
  const project = await rig.client.makeProject();
  using memory = new ProcessMemory(() => [process.pid]);
  const seconds: number[] = [];
  const peaks: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    const { totalFindings } = await rig.client.importLog(project, log);
    seconds.push((performance.now() - startedAt) / 1000);
    peaks.push(memory.peaks()['api-grpc'] ?? Number.NaN);
    if (totalFindings !== results) throw new Error(`${results} results became ${totalFindings} findings`);
  }
  return { seconds, peaks };
}
