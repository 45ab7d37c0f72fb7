export const scanStatuses = ['pending', 'queued', 'running', 'completed', 'failed', 'cancelled'] as const;
export type ScanStatus = (typeof scanStatuses)[number];

/**
 * The whole state machine. `running → queued` is a new attempt after a failure of the infrastructure; a pending scan
 * that is never started fails. A state that leads nowhere is terminal.
 */
export const scanTransitions = {
  pending: ['queued', 'cancelled', 'failed'],
  queued: ['running', 'queued', 'cancelled', 'failed'],
  running: ['completed', 'failed', 'cancelled', 'queued'],
  completed: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<ScanStatus, readonly ScanStatus[]>;

/** The states that a scan may be created in. What is imported has ended: some other system has scanned. */
export const firstStatuses = ['pending', 'queued', 'completed', 'failed'] as const satisfies readonly ScanStatus[];

export function canTransition(from: ScanStatus, to: ScanStatus): boolean {
  return (scanTransitions[from] as readonly ScanStatus[]).includes(to);
}

export function isTerminal(status: ScanStatus): boolean {
  return scanTransitions[status].length === 0;
}

/** The states from which `to` may be reached: what an update's WHERE clause must say. */
export function statesBefore(to: ScanStatus): readonly ScanStatus[] {
  return scanStatuses.filter((from) => canTransition(from, to));
}
