import { scan } from '@cloudscan/contracts';
import {
  artifactToWire,
  artifactTypeOnWire,
  failureReasonOnWire,
  findingToWire,
  scanStatusOnWire,
  scanTypeOnWire,
  serve,
  severityOnWire,
} from '@cloudscan/grpc';
import type { CallContext, Handlers, ServedService } from '@cloudscan/grpc';
import type { CreatedScan, UseCases } from '@cloudscan/orchestration';
import type { Authenticator } from '../authenticate.ts';
import { readImport } from '../import/requests.ts';
import { eventToWire, findingFromWire, importedToWire, scanToWire, scanViewToWire, toolRunFromWire } from '../wire.ts';

type ScanHandlers = Handlers<typeof scan.ScanServiceService>;

export function scanService(useCases: UseCases, auth: Authenticator): ServedService {
  return serve(scan.ScanServiceService, {
    ...lifecycleHandlers(useCases, auth),
    ...readingHandlers(useCases, auth),
    ...runnerHandlers(useCases, auth),
    ...artifactHandlers(useCases, auth),
  });
}

function lifecycleHandlers(
  useCases: UseCases,
  auth: Authenticator,
): Pick<ScanHandlers, 'createScan' | 'startScan' | 'importSarif' | 'cancelScan' | 'deleteScan' | 'deleteProjectScans'> {
  return {
    createScan: async (request, context) => {
      const created = await useCases.createScan(auth.member(context, request.organizationId, request.userId), {
        ...request,
        scanTypes: request.scanTypes.map((type) => scanTypeOnWire.fromWire(type)),
        sourceSizeBytes: Number(request.sourceSizeBytes),
        idempotencyKey: idempotencyKeyOf(context),
      });
      return createdToWire(created);
    },
    startScan: async (request, context) => scanViewToWire(await useCases.startScan(await auth.memberOfScan(context, request.id), request)),
    importSarif: async (requests, context) => {
      const { header, chunks } = await readImport(requests);
      const imported = await useCases.importSarif(
        auth.member(context, header.organizationId, header.userId),
        {
          ...header,
          scanType: scanTypeOnWire.fromWire(header.scanType),
          sizeBytes: Number(header.sizeBytes),
          idempotencyKey: idempotencyKeyOf(context),
        },
        chunks,
      );
      return importedToWire(imported);
    },
    cancelScan: async (request, context) => {
      await useCases.cancelScan(await auth.memberOfScan(context, request.id), request);
      return {};
    },
    deleteScan: async (request, context) => {
      await useCases.deleteScan(await auth.memberOfScan(context, request.id), request);
      return {};
    },
    deleteProjectScans: async (request, context) => ({
      deletedCount: await useCases.deleteProjectScans(await auth.memberOfProject(context, request.projectId), request),
    }),
  };
}

function readingHandlers(
  useCases: UseCases,
  auth: Authenticator,
): Pick<ScanHandlers, 'getScan' | 'listScans' | 'getFindings' | 'watchScan'> {
  return {
    getScan: async (request, context) => scanViewToWire(await useCases.getScan(await auth.memberOfScan(context, request.id), request)),
    listScans: async (request, context) => {
      const page = await useCases.listScans(auth.member(context, request.organizationId), {
        ...request,
        status: scanStatusOnWire.fromWire(request.status),
      });
      return {
        scans: page.items.map(scanToWire),
        nextPageToken: page.nextPageToken ?? '',
        totalCount: page.totalCount,
        totalCountExact: page.totalCountExact,
      };
    },
    getFindings: async (request, context) => {
      const page = await useCases.getFindings(await auth.memberOfScan(context, request.scanId), {
        ...request,
        scanType: scanTypeOnWire.fromWire(request.scanType),
        severity: severityOnWire.fromWire(request.severity),
      });
      return {
        findings: page.items.map(findingToWire),
        nextPageToken: page.nextPageToken ?? '',
        totalCount: page.totalCount,
        totalCountExact: page.totalCountExact,
      };
    },
    watchScan: async function* (request, context) {
      const caller = await auth.memberOfScan(context, request.scanId);
      const events = useCases.watchScan(caller, { scanId: request.scanId, afterSequence: Number(request.afterSequence) });
      for await (const event of events) yield eventToWire(event);
    },
  };
}

