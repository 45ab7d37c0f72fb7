import type { JobStatus } from '@cloudscan/orchestration';
import { eventually } from '@cloudscan/testing';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { WirePod } from '../../src/kubernetes/resources.ts';
import { aJobSpec, reaches, statusOf } from '../jobs.ts';
import { ClusterJobs } from './cluster-jobs.ts';

const image = 'busybox:1.36';

/** What a runner does about its tools, as a shell script: brings the source, lets the tool go, and waits for its end. */
const letGo = 'mkdir "$SOURCE_DIR/source"; echo flaw >"$SOURCE_DIR/source/a.txt"; : >"$TOOLS_DIR/grep/ready"';
const waitForEnd = 'until [ -s "$TOOLS_DIR/grep/exit" ]; do sleep 0.1; done';

interface Run {
  readonly status: JobStatus;
  readonly pod: WirePod;
}

async function run(t: ExecutionContext, runner: string, tool: string, env: Record<string, string> = {}): Promise<Run> {
  const jobs = await ClusterJobs.open(t);
  await jobs.enforceRestrictedPods();
  const declared = {
    name: 'grep',
    type: 'sast',
    command: ['sh', '-c', tool, 'grep'],
    args: ['{source}', '{results}'],
    image,
    memoryMb: 64,
  };
  const dispatcher = jobs.dispatcher(runner, { DECLARED_SCANNERS: JSON.stringify([declared]), ...env });
  const { jobName } = await dispatcher.create(aJobSpec());
  const status = await reaches(dispatcher, jobName, 'succeeded', 'failed');
  const [pod] = await jobs.list<WirePod>('pods', `batch.kubernetes.io/job-name=${jobName}`);
  return { status, pod: pod! };
}

test('a tool in its own container reads the source, writes its results, and ends with the runner', async (t) => {
  const tool = 'grep -rc flaw "$1" >"$2"; echo "token=$RUNNER_TOKEN scan=$SCAN_ID"; exit 7';
  const results = 'test "$(cat "$TOOLS_DIR/grep/exit")" = 7 && grep -q "a.txt:1" "$TOOLS_DIR/grep/results.sarif"';
  const isAlone = 'grep -qx "token= scan=" "$TOOLS_DIR/grep/stdout" && test -n "$RUNNER_TOKEN"';
  const { status, pod } = await run(t, `${letGo}; ${waitForEnd}; ${results} && ${isAlone}`, tool, { RUNNER_TOKEN_KEY: 'k'.repeat(32) });
  t.like(status, { phase: 'succeeded', reason: null });
  t.is(pod.status?.phase, 'Succeeded');
  t.is(pod.status?.initContainerStatuses?.[0]?.state?.running, undefined);
});

test('a tool that is still at work ends with its runner, whose end alone decides', async (t) => {
  const endless = 'trap "" TERM; while :; do sleep 1; done';
  const begun = 'until [ -e "$TOOLS_DIR/grep/started" ]; do sleep 0.1; done';
  const done = await run(t, `${letGo}; ${begun}; exit 0`, endless);
  t.is(done.status.phase, 'succeeded');
  const failed = await run(t, `${letGo}; ${begun}; exit 3`, endless);
  t.like(failed.status, { phase: 'failed', reason: 'tool_error' });
  t.is(failed.status.evidence?.exitCode, 3);
});

test('a tool that takes more memory than it may is killed alone, and its runner is told', async (t) => {
  const greedy = 'x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done';
  const isKilled = 'case "$(cat "$TOOLS_DIR/grep/exit")" in killed | 137) ;; *) exit 1 ;; esac';
  const { status } = await run(t, `${letGo}; ${waitForEnd}; ${isKilled}`, greedy);
  t.is(status.phase, 'succeeded');
});

test('a tool whose image nobody has keeps its runner from starting, and the Job says why', async (t) => {
  const jobs = await ClusterJobs.open(t);
  const missing = { name: 'none', type: 'sast', command: ['none'], args: [], image: 'registry.invalid/none:1' };
  const dispatcher = jobs.dispatcher('exit 0', { DECLARED_SCANNERS: JSON.stringify([missing]) });
  const { jobName } = await dispatcher.create(aJobSpec());
  const blockage = await eventually(async () => (await statusOf(dispatcher, jobName))?.blockage, {
    what: 'the missing image',
    timeoutMs: 60_000,
  });
  t.is(blockage.reason, 'image_pull');
  t.regex(blockage.message, /registry\.invalid\/none:1/);
  await dispatcher.delete(jobName);
});
