import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '@cloudscan/config';
import type { FindingDraft } from '@cloudscan/domain';
import { SarifLog } from '@cloudscan/sarif';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { builtinScanner } from '../../src/builtin/builtin-scanner.ts';
import type { BuiltinFinding } from '../../src/builtin/protocol.ts';
import { chars, lookAlikes, plantedSecrets } from './corpus.ts';
import { rulesVersion, scan, scanText } from '../../src/secrets/scan.ts';
import { readSecretsSettings } from '../../src/secrets/settings.ts';

const hashKey = 'a key for tests';

async function findingsIn(text: string, path = 'src/config.env', key = hashKey): Promise<BuiltinFinding[]> {
  return await collect(scanText(text, path, key));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

for (const [index, { ruleId, line, secret }] of plantedSecrets.entries()) {
  test(`finds ${ruleId} (${index}) and shows it nowhere`, async (t) => {
    const findings = await findingsIn(`first line\n${line}\nlast line\n`);
    t.deepEqual(
      findings.map((finding) => finding.ruleId),
      [ruleId],
    );
    const [finding] = findings;
    t.true(finding!.startLine === 2 || ruleId === 'private-key');
    const shown = JSON.stringify(findings);
    t.false(shown.includes(secret) || shown.includes(secret.slice(8)), shown);
  });
}

for (const [index, line] of lookAlikes.entries()) {
  test(`stays silent for look-alike ${index}: ${line.slice(0, 50).replaceAll('\n', ' ')}`, async (t) => {
    t.deepEqual(
      (await findingsIn(`first line\n${line}\nlast line\n`, index % 2 === 0 ? 'src/app.ts' : 'deploy/values.yaml')).map(
        ({ ruleId }) => ruleId,
      ),
      [],
    );
  });
}

const token = 'ghp' + '_' + chars(36, 'one');
const other = 'npm' + '_' + chars(36, 'two');

test('says where the secret stands, in UTF-16 columns', async (t) => {
  const [finding] = await findingsIn(`\n\n😀 x = "${token}"\n`, 'a.ts');
  t.like(finding, { startLine: 3, endLine: 3, startColumn: 9, endColumn: 9 + token.length });
});

test('hides every other secret on the line too, found or not', async (t) => {
  const password = 'pw-' + chars(10, 'pw');
  const findings = await findingsIn(`curl -H "Authorization: Bearer ${password}" ${token} ${other}`, 'test/run.sh');
  t.is(findings.length, 2);
  for (const { codeSnippet } of findings) {
    for (const secret of [token, other, password]) t.false(codeSnippet!.includes(secret.slice(6)));
    t.true(codeSnippet!.includes('curl -H "Authorization:'));
    t.true(codeSnippet!.includes('ghp_[redacted]'));
  }
});

test('a secret without a public prefix shows none of its characters', async (t) => {
  const secret = 'zq' + chars(30, 'plain');
  const [finding] = await findingsIn(`apiKey = "${secret}"`, 'a.ts');
  t.is(finding!.codeSnippet, 'apiKey = "[redacted]"');
});

test('shows the surroundings of a secret in a line without end, and hides what stands in them', async (t) => {
  const line = `${'a;'.repeat(50_000)} x = "${token}"; y = "${other}"; ${'b;'.repeat(50_000)}`;
  const findings = await findingsIn(line, 'dist/app.js');
  t.is(findings.length, 2);
  for (const { codeSnippet } of findings) {
    t.true(codeSnippet!.length < 300 && codeSnippet!.includes('x = "ghp_[redacted]"; y = "npm_[redacted]"'), codeSnippet);
  }
});

test('a file full of secrets costs time in proportion to their number', async (t) => {
  const startedAt = performance.now();
  const line = Array.from({ length: 5000 }, (_, index) => `"ghp${'_'}${chars(36, `many${index}`)}"`).join(',');
  t.is((await findingsIn(line, 'dist/app.js')).length, 5000);
  t.true(performance.now() - startedAt < 30_000);
});

test('the hash is keyed: equal under one key, different under another', async (t) => {
  const [first] = await findingsIn(`a = "${token}"`);
  const [again] = await findingsIn(`\n\nb = "${token}"`);
  const [foreign] = await findingsIn(`a = "${token}"`, 'src/config.env', 'another key');
  t.is(first!.fingerprint, again!.fingerprint);
  t.is(first!.rawOutput, again!.rawOutput);
  t.not(first!.fingerprint, foreign!.fingerprint);
  t.regex(first!.rawOutput!, /"secretHmacSha256":"[0-9a-f]{64}"/);
});

test('the same secret twice in a file gives two fingerprints', async (t) => {
  const findings = await findingsIn(`a = "${token}"\nb = "${token}"`);
  t.is(new Set(findings.map(({ fingerprint }) => fingerprint)).size, 2);
});

test('cloudscan-ignore takes a line out and leaves the others', async (t) => {
  const text = `a = "${token}" // cloudscan-ignore: a fixture\n# cloudscan-ignore\nb = "${token}"\nc = "${other}"\n`;
  t.deepEqual(
    (await findingsIn(text)).map(({ startLine }) => startLine),
    [4],
  );
});

test('where two kinds overlap, the more telling one is reported', async (t) => {
  const findings = await findingsIn(`remote = "https://x-access-token:${token}@github.com/o/r"`);
  t.deepEqual(
    findings.map(({ ruleId }) => ruleId),
    ['github-token'],
  );
});

test('a key that tests made for themselves weighs less', async (t) => {
  const key = `-----BEGIN ${'PRIVATE'} KEY-----\n${chars(64, 'k', 'base64')}\n`;
  t.is((await findingsIn(key, 'src/key.pem'))[0]!.severity, 'critical');
  t.is((await findingsIn(key, 'src/__tests__/key.pem'))[0]!.severity, 'low');
});

async function tree(t: ExecutionContext, files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'cloudscan-secrets-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(dir, path, '..'), { recursive: true });
    await writeFile(join(dir, path), content);
  }
  return dir;
}

