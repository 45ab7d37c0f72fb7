import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What keeps the packages from being installed; its message is one sentence for the user. */
export class InstallError extends Error {}

/** Milliseconds between two signs of life of an installation, and after how many without one it counts as dead. */
const heartbeatMs = 1000;
const deadAfterMs = 15_000;

/**
 * Makes sure that node_modules holds the versions of the lock file. Prints to standard error only, and nothing when they are there.
 *
 * @param {string} root folder of the lock file
 */
export async function ensureInstalled(root) {
  if (isStamped(root)) return;
  const release = await acquireLock(root);
  try {
    if (isStamped(root)) return;
    if (!matchesLockFile(root)) await install(root);
    writeFileSync(stampPath(root), stampOf(root));
  } finally {
    release();
  }
}

/** @param {string} root */
function isStamped(root) {
  const stamp = readOrNull(stampPath(root));
  return stamp !== null && stamp === stampOf(root);
}

/**
 * Changes with the lock file, the platform, and every installation that npm makes.
 *
 * @param {string} root
 */
function stampOf(root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const installed = statSync(installedPath(root), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return `${lock} ${process.platform}-${process.arch} ${installed}\n`;
}

/**
 * Whether what npm installed last is what the lock file says, apart from packages for other platforms.
 *
 * @param {string} root
 */
function matchesLockFile(root) {
  const installed = packagesOf(installedPath(root));
  if (installed === null) return false;
  const wanted = packagesOf(join(root, 'package-lock.json')) ?? {};
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const found = installed[path];
    return path === '' || (found === undefined ? optional === true : found.version === version && found.integrity === integrity);
  });
}

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, integrity?: string, optional?: boolean }> | null}
 */
function packagesOf(path) {
  const text = readOrNull(path);
  return text === null ? null : JSON.parse(text).packages;
}

/** @param {string} root */
async function install(root) {
  process.stderr.write('Installing the packages of package-lock.json; this takes a minute the first time …\n');
  const args = ['ci', '--include=dev', '--include=optional', '--loglevel=error', '--no-audit', '--no-fund'];
  // The npm that runs this script, or the one on PATH.
  const npm = process.env['npm_execpath'] ?? '';
  const [command, ...prefix] = npm.endsWith('npm-cli.js') ? [process.execPath, npm] : ['npm'];
  const child = spawn(/** @type {string} */ (command), [...prefix, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  const exitCode = await new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(new InstallError(`npm cannot be started (${error.message}); install Node.js with npm from https://nodejs.org`)),
    );
    child.once('exit', (code) => resolve(code ?? 1));
  });
  if (exitCode !== 0) {
    throw new InstallError(
      `npm ci ended with exit code ${exitCode}, for the reason above; check the network and "npm config get registry", then run the command again`,
    );
  }
}

/**
 * Two installations at once would remove each other's files. The holder touches the lock while it lives.
 *
 * @param {string} root
 * @returns {Promise<() => void>} releases it
 */
async function acquireLock(root) {
  const path = join(root, '.cloudscan', 'install.lock');
  while (!tryCreate(root, path)) {
    const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - touched > deadAfterMs) rmSync(path, { force: true });
    else await delay(heartbeatMs / 4);
  }
  const heartbeat = setInterval(() => utimesSync(path, new Date(), new Date()), heartbeatMs);
  return () => {
    clearInterval(heartbeat);
    rmSync(path, { force: true });
  };
}

/**
 * @param {string} root
 * @param {string} path
 */
function tryCreate(root, path) {
  try {
    mkdirSync(join(root, '.cloudscan'), { recursive: true });
    closeSync(openSync(path, 'wx'));
    return true;
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'EEXIST') return false;
    throw new InstallError(
      `${root} cannot be written (${code}); give this user write access, or install the packages by "npm ci" as another`,
    );
  }
}

/** @param {string} path */
function readOrNull(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** @param {string} root */
function installedPath(root) {
  return join(root, 'node_modules', '.package-lock.json');
}

/** @param {string} root */
function stampPath(root) {
  return join(root, 'node_modules', '.cloudscan-stamp');
}
