import test from 'ava';
import type { FailureEvidence, FailureReason } from '@cloudscan/domain';
import {
  aCondition,
  aJob,
  aPod,
  createdAt,
  ended,
  failedJob,
  organizationId,
  running,
  scanId,
  waitingFor,
} from '../../tests/kubernetes-objects.ts';
import { readJob, readPod } from './job-status-facts.ts';
import { judgeJob } from './job-status.ts';
import type { WireJob, WirePod } from './resources.ts';

const now = new Date('2026-01-15T12:10:00Z');

function judge(job: WireJob, pods: readonly WirePod[], at: Date = now, refusal: string | null = null) {
  return judgeJob(
    readJob(job)!,
    pods.map((pod) => readPod(pod)!),
    at,
    refusal,
  );
}

const kubeletDisruption = aCondition('DisruptionTarget', 'TerminationByKubelet', 'The node was low on resource: memory.');
const failed = aJob({ status: failedJob });
const deadline = aJob({
  status: { conditions: [aCondition('FailureTarget', 'DeadlineExceeded', 'Job was active longer than specified deadline')] },
});
const suspended = aJob({ suspend: true, status: { conditions: [aCondition('Suspended', 'JobSuspended', 'Job suspended')] } });
const queued = { 'kueue.x-k8s.io/queue-name': 'scans' };
const longDeleted = '2026-01-15T12:09:29Z';

