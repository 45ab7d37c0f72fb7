import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** Stands in everything outside the work folder; a run that shows it has read what it must not. */
const canary = 'canary-5d1c';
/** What a scanner of each kind would report, were it led here. */
const outsideFiles: Readonly<Record<string, string>> = {
  'deploy.env': `GITHUB_TOKEN=ghp_${'cA3nA5rY7jK9mN1pQ2rS4tU6vW8xY0zTfWkM'}\nNAME=${canary}\n`,
  'server.js': `const { exec } = require('child_process');\napp.get('/', (req, res) => exec('${canary} ' + req.query.dir));\n`,
  'requirements.txt': `${canary}==1.0.0\n`,
  'pom.xml': `<project><artifactId>${canary}</artifactId><version>1.0.0</version></project>\n`,
  LICENSE: `GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007\n\nSPDX-License-Identifier: AGPL-3.0-only\n${canary}\n`,
  'hooks/run.sh': `#!/bin/sh\ntouch "$(dirname "$0")/ran"\n`,
};

/**
 * A folder with a place for a runner (`work`, `results`), and beside it files that no scan may read, change, or add to. It knows of
 * reading by the files' access times, where the file system keeps them, and by what is in them.
 */
export class Surroundings {
  readonly root: string;
  readonly outside: string;
  #before = new Map<string, string>();
  #watched: readonly string[] = [];
  #tellsReading = false;

  private constructor(root: string) {
    this.root = root;
    this.outside = join(root, 'outside');
  }

  static async make(t: ExecutionContext): Promise<Surroundings> {
    const surroundings = new Surroundings(await mkdtemp(join(tmpdir(), 'cloudscan-hostile-')));
    t.teardown(() => rm(surroundings.root, { recursive: true, force: true }));
    for (const [name, content] of Object.entries(outsideFiles)) {
      const path = join(surroundings.outside, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content, { mode: 0o755 });
    }
    return surroundings;
  }

  get workDir(): string {
    return join(this.root, 'work');
  }

  get resultsDir(): string {
    return join(this.root, 'results');
  }

  /** From here on every trace counts. */
  async watch(): Promise<void> {
    this.#before = await picture(this.root);
    const control = join(this.root, 'control');
    await writeFile(control, 'x');
    await utimes(control, neverRead, writtenLater);
    await readFile(control);
    this.#tellsReading = (await stat(control)).atime > neverRead;
    await rm(control);
    this.#watched = await pathsBelow(this.outside);
    for (const path of this.#watched) await utimes(path, neverRead, writtenLater);
  }

  /**
   * Fails where anything beside the runner's folders was read, written, made or removed.
   *
   * @param shown all that the run has shown to anybody
   */
  async assertUntouched(t: ExecutionContext, shown: string): Promise<void> {
    const read = await Promise.all(this.#watched.map(async (path) => ((await stat(path)).atime > neverRead ? path : null)));
    if (this.#tellsReading)
      t.deepEqual(
        read.filter((path) => path !== null),
        [],
        'something outside the work folder was read',
      );
    t.false(shown.includes(canary), 'something outside the work folder was shown');
    t.false(shown.includes('AGPL-3.0'), 'a licence outside the work folder was told');
    t.false(existsSync(join(this.outside, 'hooks', 'ran')), 'a program of the source was run');
    t.deepEqual(await picture(this.root), this.#before, 'something outside the work folder was changed');
  }
}

const neverRead = new Date('1990-01-01T00:00:00Z');
/** Later than the last reading, so that `relatime` counts the next one: https://man7.org/linux/man-pages/man8/mount.8.html */
const writtenLater = new Date('2001-01-01T00:00:00Z');

async function pathsBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return [folder, ...names.map((name) => join(folder, name))];
}

/** Every path below a folder with its kind, mode and content. */
async function picture(root: string): Promise<Map<string, string>> {
  const paths = await pathsBelow(root);
  const entries = await Promise.all(paths.sort().map(async (path) => [path.slice(root.length), await describe(path)] as const));
  return new Map(entries);
}

async function describe(path: string): Promise<string> {
  const facts = await lstat(path);
  const mode = facts.mode.toString(8);
  if (facts.isSymbolicLink()) return `${mode} -> ${await readlink(path)}`;
  if (!facts.isFile()) return mode;
  return `${mode} ${createHash('sha256')
    .update(await readFile(path))
    .digest('hex')}`;
}
