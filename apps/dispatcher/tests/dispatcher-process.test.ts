import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import { isRunning } from '@cloudscan/process';
import { eventually } from '@cloudscan/testing';
import { DispatcherFixture, startProcess } from './fixture.ts';

const scope = systemScope('test');
test('a dispatcher that is killed leaves its runs to their supervisors, and the next one goes on', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  const environment = fixture.environment('sleep 600');
  const first = startProcess(t, environment);
  const before = await fixture.queuedScan();
  const job = await fixture.jobs.find(scope, await fixture.dispatched(before.id));
  first.kill('SIGKILL');
  await once(first, 'exit');
  const after = await fixture.queuedScan();
  startProcess(t, environment);
  await fixture.dispatched(after.id);
  t.true(isRunning(job!.runner!));
  t.is((await fixture.jobs.find(scope, job!.jobName))?.phase, 'running');
});

test('a dispatcher that is told to take its runs along stops them as preempted before it ends', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  const dispatcher = startProcess(t, fixture.environment('sleep 600', { LOCAL_STOP_RUNS_ON_EXIT: 'true' }));
  const { id } = await fixture.queuedScan();
  const jobName = await fixture.dispatched(id);
  dispatcher.kill('SIGTERM');
  const [exitCode] = (await once(dispatcher, 'exit')) as [number];
  t.is(exitCode, 0);
  t.like(await fixture.jobs.find(scope, jobName), { phase: 'failed', condition: 'Terminated', cancelRequested: false });
});

test('a wrong configuration is named and ends the process with 2', async (t) => {
  const child = startProcess(t, { JOB_DISPATCHER: 'kubernetes', DISPATCHER_CONCURRENCY: '0' });
  let output = '';
  child.stderr!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [exitCode] = (await once(child, 'close')) as [number];
  t.is(exitCode, 2);
  t.regex(output, /RUNNER_IMAGE is not set; set it to the image of the runner/);
  t.regex(output, /DISPATCHER_CONCURRENCY is "0"; set it to a whole number from 1 to 1000/);
});

test('a work folder that cannot be made ends the process before it takes a message', async (t) => {
  const fixture = await DispatcherFixture.create(t);
  await writeFile(`${fixture.workRoot}/taken`, '');
  const child = startProcess(t, fixture.environment('exit 0', { LOCAL_WORK_DIR: `${fixture.workRoot}/taken/work` }));
  await once(child, 'close');
  t.is(child.exitCode, 1);
});

test('a database that is not there ends the process with one sentence', async (t) => {
  const child = startProcess(t, { DB_HOST: '127.0.0.1', DB_PORT: '1' });
  let output = '';
  child.stderr!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  t.is(child.exitCode, 1);
  await eventually(() => output.includes('the database is not available'));
});