const failures: readonly (readonly [
  name: string,
  job: WireJob,
  pods: readonly WirePod[],
  reason: FailureReason,
  evidence: FailureEvidence,
])[] = [
  ['a fault that the runner reported', failed, [aPod({ status: ended(3) })], 'tool_error', { exitCode: 3 }],
  ['a fault of the runner', failed, [aPod({ status: ended(1) })], 'internal', { exitCode: 1 }],
  ['an orchestrator out of reach', failed, [aPod({ status: ended(5) })], 'runner_lost', { exitCode: 5 }],
  [
    'a limit of memory',
    failed,
    [aPod({ status: ended(137, 'OOMKilled') })],
    'oom_killed',
    { exitCode: 137, signal: 'SIGKILL', condition: 'OOMKilled' },
  ],
  ['SIGKILL without more evidence', failed, [aPod({ status: ended(137) })], 'runner_lost', { exitCode: 137, signal: 'SIGKILL' }],
  ["V8's full heap", failed, [aPod({ status: ended(134) })], 'oom_killed', { exitCode: 134, signal: 'SIGABRT' }],
  [
    'eviction from a node under pressure',
    failed,
    [
      aPod({
        status: ended(137, 'Error', {
          reason: 'Evicted',
          message: 'The node was low on resource: memory.',
          conditions: [kubeletDisruption],
        }),
      }),
    ],
    'evicted',
    { exitCode: 137, signal: 'SIGKILL', condition: 'Evicted', message: 'The node was low on resource: memory.' },
  ],
  [
    'more disk than its limit',
    failed,
    [
      aPod({
        status: ended(137, 'Error', { reason: 'Evicted', message: 'Usage of EmptyDir volume "work" exceeds the limit "4Gi". ' }),
      }),
    ],
    'quota',
    { exitCode: 137, signal: 'SIGKILL', condition: 'Evicted', message: 'Usage of EmptyDir volume "work" exceeds the limit "4Gi". ' },
  ],
  ...(
    [
      ['a drain', 'EvictionByEvictionAPI', 'evicted'],
      ['a taint', 'DeletionByTaintManager', 'evicted'],
      ['the kubelet', 'TerminationByKubelet', 'evicted'],
      ['the scheduler', 'PreemptionByScheduler', 'preempted'],
      ['a node that is gone', 'DeletionByPodGC', 'runner_lost'],
      ['a disruption of a later version', 'DeletionByOther', 'evicted'],
    ] as const
  ).map(
    ([name, condition, reason]) =>
      [
        `disruption by ${name}`,
        failed,
        [aPod({ deletedAt: createdAt, status: ended(143, 'Error', { conditions: [aCondition('DisruptionTarget', condition, 'why')] }) })],
        reason,
        { exitCode: 143, signal: 'SIGTERM', condition, message: 'why' },
      ] as const,
  ),
  [
    'a node that answers no more, by its taint',
    aJob(),
    [aPod({ deletedAt: longDeleted, status: { ...running, conditions: [aCondition('DisruptionTarget', 'DeletionByTaintManager')] } })],
    'runner_lost',
    { condition: 'DeletionByTaintManager' },
  ],
  ['a node that answers no more', aJob(), [aPod({ deletedAt: longDeleted })], 'runner_lost', { condition: 'PodDeleted' }],
  [
    'a node that was removed, though its container seems to run',
    failed,
    [
      aPod({
        status: {
          ...running,
          phase: 'Failed',
          conditions: [aCondition('DisruptionTarget', 'DeletionByPodGC', 'PodGC: node no longer exists')],
        },
      }),
    ],
    'runner_lost',
    { condition: 'DeletionByPodGC', message: 'PodGC: node no longer exists' },
  ],
  [
    'a shutdown of the node',
    failed,
    [
      aPod({
        status: ended(143, 'Error', {
          reason: 'Terminated',
          message: 'Pod was terminated in response to imminent node shutdown.',
          conditions: [kubeletDisruption],
        }),
      }),
    ],
    'preempted',
    {
      exitCode: 143,
      signal: 'SIGTERM',
      condition: 'Terminated',
      message: 'Pod was terminated in response to imminent node shutdown.',
    },
  ],
  [
    'a node that refused the pod',
    failed,
    [aPod({ status: { phase: 'Failed', reason: 'OutOfmemory', message: 'Node has not enough memory' } })],
    'unschedulable',
    { condition: 'OutOfmemory', message: 'Node has not enough memory' },
  ],
  [
    "the pod's deadline",
    failed,
    [aPod({ status: ended(143, 'Error', { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer' }) })],
    'deadline_exceeded',
    { exitCode: 143, signal: 'SIGTERM', condition: 'DeadlineExceeded', message: 'Pod was active on the node longer' },
  ],
  [
    "the Job's deadline",
    deadline,
    [aPod({ deletedAt: createdAt, status: ended(143) })],
    'deadline_exceeded',
    { exitCode: 143, signal: 'SIGTERM', condition: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' },
  ],
  [
    "the Job's deadline, whose pod is gone",
    deadline,
    [],
    'deadline_exceeded',
    { condition: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' },
  ],
  [
    'a deadline that passed while the image could not be pulled',
    deadline,
    [aPod({ deletedAt: longDeleted, status: waitingFor('ImagePullBackOff', 'Back-off pulling image "runner"') })],
    'image_pull',
    { condition: 'ImagePullBackOff', message: 'Back-off pulling image "runner"' },
  ],
  [
    'a container that could not be started',
    failed,
    [aPod({ status: ended(128, 'StartError') })],
    'internal',
    { exitCode: 128, condition: 'StartError' },
  ],
  [
    'a container that the node lost',
    failed,
    [aPod({ status: ended(137, 'ContainerStatusUnknown') })],
    'runner_lost',
    { exitCode: 137, signal: 'SIGKILL', condition: 'ContainerStatusUnknown' },
  ],
  [
    'a pod that somebody deleted',
    failed,
    [aPod({ deletedAt: createdAt, status: ended(143) })],
    'runner_lost',
    { exitCode: 143, signal: 'SIGTERM', condition: 'PodDeleted' },
  ],
  [
    'a fault in a pod that was deleted afterwards',
    failed,
    [aPod({ deletedAt: createdAt, status: ended(3) })],
    'tool_error',
    { exitCode: 3 },
  ],
  ['a SIGTERM that nobody owns up to', failed, [aPod({ status: ended(143) })], 'preempted', { exitCode: 143, signal: 'SIGTERM' }],
  [
    'a Job whose pod is missing altogether',
    failed,
    [],
    'runner_lost',
    { condition: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' },
  ],
  [
    'a Job that somebody deleted',
    aJob({ deletedAt: createdAt }),
    [aPod({ deletedAt: createdAt, status: ended(143) })],
    'runner_lost',
    { exitCode: 143, signal: 'SIGTERM', condition: 'JobDeleted' },
  ],
  ['a deleted Job without a pod', aJob({ deletedAt: createdAt }), [], 'runner_lost', { condition: 'JobDeleted' }],
  ['a suspended Job without a pod', suspended, [], 'cancelled', { condition: 'JobSuspended' }],
  [
    'a suspended Job whose pod has ended',
    suspended,
    [aPod({ deletedAt: createdAt, status: ended(143) })],
    'cancelled',
    { exitCode: 143, signal: 'SIGTERM', condition: 'JobSuspended' },
  ],
  [
    'a Job that its queue suspended again',
    aJob({ suspend: true, labels: queued }),
    [aPod({ deletedAt: createdAt, status: ended(143) })],
    'preempted',
    { exitCode: 143, signal: 'SIGTERM', condition: 'JobSuspended' },
  ],
];

for (const [name, job, pods, reason, evidence] of failures) {
  test(`${name} is ${reason}`, (t) => {
    const status = judge(job, pods);
    t.like(status, { phase: 'failed', reason, blockage: null });
    t.deepEqual(status.evidence, evidence);
  });
}

test('a runner that ended well succeeded, whatever its Job, its deadline or its neighbours say', (t) => {
  const finishedAt = new Date('2026-01-15T12:09:59Z');
  const sidecarFailed = { ...ended(0), phase: 'Failed' };
  for (const job of [aJob(), failed, deadline, suspended, aJob({ deletedAt: createdAt })]) {
    for (const status of [ended(0), sidecarFailed]) {
      t.like(judge(job, [aPod({ status })]), { phase: 'succeeded', reason: null, evidence: { exitCode: 0 }, endedAt: finishedAt });
    }
  }
});

test('a Job that is complete, or about to be, succeeded without its pod', (t) => {
  for (const type of ['SuccessCriteriaMet', 'Complete']) {
    const status = judge(aJob({ status: { conditions: [aCondition(type, 'CompletionsReached')] } }), []);
    t.like(status, { phase: 'succeeded', reason: null, evidence: {}, endedAt: now });
  }
});

test('nothing has ended while a pod still runs or ends', (t) => {
  const grace = new Date(now.getTime() + 30_000).toISOString();
  for (const job of [aJob(), failed, deadline, suspended, aJob({ deletedAt: createdAt })]) {
    t.like(judge(job, [aPod({ deletedAt: grace })]), { phase: 'running', reason: null, evidence: null, endedAt: null });
  }
  // The container has ended, and the kubelet has not yet said what that makes of the pod.
  t.is(judge(failed, [aPod({ status: { ...ended(137), phase: 'Running' } })]).phase, 'running');
  t.is(judge(aJob(), [aPod({ status: { phase: 'Unknown', reason: 'NodeLost' } })]).phase, 'running');
});

test('a pod that runs counts more than one that was', (t) => {
  const former = aPod({ name: 'former', status: ended(143), deletedAt: createdAt });
  t.is(judge(aJob(), [former, aPod({ name: 'latter', createdAt: '2026-01-15T12:01:00Z' })]).phase, 'running');
  t.is(judge(aJob(), [former, aPod({ name: 'latter', createdAt: '2026-01-15T12:01:00Z', status: ended(3) })]).reason, 'tool_error');
});

const blockages: readonly (readonly [name: string, pod: WirePod['status'] | object, reason: FailureReason, condition: string])[] = [
  ...['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'RegistryUnavailable'].map(
    (condition) => [`the image (${condition})`, waitingFor(condition, 'it says why'), 'image_pull', condition] as const,
  ),
  ...['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'].map(
    (condition) => [`the container (${condition})`, waitingFor(condition, 'it says why'), 'internal', condition] as const,
  ),
  [
    'a node with room',
    { phase: 'Pending', conditions: [aCondition('PodScheduled', 'Unschedulable', 'it says why', 'False')] },
    'unschedulable',
    'Unschedulable',
  ],
];
for (const [name, status, reason, condition] of blockages) {
  test(`a pod that waits for ${name} is blocked: ${reason}`, (t) => {
    const judged = judge(aJob(), [aPod({ status: status as object })]);
    t.like(judged, { phase: 'pending', reason: null, blockage: { reason, condition, message: 'it says why' } });
  });
}

test('a pod on its way is not blocked, and one that its node does not prepare is after half a minute', (t) => {
  t.like(judge(aJob(), [aPod({ status: waitingFor('ContainerCreating') })]), { phase: 'pending', blockage: null });
  t.like(judge(aJob(), [aPod({ status: { phase: 'Pending' } })]), { phase: 'pending', blockage: null });
  const gated = { phase: 'Pending', conditions: [aCondition('PodScheduled', 'SchedulingGated', 'waits for its gates', 'False')] };
  t.like(judge(aJob(), [aPod({ status: gated })]), { phase: 'pending', blockage: null });

  const unprepared = aPod({
    status: { ...waitingFor('ContainerCreating'), conditions: [aCondition('PodReadyToStartContainers', '', '', 'False')] },
  });
  t.is(judge(aJob(), [unprepared]).blockage, null);
  t.like(judge(aJob(), [unprepared], new Date(now.getTime() + 30_000)).blockage, {
    reason: 'internal',
    condition: 'PodReadyToStartContainers',
  });
});

test('a Job without a pod is pending, and blocked once its controller had time to make one', (t) => {
  const at = (seconds: number) => new Date(Date.parse(createdAt) + seconds * 1000);
  t.like(judge(aJob(), [], at(29)), { phase: 'pending', blockage: null });
  t.like(judge(aJob(), [], at(30)).blockage, { reason: 'unschedulable', condition: 'NoPod' });
  t.is(judge(aJob({ status: {} }), [], at(600)).blockage, null, 'the controller has not seen it');
  const waits = aJob({ suspend: true, labels: queued, status: { conditions: [aCondition('Suspended', 'JobSuspended')] } });
  t.like(judge(waits, [], at(600)), { phase: 'pending', blockage: null });
});

test('the event that a pod was refused says whether for a quota', (t) => {
  const quota = 'Error creating: pods "scan-1-" is forbidden: exceeded quota: runners, requested: pods=1, used: pods=5, limited: pods=5';
  const blocked = { condition: 'FailedCreate', message: quota };
  t.deepEqual(judge(aJob(), [], now, quota).blockage, { reason: 'quota', ...blocked });
  const policy = 'Error creating: pods "scan-1-" is forbidden: violates PodSecurity "restricted:latest"';
  t.deepEqual(judge(aJob(), [], now, policy).blockage, { reason: 'internal', condition: 'FailedCreate', message: policy });
});

test('tells whose attempt it is and when it began', (t) => {
  t.like(judge(aJob(), [aPod()]), {
    ...{ jobName: `scan-${scanId}-1`, namespace: 'cloudscan', scanId, organizationId, attempt: 1 },
    ...{ createdAt: new Date(createdAt), startedAt: new Date('2026-01-15T12:00:05Z') },
  });
});

test('objects with dates mean the same as objects with strings', (t) => {
  const job = aJob({ status: failedJob });
  const pod = aPod({ status: ended(3), deletedAt: createdAt });
  const dated = <T>(object: T): T =>
    JSON.parse(JSON.stringify(object), (_key, value: unknown) =>
      typeof value === 'string' && /^2026-.*Z$/.test(value) ? new Date(value) : value,
    ) as T;
  t.deepEqual(judge(dated(job), [dated(pod)]), judge(job, [pod]));
});

test('a message is redacted and then trimmed', (t) => {
  const message = `${'x'.repeat(1000)} password=hunter2hunter2hunter2 tail`;
  const status = judge(aJob(), [aPod({ status: waitingFor('CreateContainerError', message) })]);
  t.is(status.blockage?.message, `${'x'.repeat(1000)} password=[redacted] tail`.slice(0, 1024));
});

test("a runner's last words are the tail of its log once its pod is gone, those of its runtime a message", (t) => {
  const said = (exitCode: number, reason: string, message: string) => {
    const status = ended(exitCode, reason);
    const [container] = status.containerStatuses as [{ state: { terminated: object } }];
    return aPod({ status: { ...status, containerStatuses: [{ state: { terminated: { ...container.state.terminated, message } } }] } });
  };
  const spoken = said(1, 'Error', 'TypeError: token=abcdefgh\0\n');
  t.deepEqual(judge(failed, [spoken]).evidence, { exitCode: 1 });
  const gone = { ...readPod(spoken)!, isGone: true };
  t.deepEqual(judgeJob(readJob(failed)!, [gone], now).evidence, { exitCode: 1, logTail: 'TypeError: token=[redacted]\n' });
  t.deepEqual(judge(failed, [said(128, 'StartError', 'exec: "node": not found')]).evidence, {
    exitCode: 128,
    condition: 'StartError',
    message: 'exec: "node": not found',
  });
});

test('what is no Job or pod of ours is not read', (t) => {
  t.is(readJob({ metadata: { name: 'scan-1' } }), null);
  t.is(readJob(aJob({ labels: { 'cloudscan.io/attempt': 'x' } })), null);
  t.is(readPod({ metadata: { name: 'pod' } }), null);
});
