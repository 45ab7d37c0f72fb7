import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { systemScope } from '@cloudscan/auth';
import { identifyProcess, isRunning } from '@cloudscan/process';
import { eventually, newId } from '@cloudscan/testing';
import { aJobSpec, listed, reaches, shell, statusOf } from './jobs.ts';
import { localJobsFixture } from './local-jobs.ts';

const scope = systemScope('test');
/** A runner with a scanner in a process group of its own. */
const busy = shell('setsid sleep 600 & sleep 600');

test('a supervisor that is killed takes its run along: nothing of it runs, and it was lost', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(busy);
  const { jobName } = await dispatcher.create(aJobSpec());
  const { supervisor } = await fixture.running(dispatcher, jobName);
  await eventually(async () => (await fixture.processesOf(jobName)).length === 3);
  process.kill(supervisor!.pid, 'SIGKILL');
  const statuses = await eventually(async () => {
    const found = await listed(dispatcher);
    return found[0]?.phase === 'failed' ? found : null;
  });
  t.like(statuses[0], { jobName, reason: 'runner_lost', evidence: { condition: 'SupervisorLost' } });
  t.deepEqual(await fixture.processesOf(jobName), []);
});

test('a runner that is killed was lost, and its scanners go with it', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(busy);
  const { jobName } = await dispatcher.create(aJobSpec());
  const { runner } = await fixture.running(dispatcher, jobName);
  await eventually(async () => (await fixture.processesOf(jobName)).length === 3);
  process.kill(runner!.pid, 'SIGKILL');
  t.like(await reaches(dispatcher, jobName, 'failed'), { reason: 'runner_lost', evidence: { signal: 'SIGKILL' } });
  t.deepEqual(await fixture.processesOf(jobName), []);
});

test('an end that its supervisor could not record is found in the folder, whether that still tries or not', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(busy);
  const supervisor = spawn('sleep', ['600']);
  for (const mark of [{ pid: 2 ** 22 - 1, startedAt: 'long ago' }, identifyProcess(supervisor.pid!)!]) {
    const { jobName } = await fixture.insert(aJobSpec());
    await fixture.jobs.claim(scope, jobName, mark);
    await mkdir(fixture.workDirOf(jobName));
    const end = { phase: 'succeeded', exitCode: 0, signal: null, condition: null, logTail: 'bye', at: new Date(5000) };
    await writeFile(join(fixture.workDirOf(jobName), 'outcome.json'), JSON.stringify(end));
    const status = await statusOf(dispatcher, jobName);
    t.like(status, { phase: 'succeeded', reason: null, evidence: { exitCode: 0, logTail: 'bye' }, endedAt: new Date(5000) });
    const gone = mark.pid === supervisor.pid ? once(supervisor, 'exit') : null;
    await dispatcher.delete(jobName);
    await gone;
    t.false(isRunning(mark));
  }
});

test('a Job whose dispatcher was killed before it had a supervisor waits for the next try, and is lost after a while', async (t) => {
  const fixture = await localJobsFixture(t);
  const spec = aJobSpec();
  const { jobName } = await fixture.insert(spec);
  const dispatcher = fixture.dispatcher(shell('exit 0'));
  t.is((await statusOf(dispatcher, jobName))?.phase, 'pending');
  await dispatcher.create(spec);
  t.is((await reaches(dispatcher, jobName, 'succeeded', 'failed')).phase, 'succeeded');

  const abandoned = await fixture.insert(aJobSpec());
  const impatient = fixture.dispatcher(shell('exit 0'), { launchGraceMs: 0 });
  t.like(await statusOf(impatient, abandoned.jobName), { phase: 'failed', reason: 'runner_lost', evidence: { condition: 'NeverStarted' } });
});

test('a Job whose dispatcher was killed before it had told the supervisor what to do is lost', async (t) => {
  const fixture = await localJobsFixture(t);
  const { jobName } = await fixture.insert(aJobSpec());
  const supervisor = spawn('sleep', ['600']);
  t.true(await fixture.jobs.claim(scope, jobName, identifyProcess(supervisor.pid!)!));
  const dispatcher = fixture.dispatcher(busy);
  t.is((await statusOf(dispatcher, jobName))?.phase, 'pending');
  supervisor.kill('SIGKILL');
  await once(supervisor, 'exit');
  t.like(await statusOf(dispatcher, jobName), { phase: 'failed', reason: 'runner_lost' });
});

test('another process that got a recorded number is neither taken for the run nor touched', async (t) => {
  const fixture = await localJobsFixture(t);
  const bystander = spawn('sleep', ['600'], { detached: true });
  t.teardown(() => bystander.kill('SIGKILL'));
  const identity = identifyProcess(bystander.pid!)!;
  const former = { pid: identity.pid, startedAt: 'long ago' };
  const { jobName } = await fixture.insert(aJobSpec());
  await fixture.jobs.claim(scope, jobName, former);
  await fixture.jobs.start(scope, jobName, former, former, new Date());
  const dispatcher = fixture.dispatcher(busy);
  t.like(await statusOf(dispatcher, jobName), { phase: 'failed', reason: 'runner_lost' });
  await dispatcher.delete(jobName);
  t.true(isRunning(identity));
});

