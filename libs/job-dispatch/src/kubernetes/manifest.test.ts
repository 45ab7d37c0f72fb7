import test from 'ava';
import type { JobSpec } from '@cloudscan/orchestration';
import { scanTimeoutSeconds } from '../runner-environment.ts';
import { jobManifest, podDeadlineSeconds } from './manifest.ts';
import type { RunnerPodSettings } from './manifest.ts';
import type { ContainedTool } from './tool-container.ts';

const spec: JobSpec = {
  scanId: '01890000-0000-7000-8000-000000000001',
  organizationId: '01890000-0000-7000-8000-000000000002',
  projectId: '01890000-0000-7000-8000-000000000003',
  attempt: 2,
  scanTypes: ['sast', 'secrets'],
  source: { artifactId: '01890000-0000-7000-8000-000000000004', gitUrl: null, gitBranch: null, gitCommit: null },
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};
const runner = {
  orchestrator: { host: 'api-grpc.cloudscan.svc', port: 9999 },
  storage: { host: 'storage.cloudscan.svc', port: 8082 },
  deadlineSeconds: 3600,
  downloadTimeoutSeconds: 300,
  logLevel: 'info',
};
const plain: RunnerPodSettings = {
  namespace: 'runners',
  image: 'registry.example/runner:1.2.3',
  imagePullPolicy: null,
  imagePullSecrets: [],
  command: null,
  environment: {},
  environmentSecret: null,
  resources: {
    requests: { cpu: '500m', memory: '2Gi', disk: '1Gi' },
    limits: { cpu: null, memory: '2Gi', disk: '8Gi' },
  },
  tools: [],
  user: 1000,
  group: 1001,
  terminationGraceSeconds: 30,
  serviceAccount: null,
  nodeSelector: {},
  tolerations: [],
  priorityClass: null,
  runtimeClass: null,
  queue: null,
};

function build(
  pod: Partial<RunnerPodSettings> = {},
  { confidential = [], ...overrides }: Partial<JobSpec> & { confidential?: readonly string[] } = {},
) {
  const job = jobManifest({ ...spec, ...overrides }, runner, { ...plain, ...pod }, confidential);
  const template = job.spec!.template;
  return { job, template, pod: template.spec!, container: template.spec!.containers[0]! };
}

function valueOf(env: readonly { name: string; value?: string }[] | undefined, name: string): string | undefined {
  return env?.find((variable) => variable.name === name)?.value;
}

const labels = {
  'app.kubernetes.io/name': 'cloudscan-runner',
  'app.kubernetes.io/part-of': 'cloudscan',
  'app.kubernetes.io/managed-by': 'cloudscan',
  'app.kubernetes.io/component': 'runner',
  'cloudscan.io/scan-id': spec.scanId,
  'cloudscan.io/organization-id': spec.organizationId,
  'cloudscan.io/project-id': spec.projectId,
  'cloudscan.io/attempt': '2',
};

test('a Job is named after its attempt and labelled with whole ids, and so is its pod', (t) => {
  const { job, template } = build();
  t.like(job, { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: `scan-${spec.scanId}-2`, namespace: 'runners' } });
  t.deepEqual(job.metadata!.labels, labels);
  t.deepEqual(template.metadata!.labels, labels);
  for (const value of Object.values(labels)) t.true(value.length <= 63, value);
  t.true(job.metadata!.name!.length <= 63);
});

test('Kubernetes tries a Job once, ends it by its deadline and never removes it by itself', (t) => {
  const { job, pod } = build();
  t.like(job.spec, { backoffLimit: 0, parallelism: 1, completions: 1, activeDeadlineSeconds: 3600 });
  t.is(pod.restartPolicy, 'Never');
  t.is(pod.terminationGracePeriodSeconds, 30);
  t.false('ttlSecondsAfterFinished' in job.spec!);
  t.false('suspend' in job.spec!);
});

test('a scan runs out of time before its pod does, and that before its Job, whatever the deadline', (t) => {
  for (let deadline = 20; deadline < 5000; deadline += 7) {
    const times = [scanTimeoutSeconds(deadline), podDeadlineSeconds(deadline), deadline];
    t.true(times[0]! < times[1]! && times[1]! < times[2]!, times.join(' < '));
  }
  const { pod, container } = build();
  t.is(pod.activeDeadlineSeconds, 3570);
  t.is(valueOf(container.env, 'SCAN_TIMEOUT'), '3540');
});

