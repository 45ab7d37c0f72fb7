import { runTask } from '@cloudscan/process';
import { loadConfig } from './config.ts';
import { createApp } from './create-app.ts';

await runTask(async (signal) => {
  await using app = await createApp(loadConfig(process.env, process.argv.slice(2)));
  return await app.run(signal);
});
