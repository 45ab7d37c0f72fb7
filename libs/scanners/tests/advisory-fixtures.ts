import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { AdvisorySource, PackageVersion } from '../src/sca/advisory-source.ts';
import type { OsvRecord } from './osv-server.ts';

export const advisoryFolder = fileURLToPath(new URL('../fixtures/advisories/', import.meta.url));

/** The files of the committed advisory set, by their path in it. */
export async function advisoryFiles(): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of await readdir(advisoryFolder, { recursive: true })) {
    if (name.endsWith('.json')) files[name] = await readFile(path.join(advisoryFolder, name), 'utf8');
  }
  return files;
}

export async function advisoryRecords(): Promise<OsvRecord[]> {
  return Object.values(await advisoryFiles()).map((text) => JSON.parse(text) as OsvRecord);
}

/** An OSV record of one npm package that is affected below 2.0.0, with what a test is about. */
export function osvRecord(id: string, more: Readonly<Record<string, unknown>> = {}): OsvRecord {
  const ranges = [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '2.0.0' }] }];
  return { id, modified: '2026-01-01T00:00:00Z', affected: [{ package: { ecosystem: 'npm', name: 'left' }, ranges }], ...more };
}

/** A folder that is gone after the test. */
export async function temporaryFolder(t: ExecutionContext<unknown>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'advisories-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What a source says, as `name version: ids`, in order. */
export async function ask(source: AdvisorySource, packages: readonly PackageVersion[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { package: item, advisories } of source.advisoriesFor(packages, () => undefined)) {
    found.push(`${item.name} ${item.version}: ${advisories.map(({ id }) => id).join(' ')}`);
  }
  return found.sort();
}
