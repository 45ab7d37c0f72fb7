import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Environment } from '@cloudscan/config';
import { findExecutable } from '../../src/external/external-scanner.ts';
import type { ExternalScannerFactory } from '../../src/external/external-scanner.ts';
import type { ScanContext, Scanner } from '../../src/scanner.ts';
import { externalSettings } from './fake-tool.ts';
import { scanContext } from './scan-context.ts';

export type SourceFiles = Readonly<Record<string, string>>;

export async function temporaryFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'external-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function sourceOf(t: ExecutionContext, files: SourceFiles): Promise<string> {
  const folder = await temporaryFolder(t);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/**
 * A program that stands for a tool: JavaScript that sees `args` and `env`, and has `print(text)` and `fail(code, words)`.
 *
 * @param version answered to whatever asks for it first
 */
export async function doubleOf(t: ExecutionContext, version: string, script: string): Promise<string> {
  const executable = join(await temporaryFolder(t), 'tool');
  const program = `#!${process.execPath}
const { writeFileSync, writeSync, existsSync, readFileSync } = require('node:fs');
const args = process.argv.slice(2);
const env = process.env;
const print = (text) => writeFileSync(1, text);
const fail = (code, words) => { writeSync(2, words + '\\n'); process.exit(code); };
if (args[0] === 'version' || args[0] === '--version') { print(${JSON.stringify(version)}); process.exit(0); }
${script}
`;
  await writeFile(executable, program, { mode: 0o755 });
  return executable;
}

export function scannerOf(factory: ExternalScannerFactory, executable: string, environment: Environment = {}): Scanner {
  return factory.create(executable, externalSettings(environment));
}

/** The installed program itself; for tests that ask for it by `requires`. */
export async function installed(factory: ExternalScannerFactory, environment: Environment = {}): Promise<Scanner> {
  return scannerOf(factory, (await findExecutable(factory.command, process.env['PATH']!))!, environment);
}

export async function scanBy(t: ExecutionContext, scanner: Scanner, sourceDir: string, overrides: Partial<ScanContext> = {}) {
  const { context, findings } = await scanContext(t, { ...overrides, sourceDir });
  return { outcome: await scanner.scan(context), findings };
}
