import type { Dirent } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJobName } from '@cloudscan/domain';
import type { LocalJobEnd } from '@cloudscan/orchestration';

/** What lies where in the folder of one run. */
export interface RunFolder {
  readonly root: string;
  /** The runner's WORK_DIR. */
  readonly work: string;
  readonly results: string;
  /** The runner's TMPDIR. */
  readonly temporary: string;
  readonly log: string;
  readonly supervisorLog: string;
  /** How the run ended, for whoever can reach the database when its supervisor could not. */
  readonly outcome: string;
}

export function runFolder(root: string): RunFolder {
  return {
    root,
    work: join(root, 'work'),
    results: join(root, 'results'),
    temporary: join(root, 'tmp'),
    log: join(root, 'runner.log'),
    supervisorLog: join(root, 'supervisor.log'),
    outcome: join(root, 'outcome.json'),
  };
}

/** Readable by this user only; nothing happens where it is there. */
export async function createRunFolder(folder: RunFolder): Promise<void> {
  for (const path of [folder.root, folder.work, folder.results, folder.temporary]) await mkdir(path, { recursive: true, mode: 0o700 });
}

/** Removes a folder with all it holds, also folders that a source made unreadable. */
export async function removeRunFolder(root: string): Promise<void> {
  try {
    await rm(root, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    await openFolders(root);
    await rm(root, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The names of runs that have a folder below `workRoot`. */
export async function listRunFolders(workRoot: string): Promise<readonly string[]> {
  const entries = await entriesOf(workRoot);
  return entries.filter((entry) => entry.isDirectory() && parseJobName(entry.name) !== null).map(({ name }) => name);
}

/** In one step: whoever reads the file reads all of it. */
export async function writeOutcome(folder: RunFolder, end: LocalJobEnd): Promise<void> {
  const draft = `${folder.outcome}.draft`;
  await writeFile(draft, JSON.stringify(end), { mode: 0o600 });
  await rename(draft, folder.outcome);
}

/** Null when there is none. */
export async function readOutcome(folder: RunFolder): Promise<LocalJobEnd | null> {
  try {
    const end = JSON.parse(await readFile(folder.outcome, 'utf8')) as LocalJobEnd & { readonly at: string };
    return { ...end, at: new Date(end.at) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function openFolders(path: string): Promise<void> {
  await chmod(path, 0o700);
  for (const entry of await entriesOf(path)) if (entry.isDirectory()) await openFolders(join(path, entry.name));
}

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
