/**
 * The messages that deployed clients speak, written by hand from the contract and apart from proto/: the test holds the
 * generated code to this table. One line per message: `number name type`, separated by semicolons.
 *
 * Types: s string, i32, i64, ts Timestamp, `[]T` repeated, `map<s,i32>` and `map<s,s>`, anything else a message or an enum.
 */
export const scanMessages: Readonly<Record<string, string>> = {
  Scan:
    '1 id s; 2 organization_id s; 3 project_id s; 4 status ScanStatus; 5 scan_types []ScanType; 6 created_at ts; 7 updated_at ts; 8 completed_at ts; ' +
    '9 git_url s; 10 git_branch s; 11 git_commit s; 12 total_findings i32; 13 findings_by_severity map<s,i32>; 14 error_message s',
  Finding:
    '1 id s; 2 scan_id s; 3 scan_type ScanType; 4 severity Severity; 5 title s; 6 description s; 7 file_path s; 8 line_number i32; ' +
    '9 code_snippet s; 10 cve_id s; 11 cwe_id s; 12 references []s; 13 created_at ts',
  CreateScanRequest:
    '1 organization_id s; 2 project_id s; 3 scan_types []ScanType; 4 git_url s; 5 git_branch s; 6 git_commit s; 7 source_artifact_id s; 8 user_id s',
  CreateScanResponse: '1 scan Scan',
  GetScanRequest: '1 id s',
  CancelScanRequest: '1 id s',
  DeleteScanRequest: '1 id s',
  ListScansRequest: '1 organization_id s; 2 project_id s; 3 status ScanStatus; 4 page_size i32; 5 page_token s',
  ListScansResponse: '1 scans []Scan; 2 next_page_token s; 3 total_count i32',
  GetFindingsRequest: '1 scan_id s; 2 scan_type ScanType; 3 severity Severity; 4 page_size i32; 5 page_token s',
  GetFindingsResponse: '1 findings []Finding; 2 next_page_token s; 3 total_count i32',
  UpdateScanRequest: '1 id s; 2 status ScanStatus; 3 total_findings i32; 4 findings_by_severity map<s,i32>; 5 error_message s',
  CreateFindingsRequest: '1 scan_id s; 2 findings []Finding',
  CreateFindingsResponse: '1 created_count i32',
  DeleteProjectScansRequest: '1 project_id s',
  DeleteProjectScansResponse: '1 deleted_count i32',
};

export const storageMessages: Readonly<Record<string, string>> = {
  Artifact:
    '1 id s; 2 scan_id s; 3 organization_id s; 4 type ArtifactType; 5 filename s; 6 size_bytes i64; 7 content_type s; 8 storage_path s; ' +
    '9 created_at ts; 10 expires_at ts',
  CreateArtifactRequest:
    '1 scan_id s; 2 organization_id s; 3 type ArtifactType; 4 filename s; 5 content_type s; 6 size_bytes i64; 7 expires_in_hours i32',
  CreateArtifactResponse: '1 artifact Artifact; 2 upload_url s; 3 upload_headers map<s,s>',
  GetArtifactRequest: '1 id s; 2 expires_in_hours i32',
  GetArtifactResponse: '1 artifact Artifact; 2 download_url s',
  DeleteArtifactRequest: '1 id s',
  ListArtifactsRequest: '1 scan_id s; 2 organization_id s; 3 type ArtifactType; 4 page_size i32; 5 page_token s',
  ListArtifactsResponse: '1 artifacts []Artifact; 2 next_page_token s; 3 total_count i32',
  InitiateMultipartRequest: '1 artifact_id s',
  InitiateMultipartResponse: '1 upload_id s',
  GetMultipartPartsRequest: '1 artifact_id s; 2 upload_id s; 3 from_part i32; 4 num_parts i32',
  GetMultipartPartsResponse: '1 parts []UploadPart',
  UploadPart: '1 part_number i32; 2 url s; 3 expiration s',
  CompleteMultipartRequest: '1 artifact_id s; 2 upload_id s; 3 parts []CompletedPart',
  CompletedPart: '1 part_number i32; 2 etag s',
  CompleteMultipartResponse: '1 url s; 2 expiration s',
  AbortMultipartRequest: '1 artifact_id s; 2 upload_id s',
};

export const enums: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ScanStatus: { SCAN_STATUS_UNSPECIFIED: 0, QUEUED: 1, RUNNING: 2, COMPLETED: 3, FAILED: 4, CANCELLED: 5, PENDING: 6 },
  ScanType: { SCAN_TYPE_UNSPECIFIED: 0, SAST: 1, SCA: 2, SECRETS: 3, LICENSE: 4 },
  Severity: { SEVERITY_UNSPECIFIED: 0, CRITICAL: 1, HIGH: 2, MEDIUM: 3, LOW: 4, INFO: 5 },
  ArtifactType: { ARTIFACT_TYPE_UNSPECIFIED: 0, SOURCE_CODE: 1, SCAN_RESULTS: 2, REPORT: 3, LOG: 4 },
};

/** RPC name → request and response; `E` is google.protobuf.Empty. */
export const scanRpcs: Readonly<Record<string, readonly [string, string]>> = {
  CreateScan: ['CreateScanRequest', 'CreateScanResponse'],
  GetScan: ['GetScanRequest', 'Scan'],
  ListScans: ['ListScansRequest', 'ListScansResponse'],
  CancelScan: ['CancelScanRequest', 'E'],
  GetFindings: ['GetFindingsRequest', 'GetFindingsResponse'],
  DeleteScan: ['DeleteScanRequest', 'E'],
  DeleteProjectScans: ['DeleteProjectScansRequest', 'DeleteProjectScansResponse'],
  UpdateScan: ['UpdateScanRequest', 'Scan'],
  CreateFindings: ['CreateFindingsRequest', 'CreateFindingsResponse'],
};

export const storageRpcs: Readonly<Record<string, readonly [string, string]>> = {
  CreateArtifact: ['CreateArtifactRequest', 'CreateArtifactResponse'],
  GetArtifact: ['GetArtifactRequest', 'GetArtifactResponse'],
  DeleteArtifact: ['DeleteArtifactRequest', 'E'],
  ListArtifacts: ['ListArtifactsRequest', 'ListArtifactsResponse'],
  InitiateMultipartUpload: ['InitiateMultipartRequest', 'InitiateMultipartResponse'],
  GetMultipartUploadParts: ['GetMultipartPartsRequest', 'GetMultipartPartsResponse'],
  CompleteMultipartUpload: ['CompleteMultipartRequest', 'CompleteMultipartResponse'],
  AbortMultipartUpload: ['AbortMultipartRequest', 'E'],
};
