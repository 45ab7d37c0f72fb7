import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';

const packages = {
  '': {},
  'libs/a': { version: '0.1.0' },
  'node_modules/left': { version: '1.0.0', integrity: 'sha512-left' },
  'node_modules/for-another-platform': { version: '1.0.0', integrity: 'sha512-other', optional: true },
};

/** An npm that counts its runs and installs what the lock file says, or fails. */
const fakeNpm = `
import { appendFileSync, copyFileSync, mkdirSync } from 'node:fs';
appendFileSync('npm-runs', process.argv.slice(2).join(' ') + '\\n');
if (process.env.FAKE_NPM_FAILS) process.exit(7);
await new Promise((resolve) => setTimeout(resolve, 300));
console.log('added 1 package');
mkdirSync('node_modules', { recursive: true });
copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
`;

/** A clone of a repository that holds the bootstrap and a command that prints its arguments, its folder and its Node.js. */
class Clone {
  readonly root: string;

  constructor(t: ExecutionContext) {
    this.root = mkdtempSync(join(tmpdir(), 'cloudscan-clone-'));
    t.teardown(() => rmSync(this.root, { recursive: true, force: true }));
    for (const folder of ['tools', 'apps/cli/src', 'npm']) mkdirSync(join(this.root, folder), { recursive: true });
    for (const name of ['bootstrap.js', 'install.js']) copyFileSync(join(import.meta.dirname, '..', name), join(this.root, 'tools', name));
    this.write('package.json', '{"type":"module"}');
    this.write('npm/npm-cli.js', fakeNpm);
    this.write(
      'apps/cli/src/main.ts',
      'console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd() })); process.exitCode = 3;',
    );
    this.lock(packages);
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.root, path), text);
  }

  lock(content: object): void {
    this.write('package-lock.json', JSON.stringify({ packages: content }));
  }

  /** What npm would have left behind. */
  installed(content: object): void {
    mkdirSync(join(this.root, 'node_modules'), { recursive: true });
    this.write('node_modules/.package-lock.json', JSON.stringify({ packages: content }));
  }

  get npmRuns(): readonly string[] {
    const path = join(this.root, 'npm-runs');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(process.execPath, [join(this.root, 'tools', 'bootstrap.js'), ...args], {
      cwd: this.root,
      env: { PATH: process.env['PATH'], npm_execpath: join(this.root, 'npm', 'npm-cli.js'), ...env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return { exitCode, stdout, stderr };
  }
}

test('installs what the lock file says, then becomes the command with its arguments, folder and exit code', async (t) => {
  const clone = new Clone(t);
  const { exitCode, stdout, stderr } = await clone.run(['scan', 'a b', '--types', 'sast'], { INIT_CWD: clone.root });
  t.deepEqual(JSON.parse(stdout), { args: ['scan', 'a b', '--types', 'sast'], cwd: clone.root });
  t.is(exitCode, 3);
  t.regex(stderr, /^Installing the packages[^]*added 1 package/);
  t.deepEqual(clone.npmRuns, ['ci --include=dev --include=optional --loglevel=error --no-audit --no-fund']);
});

test('says and installs nothing the second time', async (t) => {
  const clone = new Clone(t);
  await clone.run(['scan']);
  t.is((await clone.run(['scan'])).stderr, '');
  t.is(clone.npmRuns.length, 1);
});

test('installs again when the lock file changed', async (t) => {
  const clone = new Clone(t);
  await clone.run(['scan']);
  clone.lock({ ...packages, 'node_modules/right': { version: '2.0.0', integrity: 'sha512-right' } });
  await clone.run(['scan']);
  t.is(clone.npmRuns.length, 2);
});

test('leaves alone what npm installed by itself', async (t) => {
  const clone = new Clone(t);
  const { 'node_modules/for-another-platform': _, ...here } = packages;
  clone.installed(here);
  await clone.run(['scan']);
  t.deepEqual(clone.npmRuns, []);
});

test('installs over another version and over what is missing', async (t) => {
  for (const installed of [
    { ...packages, 'node_modules/left': { version: '0.9.0', integrity: 'sha512-old' } },
    { 'libs/a': { version: '0.1.0' } },
  ]) {
    const clone = new Clone(t);
    clone.installed(installed);
    await clone.run(['scan']);
    t.is(clone.npmRuns.length, 1);
  }
});

test('installs once when several commands start at the same time', async (t) => {
  const clone = new Clone(t);
  const outcomes = await Promise.all([clone.run(['scan']), clone.run(['scan']), clone.run(['scan'])]);
  t.deepEqual(
    outcomes.map(({ exitCode }) => exitCode),
    [3, 3, 3],
  );
  t.is(clone.npmRuns.length, 1);
});

test('takes over from an installation that died', async (t) => {
  const clone = new Clone(t);
  mkdirSync(join(clone.root, '.cloudscan'));
  clone.write('.cloudscan/install.lock', '');
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(join(clone.root, '.cloudscan', 'install.lock'), longAgo, longAgo);
  t.is((await clone.run(['scan'])).exitCode, 3);
});

test('says in one sentence that the installation failed, and tries again the next time', async (t) => {
  const clone = new Clone(t);
  const failed = await clone.run(['scan'], { FAKE_NPM_FAILS: 'yes' });
  t.is(failed.exitCode, 2);
  t.regex(failed.stderr, /npm ci ended with exit code 7, for the reason above; check the network/);
  t.is((await clone.run(['scan'])).exitCode, 3);
});

test('says in one sentence that npm is missing', async (t) => {
  const clone = new Clone(t);
  const { exitCode, stderr } = await clone.run(['scan'], { npm_execpath: '', PATH: '/nowhere' });
  t.is(exitCode, 2);
  t.regex(stderr, /npm cannot be started \(.*ENOENT.*\); install Node\.js with npm/);
});

test('names the commands when it does not know one', async (t) => {
  const { exitCode, stderr } = await new Clone(t).run(['scna']);
  t.is(exitCode, 2);
  t.is(
    stderr,
    'unknown command "scna"; known are cloudscan, scan, start, stop, test, test:cluster, test:stores, simulator, verify, bench, generate\n',
  );
});

test('hands a signal to the command', async (t) => {
  const clone = new Clone(t);
  clone.write(
    'apps/cli/src/main.ts',
    'process.on("SIGTERM", () => process.exit(4)); setInterval(() => 0, 1000); process.stdout.write("up");',
  );
  clone.installed(packages);
  const child = spawn(process.execPath, [join(clone.root, 'tools', 'bootstrap.js'), 'scan'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [4, null]);
});