test('a pod is what the Pod Security Standard `restricted` admits, and can do nothing with the cluster', (t) => {
  const { pod, container } = build();
  t.deepEqual(pod.securityContext, {
    runAsNonRoot: true,
    runAsUser: 1000,
    runAsGroup: 1001,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  t.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  t.is(pod.automountServiceAccountToken, false);
  t.is(pod.enableServiceLinks, false);
});

test('a runner may write to folders of limited size, and is told which', (t) => {
  const { pod, container } = build({ environment: { TMPDIR: '/elsewhere' } });
  for (const { emptyDir } of pod.volumes!) t.deepEqual(emptyDir, { sizeLimit: '8Gi' });
  const mounts = Object.fromEntries(container.volumeMounts!.map(({ name, mountPath }) => [name, mountPath]));
  t.deepEqual(mounts, { work: '/work', results: '/results', temporary: '/tmp' });
  t.deepEqual(
    pod.volumes!.map(({ name }) => name),
    Object.keys(mounts),
  );
  for (const [name, path] of [
    ['WORK_DIR', '/work'],
    ['RESULTS_DIR', '/results'],
    ['TMPDIR', '/tmp'],
    ['HOME', '/tmp'],
  ] as const)
    t.is(valueOf(container.env, name), path);
});

test('resources are requested and limited as they are set, the disk among them', (t) => {
  t.deepEqual(build().container.resources, {
    requests: { cpu: '500m', memory: '2Gi', 'ephemeral-storage': '1Gi' },
    limits: { memory: '2Gi', 'ephemeral-storage': '8Gi' },
  });
  const resources = { ...plain.resources, limits: { ...plain.resources.limits, cpu: '2' } };
  t.is(build({ resources }).container.resources?.limits?.['cpu'], '2');
});

test('what a scan needs stands over what a deployment adds, and the trace goes along', (t) => {
  const { job, template, container } = build({ environment: { SCAN_ID: 'other', HTTPS_PROXY: 'http://proxy:3128' } });
  t.is(valueOf(container.env, 'SCAN_ID'), spec.scanId);
  t.is(valueOf(container.env, 'HTTPS_PROXY'), 'http://proxy:3128');
  t.is(valueOf(container.env, 'SCAN_TYPES'), 'sast,secrets');
  t.is(valueOf(container.env, 'ORCHESTRATOR_ENDPOINT'), 'api-grpc.cloudscan.svc:9999');
  t.is(valueOf(container.env, 'TRACEPARENT'), spec.traceparent!);
  for (const { annotations } of [job.metadata!, template.metadata!]) t.is(annotations?.['cloudscan.io/traceparent'], spec.traceparent!);
  const untraced = build({}, { traceparent: null });
  t.deepEqual(untraced.job.metadata!.annotations, {});
  t.is(valueOf(untraced.container.env, 'TRACEPARENT'), undefined);
  const names = container.env!.map(({ name }) => name);
  t.deepEqual(names, [...new Set(names)]);
});

test('no text of a user stands for the value of another variable', (t) => {
  const source = { artifactId: null, gitUrl: 'https://x/$(RUNNER_TOKEN)', gitBranch: '$$(HOME)', gitCommit: '$1' };
  const { container } = build({ command: ['sh', '-c', 'echo $HOME'] }, { source, confidential: ['RUNNER_TOKEN'] });
  t.is(valueOf(container.env, 'REPOSITORY_URL'), 'https://x/$$(RUNNER_TOKEN)');
  t.is(valueOf(container.env, 'BRANCH'), '$$$$(HOME)');
  t.is(valueOf(container.env, 'COMMIT_SHA'), '$$1');
  t.deepEqual(container.command, ['sh', '-c', 'echo $$HOME']);
});

for (const name of ['RUNNER_TOKEN', 'SOURCE_DOWNLOAD_URL']) {
  test(`${name} comes from the Secret of the Job’s name, and stands nowhere else`, (t) => {
    const { job, container } = build({}, { confidential: [name] });
    const secretKeyRef = { name: job.metadata!.name!, key: name };
    t.deepEqual(
      container.env!.find((variable) => variable.name === name),
      { name, valueFrom: { secretKeyRef } },
    );
    t.false(build().container.env!.some((variable) => variable.name === name));
  });
}

test('what is not configured is left to Kubernetes', (t) => {
  const { job, pod, container } = build();
  for (const name of ['nodeSelector', 'tolerations', 'priorityClassName', 'runtimeClassName', 'serviceAccountName', 'imagePullSecrets'])
    t.false(name in pod, name);
  for (const name of ['imagePullPolicy', 'command', 'args', 'envFrom']) t.false(name in container, name);
  t.is(container.image, 'registry.example/runner:1.2.3');
  t.false('kueue.x-k8s.io/queue-name' in job.metadata!.labels!);
});

test('a deployment says where its runners run and what they come from', (t) => {
  const tolerations = [{ key: 'scans', operator: 'Exists', effect: 'NoSchedule' }];
  const { job, template, pod, container } = build({
    ...{ serviceAccount: 'runner', nodeSelector: { pool: 'scans' }, tolerations, priorityClass: 'low', runtimeClass: 'gvisor' },
    ...{ imagePullPolicy: 'Always', imagePullSecrets: ['registry'], environmentSecret: 'runner-settings', queue: 'scans' },
    command: ['node', 'main.js'],
  });
  t.like(pod, { serviceAccountName: 'runner', priorityClassName: 'low', runtimeClassName: 'gvisor' });
  t.deepEqual(pod.nodeSelector, { pool: 'scans' });
  t.deepEqual(pod.tolerations, tolerations);
  t.deepEqual(pod.imagePullSecrets, [{ name: 'registry' }]);
  t.like(container, { imagePullPolicy: 'Always', terminationMessagePolicy: 'FallbackToLogsOnError' });
  t.deepEqual(container.command, ['node', 'main.js']);
  t.deepEqual(container.envFrom, [{ secretRef: { name: 'runner-settings' } }]);
  t.is(job.metadata!.labels!['kueue.x-k8s.io/queue-name'], 'scans');
  t.deepEqual(template.metadata!.labels, labels);
});

const tool: ContainedTool = {
  name: 'checkov',
  type: 'sast',
  command: ['checkov'],
  args: ['--directory', '{source}', '--output-file-path', '{results}', '--var', '$HOME'],
  image: 'registry.example/checkov:3',
  exitCodes: { findings: [1] },
  timeoutSeconds: null,
  memoryMb: 512,
  versionArgs: null,
};

test('a declared tool with an image is a sidecar, where a scan is of its type', (t) => {
  const other: ContainedTool = { ...tool, name: 'other.tool', type: 'license' };
  const { pod, container } = build({ tools: [other, tool] });
  t.is(pod.containers.length, 1);
  t.is(pod.initContainers!.length, 1);
  t.like(pod.initContainers![0], { name: 'tool-1', image: 'registry.example/checkov:3', restartPolicy: 'Always' });
  t.is(valueOf(container.env, 'SOURCE_DIR'), '/shared');
  t.is(valueOf(container.env, 'TOOLS_DIR'), '/tools');
  const without = build({ tools: [other] });
  t.false('initContainers' in without.pod);
  t.deepEqual(without.pod, build().pod);
});

test('a tool can do no more than a runner, and knows nothing of its run', (t) => {
  const environment = { HTTPS_PROXY: 'http://user:password@proxy' };
  const { pod, container } = build(
    { tools: [tool], environment, environmentSecret: 'runner-settings' },
    { confidential: ['RUNNER_TOKEN'] },
  );
  const [side] = pod.initContainers!;
  t.deepEqual(side!.securityContext, container.securityContext);
  t.deepEqual(side!.env, [
    { name: 'HOME', value: '/tmp' },
    { name: 'TMPDIR', value: '/tmp' },
    { name: 'LC_ALL', value: 'C.UTF-8' },
  ]);
  t.false('envFrom' in side!);
  t.deepEqual(side!.resources, {
    requests: { cpu: '500m', memory: '512Mi', 'ephemeral-storage': '1Gi' },
    limits: { memory: '512Mi', 'ephemeral-storage': '8Gi' },
  });
});

test('a tool reads the source and writes to folders of its own', (t) => {
  const { pod, container } = build({ tools: [tool, { ...tool, name: 'second' }] });
  const mounts = pod.initContainers!.map(({ volumeMounts }) => volumeMounts);
  t.deepEqual(mounts[0], [
    { name: 'shared', mountPath: '/shared', readOnly: true },
    { name: 'tools', mountPath: '/tools/checkov', subPath: 'checkov' },
    { name: 'tools', mountPath: '/tmp', subPath: '.temporary/checkov' },
  ]);
  t.is(mounts[1]![1]!.mountPath, '/tools/second');
  t.deepEqual(
    container.volumeMounts!.map(({ name, mountPath }) => `${name}:${mountPath}`),
    ['work:/work', 'results:/results', 'temporary:/tmp', 'shared:/shared', 'tools:/tools'],
  );
  t.deepEqual(
    pod.volumes!.map(({ name }) => name),
    container.volumeMounts!.map(({ name }) => name),
  );
});

test('a tool’s command line is its own, with the paths that it is given', (t) => {
  const { pod } = build({ tools: [tool] });
  const command = pod.initContainers![0]!.command!;
  t.deepEqual(command.slice(0, 2), ['sh', '-c']);
  t.deepEqual(command.slice(4), [
    ...['/tools/checkov', 'checkov', '--directory', '/shared/source'],
    ...['--output-file-path', '/tools/checkov/results.sarif', '--var', '$$HOME'],
  ]);
  t.false(/(^|[^$])(\$\$)*\$\(/.test(command[2]!), 'nothing that Kubernetes would expand');
});

test('an autoscaler lets a scan end', (t) => {
  t.like(build().template.metadata!.annotations, {
    'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
    'karpenter.sh/do-not-disrupt': 'true',
  });
});
