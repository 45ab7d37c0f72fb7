import type { OrganizationScope, Scope } from '@cloudscan/auth';
import type { Endpoint } from '@cloudscan/config';
import { storage } from '@cloudscan/contracts';
import { DomainError } from '@cloudscan/domain';
import type { Artifact } from '@cloudscan/domain';
import { artifactTypeOnWire, HealthClient, RpcClient } from '@cloudscan/grpc';
import type { ClientTls } from '@cloudscan/grpc';
import type { ListArtifactsQuery, NewArtifact, PresignedDownload, PresignedUpload, StorageClient } from '@cloudscan/orchestration';
import { artifactFromWire } from './from-wire.ts';

export interface StorageClientOptions {
  /** Milliseconds that one call may take, its retries included. */
  readonly timeoutMs: number;
  readonly tls?: ClientTls | boolean | null;
  /** Life of the URLs that are asked for; the contract's, 24 hours for an upload and one for a download, where it is left out. */
  readonly urlSeconds?: number;
}

const hourMs = 3_600_000;
/** How long the URLs of services live that do not say so: what the contract gives to a request that asks for 0 hours. */
const defaultUploadMs = 24 * hourMs;
const defaultDownloadMs = hourMs;

const maxRetries = 5;
/** As many as one DeleteArtifacts takes. */
const deletionBatch = 1000;
/** Single deletions at a time, for services without DeleteArtifacts. */
const singleDeletionsAtOnce = 8;

/**
 * The storage service over gRPC, also one that is deployed and older than this project: without DeleteArtifacts, and
 * without the fields for status, upload URL and expiry. Calls are tried again, with jitter, while their time lasts; each is
 * idempotent but CreateArtifact, whose second artifact nobody uploads to and the service collects.
 */
export class GrpcStorageClient implements StorageClient {
  readonly #rpc: RpcClient<typeof storage.StorageServiceService>;
  readonly #health: HealthClient;
  readonly #timeoutMs: number;
  readonly #urlSeconds: number;
  #hasDeleteArtifacts = true;

  constructor(endpoint: Endpoint, options: StorageClientOptions) {
    this.#rpc = new RpcClient(storage.StorageServiceService, endpoint, { tls: options.tls ?? null });
    this.#health = new HealthClient(endpoint, { tls: options.tls ?? null });
    this.#timeoutMs = options.timeoutMs;
    this.#urlSeconds = options.urlSeconds ?? 0;
  }

