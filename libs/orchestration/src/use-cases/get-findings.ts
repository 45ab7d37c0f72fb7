import { scanTypes, severities } from '@cloudscan/domain';
import type { Finding, ScanType, Severity } from '@cloudscan/domain';
import { readRequest } from '../input/request-reader.ts';
import type { Given, GivenPage } from '../input/request-reader.ts';
import type { Page } from '../ports/page.ts';
import { findScan } from './outcomes.ts';
import type { Caller, UseCasePorts } from './ports.ts';

export interface GetFindingsRequest extends GivenPage {
  readonly scanId: string;
  readonly scanType: Given<ScanType>;
  readonly severity: Given<Severity>;
}

/**
 * A scan's findings, most severe first; while it runs, those that have come so far.
 *
 * @throws invalid_argument, not_found
 */
export async function getFindings(ports: UseCasePorts, caller: Caller, request: GetFindingsRequest): Promise<Page<Finding>> {
  const query = readRequest((reader) => ({
    scanId: reader.id('scan_id', request.scanId),
    scanType: reader.optionalMember('scan_type', request.scanType, scanTypes),
    severity: reader.optionalMember('severity', request.severity, severities),
    ...reader.page(request),
  }));
  const page = await ports.scans.findings(caller.scope, query);
  // A page that holds findings has shown that the scan was there.
  if (page.items.length === 0) await findScan(ports, caller, query.scanId);
  return page;
}
