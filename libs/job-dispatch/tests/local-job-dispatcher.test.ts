import test from 'ava';
import { aJobSpec, localJobsFixture, reaches, shell } from './local-jobs.ts';

test('a runner that ends with 0 has succeeded', async (t) => {
  const fixture = await localJobsFixture(t);
  const dispatcher = fixture.dispatcher(shell('echo hello; exit 0'));
  const { jobName, namespace } = await dispatcher.create(aJobSpec());
  t.is(namespace, 'local');
  const status = await reaches(dispatcher, jobName, 'succeeded', 'failed');
  t.like(status, { phase: 'succeeded', reason: null, evidence: { exitCode: 0, logTail: 'hello\n' } });
  t.truthy(status.startedAt);
  t.truthy(status.endedAt);
});
