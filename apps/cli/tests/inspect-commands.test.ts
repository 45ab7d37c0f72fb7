import { createHash } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import { eventually, testFile } from '@cloudscan/testing';
import { request } from 'undici';
import { Workplace } from './fixtures/cloudscan.ts';
import { harmless, vulnerableApp } from './fixtures/sources.ts';

/** Every command that looks at scans, on a server that runs already. */
const place = new Workplace(testFile(test));
let scanId = '';

/** The JSON that a command prints. */
async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await place.run('--json', ...args);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

test.serial.before('the stack, and a scan', async (t) => {
  t.timeout(150_000);
  await place.startStack();
  const { stdout } = await place.run('scan', place.source('app', vulnerableApp), '--project', 'shop', '--format', 'json');
  scanId = (JSON.parse(stdout) as { scan: { id: string } }).scan.id;
  await eventually(async () => (await place.run('verify', scanId)).code === 0, { timeoutMs: 30_000, what: 'the attestation' });
});

test('list shows the scans, newest first, by project and state', async (t) => {
  const { code, stdout, stderr } = await place.run('list');
  t.is(code, 0);
  t.is(stderr, '');
  t.regex(stdout, new RegExp(`${scanId} +completed +\\d{4}-.*Z +0/3/1/0 +upload`));
  for (const args of [
    ['--project', 'shop'],
    ['--status', 'completed'],
    ['--limit', '1'],
  ])
    t.deepEqual(
      (await json<{ id: string }[]>('list', ...args)).map(({ id }) => id),
      [scanId],
      args.join(' '),
    );
  t.deepEqual(await json('list', '--status', 'failed'), []);
});

test('list names the project or organization that is not there', async (t) => {
  const project = await place.run('list', '--project', 'nothing');
  t.is(project.code, 2);
  t.regex(project.stderr, /^the organization has no project "nothing"\n$/);
  const organization = await place.run('--organization', 'nobody', 'list');
  t.is(organization.code, 2);
  t.regex(organization.stderr, /^[^\n]*organization[^\n]*\n$/);
});

test('get shows the scan with its tools', async (t) => {
  const { stdout } = await place.run('get', scanId);
  t.regex(stdout, /^status +completed$/m);
  t.regex(stdout, /^findings +5 findings: 0 critical, 3 high, 1 medium, 0 low, 1 info$/m);
  t.regex(stdout, /cloudscan-sca +\S+ +succeeded/);
  const scan = await json<{ status: string; tools: object[] }>('get', scanId);
  t.is(scan.status, 'completed');
  t.is(scan.tools.length, 4);
});

test('watch tells the course of a scan to its end', async (t) => {
  const { code, stdout } = await place.run('watch', scanId);
  t.is(code, 0);
  t.regex(stdout, /pending[^]*queued[^]*running[^]*completed/);
  const lines = (await place.run('--json', 'watch', scanId)).stdout.trim().split('\n');
  const transitions = lines.map((line) => JSON.parse(line) as { type: string; to: string }).filter(({ type }) => type === 'transition');
  t.deepEqual(
    transitions.map(({ to }) => to),
    ['pending', 'queued', 'running', 'completed'],
  );
});

test('findings lists them by severity, and filters', async (t) => {
  const { stdout } = await place.run('findings', scanId);
  t.is(stdout.trim().split('\n').length, 1 + 5);
  const all = await json<{ severity: string; scan_type: string }[]>('findings', scanId);
  t.deepEqual(
    all.map(({ severity }) => severity),
    ['high', 'high', 'high', 'medium', 'info'],
  );
  t.deepEqual(
    (await json<{ scan_type: string }[]>('findings', scanId, '--type', 'sca')).map(({ scan_type }) => scan_type),
    ['sca'],
  );
  t.is((await json<object[]>('findings', scanId, '--severity', 'medium')).length, 1);
  t.is((await json<object[]>('findings', scanId, '--limit', '2')).length, 2);
});

