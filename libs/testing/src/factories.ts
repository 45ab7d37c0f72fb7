import { randomBytes } from 'node:crypto';
import { noFindings, uuidV7 } from '@cloudscan/domain';
import type { Artifact, FindingDraft, Organization, Project, Scan, ToolRun } from '@cloudscan/domain';

/** A UUIDv7 of the moment, now by default. */
export function newId(at: Date = new Date()): string {
  return uuidV7(at.getTime(), randomBytes(10));
}

/** A name that no other test uses: an RFC 1123 label. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`;
}

export function anOrganization(overrides: Partial<Organization> = {}): Organization {
  const createdAt = overrides.createdAt ?? new Date();
  const name = uniqueName('organization');
  return {
    id: newId(createdAt),
    name,
    displayName: name,
    maxRunningScans: 0,
    maxQueuedScans: 0,
    createdAt,
    updatedAt: createdAt,
    ...overrides,
  };
}

export function aProject(overrides: Partial<Project> & Pick<Project, 'organizationId'>): Project {
  const createdAt = overrides.createdAt ?? new Date();
  return { id: newId(createdAt), name: uniqueName('project'), description: '', gitUrl: '', createdAt, updatedAt: createdAt, ...overrides };
}

/** A pending scan of an uploaded source. */
export function aScan(overrides: Partial<Scan> = {}): Scan {
  const createdAt = overrides.createdAt ?? new Date();
  return {
    id: newId(createdAt),
    organizationId: newId(createdAt),
    projectId: newId(createdAt),
    userId: null,
    status: 'pending',
    scanTypes: ['sast', 'sca', 'secrets', 'license'],
    source: { artifactId: newId(createdAt), gitUrl: null, gitBranch: null, gitCommit: null },
    priority: 0,
    attempt: 0,
    admittedAt: null,
    jobName: null,
    progress: null,
    findings: noFindings(),
    tools: [],
    acceptedRunId: null,
    resultsArtifactId: null,
    provenance: null,
    failureReason: null,
    failureEvidence: null,
    errorMessage: '',
    sequence: 1,
    createdAt,
    updatedAt: createdAt,
    queuedAt: null,
    startedAt: null,
    completedAt: null,
    ...overrides,
  };
}

export function aFindingDraft(overrides: Partial<FindingDraft> = {}): FindingDraft {
  return {
    scanType: 'sast',
    toolName: 'cloudscan-sast',
    toolVersion: '1.0.0',
    ruleId: 'javascript/sql-injection',
    severity: 'high',
    title: 'SQL built from user input',
    description: 'The query is put together from text that a caller controls.',
    filePath: 'src/orders.js',
    startLine: 12,
    endLine: 12,
    startColumn: 3,
    endColumn: 48,
    codeSnippet: 'db.query("SELECT * FROM orders WHERE id = " + id)',
    cveId: '',
    cweId: 'CWE-89',
    cvssScore: 0,
    cvssVector: '',
    packageName: '',
    packageVersion: '',
    fixedVersion: '',
    license: '',
    licenseCategory: '',
    remediation: 'Pass the value as a parameter.',
    references: ['https://cwe.mitre.org/data/definitions/89.html'],
    rawOutput: '{}',
    fingerprint: randomBytes(16).toString('hex'),
    ...overrides,
  };
}

export function aToolRun(overrides: Partial<ToolRun> = {}): ToolRun {
  return {
    name: 'cloudscan-sast',
    version: '1.0.0',
    scanType: 'sast',
    status: 'succeeded',
    durationMs: 1200,
    findingsCount: 1,
    exitCode: 0,
    errorMessage: '',
    rulesVersion: '1',
    evidence: '',
    ...overrides,
  };
}

/** A source archive whose upload was seen. */
export function anArtifact(overrides: Partial<Artifact> = {}): Artifact {
  const createdAt = overrides.createdAt ?? new Date();
  const id = newId(createdAt);
  return {
    id,
    scanId: newId(createdAt),
    organizationId: newId(createdAt),
    type: 'source_code',
    filename: 'source.tar.gz',
    sizeBytes: 1024,
    contentType: 'application/gzip',
    storagePath: `source_code/${id}`,
    status: 'available',
    sha256: '',
    createdAt,
    expiresAt: new Date(createdAt.getTime() + 24 * 3_600_000),
    ...overrides,
  };
}
