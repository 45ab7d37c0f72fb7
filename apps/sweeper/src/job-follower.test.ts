import { unavailable } from '@cloudscan/domain';
import type { JobStatus, Sightings, SweepReport } from '@cloudscan/orchestration';
import { eventually } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import test from 'ava';
import { JobFollower } from './job-follower.ts';
import type { JobFollowerOptions } from './job-follower.ts';

const done: SweepReport = { redispatched: 0, ended: 0, removed: 0, again: new Map(), errors: [] };

/** A platform whose changes a test tells, and the looks that follow. */
class Platform {
  readonly looks: (readonly string[])[] = [];
  readonly seen: Sightings[] = [];
  readonly lags: number[] = [];
  readonly errors: unknown[] = [];
  mayAct = true;
  isWatched = false;
  look: (jobNames: readonly string[]) => Promise<SweepReport> = async () => done;
  watch: JobFollowerOptions['jobs']['watch'] = async (onChange) => {
    this.changed = (jobName, seen = null) => onChange(jobName, seen);
    this.isWatched = true;
    return { silentMs: 7, stop: async () => void (this.isWatched = false) };
  };
  changed: (jobName: string, seen?: JobStatus | null) => void = () => undefined;
  readonly follower = new JobFollower({
    jobs: { watch: (onChange) => this.watch(onChange) },
    runFor: (jobNames, seen) => {
      this.looks.push(jobNames);
      this.seen.push(seen);
      return this.look(jobNames);
    },
    mayAct: () => this.mayAct,
    onWatching: () => undefined,
    onReport: (_report, lagsMs) => this.lags.push(...lagsMs),
    onError: (error) => this.errors.push(error),
  });

  static async followed(t: Teardown): Promise<Platform> {
    const platform = new Platform();
    platform.follower.start(Promise.resolve());
    t.teardown(async () => void (await platform.follower.stop()));
    await eventually(() => platform.follower.isWatching);
    return platform;
  }
}

test('changes that come together are looked at together, each Job once and no more than a hundred at a time', async (t) => {
  const platform = await Platform.followed(t);
  for (let count = 0; count < 150; count += 1) platform.changed(`job-${count % 120}`);
  await eventually(() => platform.lags.length === 120);
  t.deepEqual(platform.looks.flat().toSorted(), Array.from({ length: 120 }, (_, index) => `job-${index}`).toSorted());
  t.true(platform.looks.every((names) => names.length <= 100));
  t.true(platform.looks.length < 12);
  t.true(platform.lags.every((lagMs) => lagMs > 0));
  t.is(platform.follower.silentMs, 7);
});

test('a Job that changes while it is looked at is looked at again, after that', async (t) => {
  const platform = await Platform.followed(t);
  const first = Promise.withResolvers<SweepReport>();
  platform.look = () => first.promise;
  platform.changed('job');
  await eventually(() => platform.looks.length === 1);
  platform.look = async () => done;
  platform.changed('job');
  platform.changed('other');
  await eventually(() => platform.looks.length === 2);
  t.deepEqual(platform.looks[1], ['other']);
  first.resolve(done);
  await eventually(() => platform.looks.length === 3);
  t.deepEqual(platform.looks[2], ['job']);
});

test('what a report or a survey names is looked at when it is due, and a change comes before that', async (t) => {
  const platform = await Platform.followed(t);
  platform.look = async () => (platform.looks.length === 1 ? { ...done, again: new Map([['job', 100]]) } : done);
  platform.follower.schedule(
    new Map([
      ['job', 0],
      ['much later', 3_600_000],
    ]),
  );
  await eventually(() => platform.looks.length === 2);
  t.deepEqual(platform.looks, [['job'], ['job']]);
  platform.changed('much later');
  await eventually(() => platform.looks.length === 3);
  t.deepEqual(platform.looks[2], ['much later']);
});

test('a look is given what was seen last of the Jobs that changed, and nothing of the others', async (t) => {
  const platform = await Platform.followed(t);
  const seen = (phase: JobStatus['phase']) => ({ phase }) as JobStatus;
  platform.changed('job', seen('pending'));
  platform.changed('job', seen('running'));
  platform.changed('gone', null);
  platform.follower.schedule(new Map([['due', 40]]));
  await eventually(() => platform.looks.flat().length === 3);
  t.deepEqual(
    new Map(platform.seen.flatMap((sightings) => [...sightings])),
    new Map([
      ['job', seen('running')],
      ['gone', null],
    ]),
  );
});

test('slow looks hold up no other, as long as there are few', async (t) => {
  const platform = await Platform.followed(t);
  const slow = Promise.withResolvers<SweepReport>();
  platform.look = ([name]) => (name!.startsWith('slow') ? slow.promise : Promise.resolve(done));
  for (let count = 1; count <= 3; count += 1) {
    platform.changed(`slow ${count}`);
    await eventually(() => platform.looks.length === count);
  }
  platform.changed('quick');
  await eventually(() => platform.lags.length === 1);
  t.deepEqual(platform.looks.at(-1), ['quick']);
  slow.resolve(done);
});

test('while nothing can be read, all that is due waits together, and nothing of it is lost', async (t) => {
  const platform = await Platform.followed(t);
  platform.look = () => Promise.reject(unavailable('the cluster'));
  for (let count = 0; count < 1000; count += 1) platform.changed(`job-${count}`);
  await eventually(() => platform.errors.length > 0);
  t.is(platform.errors.length, 1, 'looks that fail side by side are one error');
  t.true(platform.looks.length <= 4);
  const read = new Set<string>();
  platform.look = async (jobNames) => {
    for (const jobName of jobNames) read.add(jobName);
    return done;
  };
  await eventually(() => read.size === 1000);
});

test('a process that may not act does not, and catches up once it may', async (t) => {
  const platform = await Platform.followed(t);
  platform.mayAct = false;
  platform.changed('job');
  await t.throwsAsync(eventually(() => platform.looks.length > 0, { timeoutMs: 300 }));
  platform.mayAct = true;
  await eventually(() => platform.looks.length === 1);
});

test('stopping waits for the looks at work, ends the watch and looks at nothing more', async (t) => {
  const platform = await Platform.followed(t);
  const look = Promise.withResolvers<SweepReport>();
  platform.look = () => look.promise;
  platform.changed('job');
  await eventually(() => platform.looks.length === 1);
  let hasStopped = false;
  const stopped = platform.follower.stop().then(() => (hasStopped = true));
  platform.changed('other');
  t.false(hasStopped);
  look.resolve({ ...done, again: new Map([['job', 0]]) });
  await stopped;
  t.false(platform.isWatched);
  await t.throwsAsync(eventually(() => platform.looks.length > 1, { timeoutMs: 200 }));
});

test('a watch that fails is begun again, and one that comes after the stop is stopped at once', async (t) => {
  const platform = new Platform();
  const watch = platform.watch;
  const late = Promise.withResolvers<void>();
  let tries = 0;
  platform.watch = async (onChange) => {
    tries += 1;
    if (tries === 1) throw unavailable('the cluster');
    await late.promise;
    return watch(onChange);
  };
  platform.follower.start(Promise.resolve());
  await eventually(() => tries === 2);
  t.is(platform.errors.length, 1);
  t.is(platform.follower.silentMs, null);
  const { watchEnded } = await platform.follower.stop();
  late.resolve();
  await watchEnded;
  t.false(platform.isWatched);
});
