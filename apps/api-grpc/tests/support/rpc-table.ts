import { organization, scan } from '@cloudscan/contracts';
import { newId, uniqueName } from '@cloudscan/testing';
import { aCompletion, aFinding, aToolRun } from './api.ts';
import type { Api, Tenant } from './api.ts';

/** A call as it goes to the server, whichever service it belongs to. */
export type Request = Record<string, unknown>;

/** A field with a value that must be refused. */
export interface BadInput {
  /** What is wrong with it. */
  readonly what: string;
  readonly change: Request;
  /** The fields that the answer names. */
  readonly names: readonly string[];
}

/** What every RPC is tested with; an RPC without a row does not compile. */
export interface RpcRow {
  /** A request that succeeds. */
  readonly good: (tenant: Tenant, api: Api) => Promise<Request>;
  readonly bad: readonly BadInput[];
  /** The id fields, and what an id that nobody has leads to. */
  readonly unknown: Readonly<Record<string, 'not_found' | 'failed_precondition' | 'ok'>>;
  /** The states in which the call is forbidden. */
  readonly forbidden?: { readonly states: readonly State[]; readonly request: (id: string) => Request };
}

export type State = 'pending' | 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

const long = (length: number): string => 'x'.repeat(length);
const negative = -1;

function badId(field: string, name: string): BadInput[] {
  return [
    { what: `${name} empty`, change: { [field]: '' }, names: [name] },
    { what: `${name} of the wrong form`, change: { [field]: 'not-an-id' }, names: [name] },
    { what: `${name} in upper case`, change: { [field]: newId().toUpperCase() }, names: [name] },
    { what: `${name} too long`, change: { [field]: long(5000) }, names: [name] },
  ];
}

function badOptionalId(field: string, name: string): BadInput[] {
  return badId(field, name).slice(1);
}

function badPage(): BadInput[] {
  return [
    { what: 'page_size negative', change: { pageSize: negative }, names: ['page_size'] },
    { what: 'page_token too long', change: { pageToken: long(2000) }, names: ['page_token'] },
    { what: 'page_token of the wrong form', change: { pageToken: 'bm90LWEtdG9rZW4' }, names: ['page_token'] },
  ];
}

function badEnum(field: string, name: string, { required }: { readonly required: boolean }): BadInput[] {
  const unknown = { what: `${name} unknown`, change: { [field]: 99 }, names: [name] };
  return required ? [unknown, { what: `${name} not set`, change: { [field]: 0 }, names: [name] }] : [unknown];
}

function badText(field: string, name: string, max: number, { required = false } = {}): BadInput[] {
  return [
    { what: `${name} too long`, change: { [field]: long(max + 1) }, names: [name] },
    { what: `${name} with control characters`, change: { [field]: 'a\u0000b' }, names: [name] },
    ...(required ? [{ what: `${name} empty`, change: { [field]: '' }, names: [name] }] : []),
  ];
}

function badNumber(field: string, name: string, values: readonly (number | bigint)[]): BadInput[] {
  return values.map((value) => ({ what: `${name} ${value}`, change: { [field]: value }, names: [name] }));
}

function badProvenance(): BadInput[] {
  const sourceSha256 = '0'.repeat(64);
  const fields: [string, Partial<scan.RunProvenance>, string][] = [
    ['source_sha256 of the wrong form', { sourceSha256: 'abc' }, '.source_sha256'],
    ['git_commit abbreviated', { gitCommit: 'abcdef0' }, '.git_commit'],
    ['runner_version too long', { sourceSha256, runnerVersion: long(101) }, '.runner_version'],
    ['without a source', {}, ''],
    ['of two sources', { sourceSha256, gitCommit: '0'.repeat(40) }, ''],
  ];
  return fields.map(([what, change, name]) => ({
    what: `provenance ${what}`,
    change: { provenance: scan.RunProvenance.create(change) },
    names: [`provenance${name}`],
  }));
}

