import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from '@cloudscan/testing';
import test from 'ava';
import { exitCodes } from '../src/exit-codes.ts';
import { tarGz } from './archives.ts';
import { scanHostile } from './hostile-scan.ts';
import { hostileGitConfig, misleadingFiles, ordinaryFiles, telling } from './hostile-tree.ts';

/** A bare repository where Git, called in the tree, would find one: https://git-scm.com/docs/git-config#Documentation/git-config.txt-safebareRepository */
function bareRepository(outside: string): Record<string, string> {
  return {
    HEAD: 'ref: refs/heads/main\n',
    config: `${hostileGitConfig(outside)}\n[core]\n\tworktree = .\n`,
    'objects/keep': '',
    'refs/keep': '',
  };
}

/** Settings that each tool looks for in the tree that it scans, or in a folder that it stands in. */
function settingsOfTools(outside: string): Record<string, string> {
  const nothing = { '.gitleaks.toml': 'title = "no rules"\n', '.gitleaksignore': 'deploy.env:github-pat:1\n' };
  return {
    ...misleadingFiles(outside),
    ...nothing,
    '.trufflehog.yaml': `sources: [{ name: x, type: SOURCE_TYPE_FILESYSTEM, connection: { paths: [${outside}] } }]\n`,
    '.env': `SEMGREP_RULES=${outside}\nTRIVY_CONFIG=${outside}\nGITLEAKS_CONFIG=${outside}/deploy.env\n`,
  };
}

const names = ['line\nbreak.env', 'escape\u001b[31m.env', ' .env', '-rf.env', '--config=x.env', '$(id).env', `${'l'.repeat(251)}.env`];
const oddFiles = Object.fromEntries(names.map((name) => [name, telling.secret]));
const deep = `${'d/'.repeat(300)}deploy.env`;

for (const [tool, type, expected] of [
  ['semgrep', 'sast', 'src/server.js'],
  ['gitleaks', 'secrets', 'deploy.env'],
  ['trufflehog', 'secrets', 'deploy.env'],
  // Without its database it says that it cannot scan.
  ['trivy', 'sca', null],
  ['scancode', 'license', 'src/copyleft.js'],
] as const) {
  const withTool = requires(test, tool);

  withTool(`${tool} reads and runs nothing beyond a hostile archive`, async (t) => {
    t.timeout(300_000);
    const scan = await scanHostile(t, async (outside) => ({
      upload: await tarGz([
        ...Object.entries({
          ...ordinaryFiles,
          ...settingsOfTools(outside),
          ...bareRepository(outside),
          ...oddFiles,
          [deep]: telling.secret,
          '.git/config': hostileGitConfig(outside),
        })
          .filter(([name]) => name !== '.semgrepignore')
          .map(([name, content]) => ({ name, content })),
        { name: 'link.env', type: 'symlink', linkname: `${outside}/deploy.env` },
        { name: 'link.js', type: 'symlink', linkname: `${outside}/server.js` },
        { name: 'linked', type: 'symlink', linkname: outside },
      ]),
      env: { SCANNERS: `${tool},builtin`, SCAN_TYPES: type },
    }));
    t.deepEqual(
      scan.tools.map(({ name }) => name),
      scan.code === exitCodes.done ? [tool] : [],
      scan.log,
    );
    const paths = scan.findings.map(({ filePath }) => filePath);
    if (expected === null) t.true(scan.code === exitCodes.done || scan.errorMessage.includes(tool), scan.log);
    else t.true(paths.includes(expected), `${paths.join()}\n${scan.log}`);
    if (type === 'secrets' && expected !== null) for (const name of [...names, deep]) t.true(paths.includes(name), JSON.stringify(name));
  });

  withTool(`${tool} reads and runs nothing beyond a hostile repository`, async (t) => {
    t.timeout(300_000);
    const repository = await mkdtemp(join(tmpdir(), 'cloudscan-hostile-git-'));
    t.teardown(() => rm(repository, { recursive: true, force: true }));
    const scan = await scanHostile(t, async (outside) => {
      const files = { ...ordinaryFiles, ...bareRepository(outside), '.gitattributes': '* filter=x diff=x\n' };
      commitFiles(repository, files, { 'link.env': `${outside}/deploy.env`, linked: outside });
      return { gitUrl: `file://${repository}`, env: { SCANNERS: `${tool},builtin`, SCAN_TYPES: type } };
    });
    if (expected !== null) {
      t.is(scan.code, exitCodes.done, scan.log);
      t.true(scan.findings.some(({ filePath }) => filePath === expected));
    }
  });
}

requires(test, 'semgrep')('semgrep is not led out of the source by its ignore file', async (t) => {
  const scan = await scanHostile(t, async (outside) => {
    const { '.semgrepignore': content = '' } = misleadingFiles(outside);
    const upload = await tarGz(
      Object.entries({ ...ordinaryFiles, '.semgrepignore': content }).map(([name, text]) => ({ name, content: text })),
    );
    return { upload, env: { SCANNERS: 'semgrep,builtin', SCAN_TYPES: 'sast,secrets' } };
  });
  t.is(scan.code, exitCodes.done);
  t.regex(scan.tools[0]!.errorMessage, /semgrep was not started, since \.semgrepignore includes a file outside/);
});

/** Without a work tree, which would be mistaken for the bare repository in it. */
function commitFiles(repository: string, files: Readonly<Record<string, string>>, links: Readonly<Record<string, string>>): void {
  const identity = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' };
  const env = { PATH: process.env.PATH, HOME: repository, GIT_CONFIG_NOSYSTEM: '1', ...identity };
  const git = (input: string, ...args: string[]): string =>
    execFileSync('git', args, { cwd: repository, env, input, encoding: 'utf8' }).trim();
  git('', 'init', '--quiet', '--bare', '--initial-branch=main');
  const entry = (mode: string, [path, content]: [string, string]): string =>
    `${mode} ${git(content, 'hash-object', '-w', '--stdin')}\t${path}\n`;
  const entries = [
    ...Object.entries(files).map((file) => entry('100644', file)),
    ...Object.entries(links).map((link) => entry('120000', link)),
  ];
  git(entries.join(''), 'update-index', '--index-info');
  git('', 'update-ref', 'refs/heads/main', git('', 'commit-tree', '-m', 'm', git('', 'write-tree')));
}
