import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { exitCodes } from '../src/exit-codes.ts';
import { scanHostile } from './hostile-scan.ts';
import type { HostileScan } from './hostile-scan.ts';
import { hostileGitConfig, ordinaryFiles, telling } from './hostile-tree.ts';

const identity = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' };

/** A repository that is served by its own `.git`, hooks and settings included. */
class Repository {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(t: ExecutionContext): Promise<Repository> {
    const path = await mkdtemp(join(tmpdir(), 'cloudscan-hostile-git-'));
    t.teardown(() => rm(path, { recursive: true, force: true }));
    const repository = new Repository(path);
    repository.git('init', '--quiet', '--initial-branch=main');
    repository.write(ordinaryFiles);
    return repository;
  }

  get url(): string {
    return `file://${this.path}`;
  }

  git(...args: string[]): string {
    return this.gitWith('', ...args);
  }

  gitWith(input: string | Buffer, ...args: string[]): string {
    const env = { PATH: process.env.PATH, HOME: this.path, GIT_CONFIG_NOSYSTEM: '1', ...identity };
    return execFileSync('git', args, { cwd: this.path, env, input, encoding: 'utf8', maxBuffer: 1e8 }).trim();
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), content);
    }
  }

  commit(): void {
    this.git('add', '--all', '--force');
    this.git('commit', '--quiet', '--message=m');
  }

  /** Commits a tree that Git itself would not make: `mode type object\tpath` lines, as git-mktree(1) reads them. */
  commitTree(entries: string): void {
    const tree = this.gitWith(entries, 'mktree', '--missing', '-z');
    this.git('update-ref', 'refs/heads/main', this.git('commit-tree', '-m', 'm', tree));
  }

  blob(content: string | Buffer): string {
    return this.gitWith(content, 'hash-object', '-w', '--stdin', '--literally');
  }
}

function foundTheOrdinary(t: ExecutionContext, scan: HostileScan): void {
  t.is(scan.code, exitCodes.done, scan.log);
  const paths = new Set(scan.findings.map(({ filePath }) => filePath));
  for (const path of Object.keys(ordinaryFiles)) t.true(paths.has(path), `${path} in ${[...paths].join()}`);
}

test('neither the hooks, nor the settings, nor the attributes of a repository run anything', async (t) => {
  const scan = await scanHostile(t, async (outside) => {
    const repository = await Repository.make(t);
    repository.write({
      '.gitattributes': '* filter=x diff=x merge=x\n*.bin filter=lfs diff=lfs\n',
      '.lfsconfig': `[lfs]\n\turl = file://${outside}\n`,
      'large.bin': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
      // What Git takes for a repository where it stands.
      HEAD: 'ref: refs/heads/main\n',
      config: `${hostileGitConfig(outside)}[core]\n\tworktree = ${outside}\n`,
      'objects/keep': '',
      'refs/keep': '',
    });
    repository.commit();
    writeFileSync(join(repository.path, '.git/config'), hostileGitConfig(outside));
    for (const hook of ['post-checkout', 'pre-receive', 'post-index-change', 'reference-transaction', 'fsmonitor-watchman']) {
      writeFileSync(join(repository.path, '.git/hooks', hook), `#!/bin/sh\n${outside}/hooks/run.sh\n`);
      chmodSync(join(repository.path, '.git/hooks', hook), 0o755);
    }
    return { gitUrl: repository.url };
  });
  foundTheOrdinary(t, scan);
});

test('links that are committed lead nowhere', async (t) => {
  const scan = await scanHostile(t, async (outside) => {
    const repository = await Repository.make(t);
    for (const [name, target] of [
      ['absolute.env', `${outside}/deploy.env`],
      ['relative.env', '../../outside/deploy.env'],
      ['folder', outside],
      ['loop', 'loop'],
      ['device', '/dev/zero'],
    ] as const)
      symlinkSync(target, join(repository.path, name));
    repository.commit();
    return { gitUrl: repository.url };
  });
  foundTheOrdinary(t, scan);
});

