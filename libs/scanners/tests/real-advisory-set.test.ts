import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ImplementationFn } from 'ava';
import type { PackageVersion } from '../src/sca/advisory-source.ts';
import { lookUp, openAdvisoryIndex } from '../src/sca/advisory-index.ts';
import { diskSource } from '../src/sca/disk-source.ts';
import { isAffected } from '../src/sca/match.ts';
import { temporaryFolder } from './advisory-fixtures.ts';

/** 6,952 OSV records of Go and PyPI, too many to commit; lies beside the repository where it is there. */
const location = fileURLToPath(new URL('../../../../shared/data/osv-go-pypi.tar.gz', import.meta.url));
const absent = `${path.basename(location)} is not in ../shared/data`;

function withRealSet(title: string, implementation: ImplementationFn<[]>): void {
  if (existsSync(location)) test(title, implementation);
  else if (/(^|,)(all|advisory-set)(,|$)/.test(process.env['REQUIRE_SERVICES'] ?? ''))
    test(title, (t) => t.fail(`REQUIRE_SERVICES asks for it: ${absent}`));
  else test.skip(`${title} [${absent}]`, implementation);
}

withRealSet('indexes the real advisory set, without its withdrawn records', async (t) => {
  const index = await openAdvisoryIndex(location, await temporaryFolder(t));
  t.is(index.advisories, 6925);
  t.is(index.unreadable, 0);
});

withRealSet('finds what is known of packages that everybody has', async (t) => {
  const packages: readonly PackageVersion[] = [
    { ecosystem: 'PyPI', name: 'django', version: '3.2.1' },
    { ecosystem: 'PyPI', name: 'idna', version: '3.7' },
    { ecosystem: 'Go', name: 'golang.org/x/net', version: '0.22.0' },
    { ecosystem: 'Go', name: 'stdlib', version: '1.21.8' },
  ];
  const found = new Map<string, readonly string[]>();
  for await (const { package: item, advisories } of diskSource({ location, cacheDir: await temporaryFolder(t) }).advisoriesFor(
    packages,
    () => undefined,
  )) {
    found.set(
      item.name,
      advisories.flatMap(({ aliases }) => aliases),
    );
  }
  t.true(found.get('django')?.includes('CVE-2021-35042'));
  t.true(found.get('golang.org/x/net')?.includes('CVE-2023-45288'));
  t.true(found.get('stdlib')?.includes('CVE-2023-45288'));
  t.false(found.has('idna'));
});

withRealSet('agrees with the versions that the records of PyPI list one by one', async (t) => {
  const index = await openAdvisoryIndex(location, await temporaryFolder(t));
  let compared = 0;
  let disagreeing = 0;
  for (const name of ['django', 'jinja2', 'pillow', 'tensorflow', 'ansible', 'plone', 'requests', 'urllib3', 'cryptography', 'twisted']) {
    for await (const { advisory } of lookUp(index, [{ ecosystem: 'PyPI', name }])) {
      for (const affected of advisory.affected.filter(({ ranges, versions }) => ranges.length > 0 && versions.length > 0)) {
        for (const version of affected.versions) {
          compared += 1;
          if (!isAffected({ ...affected, versions: [] }, version)) disagreeing += 1;
        }
      }
    }
  }
  t.true(compared > 5000, `${compared}`);
  // A few records list versions that their own ranges leave out.
  t.true(disagreeing / compared < 0.01, `${disagreeing} of ${compared}`);
});
