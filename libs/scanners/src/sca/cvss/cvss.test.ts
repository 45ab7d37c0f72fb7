import test from 'ava';
import { cvss2Score } from './cvss2.ts';
import { cvss3Score } from './cvss3.ts';
import { cvss4Score } from './cvss4.ts';

/** Scores as the calculators of first.org and nvd.nist.gov give them. */
const known: readonly [string, (vector: string) => number | null, Readonly<Record<string, number>>][] = [
  [
    '2.0',
    cvss2Score,
    {
      'AV:N/AC:L/Au:N/C:N/I:N/A:C': 7.8,
      'AV:N/AC:L/Au:N/C:C/I:C/A:C': 10,
      'AV:L/AC:H/Au:N/C:C/I:C/A:C': 6.2,
      'AV:N/AC:M/Au:N/C:N/I:P/A:N': 4.3,
      '(AV:N/AC:L/Au:N/C:P/I:P/A:P)': 7.5,
      'AV:N/AC:L/Au:N/C:N/I:N/A:N': 0,
    },
  ],
  [
    '3.0 and 3.1',
    cvss3Score,
    {
      'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H': 9.8,
      'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H': 10,
      'CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N': 6.1,
      'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H': 7.5,
      'CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H': 7.8,
      'CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N': 3.7,
      'CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:C/C:L/I:N/A:N': 1.8,
      'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N': 0,
      'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O': 9.8,
    },
  ],
  [
    '4.0',
    cvss4Score,
    {
      'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H': 10,
      'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N': 9.3,
      'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:H/SC:N/SI:N/SA:N': 8.7,
      'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:H/SC:N/SI:N/SA:N/E:U': 8.7,
      'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:P/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N': 5.3,
      'CVSS:4.0/AV:P/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N': 1,
      'CVSS:4.0/AV:P/AC:L/AT:P/PR:N/UI:N/VC:L/VI:N/VA:L/SC:H/SI:L/SA:L': 2.1,
      'CVSS:4.0/AV:A/AC:L/AT:P/PR:L/UI:N/VC:L/VI:N/VA:L/SC:N/SI:N/SA:H': 4.6,
      'CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:P/VC:H/VI:L/VA:H/SC:N/SI:N/SA:H': 8.2,
      'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N': 0,
    },
  ],
];

for (const [version, scoreOf, vectors] of known) {
  test(`computes the base score of CVSS ${version} vectors`, (t) => {
    for (const [vector, score] of Object.entries(vectors)) t.is(scoreOf(vector), score, vector);
  });

  test(`refuses a malformed vector of CVSS ${version}`, (t) => {
    const [vector] = Object.keys(vectors);
    for (const broken of [
      '',
      'constructor',
      vector!.replace('AV:N/', ''),
      vector!.replace('AV:N', 'AV:X'),
      `${vector!}/AV:N`,
      vector!.replace('/A:', '/A:__proto__'),
    ]) {
      if (broken !== vector) t.is(scoreOf(broken), null, broken);
    }
  });
}
