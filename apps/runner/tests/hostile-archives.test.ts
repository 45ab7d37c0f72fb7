import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { exitCodes } from '../src/exit-codes.ts';
import { rawTar, tar, tarGz, zip } from './archives.ts';
import type { TarMember } from './archives.ts';
import { scanHostile } from './hostile-scan.ts';
import type { HostileScan } from './hostile-scan.ts';
import { hostileGitConfig, misleadingFiles, ordinaryFiles, telling } from './hostile-tree.ts';

const membersOf = (files: Readonly<Record<string, string>>): { name: string; content: string }[] =>
  Object.entries(files).map(([name, content]) => ({ name, content }));

/** The paths of the secrets that were found. */
function secretsIn({ findings }: HostileScan): string[] {
  return findings.filter(({ ruleId }) => ruleId === 'github-token').map(({ filePath }) => filePath);
}

function foundTheOrdinary(t: ExecutionContext, scan: HostileScan): void {
  t.is(scan.code, exitCodes.done, scan.log);
  const paths = new Set(scan.findings.map(({ filePath }) => filePath));
  for (const path of Object.keys(ordinaryFiles)) t.true(paths.has(path), `${path} in ${[...paths].join()}`);
}

test('links, devices and pipes lead nowhere, whichever way they point', async (t) => {
  const scan = await scanHostile(t, async (outside) => {
    const links = ['symlink', 'link'].flatMap((type): TarMember[] => [
      { name: `${type}/absolute`, type: type as 'link', linkname: `${outside}/deploy.env` },
      { name: `${type}/relative`, type: type as 'link', linkname: '../../../outside/deploy.env' },
      { name: `${type}/folder`, type: type as 'link', linkname: outside },
      { name: `${type}/loop`, type: type as 'link', linkname: 'loop' },
      { name: `${type}/device`, type: type as 'link', linkname: '/dev/zero' },
      { name: `${type}/process`, type: type as 'link', linkname: '/proc/self/environ' },
      // Through the link of before, were it there.
      { name: `${type}/folder/planted.env`, content: telling.secret },
    ]);
    const specials = (['fifo', 'character-device', 'block-device'] as const).map((type): TarMember => ({ name: `odd/${type}.env`, type }));
    return { upload: await tarGz([...membersOf(ordinaryFiles), ...links, ...specials]) };
  });
  foundTheOrdinary(t, scan);
  t.deepEqual(secretsIn(scan).sort(), ['deploy.env', 'link/folder/planted.env', 'symlink/folder/planted.env']);
  t.regex(scan.log, /"specials":15/);
});

test('links in a zip lead nowhere', async (t) => {
  const scan = await scanHostile(t, (outside) => ({
    upload: zip([
      ...membersOf(ordinaryFiles),
      { name: 'link.env', content: `${outside}/deploy.env`, mode: 0o120777 },
      { name: 'folder', content: outside, mode: 0o120777 },
      { name: 'folder/planted.env', content: telling.secret },
      { name: 'socket.env', mode: 0o140777 },
      { name: 'device.env', mode: 0o060666 },
    ]),
  }));
  foundTheOrdinary(t, scan);
  t.deepEqual(secretsIn(scan).sort(), ['deploy.env', 'folder/planted.env']);
});

test('files that name files elsewhere are read, and what they name is not', async (t) => {
  const scan = await scanHostile(t, async (outside) => ({
    upload: await tarGz(membersOf({ ...ordinaryFiles, ...misleadingFiles(outside) })),
  }));
  foundTheOrdinary(t, scan);
});

test('a repository of the source’s own making runs nothing: its settings, hooks and links are left out', async (t) => {
  const scan = await scanHostile(t, async (outside) => ({
    upload: await tarGz([
      ...membersOf(ordinaryFiles),
      ...membersOf({
        '.gitattributes': '* filter=x diff=x\n*.bin filter=lfs\n',
        '.git/config': `${hostileGitConfig(outside)}[include]\n\tpath = ${outside}/deploy.env\n`,
        '.git/HEAD': 'ref: refs/heads/main\n',
        '.git/hooks/post-checkout': `#!/bin/sh\n${outside}/hooks/run.sh\n`,
        '.git/objects/info/alternates': `${outside}\n`,
        'nested/.GIT/config': hostileGitConfig(outside),
        'module/.git': `gitdir: ${outside}\n`,
        'leaked/.git/deploy.env': telling.secret,
      }),
      { name: 'worktree/.git', type: 'symlink', linkname: outside },
    ]),
  }));
  foundTheOrdinary(t, scan);
  t.deepEqual(secretsIn(scan), ['deploy.env']);
  t.regex(scan.log, /"repositoryFiles":7/);
});

