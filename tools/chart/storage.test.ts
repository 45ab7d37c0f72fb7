import { requires } from '@cloudscan/testing';
import test from 'ava';
import { releaseNamespace, render, renderText, valueSets } from './support/helm.ts';
import { ofKind, workloadsOf } from './support/manifests.ts';
import type { Manifest, Workload } from './support/manifests.ts';
import { Network } from './support/network.ts';

const withHelm = requires(test, 'helm');
const identityLabel = 'azure.workload.identity/use';
const azureByIdentity = [...valueSets['azure']!, '--set', 'storage.azure.existingSecret='];

function annotationsOfAccounts(manifests: readonly Manifest[]): Record<string, object> {
  const annotated = ofKind(manifests, 'ServiceAccount').filter(({ metadata }) => metadata.annotations !== undefined);
  return Object.fromEntries(annotated.map(({ metadata }) => [metadata.name, metadata.annotations!]));
}

function labelledForAzure(manifests: readonly Manifest[]): string[] {
  return workloadsOf(manifests)
    .filter(({ pod }) => pod.metadata.labels[identityLabel] === 'true')
    .map(({ component }) => component);
}

/** The keys of a Secret that a pod has as files. */
function keysIn({ pod }: Workload, secretName: string): string[] {
  const volumes = (pod.spec.volumes ?? []) as readonly { secret?: { secretName: string; items: readonly { key: string }[] } }[];
  return volumes.flatMap(({ secret }) => (secret?.secretName === secretName ? secret.items.map(({ key }) => key) : []));
}

withHelm('a cloud knows the storage service by its own account, and nothing else by that', async (t) => {
  const google = { 'iam.gke.io/gcp-service-account': 'storage@example.iam.gserviceaccount.com' };
  t.deepEqual(annotationsOfAccounts(await render(valueSets['gcs']!)), { 'cloudscan-storage': google });
  const amazon = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/cloudscan' };
  t.deepEqual(annotationsOfAccounts(await render(valueSets['s3']!)), { 'cloudscan-storage': amazon });
  t.deepEqual(annotationsOfAccounts(await render(valueSets['azure']!)), {});
});

withHelm('a pod of the storage service is given an identity of Azure where it has no key, and only there', async (t) => {
  t.deepEqual(labelledForAzure(await render(azureByIdentity)), ['storage']);
  t.deepEqual(labelledForAzure(await render(valueSets['azure']!)), []);
  t.deepEqual(labelledForAzure(await render(valueSets['gcs']!)), []);
});

withHelm('the metadata server of Google is reached by the storage service where it has no key, and by nothing else', async (t) => {
  const reaching = async (args: readonly string[]): Promise<string[]> => {
    const manifests = await render(args);
    const network = new Network(manifests, releaseNamespace);
    return workloadsOf(manifests)
      .filter(({ pod }) => network.allows({ namespace: releaseNamespace, labels: pod.metadata.labels }, { address: '169.254.169.254' }, 80))
      .map(({ component }) => component);
  };
  t.deepEqual(await reaching(valueSets['gcs']!), ['storage']);
  t.deepEqual(await reaching([...valueSets['gcs']!, '--set', 'storage.gcs.existingSecret=key']), []);
  t.deepEqual(await reaching(valueSets['s3']!), []);
});

withHelm('the key of the storage service is in its own pods; whoever calls it has the authority alone', async (t) => {
  const found = workloadsOf(await render(valueSets['azure']!)).map((workload) => [
    workload.component,
    keysIn(workload, 'cloudscan-storage-tls'),
  ]);
  const authority = ['ca.crt'];
  t.deepEqual(Object.fromEntries(found.filter(([, keys]) => keys!.length > 0)), {
    'api-grpc': authority,
    'api-http': authority,
    sweeper: authority,
    storage: ['tls.crt', 'tls.key'],
  });
});

withHelm('a bucket, an account and a byte edge that do not fit the backend are refused by name', async (t) => {
  const refused = async (...settings: readonly string[]): Promise<string> => {
    const args = settings.flatMap((setting) => ['--set', setting]);
    return (await t.throwsAsync(renderText([...valueSets['default']!, ...args]))).message;
  };
  t.regex(await refused('storage.backend=gcs'), /storage\.gcs\.bucket is not set/);
  t.regex(await refused('storage.backend=azure'), /storage\.azure\.account is not set/);
  t.regex(await refused('storage.backend=tape'), /storage/);
  t.regex(
    await refused(
      'storage.backend=gcs',
      'storage.gcs.bucket=artifacts',
      'components.storage.ingress.enabled=true',
      'components.storage.ingress.host=a.example',
    ),
    /components\.storage\.ingress is for the byte edge/,
  );
});
