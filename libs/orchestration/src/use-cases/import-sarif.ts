import { invalidArgument, invalidArguments, noFindings, notFound, scanTypes } from '@cloudscan/domain';
import type { FieldViolation, Scan, ScanType, SeverityCounts } from '@cloudscan/domain';
import { readGitCommit, readGitRef, readGitUrl } from '../input/git-source.ts';
import { readRequest } from '../input/request-reader.ts';
import type { Given, RequestReader } from '../input/request-reader.ts';
import type { CompleteImportResult, ImportKey } from '../ports/import-repository.ts';
import type { SarifLog, SarifLogRun } from '../ports/sarif-logs.ts';
import { findReplay, idempotencyOf, keyConflict, mayHaveCommitted, readIdempotencyKey } from './idempotency.ts';
import type { Idempotency } from './idempotency.ts';
import { resultOf } from './import-result.ts';
import { ImportWriter } from './import-writer.ts';
import { isFinding, mostSevere, RunTally } from './import-tally.ts';
import type { ImportCut, ImportedRun } from './import-tally.ts';
import { importExpired, publishScan } from './outcomes.ts';
import type { Caller, ScanPolicy, UseCasePorts } from './ports.ts';
import { dropArtifact, readFilename } from './source-upload.ts';
import type { Upload } from './source-upload.ts';

export interface ImportSarifRequest {
  readonly organizationId: string;
  readonly projectId: string;
  readonly gitUrl: string;
  readonly gitBranch: string;
  readonly gitCommit: string;
  /** Judged for each run when not said. */
  readonly scanType: Given<ScanType>;
  readonly userId: string;
  /** Of all chunks together; 0 when not known. */
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly filename: string;
  /** Whether the caller is to upload the log, as the scan's results. */
  readonly keepLog: boolean;
  /** Null when the client sent none. */
  readonly idempotencyKey: string | null;
}

export interface ImportedScan {
  readonly scan: Scan;
  readonly runs: readonly ImportedRun[];
  readonly cuts: readonly ImportCut[];
  /** Null when nothing is to be uploaded. */
  readonly upload: Upload | null;
}

/** Milliseconds for which an import may do nothing before what it has written is taken for left behind. */
const leaseMs = 600_000;

/**
 * Makes what a tool that ran elsewhere has found a scan that has ended: completed, or failed where the log says that no tool did its
 * work. All of the log is imported, or nothing of it. The same idempotency key with the same log answers the same scan.
 *
 * @param chunks the log, SARIF 2.1.0, plain or gzip; its bytes are read, and not kept
 * @throws invalid_argument, with the JSON path for a log that is wrong; not_found for the project; already_exists for a key that another
 *   request used; resource_exhausted while too many imports are at work
 */
export async function importSarif(
  ports: UseCasePorts,
  caller: Caller,
  request: ImportSarifRequest,
  chunks: AsyncIterable<Uint8Array>,
): Promise<ImportedScan> {
  const wanted = readRequest((reader) => readImport(reader, request, ports.policy));
  if ((await ports.projects.findById(caller.scope, wanted.projectId)) === null) throw notFound('project', wanted.projectId);
  await using log = await ports.sarif.receive(chunks, caller.signal);
  expectAsDeclared(log, request);
  const { key, ...asked } = wanted;
  const idempotency = idempotencyOf(key, { ...asked, log: log.content.sha256 });
  const replay = await findReplay(ports, caller, idempotency);
  const runs = await log.runs();
  if (runs.length === 0) throw invalidArgument('chunk', '$.runs holds no run: nobody has looked at anything');
  const tallies = await openTallies(ports, log, runs, wanted.scanType);
  if (replay !== null) {
    for await (const result of log.results(wanted.scanType)) tallies[result.runIndex]!.take(result);
    return answer(replay, tallies, await uploadOf(ports, caller, replay));
  }
  // Awaited, since the log goes with this call's end.
  return await importLog(ports, caller, { wanted, idempotency, log, runs, tallies });
}

interface WantedImport {
  readonly projectId: string;
  readonly userId: string | null;
  readonly git: { readonly url: string | null; readonly branch: string | null; readonly commit: string | null };
  readonly scanType: ScanType | null;
  readonly filename: string;
  readonly keepLog: boolean;
  readonly key: string | null;
}

function readImport(reader: RequestReader, request: ImportSarifRequest, policy: ScanPolicy): WantedImport {
  reader.id('header.organization_id', request.organizationId);
  reader.integer('header.size_bytes', request.sizeBytes, { min: 0, max: Number.MAX_SAFE_INTEGER });
  reader.sha256('header.sha256', request.sha256);
  return {
    projectId: reader.id('header.project_id', request.projectId),
    userId: reader.line('header.user_id', request.userId, { max: 255 }) || null,
    git: {
      url: readGitUrl(reader, 'header.git_url', request.gitUrl, policy.gitProtocols),
      branch: readGitRef(reader, 'header.git_branch', request.gitBranch),
      commit: readGitCommit(reader, 'header.git_commit', request.gitCommit),
    },
    scanType: reader.optionalMember('header.scan_type', request.scanType, scanTypes),
    filename: readFilename(reader, 'header.filename', request.filename) || 'results.sarif',
    keepLog: request.keepLog,
    key: readIdempotencyKey(reader, request.idempotencyKey),
  };
}

