import type { ScanSignal } from '@cloudscan/orchestration';

type Row = [scanId: string, organizationId: string, sequence: number, deleted: 0 | 1];

/** Signals in one payload: 50 of at most 110 bytes stay below the 8,000 that NOTIFY takes. */
const perPayload = 50;

export function encodeSignals(signals: readonly ScanSignal[]): string[] {
  const rows = signals.map(({ scanId, organizationId, sequence, deleted }): Row => [scanId, organizationId, sequence, deleted ? 1 : 0]);
  const payloads: string[] = [];
  for (let start = 0; start < rows.length; start += perPayload) payloads.push(JSON.stringify(rows.slice(start, start + perPayload)));
  return payloads;
}

/** @throws SyntaxError or TypeError for what {@link encodeSignals} did not write */
export function decodeSignals(payload: string): ScanSignal[] {
  return (JSON.parse(payload) as Row[]).map(([scanId, organizationId, sequence, deleted]) => ({
    scanId,
    organizationId,
    sequence,
    deleted: deleted === 1,
  }));
}
