import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { exitCodes } from '../src/exit-codes.ts';
import { tarGz } from './archives.ts';
import { FakeOrchestrator } from './fake-orchestrator.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

async function start(t: ExecutionContext, env: Record<string, string>) {
  const root = await mkdtemp(join(tmpdir(), 'cloudscan-runner-process-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const child = spawn(process.execPath, ['--conditions=@cloudscan/source', '--disable-warning=ExperimentalWarning', main], {
    env: { PATH: process.env.PATH, WORK_DIR: join(root, 'work'), RESULTS_DIR: join(root, 'results'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const output = Promise.all([text(child.stdout), text(child.stderr)]).then((parts) => parts.join(''));
  return { child, root, output, exit: once(child, 'exit').then(([code]) => code as number | null) };
}

const given = (fake: FakeOrchestrator) => ({
  SCAN_ID: '01981a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b',
  SCAN_ATTEMPT: '1',
  SCAN_TYPES: 'secrets',
  ORCHESTRATOR_ENDPOINT: `127.0.0.1:${fake.grpcPort}`,
  SOURCE_ARTIFACT_ID: '01981a2b-0000-7000-8000-00000000000a',
  RUNNER_TOKEN: 'runner-token-for-tests',
});

test('as a process it scans with the built-in scanner, leaves nothing and shows no secret', async (t) => {
  const fake = await FakeOrchestrator.start(t);
  const secret = `ghp_${'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAbCdE'}`;
  fake.source = await tarGz([{ name: 'src/a.ts', content: `const token = "${secret}";\n` }]);
  const { exit, output, root } = await start(t, given(fake));
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
  const { child, exit, root } = await start(t, given(fake));
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
  const { exit, output, root } = await start(t, { SCAN_ID: 'x' });
  t.is(await exit, exitCodes.badConfiguration);
  t.regex(await output, /configuration error:[^]*SCAN_ID[^]*ORCHESTRATOR_ENDPOINT/);
  t.deepEqual(await readdir(root), []);
});
