import test from 'ava';
import { preferredCvss } from './cvss.ts';

const [v2, v3, v4] = ['AV:N/AC:L/Au:N/C:P/I:P/A:P', 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N'];

test('NVD is asked first, whoever gave the severity', (t) => {
  const ratings = { ghsa: { V3Score: 7.5, V3Vector: v3 }, nvd: { V3Score: 9.8, V3Vector: v3 } };
  t.deepEqual(preferredCvss(ratings, 'ghsa'), { score: 9.8, vector: v3 });
});

test('the source of the severity comes before GitHub, and GitHub before the others in the order of their names', (t) => {
  const ratings = { zeta: { V3Score: 1 }, alpha: { V3Score: 2 }, ghsa: { V3Score: 3 }, redhat: { V3Score: 4 } };
  t.is(preferredCvss(ratings, 'redhat').score, 4);
  t.is(preferredCvss(ratings, '').score, 3);
  t.is(preferredCvss({ zeta: ratings.zeta, alpha: ratings.alpha }, 'ghsa').score, 2);
});

test('a newer version of CVSS counts before an older one of a better source, and 3.x before 4.0', (t) => {
  t.is(preferredCvss({ nvd: { V2Score: 10, V2Vector: v2 }, ghsa: { V3Score: 5.3, V3Vector: v3 } }, 'ghsa').score, 5.3);
  t.is(preferredCvss({ nvd: { V40Score: 9.3, V40Vector: v4 }, ghsa: { V3Score: 5.3, V3Vector: v3 } }, 'ghsa').score, 5.3);
  t.deepEqual(preferredCvss({ ghsa: { V40Score: 9.3, V40Vector: v4 } }, 'ghsa'), { score: 9.3, vector: v4 });
});

test('there is no rating where none was given, or none that is a score', (t) => {
  for (const ratings of [
    undefined,
    null,
    [],
    'high',
    { nvd: null },
    { nvd: { V3Score: 0 } },
    { nvd: { V3Score: 11 } },
    { nvd: { V3Score: '9' } },
  ]) {
    t.deepEqual(preferredCvss(ratings, 'nvd'), { score: 0, vector: '' });
  }
});
