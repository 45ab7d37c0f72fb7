import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { BuiltinFinding } from '../src/builtin/protocol.ts';
import { scan } from '../src/license/scan.ts';
import type { LicenseOptions } from '../src/license/settings.ts';

const mit =
  'Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files. The above copyright notice and this permission notice shall be included.';
const gpl3 = 'GNU GENERAL PUBLIC LICENSE Version 3, 29 June 2007';
const agpl3 = 'GNU AFFERO GENERAL PUBLIC LICENSE Version 3, 19 November 2007';

async function scanOf(t: ExecutionContext, files: Readonly<Record<string, string | object>>, options: Partial<LicenseOptions> = {}) {
  const sourceDir = await mkdtemp(path.join(tmpdir(), 'license-'));
  t.teardown(() => rm(sourceDir, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(sourceDir, name)), { recursive: true });
    await writeFile(path.join(sourceDir, name), typeof content === 'string' ? content : JSON.stringify(content, null, 1));
  }
  const findings: BuiltinFinding[] = [];
  const remarks: string[] = [];
  const task = {
    sourceDir,
    workDir: sourceDir,
    options: { allow: [], deny: [], ...options },
    progress: () => undefined,
    remark: (text: string) => void remarks.push(text),
  };
  for await (const finding of scan(task)) findings.push(finding);
  return {
    findings,
    remarks,
    lines: findings.map(({ severity, filePath, packageName, packageVersion, license }) =>
      [severity, filePath, packageName, packageVersion, license].filter(Boolean).join(' '),
    ),
  };
}

function npmLock(licenses: Readonly<Record<string, string | undefined>>, dev: readonly string[] = []): object {
  const packages = Object.entries(licenses).map(([name, license]) => [
    `node_modules/${name}`,
    { version: '1.0.0', license, dev: dev.includes(name) || undefined },
  ]);
  return { lockfileVersion: 3, packages: Object.fromEntries(packages) };
}

test('reports what asks for more than notices and is silent about the rest', async (t) => {
  const lock = npmLock({ a: 'MIT', b: 'GPL-3.0-only', c: '(MIT OR GPL-3.0-only)', d: 'MPL-2.0', e: 'UNLICENSED' });
  const { findings, lines } = await scanOf(t, { 'package-lock.json': lock });
  t.deepEqual(lines, [
    'high package-lock.json b 1.0.0 GPL-3.0-only',
    'low package-lock.json d 1.0.0 MPL-2.0',
    'medium package-lock.json e 1.0.0 UNLICENSED',
  ]);
  const [finding] = findings;
  t.is(finding?.ruleId, 'license-strong-copyleft');
  t.is(finding?.title, 'b 1.0.0: GPL-3.0-only (strong copyleft)');
  t.is(finding?.startLine, 8);
  t.deepEqual(finding?.references, ['https://spdx.org/licenses/GPL-3.0-only.html']);
  t.regex(finding?.fingerprint ?? '', /^[0-9a-f]{64}$/);
});

test('takes what only development needs one step milder', async (t) => {
  const { lines } = await scanOf(t, { 'package-lock.json': npmLock({ a: 'AGPL-3.0-only', b: 'MPL-2.0' }, ['a', 'b']) });
  t.deepEqual(lines, ['high package-lock.json a 1.0.0 AGPL-3.0-only', 'info package-lock.json b 1.0.0 MPL-2.0']);
});

test('takes the licence from the installed package where the lock file has none', async (t) => {
  const { lines } = await scanOf(t, {
    'yarn.lock':
      '# yarn lockfile v1\n\na@^1:\n  version "1.0.0"\n\n"@s/b@^1":\n  version "1.0.0"\n\nc@^1:\n  version "1.0.0"\n\nd@^1:\n  version "1.0.0"\n',
    'node_modules/a/package.json': { name: 'a', version: '1.0.0', license: { type: 'GPL-2.0' } },
    'node_modules/a/dist/package.json': { type: 'module', license: 'AGPL-3.0' },
    'node_modules/@s/b/package.json': { name: '@s/b', version: '1.0.0', licenses: [{ type: 'MIT' }, { type: 'GPL-3.0' }] },
    'node_modules/c/package.json': { name: 'c', version: '1.0.0' },
    'node_modules/c/LICENSE': agpl3,
    'node_modules/.pnpm/d@1.0.0/node_modules/d/package.json': { name: 'd', version: '1.0.0', license: 'SEE LICENSE IN LICENSE.md' },
    'node_modules/.pnpm/d@1.0.0/node_modules/d/LICENSE.md': gpl3,
  });
  t.deepEqual(lines, ['high yarn.lock a 1.0.0 GPL-2.0', 'critical yarn.lock c 1.0.0 AGPL-3.0-only', 'high yarn.lock d 1.0.0 GPL-3.0-only']);
});

