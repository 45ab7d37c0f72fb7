import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Dependency } from './dependency.ts';
import { readInventory } from './read-inventory.ts';
import type { LockFile } from './read-inventory.ts';

const fixtures = fileURLToPath(new URL('../../fixtures/inventory/', import.meta.url));

/** Name, version, line, whether direct and whether for development only (where the lock file tells), licence. */
const expected: Readonly<Record<string, readonly string[]>> = {
  'cargo/Cargo.lock': [
    'libc 0.2.191 :5 indirect',
    'time 0.1.43 :18 direct',
    'winapi 0.3.9 :28 indirect',
    'winapi-i686-pc-windows-gnu 0.4.0 :38 indirect',
    'winapi-x86_64-pc-windows-gnu 0.4.0 :44 indirect',
  ],
  'composer/composer.lock': [
    'monolog/monolog 1.25.1 :4 prod MIT',
    'vendor/dual 2.0.0 :9 prod (LGPL-2.1-only OR GPL-3.0-or-later)',
    'phpunit/phpunit 9.5.0 :20 dev BSD-3-Clause',
  ],
  'go/go.mod': [
    'github.com/gin-gonic/gin 1.8.0 :6 direct',
    'golang.org/x/net 0.7.0 :7 direct',
    'github.com/gin-contrib/sse 0.1.0 :11 indirect',
    'github.com/go-playground/locales 0.14.0 :12 indirect',
    'github.com/go-playground/universal-translator 0.18.0 :13 indirect',
    'github.com/go-playground/validator/v10 10.10.0 :14 indirect',
    'github.com/goccy/go-json 0.9.7 :15 indirect',
    'github.com/json-iterator/go 1.1.12 :16 indirect',
    'github.com/leodido/go-urn 1.2.1 :17 indirect',
    'github.com/mattn/go-isatty 0.0.14 :18 indirect',
    'github.com/modern-go/concurrent 0.0.0-20180228061459-e0a39a4cb421 :19 indirect',
    'github.com/modern-go/reflect2 1.0.2 :20 indirect',
    'github.com/pelletier/go-toml/v2 2.0.1 :21 indirect',
    'github.com/ugorji/go/codec 1.2.7 :22 indirect',
    'golang.org/x/crypto 0.0.0-20210711020723-a769d52b0f97 :23 indirect',
    'golang.org/x/sys 0.5.0 :24 indirect',
    'golang.org/x/text 0.7.0 :25 indirect',
    'google.golang.org/protobuf 1.28.0 :26 indirect',
    'gopkg.in/yaml.v2 2.4.0 :27 indirect',
    'stdlib 1.21.3 :3 direct',
  ],
  'go-1.16/go.mod': [
    'github.com/gin-gonic/gin 1.6.0 :5 direct',
    'github.com/dgrijalva/jwt-go 3.2.0+incompatible :9 indirect',
    'golang.org/x/text 0.3.8 :10 direct',
    'golang.org/x/sys 0.0.0-20200116001909-b77594299b42 :3 indirect',
  ],
  'gradle/gradle.lockfile': ['com.google.guava:guava 31.1-jre :4 prod', 'org.junit.jupiter:junit-jupiter 5.9.1 :5 dev'],
  'maven/app/pom.xml': [
    'org.apache.logging.log4j:log4j-core 2.14.1 :9 direct prod',
    'com.fasterxml.jackson.core:jackson-databind 2.9.8 :14 direct prod',
    'com.example:sibling 1.0 :18 direct prod',
    'junit:junit 4.12 :24 direct dev',
  ],
  'maven/pom.xml': [],
  'npm-v1/package-lock.json': [
    '@types/node 20.0.0 :7 dev',
    'ms 2.1.2 :12 prod',
    'debug 3.1.0 :16 dev',
    'lodash 4.17.20 :24 prod',
    'minimist 1.2.5 :28 prod',
    'mkdirp 0.5.5 :32 prod',
    'ms 2.0.0 :39 dev',
  ],
  'npm-v2/package-lock.json': [
    '@types/node 20.0.0 :21 direct dev MIT',
    'ms 2.1.2 :27 direct prod MIT',
    'debug 3.1.0 :33 direct dev MIT',
    'lodash 4.17.20 :42 direct prod MIT',
    'minimist 1.2.5 :47 direct prod MIT',
    'mkdirp 0.5.5 :52 direct prod MIT',
    'ms 2.0.0 :63 indirect dev MIT',
  ],
  'npm-v3/package-lock.json': [
    '@types/node 20.0.0 :21 direct dev MIT',
    'ms 2.1.2 :27 direct prod MIT',
    'debug 3.1.0 :33 direct dev MIT',
    'lodash 4.17.20 :42 direct prod MIT',
    'minimist 1.2.5 :47 direct prod MIT',
    'mkdirp 0.5.5 :52 direct prod MIT',
    'ms 2.0.0 :63 indirect dev MIT',
  ],
  'nuget/packages.lock.json': ['Newtonsoft.Json 12.0.1 :5 direct', 'System.Text.Json 6.0.0 :10 indirect'],
  'pip/requirements.txt': ['jinja2 3.1.2 :6'],
  'pip/base.txt': ['idna 3.6 :1', 'MarkupSafe 2.1.1 :3'],
  'pipenv/Pipfile.lock': ['idna 3.6 :9 prod', 'pytest 7.4.0 :17 dev'],
  'pnpm-v5/pnpm-lock.yaml': [
    '@babel/code-frame 7.18.6 :19 direct dev',
    '@testing-library/react 13.4.0 :24 direct prod',
    'lodash 4.17.20 :30 direct prod',
    'fork 2.0.0 :34 indirect prod',
  ],
  'pnpm-v6/pnpm-lock.yaml': [
    '@types/node 20.0.0 :31 direct dev',
    'debug 3.1.0 :35 direct dev',
    'lodash 4.17.20 :46 direct prod',
    'minimist 1.2.5 :50 direct prod',
    'mkdirp 0.5.5 :54 direct prod',
    'ms 2.0.0 :61 indirect dev',
    'ms 2.1.2 :65 direct prod',
  ],
  'pnpm-v9/pnpm-lock.yaml': [
    '@types/node 20.0.0 :33 direct dev',
    'debug 3.1.0 :36 direct dev',
    'lodash 4.17.20 :44 direct prod',
    'minimist 1.2.5 :47 direct prod',
    'mkdirp 0.5.5 :50 direct prod',
    'ms 2.0.0 :54 indirect',
    'ms 2.1.2 :57 direct prod',
  ],
  'poetry/poetry.lock': ['idna 3.6 :3 prod', 'iniconfig 2.0.0 :14 dev'],
  'ruby/Gemfile.lock': ['nokogiri 1.13.3 :10 direct', 'racc 1.6.0 :12 indirect', 'rails 6.1.4.rc1 :13 indirect'],
  'uv/uv.lock': [
    'colorama 0.4.6 :5 indirect',
    'idna 3.6 :14 direct',
    'iniconfig 2.3.1 :23 indirect',
    'jinja2 3.1.2 :32 direct',
    'markupsafe 3.0.4 :44 indirect',
    'packaging 26.3 :53 indirect',
    'pluggy 1.7.0 :62 indirect',
    'pytest 7.4.0 :71 direct',
  ],
  'yarn-berry/yarn.lock': [
    '@types/node 20.0.0 :8 direct',
    'ms 2.1.2 :15 direct',
    'debug 3.1.0 :22 direct',
    'lodash 4.17.20 :31 direct',
    'minimist 1.2.5 :38 direct',
    'minimist 1.2.8 :45 indirect',
    'mkdirp 0.5.5 :52 direct',
    'ms 2.0.0 :63 indirect',
  ],
  'yarn-classic/yarn.lock': [
    '@types/node 20.0.0 :5',
    'ms 2.1.2 :10',
    'debug 3.1.0 :15',
    'lodash 4.17.20 :22',
    'minimist 1.2.5 :27',
    'minimist 1.2.8 :32',
    'mkdirp 0.5.5 :37',
    'ms 2.0.0 :44',
  ],
};

