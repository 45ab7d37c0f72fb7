import type { Lease } from '@cloudscan/database';
import { DomainError, failedPrecondition } from '@cloudscan/domain';
import type { ObjectStore } from '@cloudscan/object-store';
import type { ArtifactRepository } from './artifact-repository.ts';
import type { Artifacts } from './artifacts.ts';
import type { Reconciliation } from './reconciliation.ts';

/** How much of each kind one pass dealt with. */
export interface Collected {
  /** Available artifacts whose life was over. */
  readonly expired: number;
  /** Uploads that never came, or came wrong. */
  readonly unfinished: number;
  /** Rows that went with their bytes, those above included. */
  readonly deleted: number;
  /** Objects without a row. */
  readonly orphans: number;
  /** Organizations whose totals were wrong. */
  readonly recounted: number;
  /** What broken transfers left in the store. */
  readonly abandoned: number;
}

export interface CollectorOptions {
  /** What is younger, in milliseconds, may belong to a call or a transfer that is at work. */
  readonly graceMs: number;
  readonly now: () => Date;
  /** Gets what stays for the next pass. */
  readonly onError: (error: unknown) => void;
}

const rowBatch = 100;
/** Multipart uploads go with their rows; one that no row knows is older than any upload may take. */
const longestUploadMs = 8 * 86_400_000;
const firstId = '00000000-0000-0000-0000-000000000000';

/** Takes away what nobody needs any more. One process at a time; a pass can be broken off anywhere. */
export class Collector {
  readonly #repository: ArtifactRepository;
  readonly #artifacts: Artifacts;
  readonly #store: ObjectStore;
  readonly #reconciliation: Reconciliation;
  readonly #lease: Lease;
  readonly #options: CollectorOptions;
  #previous: Promise<unknown> = Promise.resolve();

  constructor(
    repository: ArtifactRepository,
    artifacts: Artifacts,
    store: ObjectStore,
    reconciliation: Reconciliation,
    lease: Lease,
    options: CollectorOptions,
  ) {
    this.#repository = repository;
    this.#artifacts = artifacts;
    this.#store = store;
    this.#reconciliation = reconciliation;
    this.#lease = lease;
    this.#options = options;
  }

  /** One pass, after any that runs already; null when another process collects. */
  runOnce(signal: AbortSignal): Promise<Collected | null> {
    const pass = this.#previous.then(() => this.#pass(signal));
    this.#previous = pass.catch(() => undefined);
    return pass;
  }

  async #pass(signal: AbortSignal): Promise<Collected | null> {
    if (!(await this.#lease.hold())) return null;
    const now = this.#options.now().getTime();
    const expired = await this.#repository.markExpired(new Date(now));
    const unfinished = await this.#endUnfinished(new Date(now - this.#options.graceMs), signal);
    const deleted = await this.#finishDeletions(signal);
    const orphans = await this.#deleteOrphans(new Date(now - this.#options.graceMs), signal);
    const recounted = await this.#reconciliation.recount();
    const cutoffs = { transfersBefore: new Date(now - this.#options.graceMs), multipartBefore: new Date(now - longestUploadMs) };
    const abandoned = await this.#store.collectAbandoned(cutoffs, signal);
    return { expired, unfinished, deleted, orphans, recounted, abandoned };
  }

  /** An upload that came without anybody asking for it since is good; the others are marked. */
  async #endUnfinished(before: Date, signal: AbortSignal): Promise<number> {
    let ended = 0;
    for (;;) {
      const batch = await this.#repository.unfinished(before, rowBatch);
      for (const artifact of batch) {
        signal.throwIfAborted();
        if ((await this.#artifacts.look(artifact).catch(nullIfWrong)) !== null) continue;
        await this.#repository.markDeleting([artifact.id], null);
        ended += 1;
      }
      if (batch.length < rowBatch) return ended;
    }
  }

  async #finishDeletions(signal: AbortSignal): Promise<number> {
    let deleted = 0;
    let afterId = firstId;
    for (;;) {
      signal.throwIfAborted();
      const batch = await this.#repository.deleting(afterId, rowBatch);
      try {
        await this.#artifacts.finishDeletion(batch);
        deleted += batch.length;
      } catch (error) {
        this.#options.onError(error);
      }
      if (batch.length < rowBatch) return deleted;
      afterId = batch.at(-1)!.id;
    }
  }

  async #deleteOrphans(before: Date, signal: AbortSignal): Promise<number> {
    if (await this.#reconciliation.isForeignStore(before)) {
      this.#options.onError(
        failedPrecondition('no artifact has its object: the store is another than the database is of; no object is deleted'),
      );
      return 0;
    }
    let orphans = 0;
    for await (const { keys } of this.#reconciliation.objectsWithoutArtifact(before, signal)) {
      await this.#store.deleteObjects(keys);
      orphans += keys.length;
    }
    return orphans;
  }
}

function nullIfWrong(error: unknown): null {
  if (error instanceof DomainError && ['failed_precondition', 'resource_exhausted'].includes(error.code)) return null;
  throw error;
}
