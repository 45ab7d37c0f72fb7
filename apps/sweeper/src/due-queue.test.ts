import test from 'ava';
import { DueQueue } from './due-queue.ts';

test('a name waits once, for the earlier of its moments', (t) => {
  const queue = new DueQueue();
  queue.add('a', 100);
  queue.add('a', 50);
  queue.add('a', 200);
  t.is(queue.nextAt, 50);
  t.deepEqual(queue.take(49, 10), []);
  t.deepEqual(queue.take(50, 10), ['a']);
  t.is(queue.nextAt, Infinity);
});

test('what is due is handed out up to the limit, and the rest after that', (t) => {
  const queue = new DueQueue();
  for (const name of ['a', 'b', 'c']) queue.add(name, 1);
  queue.add('later', 2);
  t.deepEqual([queue.take(1, 2), queue.take(1, 2), queue.take(1, 2)], [['a', 'b'], ['c'], []]);
  t.is(queue.nextAt, 2);
});

test('a name that comes again during the look at it waits until that is done', (t) => {
  const queue = new DueQueue();
  queue.add('a', 1);
  queue.take(1, 10);
  queue.add('a', 1);
  t.is(queue.nextAt, Infinity);
  t.deepEqual(queue.take(1, 10), []);
  queue.done(['a']);
  t.is(queue.nextAt, 1);
  t.deepEqual(queue.take(1, 10), ['a']);
});
