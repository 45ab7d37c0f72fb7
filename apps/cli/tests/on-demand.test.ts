import test from 'ava';
import { freePort } from '@cloudscan/process';
import { eventually, testFile } from '@cloudscan/testing';
import { Workplace } from './fixtures/cloudscan.ts';
import { highOnly, vulnerableApp } from './fixtures/sources.ts';

/** The command where no stack runs: it brings one up, and nothing runs when the last command has ended. */
const place = new Workplace(testFile(test));
const app = place.source('app', vulnerableApp);
const high = place.source('high', highOnly);

test.serial('two first scans at once share one stack, which ends with the later one', async (t) => {
  t.timeout(150_000);
  const commands = [place.start('scan', high, '--types', 'sast'), place.start('scan', app, '--types', 'secrets,sast')];
  const outcomes = Promise.all(commands.map(({ outcome }) => outcome));
  await Promise.all(commands.map((command) => command.says(/running/)));
  const stacks = place.running().filter(({ command }) => command.includes('apps/api-grpc')).length;
  t.deepEqual(
    (await outcomes).map(({ code }) => code),
    [1, 1],
  );
  t.is(stacks, 1);
  t.deepEqual(place.running(), []);
});

test.serial('Ctrl-C while the stack starts leaves nothing running', async (t) => {
  const command = place.start('scan', high);
  await command.says(/starting the local stack/);
  await eventually(() => place.running().some(({ command: words }) => words.includes('postgres')), {
    timeoutMs: 30_000,
    what: 'a stack that starts',
  });
  command.signal('SIGINT');
  const { code, stderr } = await command.outcome;
  t.is(code, 3);
  t.regex(stderr, /^cancelled$/m);
  t.deepEqual(place.running(), []);
});

test.serial('Ctrl-C during the scan cancels it and leaves nothing running', async (t) => {
  const command = place.start('scan', high, '--types', 'sast');
  await place.holdScanner();
  command.signal('SIGINT');
  const { code, stderr } = await command.outcome;
  t.is(code, 3);
  t.regex(stderr, /the scan was cancelled/);
  t.deepEqual(place.running(), []);
});

test.serial('kill -9 of the command ends the stack that was started for it', async (t) => {
  const command = place.start('scan', high, '--types', 'sast');
  await place.holdScanner();
  command.signal('SIGKILL');
  t.is((await command.outcome).code, null);
  await eventually(() => place.running().length === 0, { timeoutMs: 40_000, what: 'the end of the stack' });
  t.pass();
});

test.serial('an advisory source that does not answer fails that tool only, in one sentence', async (t) => {
  const settings = { ADVISORY_SOURCE: `http://127.0.0.1:${await freePort()}`, ADVISORY_CACHE_DIR: `${place.root}/advisories` };
  const { code, stdout, stderr } = await place.startWith(settings, 'scan', app, '--format', 'json').outcome;
  t.is(code, 1);
  const { scan, findings, tools } = JSON.parse(stdout) as {
    scan: { status: string };
    findings: { scan_type: string }[];
    tools: { scan_type: string; status: string; error_message: string | null }[];
  };
  t.is(scan.status, 'completed');
  for (const type of ['sast', 'secrets'])
    t.true(
      findings.some(({ scan_type }) => scan_type === type),
      type,
    );
  const sca = tools.find(({ scan_type }) => scan_type === 'sca')!;
  t.is(sca.status, 'failed');
  t.regex(sca.error_message!, /^could not reach the advisory source[^\n]*$/i);
  t.true(stderr.includes(`cloudscan-sca: ${sca.error_message}`));
  t.true(tools.filter(({ scan_type }) => scan_type !== 'sca').every(({ status }) => status === 'succeeded'));
});

test.serial('a scan uses the stack that runs and leaves it running; the data of earlier stacks is there', async (t) => {
  await place.startStack();
  const serving = (): readonly number[] =>
    place
      .running()
      .filter(({ command }) => /apps\/(standalone|storage|api-\w+|dispatcher|sweeper)\//.test(command))
      .map(({ pid }) => pid);
  const before = serving();
  const { code, stderr } = await place.run('scan', high, '--types', 'sast');
  t.is(code, 1);
  t.notRegex(stderr, /starting/);
  t.true(place.stackServes());
  t.is(before.length, 6);
  t.deepEqual(serving(), before);
  const { stdout } = await place.run('--json', 'list');
  const statuses = (JSON.parse(stdout) as { status: string }[]).map(({ status }) => status);
  t.deepEqual(statuses.slice(0, 2), ['completed', 'completed']);
  t.true(statuses.includes('cancelled'));
});
