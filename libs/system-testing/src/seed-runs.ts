import { eventually, newId } from '@cloudscan/testing';
import type { Cluster } from './cluster.ts';
import type { ClusterRig } from './cluster-rig.ts';
import type { TestProject } from './scan-client.ts';

interface Manifest {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly annotations?: object };
  readonly spec: { readonly template: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } } };
}

/** Requests for Jobs at a time. */
const lanes = 16;

/**
 * Makes scans with their Jobs in bulk, past api-grpc and dispatcher: copies of one that came the ordinary way. So a sweeper
 * is given in seconds what a system takes minutes to come to.
 */
export class RunSeeder {
  readonly #rig: ClusterRig;
  readonly #cluster: Cluster;
  readonly #template: { readonly scanId: string; readonly job: string };

  private constructor(rig: ClusterRig, cluster: Cluster, template: { readonly scanId: string; readonly job: string }) {
    this.#rig = rig;
    this.#cluster = cluster;
    this.#template = template;
  }

  /** Starts the scan that is copied; it stays active, so its pod must go on. */
  static async create(rig: ClusterRig, cluster: Cluster, project: TestProject): Promise<RunSeeder> {
    const scanId = await rig.client.createOfGit(project);
    await rig.client.start(scanId);
    await rig.client.waitFor(scanId, 'the Job of the scan', ({ jobName }) => jobName !== '');
    const job = await eventually(async () => (await cluster.list<Manifest>('jobs', `cloudscan.io/scan-id=${scanId}`))[0]);
    return new RunSeeder(rig, cluster, { scanId, job: JSON.stringify(asWasAskedFor(job)) });
  }

  /** Adds so many scans that wait for their admission. */
  async queue(count: number): Promise<void> {
    await this.#copy(newIds(count), { admitted_at: null, job_name: null, job_namespace: null });
  }

  /** Adds so many admitted scans, each with its Job; answers their ids. */
  async add(count: number): Promise<readonly string[]> {
    const ids = newIds(count);
    await this.#copy(ids, {});
    await this.#postAll(ids, lanes);
    return ids;
  }

  /** Makes so many Jobs that belong to no scan. */
  async addJobs(count: number, atATime: number): Promise<void> {
    await this.#postAll(newIds(count), atATime);
  }

  async #postAll(ids: readonly string[], atATime: number): Promise<void> {
    const rest = ids.values();
    const lane = async (): Promise<void> => {
      for (const id of rest) await this.#post(id);
    };
    await Promise.all(Array.from({ length: atATime }, lane));
  }

  async #copy(ids: readonly string[], difference: object): Promise<void> {
    for (const copy of [copyScans, copyActive]) await this.#rig.database.query(copy, [ids, this.#template.scanId, difference]);
  }

  async #post(id: string): Promise<void> {
    const body = JSON.parse(this.#template.job.replaceAll(this.#template.scanId, id)) as object;
    await this.#cluster.ask(this.#cluster.path('jobs'), { method: 'POST', body });
  }
}

const copyScans = `INSERT INTO scans SELECT copy.* FROM scans template, unnest($1::uuid[]) AS made (id), jsonb_populate_record(template,
  jsonb_build_object('id', made.id, 'created_at', uuid_v7_time(made.id), 'job_name', 'scan-' || made.id || '-1') || $3) AS copy
  WHERE template.id = $2`;
const copyActive = `INSERT INTO active_scans SELECT copy.* FROM active_scans template, unnest($1::uuid[]) AS made (id),
  jsonb_populate_record(template, jsonb_build_object('scan_id', made.id, 'scan_created_at', uuid_v7_time(made.id)) || $3) AS copy
  WHERE template.scan_id = $2`;

function newIds(count: number): readonly string[] {
  return Array.from({ length: count }, () => newId());
}

/** A Job without what the API server and its controller add. */
function asWasAskedFor({ metadata: { name, labels, annotations }, spec }: Manifest): object {
  const { selector: _selector, ...own } = spec as Manifest['spec'] & { readonly selector?: object };
  const template = { ...own.template, metadata: { ...own.template.metadata, labels: ownLabels(own.template.metadata.labels) } };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, labels: ownLabels(labels), annotations }, spec: { ...own, template } };
}

function ownLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !/controller-uid|job-name/.test(name)));
}
