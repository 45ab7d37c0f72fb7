import type { ObjectStore } from '@cloudscan/object-store';
import type { ArtifactRepository, StoredArtifact } from './artifact-repository.ts';
import type { Artifacts } from './artifacts.ts';
import type { QuotaRepository } from './quota-repository.ts';

/** What metadata and objects can disagree in. */
export const differenceKinds = ['artifactsWithoutObject', 'objectsWithoutArtifact', 'wrongObjects', 'wrongTotals'] as const;
export type DifferenceKind = (typeof differenceKinds)[number];

export interface Difference {
  readonly count: number;
  readonly bytes: number;
  /** How many of them are no more. */
  readonly mended: number;
  /** The first few, each a line. */
  readonly examples: readonly string[];
}

export interface ReconciliationReport {
  readonly isDryRun: boolean;
  /** What was created since belongs to calls and transfers at work, and was left alone. */
  readonly before: Date;
  /** How many were looked at. */
  readonly artifacts: number;
  readonly objects: number;
  readonly differences: Readonly<Record<DifferenceKind, Difference>>;
  /** True where no artifact has its object: then this is another store's database, and neither was touched. */
  readonly isForeignStore: boolean;
}

export interface ReconciliationOptions {
  readonly before: Date;
  /** Only tells. */
  readonly isDryRun: boolean;
  /** Reads every object through for its SHA-256, rather than take what the store noted. */
  readonly readsObjects: boolean;
}

const keyBatch = 1000;
/** Objects that are looked at side by side. */
const headBatch = 32;
const noObject = 'it has no object';
const maxExamples = 10;
const firstId = '00000000-0000-0000-0000-000000000000';
/** Milliseconds for reading one object through. */
const hashLimitMs = 600_000;

/**
 * Compares what the database knows with what the object store has, in both directions. An artifact whose object is gone is
 * taken away, an object that no artifact names likewise, and wrong totals are counted again. An object that is not what was
 * noted is only told of: its bytes may be wanted as evidence, so whoever reads the report deletes the artifact.
 */
export class Reconciliation {
  readonly #repository: ArtifactRepository;
  readonly #quotas: QuotaRepository;
  readonly #artifacts: Artifacts;
  readonly #store: ObjectStore;

  constructor(repository: ArtifactRepository, quotas: QuotaRepository, artifacts: Artifacts, store: ObjectStore) {
    this.#repository = repository;
    this.#quotas = quotas;
    this.#artifacts = artifacts;
    this.#store = store;
  }

  async run(options: ReconciliationOptions, signal: AbortSignal): Promise<ReconciliationReport> {
    const tallies = { artifactsWithoutObject: new Tally(), objectsWithoutArtifact: new Tally(), wrongObjects: new Tally() };
    const { looked: artifacts, missing } = await this.#compareArtifacts(options, tallies, signal);
    const { isDryRun, before } = options;
    const isForeignStore = artifacts > 0 && missing.length === artifacts;
    const mends = !isDryRun && !isForeignStore;
    if (mends) tallies.artifactsWithoutObject.mended = await this.#takeAway(missing);
    const objects = await this.#compareObjects(before, mends, tallies.objectsWithoutArtifact, signal);
    const wrongTotals = await this.#compareTotals(!isDryRun);
    return { isDryRun, before, artifacts, objects, isForeignStore, differences: { ...tallies, wrongTotals } };
  }

