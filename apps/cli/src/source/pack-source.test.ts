import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { extract } from 'tar-stream';
import { UsageError } from '../exit-codes.ts';
import { packSource } from './pack-source.ts';

const never = new AbortController().signal;

function sourceFolder(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'cloudscan-pack-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

async function packedFiles(t: ExecutionContext, root: string) {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-archive-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const packed = await packSource(root, join(folder, 'source.tar.gz'), never, () => undefined);
  const files: Record<string, string> = {};
  for await (const entry of createReadStream(packed.path).pipe(createGunzip()).pipe(extract())) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    files[entry.header.name] = Buffer.concat(chunks).toString();
  }
  return { packed, files };
}

test('packs the files and tells their size and hash', async (t) => {
  const { packed, files } = await packedFiles(t, sourceFolder(t, { 'a.js': 'let a;', 'src/ü b.py': 'pass' }));
  t.deepEqual(files, { 'a.js': 'let a;', 'src/ü b.py': 'pass' });
  const bytes = readFileSync(packed.path);
  t.is(packed.sizeBytes, bytes.length);
  t.is(packed.sha256, createHash('sha256').update(bytes).digest('hex'));
  t.is(packed.fileCount, 2);
});

test('leaves out what .gitignore names, and keeps what a deeper one takes back', async (t) => {
  const root = sourceFolder(t, {
    '.gitignore': '*.log\n/build/\nsecret/\n',
    'a.log': '',
    'build/x.js': '',
    'src/build/x.js': '1',
    'src/.gitignore': '!keep.log\n',
    'src/keep.log': '2',
    'src/other.log': '',
    'secret/key': '',
    'node_modules/p/index.js': '',
    '.git/config': '',
  });
  const { files } = await packedFiles(t, root);
  t.deepEqual(Object.keys(files).sort(), ['.gitignore', 'src/.gitignore', 'src/build/x.js', 'src/keep.log']);
});

test('never follows a link and says that it was left out', async (t) => {
  const root = sourceFolder(t, { 'a.js': '' });
  symlinkSync('/etc/passwd', join(root, 'stolen'));
  symlinkSync('/etc', join(root, 'etc'));
  const { packed, files } = await packedFiles(t, root);
  t.deepEqual(Object.keys(files), ['a.js']);
  t.deepEqual(packed.skipped.map(({ path }) => path).sort(), ['etc', 'stolen']);
});

test('packs a file whose name is not UTF-8', async (t) => {
  const root = sourceFolder(t, {});
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x61, 0xfe])]), 'x');
  const { files } = await packedFiles(t, root);
  t.deepEqual(files, { '%FFa%FE': 'x' });
});

test('refuses a folder without files', async (t) => {
  const root = sourceFolder(t, {});
  await t.throwsAsync(
    packSource(root, join(root, '.git'), never, () => undefined),
    { instanceOf: UsageError, message: /holds no file to scan/ },
  );
});

test('stops when it is aborted', async (t) => {
  const root = sourceFolder(t, { 'a.js': '' });
  await t.throwsAsync(
    packSource(root, join(tmpdir(), `cloudscan-aborted-${process.pid}`), AbortSignal.abort(), () => undefined),
    { name: 'AbortError' },
  );
  rmSync(join(tmpdir(), `cloudscan-aborted-${process.pid}`), { force: true });
});
