export type Labels = Readonly<Record<string, string>>;

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Times are RFC 3339 in whole seconds, as Kubernetes writes them. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
}

/** An object of the API. Whoever holds one owns it: the store keeps text and parses it anew for each reader. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: object;
  status?: object;
}

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  lastProbeTime?: string;
  lastHeartbeatTime?: string;
}

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
}

export interface Toleration {
  key?: string;
  operator?: 'Exists' | 'Equal';
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
}

export interface PodSpec {
  nodeName?: string;
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  containers: Container[];
  initContainers?: Container[];
  restartPolicy?: string;
  schedulerName?: string;
  schedulingGates?: object[];
  terminationGracePeriodSeconds?: number;
  priority?: number;
  priorityClassName?: string;
  serviceAccountName?: string;
}

export interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  state?: {
    waiting?: { reason: string };
    running?: object;
    terminated?: { reason?: string; exitCode: number; signal?: number; finishedAt?: string };
  };
}

export interface Pod extends KubernetesObject {
  spec: PodSpec;
  status: {
    phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
    conditions?: Condition[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
    nominatedNodeName?: string;
    qosClass?: string;
    podIP?: string;
    reason?: string;
    message?: string;
    startTime?: string;
  };
}

export interface JobStatus {
  active?: number;
  ready?: number;
  terminating?: number;
  succeeded?: number;
  failed?: number;
  startTime?: string;
  completionTime?: string;
  conditions?: Condition[];
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] };
}

export interface Job extends KubernetesObject {
  spec: {
    parallelism?: number;
    completions?: number;
    backoffLimit?: number;
    activeDeadlineSeconds?: number;
    ttlSecondsAfterFinished?: number;
    suspend?: boolean;
    completionMode?: string;
    manualSelector?: boolean;
    podReplacementPolicy?: string;
    selector?: { matchLabels: Record<string, string> };
    template: { metadata?: Partial<ObjectMeta>; spec: PodSpec };
  };
  status: JobStatus;
}

export interface Taint {
  key: string;
  value?: string;
  effect: string;
  timeAdded?: string;
}

export interface KubernetesNode extends KubernetesObject {
  spec: { unschedulable?: boolean; taints?: Taint[] };
  status: {
    allocatable?: Record<string, string>;
    capacity?: Record<string, string>;
    conditions?: Condition[];
    addresses?: { type: string; address: string }[];
    daemonEndpoints?: { kubeletEndpoint?: { Port: number } };
    nodeInfo?: Record<string, string>;
  };
}

export interface Lease extends KubernetesObject {
  spec: { holderIdentity?: string; renewTime?: string; leaseDurationSeconds?: number };
}

export function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

export function conditionOf(
  object: { readonly status: { readonly conditions?: readonly Condition[] } },
  type: string,
): Condition | undefined {
  return object.status.conditions?.find((condition) => condition.type === type);
}

/** Whether the object has this condition with status True. */
export function isTrue(object: { readonly status: { readonly conditions?: readonly Condition[] } }, type: string): boolean {
  return conditionOf(object, type)?.status === 'True';
}

/** Sets a condition in place; its transition time moves only with its status. Returns whether anything changed. */
export function setCondition(object: { status: { conditions?: Condition[] } }, condition: Condition, now: Date): boolean {
  const conditions = (object.status.conditions ??= []);
  const index = conditions.findIndex(({ type }) => type === condition.type);
  const before = conditions[index];
  if (before?.status === condition.status && before.reason === condition.reason && before.message === condition.message) return false;
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : formatTime(now);
  conditions[index === -1 ? conditions.length : index] = { ...condition, lastTransitionTime };
  return true;
}

export function isFinishedPod(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

/** The reference that makes `owner` the object's controller. */
export function controllerReference(owner: KubernetesObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
}
