import { readdir, readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { eventually, testDatabaseServer } from '@cloudscan/testing';
import { aJobSpec, reaches, shell, statusOf } from './jobs.ts';
import { localJobsFixture } from './local-jobs.ts';

test('a runner that ends with 0 has succeeded, and its record says when and with which last words', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('echo hello'));
  const spec = aJobSpec();
  const { jobName, namespace } = await dispatcher.create(spec);
  t.is(namespace, 'local');
  const status = await reaches(dispatcher, jobName, 'succeeded', 'failed');
  t.like(status, {
    jobName,
    namespace: 'local',
    scanId: spec.scanId,
    organizationId: spec.organizationId,
    attempt: 1,
    phase: 'succeeded',
    reason: null,
    evidence: { exitCode: 0, logTail: 'hello\n' },
  });
  t.true(status.createdAt <= status.startedAt! && status.startedAt! <= status.endedAt!);
});

test('a runner that ends otherwise has failed, with its exit code or signal and its log as evidence', async (t) => {
  const fixture = await localJobsFixture(t);
  const crash = fixture.dispatcher(shell('echo before; echo oh >&2; exit 1'));
  const crashed = await crash.create(aJobSpec());
  const killed = await fixture.dispatcher(shell('kill -9 $$')).create(aJobSpec());
  const missing = await fixture.dispatcher(['/nonexistent/runner']).create(aJobSpec());
  t.like(await reaches(crash, crashed.jobName, 'failed'), { reason: 'internal', evidence: { exitCode: 1, logTail: 'before\noh\n' } });
  t.like(await reaches(crash, killed.jobName, 'failed'), { reason: 'runner_lost', evidence: { signal: 'SIGKILL' } });
  t.like(await reaches(crash, missing.jobName, 'failed'), { reason: 'internal', evidence: { exitCode: 127 } });
});

test('a run that needs more memory than it may is killed, also when a scanner in a group of its own needs it', async (t) => {
  const fixture = await localJobsFixture(t);
  const eater = `"${process.execPath}" -e "const kept = []; setInterval(() => kept.push(Buffer.alloc(2e7, 1)), 5)"`;
  const dispatcher = fixture.dispatcher(shell(`setsid ${eater}; echo survived`), { limits: { memoryBytes: 300 * 2 ** 20, pollMs: 20 } });
  const { jobName } = await dispatcher.create(aJobSpec());
  t.like(await reaches(dispatcher, jobName, 'failed', 'succeeded'), { reason: 'oom_killed', evidence: { condition: 'OOMKilled' } });
  t.deepEqual(await fixture.processesOf(jobName), []);
});

test('a run over its deadline is asked to end, then killed with all that it started', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('trap "" TERM; setsid sleep 600 & while true; do sleep 1; done'), {
    limits: { deadlineMs: 300, graceMs: 100 },
  });
  const { jobName } = await dispatcher.create(aJobSpec());
  const status = await reaches(dispatcher, jobName, 'failed');
  t.like(status, { reason: 'deadline_exceeded', evidence: { condition: 'DeadlineExceeded', signal: 'SIGKILL' } });
  t.deepEqual(await fixture.processesOf(jobName), []);
});

test('what a runner leaves running when it ends is stopped', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('setsid sleep 600 & sleep 600 & exit 0'));
  const { jobName } = await dispatcher.create(aJobSpec());
  await reaches(dispatcher, jobName, 'succeeded');
  t.deepEqual(await fixture.processesOf(jobName), []);
});

test('a runner knows its scan and nothing of the database; nobody else can read the password either', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('env; pwd; umask; sleep 600'));
  const spec = aJobSpec({ attempt: 3 });
  const { jobName } = await dispatcher.create(spec);
  const { supervisor } = await fixture.running(dispatcher, jobName);
  await fixture.logHolds(dispatcher, jobName, 'SCAN_ATTEMPT=3');
  const log = await dispatcher.logs(jobName, 10_000);
  t.true(log.includes(`SCAN_ID=${spec.scanId}\n`));
  t.true(log.includes(`WORK_DIR=${fixture.workRoot}/${jobName}/work\n`));
  t.notRegex(log, /^(DB_|PG)/m);
  const password = fixture.testDatabase.config.password.reveal();
  t.true(password.length > 5);
  const known = [
    log,
    await readFile(`/proc/${supervisor!.pid}/cmdline`, 'utf8'),
    await readFile(`/proc/${supervisor!.pid}/environ`, 'utf8'),
  ];
  for (const text of known) t.false(text.includes(password));
});

