import { inspect } from 'node:util';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { scan as wire } from '@cloudscan/contracts';
import type { Logger } from '@cloudscan/telemetry';
import type { ExecutionContext } from 'ava';
import { loadConfig } from '../src/config.ts';
import { createApp } from '../src/create-app.ts';
import type { ExitCode } from '../src/exit-codes.ts';
import { FakeOrchestrator } from './fake-orchestrator.ts';
import { Surroundings } from './surroundings.ts';

export interface HostileScan {
  readonly code: ExitCode;
  readonly findings: readonly wire.Finding[];
  readonly tools: readonly wire.ToolRun[];
  /** Why the scan failed; empty when it did not. */
  readonly errorMessage: string;
  readonly log: string;
}

export interface HostileSource {
  /** An archive, or the URL of a repository. */
  readonly upload?: Buffer;
  readonly gitUrl?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One advisory, for a package that only the sources of these tests depend on. */
const advisory = {
  id: 'GHSA-test-0000-0001',
  modified: '2026-01-01T00:00:00Z',
  summary: 'A flaw',
  affected: ['left-behind', 'canary-5d1c'].map((name) => ({
    package: { ecosystem: 'PyPI', name },
    ranges: [{ type: 'ECOSYSTEM', events: [{ introduced: '0' }] }],
  })),
};

/** Runs the real runner with its real scanners over a hostile source, and asserts that it leaves its surroundings alone. */
export async function scanHostile(
  t: ExecutionContext,
  make: (outside: string) => Promise<HostileSource> | HostileSource,
): Promise<HostileScan> {
  const surroundings = await Surroundings.make(t);
  const fake = await FakeOrchestrator.start(t);
  const { upload = null, gitUrl = '', env = {} } = await make(surroundings.outside);
  fake.source = upload;
  const config = loadConfig({
    SCAN_ID: '01981a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b',
    SCAN_ATTEMPT: '1',
    ORCHESTRATOR_ENDPOINT: `127.0.0.1:${fake.grpcPort}`,
    SOURCE_ARTIFACT_ID: upload === null ? '' : '01981a2b-0000-7000-8000-00000000000a',
    REPOSITORY_URL: gitUrl,
    GIT_ALLOWED_PROTOCOLS: 'https,ssh,file',
    WORK_DIR: surroundings.workDir,
    RESULTS_DIR: surroundings.resultsDir,
    ADVISORY_SOURCE: await advisories(t),
    SECRET_HASH_KEY: 'k',
    SCANNERS: 'builtin',
    PATH: process.env.PATH,
    ...env,
  });
  const { log, text } = recorder();
  await surroundings.watch();
  await using app = createApp(config, { log, firstPauseMs: 5 });
  const code = await app.runner.run(new AbortController().signal);
  const told = JSON.stringify([fake.findings, fake.updates, fake.completions], (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  const shown = [text(), told, ...fake.uploads.map(String)].join('\n');
  await surroundings.assertUntouched(t, shown);
  const errorMessage = fake.updates.at(-1)?.errorMessage ?? '';
  return { code, findings: fake.findings, tools: fake.completions[0]?.tools ?? [], errorMessage, log: text() };
}

async function advisories(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-advisories-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'advisory.json'), JSON.stringify(advisory));
  return folder;
}

function recorder(): { log: Logger; text: () => string } {
  const lines: string[] = [];
  const write = (fields: object, message: string): void =>
    void lines.push(JSON.stringify({ ...fields, message }, (_key, value: unknown) => (value instanceof Error ? inspect(value) : value)));
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log };
  return { log, text: () => lines.join('\n') };
}
