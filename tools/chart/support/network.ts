import { BlockList } from 'node:net';
import { ofKind } from './manifests.ts';
import type { Labels, Manifest } from './manifests.ts';

/** One end of a connection: a pod, or an address outside of the cluster. */
export type Endpoint = { readonly namespace: string; readonly labels: Labels } | { readonly address: string };

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port: number; readonly protocol?: string }[];
}

interface Policy {
  readonly namespace: string;
  readonly podSelector: Selector;
  readonly policyTypes: readonly string[];
  readonly ingress?: readonly Rule[];
  readonly egress?: readonly Rule[];
}

/** NetworkPolicies as a cluster's network applies them: https://kubernetes.io/docs/concepts/services-networking/network-policies/ */
export class Network {
  readonly #policies: readonly Policy[];

  /** @param releaseNamespace of manifests that name none */
  constructor(manifests: readonly Manifest[], releaseNamespace: string) {
    this.#policies = ofKind(manifests, 'NetworkPolicy').map(({ metadata, spec }) => ({
      ...(spec as unknown as Policy),
      namespace: metadata.namespace ?? releaseNamespace,
    }));
  }

  /** Whether both ends let a TCP connection through. */
  allows(from: Endpoint, to: Endpoint, port: number): boolean {
    return this.#letsThrough('Egress', from, to, port) && this.#letsThrough('Ingress', to, from, port);
  }

  /** An end that no policy of the direction selects is open; otherwise one of its policies must allow the other end. */
  #letsThrough(direction: 'Egress' | 'Ingress', end: Endpoint, other: Endpoint, port: number): boolean {
    const policies = this.#policies.filter((policy) => policy.policyTypes.includes(direction) && selects(policy, end));
    if (policies.length === 0) return true;
    return policies.some(({ namespace, egress = [], ingress = [] }) =>
      (direction === 'Egress' ? egress : ingress).some((rule) => {
        const peers = (direction === 'Egress' ? rule.to : rule.from) ?? null;
        const ports = rule.ports?.filter(({ protocol = 'TCP' }) => protocol === 'TCP') ?? null;
        return (
          (peers === null || peers.some((peer) => isPeer(peer, other, namespace))) &&
          (ports === null || ports.some((allowed) => allowed.port === port))
        );
      }),
    );
  }
}

function selects({ namespace, podSelector }: Policy, end: Endpoint): boolean {
  return 'labels' in end && end.namespace === namespace && matches(podSelector, end.labels);
}

/** A block of addresses means ends outside of the cluster; a selector of pods alone means the policy's own namespace. */
function isPeer({ ipBlock, podSelector, namespaceSelector }: Peer, end: Endpoint, namespace: string): boolean {
  if (ipBlock !== undefined)
    return 'address' in end && contains(ipBlock.cidr, end.address) && !ipBlock.except?.some((cidr) => contains(cidr, end.address));
  if (!('labels' in end)) return false;
  const inNamespace =
    namespaceSelector === undefined
      ? end.namespace === namespace
      : matches(namespaceSelector, { 'kubernetes.io/metadata.name': end.namespace });
  return inNamespace && matches(podSelector ?? {}, end.labels);
}

function matches({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== 'In') throw new Error(`the operator ${operator} is not known here`);
      return values.includes(labels[key] ?? '');
    })
  );
}

function contains(cidr: string, address: string): boolean {
  const [network, bits] = cidr.split('/');
  const list = new BlockList();
  list.addSubnet(network!, Number(bits));
  return list.check(address);
}
