import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { EnvReader } from '@cloudscan/config';
import { noFindings, scanTypes, severities } from '@cloudscan/domain';
import type { SeverityCounts } from '@cloudscan/domain';
import {
  externalScanners,
  readContainerSettings,
  readExternalSettings,
  readLicenseSettings,
  readScaSettings,
  readSecretsSettings,
  selectScanners,
} from '@cloudscan/scanners';
import type { Scanner, ScannerOutcome } from '@cloudscan/scanners';
import { describeMachine, figure } from './result.ts';
import type { BenchResult, Figure } from './result.ts';
import { announce } from './surroundings.ts';

const builtin = ['cloudscan-sast', 'cloudscan-sca', 'cloudscan-secrets', 'cloudscan-license'];
const timeoutMs = 30 * 60_000;

interface ToolResult {
  readonly outcome: ScannerOutcome;
  readonly counts: SeverityCounts;
}

/**
 * What every tool that this machine has finds in a source, beside what the built-in ones find, and how long each takes.
 *
 * `--path FOLDER`, any number of times. Tools are set up by the variables of a runner, for example ADVISORY_SOURCE.
 */
export async function benchTools(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { path: { type: 'string', multiple: true, default: ['.'] } } });
  const scanners = await installedScanners();
  const figures: Record<string, Figure> = {};
  for (const path of values.path.map((each) => resolve(each))) {
    for (const scanner of scanners) {
      const name = `${basename(path)}, ${scanner.name}`;
      announce(name);
      const { outcome, counts } = await run(scanner, path);
      if (outcome.status !== 'succeeded') process.stderr.write(`  ${outcome.status}: ${outcome.errorMessage}\n`);
      figures[name] = figure('s', [outcome.durationMs / 1000]);
      for (const severity of severities.filter((each) => counts[each] > 0)) {
        figures[`${name}, ${severity}`] = figure('findings', [counts[severity]]);
      }
    }
  }
  return { case: 'tools', machine: describeMachine(), figures, ratios: {} };
}

/** Those that answer their probe. */
async function installedScanners(): Promise<readonly Scanner[]> {
  const env = new EnvReader(process.env);
  const choice = [...builtin, ...externalScanners.map(({ name }) => name)];
  const config = {
    searchPath: process.env['PATH'] ?? '',
    builtin: { sca: readScaSettings(env), secrets: readSecretsSettings(env), license: readLicenseSettings(env) },
    external: readExternalSettings(env),
    declared: [],
    containers: readContainerSettings(env),
    choice,
  };
  const installed: Scanner[] = [];
  for (const scanner of await selectScanners(scanTypes, config)) {
    const probed = await scanner.probe();
    if ('problem' in probed) process.stderr.write(`left out: ${probed.problem}\n`);
    else installed.push(scanner);
  }
  return installed;
}

async function run(scanner: Scanner, sourceDir: string): Promise<ToolResult> {
  const workDir = await mkdtemp(join(tmpdir(), 'cloudscan-bench-tools-'));
  try {
    const counts = noFindings();
    const onFinding = async ({ severity }: { readonly severity: keyof SeverityCounts }): Promise<void> => {
      counts[severity] += 1;
    };
    const signal = new AbortController().signal;
    const outcome = await scanner.scan({ sourceDir, workDir, timeoutMs, signal, onFinding, onProgress: () => undefined });
    return { outcome, counts };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}
