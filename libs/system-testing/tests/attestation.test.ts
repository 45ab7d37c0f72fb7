import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { storage } from '@cloudscan/contracts';
import { formatEndpoint } from '@cloudscan/config';
import { formatVerificationKey, openEnvelope, parseSigningKey, readScanStatement, statementPayloadType } from '@cloudscan/provenance';
import type { ScanStatement, SigningKey } from '@cloudscan/provenance';
import { eventually, ProcessKubelet, requires, testFile } from '@cloudscan/testing';
import { ClusterRig } from '../src/cluster-rig.ts';
import { runnerImage } from '../src/rig-environment.ts';
import { statusOf } from '../src/scan-client.ts';
import { SimulatedCluster } from '../src/simulated-cluster.ts';
import { archiveOf } from '../src/source-archive.ts';

/* Attestations of real runs, by the processes that make, keep and verify them. */
const root = resolve(import.meta.dirname, '../../..');
const file = testFile(test);
const limitMs = 240_000;
const slowly = { timeoutMs: 90_000, intervalMs: 200 };

const former = newKey();
const current = newKey();
let rig: ClusterRig;
let keyFile: string;

interface TestKey extends SigningKey {
  readonly pem: string;
}

function newKey(): TestKey {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { ...parseSigningKey(pem), pem };
}

test.before(async (t) => {
  t.timeout(limitMs);
  const cluster = await SimulatedCluster.start(file);
  const entrypoint = [process.execPath, '--disable-warning=ExperimentalWarning', '--conditions=@cloudscan/source'];
  const images = { [runnerImage]: { entrypoint: [...entrypoint, join(root, 'apps/runner/src/main.ts')] } };
  const kubelet = await ProcessKubelet.start(cluster.access, { images });
  file.teardown(() => kubelet.stop());
  const keys = join(cluster.kubeconfigPath, '..', 'keys');
  mkdirSync(keys);
  keyFile = join(keys, 'attestation.pem');
  writeFileSync(keyFile, former.pem);
  rig = await ClusterRig.start(file, {
    kubeconfig: cluster.kubeconfigPath,
    namespace: cluster.namespace,
    environment: {
      ATTESTATION_KEY_FILE: keyFile,
      ATTESTATION_PUBLIC_KEYS: [former, current].map(formatVerificationKey).join(''),
      SCANNERS: 'builtin',
    },
  });
});

/** A scan that has completed, and the SHA-256 of its source. */
async function scanned(): Promise<{ readonly id: string; readonly sourceSha256: string }> {
  const project = await rig.client.makeProject();
  const source = await archiveOf({ 'config/app.env': `KEY=${['AKIA', 'Q3EGRT7MXLZ5', 'PWN2'].join('')}\n` });
  const created = await rig.client.create(project, ['secrets'], source);
  await rig.client.upload(created, source);
  await rig.client.start(created.scan!.id);
  const ended = await rig.client.ended(created.scan!.id, 180_000);
  if (statusOf(ended) !== 'completed') throw new Error(`${ended.errorMessage} ${JSON.stringify(ended.failureEvidence)}`);
  return { id: ended.id, sourceSha256: createHash('sha256').update(source).digest('hex') };
}

async function attestation(scanId: string): Promise<{ readonly artifactId: string; readonly envelope: Buffer }> {
  const ask = () => rig.client.scans.call('getAttestation', { scanId }).catch(() => null);
  const { artifactId, downloadUrl } = await eventually(ask, { ...slowly, what: 'the attestation' });
  return { artifactId, envelope: await fetched(downloadUrl) };
}

