import { testJobDispatcher } from '../conformance.ts';
import { ClusterJobs } from './cluster-jobs.ts';

testJobDispatcher(async (t) => {
  const jobs = await ClusterJobs.open(t);
  return {
    dispatcher: (script, { deadlineSeconds, memoryMebibytes = 256 } = {}) =>
      jobs.dispatcher(script, { RUNNER_LIMITS_MEMORY: `${memoryMebibytes}Mi` }, deadlineSeconds),
  };
});
