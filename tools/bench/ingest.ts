import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { formatEndpoint } from '@cloudscan/config';
import { archiveOf, ClusterRig, statusOf } from '@cloudscan/system-testing';
import { copyFromFile, copyToFile } from '@cloudscan/testing';
import { createFindings } from './create-findings.ts';
import { ProcessMemory } from './process-memory.ts';
import { describeMachine, figure, median } from './result.ts';
import type { BenchResult, Figure } from './result.ts';
import { writeSarifLog } from './sarif-log.ts';
import { announce, BenchTeardown } from './surroundings.ts';

const root = resolve(import.meta.dirname, '../..');
/** Findings a second that DefectDojo imports: 14,219 in 25.8 s, the quicker of its published runs. */
const published = 14_219 / 25.8;
/** Scans with more results than this are run once. */
const mostInRounds = 100_000;

interface Ingest {
  readonly scanId: string;
  /** From the start of the tool until its last finding was stored, and until the scan was completed. */
  readonly seconds: number;
  readonly secondsToEnd: number;
  /** MiB by kind of process. */
  readonly peaks: Readonly<Record<string, number>>;
}

/**
 * From a tool's results to the findings of a completed scan, by the real processes: a tool that prints its SARIF log, the
 * runner, CreateFindings, PostgreSQL. Beside it CreateFindings called alone, and the same rows by COPY: one stream into a table with the
 * same indexes and checks.
 *
 * `--results 1000,25000,100000,1000000`; `--rounds` (3) of each size up to 100,000.
 */
export async function benchIngest(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { results: { type: 'string', default: '1000,25000,100000,1000000' }, rounds: { type: 'string', default: '3' } },
  });
  const figures: Record<string, Figure> = {};
  const ratios: Record<string, number> = {};
  for (const results of values.results.split(',').map(Number)) {
    const name = `${results.toLocaleString('en-US')} results`;
    announce(name);
    const { ingests, calls, copies } = await measure(results, results > mostInRounds ? 1 : Number(values.rounds));
    const rate = (seconds: number): number => results / seconds;
    const ingested = figure(
      'findings/s',
      ingests.map(({ seconds }) => rate(seconds)),
    );
    const copied = figure('rows/s', copies.map(rate));
    figures[`${name} stored`] = ingested;
    figures[`${name} in a completed scan, SARIF uploaded`] = figure(
      'findings/s',
      ingests.map(({ secondsToEnd }) => rate(secondsToEnd)),
    );
    figures[`${name}, their rows by COPY`] = copied;
    figures[`${name} by CreateFindings alone`] = figure('findings/s', calls.map(rate));
    for (const kind of ['runner', 'api-grpc']) {
      const peaks = ingests.map(({ peaks }) => peaks[kind] ?? Number.NaN);
      figures[`${name}, peak RSS of ${kind}`] = figure('MiB', peaks);
    }
    ratios[`${name} by CreateFindings alone / COPY`] = median(calls.map(rate)) / copied.value;
    ratios[`${name} stored / COPY`] = ingested.value / copied.value;
    ratios[`${name} stored / DefectDojo`] = ingested.value / published;
  }
  return { case: 'ingest', machine: describeMachine(), figures, ratios };
}

interface Measured {
  readonly ingests: readonly Ingest[];
  /** Seconds. */
  readonly calls: readonly number[];
  readonly copies: readonly number[];
}

async function measure(results: number, rounds: number): Promise<Measured> {
  await using t = new BenchTeardown();
  const rig = await ClusterRig.startWithServer(t, {
    // The bench is the dispatcher.
    ...{ kubeconfig: '', namespace: '', dispatchers: 0, sweepers: 0 },
    environment: { LOG_LEVEL: 'warn', MAX_RUNNING_SCANS: '1000', STORAGE_MAX_UPLOAD_BYTES: String(8 * 2 ** 30) },
  });
  const log = join(rig.folder, 'tool.sarif');
  await writeSarifLog(log, results);
  const ingests: Ingest[] = [];
  const copies: number[] = [];
  const calls: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const ingest = await ingestOnce(rig, log);
    copies.push(await copyOnce(rig, ingest.scanId, results));
    ingests.push(ingest);
    calls.push(await createFindings(rig, (await startScan(rig)).scanId, results));
  }
  return { ingests, calls, copies };
}

