import type { V1Container, V1EnvVar, V1Job, V1PodSpec, V1Toleration } from '@kubernetes/client-node';
import { jobNameOf } from '@cloudscan/domain';
import type { JobSpec } from '@cloudscan/orchestration';
import { parseMemoryQuantity } from '../quantity.ts';
import { runnerEnvironment, scanTimeoutSeconds } from '../runner-environment.ts';
import type { RunnerSettings } from '../runner-environment.ts';
import { containerResources, containerSecurity, literal, temporaryFolder } from './container.ts';
import type { RunnerResources } from './container.ts';
import { labelsOf } from './labels.ts';
import { sharedFolders, toolContainer } from './tool-container.ts';
import type { ContainedTool } from './tool-container.ts';

/** How the pods of runners are made. */
export interface RunnerPodSettings {
  readonly namespace: string;
  /** With its tag or digest. */
  readonly image: string;
  /** Null: as Kubernetes decides by the tag. */
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never' | null;
  readonly imagePullSecrets: readonly string[];
  /** Replaces the image's entry point; null for that. */
  readonly command: readonly string[] | null;
  /** Further variables. Never a credential: whoever may read pods may read them. */
  readonly environment: Readonly<Record<string, string>>;
  /** A Secret of the namespace of which each key becomes a variable; null for none. */
  readonly environmentSecret: string | null;
  readonly resources: RunnerResources;
  /** Declared tools that come as images: each is a container beside the runner, where a scan is of its type. */
  readonly tools: readonly ContainedTool[];
  readonly user: number;
  readonly group: number;
  readonly terminationGraceSeconds: number;
  readonly serviceAccount: string | null;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly V1Toleration[];
  readonly priorityClass: string | null;
  readonly runtimeClass: string | null;
  /** The Kueue LocalQueue that decides when a Job runs; null where nothing does. */
  readonly queue: string | null;
}

/** The runner's container, also to whoever reads its end and its log. */
export const runnerContainer = 'runner';

const traceAnnotation = 'cloudscan.io/traceparent';
const queueLabel = 'kueue.x-k8s.io/queue-name';
/** An autoscaler that only wants fewer nodes waits for a scan to end. */
const stayAnnotations = { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false', 'karpenter.sh/do-not-disrupt': 'true' };
/** Where the runner may write. */
const folders = { work: '/work', results: '/results', temporary: temporaryFolder } as const;

/**
 * The Job of an attempt, fit for the Pod Security Standard `restricted`. It tries once, since retries are the
 * orchestrator's, and is never removed by Kubernetes itself: that is allowed only once its end is recorded.
 *
 * @param confidential names of variables that are keys of the Secret of the Job's name
 */
export function jobManifest(spec: JobSpec, runner: RunnerSettings, pod: RunnerPodSettings, confidential: readonly string[]): V1Job {
  const labels = labelsOf(spec);
  const name = jobNameOf(spec.scanId, spec.attempt);
  const trace: Record<string, string> = spec.traceparent === null ? {} : { [traceAnnotation]: spec.traceparent };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace: pod.namespace,
      labels: { ...labels, ...(pod.queue === null ? {} : { [queueLabel]: pod.queue }) },
      annotations: trace,
    },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 0,
      activeDeadlineSeconds: runner.deadlineSeconds,
      template: {
        metadata: { labels, annotations: { ...trace, ...stayAnnotations } },
        spec: podSpec(spec, runner, pod, confidential),
      },
    },
  };
}

/**
 * Between that of the scan and that of the Job: a Job over its deadline deletes the pod and its log with it, a pod over its
 * own stays and can be read.
 */
export function podDeadlineSeconds(jobDeadlineSeconds: number): number {
  return Math.floor((scanTimeoutSeconds(jobDeadlineSeconds) + jobDeadlineSeconds) / 2);
}

function podSpec(spec: JobSpec, runner: RunnerSettings, pod: RunnerPodSettings, confidential: readonly string[]): V1PodSpec {
  const tools = pod.tools.filter(({ type }) => spec.scanTypes.includes(type));
  const mounts = { ...folders, ...(tools.length === 0 ? {} : sharedFolders) };
  return {
    restartPolicy: 'Never',
    activeDeadlineSeconds: podDeadlineSeconds(runner.deadlineSeconds),
    terminationGracePeriodSeconds: pod.terminationGraceSeconds,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: pod.user,
      runAsGroup: pod.group,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(tools.length === 0 ? {} : { initContainers: tools.map((tool, index) => toolContainer(tool, index, pod.resources)) }),
    containers: [containerOf(pod, mounts, variables(spec, runner, pod, tools.length > 0, confidential))],
    volumes: Object.keys(mounts).map((name) => ({ name, emptyDir: { sizeLimit: pod.resources.limits.disk } })),
    ...withoutNulls({
      serviceAccountName: pod.serviceAccount,
      priorityClassName: pod.priorityClass,
      runtimeClassName: pod.runtimeClass,
    }),
    ...(pod.imagePullSecrets.length === 0 ? {} : { imagePullSecrets: pod.imagePullSecrets.map((name) => ({ name })) }),
    ...(Object.keys(pod.nodeSelector).length === 0 ? {} : { nodeSelector: pod.nodeSelector }),
    ...(pod.tolerations.length === 0 ? {} : { tolerations: [...pod.tolerations] }),
  };
}

function containerOf(pod: RunnerPodSettings, mounts: Readonly<Record<string, string>>, env: V1EnvVar[]): V1Container {
  return {
    name: runnerContainer,
    image: pod.image,
    ...(pod.imagePullPolicy === null ? {} : { imagePullPolicy: pod.imagePullPolicy }),
    ...(pod.command === null ? {} : { command: pod.command.map(literal) }),
    env,
    ...(pod.environmentSecret === null ? {} : { envFrom: [{ secretRef: { name: pod.environmentSecret } }] }),
    resources: containerResources(pod.resources),
    securityContext: containerSecurity,
    // The last words of a runner that failed outlive its log, which a lost node takes along.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: Object.entries(mounts).map(([name, mountPath]) => ({ name, mountPath })),
  };
}

/** What the scan needs stands over what a deployment adds. */
function variables(
  spec: JobSpec,
  runner: RunnerSettings,
  pod: RunnerPodSettings,
  hasTools: boolean,
  confidential: readonly string[],
): V1EnvVar[] {
  const plain = {
    HOME: folders.temporary,
    ...pod.environment,
    TMPDIR: folders.temporary,
    ...runnerEnvironment(spec, runner, {
      memoryBytes: parseMemoryQuantity(pod.resources.limits.memory)!,
      workDir: folders.work,
      resultsDir: folders.results,
    }),
    ...(hasTools ? { SOURCE_DIR: sharedFolders.shared, TOOLS_DIR: sharedFolders.tools } : {}),
  };
  const secret = jobNameOf(spec.scanId, spec.attempt);
  return [
    ...Object.entries(plain).map(([name, value]) => ({ name, value: literal(value) })),
    ...confidential.map((key) => ({ name: key, valueFrom: { secretKeyRef: { name: secret, key } } })),
  ];
}

function withoutNulls<K extends string>(values: Readonly<Record<K, string | null>>): Partial<Record<K, string>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as Partial<Record<K, string>>;
}
