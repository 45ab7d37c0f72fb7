import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '@cloudscan/config';
import { acquireProcessLock, StartUpError } from '@cloudscan/process';
import type { ProcessLock } from '@cloudscan/process';

/** Where things lie in the data folder. */
export interface DataFolder {
  readonly root: string;
  readonly postgres: string;
  readonly artifacts: string;
  /** Logs while they are imported. */
  readonly imports: string;
  readonly work: string;
  readonly logs: string;
}

export function dataFolder(root: string): DataFolder {
  const at = (name: string): string => join(root, name);
  return { root, postgres: at('postgres'), artifacts: at('artifacts'), imports: at('imports'), work: at('work'), logs: at('logs') };
}

/** Held by the stack that runs on the folder. */
export function lockPath(root: string): string {
  return join(root, 'standalone.lock');
}

/**
 * Makes what is missing and takes the folder's lock.
 *
 * @throws StartUpError when the folder cannot be written or another stack runs on it
 */
export function openDataFolder(folder: DataFolder): ProcessLock {
  try {
    mkdirSync(folder.root, { recursive: true });
    for (const path of [folder.artifacts, folder.imports, folder.work, folder.logs]) mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = acquireProcessLock(lockPath(folder.root));
    if (!('heldBy' in lock)) return lock;
    throw new StartUpError(
      `a stack already runs on ${folder.root} (process ${lock.heldBy.pid}); stop it by "npm run stop", or set CLOUDSCAN_DATA_DIR to another folder`,
    );
  } catch (error) {
    throw folderProblem(folder.root, error);
  }
}

function folderProblem(root: string, error: unknown): unknown {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new StartUpError(
        `the data folder ${root} cannot be written; give this user write access, or set CLOUDSCAN_DATA_DIR to another folder`,
        error,
      );
    case 'ENOSPC':
      return new StartUpError(
        `the disk of the data folder ${root} is full; free some space, or set CLOUDSCAN_DATA_DIR to another folder`,
        error,
      );
    case 'EEXIST':
    case 'ENOTDIR':
      return new StartUpError(
        `the data folder ${root} is not a folder; remove what is there, or set CLOUDSCAN_DATA_DIR to another folder`,
        error,
      );
    default:
      return error;
  }
}

/** Drawn at the first start; whoever has them has the data. */
export interface StackSecrets {
  readonly databaseSuperuser: Secret;
  readonly databaseOrchestrator: Secret;
  readonly databaseStorage: Secret;
  readonly storageSigningKey: Secret;
  readonly secretHashKey: Secret;
}

const secretNames = ['databaseSuperuser', 'databaseOrchestrator', 'databaseStorage', 'storageSigningKey', 'secretHashKey'] as const;

/**
 * Reads `secrets.json`, or draws it where no database was made yet.
 *
 * @throws StartUpError when it is lost or damaged
 */
export function readSecrets(folder: DataFolder): StackSecrets {
  const path = join(folder.root, 'secrets.json');
  if (!existsSync(path)) {
    if (existsSync(join(folder.postgres, 'data')))
      throw new StartUpError(
        `${path} is missing, and without it the data in ${folder.root} cannot be opened; bring it back, or remove the folder to begin anew`,
      );
    writeSecrets(path, Object.fromEntries(secretNames.map((name) => [name, randomBytes(32).toString('hex')])));
  }
  const values = parse(path);
  const isWhole = secretNames.every((name) => typeof values[name] === 'string' && values[name] !== '');
  if (!isWhole)
    throw new StartUpError(
      `${path} is damaged; bring back the one that was made with the data in ${folder.root}, or remove the folder to begin anew`,
    );
  return Object.fromEntries(secretNames.map((name) => [name, new Secret(values[name] as string)])) as unknown as StackSecrets;
}

/** What signs attestations, and what they are verified with. */
export interface AttestationKey {
  /** Path of the private key (PEM). */
  readonly file: string;
  /** PEM. */
  readonly publicKey: string;
}

/**
 * Reads `attestation-key.pem`, or draws it where it is missing: what the lost one signed is then no longer vouched for.
 *
 * @throws StartUpError when it is damaged
 */
export function readAttestationKey({ root }: DataFolder): AttestationKey {
  const file = join(root, 'attestation-key.pem');
  if (!existsSync(file)) {
    writePrivate(file, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  }
  try {
    const publicKey = createPublicKey(createPrivateKey(readFileSync(file)));
    return { file, publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string };
  } catch (error) {
    throw new StartUpError(`${file} is no private key; bring it back, or remove it and another one is made`, error);
  }
}

function writeSecrets(path: string, values: Readonly<Record<string, string>>): void {
  writePrivate(path, `${JSON.stringify(values, null, 2)}\n`);
}

/** On disk before its name is, since what it opens is made right after. */
function writePrivate(path: string, text: string): void {
  const draft = `${path}.draft`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, path);
}

function parse(path: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