function describe({ name, version, line, direct, dev, license }: Dependency): string {
  const known = [direct === null ? '' : direct ? 'direct' : 'indirect', dev === null ? '' : dev ? 'dev' : 'prod', license];
  return [name, version, `:${line}`, ...known.filter((word) => word !== '')].join(' ');
}

async function read(sourceDir: string): Promise<LockFile[]> {
  const files: LockFile[] = [];
  for await (const file of readInventory(sourceDir)) files.push(file);
  return files;
}

/** A source tree with the given files. */
async function tree(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'inventory-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  return folder;
}

for (const [filePath, dependencies] of Object.entries(expected)) {
  test(`reads ${filePath}`, async (t) => {
    const lockFile = (await read(path.join(fixtures, filePath.split('/')[0]!))).find((file) => filePath.endsWith(`/${file.filePath}`));
    t.deepEqual(lockFile?.dependencies.map(describe), [...dependencies]);
  });
}

test('finds every lock file of a tree and reads included requirements once', async (t) => {
  const files = (await read(fixtures)).map(({ filePath }) => filePath);
  t.deepEqual(files.toSorted(), Object.keys(expected).toSorted());
});

test('says which requirements are not pinned, and which versions stand nowhere in the tree', async (t) => {
  const warnings = (await read(fixtures)).flatMap((file) => file.warnings);
  t.deepEqual(warnings, [
    'maven/app/pom.xml: 2 dependencies have no version in this tree and cannot be checked',
    'pip/requirements.txt: 3 requirements are not pinned by == and cannot be checked',
    'pip/requirements.txt includes ../../../../outside.txt, which is not in the tree',
  ]);
});

