import test from 'ava';
import { sideBySide } from './side-by-side.ts';

test('answers in the order of the items, and works on so many at a time', async (t) => {
  let running = 0;
  let most = 0;
  const results = await sideBySide([3, 1, 2, 5, 4], 2, async (item) => {
    most = Math.max(most, (running += 1));
    for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
    running -= 1;
    return item * 10;
  });
  t.deepEqual(results, [30, 10, 20, 50, 40]);
  t.is(most, 2);
});

test('the first error ends it', async (t) => {
  const done: number[] = [];
  await t.throwsAsync(
    sideBySide([1, 2, 3, 4], 1, async (item) => {
      if (item === 2) throw new Error('no');
      done.push(item);
    }),
    { message: 'no' },
  );
  t.deepEqual(done, [1]);
});