test('reads a tree: UTF-16, no binaries, not what others wrote', async (t) => {
  const sourceDir = await tree(t, {
    'a/config.ps1': Buffer.from(`\ufeff$x = "${token}"`, 'utf16le'),
    'b/binary.dat': Buffer.concat([Buffer.from([0, 1, 2]), Buffer.from(token)]),
    'node_modules/x/index.js': `x = "${token}"`,
    'dist/app.js': `x = "${token}"`,
    '.vscode/settings.json': `{"token": "${token}"}`,
    'picture.png': token,
  });
  const remarks: string[] = [];
  const task = {
    sourceDir,
    workDir: sourceDir,
    options: { hashKey },
    progress: () => undefined,
    remark: (text: string) => remarks.push(text),
  };
  const paths = (await collect(scan(task))).map(({ filePath }) => filePath);
  t.deepEqual(paths, ['.vscode/settings.json', 'a/config.ps1', 'dist/app.js']);
  t.deepEqual(remarks, []);
});

test('as a process of its own it finds all and lets no secret out by any way', async (t) => {
  const sourceDir = await tree(t, Object.fromEntries(plantedSecrets.map(({ line }, index) => [`src/${index}.env`, `${line}\n`])));
  const workDir = await tree(t, {});
  const scanner = builtinScanner({
    name: 'cloudscan-secrets',
    scanType: 'secrets',
    module: 'secrets/main',
    ...readConfig({ SECRET_HASH_KEY: hashKey }, readSecretsSettings),
  });
  const findings: FindingDraft[] = [];
  const outcome = await scanner.scan({
    sourceDir,
    workDir,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    onFinding: async (finding) => void findings.push(finding),
    onProgress: () => undefined,
  });
  t.like(outcome, { status: 'succeeded', findingsCount: plantedSecrets.length });
  const log = new SarifLog(join(workDir, 'log.sarif'), { scanId: 's1' });
  const run = await log.startRun({ name: scanner.name, version: '1', rulesVersion: rulesVersion(), scanType: 'secrets' });
  for (const finding of findings) await run.add(finding);
  await run.end({ successful: true, exitCode: 0, startedAt: new Date(), endedAt: new Date(), errorMessage: '' });
  await log.finish();
  const everything = JSON.stringify([findings, outcome]) + (await readFile(join(workDir, 'log.sarif'), 'utf8'));
  for (const { secret, ruleId } of plantedSecrets) t.false(everything.includes(secret) || everything.includes(secret.slice(8)), ruleId);
  t.false(everything.includes(hashKey));
});

test('a hostile file costs time in proportion to its length', async (t) => {
  const startedAt = performance.now();
  for (const unit of [
    'password="',
    "token: '",
    '-----BEGIN RSA PRIVATE KEY-----\\n',
    '://a:b',
    'eyJhbGciOi.',
    'secret=a1',
    'AKIA',
    ';pwd=',
  ]) {
    await findingsIn(unit.repeat(Math.floor(900_000 / unit.length)), 'deploy/values.env');
  }
  t.true(performance.now() - startedAt < 30_000);
});

test('the version of the rules is stable', (t) => {
  t.is(rulesVersion(), rulesVersion());
  t.regex(rulesVersion(), /^[0-9a-f]{12}$/);
});
