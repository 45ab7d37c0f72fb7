import test from 'ava';
import { FakeClock, realClock } from './clock.ts';

const minute = 60_000;

function after(clock: FakeClock, ms: number): Date {
  return new Date(clock.now().getTime() + ms);
}

test('stops at each time that somebody waits for, in order, also at those that come up on the way', (t) => {
  const clock = new FakeClock();
  const start = clock.now().getTime();
  const seen: number[] = [];
  const note = (): void => void seen.push((clock.now().getTime() - start) / minute);
  clock.at(after(clock, 3 * minute), note);
  clock.at(after(clock, minute), () => {
    note();
    clock.at(after(clock, minute), note);
  });
  clock.advance(10 * minute);
  t.deepEqual(seen, [1, 2, 3]);
  t.is(clock.now().getTime(), start + 10 * minute);
});

test('does not call back what was taken back, nor before its time', (t) => {
  const clock = new FakeClock();
  const takeBack = clock.at(after(clock, minute), () => t.fail());
  clock.at(after(clock, minute + 1), () => t.fail());
  takeBack();
  clock.advance(minute);
  t.pass();
});

test('waits for times further away than a timer of Node.js can', async (t) => {
  const century = new Date(Date.now() + 100 * 365 * 86_400_000);
  const takeBack = realClock.at(century, () => t.fail());
  await new Promise((resolve) => setImmediate(resolve));
  takeBack();
  t.pass();
});
