import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readConfig } from '@cloudscan/config';
import { PgLocalJobRepository } from '@cloudscan/repositories';
import { silentLogger } from '@cloudscan/telemetry';
import { testDatabase } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import { createJobDispatcher } from '../src/create-job-dispatcher.ts';
import type { JobPlatform } from '../src/create-job-dispatcher.ts';
import { readJobDispatchConfig } from '../src/config.ts';
import { simulate } from './cluster/cluster-jobs.ts';
import { aJobSpec } from './jobs.ts';

async function platformOf(t: Teardown, env: Readonly<Record<string, string>>): Promise<JobPlatform> {
  const { database, config } = await testDatabase(t);
  const clock = { now: () => new Date() };
  const parts = { localJobs: new PgLocalJobRepository(database), clock, database: config, log: silentLogger, actor: 'test' };
  const platform = await createJobDispatcher(
    readConfig(env, (reader) => readJobDispatchConfig(reader, ['true'])),
    parts,
  );
  t.teardown(() => platform.stop());
  return platform;
}

test('this machine is prepared by making the work folder, and preempts its runs where it is told to', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'cloudscan-platform-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  const folder = join(parent, 'work');
  const { jobs, prepare, preempt } = await platformOf(t, { LOCAL_WORK_DIR: folder });
  t.is(jobs.kind, 'local');
  t.is(preempt, null);
  await prepare();
  await t.notThrowsAsync(access(folder));
  const ending = await platformOf(t, { LOCAL_WORK_DIR: folder, LOCAL_STOP_RUNS_ON_EXIT: 'true' });
  await t.notThrowsAsync(ending.preempt!());
});

test('a cluster is asked whether it takes Jobs, and is let go of with its watch', async (t) => {
  const { jobs, simulator } = await simulate(t);
  const platform = await platformOf(t, {
    JOB_DISPATCHER: 'kubernetes',
    KUBE_CONFIG: jobs.cluster.kubeconfigPath,
    ORCHESTRATOR_ENDPOINT: 'api:9999',
    RUNNER_IMAGE: 'runner:1',
  });
  t.is(platform.jobs.kind, 'kubernetes');
  t.is(platform.preempt, null);
  await platform.prepare();
  t.is(simulator.requests.get('create jobs'), 1);
  t.deepEqual(await jobs.list('jobs'), []);
  await platform.jobs.watch(() => undefined);
  for (const _again of [1, 2]) await platform.stop();
  await t.throwsAsync(platform.jobs.create(aJobSpec()), { code: 'unavailable' });
});

test('a watch that waits for a cluster ends with the process', async (t) => {
  const { jobs, simulator } = await simulate(t);
  simulator.faults.add({ effect: { kind: 'status', code: 503 } });
  const { jobs: dispatcher, stop } = jobs.platform();
  const watch = dispatcher.watch(() => undefined);
  await stop();
  await t.throwsAsync(watch);
});
