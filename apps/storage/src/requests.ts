import type { storage } from '@cloudscan/contracts';
import { invalidArguments, isUuid } from '@cloudscan/domain';
import type { ArtifactType, FieldViolation } from '@cloudscan/domain';
import { artifactTypeOnWire } from '@cloudscan/grpc';
import { maxPartNumber } from '@cloudscan/object-store';
import type { CompletedPart } from '@cloudscan/object-store';
import type { ArtifactFilter } from './artifact-repository.ts';
import type { Quota } from './quota.ts';

/** The longest that S3 signs a URL for. */
const maxHours = 168;
const hourMs = 3_600_000;
const maxTextLength = 255;
const maxPartsPerCall = 1000;
const maxIdsPerCall = 1000;
const defaultPageSize = 50;
const maxPageSize = 1000;

/** Names for files that came without one. */
const defaultFilenames: Readonly<Record<ArtifactType, string>> = {
  source_code: 'source',
  scan_results: 'results',
  report: 'report',
  log: 'log',
};

/** RFC 9110 section 8.3.1: type, subtype and parameters. */
const mediaType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[^"\\\r\n]*"))*$/;
const controlCharacters = /[\u0000-\u001f\u007f]/;

export interface NewArtifactRequest {
  readonly scanId: string;
  readonly organizationId: string;
  readonly type: ArtifactType;
  readonly filename: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** How long the upload is waited for. */
  readonly waitMs: number;
  /** Life of the upload URL, where that is shorter. */
  readonly urlMs: number;
}

/** @throws DomainError `invalid_argument` that names every wrong field; so does each reader below */
export function readCreateArtifact(request: storage.CreateArtifactRequest): NewArtifactRequest {
  return read((fields) => {
    const type = artifactTypeOnWire.fromWire(request.type);
    if (type === null || type === undefined)
      fields.wrong('type', 'is not said or not known; give SOURCE_CODE, SCAN_RESULTS, REPORT or LOG');
    const waitMs = fields.hours(request.expiresInHours, 24);
    if (!/^([0-9a-f]{64})?$/.test(request.sha256))
      fields.wrong('sha256', 'is not 64 lower-case hexadecimal digits; leave it empty when not known');
    if (request.contentType !== '' && !mediaType.test(request.contentType))
      fields.wrong('content_type', 'is not a media type such as application/gzip');
    return {
      scanId: request.scanId === '' ? '' : fields.id('scan_id', request.scanId),
      organizationId: fields.id('organization_id', request.organizationId),
      type: type!,
      filename: fields.line('filename', request.filename) || defaultFilenames[type ?? 'log'],
      contentType: fields.line('content_type', request.contentType) || 'application/octet-stream',
      sizeBytes: fields.count('size_bytes', request.sizeBytes, '0 when not known'),
      sha256: request.sha256,
      waitMs,
      urlMs: fields.seconds(request.urlSeconds) || waitMs,
    };
  });
}

export function readGetArtifact(request: storage.GetArtifactRequest) {
  return read((fields) => ({
    id: fields.id('id', request.id),
    urlMs: fields.seconds(request.urlSeconds) || fields.hours(request.expiresInHours, 1),
    withUploadUrl: request.withUploadUrl,
  }));
}

export function readGetQuota(request: storage.GetQuotaRequest): string {
  return read((fields) => fields.id('organization_id', request.organizationId));
}

export function readSetQuota(request: storage.SetQuotaRequest): Pick<Quota, 'organizationId' | 'ownLimits'> {
  return read((fields) => {
    const { bytes = 0n, artifacts = 0n, uploadBytes = 0n } = request.limits ?? {};
    const limit = (name: string, value: bigint): number | null =>
      fields.count(`limits.${name}`, value, "0 for the service's default") || null;
    return {
      organizationId: fields.id('organization_id', request.organizationId),
      ownLimits: {
        bytes: limit('bytes', bytes),
        artifacts: limit('artifacts', artifacts),
        uploadBytes: limit('upload_bytes', uploadBytes),
      },
    };
  });
}

export function readDeleteArtifact(request: storage.DeleteArtifactRequest) {
  return read((fields) => ({
    ids: [fields.id('id', request.id)],
    organizationId: fields.optionalId('organization_id', request.organizationId),
  }));
}

export function readDeleteArtifacts(request: storage.DeleteArtifactsRequest) {
  return read((fields) => {
    if (request.ids.length > maxIdsPerCall) fields.wrong('ids', `has ${request.ids.length} ids; at most ${maxIdsPerCall} are allowed`);
    return {
      ids: request.ids.map((id, index) => fields.id(`ids[${index}]`, id)),
      organizationId: fields.optionalId('organization_id', request.organizationId),
    };
  });
}

export interface ListRequest {
  readonly filter: ArtifactFilter;
  readonly pageSize: number;
  readonly pageToken: string;
}