function expectAsDeclared({ received }: SarifLog, { sizeBytes, sha256 }: ImportSarifRequest): void {
  const violations: FieldViolation[] = [];
  if (sizeBytes !== 0 && sizeBytes !== received.sizeBytes) {
    violations.push({ field: 'header.size_bytes', description: `is ${sizeBytes}, but ${received.sizeBytes} bytes came` });
  }
  if (sha256 !== '' && sha256 !== received.sha256) {
    violations.push({ field: 'header.sha256', description: `is not that of the bytes that came, which is ${received.sha256}` });
  }
  if (violations.length > 0) throw invalidArguments(violations);
}

/** A tally for each run. Runs that hold more results than are kept are counted first, to know which are the most severe. */
async function openTallies(
  { policy }: UseCasePorts,
  log: SarifLog,
  runs: readonly SarifLogRun[],
  scanType: ScanType | null,
): Promise<readonly RunTally[]> {
  const limit = policy.importedResultsPerRun;
  const isLarge = runs.map(({ resultsCount }) => resultsCount > limit);
  const counts = runs.map(() => ({ ...noFindings() }));
  if (isLarge.includes(true)) {
    for await (const result of log.results(scanType)) {
      if (isFinding(result)) counts[result.runIndex]![result.draft.severity] += 1;
    }
  }
  return runs.map((run, index) => new RunTally(run, index, isLarge[index] ? quotaOf(counts[index]!, limit) : null));
}

function quotaOf(counts: SeverityCounts, limit: number): SeverityCounts | null {
  const quota = mostSevere(counts, limit);
  return Object.entries(counts).every(([severity, count]) => quota[severity as keyof SeverityCounts] === count) ? null : quota;
}

interface LogToImport {
  readonly wanted: WantedImport;
  readonly idempotency: Idempotency | null;
  readonly log: SarifLog;
  readonly runs: readonly SarifLogRun[];
  readonly tallies: readonly RunTally[];
}

async function importLog(ports: UseCasePorts, caller: Caller, work: LogToImport): Promise<ImportedScan> {
  const { imports, clock, newId, events } = ports;
  const { scope, signal } = caller;
  const { wanted, log, tallies } = work;
  const { projectId } = wanted;
  const at = clock.now();
  const key = { scanId: newId(at), runId: newId(at) };
  let upload: Upload | null = null;
  try {
    if (wanted.keepLog) upload = await announceLog(ports, caller, key.scanId, wanted.filename, log);
    if (!(await imports.begin(scope, { ...key, projectId, leaseMs, at }))) throw notFound('project', projectId);
    const writer = new ImportWriter(ports, scope, key, leaseMs);
    for await (const result of log.results(wanted.scanType)) {
      const draft = tallies[result.runIndex]!.take(result);
      if (draft !== null) await writer.add(draft);
    }
    await writer.finish();
    signal.throwIfAborted();
    const result = await imports.complete(scope, {
      ...key,
      ...resultOf(ports.policy, wanted, work.runs, tallies),
      projectId,
      userId: wanted.userId,
      actor: caller.actor,
      message: `imported from ${wanted.filename}`,
      resultsArtifactId: upload?.artifactId ?? null,
      idempotency: work.idempotency,
      at: clock.now(),
    });
    const scan = imported(result, work);
    if (result.kind === 'created') {
      publishScan(events, scan);
      return answer(scan, tallies, upload);
    }
    // A call with the same key was quicker.
    await leave(ports, caller, key, upload);
    return answer(scan, tallies, await uploadOf(ports, caller, scan));
  } catch (error) {
    await leave(ports, caller, key, mayHaveCommitted(error) ? null : upload);
    throw error;
  }
}

/** Announces the log as it was read: the URL takes nothing else. */
async function announceLog(
  { storage }: UseCasePorts,
  { scope }: Caller,
  scanId: string,
  filename: string,
  { content }: SarifLog,
): Promise<Upload> {
  const { artifact, upload } = await storage.createArtifact(scope, {
    ...content,
    scanId,
    type: 'scan_results',
    filename,
    contentType: 'application/sarif+json',
  });
  return { artifactId: artifact.id, upload };
}

/** The upload that an earlier call announced; null when there is none, or it was made. */
async function uploadOf({ storage }: UseCasePorts, { scope }: Caller, { resultsArtifactId }: Scan): Promise<Upload | null> {
  const found = resultsArtifactId === null ? null : await storage.getArtifact(scope, resultsArtifactId);
  return found === null || found.upload === null ? null : { artifactId: found.artifact.id, upload: found.upload };
}

/** Best effort: what stays is collected when the lease of the import and the life of the artifact end. */
async function leave({ imports, storage }: UseCasePorts, { scope }: Caller, key: ImportKey, upload: Upload | null): Promise<void> {
  await imports.abandon(scope, key).catch(() => undefined);
  if (upload !== null) await dropArtifact(storage, scope, upload.artifactId);
}

function imported(result: CompleteImportResult, { wanted, idempotency }: LogToImport): Scan {
  switch (result.kind) {
    case 'created':
    case 'replayed':
      return result.scan;
    case 'key_conflict':
      throw keyConflict(idempotency);
    case 'project_not_found':
      throw notFound('project', wanted.projectId);
    case 'expired':
      throw importExpired();
  }
}

function answer(scan: Scan, tallies: readonly RunTally[], upload: Upload | null): ImportedScan {
  return { scan, runs: tallies.map(({ summary }) => summary), cuts: tallies.flatMap(({ cuts }) => cuts), upload };
}