test('names of any bytes are scanned and told as they can be told', async (t) => {
  const content = Buffer.from(telling.secret);
  const names = [
    'line\nbreak.env',
    'tab\tescape\u001b[31m.env',
    'right\u202eleft.env',
    ' .env',
    '-rf.env',
    '$(id).env',
    '{source}.env',
    `${'l'.repeat(251)}.env`,
  ];
  const scan = await scanHostile(t, async () => ({
    upload: gzipSync(
      Buffer.concat([
        rawTar([Buffer.from('latin-\xe9.env', 'latin1'), Buffer.from('latin-\xe8.env', 'latin1')].map((name) => ({ name, content }))),
        await tar(membersOf({ ...ordinaryFiles, ...Object.fromEntries(names.map((name) => [name, telling.secret])) })),
      ]),
    ),
  }));
  foundTheOrdinary(t, scan);
  t.deepEqual(secretsIn(scan).sort(), ['deploy.env', 'latin-\ufffd.env', 'latin-\ufffd.env~2', ...names].sort());
});

test('names that differ in case only hide nothing from each other', async (t) => {
  const scan = await scanHostile(t, () => ({
    upload: zip([
      { name: 'Deploy.env', content: telling.secret },
      ...membersOf(ordinaryFiles),
      { name: 'DEPLOY.ENV', content: telling.secret },
    ]),
  }));
  foundTheOrdinary(t, scan);
  t.deepEqual(secretsIn(scan).sort(), ['DEPLOY.ENV', 'Deploy.env', 'deploy.env']);
});

test('a tree of 1,000 levels is scanned to its bottom, and can be removed', async (t) => {
  const deep = `${'d/'.repeat(1000)}deploy.env`;
  const upload = await tarGz(membersOf({ ...ordinaryFiles, [deep]: telling.secret }));
  const scan = await scanHostile(t, () => ({ upload, env: { UNPACK_MAX_PATH_BYTES: '3000' } }));
  foundTheOrdinary(t, scan);
  t.deepEqual(secretsIn(scan).sort(), [deep, 'deploy.env'].sort());
  const refused = await scanHostile(t, () => ({ upload }));
  t.is(refused.code, exitCodes.failed);
  t.regex(refused.errorMessage, /UNPACK_MAX_PATH_BYTES/);
});

test('100,000 files in a folder are scanned', async (t) => {
  t.timeout(300_000);
  const members = Array.from({ length: 100_000 }, (_, index) => ({ name: Buffer.from(`many/${index}.txt`) }));
  const last = { name: Buffer.from('many/zzz.env'), content: Buffer.from(telling.secret) };
  const upload = gzipSync(Buffer.concat([rawTar([...members, last]), Buffer.alloc(1024)]), { level: 1 });
  const scan = await scanHostile(t, () => ({ upload, env: { SCAN_TYPES: 'secrets' } }));
  t.is(scan.code, exitCodes.done, scan.log);
  t.deepEqual(secretsIn(scan), ['many/zzz.env']);
});

test('a file that is larger than a scanner reads leaves the others to be scanned', async (t) => {
  const scan = await scanHostile(t, async () => ({
    upload: await tarGz([...membersOf(ordinaryFiles), { name: 'giant.env', content: Buffer.alloc(60_000_000, `${'x'.repeat(79)}\n`) }]),
  }));
  foundTheOrdinary(t, scan);
});

const limits = { UNPACK_MAX_BYTES: '20000000', UNPACK_RATIO_FROM_BYTES: '5000000' };
const zeros = Buffer.alloc(10_000_000);
const noise = randomBytes(4_000_000);
for (const [name, make, because] of [
  ['is packed beyond the ratio', () => zip([{ name: 'zeros', content: zeros }]), /UNPACK_MAX_RATIO/],
  [
    'has members that overlap',
    () => zip([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((index) => ({ name: `${index}`, content: noise, overlaps: index > 0 }))),
    /UNPACK_MAX_BYTES/,
  ],
  ['declares more than it has', async () => gzipSync(rawTar([{ name: Buffer.from('sparse'), size: 8 ** 11 - 1 }])), /damaged/],
  ['has a header without end', async () => gzipSync(rawTar([{ name: Buffer.from('x'), type: 'x', content: zeros }])), /damaged/],
  [
    'has a sparse map without end',
    async () =>
      gzipSync(
        rawTar([
          { name: Buffer.from('x'), type: 'S', content: Buffer.alloc(512, 0xff) },
          ...[1, 2].map(() => ({ name: Buffer.alloc(100, 0xff), size: 8 ** 11 - 1 })),
        ]),
      ),
    /damaged|UNPACK_MAX/,
  ],
] as const) {
  test(`an archive that ${name} ends the scan, with nothing left behind`, async (t) => {
    const upload = await make();
    const scan = await scanHostile(t, () => ({ upload, env: limits }));
    t.is(scan.code, exitCodes.failed);
    t.regex(scan.errorMessage, because);
  });
}

test('an archive in an archive is a file like any other', async (t) => {
  const bomb = zip([{ name: 'zeros', content: zeros }]);
  const nested = zip(Array.from({ length: 5 }, (_, index) => ({ name: `${index}.zip`, content: bomb })));
  const scan = await scanHostile(t, () => ({
    upload: zip([...membersOf(ordinaryFiles), { name: 'nested.zip', content: nested }]),
    env: limits,
  }));
  foundTheOrdinary(t, scan);
});
