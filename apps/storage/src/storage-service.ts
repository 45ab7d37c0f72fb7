import { storage } from '@cloudscan/contracts';
import { artifactToWire, serve } from '@cloudscan/grpc';
import type { ServedService } from '@cloudscan/grpc';
import type { Artifacts } from './artifacts.ts';
import type { MultipartUploads } from './multipart-uploads.ts';
import type { Quota } from './quota.ts';
import type { QuotaRepository } from './quota-repository.ts';
import {
  readAbortMultipart,
  readCompleteMultipart,
  readCreateArtifact,
  readDeleteArtifact,
  readDeleteArtifacts,
  readGetArtifact,
  readGetParts,
  readGetQuota,
  readInitiateMultipart,
  readListArtifacts,
  readSetQuota,
} from './requests.ts';

const noUpload = { uploadUrl: '', uploadHeaders: {}, uploadExpiresAt: undefined };

/** cloudscan.storage.StorageService. */
export function storageService(artifacts: Artifacts, uploads: MultipartUploads, quotas: QuotaRepository): ServedService {
  return serve(storage.StorageServiceService, {
    createArtifact: async (request) => {
      const { artifact, upload } = await artifacts.create(readCreateArtifact(request));
      return {
        artifact: artifactToWire(artifact),
        uploadUrl: upload.url,
        uploadHeaders: { ...upload.headers },
        uploadExpiresAt: upload.expiresAt,
      };
    },
    getArtifact: async (request) => {
      const { id, urlMs, withUploadUrl } = readGetArtifact(request);
      const artifact = await artifacts.get(id);
      const message = artifactToWire(artifact);
      if (artifact.status === 'available') {
        const download = await artifacts.presignDownload(artifact, urlMs);
        return { artifact: message, downloadUrl: download.url, downloadExpiresAt: download.expiresAt, ...noUpload };
      }
      const answer = { artifact: message, downloadUrl: '', downloadExpiresAt: undefined };
      if (!withUploadUrl) return { ...answer, ...noUpload };
      const upload = await artifacts.presignUpload(artifact, urlMs);
      return { ...answer, uploadUrl: upload.url, uploadHeaders: { ...upload.headers }, uploadExpiresAt: upload.expiresAt };
    },
    deleteArtifact: async (request) => {
      const { ids, organizationId } = readDeleteArtifact(request);
      await artifacts.delete(ids, organizationId);
      return {};
    },
    deleteArtifacts: async (request) => {
      const { ids, organizationId } = readDeleteArtifacts(request);
      return { deletedCount: await artifacts.delete(ids, organizationId) };
    },
    listArtifacts: async (request) => {
      const page = await artifacts.list(readListArtifacts(request));
      return { ...page, artifacts: page.artifacts.map(artifactToWire) };
    },
    initiateMultipartUpload: async (request) => ({ uploadId: await uploads.initiate(readInitiateMultipart(request)) }),
    getMultipartUploadParts: async (request) => {
      const { artifactId, uploadId, fromPart, numParts } = readGetParts(request);
      const parts = await uploads.presignParts(artifactId, uploadId, fromPart, numParts);
      return { parts: parts.map(({ partNumber, url, expiresAt }) => ({ partNumber, url, expiration: expiresAt.toISOString() })) };
    },
    completeMultipartUpload: async (request) => {
      const { artifactId, uploadId, parts } = readCompleteMultipart(request);
      const { url, expiresAt } = await uploads.complete(artifactId, uploadId, parts);
      return { url, expiration: expiresAt.toISOString() };
    },
    abortMultipartUpload: async (request) => {
      const { artifactId, uploadId } = readAbortMultipart(request);
      await uploads.abort(artifactId, uploadId);
      return {};
    },
    getQuota: async (request) => quotaToWire(await quotas.find(readGetQuota(request))),
    setQuota: async (request) => {
      const { organizationId, ownLimits } = readSetQuota(request);
      return quotaToWire(await quotas.setLimits(organizationId, ownLimits));
    },
  });
}

function quotaToWire({ organizationId, limits, ownLimits, usedBytes, usedArtifacts }: Quota): storage.Quota {
  return {
    organizationId,
    limits: limitsToWire(limits),
    ownLimits: limitsToWire(ownLimits),
    usedBytes: BigInt(usedBytes),
    usedArtifacts: BigInt(usedArtifacts),
  };
}

function limitsToWire({ bytes, artifacts, uploadBytes }: Quota['ownLimits']): storage.QuotaLimits {
  return { bytes: BigInt(bytes ?? 0), artifacts: BigInt(artifacts ?? 0), uploadBytes: BigInt(uploadBytes ?? 0) };
}