test('artifacts lists the files of a scan, and gives URLs that download them', async (t) => {
  const { stdout } = await place.run('artifacts', scanId);
  t.regex(stdout, /source_code +\d+ +source\.tar\.gz/);
  t.regex(stdout, /scan_results +\d+ /);
  t.regex(stdout, /report +\d+ +attestation\.dsse\.json/);
  const artifacts = await json<{ type: string; size_bytes: number; sha256: string; download_url: string }[]>('artifacts', scanId, '--url');
  t.deepEqual(artifacts.map(({ type }) => type).toSorted(), ['report', 'scan_results', 'source_code']);
  for (const { download_url, size_bytes, sha256 } of artifacts) {
    const response = await request(download_url);
    const bytes = Buffer.from(await response.body.arrayBuffer());
    t.is(response.statusCode, 200);
    t.is(bytes.length, size_bytes);
    t.is(createHash('sha256').update(bytes).digest('hex'), sha256);
  }
});

test('verify says what the attestation says, once it is found to be true', async (t) => {
  const { code, stdout } = await place.run('verify', scanId.toUpperCase());
  t.is(code, 0);
  t.regex(stdout, /^verified: /);
  t.regex(stdout, new RegExp(`^scan +${scanId} of project `, 'm'));
  t.regex(stdout, /^source +source\.tar\.gz sha256:[0-9a-f]{64}$/m);
  t.regex(stdout, /^results +results\.sarif sha256:[0-9a-f]{64}$/m);
  t.regex(stdout, /^findings +5: 0 critical, 3 high, 1 medium, 0 low, 1 info$/m);
  t.regex(stdout, /cloudscan-sca +\S+ .*succeeded +1/);
  const { verified, key_from, statement } = await json<{ verified: boolean; key_from: string; statement: { predicate: { scan: object } } }>(
    'verify',
    scanId,
  );
  t.is(verified, true);
  t.is(key_from, 'the server');
  t.like(statement.predicate.scan, { id: scanId, attempt: 1 });
});

test('verify answers other results with 4 and one sentence', async (t) => {
  const source = place.source('other', harmless);
  const { code, stdout, stderr } = await place.run('verify', scanId, '--sarif', join(source, Object.keys(harmless)[0]!));
  t.is(code, 4);
  t.is(stdout, '');
  t.regex(stderr, /^not verified: the results are not those attested: their SHA-256 is [0-9a-f]{64}\n$/);
});

const ofOneScan = ['get', 'watch', 'findings', 'artifacts', 'cancel', 'delete'] as const;
const strangers: Readonly<Record<string, string>> = {
  'an id that no scan has': '0190b2c4-7d3e-7c7b-9c55-3f1f8a4f2d11',
  'an id of another kind': '9b2f8a10-3c1d-4f6e-8a77-0c5d1e2f3a4b',
};

for (const command of ofOneScan) {
  test(`${command} answers a stranger with 2 and one sentence`, async (t) => {
    for (const [title, id] of Object.entries(strangers))
      t.deepEqual(await place.run(command, id), { code: 2, stdout: '', stderr: `scan ${id} was not found\n` }, title);
    const { code, stdout, stderr } = await place.run(command, '../../etc/passwd');
    t.is(code, 2);
    t.is(stdout, '');
    t.regex(stderr, /invalid for argument 'scan-id'\. give the id of a scan/);
  });
}

test('cancel of a scan that has ended says so with 2', async (t) => {
  const { code, stderr } = await place.run('cancel', scanId);
  t.is(code, 2);
  t.regex(stderr, /completed/);
});

test('delete takes the scan with everything it has', async (t) => {
  const { stdout } = await place.run(
    '--organization',
    'other',
    'scan',
    place.source('gone', harmless),
    '--types',
    'sast',
    '--format',
    'json',
  );
  const { id } = (JSON.parse(stdout) as { scan: { id: string } }).scan;
  t.regex((await place.run('delete', id)).stdout, new RegExp(`^scan ${id} is deleted\n$`));
  t.is((await place.run('get', id)).code, 2);
  t.is((await place.run('findings', id)).code, 2);
});
