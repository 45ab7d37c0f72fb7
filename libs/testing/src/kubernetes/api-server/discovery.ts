import { apiVersionOf } from './resource.ts';
import type { Resource } from './resource.ts';
import { resources } from './registry.ts';

const version = { major: '1', minor: '34', gitVersion: 'v1.34.0', gitCommit: '', gitTreeState: 'clean', platform: 'linux/amd64' };

/** Kinds of the requests that subresources take, where it is not that of their resource. */
const subresourceKinds: Readonly<
  Record<string, { readonly group?: string; readonly version?: string; readonly kind: string; readonly verbs: readonly string[] }>
> = {
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
  binding: { kind: 'Binding', verbs: ['create'] },
};

/** What the API tells about itself; null for another path. */
export function discover(path: string): object | null {
  switch (path.replace(/\/$/, '')) {
    case '/version':
      return version;
    case '/api':
      return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupNames().map(describeGroup) };
    default:
      return discoverGroup(path);
  }
}

function discoverGroup(path: string): object | null {
  const [, root, ...rest] = path.split('/');
  if (root === 'apis' && rest.length === 1 && groupNames().includes(rest[0]!))
    return { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(rest[0]!) };
  const groupVersion = rest.join('/');
  const isKnown = root === (groupVersion.includes('/') ? 'apis' : 'api');
  const served = isKnown ? resources.filter((resource) => apiVersionOf(resource) === groupVersion) : [];
  const reviews = isKnown && groupVersion === 'authorization.k8s.io/v1' ? [accessReviews] : [];
  if (served.length + reviews.length === 0) return null;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: [...served.flatMap(describe), ...reviews] };
}

const accessReviews = {
  name: 'selfsubjectaccessreviews',
  singularName: '',
  namespaced: false,
  kind: 'SelfSubjectAccessReview',
  verbs: ['create'],
};

function groupNames(): readonly string[] {
  return [...new Set([...resources.map(({ group }) => group).filter((group) => group !== ''), 'authorization.k8s.io'])];
}

function describeGroup(name: string): object {
  const preferredVersion = { groupVersion: `${name}/v1`, version: 'v1' };
  return { name, versions: [preferredVersion], preferredVersion };
}

function describe({ plural, kind, isNamespaced, isReadOnly, shortNames, categories, subresources }: Resource): readonly object[] {
  const reads = ['get', 'list', 'watch'];
  const verbs = isReadOnly ? reads : ['create', 'delete', 'deletecollection', 'patch', 'update', ...reads];
  const main = { name: plural, singularName: kind.toLowerCase(), namespaced: isNamespaced, kind, verbs, shortNames, categories };
  const below = subresources.map((name) => ({
    name: `${plural}/${name}`,
    singularName: '',
    namespaced: isNamespaced,
    ...(subresourceKinds[name] ?? { kind, verbs: name === 'log' ? ['get'] : ['get', 'patch', 'update'] }),
  }));
  return [main, ...below];
}
