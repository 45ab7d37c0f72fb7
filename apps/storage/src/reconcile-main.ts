import { runTask } from '@cloudscan/process';
import { loadConfig } from './config.ts';
import { readFlags, reconcile } from './reconcile.ts';

await runTask((signal) =>
  reconcile(loadConfig(process.env), readFlags(process.argv.slice(2)), signal, (text) => process.stdout.write(`${text}\n`)),
);
