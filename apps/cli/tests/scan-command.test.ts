import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import published from '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json' with { type: 'json' };
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import test from 'ava';
import type { Log } from 'sarif';
import { requires, testFile } from '@cloudscan/testing';
import { Workplace } from './fixtures/cloudscan.ts';
import { harmless, highOnly, secret, secretPassword, vulnerableApp } from './fixtures/sources.ts';

/** The command on a stack that runs already, as after `npm start`. */
const place = new Workplace(testFile(test));
const app = place.source('app', vulnerableApp);
const high = place.source('high', highOnly);

interface JsonResult {
  readonly scan: { readonly id: string; readonly project_id: string; readonly status: string; readonly total_findings: number };
  readonly findings: readonly {
    readonly scan_type: string;
    readonly severity: string;
    readonly rule_id: string;
    readonly file_path: string;
    readonly cve_id: string | null;
    readonly package_name: string | null;
    readonly fixed_version: string | null;
  }[];
  readonly tools: readonly { readonly scan_type: string; readonly status: string; readonly findings_count: number }[];
}

// Of draft 4, the schema uses nothing that later drafts read otherwise.
const { $schema: _draft, id: _id, ...schema } = published;
const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
formats.default(ajv);
const isSarif = ajv.compile(schema);

test.serial.before('the stack', async (t) => {
  t.timeout(150_000);
  await place.startStack();
});

test.serial('the table lists the findings by severity on standard output, and plain progress on standard error', async (t) => {
  const { code, stdout, stderr } = await place.run('scan', app);
  t.is(code, 1);
  const severities = [...stdout.matchAll(/^(critical|high|medium|low|info) /gm)].map(([, severity]) => severity!);
  const order = ['critical', 'high', 'medium', 'low', 'info'];
  t.deepEqual(
    severities,
    severities.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)),
  );
  t.regex(stdout, /sast +src\/run\.js:1 /);
  t.regex(stdout, /secrets +config\/settings\.py:1 /);
  t.regex(stdout, /sca +requirements\.txt:1 .*CVE-2024-3651/);
  t.regex(stdout, /cloudscan-license .* succeeded/);
  t.regex(stdout, /\d+ findings: \d+ critical, \d+ high/);
  t.regex(stderr, /^(\[ *\d+%\] .+\n)+$/);
  t.notRegex(stdout + stderr, /\u001b/);
});

test.serial('JSON is one document with the scan, the findings and the tools', async (t) => {
  const { stdout } = await place.run('scan', app, '--format', 'json');
  const { scan, findings, tools } = JSON.parse(stdout) as JsonResult;
  t.is(scan.status, 'completed');
  t.is(scan.total_findings, findings.length);
  t.deepEqual(tools.map(({ scan_type, status }) => `${scan_type} ${status}`).toSorted(), [
    'license succeeded',
    'sast succeeded',
    'sca succeeded',
    'secrets succeeded',
  ]);
  for (const { scan_type, findings_count } of tools)
    t.is(findings.filter((finding) => finding.scan_type === scan_type).length, findings_count, scan_type);
  t.like(
    findings.find(({ cve_id }) => cve_id === 'CVE-2024-3651'),
    { package_name: 'idna', fixed_version: '3.7', file_path: 'requirements.txt' },
  );
});

test.serial('SARIF is one log that the schema of the standard accepts, with a run for each tool', async (t) => {
  const { stdout } = await place.run('scan', app, '--format', 'sarif');
  const log = JSON.parse(stdout) as Log;
  t.true(isSarif(log), JSON.stringify(isSarif.errors?.slice(0, 3)));
  t.is(log.version, '2.1.0');
  t.deepEqual(log.runs.map(({ tool }) => tool.driver.name).toSorted(), [
    'cloudscan-license',
    'cloudscan-sast',
    'cloudscan-sca',
    'cloudscan-secrets',
  ]);
});

