import { runTask } from '@cloudscan/process';
import { loadConfig } from './config.ts';
import { createApp } from './create-app.ts';

await runTask(async (signal) => {
  await using app = createApp(loadConfig(process.env));
  return await app.runner.run(signal);
});
