import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readConfig } from '@cloudscan/config';
import { scancode } from '../../src/external/scancode/scancode.ts';
import { readExternalSettings } from '../../src/external/settings.ts';
import { trivy } from '../../src/external/trivy/trivy.ts';
import { exampleSource as licensedSource } from './scancode-example.ts';
import { writeTrivyCache } from './trivy-cache.ts';
import { exampleSource as vulnerableSource, exampleVulnerabilities } from './trivy-example.ts';

/**
 * Records what versions of Trivy and ScanCode report of their examples, to be read by a test where none is installed:
 * `node --conditions=@cloudscan/source libs/scanners/tests/support/record-reports.ts trivy|scancode PROGRAM…`
 */
const [tool, ...programs] = process.argv.slice(2);
const { factory, files } = tool === 'trivy' ? { factory: trivy, files: vulnerableSource } : { factory: scancode, files: licensedSource };
const folder = await mkdtemp(join(tmpdir(), 'record-'));
const cacheDir = join(folder, 'cache');
await writeTrivyCache(cacheDir, exampleVulnerabilities);
const sourceDir = join(folder, 'source');
for (const [path, content] of Object.entries(files)) {
  await mkdir(dirname(join(sourceDir, path)), { recursive: true });
  await writeFile(join(sourceDir, path), content);
}
const settings = readConfig({ PATH: process.env['PATH'], TRIVY_CACHE_DIR: cacheDir }, readExternalSettings);
for (const program of programs) {
  // What the adapter makes of it is nothing to a recording; what it asks for is.
  const [executable, output] = [join(folder, 'tool'), join(folder, 'report')];
  await writeFile(executable, `#!/bin/sh\n"${program}" "$@" | tee "${output}"\n`, { mode: 0o755 });
  const scanner = factory.create(executable, settings);
  const probed = await scanner.probe();
  if ('problem' in probed) throw new Error(probed.problem);
  const workDir = await mkdtemp(join(folder, 'work-'));
  const { signal } = new AbortController();
  await scanner.scan({ sourceDir, workDir, timeoutMs: 300_000, signal, onFinding: async () => undefined, onProgress: () => undefined });
  const report = JSON.parse((await readFile(output, 'utf8')).replaceAll(sourceDir, '/source')) as Record<string, unknown>;
  const recording = new URL(`../../fixtures/${factory.name}/${probed.version}.json`, import.meta.url);
  await mkdir(new URL('.', recording), { recursive: true });
  await writeFile(recording, `${JSON.stringify(report, withoutTexts)}\n`);
}

/** Without long texts of licences and their rules, without what ScanCode tells of the machine, and without addresses of packages that are made up. */
function withoutTexts(key: string, value: unknown): unknown {
  if (key === 'license_rule_references') return [];
  if (key === 'system_environment' || /^(download|repository_\w+|api_data)_url$/.test(key)) return undefined;
  return key === 'text' && typeof value === 'string' ? value.slice(0, 40) : value;
}
