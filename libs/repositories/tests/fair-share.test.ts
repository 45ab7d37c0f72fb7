import type { Scan } from '@cloudscan/domain';
import type { AdmissionLimits } from '@cloudscan/orchestration';
import test from 'ava';
import { bench, completion, ending, noLimits, system } from './support.ts';
import type { Bench, Tenant } from './support.ts';

/** Each test has a database of its own and a time of its own, in seconds after this moment. */
const start = Date.UTC(2029, 5, 1);
const at = (seconds: number): Date => new Date(start + seconds * 1000);
const halfLife = noLimits.usageHalfLifeMs / 1000;

function places(maxRunning: number): AdmissionLimits {
  return { ...noLimits, maxRunning };
}

async function queue(tenant: Tenant, seconds: number, count = 1, priority = 0): Promise<readonly Scan[]> {
  const scans: Scan[] = [];
  while (scans.length < count) {
    const more = Math.min(20, count - scans.length);
    const made = Array.from({ length: more }, () => tenant.create({ start: true, limits: places(0), at: at(seconds), priority }));
    scans.push(...(await Promise.all(made)));
  }
  return scans;
}

async function running(b: Bench): Promise<readonly string[]> {
  const rows = await b.db.query<{ scan_id: string }>('SELECT scan_id FROM active_scans WHERE admitted_at IS NOT NULL ORDER BY admitted_at');
  return rows.map(({ scan_id: id }) => id);
}

function admit(b: Bench, seconds: number, maxRunning: number): Promise<number> {
  return b.systemScans.admit(system, { limits: places(maxRunning), at: at(seconds) });
}

/** Ends an attempt for good and leaves its place to whoever asks next. */
async function end(b: Bench, scanId: string, seconds: number, maxRunning = 0): Promise<void> {
  const scan = (await b.scans.findById(system, scanId))!;
  const result = await b.scans.endAttempt(system, ending(scan, { reason: 'tool_error', limits: places(maxRunning), at: at(seconds) }));
  if (result.kind !== 'applied') throw new Error(result.kind);
  await b.freePlaces(places(maxRunning), at(seconds));
}

async function usedSeconds(b: Bench, { organization }: Tenant): Promise<number | undefined> {
  const rows = await b.db.query<{ used: number }>('SELECT used_seconds AS used FROM organization_usage WHERE organization_id = $1', [
    organization.id,
  ]);
  return rows[0]?.used;
}

/** Adds what an organization has used, by a scan that ran as long. */
async function use(b: Bench, tenant: Tenant, seconds: number): Promise<void> {
  const [scan] = await queue(tenant, -seconds, 1, 1_000_000);
  await admit(b, -seconds, (await running(b)).length + 1);
  await end(b, scan!.id, 0);
}

test('a light organization that arrives after a thousand scans of another is next, until it has used as much', async (t) => {
  const b = await bench(t, { maxConnections: 20 });
  const [heavy, light] = [await b.tenant(), await b.tenant()];
  await queue(heavy, 0, 1000);
  let now = 0;
  const round = async (): Promise<readonly string[]> => {
    for (const id of await running(b)) await end(b, id, now);
    await admit(b, now, 10);
    now += 120;
    return running(b);
  };
  for (let rounds = 0; rounds < 3; rounds += 1) t.is((await round()).length, 10);
  const [first] = await queue(light, now);
  t.is(await b.scans.queuePosition(system, first!, { limits: noLimits, at: at(now) }), 1);
  const ofLight = new Set([first!, ...(await queue(light, now, 39))].map(({ id }) => id));
  const shares: number[] = [];
  for (let rounds = 0; rounds < 4; rounds += 1) shares.push((await round()).filter((id) => ofLight.has(id)).length);
  t.deepEqual(shares.slice(0, 3), [10, 10, 10], 'three rounds, as the other had before');
  t.true(shares[3]! > 0 && shares[3]! < 10, `then both: ${shares.join(', ')}`);
});

test('organizations that always wait use the runners alike, however long their scans take', async (t) => {
  const b = await bench(t);
  const durations = [40, 200, 700];
  const tenants = await Promise.all(durations.map(() => b.tenant()));
  const ends: { readonly id: string; readonly owner: number; readonly seconds: number }[] = [];
  const used = durations.map(() => 0);
  for (const tenant of tenants) await queue(tenant, 0, 5);
  for (let now = 0; now < 6000;) {
    await admit(b, now, 6);
    const known = new Set(ends.map(({ id }) => id));
    const rows = await b.db.query<{ id: string; organization: string }>(
      'SELECT scan_id AS id, organization_id AS organization FROM active_scans WHERE admitted_at IS NOT NULL',
    );
    for (const { id, organization } of rows) {
      if (known.has(id)) continue;
      const owner = tenants.findIndex((tenant) => tenant.organization.id === organization);
      ends.push({ id, owner, seconds: now + durations[owner]! });
      await queue(tenants[owner]!, now);
    }
    ends.sort((a, z) => z.seconds - a.seconds);
    const next = ends.pop()!;
    now = next.seconds;
    used[next.owner]! += durations[next.owner]!;
    await end(b, next.id, now);
  }
  const mean = used.reduce((sum, seconds) => sum + seconds) / used.length;
  for (const seconds of used) t.true(Math.abs(seconds - mean) < 0.2 * mean, used.join(', '));
});

