import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { ConfigError, readConfig, readDeclaredScanners } from '@cloudscan/config';
import { runProcess } from '@cloudscan/process';
import type { ExternalScannerFactory } from '../src/external/external-scanner.ts';
import { readScannerChoice, selectScanners } from '../src/registry.ts';
import { fakeTool } from './support/fake-tool.ts';
import { builtinOnly } from './support/scanners-config.ts';

/** The adapter of a tool that prints its version and nothing else. */
const factory: ExternalScannerFactory = {
  name: 'fake-sast',
  scanType: 'sast',
  command: 'fake-sast',
  create: (executable) => ({
    name: 'fake-sast',
    scanType: 'sast',
    probe: async () => {
      const { exitCode, stdout } = await runProcess(executable, ['--version'], { env: {}, timeoutMs: 5000 });
      return exitCode === 0 ? { version: stdout.trim(), rulesVersion: '' } : { problem: 'fake-sast is broken' };
    },
    scan: async () => ({ status: 'succeeded', exitCode: 0, findingsCount: 0, durationMs: 0, errorMessage: '', evidence: '' }),
  }),
};

async function folderWith(t: ExecutionContext, script: string, mode = 0o755): Promise<string> {
  const path = await fakeTool(t, 'fake-sast', script);
  await chmod(path, mode);
  return dirname(path);
}

async function selected(searchPath: string): Promise<string> {
  const [scanner] = await selectScanners(['sast'], { ...builtinOnly, searchPath, factories: [factory] });
  return scanner!.name;
}

test('a tool on PATH that answers is preferred to the built-in scanner', async (t) => {
  const folder = await folderWith(t, 'echo 1.2.3');
  const [scanner] = await selectScanners(['sast'], {
    ...builtinOnly,
    searchPath: ['/nowhere', folder].join(delimiter),
    factories: [factory],
  });
  t.deepEqual(await scanner!.probe(), { version: '1.2.3', rulesVersion: '' });
});

test('the built-in scanner serves where the tool is missing, fails its probe, cannot be run, or is a folder', async (t) => {
  t.is(await selected(''), 'cloudscan-sast');
  t.is(await selected(await folderWith(t, 'exit 3')), 'cloudscan-sast');
  t.is(await selected(await folderWith(t, 'echo 1', 0o644)), 'cloudscan-sast');
  const folder = await mkdtemp(join(tmpdir(), 'path-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'fake-sast'));
  t.is(await selected(folder), 'cloudscan-sast');
});

test('a relative entry of PATH is passed over', async (t) => {
  const folder = await folderWith(t, 'echo 1');
  t.is(await selected(join('..', '..', '..', '..', '..', '..', folder)), 'cloudscan-sast');
});

/** The names that a choice gives where `fake-sast` is installed, or is not. */
async function chosen(searchPath: string, ...choice: readonly string[]): Promise<string[]> {
  const scanners = await selectScanners(['sast', 'license'], { ...builtinOnly, searchPath, factories: [factory], choice });
  return scanners.map(({ name }) => name);
}

test('SCANNERS names the tools of a type, several where they shall run side by side, and leaves other types alone', async (t) => {
  const folder = await folderWith(t, 'echo 1.2.3');
  t.deepEqual(await chosen(folder), ['fake-sast', 'cloudscan-license']);
  t.deepEqual(await chosen(folder, 'builtin'), ['cloudscan-sast', 'cloudscan-license']);
  t.deepEqual(await chosen(folder, 'cloudscan-sast'), ['cloudscan-sast', 'cloudscan-license']);
  t.deepEqual(await chosen(folder, 'cloudscan-sast', 'fake-sast'), ['fake-sast', 'cloudscan-sast', 'cloudscan-license']);
  t.deepEqual(await chosen(folder, 'builtin', 'fake-sast'), ['fake-sast', 'cloudscan-license']);
});

test('a tool that was named and cannot run is never replaced: it says what to do', async (t) => {
  const missing = { ...builtinOnly, factories: [factory], choice: ['fake-sast'] };
  const [scanner] = await selectScanners(['sast'], missing);
  const problem = 'fake-sast is not installed where the runner runs: no program fake-sast on PATH; install it or take it out of SCANNERS';
  t.is(scanner!.name, 'fake-sast');
  t.deepEqual(await scanner!.probe(), { problem });
  const [broken] = await selectScanners(['sast'], { ...missing, searchPath: await folderWith(t, 'exit 3') });
  t.deepEqual(await broken!.probe(), { problem: 'fake-sast is broken' });
});

const declared = readConfig(
  { DECLARED_SCANNERS: JSON.stringify([{ name: 'house-rules', type: 'sast', command: ['/bin/true'], args: [] }]) },
  readDeclaredScanners,
);

test('a declared tool runs beside the others of its type, and alone where it is the only one named', async (t) => {
  const names = async (...choice: readonly string[]) => {
    const scanners = await selectScanners(['license', 'sast'], { ...builtinOnly, declared, choice });
    return scanners.map(({ name }) => name);
  };
  t.deepEqual(await names(), ['cloudscan-license', 'cloudscan-sast', 'house-rules']);
  t.deepEqual(await names('cloudscan-sast'), ['cloudscan-license', 'cloudscan-sast', 'house-rules']);
  t.deepEqual(await names('house-rules'), ['cloudscan-license', 'house-rules']);
});

test('SCANNERS knows every tool there is, and no other', (t) => {
  const read = (SCANNERS: string) => readConfig({ SCANNERS }, (env) => readScannerChoice(env, declared));
  t.deepEqual(read(''), []);
  t.deepEqual(read('gitleaks, semgrep,builtin,house-rules,cloudscan-sca'), [
    'builtin',
    'cloudscan-sca',
    'semgrep',
    'gitleaks',
    'house-rules',
  ]);
  t.throws(() => read('semgrep,bandit'), {
    instanceOf: ConfigError,
    message: /^SCANNERS holds "bandit"; set it to a comma-separated list of builtin, .*house-rules$/,
  });
});

test('there is one scanner for each type, in the order asked for', async (t) => {
  const scanners = await selectScanners(['license', 'sast', 'secrets', 'sca', 'sast'], builtinOnly);
  t.deepEqual(
    scanners.map(({ name, scanType }) => [name, scanType]),
    [
      ['cloudscan-license', 'license'],
      ['cloudscan-sast', 'sast'],
      ['cloudscan-secrets', 'secrets'],
      ['cloudscan-sca', 'sca'],
    ],
  );
});

test('every built-in scanner can be started and tells the version of its rules', async (t) => {
  const scanners = await selectScanners(['sast'], builtinOnly);
  for (const scanner of scanners) {
    const probed = await scanner.probe();
    t.regex('problem' in probed ? probed.problem : probed.rulesVersion, /^\d+ rules [0-9a-f]{12}$/);
  }
});