test('does not enter folders of installed packages', async (t) => {
  t.deepEqual(await read(await tree(t, { 'node_modules/a/package-lock.json': '{"packages":{}}', 'vendor/b/go.mod': 'module b' })), []);
});

const malformed: Readonly<Record<string, readonly string[]>> = {
  'package-lock.json': ['', '{', '[]', 'null', '{"name":"x"}', '{"packages":"x","dependencies":[]}'],
  'pnpm-lock.yaml': ['', '{{{', 'a: [', '- x', 'lockfileVersion: "9.0"\n  bad: indent'],
  'yarn.lock': ['not a lock', '__metadata:\n  version: [', 'a@^1:\n  version "1"\nbroken'],
  'Pipfile.lock': ['{', '{}'],
  'poetry.lock': ['[[package]', 'x = 1'],
  'uv.lock': ['= 1', 'x = 1'],
  'Cargo.lock': ['[[package]]\nname = ', 'x = 1'],
  'go.mod': ['', 'require (', '{}'],
  'pom.xml': ['', '<project>', '<html></html>', '<project><dependencies></project>'],
  'gradle.lockfile': ['not a lock'],
  'composer.lock': ['{', '{"packages":{}}'],
  'Gemfile.lock': ['', 'hello'],
  'packages.lock.json': ['[', '{"version":1}'],
};

for (const [name, texts] of Object.entries(malformed)) {
  test(`warns of a malformed ${name} by its name and goes on`, async (t) => {
    for (const text of texts) {
      const source = await tree(t, { [`a/${name}`]: text, 'z/package-lock.json': '{"packages":{"node_modules/ms":{"version":"1.0.0"}}}' });
      const [broken, whole] = await read(source);
      t.is(broken?.filePath, `a/${name}`, text);
      t.deepEqual(broken?.dependencies, [], text);
      t.regex(broken?.warnings[0] ?? '', new RegExp(`^a/${name} `), text);
      t.is(whole?.dependencies.length, 1, text);
    }
  });
}

test('takes keys that mean something to JavaScript as names', async (t) => {
  const entry = '{"version":"1.0.0","dependencies":{"__proto__":{"version":"2.0.0"}}}';
  const source = await tree(t, {
    'v3/package-lock.json': `{"packages":{"__proto__":${entry},"node_modules/__proto__":${entry},"node_modules/constructor":${entry}}}`,
    'v1/package-lock.json': `{"dependencies":{"__proto__":${entry}}}`,
    'pnpm-lock.yaml': 'lockfileVersion: "9.0"\npackages:\n  __proto__@1.0.0: {}\n  constructor@1.0.0: {}\n',
    'Cargo.lock': '[[package]]\nname = "__proto__"\nversion = "1.0.0"\nsource = "registry+x"\n',
  });
  const names = (await read(source)).map(({ dependencies }) => dependencies.map(({ name, version }) => `${name} ${version}`));
  t.deepEqual(names, [
    ['__proto__ 1.0.0'],
    ['__proto__ 1.0.0', 'constructor 1.0.0'],
    ['__proto__ 1.0.0', '__proto__ 2.0.0'],
    ['__proto__ 1.0.0', 'constructor 1.0.0'],
  ]);
  t.is(Reflect.get({}, 'version'), undefined);
});

test('refuses a YAML document with aliases instead of expanding it', async (t) => {
  const bomb = [
    'lockfileVersion: "9.0"',
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefghij'.split('').map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[index]}`).join()}]`),
  ];
  const [lockFile] = await read(await tree(t, { 'pnpm-lock.yaml': bomb.join('\n') }));
  t.regex(lockFile!.warnings[0]!, /^pnpm-lock\.yaml holds a YAML alias/);
});

