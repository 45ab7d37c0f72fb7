import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identifyProcess, isRunning } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** What a running one-machine stack says of itself, in `stack.json` of its data folder. */
export interface StackFile {
  readonly process: ProcessIdentity;
  readonly version: string;
  /** Started by a client, and gone when the last one is. */
  readonly onDemand: boolean;
  /** `host:port` of api-grpc. */
  readonly grpc: string;
  readonly http: string;
  readonly storage: string;
  readonly storageHttp: string;
  readonly databasePort: number;
}

/** Null when no stack runs on that data folder; a file that a killed stack left does not count. */
export function readStackFile(dataDir: string): StackFile | null {
  try {
    const stack = JSON.parse(readFileSync(stackPath(dataDir), 'utf8')) as StackFile;
    return isRunning(stack.process) ? stack : null;
  } catch {
    return null;
  }
}

/** Written once the stack serves; readers see all of it or nothing. */
export function writeStackFile(dataDir: string, stack: StackFile): void {
  writeWhole(stackPath(dataDir), stack);
}

export function removeStackFile(dataDir: string): void {
  rmSync(stackPath(dataDir), { force: true });
}

/** Says that this process uses the stack; the returned function takes it back. A process that dies takes it back too. */
export function registerClient(dataDir: string): () => void {
  const folder = clientsPath(dataDir);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, String(process.pid));
  writeWhole(path, identifyProcess(process.pid));
  return () => rmSync(path, { force: true });
}

/** How many registered processes live; forgets the others. */
export function countClients(dataDir: string): number {
  let live = 0;
  for (const name of listOrNone(clientsPath(dataDir))) {
    const path = join(clientsPath(dataDir), name);
    if (!/^\d+$/.test(name)) continue;
    if (isLiveClient(path)) live += 1;
    else rmSync(path, { force: true });
  }
  return live;
}

function writeWhole(path: string, content: object | null): void {
  const draft = `${path}.${process.pid}.draft`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}

function isLiveClient(path: string): boolean {
  try {
    return isRunning(JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity);
  } catch {
    return false;
  }
}

function listOrNone(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function stackPath(dataDir: string): string {
  return join(dataDir, 'stack.json');
}

function clientsPath(dataDir: string): string {
  return join(dataDir, 'clients');
}
