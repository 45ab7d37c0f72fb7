import test from 'ava';
import { isAffected, laterVersion, nearestFix } from './match.ts';
import type { AffectedPackage, RangeEvent, RangeEventKind } from './osv.ts';

function affected(ecosystem: AffectedPackage['ecosystem'], range: string, versions: readonly string[] = []): AffectedPackage {
  const events = range
    .split(' ')
    .filter((part) => part !== '')
    .map((part): RangeEvent => {
      const [kind, version] = part.split('=');
      return { kind: kind as RangeEventKind, version: version! };
    });
  return { ecosystem, name: 'x', ranges: events.length === 0 ? [] : [events], versions, severity: [] };
}

const cases: readonly [string, AffectedPackage, Readonly<Record<string, boolean>>][] = [
  [
    'includes the introduced and excludes the fixed version',
    affected('npm', 'introduced=1.0.0 fixed=1.2.0'),
    { '0.9.9': false, '1.0.0': true, '1.1.9': true, '1.2.0': false },
  ],
  [
    'reads 0 as before every version',
    affected('npm', 'introduced=0 fixed=1.0.0'),
    { '0.0.0-alpha': true, '0.0.1': true, '1.0.0-rc.1': true, '1.0.0': false },
  ],
  [
    'includes the last affected version',
    affected('PyPI', 'introduced=0 last_affected=2.0'),
    { '2.0.0': true, '2.0.post1': false, '2.1': false },
  ],
  [
    'knows several intervals in one range, in any order',
    affected('Go', 'introduced=1.22.0-0 fixed=1.22.2 introduced=0 fixed=1.21.9'),
    { '1.21.8': true, '1.21.9': false, '1.22.0-rc.1': true, '1.22.1': true, '1.22.2': false },
  ],
  ['is affected for ever when nothing is fixed', affected('crates.io', 'introduced=0.3.0'), { '0.2.9': false, '99.0.0': true }],
  [
    'matches a listed version however it is written',
    affected('PyPI', '', ['1.0', '2.0rc1']),
    { '1.0.0': true, '2.0c1': true, '1.0.1': false, '2.0': false },
  ],
  [
    'adds listed versions to ranges',
    affected('Maven', 'introduced=1.0 fixed=1.5', ['2.0.RELEASE']),
    { '1.4': true, '2.0': true, '1.5': false },
  ],
  ['stays below the limit', affected('npm', 'introduced=0 limit=1.0.0'), { '0.9.0': true, '1.0.0': false }],
  [
    'starts again at a version that another interval ends at',
    affected('npm', 'introduced=1.0.0 fixed=2.0.0 introduced=2.0.0 fixed=3.0.0'),
    { '2.0.0': true, '3.0.0': false },
  ],
  [
    'orders a Go pseudo-version as a pre-release',
    affected('Go', 'introduced=0 fixed=0.0.0-20220314234659-1baeb1ce4c0b'),
    { '0.0.0-20210921155107-089bfa567519': true, '0.0.0-20220411220226-7b82a4e95df4': false },
  ],
  ['passes by a local label', affected('PyPI', 'introduced=0 last_affected=1.13.0'), { '1.13.0+cu117': true, '1.13.1+cu117': false }],
  ['ignores events that are no versions', affected('npm', 'introduced=0 fixed=main'), { '1.0.0': true }],
];

for (const [behaviour, range, expected] of cases) {
  test(behaviour, (t) => {
    for (const [version, is] of Object.entries(expected)) t.is(isAffected(range, version), is, version);
  });
}

test('is not affected at a version that cannot be ordered, unless it is listed or everything is affected', (t) => {
  t.false(isAffected(affected('npm', 'introduced=1.0.0 fixed=2.0.0'), 'main'));
  t.true(isAffected(affected('npm', 'introduced=1.0.0 fixed=2.0.0', ['main']), 'main'));
});

test('finds the nearest fix above the installed version', (t) => {
  const range = affected('Go', 'introduced=0 fixed=1.21.9 introduced=1.22.0-0 fixed=1.22.2');
  t.is(nearestFix(range, '1.20.0'), '1.21.9');
  t.is(nearestFix(range, '1.22.1'), '1.22.2');
  t.is(nearestFix(range, '1.23.0'), '');
});

test('picks the later of two fixes by the order of the ecosystem', (t) => {
  t.is(laterVersion('npm', '1.10.0', '1.9.0'), '1.10.0');
  t.is(laterVersion('npm', '', '1.9.0'), '1.9.0');
});
