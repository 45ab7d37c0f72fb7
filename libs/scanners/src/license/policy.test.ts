import { ConfigError, readConfig } from '@cloudscan/config';
import test from 'ava';
import { categoryOf } from './categories.ts';
import { readLicenseExpression } from './license-expression.ts';
import { judge } from './policy.ts';
import type { LicensePolicy } from './policy.ts';
import { readLicenseSettings } from './settings.ts';

const none: LicensePolicy = { allow: [], deny: [] };

/** What a package states, and how that is judged: category and severity. */
const verdicts: Readonly<Record<string, string>> = {
  MIT: 'permissive null',
  'Apache-2.0': 'permissive null',
  'BSD-3-Clause-Clear': 'permissive null',
  '0BSD': 'permissive null',
  'MPL-2.0': 'weak-copyleft low',
  'LGPL-2.1-or-later': 'weak-copyleft low',
  'LGPL-3.0': 'weak-copyleft low',
  'EPL-2.0': 'weak-copyleft low',
  'GPL-2.0-only': 'strong-copyleft high',
  'GPL-3.0+': 'strong-copyleft high',
  'CC-BY-SA-4.0': 'strong-copyleft high',
  'AGPL-3.0-or-later': 'network-copyleft critical',
  'SSPL-1.0': 'network-copyleft critical',
  'BUSL-1.1': 'proprietary medium',
  'CC-BY-NC-4.0': 'proprietary medium',
  UNLICENSED: 'proprietary medium',
  'Copyright 2024 X, all rights reserved': 'proprietary medium',
  'LicenseRef-own': 'unknown low',
  'SEE LICENSE IN terms.txt': 'unknown low',
  'My Own License': 'unknown low',
  'GPL-2.0-only WITH Classpath-exception-2.0': 'weak-copyleft low',
  'Apache-2.0 WITH LLVM-exception': 'permissive null',
  'MIT OR GPL-3.0-only': 'permissive null',
  'MIT AND GPL-3.0-only': 'strong-copyleft high',
  '(GPL-2.0-only OR AGPL-3.0-only) AND MIT': 'strong-copyleft high',
  '(MIT OR GPL-3.0-only) AND (LGPL-3.0-only OR AGPL-3.0-only)': 'weak-copyleft low',
  'MIT/Apache-2.0': 'permissive null',
  'Apache License, Version 2.0': 'permissive null',
  'The MIT License (MIT)': 'permissive null',
  GPLv3: 'strong-copyleft high',
  'public domain, Python, 2-Clause BSD, GPL 3 (see COPYING.txt)': 'unknown low',
};

for (const [license, verdict] of Object.entries(verdicts)) {
  test(`judges ${license}: ${verdict}`, (t) => {
    const { category, severity } = judge(readLicenseExpression(license)!, none);
    t.is(`${category} ${severity}`, verdict);
  });
}

test('reads a field that says nothing as no statement', (t) => {
  for (const field of ['', '  ', 'UNKNOWN', 'NOASSERTION', 'none']) t.is(readLicenseExpression(field), null, field);
});

test('shortens a licence text in a licence field instead of parsing it', (t) => {
  const stated = readLicenseExpression('(MIT OR '.repeat(100_000))!;
  t.is(stated.node, null);
  t.true(stated.text.length < 100);
});

test('knows no category for what is not in its table, whatever JavaScript calls it', (t) => {
  for (const name of ['constructor', '__proto__', '', 'XYZ-1.0']) t.is(categoryOf(name), 'unknown', name);
});

const policy: LicensePolicy = { allow: ['GPL-3.0', 'unknown'], deny: ['MIT', 'weak-copyleft', 'AGPL-3.0-only'] };
const byPolicy: Readonly<Record<string, string>> = {
  MIT: 'denied high',
  'GPL-3.0-or-later': 'allowed null',
  'LGPL-2.1-only': 'denied high',
  'AGPL-3.0-only': 'denied critical',
  'MIT OR Apache-2.0': 'by_category null',
  'MIT AND GPL-3.0-only': 'denied high',
  'MIT OR GPL-3.0-only': 'allowed null',
  'LicenseRef-own': 'allowed null',
  'Apache-2.0': 'by_category null',
};

for (const [license, verdict] of Object.entries(byPolicy)) {
  test(`a policy makes ${license} ${verdict}`, (t) => {
    const { decision, severity } = judge(readLicenseExpression(license)!, policy);
    t.is(`${decision} ${severity}`, verdict);
  });
}

test('denies what is both allowed and denied', (t) => {
  t.is(judge(readLicenseExpression('MIT')!, { allow: ['MIT'], deny: ['permissive'] }).decision, 'denied');
});

test('reads the policy from the environment', (t) => {
  const env = { LICENSE_POLICY_ALLOW: 'LGPL-3.0-only, weak-copyleft', LICENSE_POLICY_DENY: 'WTFPL' };
  t.deepEqual(readConfig(env, readLicenseSettings).options, { allow: ['LGPL-3.0-only', 'weak-copyleft'], deny: ['WTFPL'] });
  t.deepEqual(readConfig({}, readLicenseSettings).options, { allow: [], deny: [] });
});

test('refuses a policy that names what is no licence, with the variable and the remedy', (t) => {
  for (const [name, value] of [
    ['LICENSE_POLICY_DENY', 'GPL-9'],
    ['LICENSE_POLICY_ALLOW', 'MIT OR ISC'],
    ['LICENSE_POLICY_ALLOW', 'MIT;ISC'],
  ] as const) {
    const error = t.throws(() => readConfig({ [name]: value }, readLicenseSettings), { instanceOf: ConfigError }, value);
    t.regex(error.message, new RegExp(`^${name} holds .*; set it to a comma-separated list of SPDX identifiers and of permissive`), value);
  }
});
