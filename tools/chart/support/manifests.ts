import { generateKeyPairSync } from 'node:crypto';

/** What the tests look at in a rendered resource. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly rules?: readonly PolicyRule[];
  readonly data?: Readonly<Record<string, string>>;
}

export type Labels = Readonly<Record<string, string>>;

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Labels };
  readonly spec: PodSpec;
}

export interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly serviceAccountName?: string;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
}

export interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
  readonly sysctls?: readonly unknown[];
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly EnvironmentVariable[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number; readonly hostPort?: number }[];
  readonly resources?: { readonly limits?: Labels; readonly requests?: Labels };
  readonly securityContext?: SecurityContext;
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
}

/** A pod that a manifest makes. */
export interface Workload {
  /** Of the label app.kubernetes.io/component. */
  readonly component: string;
  readonly kind: string;
  readonly pod: PodTemplate;
}

const workloadKinds = ['CronJob', 'Deployment', 'StatefulSet', 'Job'];

export function workloadsOf(manifests: readonly Manifest[]): Workload[] {
  return manifests
    .filter(({ kind }) => workloadKinds.includes(kind))
    .map(({ kind, spec }) => {
      const { template: pod } = (kind === 'CronJob' ? (spec!['jobTemplate'] as Manifest).spec! : spec!) as { template: PodTemplate };
      return { component: pod.metadata.labels['app.kubernetes.io/component']!, kind, pod };
    });
}

export function ofKind(manifests: readonly Manifest[], kind: string): Manifest[] {
  return manifests.filter((manifest) => manifest.kind === kind);
}

const signingKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

/** What stands in a test for a value from a Secret: a key that signs attestations, or a text that is long enough for any other. */
export function secretValue(name: string, key: string): string {
  if (key === 'attestation-key') return signingKey;
  return `${name}-${key}-`.padEnd(64, 'x');
}

/** The environment of a container, as a process in it finds it. */
export function environmentOf(container: Container): Record<string, string> {
  const entries = (container.env ?? []).map(({ name, value, valueFrom }) => {
    const reference = valueFrom?.secretKeyRef;
    return [name, reference === undefined ? (value ?? '') : secretValue(reference.name, reference.key)] as const;
  });
  return Object.fromEntries(entries);
}
