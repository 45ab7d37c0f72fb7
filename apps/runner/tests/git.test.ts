import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { gitProtocols } from '../src/config.ts';
import type { SourceConfig, UnpackLimits } from '../src/config.ts';
import { RunFailure } from '../src/run-failure.ts';
import { cloneRepository, gitProtocolOf } from '../src/source/git.ts';

const limits: UnpackLimits = { maxMembers: 1000, maxBytes: 50e6, maxFileBytes: 40e6, maxRatio: 50, ratioFromBytes: 5e6, maxPathBytes: 512 };
const environment = { PATH: process.env.PATH ?? '' };

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'cloudscan-git-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

interface Repository {
  readonly path: string;
  readonly url: string;
  readonly git: (...args: string[]) => string;
  readonly commit: (files: Readonly<Record<string, string>>) => string;
}

async function repository(t: ExecutionContext): Promise<Repository> {
  const path = await folder(t);
  const identity = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' };
  const env = { ...environment, HOME: path, GIT_CONFIG_NOSYSTEM: '1', ...identity };
  const git: Repository['git'] = (...args) => execFileSync('git', args, { cwd: path, env, encoding: 'utf8', stdio: 'pipe' }).trim();
  git('init', '--quiet', '--initial-branch=main');
  const commit: Repository['commit'] = (files) => {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(path, name, '..'), { recursive: true });
      writeFileSync(join(path, name), content);
    }
    git('add', '--all');
    git('commit', '--quiet', '--message=m');
    return git('rev-parse', 'HEAD');
  };
  return { path, url: `file://${path}`, git, commit };
}

async function clone(
  t: ExecutionContext,
  source: Partial<SourceConfig>,
  override: { limits?: Partial<UnpackLimits>; timeoutMs?: number; signal?: AbortSignal } = {},
) {
  const root = await folder(t);
  const target = join(root, 'source');
  await mkdir(target);
  const full: SourceConfig = { artifactId: '', gitUrl: '', gitBranch: '', gitCommit: '', allowedProtocols: gitProtocols, ...source };
  const revision = await cloneRepository(full, {
    folder: target,
    homeDir: join(root, 'home'),
    environment,
    limits: { ...limits, ...override.limits },
    timeoutMs: override.timeoutMs ?? 60_000,
    signal: override.signal ?? new AbortController().signal,
  });
  return { revision, target, files: readdirSync(target, { recursive: true }).map(String).sort() };
}

test('takes the default branch, a branch, a tag, a commit, an abbreviated commit', async (t) => {
  const { url, git, commit } = await repository(t);
  const first = commit({ 'a.txt': '1' });
  git('tag', 'v1');
  const second = commit({ 'b.txt': '2' });
  git('checkout', '--quiet', '-b', 'feature/x');
  const third = commit({ 'c.txt': '3' });
  git('checkout', '--quiet', 'main');
  const files = async (source: Partial<SourceConfig>) => {
    const { revision, files: found } = await clone(t, { gitUrl: url, ...source });
    return [revision.commit, found.join(' ')];
  };
  t.deepEqual(await files({}), [second, 'a.txt b.txt']);
  t.deepEqual(await files({ gitBranch: 'feature/x' }), [third, 'a.txt b.txt c.txt']);
  t.deepEqual(await files({ gitBranch: 'v1' }), [first, 'a.txt']);
  t.deepEqual(await files({ gitCommit: first }), [first, 'a.txt']);
  t.deepEqual(await files({ gitBranch: 'feature/x', gitCommit: first.slice(0, 10) }), [first, 'a.txt']);
});

test('says what is missing', async (t) => {
  const { url, commit } = await repository(t);
  commit({ 'a.txt': '1' });
  for (const source of [{ gitUrl: `${url}-not-there` }, { gitUrl: url, gitBranch: 'nope' }, { gitUrl: url, gitCommit: 'f'.repeat(40) }]) {
    const error = await t.throwsAsync(clone(t, source), { instanceOf: RunFailure, message: /^could not / });
    t.is(error.reason, 'source_missing');
  }
});

for (const gitUrl of [
  '--upload-pack=touch /tmp/pwned',
  'ext::sh -c "touch pwned"',
  'fd::3',
  '/srv/repo',
  '../repo',
  'ssh://-oProxyCommand=touch/x',
  'git://host/r',
  'http://host/r',
  'https//host',
  '-x@host:r',
  'a@-x:r',
  'ftp://h/r',
]) {
  test(`refuses the URL ${gitUrl}`, async (t) => {
    const error = await t.throwsAsync(clone(t, { gitUrl }), { instanceOf: RunFailure, message: /not allowed/ });
    t.is(error.reason, 'source_invalid');
  });
}

test('refuses a protocol that is not allowed here', async (t) => {
  const { url, commit } = await repository(t);
  commit({ 'a.txt': '1' });
  await t.throwsAsync(clone(t, { gitUrl: url, allowedProtocols: ['https', 'ssh'] }), { instanceOf: RunFailure, message: /not allowed/ });
});

for (const gitBranch of [
  '--upload-pack=x',
  '-b',
  '+refs/heads/main:refs/heads/x',
  'a..b',
  'a b',
  'a:b',
  '@{u}',
  'a.lock',
  '.a',
  'a\nb',
  'HEAD^',
]) {
  test(`refuses the branch ${JSON.stringify(gitBranch)}`, async (t) => {
    await t.throwsAsync(clone(t, { gitUrl: 'https://127.0.0.1:1/r', gitBranch }), {
      instanceOf: RunFailure,
      message: /no name of a branch/,
    });
  });
}