function badGitUrl(name = 'git_url'): BadInput[] {
  const urls = {
    'no URL': 'team/app',
    'of a protocol that is not allowed': 'http://git.example.com/team/app.git',
    'with credentials': 'https://ada:secret@git.example.com/team/app.git',
    'with a token as the user': 'https://token@git.example.com/team/app.git',
    'with a query': 'https://git.example.com/team/app.git?token=secret',
    'without a repository': 'https://git.example.com',
    'that smuggles an option': 'ssh://-oProxyCommand=id/app',
    'that smuggles an option in the short form': 'git@-oProxyCommand=id:app',
    'of another machine, as a file': 'file://host/app',
    'that runs a command': 'ext::sh -c id',
    'too long': `https://git.example.com/${long(2048)}`,
  };
  return Object.entries(urls).map(([what, gitUrl]) => ({ what: `${name} ${what}`, change: { gitUrl }, names: [name] }));
}

function badFindings(): BadInput[] {
  const fields: [string, Partial<scan.Finding>, string][] = [
    ['scan_type not set', { scanType: 0 }, 'scan_type'],
    ['scan_type unknown', { scanType: 99 as scan.ScanType }, 'scan_type'],
    ['severity not set', { severity: 0 }, 'severity'],
    ['severity unknown', { severity: 99 as scan.Severity }, 'severity'],
    ['title empty', { title: '' }, 'title'],
    ['file_path too long', { filePath: long(5000) }, 'file_path'],
    ['file_path with NUL', { filePath: 'a\u0000b' }, 'file_path'],
    ['line_number negative', { lineNumber: negative }, 'line_number'],
    ['end_line negative', { endLine: negative }, 'end_line'],
    ['start_column negative', { startColumn: negative }, 'start_column'],
    ['end_column negative', { endColumn: negative }, 'end_column'],
    ['cve_id too long', { cveId: long(101) }, 'cve_id'],
    ['cwe_id too long', { cweId: long(201) }, 'cwe_id'],
    ['rule_id too long', { ruleId: long(501) }, 'rule_id'],
    ['tool_name too long', { toolName: long(101) }, 'tool_name'],
    ['tool_version too long', { toolVersion: long(101) }, 'tool_version'],
    ['cvss_score above 10', { cvssScore: 10.1 }, 'cvss_score'],
    ['cvss_score no number', { cvssScore: Number.NaN }, 'cvss_score'],
    ['cvss_vector too long', { cvssVector: long(301) }, 'cvss_vector'],
    ['package_name too long', { packageName: long(501) }, 'package_name'],
    ['package_version too long', { packageVersion: long(201) }, 'package_version'],
    ['fixed_version too long', { fixedVersion: long(501) }, 'fixed_version'],
    ['license too long', { license: long(1001) }, 'license'],
    ['references too many', { references: Array.from({ length: 101 }, () => 'x') }, 'references'],
    ['references with an empty one', { references: [''] }, 'references[0]'],
    ['references with one too long', { references: [long(2049)] }, 'references[0]'],
    ['fingerprint of the wrong form', { fingerprint: 'XYZ' }, 'fingerprint'],
  ];
  const each = fields.map(([what, change, name]) => ({
    what: `findings[1].${what}`,
    change: { findings: [aFinding(), aFinding(change)] },
    names: [`findings[1].${name}`],
  }));
  return [
    ...each,
    { what: 'findings too many', change: { findings: Array.from({ length: 10_001 }, () => aFinding()) }, names: ['findings'] },
  ];
}

function badTools(): BadInput[] {
  const fields: [string, Partial<scan.ToolRun>, string][] = [
    ['name empty', { name: '' }, 'name'],
    ['name too long', { name: long(101) }, 'name'],
    ['version too long', { version: long(101) }, 'version'],
    ['scan_type not set', { scanType: 0 }, 'scan_type'],
    ['scan_type unknown', { scanType: 99 as scan.ScanType }, 'scan_type'],
    ['status not set', { status: 0 }, 'status'],
    ['status unknown', { status: 99 as scan.ToolStatus }, 'status'],
    ['duration_ms negative', { durationMs: -1n }, 'duration_ms'],
    ['findings_count negative', { findingsCount: negative }, 'findings_count'],
    ['rules_version too long', { rulesVersion: long(201) }, 'rules_version'],
  ];
  const each = fields.map(([what, change, name]) => ({
    what: `tools[1].${what}`,
    change: { tools: [aToolRun(), aToolRun(change)] },
    names: [`tools[1].${name}`],
  }));
  return [
    ...each,
    { what: 'tools empty', change: { tools: [] }, names: ['tools'] },
    { what: 'tools too many', change: { tools: Array.from({ length: 101 }, () => aToolRun()) }, names: ['tools'] },
  ];
}

