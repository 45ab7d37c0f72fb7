import test from 'ava';
import { Outage } from './outage.ts';

class Time {
  now = 0;
  readonly outage = new Outage(() => this.now);

  fail(times: number): number {
    let pause = 0;
    for (let failure = 0; failure < times; failure += 1) pause = this.outage.failed();
    return pause;
  }
}

test('a failure among successes holds nothing back', (t) => {
  const { outage } = new Time();
  for (let round = 0; round < 100; round += 1) {
    const pause = outage.failed();
    t.true(pause >= 500 && pause <= 1000);
    t.is(outage.allow(8), 8);
    outage.succeeded();
  }
});

test('after failures in a row one message is tried at a time, until one succeeds', (t) => {
  const time = new Time();
  time.fail(5);
  t.is(time.outage.allow(8), 0);
  t.is(time.outage.waitMs, 1000);
  time.now = 1000;
  t.is(time.outage.allow(8), 1);
  t.is(time.outage.allow(8), 0, 'a probe is under way');
  time.outage.succeeded();
  t.is(time.outage.allow(8), 8);
});

test('pauses grow with the outage, up to half a minute', (t) => {
  const time = new Time();
  time.fail(5);
  for (const [now, pause] of [
    [8000, 2000],
    [60_000, 15_000],
    [3_600_000, 30_000],
  ] as const) {
    time.now = now;
    const own = time.fail(1);
    t.is(time.outage.waitMs, pause);
    t.true(own >= pause / 2 && own <= pause);
  }
});

test('a new message is tried soon, but not each of many', (t) => {
  const time = new Time();
  time.fail(5);
  time.now = 100_000;
  time.fail(1);
  time.outage.probe();
  t.is(time.outage.allow(8), 1);
  time.fail(1);
  time.outage.probe();
  t.is(time.outage.allow(8), 0);
  time.now += 250;
  t.is(time.outage.allow(8), 1);
});
