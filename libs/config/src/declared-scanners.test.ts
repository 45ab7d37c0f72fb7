import test from 'ava';
import { readDeclaredScanners } from './declared-scanners.ts';
import { readConfig } from './env.ts';
import type { DeclaredScanner } from './declared-scanners.ts';

const least = { name: 'ast-grep', type: 'sast', command: ['ast-grep'], args: ['scan', '{source}'] };

function read(value: unknown): readonly DeclaredScanner[] {
  return readConfig({ DECLARED_SCANNERS: typeof value === 'string' ? value : JSON.stringify(value) }, readDeclaredScanners);
}

test('none are declared by default', (t) => {
  t.deepEqual(readConfig({}, readDeclaredScanners), []);
  t.deepEqual(read([]), []);
});

test('what may be left out has a default', (t) => {
  t.deepEqual(read([least]), [
    { ...least, type: 'sast', image: null, exitCodes: { findings: [] }, timeoutSeconds: null, memoryMb: 2048, versionArgs: null },
  ]);
});

test('everything that is said is taken', (t) => {
  const whole: DeclaredScanner = {
    name: 'checkov.3',
    type: 'sca',
    command: ['python3', '-m', 'checkov'],
    args: [],
    image: 'checkov:3',
    exitCodes: { findings: [1, 2] },
    timeoutSeconds: 60,
    memoryMb: 512,
    versionArgs: ['--version'],
  };
  t.deepEqual(read([whole]), [whole]);
});

for (const [field, value] of [
  ['name', undefined],
  ['name', 'Ast Grep'],
  ['name', 'builtin'],
  ['name', 'cloudscan-sast'],
  ['type', 'dast'],
  ['command', 'ast-grep'],
  ['command', []],
  ['command', ['']],
  ['args', [1]],
  ['args', undefined],
  ['image', ''],
  ['exitCodes', { findings: [0] }],
  ['exitCodes', { success: [1] }],
  ['timeoutSeconds', 0],
  ['memoryMb', 1.5],
  ['versionArgs', '--version'],
  ['arguments', []],
] as const) {
  test(`a problem names its entry and field: ${field} ${JSON.stringify(value)}`, (t) => {
    const { message } = t.throws(() =>
      read([
        { ...least, name: 'other' },
        { ...least, [field]: value },
      ]),
    )!;
    t.true(message.startsWith(`DECLARED_SCANNERS[1].${field} is `), message);
    t.is(message.split('\n').length, 1);
  });
}

test('every problem is told at once, and a name is given once', (t) => {
  const { message } = t.throws(() => read([{ ...least, args: 3, memoryMb: 'much' }, least, 7]))!;
  t.deepEqual(
    message.split('\n').map((line) => line.split(' ')[0]),
    [
      'DECLARED_SCANNERS[0].args',
      'DECLARED_SCANNERS[0].memoryMb',
      'DECLARED_SCANNERS[2]',
      ...['name', 'type', 'command', 'args'].map((key) => `DECLARED_SCANNERS[2].${key}`),
      'DECLARED_SCANNERS[1].name',
    ],
  );
});

test('what is not a JSON array is refused', (t) => {
  for (const text of ['ast-grep', '{}', '[']) t.throws(() => read(text), { message: /^DECLARED_SCANNERS is not a JSON array/ });
});