function badRunner(): BadInput[] {
  return [...badNumber('attempt', 'attempt', [negative]), ...badOptionalId('runId', 'run_id')];
}

type Rows<Service> = { readonly [Name in keyof Service]: RpcRow };

export const scanRows: Rows<typeof scan.ScanServiceService> = {
  createScan: {
    good: async (tenant) => ({ ...tenant.createScanRequest() }),
    bad: [
      ...badId('organizationId', 'organization_id'),
      ...badId('projectId', 'project_id'),
      { what: 'scan_types unknown', change: { scanTypes: [1, 99] }, names: ['scan_types[1]'] },
      { what: 'scan_types not set', change: { scanTypes: [0] }, names: ['scan_types[0]'] },
      ...badGitUrl(),
      ...[
        '-x',
        '.x',
        'a..b',
        'a b',
        'a~b',
        'a^b',
        'a:b',
        'a?b',
        'a*b',
        'a[b',
        'a\\b',
        'a.lock',
        'a.',
        'a/',
        '/a',
        'a//b',
        'a@{b',
        '@',
        'a\u0007',
        long(256),
      ].map((gitBranch) => ({
        what: `git_branch ${JSON.stringify(gitBranch.slice(0, 20))}`,
        change: { gitBranch },
        names: ['git_branch'],
      })),
      ...['-x', 'main', 'abc', long(65), '--upload-pack=id'].map((gitCommit) => ({
        what: `git_commit ${gitCommit.slice(0, 20)}`,
        change: { gitCommit },
        names: ['git_commit'],
      })),
      ...badOptionalId('sourceArtifactId', 'source_artifact_id'),
      ...badText('userId', 'user_id', 255),
      ...badNumber('sourceSizeBytes', 'source_size_bytes', [-1n, 2n ** 62n]),
      ...['abc', 'A'.repeat(64), long(64), long(500)].map((sourceSha256) => ({
        what: `source_sha256 ${sourceSha256.slice(0, 10)}`,
        change: { sourceSha256 },
        names: ['source_sha256'],
      })),
      ...badText('sourceFilename', 'source_filename', 255),
      { what: 'source_filename a path', change: { sourceFilename: '../etc/passwd' }, names: ['source_filename'] },
      { what: 'source_content_type unknown', change: { sourceContentType: 'text/html' }, names: ['source_content_type'] },
      ...badNumber('priority', 'priority', [-101, 101]),
      {
        what: 'everything at once',
        change: { organizationId: '', projectId: 'x', scanTypes: [99], gitUrl: 'x', gitBranch: '-x', gitCommit: '-x', priority: 1000 },
        names: ['scan_types[0]', 'organization_id', 'project_id', 'git_url', 'git_branch', 'git_commit', 'priority'],
      },
    ],
    unknown: { organizationId: 'not_found', projectId: 'not_found', sourceArtifactId: 'not_found' },
  },
  // The header; the log comes after it.
  importSarif: {
    good: async ({ organizationId, projectId }) => ({ ...scan.ImportSarifHeader.create({ organizationId, projectId }) }),
    bad: [
      ...badId('organizationId', 'header.organization_id'),
      ...badId('projectId', 'header.project_id'),
      ...badGitUrl('header.git_url'),
      { what: 'git_branch an option', change: { gitBranch: '-x' }, names: ['header.git_branch'] },
      { what: 'git_commit no name of a commit', change: { gitCommit: 'main' }, names: ['header.git_commit'] },
      ...badEnum('scanType', 'header.scan_type', { required: false }),
      ...badText('userId', 'header.user_id', 255),
      ...badNumber('sizeBytes', 'header.size_bytes', [-1n, 2n ** 62n, 7n]),
      ...['abc', 'A'.repeat(64), 'a'.repeat(64)].map((sha256) => ({
        what: `sha256 ${sha256.slice(0, 10)}`,
        change: { sha256 },
        names: ['header.sha256'],
      })),
      ...badText('filename', 'header.filename', 255),
      { what: 'filename a path', change: { filename: '../etc/passwd' }, names: ['header.filename'] },
    ],
    unknown: { organizationId: 'not_found', projectId: 'not_found' },
  },
  getScan: { good: async (tenant) => ({ id: await tenant.pending() }), bad: badId('id', 'id'), unknown: { id: 'not_found' } },
  listScans: {
    good: async (tenant) => ({ ...scan.ListScansRequest.create({ organizationId: tenant.organizationId, projectId: tenant.projectId }) }),
    bad: [
      ...badId('organizationId', 'organization_id'),
      ...badOptionalId('projectId', 'project_id'),
      ...badEnum('status', 'status', { required: false }),
      ...badPage(),
    ],
    unknown: { organizationId: 'not_found', projectId: 'not_found' },
  },
  cancelScan: {
    good: async (tenant) => ({ id: await tenant.running() }),
    bad: badId('id', 'id'),
    unknown: { id: 'not_found' },
    forbidden: { states: ['completed', 'failed'], request: (id) => ({ id }) },
  },
  getFindings: {
    good: async (tenant) => ({ ...scan.GetFindingsRequest.create({ scanId: await tenant.completed([aFinding()]) }) }),
    bad: [
      ...badId('scanId', 'scan_id'),
      ...badEnum('scanType', 'scan_type', { required: false }),
      ...badEnum('severity', 'severity', { required: false }),
      ...badPage(),
    ],
    unknown: { scanId: 'not_found' },
  },
  deleteScan: { good: async (tenant) => ({ id: await tenant.pending() }), bad: badId('id', 'id'), unknown: { id: 'ok' } },
  deleteProjectScans: {
    good: async (tenant) => ({ projectId: tenant.projectId }),
    bad: badId('projectId', 'project_id'),
    unknown: { projectId: 'not_found' },
  },
  updateScan: {
    good: async (tenant) => ({ ...scan.UpdateScanRequest.create({ id: await tenant.queued(), status: scan.ScanStatus.RUNNING }) }),
    bad: [
      ...badId('id', 'id'),
      ...badEnum('status', 'status', { required: true }),
      ...['QUEUED', 'PENDING'].map((name) => ({
        what: `status ${name}, which no runner reports`,
        change: { status: scan.ScanStatus[name as 'QUEUED'] },
        names: ['status'],
      })),
      ...badNumber('totalFindings', 'total_findings', [negative]),
      { what: 'findings_by_severity negative', change: { findingsBySeverity: { high: -1 } }, names: ['findings_by_severity[high]'] },
      ...badRunner(),
      ...badEnum('failureReason', 'failure_reason', { required: false }),
      { what: 'progress without a step', change: { progress: { step: '', percent: 1, message: '' } }, names: ['progress.step'] },
      { what: 'progress step too long', change: { progress: { step: long(65), percent: 1, message: '' } }, names: ['progress.step'] },
      { what: 'progress above 100', change: { progress: { step: 'sast', percent: 101, message: '' } }, names: ['progress.percent'] },
      { what: 'progress below 0', change: { progress: { step: 'sast', percent: -1, message: '' } }, names: ['progress.percent'] },
    ],
    unknown: { id: 'not_found' },
    forbidden: {
      states: ['pending', 'completed', 'failed', 'cancelled'],
      request: (id) => ({ ...scan.UpdateScanRequest.create({ id, status: scan.ScanStatus.RUNNING }) }),
    },
  },
  createFindings: {
    good: async (tenant) => ({ scanId: await tenant.running(), findings: [aFinding()], attempt: 1, runId: newId(), batchNumber: 1 }),
    bad: [
      ...badId('scanId', 'scan_id'),
      ...badFindings(),
      ...badRunner(),
      ...badNumber('batchNumber', 'batch_number', [negative]),
      { what: 'batch_number without a run', change: { runId: '', batchNumber: 1 }, names: ['run_id'] },
    ],
    unknown: { scanId: 'not_found' },
    forbidden: {
      states: ['pending', 'completed', 'failed', 'cancelled'],
      request: (scanId) => ({ ...scan.CreateFindingsRequest.create({ scanId, findings: [aFinding()] }) }),
    },
  },
  startScan: {
    good: async (tenant, api) => {
      const { scan: created, artifactId } = await api.scans.call('createScan', tenant.createScanRequest());
      api.storage.upload(artifactId, 'source');
      return { id: created!.id };
    },
    bad: badId('id', 'id'),
    unknown: { id: 'not_found' },
    forbidden: { states: ['pending', 'cancelled'], request: (id) => ({ id }) },
  },
  completeScan: {
    good: async (tenant) => ({ ...aCompletion(await tenant.running()) }),
    bad: [
      ...badId('id', 'id'),
      ...badOptionalId('resultsArtifactId', 'results_artifact_id'),
      ...badTools(),
      ...badFindings(),
      ...badRunner(),
      ...badProvenance(),
    ],
    unknown: { id: 'not_found', resultsArtifactId: 'failed_precondition' },
    forbidden: { states: ['pending', 'completed', 'failed', 'cancelled'], request: (id) => ({ ...aCompletion(id) }) },
  },
  getUploadUrl: {
    good: async (tenant) => ({
      ...scan.GetUploadURLRequest.create({ scanId: await tenant.running(), type: 2, filename: 'results.sarif' }),
    }),
    bad: [
      ...badId('scanId', 'scan_id'),
      ...badEnum('type', 'type', { required: true }),
      ...badText('filename', 'filename', 255),
      { what: 'filename a path', change: { filename: 'a/b' }, names: ['filename'] },
      { what: 'content_type of the wrong form', change: { contentType: 'json' }, names: ['content_type'] },
      { what: 'content_type too long', change: { contentType: `a/${long(255)}` }, names: ['content_type'] },
      { what: 'content_type of a source unknown', change: { type: 1, contentType: 'text/html' }, names: ['content_type'] },
      ...badNumber('sizeBytes', 'size_bytes', [-1n, 2n ** 62n]),
      { what: 'sha256 of the wrong form', change: { sha256: 'abc' }, names: ['sha256'] },
      ...badNumber('attempt', 'attempt', [negative]),
    ],
    unknown: { scanId: 'not_found' },
    forbidden: {
      states: ['pending', 'completed', 'failed', 'cancelled'],
      request: (scanId) => ({ ...scan.GetUploadURLRequest.create({ scanId, type: 2 }) }),
    },
  },
  getDownloadUrl: {
    good: async (tenant, api) => {
      const { scan: created, artifactId } = await api.scans.call('createScan', tenant.createScanRequest());
      api.storage.upload(artifactId, 'source');
      return { scanId: created!.id, type: 1 };
    },
    bad: [...badId('scanId', 'scan_id'), ...badEnum('type', 'type', { required: false })],
    unknown: { scanId: 'not_found' },
    forbidden: { states: ['pending', 'queued', 'running'], request: (scanId) => ({ scanId, type: 2 }) },
  },
  getArtifact: {
    good: async (tenant, api) => ({ id: api.storage.put(tenant.organizationId, 'report').id }),
    bad: badId('id', 'id'),
    unknown: { id: 'not_found' },
  },
  getAttestation: {
    good: async (tenant, api) => {
      const scanId = await tenant.completed();
      api.storage.put(tenant.organizationId, 'report', { scanId, filename: 'attestation.dsse.json' });
      return { scanId };
    },
    bad: badId('scanId', 'scan_id'),
    unknown: { scanId: 'not_found' },
    forbidden: { states: ['pending', 'queued', 'running'], request: (scanId) => ({ scanId }) },
  },
  listArtifacts: {
    good: async (tenant) => ({ scanId: await tenant.pending(), pageSize: 0, pageToken: '' }),
    // Whether a token is one of its own, the storage service says.
    bad: [...badId('scanId', 'scan_id'), ...badPage().slice(0, 2)],
    unknown: { scanId: 'not_found' },
  },
  watchScan: {
    good: async (tenant) => ({ scanId: await tenant.completed(), afterSequence: 0n }),
    bad: [...badId('scanId', 'scan_id'), ...badNumber('afterSequence', 'after_sequence', [-1n])],
    unknown: { scanId: 'not_found' },
  },
};

