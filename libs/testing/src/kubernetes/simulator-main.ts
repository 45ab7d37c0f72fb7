import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runMain, StartUpError } from '@cloudscan/process';
import type { Service } from '@cloudscan/process';
import { KubernetesSimulator } from './simulator.ts';

/** Writes the simulator's kubeconfig to the folder and says in one line of JSON where it is, and the URL. */
function createService(folder: string, port: number): Service {
  let simulator: KubernetesSimulator | null = null;
  const stop = async (): Promise<void> => await simulator?.stop();
  return {
    start: async () => {
      simulator = await KubernetesSimulator.start({ port });
      mkdirSync(folder, { recursive: true });
      const kubeconfig = join(folder, 'kubeconfig');
      writeFileSync(kubeconfig, simulator.kubeconfig(), { mode: 0o600 });
      process.stdout.write(`${JSON.stringify({ url: simulator.url, kubeconfig })}\n`);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

await runMain(async () => {
  const [folder, port = '0'] = process.argv.slice(2);
  if (folder === undefined) throw new StartUpError('which folder is the kubeconfig to be written to? simulator-main.ts <folder> [port]');
  return createService(folder, Number(port));
});