test('survives nesting that would exhaust the stack', async (t) => {
  const deep = 200_000;
  const source = await tree(t, {
    'package-lock.json': `{"dependencies":${'{"a":{"version":"1","dependencies":'.repeat(1000)}{}${'}}'.repeat(1000)}}`,
    'composer.lock': '['.repeat(deep),
    'pnpm-lock.yaml': `lockfileVersion: ${'['.repeat(20_000)}`,
    'Cargo.lock': `x = ${'['.repeat(deep)}`,
    'pom.xml': `<project>${'<a>'.repeat(20_000)}`,
  });
  const files = await read(source);
  t.is(files.length, 5);
  for (const { filePath, warnings } of files) t.is(warnings.length, 1, filePath);
});

test('refuses a dense file that would take all memory once parsed', async (t) => {
  const source = await tree(t, {
    'Cargo.lock': '[[package]]\n'.repeat(1_000_000),
    'pnpm-lock.yaml': '- x\n'.repeat(3_000_000),
    'pom.xml': `<project>${'<a/>'.repeat(3_000_000)}</project>`,
  });
  const files = await read(source);
  t.is(files.length, 3);
  for (const { filePath, warnings } of files) t.deepEqual(warnings, [`${filePath} has more than 600000 entries`]);
});

test('expands no XML entity', async (t) => {
  const entities = Array.from({ length: 20 }, (_, index) => `<!ENTITY e${index + 1} "${`&e${index};`.repeat(10)}">`).join('');
  const dependency = (version: string): string =>
    `<dependency><groupId>g</groupId><artifactId>a</artifactId><version>${version}</version></dependency>`;
  const source = await tree(t, {
    'bomb/pom.xml': `<!DOCTYPE project [<!ENTITY e0 "x">${entities}]><project><dependencies>${dependency('&e20;')}</dependencies></project>`,
    'file/pom.xml': `<!DOCTYPE project [<!ENTITY x SYSTEM "file:///etc/passwd">]><project><dependencies>${dependency('&x;')}</dependencies></project>`,
  });
  for (const { dependencies } of await read(source)) for (const { version } of dependencies) t.true(version.startsWith('&'), version);
});

test('follows Maven parents and requirements neither out of the tree nor in circles', async (t) => {
  const source = await tree(t, {
    'inside/pom.xml': '<project><parent><relativePath>../../outside/pom.xml</relativePath></parent></project>',
    'inside/requirements.txt': '-r ../../outside/secret.txt\n-r linked.txt\n-r requirements.txt\nidna==3.6\n',
    'loop/pom.xml': '<project><parent><relativePath>pom.xml</relativePath></parent></project>',
    'outside/secret.txt': 'secret==1.0\n',
    'outside/pom.xml': '<project/>',
  });
  await symlink(path.join(source, 'outside/secret.txt'), path.join(source, 'inside/linked.txt'));
  const files = await read(path.join(source, 'inside'));
  t.deepEqual(
    files.flatMap(({ dependencies }) => dependencies.map(({ name }) => name)),
    ['idna'],
  );
  t.deepEqual(
    files.flatMap(({ warnings }) => warnings),
    [
      'requirements.txt includes ../../outside/secret.txt, which is not in the tree',
      'requirements.txt includes linked.txt, which is not in the tree',
    ],
  );
  t.is((await read(path.join(source, 'loop'))).length, 1);
});

test('passes over a lock file above the size limit with a warning', async (t) => {
  const source = await tree(t, { 'package-lock.json': ' '.repeat(16 * 1024 * 1024 + 1) });
  t.deepEqual(await read(source), [
    { filePath: 'package-lock.json', dependencies: [], warnings: ['package-lock.json is larger than 16 MiB'] },
  ]);
});

test('resolves aliases and leaves out what is of the repository itself', async (t) => {
  const source = await tree(t, {
    'package-lock.json': JSON.stringify({
      packages: {
        '': { dependencies: { own: '*' } },
        'packages/own': { version: '1.0.0', dependencies: { ms: '2.0.0' } },
        'node_modules/own': { resolved: 'packages/own', link: true },
        'packages/own/node_modules/ms': { version: '2.0.0' },
        'node_modules/alias': { name: '@real/name', version: '3.0.0' },
      },
    }),
    'yarn.lock':
      '# yarn lockfile v1\n\n"alias@npm:@real/name@^3.0.0", "other@npm:@real/name@^3.0.0":\n  version "3.1.0"\n\n"@a/b@^1.0.0":\n  version "1.0.0"\n',
  });
  const found = (await read(source)).map(({ dependencies }) => dependencies.map(describe));
  t.deepEqual(found, [
    ['ms 2.0.0 :1 direct prod', '@real/name 3.0.0 :1 indirect prod'],
    ['@real/name 3.1.0 :3', '@a/b 1.0.0 :6'],
  ]);
});