const badCaps = [
  ...badNumber('maxRunningScans', 'max_running_scans', [negative, 1_000_001]),
  ...badNumber('maxQueuedScans', 'max_queued_scans', [negative, 1_000_001]),
];
const badLabels: BadInput[] = ['', 'UPPER', '-a', 'a-', 'a_b', 'a.b', 'ä', long(64)].map((name) => ({
  what: `name ${JSON.stringify(name.slice(0, 10))}`,
  change: { name },
  names: ['name'],
}));

export const organizationRows: Rows<typeof organization.OrganizationServiceService> = {
  createOrganization: {
    good: async () => ({ ...organization.CreateOrganizationRequest.create({ name: uniqueName('created'), displayName: 'Ada & Co' }) }),
    bad: [...badLabels, ...badText('displayName', 'display_name', 200), ...badCaps],
    unknown: {},
  },
  getOrganization: {
    good: async (tenant) => ({ id: tenant.organizationId, name: '' }),
    bad: [
      ...badOptionalId('id', 'id'),
      { what: 'neither id nor name', change: { id: '' }, names: ['name'] },
      { what: 'both id and name', change: { name: 'name' }, names: ['name'] },
      { what: 'name of the wrong form', change: { id: '', name: 'No Label' }, names: ['name'] },
      { what: 'name too long', change: { id: '', name: long(64) }, names: ['name'] },
    ],
    unknown: { id: 'not_found' },
  },
  listOrganizations: { good: async () => ({ pageSize: 0, pageToken: '' }), bad: badPage(), unknown: {} },
  updateOrganization: {
    good: async (tenant) => ({ id: tenant.organizationId, displayName: 'New name' }),
    bad: [...badId('id', 'id'), ...badText('displayName', 'display_name', 200), ...badCaps],
    unknown: { id: 'not_found' },
  },
  deleteOrganization: {
    good: async (_tenant, api) => ({
      id: (await api.organizations.call('createOrganization', organization.CreateOrganizationRequest.create({ name: uniqueName('empty') })))
        .id,
    }),
    bad: badId('id', 'id'),
    unknown: { id: 'ok' },
  },
};