test.serial('--types runs these only, and --output takes the whole result', async (t) => {
  const file = join(place.root, 'result.json');
  const { code, stdout, stderr } = await place.run('scan', app, '--types', 'license,sast', '--format', 'json', '--output', file);
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /written to .*result\.json/);
  const { tools, findings } = JSON.parse(readFileSync(file, 'utf8')) as JsonResult;
  t.deepEqual(tools.map(({ scan_type }) => scan_type).toSorted(), ['license', 'sast']);
  t.true(findings.some(({ scan_type }) => scan_type === 'sast'));
});

const thresholds = [
  ['critical', 0],
  ['high', 1],
  ['medium', 1],
  ['low', 1],
  ['never', 0],
] as const;

for (const [threshold, expected] of thresholds) {
  test.serial(`a finding of high severity exits with ${expected} under --fail-on ${threshold}`, async (t) => {
    const { code } = await place.run('scan', high, '--types', 'sast', '--fail-on', threshold);
    t.is(code, expected);
  });
}

test.serial('a clean source exits with 0, and a second scan of the same project name joins that project', async (t) => {
  const scan = async (): Promise<JsonResult> => {
    const { code, stdout } = await place.run(
      'scan',
      place.source('clean', harmless),
      '--project',
      'shop',
      '--format',
      'json',
      '--types',
      'sast',
    );
    t.is(code, 0);
    return JSON.parse(stdout) as JsonResult;
  };
  const [first, second] = [await scan(), await scan()];
  t.not(first.scan.id, second.scan.id);
  t.is(first.scan.project_id, second.scan.project_id);
  const { stdout } = await place.run('--json', 'list', '--project', 'shop');
  t.deepEqual(
    (JSON.parse(stdout) as { id: string }[]).map(({ id }) => id),
    [second.scan.id, first.scan.id],
  );
});

test.serial('a folder without a file is refused with 2, and an --output that cannot be written, too', async (t) => {
  t.like(await place.run('scan', place.source('empty', { '.git/HEAD': 'x' })), { code: 2, stdout: '' });
  const outcome = await place.run('scan', high, '--types', 'sast', '--output', join(place.root, 'no/such/folder/out.txt'));
  t.is(outcome.code, 2);
  t.regex(outcome.stderr, /--output .* cannot be written/);
});

const withGit = requires(test, 'git');

withGit.serial('a repository that cannot be cloned fails the scan with 3, a sentence and no result', async (t) => {
  const { code, stdout, stderr } = await place.run('scan', `file://${place.root}/nowhere.git`, '--types', 'sast');
  t.is(code, 3);
  t.is(stdout, '');
  t.regex(stderr, /the scan failed: could not fetch the repository/);
  const json = await place.run('scan', `file://${place.root}/nowhere.git`, '--types', 'sast', '--format', 'json');
  t.is(json.code, 3);
  t.is((JSON.parse(json.stdout) as JsonResult).scan.status, 'failed');
});

withGit.serial('a repository is scanned at its branch or commit, and none of its hooks runs', async (t) => {
  const folder = place.source('repository', harmless);
  const hooked = join(place.root, 'hooked');
  const git = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await place.startProgram('git', ['-C', folder, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args])
      .outcome;
    t.is(code, 0, stderr);
    return stdout.trim();
  };
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', '.');
  await git('commit', '--quiet', '--message=harmless');
  await git('checkout', '--quiet', '-b', 'feature');
  place.source('repository', highOnly);
  await git('add', '.');
  await git('commit', '--quiet', '--message=high');
  const commit = await git('rev-parse', 'HEAD');
  await git('checkout', '--quiet', 'main');
  const hook = `#!/bin/sh\ntouch '${hooked}'\n`;
  for (const name of ['post-checkout', 'post-merge', 'pre-push', 'reference-transaction', 'upload-pack'])
    place.source('repository/.git/hooks', { [name]: hook });
  await place.startProgram('chmod', ['-R', '+x', join(folder, '.git/hooks')]).outcome;
  const url = `file://${folder}`;
  t.is((await place.run('scan', url, '--types', 'sast')).code, 0);
  t.is((await place.run('scan', url, '--types', 'sast', '--branch', 'feature')).code, 1);
  t.is((await place.run('scan', url, '--types', 'sast', '--commit', commit)).code, 1);
  t.regex((await place.run('scan', url, '--types', 'sast', '--branch', '--upload-pack=x')).stderr, /branch/);
  t.false(existsSync(hooked));
});