export function readListArtifacts(request: storage.ListArtifactsRequest): ListRequest {
  return read((fields) => {
    const type = artifactTypeOnWire.fromWire(request.type);
    if (type === undefined) fields.wrong('type', 'is not known; leave it out to list every type');
    if (request.scanId === '' && request.organizationId === '') fields.wrong('organization_id', 'is empty; give it, or a scan_id');
    if (request.pageSize < 0) fields.wrong('page_size', `is ${request.pageSize}; give 1 to ${maxPageSize}, or 0 for ${defaultPageSize}`);
    return {
      filter: {
        scanId: fields.optionalId('scan_id', request.scanId),
        organizationId: fields.optionalId('organization_id', request.organizationId),
        type: type ?? null,
      },
      pageSize: Math.min(request.pageSize || defaultPageSize, maxPageSize),
      pageToken: request.pageToken,
    };
  });
}

export function readInitiateMultipart(request: storage.InitiateMultipartRequest): string {
  return read((fields) => fields.id('artifact_id', request.artifactId));
}

export function readGetParts(request: storage.GetMultipartPartsRequest) {
  return read((fields) => {
    const { fromPart, numParts } = request;
    if (fromPart < 1 || fromPart > maxPartNumber) fields.wrong('from_part', `is ${fromPart}; parts go from 1 to ${maxPartNumber}`);
    if (numParts < 1 || numParts > maxPartsPerCall) fields.wrong('num_parts', `is ${numParts}; give 1 to ${maxPartsPerCall}`);
    else if (fromPart + numParts - 1 > maxPartNumber) fields.wrong('num_parts', `goes past part ${maxPartNumber}, the last there can be`);
    return { ...upload(fields, request), fromPart, numParts };
  });
}

export function readCompleteMultipart(request: storage.CompleteMultipartRequest) {
  return read((fields) => {
    if (request.parts.length === 0) fields.wrong('parts', 'is empty; name every part that was uploaded');
    if (request.parts.length > maxPartNumber)
      fields.wrong('parts', `has ${request.parts.length} parts; at most ${maxPartNumber} are allowed`);
    const parts: CompletedPart[] = request.parts.map(({ partNumber, etag }, index) => {
      if (partNumber < 1 || partNumber > maxPartNumber)
        fields.wrong(`parts[${index}].part_number`, `is ${partNumber}; parts go from 1 to ${maxPartNumber}`);
      return { partNumber, etag: fields.line(`parts[${index}].etag`, etag) };
    });
    return { ...upload(fields, request), parts };
  });
}

export function readAbortMultipart(request: storage.AbortMultipartRequest) {
  return read((fields) => upload(fields, request));
}

function upload(fields: FieldReader, request: { readonly artifactId: string; readonly uploadId: string }) {
  if (request.uploadId === '') fields.wrong('upload_id', 'is empty; give what InitiateMultipartUpload answered');
  return { artifactId: fields.id('artifact_id', request.artifactId), uploadId: fields.line('upload_id', request.uploadId) };
}

/** Gathers every violation, so that one answer names them all. What a method answers after one only has the right type. */
class FieldReader {
  readonly violations: FieldViolation[] = [];

  wrong(field: string, description: string): void {
    this.violations.push({ field, description });
  }

  id(field: string, text: string): string {
    if (text === '') this.wrong(field, 'is empty; give the id');
    else if (!isUuid(text)) this.wrong(field, 'is not an id; give a UUID in lower case');
    return text;
  }

  optionalId(field: string, text: string): string | null {
    return text === '' ? null : this.id(field, text);
  }

  line(field: string, text: string): string {
    if (text.length > maxTextLength) this.wrong(field, `has ${text.length} characters; at most ${maxTextLength} are allowed`);
    if (controlCharacters.test(text)) this.wrong(field, 'holds control characters; leave them out');
    return text;
  }

  /** In milliseconds. */
  hours(value: number, fallback: number): number {
    if (value < 0 || value > maxHours) this.wrong('expires_in_hours', `is ${value}; give 1 to ${maxHours}, or 0 for ${fallback}`);
    return (value || fallback) * hourMs;
  }

  /** In milliseconds; 0 when not said. */
  seconds(value: number): number {
    const most = maxHours * 3600;
    if (value < 0 || value > most) this.wrong('url_seconds', `is ${value}; give 1 to ${most}, or 0 for what expires_in_hours says`);
    return value * 1000;
  }

  /** @param zero what a 0 says */
  count(field: string, value: bigint, zero: string): number {
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
      this.wrong(field, `is ${value}; give ${zero}, at most ${Number.MAX_SAFE_INTEGER} otherwise`);
    }
    return Number(value);
  }
}

function read<T>(work: (fields: FieldReader) => T): T {
  const fields = new FieldReader();
  const request = work(fields);
  if (fields.violations.length > 0) throw invalidArguments(fields.violations);
  return request;
}
