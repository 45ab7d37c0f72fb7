import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import test from 'ava';
import { exitCodes } from '../src/exit-codes.ts';
import { tarGz } from './archives.ts';
import { FakeOrchestrator } from './fake-orchestrator.ts';
import { given, startRunner } from './runner-process.ts';

test('as a process it scans with the built-in scanner, leaves nothing and shows no secret', async (t) => {
  const fake = await FakeOrchestrator.start(t);
  const secret = `ghp_${'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdE'}`;
  fake.source = await tarGz([{ name: 'src/a.ts', content: `const token = "${secret}";\n` }]);
  const { exit, output, root } = await startRunner(t, given(fake));
  t.is(await exit, exitCodes.done, await output);
  t.is(fake.findings.length, 1);
  t.like(fake.findings[0], { ruleId: 'github-token', filePath: 'src/a.ts', lineNumber: 1 });
  t.deepEqual(await readdir(root), []);
  const everything = (await output) + fake.uploads.join('') + JSON.stringify(fake.findings);
  for (const hidden of [secret, secret.slice(8), 's3cr3t-signature', 'runner-token-for-tests'])
    t.false(everything.includes(hidden), hidden);
});

test('ends with its own code at SIGTERM', async (t) => {
  const fake = await FakeOrchestrator.start(t);
  const { child, exit, root } = await startRunner(t, given(fake));
  const asked = new Promise<void>((resolve) => {
    fake.override.getArtifact = async (_request, { signal }) => {
      resolve();
      await once(signal, 'abort');
      throw signal.reason;
    };
  });
  await asked;
  child.kill('SIGTERM');
  t.is(await exit, exitCodes.stopped);
  t.deepEqual(await readdir(root), []);
});

test('says what is wrong with its configuration and exits before anything has started', async (t) => {
  const { exit, output, root } = await startRunner(t, { SCAN_ID: 'x' });
  t.is(await exit, exitCodes.badConfiguration);
  t.regex(await output, /configuration error:[^]*SCAN_ID[^]*ORCHESTRATOR_ENDPOINT/);
  t.deepEqual(await readdir(root), []);
});
