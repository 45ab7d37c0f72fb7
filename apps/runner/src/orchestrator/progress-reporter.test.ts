import type { Progress } from '@cloudscan/domain';
import test from 'ava';
import { ProgressReporter, steps } from './progress-reporter.ts';

const signal = new AbortController().signal;

function reporter(heartbeatMs: number): { progress: ProgressReporter; sent: Progress[] } {
  const sent: Progress[] = [];
  const progress = new ProgressReporter({ send: async (each) => void sent.push(each), onError: () => undefined, heartbeatMs });
  return { progress, sent };
}

test('sends what is new, and nothing twice before the heartbeat', async (t) => {
  const { progress, sent } = reporter(60_000);
  await progress.runOnce(signal);
  await progress.runOnce(signal);
  progress.set('scan', 0.5, 'half');
  await progress.runOnce(signal);
  t.deepEqual(
    sent.map(({ step, percent, message }) => [step, percent, message]),
    [
      ['download', 0, ''],
      ['scan', 56, 'half'],
    ],
  );
});

test('a heartbeat is sent though nothing has changed', async (t) => {
  const { progress, sent } = reporter(0);
  await progress.runOnce(signal);
  await progress.runOnce(signal);
  t.is(sent.length, 2);
});

test('the percentage never falls, whatever the fractions do', (t) => {
  const { progress } = reporter(0);
  progress.set('scan', 0.9);
  const { percent } = progress.progress;
  progress.set('scan', 0.1);
  t.is(progress.progress.percent, percent);
  progress.set('complete', 7);
  t.is(progress.progress.percent, 100);
});

test('the steps of each way cover 0 to 100', (t) => {
  t.deepEqual([steps.download.from, steps.clone.from, steps.complete.to], [0, 0, 100]);
  t.is(steps.unpack.to, steps.scan.from);
  t.is(steps.clone.to, steps.scan.from);
  t.is(steps.upload.to, steps.complete.from);
});
