import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { isBinary, isMinified, readSource, readSourceText, walkSource } from './walk-source.ts';
import type { SourceFile, WalkOptions } from './walk-source.ts';

async function tree(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'walk-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

async function walk(root: string, options: Partial<WalkOptions> = {}): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for await (const file of walkSource(root, { maxFileBytes: 100, ...options })) files.push(file);
  return files;
}

test('gives files in the order of their names, with sizes, and leaves out what others wrote', async (t) => {
  const root = await tree(t, {
    'b.js': '12',
    'a/z.js': '1',
    'a/b.js': '',
    'node_modules/x/i.js': '',
    '.git/config': '',
    'sub/vendor/v.go': '',
    'dist/o.js': '',
  });
  const files = await walk(root);
  t.deepEqual(
    files.map(({ path, size }) => [path, size]),
    [
      ['a/b.js', 0],
      ['a/z.js', 1],
      ['b.js', 2],
    ],
  );
});

test('enters the folders that a scanner asks for', async (t) => {
  const root = await tree(t, { 'node_modules/x/package.json': '{}', 'a.js': '' });
  const files = await walk(root, { ignoredFolders: new Set(), wants: (_path, name) => name === 'package.json' });
  t.deepEqual(
    files.map(({ path }) => path),
    ['node_modules/x/package.json'],
  );
});

test('tells of files above the size limit and goes on', async (t) => {
  const root = await tree(t, { 'a.js': 'x'.repeat(101), 'b.js': 'x'.repeat(100) });
  const skipped: string[] = [];
  const files = await walk(root, { onSkip: (path, reason) => skipped.push(`${path} ${reason}`) });
  t.deepEqual(
    files.map(({ path }) => path),
    ['b.js'],
  );
  t.deepEqual(skipped, ['a.js too_large']);
});

test("follows no link, neither to a file nor to a folder, and reads none that took a file's place", async (t) => {
  const root = await tree(t, { 'real/a.js': 'text', 'b.js': 'text' });
  await symlink(join(root, 'real'), join(root, 'linked'));
  await symlink('/etc/passwd', join(root, 'passwd'));
  const files = await walk(root);
  t.deepEqual(
    files.map(({ path }) => path),
    ['b.js', 'real/a.js'],
  );
  await rm(join(root, 'b.js'));
  await symlink('/etc/passwd', join(root, 'b.js'));
  t.is(await readSource(files[0]!), null);
});

test('names with line breaks or bytes that are not UTF-8 are walked and read', async (t) => {
  const root = await tree(t, { 'a\nb.js': 'one' });
  const odd = Buffer.concat([Buffer.from(`${root}/c`), Buffer.from([0xff]), Buffer.from('.js')]);
  await writeFile(odd, 'two');
  const files = await walk(root);
  t.deepEqual(
    files.map(({ path }) => path),
    ['a\nb.js', 'c\uFFFD.js'],
  );
  t.deepEqual(await Promise.all(files.map(readSourceText)), ['one', 'two']);
});

test('a folder that cannot be read is reported and does not end the walk', async (t) => {
  const root = await tree(t, { 'closed/a.js': '', 'open.js': '' });
  await chmod(join(root, 'closed'), 0);
  t.teardown(() => chmod(join(root, 'closed'), 0o700));
  const skipped: string[] = [];
  const files = await walk(root, { onSkip: (path, reason) => skipped.push(`${path} ${reason}`) });
  // The rights of a folder do not hold for root, who then reads it.
  const isRoot = process.getuid?.() === 0;
  t.deepEqual(
    files.map(({ path }) => path),
    isRoot ? ['closed/a.js', 'open.js'] : ['open.js'],
  );
  t.deepEqual(skipped, isRoot ? [] : ['closed unreadable']);
});

test('a source folder that is not there is an error', async (t) => {
  await t.throwsAsync(walk('/no/such/folder'), { code: 'ENOENT' });
});

test('a file that grew or shrank since it was walked is read up to its known size', async (t) => {
  const root = await tree(t, { 'a.js': '1234', 'b.js': '1234' });
  const files = await walk(root);
  await writeFile(join(root, 'a.js'), '12345678');
  await writeFile(join(root, 'b.js'), '1');
  t.deepEqual(await Promise.all(files.map(readSourceText)), ['1234', '1']);
});

test('a zero byte near the start makes a file binary', (t) => {
  t.true(isBinary(Buffer.from('ELF\0')));
  t.false(isBinary(Buffer.from('text')));
});

test('long lines or a name that says so make a file minified', (t) => {
  t.true(isMinified('app.min.js', ''));
  t.true(isMinified('app.js', 'x'.repeat(6000)));
  t.false(isMinified('app.js', 'const x = 1;\n'.repeat(1000)));
  t.false(isMinified('admin.js', 'x'.repeat(400)));
});