  /** Whether the first few available artifacts are without their objects, all of them. */
  async isForeignStore(before: Date): Promise<boolean> {
    const some = await this.#repository.available(before, firstId, headBatch);
    const objects = await Promise.all(some.map(({ storagePath }) => this.#store.head(storagePath)));
    return some.length > 0 && objects.every((object) => object === null);
  }

  /** Objects that no row knows, in batches; a row comes before its object. Also answers how many objects were looked at. */
  async *objectsWithoutArtifact(
    before: Date,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly looked: number; readonly keys: readonly string[] }> {
    let batch: string[] = [];
    const unknown = async () => {
      const known = await this.#repository.knownKeys(batch);
      return { looked: batch.length, keys: batch.filter((key) => !known.has(key)) };
    };
    for await (const { key, createdAt } of this.#store.list(signal)) {
      if (createdAt >= before || batch.push(key) < keyBatch) continue;
      yield await unknown();
      batch = [];
    }
    yield await unknown();
  }

  /** Counts the totals again that are wrong; answers how many. */
  async recount(): Promise<number> {
    return (await this.#compareTotals(true)).mended;
  }

  async #compareArtifacts(
    options: ReconciliationOptions,
    tallies: { readonly artifactsWithoutObject: Tally; readonly wrongObjects: Tally },
    signal: AbortSignal,
  ): Promise<{ readonly looked: number; readonly missing: readonly StoredArtifact[] }> {
    const missing: StoredArtifact[] = [];
    let looked = 0;
    let afterId = firstId;
    for (;;) {
      signal.throwIfAborted();
      const batch = await this.#repository.available(options.before, afterId, headBatch);
      const faults = await Promise.all(batch.map((artifact) => this.#faultOf(artifact, options.readsObjects, signal)));
      for (const [index, artifact] of batch.entries()) {
        const fault = faults[index] ?? null;
        if (fault === null) continue;
        if (fault === noObject) missing.push(artifact);
        const tally = fault === noObject ? tallies.artifactsWithoutObject : tallies.wrongObjects;
        tally.add(artifact.sizeBytes, `${describe(artifact)}: ${fault}`);
      }
      looked += batch.length;
      if (batch.length < headBatch) return { looked, missing };
      afterId = batch.at(-1)!.id;
    }
  }

  /** What is wrong with an artifact's object; null when nothing is, or when the artifact was deleted meanwhile. */
  async #faultOf(artifact: StoredArtifact, readsObject: boolean, signal: AbortSignal): Promise<string | null> {
    const { id, storagePath: key, sizeBytes, sha256 } = artifact;
    const object = await this.#store.head(key);
    if (object === null) return (await this.#repository.find(id)) === null ? null : noObject;
    if (object.sizeBytes !== sizeBytes) return `it has ${object.sizeBytes} bytes and ${sizeBytes} were noted`;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(hashLimitMs)]);
    const found = readsObject ? await this.#store.hash(key, limit) : object.sha256;
    if (found === null || sha256 === '' || found === sha256) return null;
    return `its SHA-256 is ${found} and ${sha256} was noted`;
  }

  /** Looks again at each, since the pass took its time; answers how many went. */
  async #takeAway(missing: readonly StoredArtifact[]): Promise<number> {
    let taken = 0;
    for (const { id, storagePath } of missing) {
      if ((await this.#store.head(storagePath)) === null) taken += await this.#artifacts.delete([id], null);
    }
    return taken;
  }

  async #compareObjects(before: Date, mends: boolean, tally: Tally, signal: AbortSignal): Promise<number> {
    let objects = 0;
    for await (const { looked, keys } of this.objectsWithoutArtifact(before, signal)) {
      objects += looked;
      for (const key of keys) tally.add((await this.#store.head(key))?.sizeBytes ?? 0, key);
      if (!mends) continue;
      await this.#store.deleteObjects(keys);
      tally.mended += keys.length;
    }
    return objects;
  }

  async #compareTotals(mends: boolean): Promise<Tally> {
    const tally = new Tally();
    for (const { organizationId, noted, counted } of await this.#quotas.wrongTotals()) {
      const line = `organization ${organizationId}: ${noted.artifacts} artifacts of ${noted.bytes} bytes noted, ${counted.artifacts} of ${counted.bytes} there`;
      tally.add(Math.abs(noted.bytes - counted.bytes), line);
      if (!mends) continue;
      await this.#quotas.recount(organizationId);
      tally.mended += 1;
    }
    return tally;
  }
}

class Tally implements Difference {
  count = 0;
  bytes = 0;
  mended = 0;
  readonly examples: string[] = [];

  add(bytes: number, example: string): void {
    this.count += 1;
    this.bytes += bytes;
    if (this.examples.length < maxExamples) this.examples.push(example);
  }
}

function describe({ id, organizationId, type }: StoredArtifact): string {
  return `artifact ${id} (${type}) of organization ${organizationId}`;
}
