export type { CacheLookup, CacheService } from './ports/cache-service.ts';
export type { CleanerRun, CleanerRunRepository, CleanerStatistics } from './ports/cleaner-run-repository.ts';
export type { Clock, NewId } from './ports/clock.ts';
export type {
  AddImportedFindingsCommand,
  BeginImportCommand,
  CompleteImportCommand,
  CompleteImportResult,
  ImportKey,
  ImportRepository,
} from './ports/import-repository.ts';
export type { JobBlockage, JobDispatcher, JobHandle, JobSpec, JobStatus, JobWatch } from './ports/job-dispatcher.ts';
export type { LocalJob, LocalJobEnd, LocalJobRepository, NewLocalJob, ProcessMark } from './ports/local-job-repository.ts';
export type { OrganizationChange, OrganizationRepository, ProjectChange, ProjectRepository } from './ports/organization-repository.ts';
export type { Page, PageRequest } from './ports/page.ts';
export type { Digest, SarifLog, SarifLogResult, SarifLogRun, SarifLogs } from './ports/sarif-logs.ts';
export type { ScanEvents, ScanSignal } from './ports/scan-events.ts';
export type {
  AttestMessage,
  DeleteArtifactsMessage,
  Delivery,
  DispatchMessage,
  QueueMessages,
  QueueName,
  ScanQueue,
  StopJobMessage,
} from './ports/scan-queue.ts';
export type {
  ActiveScan,
  AddFindingsCommand,
  AddFindingsResult,
  AdmissionLimits,
  AdmitCommand,
  AttemptEnd,
  AttemptKey,
  CancelScanCommand,
  CompleteScanCommand,
  CreateScanCommand,
  CreateScanResult,
  DeleteProjectScansCommand,
  DeleteScanCommand,
  EndAttemptCommand,
  EndAttemptsCommand,
  EndedScans,
  EndedScansCommand,
  ExpirePendingCommand,
  ExpiredScan,
  FreePlacesCommand,
  IdempotencyRecord,
  ListFindingsQuery,
  ListScansQuery,
  QueueStatistics,
  RecordJobCommand,
  RecordProgressCommand,
  RunnerIdentity,
  ScanRepository,
  SetSourceArtifactCommand,
  StartScanCommand,
  StartScanResult,
  SystemScanRepository,
  TransitionResult,
} from './ports/scan-repository.ts';
export type {
  ArtifactUpload,
  ListArtifactsQuery,
  NewArtifact,
  PresignedDownload,
  PresignedUpload,
  StorageClient,
} from './ports/storage-client.ts';
export type { GivenFinding } from './input/findings.ts';
export type { Given, GivenPage } from './input/request-reader.ts';
export type { GivenToolRun } from './input/tool-runs.ts';
export type { CreatedScan } from './use-cases/create-scan.ts';
export type { ImportedScan } from './use-cases/import-sarif.ts';
export type { ImportCut, ImportCutKind } from './use-cases/import-tally.ts';
export { gitProtocols } from './use-cases/ports.ts';
export type { Caller, GitProtocol, ScanPolicy, SystemCaller, UseCasePorts } from './use-cases/ports.ts';
export type { ScanView } from './use-cases/scan-view.ts';
export type { Upload } from './use-cases/source-upload.ts';
export { createUseCases } from './use-cases/use-cases.ts';
export type { UseCases } from './use-cases/use-cases.ts';
export { attestationFilename, attestScan } from './use-cases/attest-scan.ts';
export type { AttestationPorts, AttestOutcome } from './use-cases/attest-scan.ts';
export {
  collectDiscardedRuns,
  deleteArtifactsOfScan,
  ensurePartitions,
  expirePendingScans,
  missingPartitions,
} from './use-cases/collect.ts';
export { dispatchScan } from './use-cases/dispatch-scan.ts';
export type { DispatchOutcome } from './use-cases/dispatch-scan.ts';
export { enforceRetention, previewRetention, RetentionTally } from './use-cases/enforce-retention.ts';
export type { RetentionPolicy } from './use-cases/enforce-retention.ts';
export type { SweepPolicy } from './use-cases/plan-sweep.ts';
export { stopJob } from './use-cases/stop-job.ts';
export { Sweep } from './use-cases/sweep.ts';
export type { Sightings, Survey } from './use-cases/sweep.ts';
export type { Looks, SweepReport } from './use-cases/sweep-report.ts';
export type { AttemptPolicy, SystemPorts } from './use-cases/system-ports.ts';
