import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { pruneWorkspaces } from '../prune-workspaces.ts';

const root = join(import.meta.dirname, '..', '..');

interface Manifest {
  readonly name?: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: object;
  readonly optionalDependencies?: object;
}

/** The manifests of this repository, as an image's build has them. */
function copyOfManifests(t: ExecutionContext): string {
  const copy = mkdtempSync(join(tmpdir(), 'cloudscan-prune-'));
  t.teardown(() => rmSync(copy, { recursive: true }));
  const projects = ['apps', 'libs'].flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name)));
  for (const path of [
    'package.json',
    'package-lock.json',
    ...['migrations', ...projects].map((project) => join(project, 'package.json')),
  ]) {
    if (existsSync(join(root, path))) cpSync(join(root, path), join(copy, path));
  }
  return copy;
}

function manifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}

test('leaves the libraries that an app is made of, also those of its libraries, and nothing that only tests need', (t) => {
  const copy = copyOfManifests(t);
  const kept = pruneWorkspaces(copy, ['apps/sweeper']);
  t.true(['apps/sweeper', 'libs/repositories', 'libs/storage-client', 'libs/contracts'].every((path) => kept.includes(path)));
  t.false(['libs/testing', 'libs/embedded-postgres', 'apps/api-grpc'].some((path) => kept.includes(path)));
  t.deepEqual(manifest(join(copy, 'package.json')).workspaces, kept);
  for (const path of ['', ...kept]) {
    const { devDependencies, optionalDependencies } = manifest(join(copy, path, 'package.json'));
    t.is(devDependencies, undefined, path);
    if (path === '') t.is(optionalDependencies, undefined);
  }
  t.deepEqual(readdirSync(join(copy, 'apps')), ['sweeper']);
});

test('what is left is whole: each workspace that a manifest names is there, and the lock file says the same', (t) => {
  const copy = copyOfManifests(t);
  const kept = pruneWorkspaces(copy, ['apps/dispatcher', 'apps/runner']);
  const { packages } = JSON.parse(readFileSync(join(copy, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Manifest & { link?: boolean; resolved?: string }>;
  };
  const links = Object.entries(packages).filter(([, { link }]) => link === true);
  t.deepEqual(links.map(([, { resolved }]) => resolved!).toSorted(), kept);
  const names = links.map(([path]) => path.replace('node_modules/', ''));
  for (const path of kept) {
    const { dependencies = {} } = manifest(join(copy, path, 'package.json'));
    t.deepEqual(packages[path]!.dependencies ?? {}, dependencies, path);
    for (const name of Object.keys(dependencies).filter((one) => one.startsWith('@cloudscan/')))
      t.true(names.includes(name), `${path}: ${name}`);
  }
  t.deepEqual(packages['']!.workspaces, kept);
});

test('a project that is none is named', (t) => {
  t.throws(() => pruneWorkspaces(copyOfManifests(t), [join('apps', 'none')]), { message: /apps\/none is no workspace/ });
});
