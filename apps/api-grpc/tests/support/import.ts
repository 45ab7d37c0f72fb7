import { scan } from '@cloudscan/contracts';
import type { Api, Tenant } from './api.ts';

type Result = Record<string, unknown>;
type Run = Record<string, unknown>;

/** A result of SARIF with what it must have. */
export function aResult(fields: Result = {}): Result {
  return {
    ruleId: 'js/sql-injection',
    level: 'error',
    message: { text: 'This query depends on a user-provided value.' },
    locations: [locationOf('src/orders.js', 12)],
    ...fields,
  };
}

export function locationOf(uri: string, startLine: number): object {
  return { physicalLocation: { artifactLocation: { uri }, region: { startLine } } };
}

/** A run of SARIF. */
export function aRun(results: readonly Result[], fields: Run = {}): Run {
  return { tool: { driver: { name: 'CodeQL', version: '2.20.0', rules: [{ id: 'js/sql-injection' }] } }, results, ...fields };
}

export function aLog(...runs: readonly Run[]): Buffer {
  return Buffer.from(JSON.stringify({ $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0', runs }));
}

/** The requests of one import, the log in pieces of `chunkBytes`. */
export async function* importRequests(
  header: Partial<scan.ImportSarifHeader>,
  log: Uint8Array,
  chunkBytes = 64 * 1024,
): AsyncGenerator<scan.ImportSarifRequest> {
  yield { part: { $case: 'header', value: scan.ImportSarifHeader.create(header) } };
  for (let at = 0; at < log.length; at += chunkBytes) {
    yield { part: { $case: 'chunk', value: Buffer.from(log.subarray(at, at + chunkBytes)) } };
  }
}

/** Imports a log into a tenant's project. */
export function importLog(
  api: Api,
  { organizationId, projectId }: Tenant,
  log: Uint8Array,
  { idempotencyKey, signal, ...header }: Partial<scan.ImportSarifHeader> & { idempotencyKey?: string; signal?: AbortSignal } = {},
): Promise<scan.ImportSarifResponse> {
  return api.scans.upload('importSarif', importRequests({ organizationId, projectId, ...header }, log), { idempotencyKey, signal });
}
