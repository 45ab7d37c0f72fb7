import test from 'ava';
import { testFile } from '@cloudscan/testing';
import type { FailureReason } from '@cloudscan/domain';
import { ClusterRig } from '../src/cluster-rig.ts';
import { reasonOf, statusOf } from '../src/scan-client.ts';
import { ScriptedCluster } from '../src/scripted-cluster.ts';
import type { AttemptScript } from '../src/attempt-script.ts';
import type { TestProject } from '../src/scan-client.ts';

/* Each way in which a run can fail reaches the user as a reason of its own, with what the platform saw of it. */
const file = testFile(test);
let cluster: ScriptedCluster;
let rig: ClusterRig;
let project: TestProject;

/** Seconds; the shortest that a deployment may set. */
const deadlineSeconds = 20;

test.before(async () => {
  cluster = await ScriptedCluster.start(file);
  rig = await ClusterRig.start(file, {
    kubeconfig: cluster.kubeconfigPath,
    namespace: cluster.namespace,
    environment: {
      JOB_BACKOFF_LIMIT: '0',
      JOB_DEADLINE_SECONDS: String(deadlineSeconds),
      MAX_RUNNING_SCANS: '100',
      IMAGE_PULL_GRACE_SECONDS: '2',
      START_ERROR_GRACE_SECONDS: '2',
      UNSCHEDULABLE_GRACE_SECONDS: '2',
    },
  });
  project = await rig.client.makeProject();
});

interface Failure {
  readonly title: string;
  readonly script: AttemptScript;
  readonly reason: FailureReason;
  readonly exitCode?: number;
  readonly condition?: RegExp;
  readonly message?: RegExp;
  /** Whether the runner had written to its log. */
  readonly hasLog: boolean;
}

const failures: readonly Failure[] = [
  {
    title: 'a runner over its memory limit',
    script: { kind: 'oom' },
    ...{ reason: 'oom_killed', exitCode: 137, condition: /^OOMKilled$/, hasLog: true },
  },
  {
    title: 'an eviction by a node short of memory',
    script: { kind: 'evict' },
    ...{ reason: 'evicted', condition: /^Evicted$/, message: /low on resource: memory/, hasLog: true },
  },
  {
    title: 'a pod of higher priority',
    script: { kind: 'preempt' },
    ...{ reason: 'preempted', condition: /^PreemptionByScheduler$/, message: /higher priority/, hasLog: false },
  },
  {
    title: 'an image that is not there',
    script: { kind: 'no-image' },
    ...{ reason: 'image_pull', condition: /^(ErrImagePull|ImagePullBackOff)$/, message: /not found|Back-off/, hasLog: false },
  },
  {
    title: 'a pod that names a Secret that is not there',
    script: { kind: 'bad-config' },
    ...{ reason: 'internal', condition: /^CreateContainerConfigError$/, message: /secret "runner-settings" not found/, hasLog: false },
  },
  {
    title: 'a runner whose tools failed',
    script: { kind: 'exit', exitCode: 3 },
    ...{ reason: 'tool_error', exitCode: 3, hasLog: true },
  },
  {
    title: 'a runner that crashed',
    script: { kind: 'exit', exitCode: 1 },
    ...{ reason: 'internal', exitCode: 1, hasLog: true },
  },
  {
    title: 'a runner that takes itself for done and has completed nothing',
    script: { kind: 'exit', exitCode: 0 },
    ...{ reason: 'internal', hasLog: true },
  },
  {
    title: 'a runner that could not tell anybody',
    script: { kind: 'exit', exitCode: 5 },
    ...{ reason: 'runner_lost', exitCode: 5, hasLog: true },
  },
  {
    title: 'a pod that vanished',
    script: { kind: 'vanish' },
    ...{ reason: 'runner_lost', hasLog: false },
  },
  {
    title: 'a scan that takes longer than it may',
    script: { kind: 'hang' },
    ...{ reason: 'deadline_exceeded', condition: /^DeadlineExceeded$/, hasLog: false },
  },
  {
    title: 'a runner that says why itself',
    script: { kind: 'report', reason: 'source_invalid', message: 'the archive is broken' },
    ...{ reason: 'source_invalid', hasLog: false },
  },
];

async function started(script: AttemptScript): Promise<string> {
  const id = await rig.client.createOfGit(project);
  cluster.script(id, script);
  await rig.client.start(id);
  return id;
}

for (const { title, script, reason, exitCode, condition, message, hasLog } of failures) {
  test(`${title} reaches the user as ${reason}`, async (t) => {
    t.timeout(180_000);
    const id = await started(script);
    const scan = await rig.client.ended(id, 120_000);
    t.is(statusOf(scan), 'failed');
    t.is(reasonOf(scan), reason);
    t.not(scan.errorMessage, '');
    const evidence = scan.failureEvidence;
    if (exitCode !== undefined) t.is(evidence?.exitCode, exitCode);
    if (condition !== undefined) t.regex(evidence?.condition ?? '', condition);
    if (message !== undefined) t.regex(evidence?.message ?? '', message);
    if (!hasLog) return;
    t.regex(evidence?.logTail ?? '', /attempt 1/);
    t.notRegex(evidence?.logTail ?? '', /eyJ/, 'the token is redacted');
  });
}

test.serial('a cluster that has no room reaches the user as unschedulable', async (t) => {
  t.timeout(180_000);
  const cordon = (unschedulable: boolean) =>
    cluster.ask(cluster.path('nodes', 'node-1'), {
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      body: { spec: { unschedulable } },
    });
  await cordon(true);
  const scan = await rig.client.ended(await started({ kind: 'hang' }), 120_000);
  t.is(reasonOf(scan), 'unschedulable');
  t.is(scan.failureEvidence?.condition, 'Unschedulable');
  t.regex(scan.failureEvidence?.message ?? '', /nodes are available/);
  await cordon(false);
});

test.serial('a quota of the namespace reaches the user as quota', async (t) => {
  t.timeout(180_000);
  await rig.database.query("UPDATE pgboss.queue SET retry_limit = 1, retry_delay = 0, retry_backoff = false WHERE name = 'dispatch'");
  const message = 'jobs.batch is forbidden: exceeded quota: runners, requested: count/jobs.batch=1, used: 5, limited: 5';
  const id = await rig.client.createOfGit(project);
  const fault = cluster.simulator.faults.add({ effect: { kind: 'status', code: 403, message }, verbs: ['create'], resources: ['jobs'] });
  await rig.client.start(id);
  const scan = await rig.client.ended(id, 120_000);
  cluster.simulator.faults.remove(fault);
  t.is(reasonOf(scan), 'quota');
  t.regex(scan.failureEvidence?.logTail ?? scan.failureEvidence?.message ?? '', /quota/);
});
