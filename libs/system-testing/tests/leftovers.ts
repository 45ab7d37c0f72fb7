import { isDeepStrictEqual } from 'node:util';
import type { ExecutionContext } from 'ava';
import { eventually } from '@cloudscan/testing';
import type { ClusterRig } from '../src/cluster-rig.ts';
import type { ScriptedCluster } from '../src/scripted-cluster.ts';

interface Named {
  readonly metadata: { readonly name: string };
}

const ours = 'app.kubernetes.io/managed-by=cloudscan';
const open = `SELECT (SELECT count(*)::int FROM active_scans) AS active,
  (SELECT count(*)::int FROM pgboss.job WHERE name IN ('dispatch', 'stop-job') AND state < 'completed') AS messages`;

/** No Job whose end is not recorded, no pod that runs, no Secret without its Job, no scan that counts as active, no message. */
export async function nothingIsLeft(t: ExecutionContext, rig: ClusterRig, cluster: ScriptedCluster): Promise<void> {
  const left = async (): Promise<Readonly<Record<string, unknown>>> => {
    const [row] = await rig.database.query<{ active: number; messages: number }>(open);
    const all = new Set((await cluster.list<Named>('jobs', ours)).map(namesOf));
    const secrets = await cluster.list<Named>('secrets', ours);
    return {
      ...row,
      jobs: (await cluster.list<Named>('jobs', `${ours},cloudscan.io/recorded!=true`)).map(namesOf),
      pods: (await cluster.list<Named>('pods', ours, 'status.phase!=Succeeded,status.phase!=Failed')).map(namesOf),
      secrets: secrets.map(namesOf).filter((name) => !all.has(name)),
    };
  };
  await ageUnownedSecrets(cluster);
  const nothing = { active: 0, messages: 0, jobs: [], pods: [], secrets: [] };
  await eventually(async () => isDeepStrictEqual(await left(), nothing), { timeoutMs: 60_000, intervalMs: 200 }).catch(() => undefined);
  t.deepEqual(await left(), nothing);
}

/** A Secret without a Job counts as one whose Job is being made for ten minutes; lets them pass. */
async function ageUnownedSecrets(cluster: ScriptedCluster): Promise<void> {
  const annotations = { 'cloudscan.io/issued-at': new Date(Date.now() - 3_600_000).toISOString() };
  for (const { metadata } of await cluster.list<Named>('secrets', `${ours},cloudscan.io/owned!=true`)) {
    const contentType = 'application/merge-patch+json';
    await cluster.ask(cluster.path('secrets', metadata.name), { method: 'PATCH', contentType, body: { metadata: { annotations } } });
  }
}

function namesOf({ metadata }: Named): string {
  return metadata.name;
}
