import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { testFile } from '@cloudscan/testing';
import test from 'ava';
import { request } from 'undici';
import { Workplace } from './fixtures/cloudscan.ts';

/** Logs of tools that ran elsewhere, on a server that runs already. */
const place = new Workplace(testFile(test));
/** Where none runs. */
const elsewhere = new Workplace(testFile(test));

function aLog(results: readonly object[], name = 'CodeQL'): string {
  return JSON.stringify({ version: '2.1.0', runs: [{ tool: { driver: { name, version: '2.20.0' } }, results }] });
}

function aResult(level: string, fields: object = {}): object {
  const physicalLocation = { artifactLocation: { uri: 'src/orders.js' }, region: { startLine: 12 } };
  return {
    ruleId: 'js/sql-injection',
    level,
    message: { text: 'SQL built from user input' },
    locations: [{ physicalLocation }],
    ...fields,
  };
}

const log = aLog([aResult('error'), aResult('note'), aResult('error', { suppressions: [{ kind: 'inSource' }] })]);

function file(name: string, content: string | Uint8Array, at: Workplace = place): string {
  const path = join(at.root, name);
  writeFileSync(path, content);
  return path;
}

interface Imported {
  readonly scan: { readonly id: string; readonly status: string; readonly total_findings: number; readonly results_artifact_id: string };
  readonly tools: readonly { readonly name: string }[];
  readonly runs: readonly { readonly results: number; readonly kept: number; readonly suppressed: number }[];
  readonly cuts: readonly object[];
}

test.before('the stack', async (t) => {
  t.timeout(150_000);
  await place.startStack();
});

test('a log is imported, and the shell is told of findings at or above the threshold', async (t) => {
  const { code, stdout, stderr } = await place.run('import', file('codeql.sarif', log), '--project', 'shop');
  t.is(code, 1);
  t.regex(stdout, /^scan [0-9a-f-]{36}$/m);
  t.regex(stdout, /^CodeQL +2\.20\.0 +3 +2 +1 +0 +0$/m);
  t.regex(stdout, /^2 findings: 0 critical, 1 high, 0 medium, 1 low, 0 info$/m);
  t.regex(stderr, /sending/);
  const harmless = await place.run('import', file('note.sarif', aLog([aResult('note')])), '--project', 'shop');
  t.is(harmless.code, 0);
  t.is((await place.run('import', file('again.sarif', log), '--project', 'shop', '--fail-on', 'never')).code, 0);
});

test('a gzip and standard input are taken alike, and the log itself is kept', async (t) => {
  const zipped = file('zipped.sarif.gz', gzipSync(log));
  const words = place.commandLine('--json', 'import', '-', '--project', 'pipes', '--type', 'secrets');
  const outcomes = [
    await place.run('--json', 'import', zipped, '--project', 'pipes', '--type', 'secrets'),
    await place.startProgram('/bin/sh', ['-c', `cat '${file('piped.sarif', log)}' | ${words}`]).outcome,
  ];
  for (const { code, stdout } of outcomes) {
    t.is(code, 1);
    const imported = JSON.parse(stdout) as Imported;
    t.like(imported.scan, { status: 'completed', total_findings: 2, imported: true, scan_types: ['secrets'] });
    t.like(imported.runs[0], { results: 3, kept: 2, suppressed: 1 });
    t.deepEqual(imported.cuts, []);
    const artifacts = JSON.parse((await place.run('--json', 'artifacts', imported.scan.id, '--url')).stdout) as {
      id: string;
      type: string;
      filename: string;
      download_url: string;
    }[];
    t.is(artifacts.length, 1);
    t.like(artifacts[0], { id: imported.scan.results_artifact_id, type: 'scan_results' });
    t.is(await (await request(artifacts[0]!.download_url)).body.text(), log);
  }
  t.deepEqual(
    readdirSync(place.tmpDir).filter((name) => name.startsWith('cloudscan-import-') && !/-\d+-/.test(name)),
    [],
  );
});

test('what is wrong with a log is told by its place, and what is no log at once', async (t) => {
  const faulty = await place.run('import', file('faulty.sarif', aLog([aResult('error'), { ruleId: 'x' }])), '--project', 'shop');
  t.is(faulty.code, 2);
  t.regex(faulty.stderr, /\$\.runs\[0\]\.results\[1\]/);
  const missing = await place.run('import', join(place.root, 'nothing.sarif'), '--project', 'shop');
  t.is(missing.code, 2);
  t.regex(missing.stderr, /there is no file .*nothing\.sarif/);
  const broken = await place.run('import', file('broken.sarif.gz', gzipSync(log).subarray(0, 60)), '--project', 'shop');
  t.is(broken.code, 2);
  t.regex(broken.stderr, /the log is a gzip that is broken/);
  const nowhere = await place.run('import', file('some.sarif', log));
  t.is(nowhere.code, 2);
  t.regex(nowhere.stderr, /--project/);
});

test('a log whose tool was not successful is a scan that has failed', async (t) => {
  const failed = JSON.parse(aLog([])) as { runs: Record<string, unknown>[] };
  failed.runs[0]!['invocations'] = [{ executionSuccessful: false, exitCode: 2 }];
  const { code, stderr } = await place.run('import', file('failed.sarif', JSON.stringify(failed)), '--project', 'shop');
  t.is(code, 3);
  t.regex(stderr, /the scan failed: no tool succeeded/);
});

test('where no stack runs the command brings one up, and nothing is left of it', async (t) => {
  t.timeout(150_000);
  const { code, stdout, stderr } = await elsewhere.run(
    'import',
    file('codeql.sarif', log, elsewhere),
    '--project',
    'shop',
    '--fail-on',
    'critical',
  );
  t.is(code, 0, stderr);
  t.regex(stdout, /^2 findings: /m);
  t.deepEqual(elsewhere.running(), []);
  t.true(existsSync(elsewhere.dataDir));
});
