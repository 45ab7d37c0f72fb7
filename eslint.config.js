import nx from '@nx/eslint-plugin';
import ts from '@typescript-eslint/eslint-plugin';
import parser from '@typescript-eslint/parser';

/** Which layer may import which: apps → orchestration → domain, adapters → ports, base libraries know nobody above. */
const layers = [
  { sourceTag: 'type:domain', onlyDependOnLibsWithTags: ['type:domain'] },
  { sourceTag: 'type:contracts', onlyDependOnLibsWithTags: ['type:contracts'] },
  { sourceTag: 'type:base', onlyDependOnLibsWithTags: ['type:base', 'type:domain', 'type:contracts'] },
  { sourceTag: 'type:orchestration', onlyDependOnLibsWithTags: ['type:orchestration', 'type:domain', 'name:auth'] },
  {
    sourceTag: 'type:adapter',
    onlyDependOnLibsWithTags: ['type:adapter', 'type:orchestration', 'type:base', 'type:domain', 'type:contracts', 'type:testing'],
  },
  {
    sourceTag: 'type:testing',
    onlyDependOnLibsWithTags: ['type:testing', 'type:orchestration', 'type:base', 'type:domain', 'type:contracts', 'type:migrations'],
  },
  {
    sourceTag: 'type:system-testing',
    onlyDependOnLibsWithTags: [
      'type:system-testing',
      'type:orchestration',
      'type:adapter',
      'type:base',
      'type:domain',
      'type:contracts',
      'type:testing',
      'type:migrations',
    ],
  },
  { sourceTag: 'type:migrations', onlyDependOnLibsWithTags: ['type:base', 'type:testing'] },
  {
    sourceTag: 'type:tools',
    onlyDependOnLibsWithTags: [
      'type:orchestration',
      'type:adapter',
      'type:base',
      'type:domain',
      'type:contracts',
      'type:testing',
      'type:system-testing',
      'type:migrations',
    ],
  },
  {
    sourceTag: 'type:app',
    onlyDependOnLibsWithTags: [
      'type:orchestration',
      'type:adapter',
      'type:base',
      'type:domain',
      'type:contracts',
      'type:testing',
      'type:system-testing',
      'type:migrations',
    ],
  },
];

/** Packages that one place wraps for all others. */
const wrapped = [
  { packages: ['knex', 'pg', 'pg-copy-streams'], homes: ['libs/database', 'libs/repositories', 'libs/testing', 'migrations'] },
  { packages: ['pg-boss'], homes: ['libs/queue', 'migrations'] },
  { packages: ['@kubernetes/client-node'], homes: ['libs/job-dispatch'] },
  { packages: ['ioredis'], homes: ['libs/cache'] },
];

function banned(packages) {
  const paths = packages.map((name) => ({
    name,
    message: `${name} is wrapped by ${wrapped.find((entry) => entry.packages.includes(name)).homes[0]}; import that`,
  }));
  return ['error', { paths, patterns: packages.map((name) => ({ group: [`${name}/*`], message: 'import the library that wraps it' })) }];
}

const everyPackage = wrapped.flatMap(({ packages }) => packages);
const homes = [...new Set(wrapped.flatMap((entry) => entry.homes))];

export default [
  { ignores: ['**/dist/**', '**/node_modules/**', '**/generated/**', '**/fixtures/**', '.nx/**', '.cloudscan/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    languageOptions: { parser, parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname } },
    plugins: { '@nx': nx, '@typescript-eslint': ts },
    rules: {
      '@nx/enforce-module-boundaries': ['error', { enforceBuildableLibDependency: false, allow: [], depConstraints: layers }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [{ from: 'package', name: 'test', package: 'ava' }] }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'func-style': ['error', 'declaration', { allowArrowFunctions: true }],
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'no-restricted-imports': banned(everyPackage),
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'name what is exported' },
        { selector: 'TSEnumDeclaration', message: 'use a constant tuple and a union: the sources run with types stripped' },
        { selector: 'TSParameterProperty', message: 'declare the field: the sources run with types stripped' },
      ],
      'prefer-const': 'error',
      eqeqeq: 'error',
    },
  },
  // A home may import what it wraps, and nothing of what others wrap.
  ...homes.map((home) => ({
    files: [`${home}/**/*.ts`],
    rules: { 'no-restricted-imports': banned(wrapped.filter((entry) => !entry.homes.includes(home)).flatMap(({ packages }) => packages)) },
  })),
  {
    // process.env and process.exit belong to the edge of a process.
    files: ['{apps,libs}/*/src/**/*.ts'],
    ignores: ['**/main.ts', '**/*-main.ts', 'libs/process/**', 'libs/testing/**', 'libs/system-testing/**', '**/*.test.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'read the environment in main.ts and hand it on' },
        { object: 'process', property: 'exit', message: 'throw; libs/process ends the process' },
      ],
    },
  },
  {
    // Declarations of packages that export a default.
    files: ['**/*.d.ts'],
    rules: { 'no-restricted-exports': 'off' },
  },
];
