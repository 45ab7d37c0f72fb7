// Plain JavaScript without dependencies: it runs under whatever Node.js (20 or newer) the user has, before anything is installed.
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, InstallError } from './install.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const neededMajor = 24;

/** What each command runs, and whether paths in its arguments mean the folder that the user typed them in. */
const commands = /** @type {const} */ ({
  cloudscan: { script: 'apps/cli/src/main.ts', args: [], inFolderOf: 'process' },
  scan: { script: 'apps/cli/src/main.ts', args: ['scan'], inFolderOf: 'npm' },
  start: { script: 'apps/standalone/src/main.ts', args: ['start'], inFolderOf: 'root' },
  stop: { script: 'apps/standalone/src/main.ts', args: ['stop'], inFolderOf: 'root' },
  test: { script: 'tools/test.ts', args: [], inFolderOf: 'root' },
  'test:cluster': { script: 'tools/test-cluster.ts', args: [], inFolderOf: 'root' },
  'test:stores': { script: 'tools/test-stores.ts', args: [], inFolderOf: 'root' },
  simulator: { script: 'libs/testing/src/kubernetes/simulator-main.ts', args: ['.cloudscan/simulator'], inFolderOf: 'root' },
  verify: { script: 'tools/verify.ts', args: [], inFolderOf: 'root' },
  bench: { script: 'tools/bench.ts', args: [], inFolderOf: 'root' },
  generate: { script: 'tools/generate.ts', args: [], inFolderOf: 'root' },
});

/** The exit code for a mistake of the caller or of the machine's set-up, as the command line has it. */
const usageError = 2;

/**
 * Installs what the lock file says where that is not there, then becomes the command under the pinned Node.js.
 *
 * @param {readonly string[]} argv the command and its arguments
 * @returns {Promise<void>} ends the process with the command's exit code
 */
export async function runCommand([name = '', ...args]) {
  if (!Object.hasOwn(commands, name)) return fail(`unknown command "${name}"; known are ${Object.keys(commands).join(', ')}`);
  const command = commands[/** @type {keyof typeof commands} */ (name)];
  try {
    await ensureInstalled(root);
  } catch (error) {
    if (error instanceof InstallError) return fail(error.message);
    throw error;
  }
  const node = findNode();
  if (node === null) {
    return fail(
      `Node.js ${neededMajor} or newer is needed: this is ${process.version}, and there is no packaged one for ${process.platform} on ${process.arch}; install it from https://nodejs.org and run the command again`,
    );
  }
  // Halves the start of every process after the first.
  process.env['NODE_COMPILE_CACHE'] ??= join(root, 'node_modules', '.cache', 'node-compile-cache');
  process.chdir(folderOf(command.inFolderOf));
  await become(node, ['--conditions=@cloudscan/source', join(root, command.script), ...command.args, ...args]);
}

/** @returns {string | null} */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= neededMajor) return process.execPath;
  const packaged = join(root, 'node_modules', '.bin', 'node');
  return existsSync(packaged) ? realpathSync(packaged) : null;
}

/** @param {'process' | 'npm' | 'root'} whose npm runs scripts in the root and leaves the user's folder in INIT_CWD */
function folderOf(whose) {
  if (whose === 'root') return root;
  return whose === 'npm' ? (process.env['INIT_CWD'] ?? process.cwd()) : process.cwd();
}

/**
 * @param {string} node
 * @param {readonly string[]} args
 */
async function become(node, args) {
  // Replaces this process, so that signals and exit codes need no forwarding. Node.js 20 has no execve.
  process.execve?.(node, [node, ...args], process.env);
  const child = spawn(node, args, { stdio: 'inherit' });
  child.once('error', (error) =>
    fail(`${node} cannot run here (${error.message}); install Node.js ${neededMajor} or newer from https://nodejs.org`),
  );
  // A terminal sends SIGINT to the child as well, and a second one would force the child's end.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) process.on(signal, () => child.kill(signal));
  child.once('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)]));
}

/** @param {string} message */
function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(usageError);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  await runCommand(process.argv.slice(2));
