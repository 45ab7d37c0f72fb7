/** Says that a scan has new events; what they are stands in the database. */
export interface ScanSignal {
  readonly organizationId: string;
  readonly scanId: string;
  /** The number of the newest event. */
  readonly sequence: number;
  /** The scan was deleted: nothing more will come. */
  readonly deleted?: boolean;
}

/**
 * The bus behind WatchScan. Best effort: a signal may be lost or come twice, so a listener reads the database, and looks
 * there by itself now and then.
 */
export interface ScanEvents {
  /** Never throws; a bus that is down costs time only. */
  publish(signal: ScanSignal): void;
  /** Every signal of one scan until the returned function is called. `onSignal` must not throw. */
  subscribe(scanId: string, onSignal: (signal: ScanSignal) => void): () => void;
}