test.serial('names that would write to the terminal, lie, or are no UTF-8 do no harm', async (t) => {
  const content = highOnly['src/run.js']!;
  const names = [
    'line\nbreak.js',
    'escape\u001b[2J\u001b]0;owned\u0007.js',
    'c1\u009b2J.js',
    'turn\u202esj.exe.js',
    'naïve 木.js',
    '-rf.js',
    'quote\'"`$(x).js',
  ];
  const folder = place.source(
    'names',
    new Map([
      ...names.map((name): [Buffer, string] => [Buffer.from(name), content]),
      [Buffer.from([0xff, 0xfe, 0x2e, 0x6a, 0x73]), content],
    ]),
  );
  const table = await place.run('scan', folder, '--types', 'sast');
  t.is(table.code, 1, table.stderr);
  t.is([...table.stdout.matchAll(/^high /gm)].length, names.length + 1, table.stdout);
  const json = await place.run('scan', folder, '--types', 'sast', '--format', 'json');
  const paths = (JSON.parse(json.stdout) as JsonResult).findings.map(({ file_path }) => file_path);
  for (const name of names) t.true(paths.includes(name), name);
  const sarif = await place.run('scan', folder, '--types', 'sast', '--format', 'sarif');
  t.true(isSarif(JSON.parse(sarif.stdout)));
  const { scan } = JSON.parse(json.stdout) as JsonResult;
  const listed = await place.run('findings', scan.id);
  for (const { stdout, stderr } of [table, json, sarif, listed])
    t.notRegex(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
});

requires(test, 'script').serial('on a terminal there is a bar, and it is gone in the end', async (t) => {
  const { code, stdout } = await place.startProgram('script', ['-qec', place.commandLine('scan', high, '--types', 'sast'), '/dev/null'])
    .outcome;
  t.is(code, 1);
  t.true(stdout.includes('░'));
  t.regex(stdout, /\u001b\[31mhigh\u001b\[39m/);
  t.notRegex(stdout.slice(stdout.lastIndexOf('\u001b[2K')), /[█░]/);
});

test.serial('a secret of the source appears nowhere but in the uploaded source', async (t) => {
  const outputs = [
    await place.run('scan', app, '--types', 'secrets'),
    await place.run('scan', app, '--types', 'secrets,sast', '--format', 'json'),
    await place.run('scan', app, '--types', 'secrets,sast', '--format', 'sarif'),
  ];
  for (const { stdout, stderr } of outputs) {
    t.regex(stdout, /settings\.py/);
    for (const word of [secret, secretPassword]) t.false((stdout + stderr).includes(word));
  }
  const isSource = await sourceObjects();
  // Everything is on disk then, and nothing changes it.
  await place.stopStack();
  const files = readdirSync(place.dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  let sources = 0;
  for (const entry of files) {
    const path = join(entry.parentPath, entry.name);
    if (entry.name === 'bytes' && isSource(entry.parentPath)) sources += 1;
    else for (const word of [secret, secretPassword]) t.false(plain(readFileSync(path)).includes(word), path);
  }
  t.true(sources > 0 && files.length > 100);
  t.deepEqual(readdirSync(place.tmpDir), []);
});

/** Tells the uploaded sources from the other objects of the store. */
async function sourceObjects(): Promise<(folder: string) => boolean> {
  const { stdout } = await place.run('--json', 'list', '--limit', '1000');
  const ids = (JSON.parse(stdout) as { source_artifact_id: string | null }[]).map(({ source_artifact_id }) => source_artifact_id);
  return (folder) => {
    const { key } = JSON.parse(readFileSync(join(folder, 'object.json'), 'utf8')) as { key: string };
    return ids.includes(key.split('/').at(-1)!);
  };
}

function plain(bytes: Buffer): Buffer {
  return bytes.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b])) ? gunzipSync(bytes) : bytes;
}