for (const gitCommit of ['--exec=x', 'HEAD', 'main', 'abc', 'g'.repeat(40)]) {
  test(`refuses the commit ${gitCommit}`, async (t) => {
    await t.throwsAsync(clone(t, { gitUrl: 'https://127.0.0.1:1/r', gitCommit }), {
      instanceOf: RunFailure,
      message: /no name of a commit/,
    });
  });
}

test('runs no hook, no filter, makes no link, fetches no submodule', async (t) => {
  const { url, git, commit, path } = await repository(t);
  const other = await repository(t);
  other.commit({ 'inside.txt': '1' });
  const traces = await folder(t);
  for (const hook of ['post-checkout', 'pre-receive', 'post-merge', 'reference-transaction']) {
    writeFileSync(join(path, '.git/hooks', hook), `#!/bin/sh\ntouch ${traces}/${hook}\n`);
    chmodSync(join(path, '.git/hooks', hook), 0o755);
  }
  git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other.url, 'sub');
  git('config', 'filter.evil.smudge', `touch ${traces}/smudge; cat`);
  symlinkSync('/etc/passwd', join(path, 'link'));
  commit({
    '.gitattributes': '*.txt filter=evil\n*.bin filter=lfs\n',
    'a.txt': '1',
    'big.bin': 'version https://git-lfs.github.com/spec/v1\n',
  });
  for (const trace of readdirSync(traces)) await rm(join(traces, trace));
  const { files, target } = await clone(t, { gitUrl: url });
  t.deepEqual(files, ['.gitattributes', '.gitmodules', 'a.txt', 'big.bin', 'link', 'sub']);
  t.is(readFileSync(join(target, 'link'), 'utf8'), '/etc/passwd');
  t.deepEqual(readdirSync(join(target, 'sub')), []);
  t.deepEqual(readdirSync(traces), []);
  t.false(existsSync(join(target, '.git')));
});

test('files come as they were committed, whatever attributes would make of them', async (t) => {
  const { url, git, commit, path } = await repository(t);
  const files = { 'ident.txt': '$Id$\n'.repeat(1000), 'ends.txt': '\n'.repeat(1000), 'wide.txt': 'x'.repeat(1000) };
  commit(files);
  writeFileSync(join(path, '.gitattributes'), 'ident.txt ident\nends.txt text eol=crlf\nwide.txt working-tree-encoding=UTF-32\n');
  git('add', '.gitattributes');
  git('commit', '--quiet', '--message=m');
  const { target } = await clone(t, { gitUrl: url });
  for (const [name, content] of Object.entries(files)) t.is(readFileSync(join(target, name), 'utf8'), content, name);
});

test('counts a tree before it writes it', async (t) => {
  const { url, git, commit } = await repository(t);
  commit({ 'a.txt': 'x'.repeat(100) });
  const blob = git('rev-parse', 'HEAD:a.txt');
  // Each tree names the one before ten times: six of them are a million files.
  let tree = execFileSync('git', ['mktree'], { cwd: url.slice(7), input: `100644 blob ${blob}\ta\n`, encoding: 'utf8' }).trim();
  for (let level = 0; level < 6; level += 1) {
    const entries = Array.from({ length: 10 }, (_, index) => `040000 tree ${tree}\td${index}\n`).join('');
    tree = execFileSync('git', ['mktree'], { cwd: url.slice(7), input: entries, encoding: 'utf8' }).trim();
  }
  git('update-ref', 'refs/heads/bomb', git('commit-tree', '-m', 'm', tree));
  const error = await t.throwsAsync(clone(t, { gitUrl: url, gitBranch: 'bomb' }), {
    instanceOf: RunFailure,
    message: /UNPACK_MAX_MEMBERS/,
  });
  t.is(error.reason, 'source_invalid');
  await t.throwsAsync(clone(t, { gitUrl: url }, { limits: { maxFileBytes: 50 } }), { message: /UNPACK_MAX_FILE_BYTES/ });
});

test('gives up on a server that says nothing', async (t) => {
  const server = createServer(() => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const gitUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}/r.git`;
  const error = await t.throwsAsync(clone(t, { gitUrl }, { timeoutMs: 300 }), { instanceOf: RunFailure, message: /in time/ });
  t.is(error.reason, 'deadline_exceeded');
});

test('a repository that cannot be reached is told without the credentials in its URL', async (t) => {
  const error = await t.throwsAsync(clone(t, { gitUrl: 'https://me:hunter2secret@127.0.0.1:1/r.git' }), { instanceOf: RunFailure });
  t.false(error.message.includes('hunter2secret'));
});

test('stops at once when it is aborted', async (t) => {
  const reason = new Error('enough');
  t.is(await t.throwsAsync(clone(t, { gitUrl: 'https://127.0.0.1:1/r' }, { signal: AbortSignal.abort(reason) })), reason);
});

test('tells the protocol of every form of URL', (t) => {
  t.is(gitProtocolOf('https://host/r.git'), 'https');
  t.is(gitProtocolOf('ssh://git@host:22/r'), 'ssh');
  t.is(gitProtocolOf('git@host:o/r.git'), 'ssh');
  t.is(gitProtocolOf('file:///srv/r'), 'file');
  t.is(gitProtocolOf('C:\\repo'), null);
});
