import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { endProcess } from '@cloudscan/process';
import { readKubeconfig } from '@cloudscan/testing';
import type { Teardown } from '@cloudscan/testing';
import { Cluster } from './cluster.ts';

const main = resolve(import.meta.dirname, '../../testing/src/kubernetes/simulator-main.ts');
const stopLimitMs = 5000;

/**
 * A simulated cluster in a process of its own, without nodes, so that it takes no time from who is measured.
 *
 * @param launcher comes before its command line, to bind it to a core
 */
export async function startSimulatorProcess(t: Teardown, launcher: readonly string[] = []): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'cloudscan-cluster-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const options = ['--disable-warning=ExperimentalWarning', '--conditions=@cloudscan/source'];
  const [program, ...args] = [...launcher, process.execPath, ...options, main, folder];
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => endProcess(child, stopLimitMs));
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { kubeconfig } = JSON.parse(line) as { readonly kubeconfig: string };
  const cluster = new Cluster(readKubeconfig(kubeconfig), 'cloudscan', kubeconfig);
  t.teardown(() => cluster[Symbol.dispose]());
  return cluster;
}
