import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { escapingInclude } from './ignore-files.ts';

for (const [what, name, content, answer] of [
  ['patterns alone', '.semgrepignore', '*.min.js\n# :include ../x\n', null],
  ['a file beside it', '.semgrepignore', ':include .gitignore\n', null],
  ['a file of the source above it', 'a/b/.semgrepignore', ':include ../../.gitignore\n', null],
  ['a file above the source', 'a/.semgrepignore', '*.js\n  :include  ../../x \n', 'a/.semgrepignore'],
  ['a file above it in the end', '.semgrepignore', ':include a/../../x\r\n', '.semgrepignore'],
  ['an absolute path', 'node_modules/.semgrepignore', ':include /etc/passwd', 'node_modules/.semgrepignore'],
  ['what is no text', '.semgrepignore', ':include\0', '.semgrepignore'],
] as const) {
  test(`${answer === null ? 'admits' : 'names'} an ignore file with ${what}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'cloudscan-ignore-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
    t.is(await escapingInclude(folder), answer);
  });
}