function runnerHandlers(useCases: UseCases, auth: Authenticator): Pick<ScanHandlers, 'updateScan' | 'createFindings' | 'completeScan'> {
  return {
    updateScan: async (request, context) => {
      const updated = await useCases.updateScan(await auth.runnerOfScan(context, request.id), {
        ...request,
        status: scanStatusOnWire.fromWire(request.status),
        failureReason: failureReasonOnWire.fromWire(request.failureReason),
        progress: request.progress ?? null,
      });
      return scanToWire(updated);
    },
    createFindings: async (request, context) => ({
      createdCount: await useCases.createFindings(await auth.runnerOfScan(context, request.scanId), {
        ...request,
        findings: request.findings.map(findingFromWire),
      }),
    }),
    completeScan: async (request, context) => {
      const completed = await useCases.completeScan(await auth.runnerOfScan(context, request.id), {
        ...request,
        provenance: request.provenance ?? null,
        tools: request.tools.map(toolRunFromWire),
        findings: request.findings.map(findingFromWire),
      });
      return scanToWire(completed);
    },
  };
}

function artifactHandlers(
  useCases: UseCases,
  auth: Authenticator,
): Pick<ScanHandlers, 'getUploadUrl' | 'getDownloadUrl' | 'getArtifact' | 'getAttestation' | 'listArtifacts'> {
  return {
    getUploadUrl: async (request, context) => {
      const { artifactId, upload } = await useCases.getUploadUrl(await auth.memberOfScan(context, request.scanId), {
        ...request,
        type: artifactTypeOnWire.fromWire(request.type),
        sizeBytes: Number(request.sizeBytes),
      });
      return { artifactId, uploadUrl: upload.url, uploadHeaders: { ...upload.headers }, expiresAt: upload.expiresAt };
    },
    getDownloadUrl: async (request, context) => {
      const { artifactId, download } = await useCases.getDownloadUrl(await auth.memberOfScan(context, request.scanId), {
        ...request,
        type: artifactTypeOnWire.fromWire(request.type),
      });
      return { artifactId, downloadUrl: download.url, expiresAt: download.expiresAt };
    },
    getArtifact: async (request, context) => {
      const { artifact, download } = await useCases.getArtifact(await auth.memberOfArtifact(context, request.id), request);
      return { artifact: artifactToWire(artifact), downloadUrl: download?.url ?? '', expiresAt: download?.expiresAt };
    },
    getAttestation: async (request, context) => {
      const { artifactId, download, publicKeys } = await useCases.getAttestation(await auth.memberOfScan(context, request.scanId), request);
      return { artifactId, downloadUrl: download.url, expiresAt: download.expiresAt, publicKeys: [...publicKeys] };
    },
    listArtifacts: async (request, context) => {
      const page = await useCases.listArtifacts(await auth.memberOfScan(context, request.scanId), request);
      return { artifacts: page.artifacts.map(artifactToWire), nextPageToken: page.nextPageToken ?? '', totalCount: page.totalCount };
    },
  };
}

/** Null without the metadata; a client that sends it empty is told so. */
function idempotencyKeyOf({ metadata }: CallContext): string | null {
  const [key] = metadata.get('idempotency-key');
  return key === undefined ? null : key.toString();
}

function createdToWire(created: CreatedScan): scan.CreateScanResponse {
  const { upload } = created;
  return {
    scan: scanViewToWire(created),
    uploadUrl: upload?.upload.url ?? '',
    uploadHeaders: { ...upload?.upload.headers },
    uploadExpiresAt: upload?.upload.expiresAt,
    artifactId: upload?.artifactId ?? '',
  };
}