async function fetched(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

function statementOf(envelope: Buffer, key: SigningKey): ScanStatement {
  return readScanStatement(openEnvelope(envelope, statementPayloadType, [key]).payload);
}

async function reportsOf(scanId: string): Promise<number> {
  const query = "SELECT count(*)::int AS n FROM storage.artifacts WHERE scan_id = $1 AND type = 'report'";
  return (await rig.database.query<{ n: number }>(query, [scanId]))[0]!.n;
}

async function messages(state: string): Promise<number> {
  const query = `SELECT count(*)::int AS n FROM pgboss.job WHERE name IN ('attest', 'delete-artifacts') AND ${state}`;
  return (await rig.database.query<{ n: number }>(query))[0]!.n;
}

async function settled(): Promise<void> {
  await eventually(async () => (await messages("state < 'completed'")) === 0, { ...slowly, what: 'the queues to be empty' });
}

async function resultsOf(scanId: string): Promise<Buffer> {
  const type = storage.ArtifactType.SCAN_RESULTS;
  return fetched((await rig.client.scans.call('getDownloadUrl', { scanId, type })).downloadUrl);
}

/** The file in which the storage service keeps these bytes. */
function fileOf(bytes: Buffer): string {
  const files = readdirSync(join(rig.folder, 'artifacts'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name)).find((path) => readFileSync(path).equals(bytes))!;
}

interface Verdict {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function verify(...args: readonly string[]): Promise<Verdict> {
  const cli = ['--conditions=@cloudscan/source', join(root, 'apps/cli/src/main.ts'), '--server', formatEndpoint(rig.endpoint), 'verify'];
  const run = promisify(execFile)(process.execPath, [...cli, ...args], { cwd: rig.folder });
  return run.then(
    (output) => ({ code: 0, ...output }),
    (error: Verdict) => error,
  );
}

test.serial('a completed scan is attested with what was uploaded, what ran and what came of it', async (t) => {
  t.timeout(limitMs);
  const { id, sourceSha256 } = await scanned();
  const { envelope } = await attestation(id);
  const { subject, predicate } = statementOf(envelope, former);
  const results = await resultsOf(id);
  t.deepEqual(subject, [{ name: 'results.sarif', digest: { sha256: createHash('sha256').update(results).digest('hex') } }]);
  t.deepEqual(predicate.source, { name: 'source.tar.gz', digest: { sha256: sourceSha256 } });
  t.is(predicate.scan.id, id);
  t.like(predicate.tools[0], { name: 'cloudscan-secrets', type: 'secrets', status: 'succeeded', findings: 1 });
  t.is(predicate.findings.total, 1);
  const { code, stdout } = await verify(id);
  t.is(code, 0);
  t.true(stdout.includes(id) && stdout.includes(sourceSha256) && stdout.includes(former.id));
});

requires(test, 'openssl').serial('openssl, which knows nothing of us, finds the signature good', async (t) => {
  t.timeout(limitMs);
  const { envelope } = await attestation((await scanned()).id);
  const { payload, payloadType, signatures } = JSON.parse(envelope.toString()) as Record<string, string> & {
    signatures: { sig: string }[];
  };
  const body = Buffer.from(payload!, 'base64');
  const at = (name: string, content: string | Buffer): string => {
    writeFileSync(join(rig.folder, name), content);
    return join(rig.folder, name);
  };
  const key = at('key.pub', formatVerificationKey(former));
  const signature = at('signature', Buffer.from(signatures[0]!.sig, 'base64'));
  const verdict = async (signed: Buffer): Promise<string> => {
    const args = ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin', '-in', at('signed', signed), '-sigfile', signature];
    return (await promisify(execFile)('openssl', args)).stdout;
  };
  const encoded = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType!.length} ${payloadType} ${body.length} `), body]);
  t.regex(await verdict(encoded), /Signature Verified Successfully/);
  await t.throwsAsync(verdict(body));
});

test.serial('what was changed behind our back is found, wherever it was changed', async (t) => {
  t.timeout(limitMs);
  const { id } = await scanned();
  const { envelope } = await attestation(id);
  const { envelope: ofAnother } = await attestation((await scanned()).id);
  const results = await resultsOf(id);
  const { payload } = JSON.parse(envelope.toString()) as { payload: string };
  const fewer = Buffer.from(payload, 'base64').toString().replace('"total":1', '"total":0');
  const changes: readonly [genuine: Buffer, changed: string, reason: RegExp][] = [
    [results, results.toString().replace('"level"', '"Level"'), /the results are not those attested/],
    [envelope, envelope.toString().replace(payload, Buffer.from(fewer).toString('base64')), /changed after it was signed/],
    [envelope, ofAnother.toString(), /the attestation is of scan/],
  ];
  for (const [genuine, changed, reason] of changes) {
    t.not(genuine.toString(), changed);
    const path = fileOf(genuine);
    writeFileSync(path, changed);
    const { code, stdout, stderr } = await verify(id);
    writeFileSync(path, genuine);
    t.is(code, 4);
    t.is(stdout, '');
    t.regex(stderr, reason);
  }
  t.is((await verify(id)).code, 0, 'brought back, it is good again');
});

test.serial('a file is verified with nobody to ask, by a key that is trusted', async (t) => {
  t.timeout(limitMs);
  const { id } = await scanned();
  const { envelope } = await attestation(id);
  const results = await resultsOf(id);
  const files = {
    'att.json': envelope,
    'results.sarif': results,
    'former.pub': formatVerificationKey(former),
    'current.pub': formatVerificationKey(current),
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(rig.folder, name), content);
  t.is((await verify('att.json', '--sarif', 'results.sarif', '--key', 'former.pub')).code, 0);
  const wrongKey = await verify('att.json', '--sarif', 'results.sarif', '--key', 'current.pub');
  t.is(wrongKey.code, 4);
  t.regex(wrongKey.stderr, /is none of the 1 keys given/);
  t.is((await verify(id, '--key', 'current.pub')).code, 4, 'nor does the server talk one into another key');
  t.is((await verify('att.json', '--sarif', 'results.sarif')).code, 2);
  t.is((await verify('att.json', '--sarif', 'results.sarif', '--key', 'att.json')).code, 2);
  t.is((await verify('missing.json', '--sarif', 'results.sarif', '--key', 'former.pub')).code, 2);
  t.is((await verify('att.json', '--sarif', 'missing.sarif', '--key', 'former.pub')).code, 2);
});

test.serial('a message that is delivered again makes no second attestation', async (t) => {
  t.timeout(limitMs);
  const { id } = await scanned();
  const first = await attestation(id);
  await settled();
  await rig.database.query(
    "UPDATE pgboss.job SET state = 'created', started_on = NULL, completed_on = NULL WHERE name = 'attest' AND data->>'scanId' = $1",
    [id],
  );
  await settled();
  t.true(rig.sweepers[0]!.log().includes('"kind":"present"'));
  t.is(await reportsOf(id), 1);
  t.deepEqual(await attestation(id), first);
});

test.serial('a scan completes without anybody to attest it, and is attested once storage and sweeper are back', async (t) => {
  t.timeout(limitMs);
  const [sweeper] = rig.sweepers;
  await sweeper!.stop();
  const { id } = await scanned();
  await rig.storage.kill();
  await sweeper!.start();
  await eventually(() => sweeper!.log().includes('"queue":"attest"'), { ...slowly, what: 'a try that finds storage away' });
  t.is(statusOf(await rig.client.get(id)), 'completed');
  await rig.storage.start();
  statementOf((await attestation(id)).envelope, former);
  await settled();
  t.is(await reportsOf(id), 1);
});

test.serial('of a scan that was deleted before it was attested nothing is left', async (t) => {
  t.timeout(limitMs);
  const [sweeper] = rig.sweepers;
  await sweeper!.stop();
  const { id } = await scanned();
  await rig.client.delete(id);
  await sweeper!.start();
  await settled();
  t.true(sweeper!.log().includes('"kind":"gone"'));
  t.is(await reportsOf(id), 0);
});

test.serial('after the key was changed new scans are signed by the new one, and what the former signed is good still', async (t) => {
  t.timeout(limitMs);
  const [sweeper] = rig.sweepers;
  const { id: older } = await scanned();
  await attestation(older);
  await sweeper!.stop();
  writeFileSync(keyFile, current.pem);
  await sweeper!.start();
  const { id: newer } = await scanned();
  statementOf((await attestation(newer)).envelope, current);
  for (const [id, key] of [
    [older, former],
    [newer, current],
  ] as const) {
    const { code, stdout } = await verify(id);
    t.is(code, 0);
    t.true(stdout.includes(key.id));
  }
});

test.serial('without a key scans complete all the same, no message waits, and the log says so once', async (t) => {
  t.timeout(limitMs);
  const [sweeper] = rig.sweepers;
  await sweeper!.stop();
  const logged = sweeper!.log().length;
  writeFileSync(keyFile, '');
  await sweeper!.start();
  const { id } = await scanned();
  await settled();
  t.is(await reportsOf(id), 0);
  t.is(sweeper!.log().slice(logged).split('scans get no attestation').length, 2);
  const { code, stderr } = await verify(id);
  t.is(code, 2);
  t.regex(stderr, /has no attestation; one is made shortly after/);
});
