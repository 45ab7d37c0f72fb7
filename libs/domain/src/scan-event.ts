import type { FailureReason } from './failure.ts';
import type { Progress } from './scan.ts';
import type { ScanStatus } from './scan-status.ts';

/** One entry of a scan's timeline. */
export interface ScanEvent {
  readonly scanId: string;
  /** From 1, without gaps, per scan. */
  readonly sequence: number;
  readonly type: 'transition' | 'progress';
  /** Null for the first event. */
  readonly from: ScanStatus | null;
  readonly to: ScanStatus;
  readonly attempt: number;
  /** A user id, `runner`, `dispatcher`, `sweeper` or `system`. */
  readonly actor: string;
  readonly message: string;
  readonly progress: Progress | null;
  readonly failureReason: FailureReason | null;
  readonly createdAt: Date;
}