test('priority comes before use, and use before age', async (t) => {
  const b = await bench(t);
  const [heavy, light] = [await b.tenant(), await b.tenant()];
  await use(b, heavy, 1000);
  const [early] = await queue(heavy, 1);
  const [late] = await queue(light, 2);
  const [urgent] = await queue(heavy, 3, 1, 5);
  for (const scan of [urgent!, late!, early!]) {
    const before = await running(b);
    t.is(await admit(b, 4, before.length + 1), 1);
    t.true((await running(b)).includes(scan.id));
  }
});

test('what was used is forgotten by halves, and within a share of each other age decides', async (t) => {
  const b = await bench(t);
  const [heavy, light] = [await b.tenant(), await b.tenant()];
  await use(b, heavy, 480);
  const [early] = await queue(heavy, 1);
  const [late] = await queue(light, 2);
  const next = async (seconds: number): Promise<number> =>
    b.scans.queuePosition(system, (await b.scans.findById(system, early!.id))!, { limits: noLimits, at: at(seconds) });
  t.is(await next(10), 2);
  t.is(await next(2.9 * halfLife), 2, 'more than a minute is left');
  t.is(await next(3.1 * halfLife), 1, 'less than a minute is left');
  await admit(b, 3.1 * halfLife, 1);
  t.deepEqual(await running(b), [early!.id]);
  t.is(await b.scans.queuePosition(system, late!, { limits: noLimits, at: at(1e9) }), 1, 'also after a time that leaves nothing');
});

test('nobody waits for ever behind ever new organizations that have used nothing', async (t) => {
  const b = await bench(t);
  const heavy = await b.tenant();
  await use(b, heavy, 960);
  const [patient] = await queue(heavy, 1);
  let now = 2;
  for (; now < 10 * halfLife; now += halfLife / 2) {
    const newcomer = await b.tenant();
    await queue(newcomer, now);
    await admit(b, now, 1);
    const [id] = await running(b);
    if (id === patient!.id) break;
    await end(b, id!, now + 60);
  }
  t.true(now > 3 * halfLife && now < 5 * halfLife, `its turn came after ${now / halfLife} half-lives`);
});

test('an attempt is charged when it ends, however it ends, and once', async (t) => {
  const b = await bench(t);
  const ends: Readonly<Record<string, (tenant: Tenant, scan: Scan) => Promise<unknown>>> = {
    completion: ({ scope }, scan) => b.scans.complete(scope, completion(scan, null, { at: at(100) })),
    failure: (_tenant, scan) => b.scans.endAttempt(system, ending(scan, { reason: 'tool_error', at: at(100) })),
    'a new attempt': (_tenant, scan) => b.scans.endAttempt(system, ending(scan, { limits: places(0), at: at(100) })),
    cancellation: ({ scope }, scan) => b.scans.cancel(scope, { scanId: scan.id, actor: 'user', limits: noLimits, at: at(100) }),
    deletion: ({ scope }, scan) => b.scans.delete(scope, { scanId: scan.id, actor: 'user', limits: noLimits, at: at(100) }),
    'deletion with its project': ({ scope, project }) =>
      b.scans.deleteOfProject(scope, { projectId: project.id, actor: 'user', limit: 10, limits: noLimits, at: at(100) }),
  };
  for (const [name, finish] of Object.entries(ends)) {
    const tenant = await b.tenant();
    const scan = await tenant.admitted({ at: at(40) });
    t.is(await usedSeconds(b, tenant), undefined);
    await finish(tenant, scan);
    t.is(await usedSeconds(b, tenant), 60, name);
    await finish(tenant, scan);
    t.is(await usedSeconds(b, tenant), 60, `${name}, again`);
  }
  const tenant = await b.tenant();
  const [waiting] = await queue(tenant, 0);
  await b.scans.cancel(tenant.scope, { scanId: waiting!.id, actor: 'user', limits: noLimits, at: at(100) });
  t.is(await usedSeconds(b, tenant), undefined, 'what was never admitted costs nothing');
});