test('submodules are neither fetched nor followed, whatever their URL and path', async (t) => {
  const scan = await scanHostile(t, async (outside) => {
    const repository = await Repository.make(t);
    const module = (name: string, path: string, url: string): string =>
      `[submodule "${name}"]\n\tpath = ${path}\n\turl = ${url}\n\tupdate = !${outside}/hooks/run.sh\n\tfetchRecurseSubmodules = true\n`;
    repository.write({
      '.gitmodules': [
        module('ext', 'a', `ext::${outside}/hooks/run.sh`),
        module('option', 'b', `--upload-pack=${outside}/hooks/run.sh`),
        module('file', 'c', `file://${outside}`),
        module('../../outside', '../../outside', repository.url),
      ].join(''),
    });
    repository.git('add', '--all');
    const head = '1'.repeat(40);
    for (const path of ['a', 'b', 'c']) repository.git('update-index', '--add', '--cacheinfo', `160000,${head},${path}`);
    repository.git('commit', '--quiet', '--message=m');
    return { gitUrl: repository.url };
  });
  foundTheOrdinary(t, scan);
});

for (const name of ['.git', '.GIT', 'git~1', '..', '.']) {
  test(`a tree with a member called ${name} is refused, or comes without it`, async (t) => {
    const scan = await scanHostile(t, async (outside) => {
      const repository = await Repository.make(t);
      repository.commit();
      const inner = repository.gitWith(`100644 blob ${repository.blob(hostileGitConfig(outside))}\tconfig\0`, 'mktree', '-z');
      repository.commitTree(`${repository.git('ls-tree', '-z', 'HEAD')}040000 tree ${inner}\t${name}\0`);
      return { gitUrl: repository.url };
    });
    t.is(scan.code, exitCodes.failed);
    t.regex(scan.errorMessage, /could not (?:check out|fetch)|leads out/);
  });
}

test('objects that lie elsewhere come from the server alone', async (t) => {
  const scan = await scanHostile(t, async () => {
    const other = await Repository.make(t);
    other.write({ 'other.env': telling.secret });
    other.commit();
    const repository = await Repository.make(t);
    repository.commit();
    repository.write({
      '.git/objects/info/alternates': `${other.path}/.git/objects\n`,
      '.git/objects/info/http-alternates': `${other.url}\n`,
    });
    return { gitUrl: repository.url };
  });
  foundTheOrdinary(t, scan);
  t.false(scan.findings.some(({ filePath }) => filePath === 'other.env'));
});

test('what the environment says of Git counts for nothing', async (t) => {
  const scan = await scanHostile(t, async (outside) => {
    const repository = await Repository.make(t);
    repository.commit();
    const program = `${outside}/hooks/run.sh`;
    const folders = {
      GIT_DIR: outside,
      GIT_WORK_TREE: outside,
      GIT_OBJECT_DIRECTORY: outside,
      GIT_TEMPLATE_DIR: outside,
      GIT_EXEC_PATH: outside,
    };
    const programs = { GIT_SSH_COMMAND: program, GIT_EXTERNAL_DIFF: program, GIT_PROXY_COMMAND: program, GIT_ASKPASS: program };
    const settings = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.fsmonitor',
      GIT_CONFIG_VALUE_0: program,
      GIT_CONFIG_GLOBAL: `${outside}/deploy.env`,
    };
    const files = { GIT_TRACE: `${outside}/trace`, GIT_INDEX_FILE: `${outside}/index`, GIT_ALTERNATE_OBJECT_DIRECTORIES: outside };
    return { gitUrl: repository.url, env: { ...folders, ...programs, ...settings, ...files } };
  });
  foundTheOrdinary(t, scan);
});

for (const branch of ['--upload-pack=touch ran', '-c core.pager=ran', '--output=../../outside/ran', '+refs/*:refs/*']) {
  test(`a branch called ${branch} is no argument of Git`, async (t) => {
    const scan = await scanHostile(t, async () => {
      const repository = await Repository.make(t);
      repository.commit();
      return { gitUrl: repository.url, env: { BRANCH: branch } };
    });
    t.is(scan.code, exitCodes.failed);
    t.regex(scan.errorMessage, /no name of a branch/);
  });
}

test('a branch and a commit may be called as they like where Git allows it', async (t) => {
  const branch = 'f/$(touch${IFS}ran);`ran`\u202e"\'&|é';
  const scan = await scanHostile(t, async () => {
    const repository = await Repository.make(t);
    repository.commit();
    repository.git('update-ref', `refs/heads/${branch}`, 'HEAD');
    return { gitUrl: repository.url, env: { BRANCH: branch } };
  });
  foundTheOrdinary(t, scan);
});
