import type { FindingDraft } from '@cloudscan/domain';

/** SARIF section 3.27.24. */
export const baselineStates = ['new', 'unchanged', 'updated', 'absent'] as const;
export type BaselineState = (typeof baselineStates)[number];

/** SARIF section 3.27.9. */
export const resultKinds = ['notApplicable', 'pass', 'fail', 'review', 'open', 'informational'] as const;
export type ResultKind = (typeof resultKinds)[number];

export interface SarifResult {
  readonly runIndex: number;
  readonly resultIndex: number;
  readonly draft: FindingDraft;
  /** Somebody has decided that it is no matter: it has suppressions, and all of them are accepted (SARIF section 3.27.23). */
  readonly suppressed: boolean;
  /** Null where the log compares with nothing. */
  readonly baseline: BaselineState | null;
  readonly kind: ResultKind;
  /** Places after the first, which is the finding's. */
  readonly moreLocations: number;
}