/** A scan that a runner may begin with. */
async function startScan({ client }: ClusterRig): Promise<{ readonly scanId: string; readonly artifactId: string }> {
  const source = await archiveOf({ 'README.md': 'Findings come from a log.\n' });
  const created = await client.create(await client.makeProject(), ['license'], source);
  await client.upload(created, source);
  await client.start(created.scan!.id);
  return { scanId: created.scan!.id, artifactId: created.artifactId };
}

async function ingestOnce(rig: ClusterRig, log: string): Promise<Ingest> {
  const { client, folder } = rig;
  const { scanId, artifactId } = await startScan(rig);
  const runnerLog = join(folder, 'runner.log');
  const output = openSync(runnerLog, 'w');
  const main = join(root, 'apps/runner/src/main.ts');
  const runner = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--conditions=@cloudscan/source', main], {
    stdio: ['ignore', output, output],
    env: {
      PATH: process.env['PATH'],
      SCAN_ID: scanId,
      SCAN_ATTEMPT: '1',
      SCAN_TYPES: 'license',
      SOURCE_ARTIFACT_ID: artifactId,
      ORCHESTRATOR_ENDPOINT: formatEndpoint(rig.endpoint),
      WORK_DIR: join(folder, 'work'),
      DECLARED_SCANNERS: JSON.stringify([{ name: 'bench-tool', type: 'license', command: ['cat'], args: [log] }]),
      SCANNERS: 'builtin',
    },
  });
  closeSync(output);
  using memory = new ProcessMemory(() => [process.pid]);
  const [exitCode] = (await once(runner, 'exit')) as [number | null];
  const lines = readFileSync(runnerLog, 'utf8');
  const scan = await client.get(scanId);
  if (exitCode !== 0 || statusOf(scan) !== 'completed') throw new Error(`the runner exited with ${exitCode}: ${lines.slice(-2000)}`);
  const toolEnded = lineOf(lines, '"tool":"bench-tool"');
  const startedAt = Date.parse(toolEnded.time) - toolEnded.durationMs!;
  const secondsUntil = (time: number): number => (time - startedAt) / 1000;
  return {
    scanId,
    seconds: secondsUntil(Date.parse(lineOf(lines, 'the findings are stored').time)),
    secondsToEnd: secondsUntil(scan.completedAt!.getTime()),
    peaks: memory.peaks(),
  };
}

/** What the runner logged, by some of its text. */
function lineOf(log: string, text: string): { readonly time: string; readonly durationMs?: number } {
  const line = log.split('\n').find((each) => each.includes(text));
  if (line === undefined) throw new Error(`the runner did not log ${text}`);
  return JSON.parse(line) as { time: string; durationMs?: number };
}

/** Seconds that the rows of a scan take by COPY. */
async function copyOnce({ database, folder }: ClusterRig, scanId: string, expected: number): Promise<number> {
  const config = database.adminConfig;
  const rows = join(folder, 'rows.copy');
  // COPY neither gives nor takes generated columns.
  const [table] = await database.query<{ columns: string }>(
    `SELECT string_agg(format('%I', column_name), ', ') AS columns FROM information_schema.columns
      WHERE table_name = 'findings' AND is_generated = 'NEVER'`,
  );
  const count = await copyToFile(config, `(SELECT ${table!.columns} FROM findings WHERE scan_id = '${scanId}')`, rows);
  if (count !== expected) throw new Error(`${expected} results became ${count} findings`);
  await database.query('CREATE TABLE copied (LIKE findings INCLUDING ALL)');
  const startedAt = performance.now();
  await copyFromFile(config, `copied (${table!.columns})`, rows);
  const seconds = (performance.now() - startedAt) / 1000;
  await database.query('DROP TABLE copied');
  rmSync(rows);
  return seconds;
}
