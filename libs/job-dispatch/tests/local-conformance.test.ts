import { testJobDispatcher } from './conformance.ts';
import { shell } from './jobs.ts';
import { localJobsFixture } from './local-jobs.ts';

testJobDispatcher(async (t) => {
  const fixture = await localJobsFixture(t);
  return {
    dispatcher: (script, { deadlineSeconds = 60, memoryMebibytes = 1024 } = {}) =>
      fixture.dispatcher(shell(script), {
        limits: { deadlineMs: deadlineSeconds * 1000, memoryBytes: memoryMebibytes * 2 ** 20, pollMs: 20 },
      }),
  };
});
