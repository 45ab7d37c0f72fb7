import { organization, scan } from '@cloudscan/contracts';
import type { DomainError } from '@cloudscan/domain';
import { testFile, uniqueName } from '@cloudscan/testing';
import test from 'ava';
import { aFinding, startApi, Tenant } from './support/api.ts';
import type { Api } from './support/api.ts';

const file = testFile(test);
let api: Api;
test.before(async () => {
  api = await startApi(file);
});

/** A page of any list, as its query and a page token make it. */
interface Listing {
  readonly query: Record<string, unknown>;
  readonly read: (query: Record<string, unknown>) => Promise<{ readonly ids: readonly string[]; readonly next: string }>;
  /** Queries that a token of the first does not belong to. */
  readonly others: readonly Record<string, unknown>[];
}

const listings: Readonly<Record<string, (tenant: Tenant, other: Tenant) => Promise<Listing>>> = {
  listScans: async (tenant, other) => {
    for (let count = 0; count < 5; count += 1) await tenant.pending();
    return {
      query: { organizationId: tenant.organizationId },
      read: async (query) => {
        const page = await api.scans.call('listScans', scan.ListScansRequest.fromPartial(query));
        return { ids: page.scans.map(({ id }) => id), next: page.nextPageToken };
      },
      others: [{ organizationId: other.organizationId }, { projectId: tenant.projectId }, { status: scan.ScanStatus.PENDING }],
    };
  },
  getFindings: async (tenant, other) => {
    const findings = Array.from({ length: 5 }, (_, index) => aFinding({ title: `finding ${index}` }));
    const scanId = await tenant.completed(findings);
    return {
      query: { scanId },
      read: async (query) => {
        const page = await api.scans.call('getFindings', scan.GetFindingsRequest.fromPartial(query));
        return { ids: page.findings.map(({ id }) => id), next: page.nextPageToken };
      },
      others: [{ scanId: await other.completed(findings) }, { severity: scan.Severity.HIGH }, { scanType: scan.ScanType.SAST }],
    };
  },
  listProjects: async (tenant, other) => {
    for (let count = 0; count < 4; count += 1) {
      const project = { organizationId: tenant.organizationId, name: uniqueName('project'), description: '', gitUrl: '' };
      await api.projects.call('createProject', project);
    }
    return {
      query: { organizationId: tenant.organizationId },
      read: async (query) => {
        const page = await api.projects.call('listProjects', organization.ListProjectsRequest.fromPartial(query));
        return { ids: page.projects.map(({ id }) => id), next: page.nextPageToken };
      },
      others: [{ organizationId: other.organizationId }, { name: 'another' }],
    };
  },
};

for (const [name, listing] of Object.entries(listings)) {
  test(`${name}: pages hold everything once, in one order`, async (t) => {
    const { query, read } = await listing(await Tenant.create(api), await Tenant.create(api));
    const whole = await read(query);
    t.is(whole.ids.length, 5);
    t.is(whole.next, '');
    const paged: string[] = [];
    for (let pageToken = ''; ;) {
      const page = await read({ ...query, pageSize: 2, pageToken });
      paged.push(...page.ids);
      pageToken = page.next;
      if (pageToken === '') break;
    }
    t.deepEqual(paged, whole.ids);
  });

  test(`${name}: a token of another query is refused, an altered one too`, async (t) => {
    const { query, read, others } = await listing(await Tenant.create(api), await Tenant.create(api));
    const { next } = await read({ ...query, pageSize: 2 });
    t.not(next, '');
    const altered = `${next.slice(0, -4)}AAAA`;
    for (const wrong of [...others.map((other) => ({ ...query, ...other, pageToken: next })), { ...query, pageToken: altered }]) {
      const error = await t.throwsAsync<DomainError>(read(wrong));
      t.is(error?.code, 'invalid_argument');
      t.is(error?.violations[0]?.field, 'page_token');
    }
  });
}

test('listOrganizations: pages go on by name, and the token of another list is refused', async (t) => {
  await Tenant.create(api);
  await Tenant.create(api);
  const first = await api.organizations.call('listOrganizations', { pageSize: 1, pageToken: '' });
  const second = await api.organizations.call('listOrganizations', { pageSize: 1, pageToken: first.nextPageToken });
  t.true(first.organizations[0]!.name < second.organizations[0]!.name);
  const tenant = await Tenant.create(api);
  for (let count = 0; count < 2; count += 1) await tenant.pending();
  const { nextPageToken } = await api.scans.call(
    'listScans',
    scan.ListScansRequest.create({ organizationId: tenant.organizationId, pageSize: 1 }),
  );
  const error = await t.throwsAsync<DomainError>(api.organizations.call('listOrganizations', { pageSize: 1, pageToken: nextPageToken }));
  t.is(error?.violations[0]?.field, 'page_token');
});

test('a page holds 50 unless more are asked for, and says whether the total is exact', async (t) => {
  const tenant = await Tenant.create(api);
  const findings = Array.from({ length: 60 }, () => aFinding());
  const scanId = await tenant.completed(findings);
  const byDefault = await api.scans.call('getFindings', scan.GetFindingsRequest.create({ scanId }));
  t.is(byDefault.findings.length, 50);
  t.is(byDefault.totalCount, 60);
  t.true(byDefault.totalCountExact);
  const more = await api.scans.call('getFindings', scan.GetFindingsRequest.create({ scanId, pageSize: 5000 }));
  t.is(more.findings.length, 60);
});

test('scans are listed newest first and filtered by project and status', async (t) => {
  const tenant = await Tenant.create(api);
  const [pending, failed] = [await tenant.pending(), await tenant.failed()];
  const list = async (fields: Partial<scan.ListScansRequest>) => {
    const page = await api.scans.call('listScans', scan.ListScansRequest.create({ organizationId: tenant.organizationId, ...fields }));
    return page.scans.map(({ id }) => id);
  };
  t.deepEqual(await list({}), [failed, pending]);
  t.deepEqual(await list({ projectId: tenant.projectId, status: scan.ScanStatus.PENDING }), [pending]);
  t.deepEqual(await list({ status: scan.ScanStatus.RUNNING }), []);
});
