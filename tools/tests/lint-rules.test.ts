import { execFileSync } from 'node:child_process';
import test from 'ava';
import { ESLint } from 'eslint';
import type { Linter } from 'eslint';

// Rules that need type information cannot judge a text that is in no tsconfig.
const withoutTypes: Linter.Config = {
  files: ['**/*.ts'],
  languageOptions: { parserOptions: { project: null } },
  rules: {
    '@typescript-eslint/no-floating-promises': 'off',
    '@typescript-eslint/no-misused-promises': 'off',
    '@typescript-eslint/switch-exhaustiveness-check': 'off',
  },
};

test.before('the project graph is there, without which the boundary rule only warns', () => {
  execFileSync('node_modules/.bin/nx', ['show', 'projects'], { env: { ...process.env, NX_DAEMON: 'false' }, stdio: 'ignore' });
});

const eslint = new ESLint({ overrideConfig: [withoutTypes] });

async function rulesBrokenBy(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return result!.messages.map(({ ruleId, message }) => ruleId ?? message);
}

const cases = [
  [
    'domain may not import orchestration',
    'libs/domain/src/x.ts',
    `import { y } from '@cloudscan/orchestration';\ny();`,
    '@nx/enforce-module-boundaries',
  ],
  [
    'orchestration may not import an adapter',
    'libs/orchestration/src/x.ts',
    `import { y } from '@cloudscan/repositories';\ny();`,
    '@nx/enforce-module-boundaries',
  ],
  [
    'a base library may not import an adapter',
    'libs/process/src/x.ts',
    `import { y } from '@cloudscan/queue';\ny();`,
    '@nx/enforce-module-boundaries',
  ],
  [
    'an app may not import an app',
    'apps/cli/src/x.ts',
    `import { y } from '../../standalone/src/main.ts';\ny();`,
    '@nx/enforce-module-boundaries',
  ],
  [
    'only the database library and the repositories may import pg',
    'apps/storage/src/x.ts',
    `import pg from 'pg';\npg.defaults;`,
    'no-restricted-imports',
  ],
  [
    'only the database library and the repositories may import knex',
    'libs/queue/src/x.ts',
    `import knex from 'knex';\nknex({});`,
    'no-restricted-imports',
  ],
  [
    'only the queue may import pg-boss',
    'libs/repositories/src/x.ts',
    `import { PgBoss } from 'pg-boss';\nnew PgBoss('');`,
    'no-restricted-imports',
  ],
  [
    'only the cache may import ioredis',
    'apps/api-grpc/src/x.ts',
    `import { Redis } from 'ioredis';\nnew Redis();`,
    'no-restricted-imports',
  ],
  [
    'only job-dispatch may import the Kubernetes client',
    'apps/sweeper/src/x.ts',
    `import * as k8s from '@kubernetes/client-node';\nk8s.x;`,
    'no-restricted-imports',
  ],
  [
    'the environment is read in main.ts only',
    'apps/sweeper/src/x.ts',
    `export const level = process.env.LOG_LEVEL;`,
    'no-restricted-properties',
  ],
  [
    'libs/process alone ends the process',
    'apps/sweeper/src/x.ts',
    `export function leave(): void { process.exit(1); }`,
    'no-restricted-properties',
  ],
  ['console belongs to nobody', 'libs/domain/src/x.ts', `console.log(1);`, 'no-console'],
  ['a library names what it exports', 'libs/domain/src/x.ts', `export * from './scan.ts';`, 'no-restricted-syntax'],
] as const;

for (const [title, filePath, code, rule] of cases) {
  test(title, async (t) => {
    t.true((await rulesBrokenBy(filePath, code)).includes(rule));
  });
}

test('what is allowed passes', async (t) => {
  t.deepEqual(
    await rulesBrokenBy(
      'libs/queue/src/x.ts',
      `import { PgBoss } from 'pg-boss';\nimport type { Scan } from '@cloudscan/domain';\nexport type Boss = [PgBoss, Scan];\nexport const boss = new PgBoss('');`,
    ),
    [],
  );
  t.deepEqual(await rulesBrokenBy('apps/sweeper/src/main.ts', `export const level = process.env.LOG_LEVEL;`), []);
});
