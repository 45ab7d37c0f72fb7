import { mkdtemp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { UnpackLimits } from '../src/config.ts';
import { RunFailure } from '../src/run-failure.ts';
import { unpack } from '../src/source/unpack.ts';
import { tar, tarGz, zip } from './archives.ts';
import type { TarMember } from './archives.ts';

const limits: UnpackLimits = { maxMembers: 1000, maxBytes: 50e6, maxFileBytes: 40e6, maxRatio: 50, ratioFromBytes: 5e6, maxPathBytes: 512 };

interface Attempt {
  readonly folder: string;
  readonly parent: string;
  readonly run: (override?: Partial<UnpackLimits>) => ReturnType<typeof unpack>;
}

async function prepare(t: ExecutionContext, archive: Buffer): Promise<Attempt> {
  const parent = await mkdtemp(join(tmpdir(), 'cloudscan-unpack-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  const folder = join(parent, 'source');
  await mkdir(folder);
  await writeFile(join(parent, 'archive'), archive);
  const signal = new AbortController().signal;
  const run: Attempt['run'] = (override) =>
    unpack(join(parent, 'archive'), folder, { limits: { ...limits, ...override }, signal, onProgress: () => undefined });
  return { folder, parent, run };
}

async function treeOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

async function refuses(t: ExecutionContext, archive: Buffer, because: RegExp, override?: Partial<UnpackLimits>): Promise<void> {
  const { run, parent, folder } = await prepare(t, archive);
  const error = await t.throwsAsync(run(override), { instanceOf: RunFailure, message: because });
  t.is(error.reason, 'source_invalid');
  t.deepEqual((await readdir(parent)).sort(), ['archive', 'source'], 'nothing was written beside the folder');
  t.false((await treeOf(folder)).some((path) => path.includes('..')));
}

const files: TarMember[] = [
  { name: './', type: 'directory' },
  // Not even their owner may read them.
  { name: './src/', type: 'directory', mode: 0 },
  { name: './src/a.ts', content: 'a', mode: 0 },
  { name: 'deep/er/b.py', content: Buffer.alloc(600_000, 'b') },
  { name: 'empty', content: '' },
];

for (const [format, make] of [
  ['tar.gz', () => tarGz(files)],
  ['tar', () => tar(files)],
  ['zip', async () => zip(files.map(({ name, content }) => ({ name, content, mode: 0o100000 })))],
] as const) {
  test(`unpacks a ${format}, with small, large and empty files`, async (t) => {
    const { run, folder } = await prepare(t, await make());
    const report = await run();
    t.like(report, { files: 3, bytes: 600_001, specials: 0, duplicates: 0, collisions: 0 });
    t.deepEqual(await treeOf(folder), ['deep/er/b.py', 'empty', 'src/a.ts']);
    t.is((await readFile(join(folder, 'deep/er/b.py'))).length, 600_000);
    t.is((await stat(join(folder, 'src/a.ts'))).mode & 0o777, 0o600);
    t.is((await stat(join(folder, 'src'))).mode & 0o777, 0o700);
  });

  test(`refuses a ${format} that was cut off`, async (t) => {
    const archive = await make();
    await refuses(t, archive.subarray(0, archive.length - 700), /damaged/);
  });
}

test('an empty tar.gz and an empty zip are empty trees', async (t) => {
  for (const archive of [await tarGz([]), zip([])]) t.is((await (await prepare(t, archive)).run()).files, 0);
});

for (const name of ['../evil', 'a/../../evil', '/etc/evil', 'C:\\evil', '..\\evil', 'a/..\\..\\evil']) {
  test(`refuses the path ${name}`, async (t) => {
    await refuses(
      t,
      await tarGz([
        { name: 'ok', content: 'ok' },
        { name, content: 'evil' },
      ]),
      /leads out of it/,
    );
    await refuses(
      t,
      zip([
        { name: 'ok', content: 'ok' },
        { name, content: 'evil' },
      ]),
      /leads out of it|damaged/,
    );
  });
}

test('makes no links, devices or pipes, so nothing is written through one', async (t) => {
  const archive = await tarGz([
    { name: 'out', type: 'symlink', linkname: '..' },
    { name: 'out/evil', content: 'evil' },
    { name: 'abs', type: 'symlink', linkname: '/etc/passwd' },
    { name: 'hard', type: 'link', linkname: '/etc/passwd' },
    { name: 'pipe', type: 'fifo' },
    { name: 'dev', type: 'character-device' },
    { name: 'disk', type: 'block-device' },
  ]);
  const { run, folder, parent } = await prepare(t, archive);
  t.like(await run(), { files: 1, specials: 6 });
  t.deepEqual(await treeOf(folder), ['out/evil']);
  t.deepEqual((await readdir(parent)).sort(), ['archive', 'source']);
});

test('makes no links from a zip either', async (t) => {
  const { run, folder } = await prepare(
    t,
    zip([
      { name: 'out', content: '/etc', mode: 0o120777 },
      { name: 'out/x', content: 'x' },
      { name: 'pipe', mode: 0o010644 },
    ]),
  );
  t.like(await run(), { files: 1, specials: 2 });
  t.deepEqual(await treeOf(folder), ['out/x']);
});

test('of two members of one name the last one counts', async (t) => {
  const { run, folder } = await prepare(
    t,
    await tarGz([
      { name: 'a', content: 'first' },
      { name: './a', content: 'second' },
    ]),
  );
  t.like(await run(), { files: 1, duplicates: 1 });
  t.is(await readFile(join(folder, 'a'), 'utf8'), 'second');
});

test('a file where a folder stands, and a folder where a file stands, are left out', async (t) => {
  const { run, folder } = await prepare(
    t,
    await tarGz([
      { name: 'a', content: '1' },
      { name: 'a/b', content: '2' },
      { name: 'd/x', content: '3' },
      { name: 'd', content: '4' },
    ]),
  );
  t.like(await run(), { files: 2, collisions: 2 });
  t.deepEqual(await treeOf(folder), ['a', 'd/x']);
});

test('names that differ in their case only are two files', async (t) => {
  const { run } = await prepare(
    t,
    await tarGz([
      { name: 'README', content: '1' },
      { name: 'readme', content: '2' },
    ]),
  );
  const report = await run();
  t.is(report.files + report.collisions, 2);
});

test('refuses more members than the limit', async (t) => {
  const many = Array.from({ length: 30 }, (_, index) => ({ name: `f${index}`, content: '' }));
  await refuses(t, await tarGz(many), /more than 20 files.*UNPACK_MAX_MEMBERS/, { maxMembers: 20 });
  await refuses(t, zip(many), /UNPACK_MAX_MEMBERS/, { maxMembers: 20 });
});

test('refuses a file and a sum above their limits', async (t) => {
  const large = [
    { name: 'a', content: Buffer.alloc(300_000) },
    { name: 'b', content: Buffer.alloc(300_000) },
  ];
  await refuses(t, await tarGz(large), /UNPACK_MAX_FILE_BYTES/, { maxFileBytes: 200_000 });
  await refuses(t, zip(large), /UNPACK_MAX_FILE_BYTES/, { maxFileBytes: 200_000 });
  await refuses(t, await tarGz(large), /UNPACK_MAX_BYTES/, { maxBytes: 500_000 });
  await refuses(t, zip(large), /UNPACK_MAX_BYTES/, { maxBytes: 500_000 });
});

test('refuses what is packed beyond the ratio, and lets small sources pack as well as they like', async (t) => {
  const bomb = [{ name: 'zeros', content: Buffer.alloc(10_000_000) }];
  await refuses(t, await tarGz(bomb), /UNPACK_MAX_RATIO/);
  await refuses(t, zip(bomb), /UNPACK_MAX_RATIO/);
  t.is((await (await prepare(t, await tarGz(bomb))).run({ ratioFromBytes: 20e6 })).bytes, 10_000_000);
});

test('does not believe the sizes that a zip declares', async (t) => {
  await refuses(t, zip([{ name: 'liar', content: Buffer.alloc(20_000_000), declaredSize: 10 }]), /damaged|UNPACK_MAX/);
});

test('counts what a tar holds beside its members', async (t) => {
  // Headers of long names come before no member at all.
  const header = (await tar([{ name: 'x'.repeat(200), content: '' }])).subarray(0, 1024);
  await refuses(t, gzipSync(Buffer.concat(Array.from({ length: 10_000 }, () => header))), /UNPACK_MAX|damaged/, {
    maxMembers: 10,
    maxBytes: 1_000_000,
  });
});

test('refuses a path that no file system takes', async (t) => {
  await refuses(t, await tarGz([{ name: 'x'.repeat(300), content: '' }]), /UNPACK_MAX_PATH_BYTES/);
  await refuses(t, await tarGz([{ name: Array.from({ length: 200 }, () => 'dir').join('/'), content: '' }]), /UNPACK_MAX_PATH_BYTES/);
});

test('refuses an encrypted zip and what is no archive', async (t) => {
  await refuses(t, zip([{ name: 'a', content: 'a', flags: 0x801 }]), /encrypted/);
  await refuses(t, Buffer.from('just some text that is no archive at all'), /neither a zip nor a tar.gz/);
  await refuses(t, Buffer.alloc(0), /neither a zip nor a tar.gz/);
  await refuses(t, gzipSync(Buffer.alloc(3000, 'no tar inside')), /damaged/);
});

test('stops when it is aborted', async (t) => {
  const { folder, parent } = await prepare(t, await tarGz(files));
  const reason = new Error('enough');
  const options = { limits, signal: AbortSignal.abort(reason), onProgress: () => undefined };
  t.is(await t.throwsAsync(unpack(join(parent, 'archive'), folder, options)), reason);
});