test('the log is bounded, its tail redacted, and empty for a Job that is not there', async (t) => {
  const fixture = await localJobsFixture(t);
  const script =
    'i=0; while [ $i -lt 3000 ]; do echo "0123456789 line $i"; i=$((i+1)); done; while :; do echo password=hunter2hunter2; sleep 1; done';
  const dispatcher = fixture.dispatcher(shell(script), { limits: { logBytes: 20_000, pollMs: 20 } });
  const { jobName } = await dispatcher.create(aJobSpec());
  await fixture.logHolds(dispatcher, jobName, 'password=');
  const tail = await dispatcher.logs(jobName, 300);
  t.true(Buffer.byteLength(tail) <= 300);
  t.false(tail.includes('hunter2'));
  t.is(await dispatcher.logs('scan-01890000-0000-7000-8000-000000000001-1', 100), '');
});

test('creating a Job again, and five times at once, runs one runner', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatchers = Array.from({ length: 5 }, () => fixture.dispatcher(shell(`echo ran >> "${fixture.workRoot}/runs"`)));
  const spec = aJobSpec();
  const handles = await Promise.all(dispatchers.map((dispatcher) => dispatcher.create(spec)));
  t.is(new Set(handles.map(({ jobName }) => jobName)).size, 1);
  const { jobName } = handles[0]!;
  await reaches(dispatchers[0]!, jobName, 'succeeded');
  await dispatchers[1]!.create(spec);
  t.is((await statusOf(dispatchers[2]!, jobName))?.phase, 'succeeded');
  await fixture.supervisorGone(jobName);
  t.is(await readFile(`${fixture.workRoot}/runs`, 'utf8'), 'ran\n');
});

test('a Job whose end is recorded goes at once, with its folder', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('exit 0'));
  const { jobName } = await dispatcher.create(aJobSpec());
  await reaches(dispatcher, jobName, 'succeeded');
  for (const _again of [1, 2]) await dispatcher.retire(jobName);
  t.is(await statusOf(dispatcher, jobName), null);
  t.deepEqual(await readdir(fixture.workRoot), []);
});

test('a watch tells once of each change: that a Job came, changed and went', async (t) => {
  const fixture = await localJobsFixture(t);
  const gate = `${fixture.workRoot}/gate`;
  const dispatcher = fixture.dispatcher(shell(`while [ ! -e "${gate}" ]; do sleep 0.05; done`));
  const told: string[] = [];
  const before = await dispatcher.create(aJobSpec());
  const watch = await dispatcher.watch((jobName) => told.push(jobName));
  t.teardown(() => watch.stop());
  t.deepEqual(told, [before.jobName]);
  const { jobName } = await dispatcher.create(aJobSpec());
  const tellsOf = async (change: string, act: () => Promise<unknown>): Promise<void> => {
    told.length = 0;
    await act();
    await eventually(() => told.includes(jobName), { what: change });
  };
  await tellsOf('its start', () => reaches(dispatcher, jobName, 'running'));
  await reaches(dispatcher, before.jobName, 'running');
  await tellsOf('its end', () => writeFile(gate, ''));
  await reaches(dispatcher, before.jobName, 'succeeded');
  await tellsOf('its removal', () => dispatcher.retire(jobName));
  await eventually(() => watch.silentMs < 20, { what: 'another look' });
  t.deepEqual(
    told.filter((name) => name === jobName),
    [jobName],
  );
  await watch.stop();
});

test('a watch goes on after the database was away, and tells what happened meanwhile', async (t) => {
  const server = await testDatabaseServer(t);
  const fixture = await localJobsFixture(t, server);
  const dispatcher = fixture.dispatcher(shell('exit 0'));
  const told = new Set<string>();
  const watch = await dispatcher.watch((jobName) => told.add(jobName));
  t.teardown(() => watch.stop());
  await server.stopServer();
  await eventually(() => watch.silentMs > 200, { what: 'silence' });
  await t.throwsAsync(
    dispatcher.watch(() => undefined),
    { code: 'unavailable' },
  );
  await server.startServer();
  const { jobName } = await dispatcher.create(aJobSpec());
  await eventually(() => told.has(jobName), { what: 'the news' });
  t.true(watch.silentMs < 10_000);
});

test('a supervisor waits for a database that is away', async (t) => {
  const server = await testDatabaseServer(t);
  const fixture = await localJobsFixture(t, server);
  const gate = `${fixture.workRoot}/gate`;
  const dispatcher = fixture.dispatcher(shell(`while [ ! -e "${gate}" ]; do sleep 0.05; done`));
  const { jobName } = await dispatcher.create(aJobSpec());
  await reaches(dispatcher, jobName, 'running');
  await server.stopServer();
  await writeFile(gate, '');
  await fixture.outcomeWritten(jobName);
  await t.throwsAsync(statusOf(dispatcher, jobName), { code: 'unavailable' });
  await server.startServer();
  t.like(await reaches(dispatcher, jobName, 'succeeded', 'failed'), { phase: 'succeeded', evidence: { exitCode: 0 } });
});
