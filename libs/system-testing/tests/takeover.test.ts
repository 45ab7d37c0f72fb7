import test from 'ava';
import { eventually, testFile } from '@cloudscan/testing';
import { ClusterRig } from '../src/cluster-rig.ts';
import { reasonOf } from '../src/scan-client.ts';
import { ScriptedCluster } from '../src/scripted-cluster.ts';
import type { AppProcess } from '../src/app-process.ts';
import type { TestProject } from '../src/scan-client.ts';

/* One sweeper acts, another takes over within 15 s, and one that comes back late changes nothing. */
const takeoverMs = 15_000;

const file = testFile(test);
let cluster: ScriptedCluster;
let rig: ClusterRig;
let project: TestProject;

test.before(async () => {
  cluster = await ScriptedCluster.start(file);
  rig = await ClusterRig.start(file, {
    kubeconfig: cluster.kubeconfigPath,
    namespace: cluster.namespace,
    sweepers: 2,
    environment: { JOB_BACKOFF_LIMIT: '0', MAX_RUNNING_SCANS: '100' },
  });
  project = await rig.client.makeProject();
});

async function leads(sweeper: AppProcess): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${sweeper.opsPort}/metrics`, { signal: AbortSignal.timeout(2000) });
  return /^cloudscan_sweeper_leader\b.* 1$/m.test(await response.text());
}

async function leaderAndOther(): Promise<readonly [AppProcess, AppProcess]> {
  const [first, second] = rig.sweepers as readonly [AppProcess, AppProcess];
  const leader = await eventually(
    async () => {
      const leading = [];
      for (const sweeper of [first, second]) if (await leads(sweeper)) leading.push(sweeper);
      return leading.length === 1 ? leading[0] : null;
    },
    { timeoutMs: 30_000, what: 'one leader' },
  );
  return leader === first ? [first, second] : [second, first];
}

/** A scan whose run fails in a way that only a sweeper can tell. */
async function failingScan(): Promise<string> {
  const id = await rig.client.createOfGit(project);
  cluster.script(id, { kind: 'exit', exitCode: 3 });
  await rig.client.start(id);
  return id;
}

test.serial('a sweeper that is killed is followed by the other one', async (t) => {
  t.timeout(180_000);
  const [leader, other] = await leaderAndOther();
  await leader.kill();
  const killedAt = performance.now();
  await eventually(() => leads(other), { timeoutMs: takeoverMs, what: 'the takeover' });
  t.log(`taken over ${((performance.now() - killedAt) / 1000).toFixed(1)} s after the kill`);
  t.is(reasonOf(await rig.client.ended(await failingScan(), 60_000)), 'tool_error');
  await leader.start();
});

test.serial('a sweeper that is frozen is followed by the other one, and leads no more when it thaws', async (t) => {
  t.timeout(180_000);
  const [leader, other] = await leaderAndOther();
  leader.freeze();
  const frozenAt = performance.now();
  try {
    await eventually(() => leads(other), { timeoutMs: takeoverMs, what: 'the takeover' });
    t.log(`taken over ${((performance.now() - frozenAt) / 1000).toFixed(1)} s after the freeze`);
    t.is(reasonOf(await rig.client.ended(await failingScan(), 60_000)), 'tool_error');
  } finally {
    leader.thaw();
  }
  await eventually(async () => !(await leads(leader)), { timeoutMs: 30_000, what: 'the end of the old lead' });
  t.true(await leads(other));
  t.is(reasonOf(await rig.client.ended(await failingScan(), 60_000)), 'tool_error');
});

test.serial('a sweeper that is told to stop lets go at once', async (t) => {
  t.timeout(180_000);
  const [leader, other] = await leaderAndOther();
  t.is(await leader.stop(), 0);
  await eventually(() => leads(other), { timeoutMs: takeoverMs, what: 'the takeover' });
  await leader.start();
});
