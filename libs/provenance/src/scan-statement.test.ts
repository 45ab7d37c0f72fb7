import { noFindings } from '@cloudscan/domain';
import type { Scan } from '@cloudscan/domain';
import test from 'ava';
import { AttestationError } from './attestation-error.ts';
import { isSubject, readScanStatement, scanStatement } from './scan-statement.ts';
import type { ScanStatement } from './scan-statement.ts';

const sha256 = 'a'.repeat(64);
const results = { name: 'results.sarif', sha256: 'b'.repeat(64) };

function aScan(overrides: Partial<Scan> = {}): Scan {
  return {
    ...{ id: '0190b2c4-7d3e-7c7b-9c55-3f1f8a4f2d11', organizationId: 'organization', projectId: 'project', userId: null },
    ...{ status: 'completed', scanTypes: ['sast', 'sca'], priority: 0, attempt: 2, admittedAt: null, jobName: null, progress: null },
    source: { artifactId: 'source', gitUrl: null, gitBranch: null, gitCommit: null },
    findings: { ...noFindings(), high: 2, low: 1 },
    tools: [
      {
        ...{ name: 'semgrep', version: '1.2.3', scanType: 'sast', status: 'succeeded', durationMs: 10, findingsCount: 3, exitCode: 0 },
        ...{ errorMessage: '', rulesVersion: 'pack 7', evidence: '' },
      },
      {
        ...{ name: 'trivy', version: '0.1', scanType: 'sca', status: 'timed_out', durationMs: 10, findingsCount: 0, exitCode: 1 },
        ...{ errorMessage: 'ran out of time', rulesVersion: '', evidence: 'secret things' },
      },
    ],
    ...{ acceptedRunId: 'run', resultsArtifactId: 'results', failureReason: null, failureEvidence: null, errorMessage: '', sequence: 4 },
    provenance: { sourceSha256: sha256, gitCommit: '', runnerVersion: '0.1.0' },
    ...{ createdAt: new Date(0), updatedAt: new Date(0), queuedAt: new Date(0) },
    ...{ startedAt: new Date('2026-01-15T12:00:00Z'), completedAt: new Date('2026-01-15T12:01:02.345Z') },
    ...overrides,
  };
}

function statementOf(scan: Scan, sourceName: string | null = 'source.tar.gz'): Buffer | null {
  return scanStatement({ scan, results, sourceName, orchestratorVersion: '0.2.0' });
}

function read(scan: Scan, sourceName?: string | null): ScanStatement {
  return readScanStatement(statementOf(scan, sourceName)!);
}

test('a statement has the form of in-toto, with the results as its subject and where they came from as its predicate', (t) => {
  t.deepEqual(read(aScan()), {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'results.sarif', digest: { sha256: results.sha256 } }],
    predicateType: 'https://cloudscan.io/attestation/scan/v1',
    predicate: {
      scan: {
        id: '0190b2c4-7d3e-7c7b-9c55-3f1f8a4f2d11',
        organizationId: 'organization',
        projectId: 'project',
        attempt: 2,
        types: ['sast', 'sca'],
      },
      source: { name: 'source.tar.gz', digest: { sha256 } },
      tools: [
        { name: 'semgrep', version: '1.2.3', rulesVersion: 'pack 7', type: 'sast', status: 'succeeded', findings: 3 },
        { name: 'trivy', version: '0.1', rulesVersion: '', type: 'sca', status: 'timed_out', findings: 0 },
      ],
      findings: { total: 3, critical: 0, high: 2, medium: 0, low: 1, info: 0 },
      startedOn: '2026-01-15T12:00:00.000Z',
      finishedOn: '2026-01-15T12:01:02.345Z',
      platform: { orchestratorVersion: '0.2.0', runnerVersion: '0.1.0' },
    },
  });
});

test('the same facts make the same bytes, and no evidence of a tool gets into them', (t) => {
  t.deepEqual(statementOf(aScan()), statementOf(aScan()));
  t.false(statementOf(aScan())!.includes('secret things'));
});

test('an archive that is gone is named by its hash alone', (t) => {
  t.deepEqual(read(aScan(), null).predicate.source, { digest: { sha256 } });
});

test('a clone is named by its repository and the commit that was checked out', (t) => {
  const gitCommit = 'c'.repeat(40);
  const provenance = { sourceSha256: '', gitCommit, runnerVersion: '' };
  const sourceOf = (gitUrl: string, gitBranch: string | null = null) =>
    read(aScan({ provenance, source: { artifactId: null, gitUrl, gitBranch, gitCommit: 'ccccccc' } }), null).predicate.source;
  t.deepEqual(sourceOf('https://git.example.com/team/app.git', 'main'), {
    uri: 'git+https://git.example.com/team/app.git',
    digest: { gitCommit },
    annotations: { branch: 'main' },
  });
  t.is(sourceOf('git@git.example.com:team/app.git').uri, 'git+ssh://git@git.example.com/team/app.git');
  t.is(sourceOf('ssh://git@git.example.com:2222/app.git').uri, 'git+ssh://git@git.example.com:2222/app.git');
  t.is(sourceOf('file:///srv/app.git').uri, 'git+file:///srv/app.git');
  t.is(sourceOf('https://ada:secret@git.example.com/app.git').uri, 'git+https://git.example.com/app.git');
});

test('without a hash of the results, or without a word of what was read, there is no statement', (t) => {
  t.is(statementOf(aScan({ provenance: null })), null);
  t.is(statementOf(aScan({ completedAt: null })), null);
  t.is(scanStatement({ scan: aScan(), results: { ...results, sha256: '' }, sourceName: null, orchestratorVersion: '' }), null);
});

test('a statement of another kind is refused, and fields that nobody knows are left alone', (t) => {
  const good = JSON.parse(statementOf(aScan())!.toString()) as Record<string, unknown>;
  const parse = (change: Record<string, unknown>) => readScanStatement(Buffer.from(JSON.stringify({ ...good, ...change })));
  t.notThrows(() => parse({ later: 1 }));
  t.throws(() => readScanStatement(Buffer.from('x')), { instanceOf: AttestationError, message: /no JSON/ });
  t.throws(() => readScanStatement(Buffer.from('null')), { instanceOf: AttestationError, message: /no in-toto/ });
  t.throws(() => parse({ _type: 'https://in-toto.io/Statement/v0.1' }), { instanceOf: AttestationError, message: /no in-toto/ });
  t.throws(() => parse({ predicateType: 'https://slsa.dev/provenance/v1' }), { message: /of type https:\/\/slsa\.dev/ });
  t.throws(() => parse({ predicate: {} }), { instanceOf: AttestationError, message: /lacks/ });
  t.throws(() => parse({ subject: null }), { instanceOf: AttestationError, message: /lacks/ });
});

test('the subject matches by its SHA-256 alone', (t) => {
  const statement = read(aScan());
  t.true(isSubject(statement, results.sha256));
  t.false(isSubject(statement, sha256));
  t.false(isSubject({ ...statement, subject: [{ name: 'results.sarif', digest: {} }] }, ''));
});
