import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { FakeOrchestrator } from './fake-orchestrator.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** The runner as a process, in a folder of its own. */
export async function startRunner(t: ExecutionContext, env: Record<string, string>) {
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

/** What the dispatcher tells each of them. */
export const given = (fake: FakeOrchestrator): Record<string, string> => ({
  SCAN_ID: '01981a2b-3c4d-7e5f-8a6b-7c8d9e0f1a2b',
  SCAN_ATTEMPT: '1',
  SCAN_TYPES: 'secrets',
  SCANNERS: 'builtin',
  ORCHESTRATOR_ENDPOINT: `127.0.0.1:${fake.grpcPort}`,
  SOURCE_ARTIFACT_ID: '01981a2b-0000-7000-8000-00000000000a',
  RUNNER_TOKEN: 'runner-token-for-tests',
});
