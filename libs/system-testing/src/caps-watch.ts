import { systemScope } from '@cloudscan/auth';
import { PeriodicTask } from '@cloudscan/process';
import type { Pod, Teardown } from '@cloudscan/testing';
import type { Cluster } from './cluster.ts';
import type { ClusterRig } from './cluster-rig.ts';

/** The most that was seen at once, in all and of each organization. */
export class Peak {
  readonly #ofOrganization = new Map<string, number>();
  #samples = 0;
  #most = 0;

  get samples(): number {
    return this.#samples;
  }

  get most(): number {
    return this.#most;
  }

  of(organizationId: string): number {
    return this.#ofOrganization.get(organizationId) ?? 0;
  }

  /** @param counts one snapshot: how many there are, by organization */
  see(counts: ReadonlyMap<string, number>): void {
    this.#samples += 1;
    this.#most = Math.max(
      this.#most,
      [...counts.values()].reduce((sum, count) => sum + count, 0),
    );
    for (const [id, count] of counts) this.#ofOrganization.set(id, Math.max(count, this.of(id)));
  }
}

export interface CapsWatch {
  /** Admitted and not ended, each sample one snapshot of the database. */
  readonly attempts: Peak;
  /** Neither over nor being ended, whatever became of their attempts; each sample one list of the cluster. */
  readonly pods: Peak;
}

const intervalMs = 20;
const scope = systemScope('caps-watch');
const admitted = 'SELECT organization_id AS id, count(*)::int AS count FROM active_scans WHERE admitted_at IS NOT NULL GROUP BY 1';
const runners = 'app.kubernetes.io/component=runner';

/** Looks again and again at what counts against the caps, until the test is over. */
export async function watchCaps(t: Teardown, rig: ClusterRig, cluster: Cluster): Promise<CapsWatch> {
  const caps = { attempts: new Peak(), pods: new Peak() };
  await repeat(t, async () => {
    const { rows } = await rig.database.database.query<{ id: string; count: number }>(scope, admitted);
    caps.attempts.see(new Map(rows.map(({ id, count }) => [id, count])));
  });
  await repeat(t, async () => {
    const pods = await cluster.list<Pod>('pods', runners, 'status.phase!=Succeeded,status.phase!=Failed');
    caps.pods.see(countByOrganization(pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)));
  });
  return caps;
}

/** A database or a cluster that is away for a moment is looked at again later. */
async function repeat(t: Teardown, look: () => Promise<void>): Promise<void> {
  const task = new PeriodicTask({ name: 'caps', intervalMs, onError: () => undefined }, look);
  await task.start();
  t.teardown(() => task.stop());
}

function countByOrganization(pods: readonly Pod[]): ReadonlyMap<string, number> {
  const groups = Map.groupBy(pods, (pod) => labelOf(pod, 'organization-id'));
  return new Map([...groups].map(([id, group]) => [id, group.length]));
}

function labelOf({ metadata }: Pod, name: string): string {
  return metadata.labels?.[`cloudscan.io/${name}`] ?? '';
}
