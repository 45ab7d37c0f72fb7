import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  name?: string;
  workspaces?: string[];
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

interface LockFile {
  packages: Record<string, Manifest & { link?: boolean; resolved?: string }>;
}

/**
 * Turns a checkout into the workspace of some projects and of the workspaces that they depend on, so that `npm ci` installs
 * what runs in production and nothing else. npm's own `--omit=dev` also installs what the others need for their tests: to it
 * every workspace is a dependency of the root.
 *
 * @param root a copy of the repository's package.json files and lock file, which is changed
 * @param projects their paths, such as `apps/storage`
 * @returns the paths of the workspaces that are left
 */
export function pruneWorkspaces(root: string, projects: readonly string[]): readonly string[] {
  const lockPath = join(root, 'package-lock.json');
  const lock = JSON.parse(readFileSync(lockPath, 'utf8')) as LockFile;
  const kept = closureOf(lock, projects);
  for (const path of workspacesOf(lock)) {
    if (kept.includes(path)) continue;
    delete lock.packages[path];
    delete lock.packages[linkOf(lock, path)];
    rmSync(join(root, path), { recursive: true, force: true });
  }
  for (const path of ['', ...kept]) {
    const shape = (manifest: Manifest): Manifest => shapeOf(manifest, path === '' ? kept : null);
    lock.packages[path] = shape(lock.packages[path]!);
    rewrite(join(root, path, 'package.json'), shape);
  }
  writeFileSync(lockPath, `${JSON.stringify(lock, null, 2)}\n`);
  return kept;
}

/** Without what only work on the repository needs. */
function shapeOf(manifest: Manifest, workspaces: readonly string[] | null): Manifest {
  const { devDependencies: _, ...rest } = manifest;
  if (workspaces === null) return rest;
  // The root's optional dependency is Node.js itself.
  const { optionalDependencies: __, ...root } = rest;
  return { ...root, workspaces: [...workspaces] };
}

function closureOf(lock: LockFile, projects: readonly string[]): readonly string[] {
  const paths = new Map(workspacesOf(lock).map((path) => [lock.packages[path]!.name!, path]));
  const found = new Set<string>();
  const add = (path: string): void => {
    if (found.has(path)) return;
    const entry = lock.packages[path];
    if (entry === undefined) throw new Error(`${path} is no workspace of this repository`);
    found.add(path);
    for (const name of Object.keys(entry.dependencies ?? {})) if (paths.has(name)) add(paths.get(name)!);
  };
  projects.forEach(add);
  return [...found].toSorted();
}

function workspacesOf(lock: LockFile): string[] {
  return Object.values(lock.packages).flatMap(({ link, resolved }) => (link === true && resolved !== undefined ? [resolved] : []));
}

function linkOf(lock: LockFile, path: string): string {
  return Object.entries(lock.packages).find(([, { link, resolved }]) => link === true && resolved === path)![0];
}

function rewrite(path: string, change: (manifest: Manifest) => Manifest): void {
  writeFileSync(path, `${JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')) as Manifest), null, 2)}\n`);
}

if (import.meta.main) process.stdout.write(`${pruneWorkspaces(process.cwd(), process.argv.slice(2)).join('\n')}\n`);
