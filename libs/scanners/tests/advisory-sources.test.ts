import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { AdvisorySource, PackageVersion } from '../src/sca/advisory-source.ts';
import { apiSource } from '../src/sca/api-source.ts';
import { diskSource } from '../src/sca/disk-source.ts';
import { advisoryFiles, advisoryFolder, advisoryRecords, ask, temporaryFolder } from './advisory-fixtures.ts';
import { writeTarGz, writeZip } from './archives.ts';
import { OsvServer } from './osv-server.ts';

/** Every kind of source over the same records; all must say the same. */
const kinds: Readonly<Record<string, (t: ExecutionContext) => Promise<AdvisorySource>>> = {
  'a folder': async (t) => diskSource({ location: advisoryFolder, cacheDir: await temporaryFolder(t) }),
  'a .tar.gz': async (t) => {
    const folder = await temporaryFolder(t);
    await writeTarGz(path.join(folder, 'set.tar.gz'), { ...(await advisoryFiles()), 'README.txt': 'no record' });
    return diskSource({ location: path.join(folder, 'set.tar.gz'), cacheDir: folder });
  },
  'a .zip': async (t) => {
    const folder = await temporaryFolder(t);
    await writeZip(path.join(folder, 'all.zip'), await advisoryFiles());
    return diskSource({ location: path.join(folder, 'all.zip'), cacheDir: folder });
  },
  'an OSV server': async (t) => {
    const server = new OsvServer();
    for (const record of await advisoryRecords()) server.records.set(record.id, record);
    const baseUrl = await server.start();
    t.teardown(() => server.stop());
    return apiSource({ baseUrl, cacheDir: await temporaryFolder(t), cacheTtlMs: 60_000, timeoutMs: 5000, retryDelayMs: 1 });
  },
};

const packages: readonly PackageVersion[] = [
  { ecosystem: 'PyPI', name: 'idna', version: '3.6' },
  { ecosystem: 'PyPI', name: 'idna', version: '3.7' },
  { ecosystem: 'PyPI', name: 'jinja2', version: '2.10' },
  { ecosystem: 'PyPI', name: 'py', version: '1.11.0' },
  { ecosystem: 'PyPI', name: 'loguru', version: '0.5.3' },
  { ecosystem: 'Go', name: 'github.com/gin-gonic/gin', version: '1.5.0' },
  { ecosystem: 'Go', name: 'golang.org/x/net', version: '0.0.0-20210405180319-a5a99cb37ef4' },
  { ecosystem: 'Go', name: 'stdlib', version: '1.21.0' },
  { ecosystem: 'Go', name: 'stdlib', version: '1.20.0' },
  { ecosystem: 'npm', name: 'idna', version: '3.6' },
];

for (const [kind, open] of Object.entries(kinds)) {
  test(`gives the advisories that affect each package version, from ${kind}`, async (t) => {
    t.deepEqual(await ask(await open(t), packages), [
      'github.com/gin-gonic/gin 1.5.0: GO-2020-0001 GO-2023-1737',
      'golang.org/x/net 0.0.0-20210405180319-a5a99cb37ef4: GO-2023-1988',
      'idna 3.6: PYSEC-2024-60',
      'jinja2 2.10: PYSEC-2019-217',
      'py 1.11.0: PYSEC-2022-42969',
      'stdlib 1.21.0: GO-2023-2044',
    ]);
  });

  test(`gives nothing when nothing is asked for, from ${kind}`, async (t) => {
    t.deepEqual(await ask(await open(t), []), []);
  });
}

test('fails when the set on disk is not there, with what to set', async (t) => {
  const source = diskSource({ location: '/nowhere/set', cacheDir: await temporaryFolder(t) });
  await t.throwsAsync(ask(source, packages), {
    name: 'ToolFailure',
    message: /^could not read the advisory set \/nowhere\/set: ENOENT.*; set ADVISORY_SOURCE to /,
  });
});

test('fails when the set holds no record', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(path.join(folder, 'other.json'), '{"not":"osv"}');
  const source = diskSource({ location: folder, cacheDir: await temporaryFolder(t) });
  await t.throwsAsync(ask(source, packages), { name: 'ToolFailure', message: /holds no OSV records; set ADVISORY_SOURCE to / });
});

for (const name of ['set.tar.gz', 'all.zip']) {
  test(`fails when ${name} is cut short`, async (t) => {
    const folder = await temporaryFolder(t);
    const location = path.join(folder, name);
    await (name.endsWith('.zip') ? writeZip : writeTarGz)(location, await advisoryFiles());
    const whole = await readFile(location);
    await writeFile(location, whole.subarray(0, whole.length / 2));
    await t.throwsAsync(ask(diskSource({ location, cacheDir: folder }), packages), {
      name: 'ToolFailure',
      message: /could not read the advisory set/,
    });
  });
}
