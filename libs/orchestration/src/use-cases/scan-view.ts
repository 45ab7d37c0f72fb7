import type { Scan } from '@cloudscan/domain';
import type { Caller, UseCasePorts } from './ports.ts';

/** A scan as a reader sees it. */
export interface ScanView {
  readonly scan: Scan;
  /** 1 is next; 0 when the scan waits for nobody. */
  readonly queuePosition: number;
}

export async function viewOf({ scans, policy, clock }: UseCasePorts, { scope }: Caller, scan: Scan): Promise<ScanView> {
  const queuePosition = scan.status === 'queued' ? await scans.queuePosition(scope, scan, { limits: policy.limits, at: clock.now() }) : 0;
  return { scan, queuePosition };
}
