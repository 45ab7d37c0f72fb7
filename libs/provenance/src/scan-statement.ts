import { totalOf } from '@cloudscan/domain';
import type { Scan, ScanType, SeverityCounts, ToolStatus } from '@cloudscan/domain';
import { AttestationError } from './attestation-error.ts';
import { gitUri } from './git-uri.ts';

/** in-toto attestation, envelope.md: the envelope holds a JSON object whose `_type` names its schema. */
export const statementPayloadType = 'application/vnd.in-toto+json';
/** docs/ATTESTATION.md. */
export const scanPredicateType = 'https://cloudscan.io/attestation/scan/v1';
const statementType = 'https://in-toto.io/Statement/v1';

/** in-toto attestation, resource_descriptor.md. */
interface ResourceDescriptor {
  readonly name?: string;
  readonly uri?: string;
  /** Lower-case hexadecimal by algorithm. */
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An in-toto Statement v1 about a scan: the predicate is what its subject, the SARIF log, came from. */
export interface ScanStatement {
  readonly _type: typeof statementType;
  readonly subject: readonly ResourceDescriptor[];
  readonly predicateType: typeof scanPredicateType;
  readonly predicate: ScanPredicate;
}

export interface ScanPredicate {
  readonly scan: {
    readonly id: string;
    readonly organizationId: string;
    readonly projectId: string;
    readonly attempt: number;
    readonly types: readonly ScanType[];
  };
  readonly source: ResourceDescriptor;
  readonly tools: readonly {
    readonly name: string;
    readonly version: string;
    readonly rulesVersion: string;
    readonly type: ScanType;
    readonly status: ToolStatus;
    readonly findings: number;
  }[];
  readonly findings: SeverityCounts & { readonly total: number };
  /** RFC 3339. */
  readonly startedOn: string;
  readonly finishedOn: string;
  readonly platform: { readonly orchestratorVersion: string; readonly runnerVersion: string };
}

/** A file of the scan, by its name and SHA-256. */
interface HashedFile {
  readonly name: string;
  readonly sha256: string;
}

export interface ScanFacts {
  /** Completed. */
  readonly scan: Scan;
  readonly results: HashedFile;
  /** Of the uploaded archive; null for a clone, or where the archive is gone. */
  readonly sourceName: string | null;
  readonly orchestratorVersion: string;
}

/** The bytes to sign: the same for the same facts. Null where the scan does not say where its results come from. */
export function scanStatement({ scan, results, sourceName, orchestratorVersion }: ScanFacts): Buffer | null {
  const { provenance, startedAt, completedAt } = scan;
  if (provenance === null || startedAt === null || completedAt === null || results.sha256 === '') return null;
  const statement: ScanStatement = {
    _type: statementType,
    subject: [{ name: results.name, digest: { sha256: results.sha256 } }],
    predicateType: scanPredicateType,
    predicate: {
      scan: {
        id: scan.id,
        organizationId: scan.organizationId,
        projectId: scan.projectId,
        attempt: scan.attempt,
        types: scan.scanTypes,
      },
      source: sourceOf(scan, provenance, sourceName),
      tools: scan.tools.map(({ name, version, rulesVersion, scanType: type, status, findingsCount: findings }) => {
        return { name, version, rulesVersion, type, status, findings };
      }),
      findings: { total: totalOf(scan.findings), ...scan.findings },
      startedOn: startedAt.toISOString(),
      finishedOn: completedAt.toISOString(),
      platform: { orchestratorVersion, runnerVersion: provenance.runnerVersion },
    },
  };
  return Buffer.from(JSON.stringify(statement));
}

function sourceOf({ source }: Scan, { sourceSha256, gitCommit }: NonNullable<Scan['provenance']>, name: string | null): ResourceDescriptor {
  if (gitCommit === '') return { ...(name !== null && { name }), digest: { sha256: sourceSha256 } };
  return {
    uri: gitUri(source.gitUrl ?? ''),
    digest: { gitCommit },
    ...(source.gitBranch !== null && { annotations: { branch: source.gitBranch } }),
  };
}

/**
 * Reads a payload whose signature is good; unknown fields are left alone, as in-toto asks.
 *
 * @throws AttestationError for a statement of another kind
 */
export function readScanStatement(payload: Uint8Array): ScanStatement {
  let value: Partial<ScanStatement> | null;
  try {
    value = JSON.parse(Buffer.from(payload).toString()) as Partial<ScanStatement> | null;
  } catch (error) {
    throw new AttestationError('the signed statement is no JSON', error);
  }
  if (value?._type !== statementType) throw new AttestationError(`the signed statement is no in-toto ${statementType}`);
  if (value.predicateType !== scanPredicateType) {
    throw new AttestationError(`the signed statement is of type ${String(value.predicateType)}; ${scanPredicateType} is expected`);
  }
  const isWhole = Array.isArray(value.subject) && typeof value.predicate?.scan?.id === 'string' && Array.isArray(value.predicate.tools);
  if (!isWhole) throw new AttestationError('the signed statement lacks its subject or its predicate');
  return value as ScanStatement;
}

/** Whether bytes of this SHA-256, in lower-case hexadecimal, are what the statement is about: subjects match by digest alone. */
export function isSubject({ subject }: ScanStatement, sha256: string): boolean {
  return subject.some(({ digest }) => digest['sha256'] === sha256);
}
