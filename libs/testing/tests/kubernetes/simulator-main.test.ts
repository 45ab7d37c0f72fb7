import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { testFile } from '../../src/test-file.ts';

testFile(test);

test('runs as a process of its own, says where it is, and ends on SIGTERM', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cloudscan-simulator-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const main = join(import.meta.dirname, '../../src/kubernetes/simulator-main.ts');
  const simulator = spawn(process.execPath, ['--conditions=@cloudscan/source', main, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(simulator.stdout, 'data')) as [Buffer];
  const { url, kubeconfig } = JSON.parse(line.toString()) as { url: string; kubeconfig: string };
  t.true(readFileSync(kubeconfig, 'utf8').includes(`server: ${url}`));
  simulator.kill('SIGTERM');
  const [code] = (await once(simulator, 'exit')) as [number | null];
  t.is(code, 0);
});
