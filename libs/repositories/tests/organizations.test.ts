import { scopeOf } from '@cloudscan/auth';
import type { Organization, Project } from '@cloudscan/domain';
import type { Page } from '@cloudscan/orchestration';
import { anOrganization, aProject, newId, testFile } from '@cloudscan/testing';
import test from 'ava';
import { bench, system } from './support.ts';
import type { Bench } from './support.ts';

const file = testFile(test);
let b: Bench;
test.before(async () => {
  b = await bench(file);
});

test('an organization comes back as it was made, by id and by name', async (t) => {
  const made = anOrganization({ displayName: 'Ünïcödé', maxRunningScans: 3, maxQueuedScans: 7 });
  t.deepEqual(await b.organizations.create(system, made), made);
  t.deepEqual(await b.organizations.findById(system, made.id), made);
  t.deepEqual(await b.organizations.findByName(system, made.name), made);
  t.is(await b.organizations.findById(system, newId()), null);
  t.is(await b.organizations.findById(system, 'no-id'), null);
  t.is(await b.organizations.findByName(system, 'nobody'), null);
});

test('an organization sees itself and no other', async (t) => {
  const [own, other] = [await b.tenant(), await b.tenant()];
  t.deepEqual(await b.organizations.findById(own.scope, own.organization.id), own.organization);
  t.is(await b.organizations.findById(own.scope, other.organization.id), null);
  t.is(await b.organizations.update(own.scope, other.organization.id, { displayName: 'mine' }, new Date()), null);
});

test('of many that take one name at once one gets it', async (t) => {
  const name = anOrganization().name;
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => b.organizations.create(system, anOrganization({ name }))));
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const result of results) if (result.status === 'rejected') t.is((result.reason as { code: string }).code, 'already_exists');
});

test('an update changes what it names and leaves the rest', async (t) => {
  const { scope, organization } = await b.tenant({ maxRunningScans: 2 });
  const at = new Date('2030-01-01T00:00:00Z');
  const changed = await b.organizations.update(scope, organization.id, { displayName: 'New', maxQueuedScans: 9 }, at);
  t.deepEqual(changed, { ...organization, displayName: 'New', maxQueuedScans: 9, updatedAt: at });
  t.deepEqual(await b.organizations.findById(scope, organization.id), changed);
});

test('an organization with projects stays', async (t) => {
  const { scope, organization, project } = await b.tenant();
  t.is(await b.organizations.delete(system, organization.id), 'has_projects');
  t.is(await b.projects.delete(scope, project.id), 'deleted');
  t.is(await b.organizations.delete(system, organization.id), 'deleted');
  t.is(await b.organizations.delete(system, organization.id), 'absent');
  t.is(await b.organizations.delete(system, 'no-id'), 'absent');
});

test('organizations are listed by name, each once', async (t) => {
  const own = await bench(t);
  const made: Organization[] = [];
  for (let index = 0; index < 7; index += 1) made.push(await own.organizations.create(system, anOrganization()));
  const seen: Organization[] = [];
  let token: string | null = null;
  do {
    const page: Page<Organization> = await own.organizations.list(system, { pageSize: 3, pageToken: token });
    t.is(page.totalCount, 7);
    seen.push(...page.items);
    token = page.nextPageToken;
  } while (token !== null);
  t.deepEqual(
    seen.map(({ name }) => name),
    made.map(({ name }) => name).toSorted(),
  );
});

test('a project comes back as it was made, to its organization only', async (t) => {
  const [own, other] = [await b.tenant(), await b.tenant()];
  const made = aProject({
    organizationId: own.organization.id,
    name: 'A name — with "signs"',
    description: 'd',
    gitUrl: 'https://git.example/a',
  });
  t.deepEqual(await b.projects.create(own.scope, made), made);
  t.deepEqual(await b.projects.findById(own.scope, made.id), made);
  t.is(await b.projects.findById(other.scope, made.id), null);
  t.is(await b.projects.update(other.scope, made.id, { name: 'mine' }, new Date()), null);
  t.is(await b.projects.delete(other.scope, made.id), 'absent');
  t.is(await b.projects.findById(own.scope, 'no-id'), null);
});

test('a project of an organization that does not exist is not made', async (t) => {
  const organizationId = newId();
  t.is(await b.projects.create(scopeOf({ organizationId, actor: 'test' }), aProject({ organizationId })), null);
});

test('a project’s name is unique in its organization, at creation and at renaming, and free in another', async (t) => {
  const [own, other] = [await b.tenant(), await b.tenant()];
  const { name } = own.project;
  await t.throwsAsync(b.projects.create(own.scope, aProject({ organizationId: own.organization.id, name })), { code: 'already_exists' });
  t.truthy(await b.projects.create(other.scope, aProject({ organizationId: other.organization.id, name })));
  const second = (await b.projects.create(own.scope, aProject({ organizationId: own.organization.id })))!;
  await t.throwsAsync(b.projects.update(own.scope, second.id, { name }, new Date()), { code: 'already_exists' });
  const at = new Date();
  t.deepEqual(await b.projects.update(own.scope, second.id, { description: 'new' }, at), { ...second, description: 'new', updatedAt: at });
});

test('projects are listed by name, each once, or the one of a name', async (t) => {
  const { scope, organization, project } = await b.tenant();
  const names = ['b', 'B', 'a', 'ä', '中'];
  for (const name of names) await b.projects.create(scope, aProject({ organizationId: organization.id, name }));
  const seen: Project[] = [];
  let token: string | null = null;
  do {
    const page: Page<Project> = await b.projects.list(scope, { pageSize: 2, pageToken: token, name: null });
    t.is(page.totalCount, 6);
    seen.push(...page.items);
    token = page.nextPageToken;
  } while (token !== null);
  t.deepEqual(
    seen.map(({ name }) => name),
    [...names, project.name].toSorted(),
  );
  t.deepEqual(
    (await b.projects.list(scope, { pageSize: 2, pageToken: null, name: 'ä' })).items.map(({ name }) => name),
    ['ä'],
  );
  const stranger = await b.tenant();
  const { nextPageToken } = await b.projects.list(scope, { pageSize: 1, pageToken: null, name: null });
  await t.throwsAsync(b.projects.list(stranger.scope, { pageSize: 1, pageToken: nextPageToken, name: null }), { code: 'invalid_argument' });
});
