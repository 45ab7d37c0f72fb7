import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { storage } from '@cloudscan/contracts';
import { eventually, ProcessKubelet, requires, testFile } from '@cloudscan/testing';
import { ClusterRig } from '../src/cluster-rig.ts';
import { runnerImage } from '../src/rig-environment.ts';
import { statusOf } from '../src/scan-client.ts';
import { SimulatedCluster } from '../src/simulated-cluster.ts';
import { archiveOf } from '../src/source-archive.ts';

/* The whole way of a source, with the real runner and its real scanners in a pod. */
const root = resolve(import.meta.dirname, '../../..');
const file = testFile(test);
let cluster: SimulatedCluster;
let rig: ClusterRig;

test.before(async () => {
  cluster = await SimulatedCluster.start(file);
  const entrypoint = [process.execPath, '--disable-warning=ExperimentalWarning', '--conditions=@cloudscan/source'];
  const images = { [runnerImage]: { entrypoint: [...entrypoint, join(root, 'apps/runner/src/main.ts')] } };
  const kubelet = await ProcessKubelet.start(cluster.access, { images });
  file.teardown(() => kubelet.stop());
  rig = await ClusterRig.start(file, {
    kubeconfig: cluster.kubeconfigPath,
    namespace: cluster.namespace,
    environment: { MAX_RUNNING_SCANS: '4' },
  });
});

const sources = {
  'src/run.js': 'app.get("/", (req, res) => res.send(eval(req.query.code)));\n',
  'config/settings.py': `AWS_ACCESS_KEY_ID = "${['AKIA', 'Q3EGRT7MXLZ5', 'PWN2'].join('')}"\n`,
};

interface Job {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly ttlSecondsAfterFinished?: number };
  readonly status: { readonly succeeded?: number };
}

async function scanned(): Promise<string> {
  const project = await rig.client.makeProject();
  const source = await archiveOf(sources);
  const created = await rig.client.create(project, ['sast', 'secrets'], source);
  await rig.client.upload(created, source);
  await rig.client.start(created.scan!.id);
  const ended = await rig.client.ended(created.scan!.id, 180_000);
  if (statusOf(ended) !== 'completed') throw new Error(`${ended.errorMessage} ${JSON.stringify(ended.failureEvidence)}`);
  return ended.id;
}

async function retiredJob(id: string): Promise<Job> {
  return eventually(
    async () => {
      const [job] = await cluster.list<Job>('jobs', `cloudscan.io/scan-id=${id}`);
      return job?.metadata.labels['cloudscan.io/recorded'] === 'true' ? job : null;
    },
    { timeoutMs: 30_000, what: 'the Job to be retired' },
  );
}

test.serial('a source goes from upload to findings and SARIF by way of a pod', async (t) => {
  t.timeout(240_000);
  const id = await scanned();
  const scan = await rig.client.get(id);
  const findings = await rig.client.findings(id);
  t.is(scan.totalFindings, findings.length);
  t.true(findings.some(({ filePath, toolName }) => filePath === 'src/run.js' && toolName === 'cloudscan-sast'));
  t.true(findings.some(({ filePath, toolName }) => filePath === 'config/settings.py' && toolName === 'cloudscan-secrets'));
  t.is(scan.jobName, `scan-${id}-1`);
  const type = storage.ArtifactType.SCAN_RESULTS;
  const { downloadUrl } = await rig.client.scans.call('getDownloadUrl', { scanId: id, type });
  const sarif = (await (await fetch(downloadUrl)).json()) as { version: string; runs: { results: unknown[] }[] };
  t.is(sarif.version, '2.1.0');
  t.is(
    sarif.runs.reduce((sum, { results }) => sum + results.length, 0),
    findings.length,
  );
});

test.serial('a Job gets its time to live once its end is recorded, and its Secret is its own', async (t) => {
  t.timeout(240_000);
  const id = await scanned();
  const { metadata, spec, status } = await retiredJob(id);
  t.is(spec.ttlSecondsAfterFinished, 3600);
  t.is(status.succeeded, 1);
  t.is(metadata.labels['cloudscan.io/scan-id'], id);
  const secrets = await cluster.list<{ metadata: { ownerReferences?: { kind: string; name: string }[] } }>(
    'secrets',
    `cloudscan.io/scan-id=${id}`,
  );
  t.deepEqual(
    secrets.map(({ metadata: { ownerReferences = [] } }) => ownerReferences.map(({ kind, name }) => `${kind}/${name}`)),
    [[`Job/${metadata.name}`]],
  );
});

requires(test, 'kubectl').serial('kubectl shows the Job, its pod and its log', async (t) => {
  t.timeout(240_000);
  const id = await scanned();
  await retiredJob(id);
  const kubectl = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)('kubectl', ['--kubeconfig', cluster.kubeconfigPath, ...args])).stdout;
  t.regex(await kubectl('get', 'jobs', '-l', `cloudscan.io/scan-id=${id}`), new RegExp(`scan-${id}-1\\s+Complete\\s+1/1`));
  t.regex(await kubectl('get', 'pods', '-l', `cloudscan.io/scan-id=${id}`), /Completed/);
  t.regex(await kubectl('logs', `job/scan-${id}-1`), new RegExp(id));
  await kubectl('delete', 'job', `scan-${id}-1`);
  t.deepEqual(await cluster.list('pods', `cloudscan.io/scan-id=${id}`), []);
});
