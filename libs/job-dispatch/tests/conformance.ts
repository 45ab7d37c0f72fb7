import test from 'ava';
import { jobNameOf } from '@cloudscan/domain';
import type { JobDispatcher } from '@cloudscan/orchestration';
import { eventually, newId } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import { aJobSpec, listed, reaches, statusOf } from './jobs.ts';

export interface ConformancePlatform {
  /** Whose runners run this shell script. Two of one platform see the same Jobs. */
  dispatcher(script: string, limits?: ConformanceLimits): JobDispatcher;
}

export interface ConformanceLimits {
  readonly deadlineSeconds?: number;
  readonly memoryMebibytes?: number;
}

/** What every JobDispatcher does, whatever it runs its Jobs on. */
export function testJobDispatcher(open: (t: Teardown) => Promise<ConformancePlatform>): void {
  test('a runner that ends with 0 has succeeded, and its status says which attempt it was and when', async (t) => {
    const dispatcher = (await open(t)).dispatcher('exit 0');
    const spec = aJobSpec({ attempt: 2 });
    const { jobName, namespace } = await dispatcher.create(spec);
    t.is(jobName, jobNameOf(spec.scanId, 2));
    const status = await reaches(dispatcher, jobName, 'succeeded', 'failed');
    const { scanId, organizationId } = spec;
    t.like(status, { jobName, namespace, scanId, organizationId, attempt: 2, phase: 'succeeded', reason: null, blockage: null });
    t.is(status.evidence?.exitCode, 0);
    t.true(status.createdAt <= status.startedAt! && status.startedAt! <= status.endedAt!);
  });

  test('a runner that ends otherwise has failed, for the reason that its exit code or signal means', async (t) => {
    const platform = await open(t);
    const ends = [
      { script: 'exit 3', reason: 'tool_error', exitCode: 3 },
      { script: 'exit 5', reason: 'runner_lost', exitCode: 5 },
      { script: 'exit 1', reason: 'internal', exitCode: 1 },
      // Of a child: in a container the first process gets no signal from itself.
      { script: "sh -c 'kill -TERM $$'; exit $?", reason: 'preempted', exitCode: 143 },
      { script: "sh -c 'kill -KILL $$'; exit $?", reason: 'runner_lost', exitCode: 137 },
    ];
    await Promise.all(
      ends.map(async ({ script, reason, exitCode }) => {
        const dispatcher = platform.dispatcher(script);
        const { jobName } = await dispatcher.create(aJobSpec());
        t.like(await reaches(dispatcher, jobName, 'failed', 'succeeded'), { phase: 'failed', reason, evidence: { exitCode } }, script);
      }),
    );
  });

  test('a runner is told of its scan', async (t) => {
    const dispatcher = (await open(t)).dispatcher('env; touch "$WORK_DIR/x" "$RESULTS_DIR/x" "$TMPDIR/x" && echo writable');
    const source = { artifactId: null, gitUrl: 'https://git.example/a.git', gitBranch: '$(SCAN_ID) $$ $HOME', gitCommit: null };
    const spec = aJobSpec({ source, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
    const { jobName } = await dispatcher.create(spec);
    await reaches(dispatcher, jobName, 'succeeded', 'failed');
    const log = await dispatcher.logs(jobName, 20_000);
    const { scanId, traceparent } = spec;
    const told = { SCAN_ID: scanId, SCAN_ATTEMPT: '1', SCAN_TYPES: 'sast', BRANCH: source.gitBranch, TRACEPARENT: traceparent };
    const lines = [...Object.entries(told).map(([name, value]) => `${name}=${value}`), 'writable'];
    for (const line of lines) t.true(log.split('\n').includes(line), line);
  });

  test('a Job that is made again, by five at once and after its end, is one Job', async (t) => {
    const platform = await open(t);
    const dispatchers = Array.from({ length: 5 }, () => platform.dispatcher('exit 0'));
    const spec = aJobSpec();
    const handles = await Promise.all(dispatchers.map((dispatcher) => dispatcher.create(spec)));
    t.is(new Set(handles.map(({ jobName }) => jobName)).size, 1);
    const before = await reaches(dispatchers[0]!, handles[0]!.jobName, 'succeeded', 'failed');
    await dispatchers[1]!.create(spec);
    t.deepEqual(await listed(dispatchers[2]!), [before]);
  });

  test('finds many Jobs at once, and says nothing of those that are not there', async (t) => {
    const dispatcher = (await open(t)).dispatcher('exit 0');
    const names = await Promise.all(Array.from({ length: 6 }, async () => (await dispatcher.create(aJobSpec())).jobName));
    const found = await dispatcher.find([...names, jobNameOf(newId(), 1)]);
    t.deepEqual([...found.keys()].toSorted(), names.toSorted());
    t.deepEqual([...(await dispatcher.find(names.slice(2, 4))).keys()].toSorted(), names.slice(2, 4).toSorted());
    t.deepEqual(await dispatcher.find([]), new Map());
  });

  test('a Job whose end is recorded, or that was deleted, is listed no more; both may be done again, and for no Job at all', async (t) => {
    const platform = await open(t);
    const quick = platform.dispatcher('exit 0');
    const long = platform.dispatcher('sleep 600');
    const retired = await quick.create(aJobSpec());
    const deleted = await long.create(aJobSpec());
    const kept = await long.create(aJobSpec());
    await reaches(quick, retired.jobName, 'succeeded');
    await reaches(long, deleted.jobName, 'running');
    for (const _again of [1, 2]) {
      await quick.retire(retired.jobName);
      await long.delete(deleted.jobName);
    }
    await eventually(async () => (await listed(quick)).length === 1, { what: 'one Job' });
    t.deepEqual(
      (await listed(quick)).map(({ jobName }) => jobName),
      [kept.jobName],
    );
    await eventually(async () => (await statusOf(quick, deleted.jobName)) === null, { what: 'the removal' });
    await quick.retire(jobNameOf(newId(), 1));
    await quick.delete(jobNameOf(newId(), 1));
    t.is(await quick.removeOrphans(), 0);
  });

  test('the last of a log is shown with its secrets hidden; of a Job that is not there, nothing', async (t) => {
    const script = 'i=0; while [ $i -lt 300 ]; do echo "line $i of many"; i=$((i+1)); done; echo password=hunter2hunter2 äöü';
    const dispatcher = (await open(t)).dispatcher(script);
    const { jobName } = await dispatcher.create(aJobSpec());
    await reaches(dispatcher, jobName, 'succeeded', 'failed');
    const tail = await dispatcher.logs(jobName, 200);
    t.true(Buffer.byteLength(tail) <= 200, tail);
    t.true(tail.endsWith('password=[redacted] äöü\n'), tail);
    t.true(tail.includes('line 299 of many'), tail);
    t.is(await dispatcher.logs(jobNameOf(newId(), 1), 200), '');
  });

  test('what is cancelled runs no more, whatever it was doing; an end stays what it was', async (t) => {
    const platform = await open(t);
    const long = platform.dispatcher('sleep 600 & wait');
    const quick = platform.dispatcher('exit 0');
    const starting = await long.create(aJobSpec());
    await long.cancel(starting.jobName);
    t.like(await statusOf(long, starting.jobName), { phase: 'failed', reason: 'cancelled' });
    const running = await long.create(aJobSpec());
    await reaches(long, running.jobName, 'running');
    for (const _again of [1, 2]) await long.cancel(running.jobName);
    t.like(await statusOf(long, running.jobName), { phase: 'failed', reason: 'cancelled' });
    const ended = await quick.create(aJobSpec());
    await reaches(quick, ended.jobName, 'succeeded');
    await quick.cancel(ended.jobName);
    t.like(await statusOf(quick, ended.jobName), { phase: 'succeeded', reason: null });
    await t.notThrowsAsync(long.cancel(jobNameOf(newId(), 1)));
  });

  test('a runner over its deadline is ended, and one that needs more memory than it may', async (t) => {
    const platform = await open(t);
    const slow = platform.dispatcher('sleep 600', { deadlineSeconds: 3 });
    const big = platform.dispatcher('dd if=/dev/zero of=/dev/null bs=300M', { memoryMebibytes: 64 });
    const [late, large] = await Promise.all([slow.create(aJobSpec()), big.create(aJobSpec())]);
    t.like(await reaches(slow, late.jobName, 'failed', 'succeeded'), { reason: 'deadline_exceeded' });
    t.like(await reaches(big, large.jobName, 'failed', 'succeeded'), { reason: 'oom_killed' });
  });

  test('a watch tells that a Job came, changed and went, and knows it from then on', async (t) => {
    const dispatcher = (await open(t)).dispatcher('while [ ! -e "$WORK_DIR/never" ]; do sleep 0.1; done');
    const before = await dispatcher.create(aJobSpec());
    const told = new Set<string>();
    const watch = await dispatcher.watch((jobName) => told.add(jobName));
    try {
      t.deepEqual(
        (await listed(dispatcher)).map(({ jobName }) => jobName),
        [before.jobName],
      );
      const { jobName } = await dispatcher.create(aJobSpec());
      const tells = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
        await eventually(async () => told.has(jobName) && (await holds()), { what });
        told.clear();
      };
      const phase = async () => (await listed(dispatcher)).find((status) => status.jobName === jobName)?.phase;
      await tells('its coming', async () => (await phase()) !== undefined);
      await reaches(dispatcher, jobName, 'running');
      await eventually(async () => (await phase()) === 'running', { what: 'its start in the picture' });
      told.clear();
      await dispatcher.delete(jobName);
      await tells('its going', async () => (await phase()) === undefined);
      t.true(watch.silentMs < 60_000);
    } finally {
      await watch.stop();
    }
  });

  test('answers when it is asked whether it is there', async (t) => {
    await t.notThrowsAsync((await open(t)).dispatcher('exit 0').ping(AbortSignal.timeout(30_000)));
  });
}
