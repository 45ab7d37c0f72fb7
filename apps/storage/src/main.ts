import { runMain } from '@cloudscan/process';
import { loadConfig } from './config.ts';
import { createApp } from './create-app.ts';

await runMain(() => createApp(loadConfig(process.env)), { exitWithParent: process.env['CLOUDSCAN_EXIT_WITH_PARENT'] !== undefined });