test('cancelling stops a Job in every phase, and it never starts afterwards', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(busy);

  const spec = aJobSpec();
  const pending = await fixture.insert(spec);
  await dispatcher.cancel(pending.jobName);
  t.like(await statusOf(dispatcher, pending.jobName), { phase: 'failed', reason: 'cancelled' });
  await dispatcher.create(spec);
  t.is((await statusOf(dispatcher, pending.jobName))?.phase, 'failed');

  const starting = await dispatcher.create(aJobSpec());
  await dispatcher.cancel(starting.jobName);
  t.like(await statusOf(dispatcher, starting.jobName), { phase: 'failed', reason: 'cancelled' });
  t.deepEqual(await fixture.processesOf(starting.jobName), []);

  const running = await dispatcher.create(aJobSpec());
  await reaches(dispatcher, running.jobName, 'running');
  await dispatcher.cancel(running.jobName);
  t.like(await statusOf(dispatcher, running.jobName), { phase: 'failed', reason: 'cancelled' });
  t.deepEqual(await fixture.processesOf(running.jobName), []);

  const quick = fixture.dispatcher(shell('exit 0'));
  const ended = await quick.create(aJobSpec());
  await reaches(quick, ended.jobName, 'succeeded');
  await quick.cancel(ended.jobName);
  t.is((await statusOf(quick, ended.jobName))?.phase, 'succeeded');

  await t.notThrowsAsync(dispatcher.cancel(`scan-${newId()}-1`));
});

test('a Job is cancelled even when neither its runner nor its supervisor listens', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('trap "" TERM; while true; do sleep 1; done'), { limits: { graceMs: 50 } });
  const { jobName } = await dispatcher.create(aJobSpec());
  const { supervisor } = await fixture.running(dispatcher, jobName);
  process.kill(supervisor!.pid, 'SIGSTOP');
  await dispatcher.cancel(jobName);
  t.like(await statusOf(dispatcher, jobName), { phase: 'failed', reason: 'cancelled' });
  t.deepEqual(await fixture.processesOf(jobName), []);
});

test('a machine that stops preempts its runs', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(busy);
  const names = await Promise.all([1, 2].map(async () => (await dispatcher.create(aJobSpec())).jobName));
  for (const jobName of names) await reaches(dispatcher, jobName, 'running');
  await dispatcher.preemptAll();
  for (const jobName of names) {
    t.like(await statusOf(dispatcher, jobName), { phase: 'failed', reason: 'preempted' });
    t.deepEqual(await fixture.processesOf(jobName), []);
  }
});

test('deleting leaves no process, no folder and no record, whatever the phase, and may be done again', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('mkdir -p sealed/inner && chmod 0 sealed; setsid sleep 600 & sleep 600'));
  const pending = await fixture.insert(aJobSpec());
  const running = await dispatcher.create(aJobSpec());
  await reaches(dispatcher, running.jobName, 'running');
  for (const { jobName } of [pending, running, running]) {
    await dispatcher.delete(jobName);
    t.is(await statusOf(dispatcher, jobName), null);
    t.deepEqual(await fixture.processesOf(jobName), []);
  }
  t.deepEqual(await readdir(fixture.workRoot), []);
});

test('an orphaned folder goes, with what works in it, and nothing else', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('exit 0'));
  const { jobName } = await dispatcher.create(aJobSpec());
  await reaches(dispatcher, jobName, 'succeeded');
  const orphan = `scan-${newId()}-2`;
  await mkdir(fixture.workDirOf(orphan));
  await mkdir(join(fixture.workRoot, 'not-a-run'));
  const worker = spawn('sleep', ['600'], { cwd: fixture.workDirOf(orphan), detached: true });
  const ended = once(worker, 'exit');
  t.is(await dispatcher.removeOrphans(), 1);
  await ended;
  t.deepEqual(await readdir(fixture.workRoot), ['not-a-run', jobName].toSorted());
});

test('starting and deleting Jobs at random moments leaves nothing behind', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('setsid sleep 600 & sleep 0.$(($$ % 5)); exit 0'));
  await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const spec = aJobSpec();
      const created = dispatcher.create(spec);
      await Promise.all(Array.from({ length: index }, () => fixture.testDatabase.database.ping()));
      await dispatcher.delete(`scan-${spec.scanId}-1`);
      const { jobName } = await created;
      if (index % 2 === 0) await dispatcher.create(spec);
      await dispatcher.delete(jobName);
    }),
  );
  await dispatcher.removeOrphans();
  t.deepEqual(await listed(dispatcher), []);
  t.deepEqual(await readdir(fixture.workRoot), []);
});
