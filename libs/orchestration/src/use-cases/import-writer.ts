import type { OrganizationScope } from '@cloudscan/auth';
import type { FindingDraft } from '@cloudscan/domain';
import { withFingerprint } from '../input/findings.ts';
import type { ImportKey } from '../ports/import-repository.ts';
import { findingsOf } from './create-findings.ts';
import { importExpired } from './outcomes.ts';
import type { UseCasePorts } from './ports.ts';

/** Findings of one statement. */
const batchSize = 1000;

/** Writes the findings of an import in batches, while the next ones are being read. */
export class ImportWriter {
  readonly #ports: UseCasePorts;
  readonly #scope: OrganizationScope;
  readonly #key: ImportKey;
  readonly #leaseMs: number;
  #pending: FindingDraft[] = [];
  #batches = 0;
  #atWork: Promise<void> = Promise.resolve();

  constructor(ports: UseCasePorts, scope: OrganizationScope, key: ImportKey, leaseMs: number) {
    this.#ports = ports;
    this.#scope = scope;
    this.#key = key;
    this.#leaseMs = leaseMs;
  }

  /** @throws what writing an earlier batch threw */
  async add(draft: FindingDraft): Promise<void> {
    this.#pending.push(withFingerprint(draft));
    if (this.#pending.length === batchSize) await this.#flush();
  }

  /** Resolves when all are written. */
  async finish(): Promise<void> {
    if (this.#pending.length > 0) await this.#flush();
    await this.#atWork;
  }

  /** At most one batch is at work and one is being filled: that is all that memory holds. */
  async #flush(): Promise<void> {
    const drafts = this.#pending;
    this.#pending = [];
    await this.#atWork;
    this.#batches += 1;
    this.#atWork = this.#write(String(this.#batches), drafts);
    // Whoever comes next gets the error.
    this.#atWork.catch(() => undefined);
  }

  async #write(batchKey: string, drafts: readonly FindingDraft[]): Promise<void> {
    const { imports, clock } = this.#ports;
    const findings = findingsOf(this.#ports, this.#scope, this.#key, drafts, clock.now());
    const written = await imports.addFindings(this.#scope, { ...this.#key, batchKey, findings, leaseMs: this.#leaseMs });
    if (!written) throw importExpired();
  }
}
