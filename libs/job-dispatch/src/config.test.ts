import { resolve } from 'node:path';
import test from 'ava';
import { ConfigError, readConfig } from '@cloudscan/config';
import type { Environment } from '@cloudscan/config';
import { readJobDispatchConfig } from './config.ts';
import type { JobDispatchConfig } from './config.ts';

const runnerCommand = ['node', 'runner.js'];

function read(env: Environment): JobDispatchConfig {
  return readConfig(env, (reader) => readJobDispatchConfig(reader, runnerCommand));
}

function readLocal(env: Environment): Extract<JobDispatchConfig, { kind: 'local' }> {
  const config = read(env);
  if (config.kind !== 'local') throw new Error(config.kind);
  return config;
}

test('an empty environment dispatches to this machine with its defaults', (t) => {
  const config = readLocal({});
  t.is(config.maxAttempts, 2);
  t.deepEqual(config.local.command, runnerCommand);
  t.is(config.local.workRoot, resolve('.cloudscan/work'));
  t.is(config.local.stopRunsOnExit, false);
  t.like(config.local.limits, { memoryBytes: 2 ** 32, deadlineMs: 3_600_000, graceMs: 10_000 });
  t.like(config.runner, { orchestrator: { host: '127.0.0.1', port: 9999 }, storage: { host: '127.0.0.1', port: 8082 } });
});

test('a command is given as words or as a JSON array', (t) => {
  t.deepEqual(readLocal({ RUNNER_COMMAND: 'node  runner.js' }).local.command, ['node', 'runner.js']);
  t.deepEqual(readLocal({ RUNNER_COMMAND: '["/a b/node","x"]' }).local.command, ['/a b/node', 'x']);
});

test('runners get their surroundings, the settings of scanners and what is named, and no credential of the system', (t) => {
  const env = { PATH: '/bin', DB_PASSWORD: 'x', ADVISORY_SOURCE: '/osv', EXTRA: '1', OTHER: '2', RUNNER_PASS_ENV: 'EXTRA, ABSENT' };
  t.deepEqual(readLocal(env).local.environment, { PATH: '/bin', ADVISORY_SOURCE: '/osv', EXTRA: '1' });
});

const wrong: readonly (readonly [Environment, string])[] = [
  [{ JOB_DISPATCHER: 'docker' }, 'JOB_DISPATCHER is "docker"; set it to one of local, kubernetes'],
  [{ RUNNER_COMMAND: '[1]' }, 'RUNNER_COMMAND is not an array of strings'],
  [{ RUNNER_COMMAND: '[' }, 'RUNNER_COMMAND is not an array of strings'],
  [{ RUNNER_LIMITS_MEMORY: '2 gigabytes' }, 'RUNNER_LIMITS_MEMORY is "2 gigabytes"; set it to a quantity such as 2Gi or 512Mi'],
  [{ RUNNER_PASS_ENV: 'DB_PASSWORD' }, 'RUNNER_PASS_ENV names DB_PASSWORD'],
  [{ RUNNER_PASS_ENV: 'PGPASSFILE' }, 'RUNNER_PASS_ENV names PGPASSFILE'],
  [{ ORCHESTRATOR_ENDPOINT: 'nowhere' }, 'ORCHESTRATOR_ENDPOINT is "nowhere"; set it to host:port'],
  [{ JOB_DEADLINE_SECONDS: '19' }, 'JOB_DEADLINE_SECONDS is "19"; set it to a whole number from 20'],
  [{ JOB_BACKOFF_LIMIT: '-1' }, 'JOB_BACKOFF_LIMIT is "-1"'],
];
for (const [env, message] of wrong) {
  test(`refuses ${JSON.stringify(env)} by name`, (t) => {
    const error = t.throws(() => read(env), { instanceOf: ConfigError });
    t.true(error.message.startsWith(message), error.message);
  });
}
