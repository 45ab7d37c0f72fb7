import test from 'ava';
import type { TestFn } from 'ava';
import { requires } from './requires.ts';

const names = ['PATH', 'REQUIRE_SERVICES', 'DOCKER_HOST'] as const;
const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
test.beforeEach(() => {
  process.env['PATH'] = '/nowhere';
  delete process.env['REQUIRE_SERVICES'];
});
test.after.always(() => Object.assign(process.env, before));

/** Stands in for ava's `test` and records what is registered. */
function recorder() {
  const registered: string[] = [];
  let run: (t: unknown) => void = () => undefined;
  const declare = (title: string, implementation: typeof run): void => {
    registered.push(`test: ${title}`);
    run = implementation;
  };
  const skip = (title: string): void => void registered.push(`skip: ${title}`);
  return { registered, test: Object.assign(declare, { skip, serial: declare }) as unknown as TestFn, run: (t: unknown) => run(t) };
}

test.serial('gives the test itself where everything is there', (t) => {
  process.env['PATH'] = before['PATH'];
  const recorded = recorder();
  t.is(requires(recorded.test, 'git'), recorded.test);
});

test.serial('skips by name and reason what the machine lacks', (t) => {
  const recorded = recorder();
  requires(recorded.test, 'git').serial('clones', () => undefined);
  t.deepEqual(recorded.registered, ['skip: clones [no git on PATH]']);
});

for (const value of ['git', 'redis, git', 'all']) {
  test.serial(`fails what the machine lacks when REQUIRE_SERVICES is "${value}"`, (t) => {
    process.env['REQUIRE_SERVICES'] = value;
    const recorded = recorder();
    requires(recorded.test, 'git')('clones', () => undefined);
    t.deepEqual(recorded.registered, ['test: clones [no git on PATH]']);
    const failures: string[] = [];
    recorded.run({ fail: (message: string) => failures.push(message) });
    t.deepEqual(failures, ['REQUIRE_SERVICES asks for it: no git on PATH']);
  });
}
