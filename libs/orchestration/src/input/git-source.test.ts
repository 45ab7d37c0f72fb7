import { DomainError } from '@cloudscan/domain';
import test from 'ava';
import type { GitProtocol } from '../use-cases/ports.ts';
import { readGitCommit, readGitRef, readGitUrl } from './git-source.ts';
import { readRequest } from './request-reader.ts';

const all: readonly GitProtocol[] = ['https', 'ssh', 'file'];

function readUrl(text: string, allowed = all): string | null {
  return readRequest((reader) => readGitUrl(reader, 'git_url', text, allowed));
}

for (const url of [
  'https://git.example.com/team/app.git',
  'https://git.example.com:8443/team/app',
  'ssh://git@git.example.com/team/app.git',
  'ssh://git@git.example.com:2222/~team/app.git',
  'git@git.example.com:team/app.git',
  'file:///srv/git/app.git',
]) {
  test(`takes ${url}`, (t) => {
    t.is(readUrl(url), url);
  });
}

test('takes no URL as none', (t) => {
  t.is(readUrl(''), null);
});

for (const [url, allowed] of [
  ['file:///srv/git/app.git', ['https', 'ssh']],
  ['git@git.example.com:team/app.git', ['https']],
  ['https://git.example.com/team/app.git', ['ssh']],
] as const) {
  test(`refuses ${url} where only ${allowed.join(', ')} is allowed`, (t) => {
    t.throws(() => readUrl(url, allowed), { instanceOf: DomainError, message: /this deployment allows/ });
  });
}

test('tells what to do about credentials, and does not repeat them', (t) => {
  const error = t.throws(() => readUrl('https://ada:s3cret@git.example.com/app'), { instanceOf: DomainError });
  t.regex(error.message, /leave them out/);
  t.false(error.message.includes('s3cret'));
});

for (const ref of ['main', 'feature/x', 'v1.0', 'release-1', 'a@b', 'ä', 'user/fix#12']) {
  test(`takes the ref ${ref}`, (t) => {
    t.is(
      readRequest((reader) => readGitRef(reader, 'git_branch', ref)),
      ref,
    );
  });
}

test('takes commits in full, abbreviated and in upper case', (t) => {
  const read = (text: string) => readRequest((reader) => readGitCommit(reader, 'git_commit', text));
  t.is(read('ABCDEF1'), 'abcdef1');
  t.is(read('0'.repeat(40)), '0'.repeat(40));
  t.is(read('f'.repeat(64)), 'f'.repeat(64));
});