test('ends at the same moment are all charged, and an organization takes its use along', async (t) => {
  const b = await bench(t, { maxConnections: 20 });
  const tenant = await b.tenant();
  const scans = await Promise.all(Array.from({ length: 40 }, () => tenant.admitted({ at: at(0) })));
  await Promise.all(scans.map(({ id }) => end(b, id, 30)));
  t.is(await usedSeconds(b, tenant), 1200);
  await b.scans.deleteOfProject(tenant.scope, { projectId: tenant.project.id, actor: 'user', limit: 100, limits: noLimits, at: at(40) });
  await b.projects.delete(tenant.scope, tenant.project.id);
  t.is(await b.organizations.delete(system, tenant.organization.id), 'deleted');
  t.is(await usedSeconds(b, tenant), undefined);
});

test('the caps hold in every snapshot while eight workers start, end, cancel, delete and admit at random', async (t) => {
  const b = await bench(t, { maxConnections: 20 });
  const limits: AdmissionLimits = { ...noLimits, maxRunning: 7, maxRunningPerOrganization: 3 };
  const caps = [3, 3, 1, 5];
  const tenants = await Promise.all(caps.map((cap) => b.tenant(cap === 3 ? {} : { maxRunningScans: cap })));
  let isDone = false;
  let snapshots = 0;
  const breaches: object[] = [];
  const watcher = (async () => {
    while (!isDone) {
      snapshots += 1;
      const rows = await b.db.query<{ organization: string | null; scans: number }>(
        `SELECT organization_id AS organization, count(*)::integer AS scans
         FROM (SELECT organization_id FROM scans WHERE admitted_at IS NOT NULL AND status IN ('queued', 'running')
           UNION ALL SELECT organization_id FROM held_places) AS place
         GROUP BY ROLLUP (organization_id)`,
      );
      for (const { organization, scans } of rows) {
        const cap = caps[tenants.findIndex((tenant) => tenant.organization.id === organization)] ?? limits.maxRunning;
        if (scans > cap) breaches.push({ organization, scans });
      }
    }
  })();
  const seed = Math.floor(Math.random() * 2 ** 31);
  const live = async (worker: number): Promise<void> => {
    const draw = draws(seed + worker);
    for (let round = 0; round < 40; round += 1) {
      const tenant = tenants[draw(tenants.length)]!;
      const { scope } = tenant;
      const page = await b.scans.list(scope, { projectId: null, status: 'queued', pageSize: 20, pageToken: null });
      const scan = page.items[draw(page.items.length)];
      const now = new Date();
      if (draw(3) === 0) await b.freePlaces(limits, now);
      const action = scan === undefined ? 0 : draw(8);
      if (action <= 2) await tenant.create({ start: true, limits, priority: draw(2) });
      else if (action === 3) await b.systemScans.admit(system, { limits, at: now });
      else if (action === 4) await b.scans.cancel(scope, { scanId: scan!.id, actor: 'user', limits, at: now });
      else if (action === 5) await b.scans.delete(scope, { scanId: scan!.id, actor: 'user', limits, at: now });
      else if (action === 6) await b.scans.endAttempt(system, ending(scan!, { limits, maxAttempts: 3 }));
      else await b.scans.complete(scope, completion(scan!, null, { limits }));
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, worker) => live(worker)));
  isDone = true;
  await watcher;
  t.deepEqual(breaches, [], `seed ${seed}`);
  t.true(snapshots > 10);
});

/** Whole numbers below a bound, the same for the same seed (the generator of Park and Miller). */
function draws(seed: number): (below: number) => number {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

test('the queue positions are the order in which scans are admitted', async (t) => {
  const b = await bench(t);
  const tenants = await Promise.all(Array.from({ length: 4 }, () => b.tenant()));
  for (const [index, tenant] of tenants.entries()) {
    await use(b, tenant, [0, 90, 200, 3000][index]!);
    await queue(tenant, index, 1 + index);
    await queue(tenant, 10 - index, 1, index % 2);
  }
  const admitted = await queue(tenants[0]!, 11, 1, 2_000_000);
  await admit(b, 12, 1);
  t.deepEqual(
    await running(b),
    admitted.map(({ id }) => id),
  );
  const asOf = { limits: noLimits, at: at(100) };
  const waiting = await b.db.query<{ id: string }>('SELECT scan_id AS id FROM active_scans WHERE admitted_at IS NULL');
  const positions = new Map<string, number>();
  for (const { id } of waiting) positions.set(id, await b.scans.queuePosition(system, (await b.scans.findById(system, id))!, asOf));
  t.deepEqual(
    [...positions.values()].toSorted((a, z) => a - z),
    waiting.map((_, index) => index + 1),
  );
  for (let taken = 1; taken <= waiting.length; taken += 1) {
    const before = new Set(await running(b));
    await b.systemScans.admit(system, { limits: places(before.size + 1), at: asOf.at });
    const [picked] = (await running(b)).filter((id) => !before.has(id));
    t.is(positions.get(picked!), taken);
  }
});
