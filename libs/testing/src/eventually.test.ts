import test from 'ava';
import { eventually } from './eventually.ts';

test('returns what the check returns once that is truthy', async (t) => {
  let looks = 0;
  t.is(await eventually(() => (looks += 1) === 3 && 'there', { intervalMs: 1 }), 'there');
  t.is(looks, 3);
});

test('goes on after an error of the check, and has the last one as cause', async (t) => {
  const error = await t.throwsAsync(
    eventually(
      () => {
        throw new Error('refused');
      },
      { timeoutMs: 5, intervalMs: 1, what: 'the server' },
    ),
    { message: 'the server did not come within 5 ms' },
  );
  t.is((error.cause as Error).message, 'refused');
});

test('shows what it saw last', async (t) => {
  await t.throwsAsync(
    eventually(() => 0, { timeoutMs: 5, intervalMs: 1 }),
    { message: /last seen: 0/ },
  );
});