export const projectRows: Rows<typeof organization.ProjectServiceService> = {
  createProject: {
    good: async (tenant) => ({ organizationId: tenant.organizationId, name: uniqueName('created'), description: '', gitUrl: '' }),
    bad: [
      ...badId('organizationId', 'organization_id'),
      ...badText('name', 'name', 200, { required: true }),
      ...badText('description', 'description', 4000),
      ...badGitUrl(),
    ],
    unknown: { organizationId: 'not_found' },
  },
  getProject: { good: async (tenant) => ({ id: tenant.projectId }), bad: badId('id', 'id'), unknown: { id: 'not_found' } },
  listProjects: {
    good: async (tenant) => ({ organizationId: tenant.organizationId, pageSize: 0, pageToken: '', name: '' }),
    bad: [...badId('organizationId', 'organization_id'), ...badText('name', 'name', 200), ...badPage()],
    unknown: { organizationId: 'not_found' },
  },
  updateProject: {
    good: async (tenant) => ({ id: tenant.projectId, description: 'New' }),
    bad: [
      ...badId('id', 'id'),
      ...badText('name', 'name', 200, { required: true }),
      ...badText('description', 'description', 4000),
      ...badGitUrl(),
    ],
    unknown: { id: 'not_found' },
  },
  deleteProject: {
    good: async (tenant, api) => ({
      id: (
        await api.projects.call('createProject', {
          organizationId: tenant.organizationId,
          name: uniqueName('empty'),
          description: '',
          gitUrl: '',
        })
      ).id,
    }),
    bad: badId('id', 'id'),
    unknown: { id: 'ok' },
  },
};