test('reads the metadata of Python, Cargo, Go, Composer and Ruby packages that lie in the tree', async (t) => {
  const { lines } = await scanOf(t, {
    'requirements.txt': 'Some.Pkg==1.0\nlisted==2.0\nexpr==3.0\n',
    'venv/lib/site-packages/some_pkg-1.0.dist-info/METADATA':
      'Metadata-Version: 2.1\nName: some-pkg\nVersion: 1.0\nLicense: UNKNOWN\nClassifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n\nLicense: MIT\n',
    'venv/lib/site-packages/listed-2.0.dist-info/METADATA': 'Name: listed\nVersion: 2.0\nLicense: LGPLv3+\n',
    'venv/lib/site-packages/expr-3.0.dist-info/METADATA': 'Name: expr\nVersion: 3.0\nLicense-Expression: MIT OR AGPL-3.0-only\n',
    'vendor/serde/Cargo.toml': '[package]\nname = "serde"\nversion = "1.0.0"\nlicense = "MPL-2.0"\n',
    'vendor/modules.txt': '# github.com/x/y v1.2.3\n## explicit\ngithub.com/x/y\n# ../../../outside v1.0.0\n',
    'vendor/github.com/x/y/LICENSE': agpl3,
    'vendor/composer/installed.json': { packages: [{ name: 'v/p', version: 'v3.1.0', license: ['GPL-2.0-only'] }] },
    'vendor/bundle/ruby/3.0.0/specifications/g-1.5.gemspec':
      '  s.name = "g".freeze\n  s.version = "1.5"\n  s.licenses = ["GPL-2.0".freeze]\n',
  });
  t.deepEqual(lines.sort(), [
    'critical vendor/modules.txt github.com/x/y 1.2.3 AGPL-3.0-only',
    'high requirements.txt Some.Pkg 1.0 GPL-3.0-only',
    'high vendor/bundle/ruby/3.0.0/specifications/g-1.5.gemspec g 1.5 GPL-2.0',
    'high vendor/composer/installed.json v/p 3.1.0 GPL-2.0-only',
    'low requirements.txt listed 2.0 LGPL-3.0-or-later',
    'low vendor/serde/Cargo.toml serde 1.0.0 MPL-2.0',
  ]);
});

test('names what has no licence anywhere once for each lock file', async (t) => {
  const { findings, lines } = await scanOf(t, { 'requirements.txt': 'a==1.0\nb==2.0\n', 'package-lock.json': npmLock({ c: 'MIT' }) });
  t.deepEqual(lines, ['info requirements.txt']);
  t.is(findings[0]?.title, 'The licences of 2 of 2 packages in requirements.txt are not known');
  t.regex(findings[0]?.description ?? '', /a 1\.0, b 2\.0/);
});

test('reports a copied file under another licence, once for all files of that licence', async (t) => {
  const { findings } = await scanOf(t, {
    LICENSE: mit,
    'src/a.c': '// SPDX-License-Identifier: GPL-2.0-only\nint a;\n',
    'src/b.c': '/* SPDX-License-Identifier: GPL-2.0-only */\n',
    'src/c.py': '#!/usr/bin/env python3\n# SPDX-License-Identifier: MIT\n',
    'src/d.js': 'const text = "SPDX-License-Identifier: AGPL-3.0-only";\n',
    'lib/other/COPYING': agpl3,
  });
  t.deepEqual(
    findings.map(({ severity, filePath, startLine, license }) => [severity, filePath, startLine, license]),
    [
      ['critical', 'lib/other/COPYING', 1, 'AGPL-3.0-only'],
      ['high', 'src/a.c', 1, 'GPL-2.0-only'],
    ],
  );
  t.regex(findings[1]?.description ?? '', /1 more files: src\/b\.c/);
});

test("is silent about the repository's own licence, wherever it stands, unless the policy denies it", async (t) => {
  const files = {
    LICENSE: gpl3,
    'src/a.c': '// SPDX-License-Identifier: GPL-3.0-or-later\n',
    'package-lock.json': npmLock({ a: 'GPL-3.0-only', b: 'AGPL-3.0-only' }),
  };
  t.deepEqual((await scanOf(t, files)).lines, ['critical package-lock.json b 1.0.0 AGPL-3.0-only']);
  t.deepEqual((await scanOf(t, files, { deny: ['GPL-3.0'] })).lines, [
    'high LICENSE GPL-3.0-only',
    'high src/a.c GPL-3.0-or-later',
    'high package-lock.json a 1.0.0 GPL-3.0-only',
    'critical package-lock.json b 1.0.0 AGPL-3.0-only',
  ]);
});

test('follows the policy for dependencies', async (t) => {
  const { findings, lines } = await scanOf(
    t,
    { 'package-lock.json': npmLock({ a: 'MIT', b: 'GPL-3.0-only' }) },
    { allow: ['GPL-3.0-only'], deny: ['MIT'] },
  );
  t.deepEqual(lines, ['high package-lock.json a 1.0.0 MIT']);
  t.is(findings[0]?.ruleId, 'license-denied');
});

test('passes over metadata that cannot be read, and remarks on such lock files', async (t) => {
  const { lines, remarks } = await scanOf(t, {
    'node_modules/a/package.json': '{',
    'vendor/b/Cargo.toml': '[',
    'Cargo.lock': '[',
    'package.json': '{',
    'bin/tool': '\u0000SPDX-License-Identifier: GPL-2.0-only',
  });
  t.deepEqual(lines, []);
  t.regex(remarks[0] ?? '', /^problems with lock files: 1, the first: Cargo\.lock is not TOML/);
});
