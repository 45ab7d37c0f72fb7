import { chmodSync, closeSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { identifyProcess, writeStackFile } from '@cloudscan/process';
import { testFile } from '@cloudscan/testing';
import { claimPorts } from '../src/claim-ports.ts';
import { dataFolder, openDataFolder, readAttestationKey, readSecrets } from '../src/data-folder.ts';
import { logTail, openLog, rotateLog } from '../src/log-file.ts';
import { otherStackServes } from '../src/wait-for-other.ts';

testFile(test);

function temporaryFolder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cloudscan-data-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('draws secrets once, for the owner alone, and keeps them', (t) => {
  const folder = dataFolder(temporaryFolder(t));
  const first = readSecrets(folder);
  t.is(statSync(join(folder.root, 'secrets.json')).mode & 0o777, 0o600);
  t.is(readSecrets(folder).storageSigningKey.reveal(), first.storageSigningKey.reveal());
  t.not(first.storageSigningKey.reveal(), first.secretHashKey.reveal());
});

test('refuses damaged secrets rather than drawing others', (t) => {
  const folder = dataFolder(temporaryFolder(t));
  writeFileSync(join(folder.root, 'secrets.json'), '{"databaseSuperuser": ');
  t.throws(() => readSecrets(folder), { name: 'StartUpError', message: /secrets\.json is damaged/ });
});

test('draws the key of attestations once, for the owner alone, and names what is damaged', (t) => {
  const folder = dataFolder(temporaryFolder(t));
  const first = readAttestationKey(folder);
  t.is(statSync(first.file).mode & 0o777, 0o600);
  t.regex(first.publicKey, /^-----BEGIN PUBLIC KEY-----/);
  t.deepEqual(readAttestationKey(folder), first);
  writeFileSync(first.file, 'damaged');
  t.throws(() => readAttestationKey(folder), { name: 'StartUpError', message: /attestation-key\.pem is no private key/ });
  rmSync(first.file);
  t.not(readAttestationKey(folder).publicKey, first.publicKey);
});

test('lets the owner alone look at uploads, work folders and logs', (t) => {
  const folder = dataFolder(temporaryFolder(t));
  openDataFolder(folder).release();
  for (const path of [folder.artifacts, folder.work, folder.logs]) t.is(statSync(path).mode & 0o777, 0o700);
});

test('says in one sentence that the folder cannot be written', (t) => {
  const parent = temporaryFolder(t);
  chmodSync(parent, 0o500);
  // Root passes any permission; the kernel's own file system refuses it all the same.
  const closed = process.getuid?.() === 0 ? '/sys/cloudscan' : join(parent, 'data');
  t.throws(() => openDataFolder(dataFolder(closed)), {
    name: 'StartUpError',
    message: /^the data folder .* cannot be written; give this user write access, or set CLOUDSCAN_DATA_DIR/,
  });
});

test('says in one sentence that a file is in the way', (t) => {
  const path = join(temporaryFolder(t), 'file');
  writeFileSync(path, '');
  t.throws(() => openDataFolder(dataFolder(path)), { name: 'StartUpError', message: /is not a folder/ });
});

test('waits for ports that the processes of a killed stack still hold', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const claimed = claimPorts({ grpc: port, http: 0, storage: 0, storageHttp: 0, database: 0 }, 3, true);
  server.close();
  const { ports, spare } = await claimed;
  t.is(ports.grpc, port);
  t.is(new Set([...Object.values(ports), ...spare]).size, 8);
});

/** What the stack of this process would say of itself. */
function describeStack() {
  return {
    process: identifyProcess(process.pid)!,
    version: '1',
    onDemand: true,
    grpc: '',
    http: '',
    storage: '',
    storageHttp: '',
    databasePort: 0,
  };
}

test('a second start on demand leaves the work to the first once that serves', async (t) => {
  const root = temporaryFolder(t);
  const lock = openDataFolder(dataFolder(root));
  const waiting = otherStackServes(root);
  writeStackFile(root, describeStack());
  t.true(await waiting);
  lock.release();
});

test('a start on demand waits for the end of a stack that stops, and is then on its own', async (t) => {
  const root = temporaryFolder(t);
  const lock = openDataFolder(dataFolder(root));
  const waiting = otherStackServes(root);
  t.is(await Promise.race([waiting, Promise.resolve('waits')]), 'waits');
  lock.release();
  t.false(await waiting);
});

test('a long log goes to a second file while its process writes on', (t) => {
  const path = join(temporaryFolder(t), 'api.log');
  writeFileSync(path, `${'x'.repeat(17 * 2 ** 20)}\nlast line\n`);
  const log = openLog(path);
  writeFileSync(log, 'and on\n');
  t.is(logTail(`${path}.1`, 1), 'last line');
  t.is(logTail(path, 1), 'and on');
  rotateLog(path);
  t.is(statSync(path).size, 7);
  closeSync(log);
});
