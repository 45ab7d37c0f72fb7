import { jobNameOf, unavailable } from '@cloudscan/domain';
import type { Clock, JobSpec } from '@cloudscan/orchestration';
import { labelNames, labelsOf, unownedSelector } from './labels.ts';
import type { NamespaceApi } from './namespace-api.ts';
import type { WireJob, WireSecret } from './resources.ts';

const issuedAnnotation = 'cloudscan.io/issued-at';
/** Milliseconds after which a Secret that no Job owns is no more one whose Job is being made. */
const orphanAgeMs = 600_000;

/** The variables of a runner that nobody else may read; none for a scan that has no such. */
export type ConfidentialVariables = (spec: JobSpec) => Promise<Readonly<Record<string, string>>>;

/**
 * The Secrets that hold what only a runner may read, each of the name of its Job. A Secret is made before its Job, which
 * cannot start without it, and is owned by it after, so that Kubernetes removes both together.
 */
export class RunnerSecrets {
  readonly #api: NamespaceApi;
  readonly #variables: ConfidentialVariables;
  readonly #clock: Clock;

  constructor(api: NamespaceApi, variables: ConfidentialVariables, clock: Clock) {
    this.#api = api;
    this.#variables = variables;
    this.#clock = clock;
  }

  /** Answers the names of the variables in it. What is in one that is there may be as old as the first try to make the Job. */
  async issue(spec: JobSpec): Promise<readonly string[]> {
    const secret = await this.#secretOf(spec);
    const names = Object.keys(secret.data);
    if (names.length === 0 || (await this.#api.create('secrets', secret)) !== null) return names;
    const { annotations } = secret.metadata;
    const renewed = await this.#api.patch('secrets', secret.metadata.name, { metadata: { annotations }, data: secret.data });
    if (renewed === null) throw unavailable('the Secret of this runner');
    return names;
  }

  /** Makes the Job the owner of its Secret. Makes the Secret anew where it was taken for an orphan. */
  async adopt(spec: JobSpec, job: WireJob): Promise<void> {
    const { name = '', uid = '' } = job.metadata ?? {};
    const owned = {
      labels: { ...labelsOf(spec), [labelNames.owned]: 'true' },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid }],
    };
    if ((await this.#api.patch('secrets', name, { metadata: owned })) !== null) return;
    const secret = await this.#secretOf(spec);
    await this.#api.create('secrets', { ...secret, metadata: { ...secret.metadata, ...owned } });
  }

  async #secretOf(spec: JobSpec) {
    const variables = Object.entries(await this.#variables(spec));
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'Opaque',
      metadata: {
        name: jobNameOf(spec.scanId, spec.attempt),
        labels: labelsOf(spec),
        annotations: { [issuedAnnotation]: this.#clock.now().toISOString() },
      },
      data: Object.fromEntries(variables.map(([name, value]) => [name, Buffer.from(value).toString('base64')])),
    };
  }
}

/**
 * Removes Secrets that no Job owns, unless their Job exists or may yet come. Answers how many. The preconditions keep one
 * that was renewed a moment ago.
 */
export async function removeOrphanedSecrets(api: NamespaceApi, now: Date): Promise<number> {
  let removed = 0;
  for await (const { metadata = {} } of api.list<WireSecret>('secrets', { labelSelector: unownedSelector })) {
    const { name = '', uid, resourceVersion, annotations = {} } = metadata;
    const issuedAt = Date.parse(annotations[issuedAnnotation] ?? '');
    if (Number.isNaN(issuedAt) || now.getTime() - issuedAt < orphanAgeMs) continue;
    if ((await api.get<WireJob>('jobs', name)) !== null) continue;
    if (await api.delete('secrets', name, { preconditions: { uid, resourceVersion } })) removed += 1;
  }
  return removed;
}