  async createArtifact(
    scope: OrganizationScope,
    request: NewArtifact,
  ): Promise<{ readonly artifact: Artifact; readonly upload: PresignedUpload }> {
    const askedAt = Date.now();
    const response = await this.#rpc.call(
      'createArtifact',
      {
        scanId: request.scanId,
        organizationId: scope.organizationId,
        type: artifactTypeOnWire.toWire(request.type),
        filename: request.filename,
        contentType: request.contentType,
        sizeBytes: BigInt(request.sizeBytes),
        sha256: request.sha256,
        expiresInHours: 0,
        urlSeconds: this.#urlSeconds,
      },
      this.#limits(),
    );
    const expiresAt = response.uploadExpiresAt ?? new Date(askedAt + defaultUploadMs);
    return {
      artifact: artifactFromWire(response.artifact, false),
      upload: { url: response.uploadUrl, headers: response.uploadHeaders, expiresAt },
    };
  }

  async getArtifact(scope: Scope, id: string) {
    const response = await this.#get(scope, id, true);
    if (response === null) return null;
    const { answer, askedAt } = response;
    return {
      artifact: artifactFromWire(answer.artifact, answer.downloadUrl !== ''),
      download: downloadOf(answer, askedAt),
      upload: uploadOf(answer, askedAt),
    };
  }

  async listArtifacts(scope: OrganizationScope, query: ListArtifactsQuery) {
    const response = await this.#rpc.call(
      'listArtifacts',
      {
        scanId: query.scanId,
        organizationId: scope.organizationId,
        type: artifactTypeOnWire.toWire(query.type),
        pageSize: query.pageSize,
        pageToken: query.pageToken ?? '',
      },
      this.#limits(),
    );
    return {
      // A service without statuses lists what it hands out for download.
      artifacts: response.artifacts
        .filter(({ organizationId }) => organizationId === scope.organizationId)
        .map((artifact) => artifactFromWire(artifact, true)),
      nextPageToken: response.nextPageToken === '' ? null : response.nextPageToken,
      totalCount: response.totalCount,
    };
  }

  async deleteArtifacts(scope: Scope, ids: readonly string[]): Promise<number> {
    let deleted = 0;
    for (let from = 0; from < ids.length; from += deletionBatch) {
      deleted += await this.#deleteBatch(scope, ids.slice(from, from + deletionBatch));
    }
    return deleted;
  }

  async ping(signal: AbortSignal): Promise<void> {
    await this.#health.check(signal).catch((error: unknown) => {
      // Older services have no health service; that they say so is an answer.
      if (!isCode(error, 'unimplemented')) throw error;
    });
  }

  async close(): Promise<void> {
    this.#rpc.close();
    this.#health.close();
  }

  async #deleteBatch(scope: Scope, ids: readonly string[]): Promise<number> {
    if (this.#hasDeleteArtifacts) {
      try {
        const organizationId = scope.kind === 'organization' ? scope.organizationId : '';
        return (await this.#rpc.call('deleteArtifacts', { ids: [...ids], organizationId }, this.#limits())).deletedCount;
      } catch (error) {
        if (!isCode(error, 'unimplemented')) throw error;
        this.#hasDeleteArtifacts = false;
      }
    }
    const left = [...new Set(ids)];
    let deleted = 0;
    const worker = async (): Promise<void> => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) if (await this.#deleteOne(scope, id)) deleted += 1;
    };
    await Promise.all(Array.from({ length: singleDeletionsAtOnce }, worker));
    return deleted;
  }

  /** Looks first: an older service neither knows whose the artifact must be nor says whether it was there. */
  async #deleteOne(scope: Scope, id: string): Promise<boolean> {
    if ((await this.#get(scope, id, false)) === null) return false;
    const organizationId = scope.kind === 'organization' ? scope.organizationId : '';
    await this.#rpc.call('deleteArtifact', { id, organizationId }, this.#limits()).catch((error: unknown) => {
      if (!isCode(error, 'not_found')) throw error;
    });
    return true;
  }

  /** Null when there is none, or when it is another organization's. */
  async #get(
    scope: Scope,
    id: string,
    withUploadUrl: boolean,
  ): Promise<{ readonly answer: storage.GetArtifactResponse; readonly askedAt: number } | null> {
    const askedAt = Date.now();
    try {
      const request = { id, expiresInHours: 0, withUploadUrl, urlSeconds: this.#urlSeconds };
      const answer = await this.#rpc.call('getArtifact', request, this.#limits());
      const isForeign = scope.kind === 'organization' && answer.artifact?.organizationId !== scope.organizationId;
      return isForeign ? null : { answer, askedAt };
    } catch (error) {
      if (isCode(error, 'not_found')) return null;
      throw error;
    }
  }

  #limits() {
    return { deadlineMs: this.#timeoutMs, retries: maxRetries };
  }
}

function downloadOf(answer: storage.GetArtifactResponse, askedAt: number): PresignedDownload | null {
  if (answer.downloadUrl === '') return null;
  return { url: answer.downloadUrl, expiresAt: answer.downloadExpiresAt ?? new Date(askedAt + defaultDownloadMs) };
}

function uploadOf(answer: storage.GetArtifactResponse, askedAt: number): PresignedUpload | null {
  if (answer.uploadUrl === '') return null;
  return { url: answer.uploadUrl, headers: answer.uploadHeaders, expiresAt: answer.uploadExpiresAt ?? new Date(askedAt + defaultUploadMs) };
}

function isCode(error: unknown, code: DomainError['code']): boolean {
  return error instanceof DomainError && error.code === code;
}
