import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { KubernetesSimulator } from './simulator.ts';

// Runs a simulator until a signal: `node … simulator-main.ts <folder> [port]`. The kubeconfig is written to the folder; one
// line of JSON on standard output says where, and the URL.
const [folder, port = '0'] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('usage: simulator-main.ts <folder for the kubeconfig> [port]\n');
  process.exit(2);
}
const simulator = await KubernetesSimulator.start({ port: Number(port) });
mkdirSync(folder, { recursive: true });
const kubeconfig = join(folder, 'kubeconfig');
writeFileSync(kubeconfig, simulator.kubeconfig(), { mode: 0o600 });
process.stdout.write(`${JSON.stringify({ url: simulator.url, kubeconfig })}\n`);
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
await simulator.stop();
