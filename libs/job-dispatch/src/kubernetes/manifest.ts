import type { V1Container, V1EnvVar, V1Job, V1PodSpec, V1Toleration } from '@kubernetes/client-node';
import { jobNameOf } from '@cloudscan/domain';
import type { JobSpec } from '@cloudscan/orchestration';
import { runnerEnvironment, scanTimeoutSeconds } from '../runner-environment.ts';
import type { RunnerSettings } from '../runner-environment.ts';
import { labelsOf } from './labels.ts';

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

/** Kubernetes quantities; null where there is none. */
export interface RunnerResources {
  readonly requests: { readonly cpu: string; readonly memory: string; readonly disk: string };
  readonly limits: { readonly cpu: string | null; readonly memory: string; readonly disk: string };
}

/** The runner's container, also to whoever reads its end and its log. */
export const runnerContainer = 'runner';

const traceAnnotation = 'cloudscan.io/traceparent';
const queueLabel = 'kueue.x-k8s.io/queue-name';
/** An autoscaler that only wants fewer nodes waits for a scan to end. */
const stayAnnotations = { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false', 'karpenter.sh/do-not-disrupt': 'true' };
/** Where the runner may write. */
const folders = { work: '/work', results: '/results', temporary: '/tmp' } as const;

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
        spec: podSpec(runner, pod, containerOf(spec, runner, pod, confidential)),
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

function podSpec(runner: RunnerSettings, pod: RunnerPodSettings, container: V1Container): V1PodSpec {
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
    containers: [container],
    volumes: Object.keys(folders).map((name) => ({ name, emptyDir: { sizeLimit: pod.resources.limits.disk } })),
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

function containerOf(spec: JobSpec, runner: RunnerSettings, pod: RunnerPodSettings, confidential: readonly string[]): V1Container {
  const { requests, limits } = pod.resources;
  return {
    name: runnerContainer,
    image: pod.image,
    ...(pod.imagePullPolicy === null ? {} : { imagePullPolicy: pod.imagePullPolicy }),
    ...(pod.command === null ? {} : { command: pod.command.map(literal) }),
    env: variables(spec, runner, pod, confidential),
    ...(pod.environmentSecret === null ? {} : { envFrom: [{ secretRef: { name: pod.environmentSecret } }] }),
    resources: {
      requests: { cpu: requests.cpu, memory: requests.memory, 'ephemeral-storage': requests.disk },
      limits: { ...withoutNulls({ cpu: limits.cpu }), memory: limits.memory, 'ephemeral-storage': limits.disk },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    // The last words of a runner that failed outlive its log, which a lost node takes along.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: Object.entries(folders).map(([name, mountPath]) => ({ name, mountPath })),
  };
}

/** What the scan needs stands over what a deployment adds. */
function variables(spec: JobSpec, runner: RunnerSettings, pod: RunnerPodSettings, confidential: readonly string[]): V1EnvVar[] {
  const plain = {
    HOME: folders.temporary,
    ...pod.environment,
    TMPDIR: folders.temporary,
    ...runnerEnvironment(spec, runner, { workDir: folders.work, resultsDir: folders.results }),
  };
  const secret = jobNameOf(spec.scanId, spec.attempt);
  return [
    ...Object.entries(plain).map(([name, value]) => ({ name, value: literal(value) })),
    ...confidential.map((key) => ({ name: key, valueFrom: { secretKeyRef: { name: secret, key } } })),
  ];
}

/**
 * Kubernetes puts the value of another variable for `$(NAME)`: a branch of such a name would read what a Secret holds.
 * https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}

function withoutNulls<K extends string>(values: Readonly<Record<K, string | null>>): Partial<Record<K, string>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as Partial<Record<K, string>>;
}
