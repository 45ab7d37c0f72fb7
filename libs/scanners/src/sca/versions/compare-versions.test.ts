import test from 'ava';
import type { Ecosystem } from '../../inventory/dependency.ts';
import { compareVersions } from './compare-versions.ts';

/** Each row is in ascending order; `=` joins versions that are the same. */
const ascending: Readonly<Record<Ecosystem, readonly string[]>> = {
  npm: [
    '0.0.1',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    'v1.0.0 = 1.0.0+b7 = 1',
    '1.0.1',
    '1.10.0',
    '2.0.0',
  ],
  'crates.io': ['0.1.0-alpha', '0.1.0', '0.9.9', '0.10.0', '1.0.0-0', '1.0.0'],
  Go: [
    'v0.0.0-00010101000000-000000000000',
    'v0.0.0-20190308221718-c2843e01d9a2',
    'v0.0.0-20210101000000-abcdef123456',
    '0.1.0',
    '1.2.3-pre.0.20210101000000-abcdef123456',
    '1.2.3',
    '1.2.4-0.20210101000000-abcdef123456',
    '1.2.4',
    '1.22.0-0',
    '1.22.0',
    'v2.0.0+incompatible = 2.0.0',
  ],
  PyPI: [
    '1.0.dev456',
    '1.0a1',
    '1.0a2.dev456',
    '1.0a12',
    '1.0b1.dev456',
    '1.0b2',
    '1.0rc1 = 1.0c1',
    '1.0 = 1.0.0 = v1.0 = 1.0+cu118',
    '1.0.post456.dev34',
    '1.0.post456',
    '1.1.dev1',
    '2024.2.1',
    '1!0.1',
  ],
  Maven: [
    '1-alpha-1 = 1a1 = 1-alpha1',
    '1-beta-1 = 1b1',
    '1-milestone-1 = 1m1',
    '1-rc-1 = 1-cr-1 = 1RC1',
    '1-SNAPSHOT',
    '1 = 1.0 = 1.0.0 = 1-ga = 1.0.Final = 1-RELEASE',
    '1-sp',
    '1-jre',
    '1-xyz',
    '1-1',
    '1.0.1-alpha-1',
    '1.0.1',
    '1.1',
    '1.2.3.4',
    '1.10',
    '2.0.0.Alpha1',
    '2.0.0.RC1',
    '2.0.0.RELEASE = 2',
    '31.1-android',
    '31.1-jre',
    '99999999999999999999',
  ],
  Packagist: ['1.0.0-dev', '1.0.0-alpha1', '1.0.0-beta2', '1.0.0-RC1', 'v1.0.0 = 1.0 = 1.0.0.0', '1.0.0-p1', '1.0.1', '1.10.0'],
  RubyGems: ['1.0.0.a', '1.0.0.a.2', '1.0.0.b1', '1.0.0.rc1', '1.0.0 = 1.0 = 1', '1.0.0.1', '1.2', '1.10'],
  NuGet: [
    '1.0.0-alpha',
    '1.0.0-Alpha.1',
    '1.0.0-alpha.9',
    '1.0.0-alpha.10',
    '1.0.0-BETA = 1.0.0-beta',
    '1.0.0 = 1.0 = 1.0.0.0 = 1.0.0+abc',
    '1.0.0.1',
    '1.0.1',
    '1.10.0',
  ],
};

for (const [ecosystem, rows] of Object.entries(ascending) as [Ecosystem, readonly string[]][]) {
  test(`orders the versions of ${ecosystem}`, (t) => {
    const ranked = rows.flatMap((row, rank) => row.split(' = ').map((version) => ({ version, rank })));
    for (const left of ranked) {
      for (const right of ranked) {
        const order = compareVersions(ecosystem, left.version, right.version);
        t.is(Math.sign(order ?? Number.NaN), Math.sign(left.rank - right.rank), `${left.version} against ${right.version}`);
      }
    }
  });
}

for (const ecosystem of ['npm', 'crates.io', 'Go', 'PyPI', 'Packagist', 'RubyGems', 'NuGet'] as const) {
  test(`finds no order of ${ecosystem} where a text is no version`, (t) => {
    t.is(compareVersions(ecosystem, 'main', '1.0.0'), null);
    t.is(compareVersions(ecosystem, '1.0.0', ''), null);
  });
}
